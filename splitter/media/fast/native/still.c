/* A still as it is played: the next picture, its packets under our numbers. No I/O.
 *
 * The same as splitter/media/room/player.py and Outgoing.emit, line by line; tests play the same stills through both.
 */
#include "fast.h"

#include <string.h>

#define VERSION 0x80
#define EXTENDED 0x10
#define CLOCK_RATE 90000.0

/* The nearest whole number, of two the even one, as Python rounds; at least 1. */
static uint32_t ticks(double elapsed)
{
    double exact = elapsed * CLOCK_RATE;
    if (!(exact > 1) || exact >= 9e15)
        return 1;
    int64_t whole = (int64_t)exact;
    double rest = exact - (double)whole;
    if (rest > 0.5 || (rest == 0.5 && whole % 2))
        whole++;
    return (uint32_t)whole;
}

static void restart(struct playing *playing)
{
    playing->group = !playing->group;
    playing->index = 0;
}

int fast_picture(struct going *going, double now)
{
    struct playing *playing = &going->playing;
    const struct still *still = playing->still;
    playing->left = 0;
    if (still == NULL)
        return 0;
    const int32_t *groups = still->groups;
    int group = playing->group == 1;
    int count = groups[group + 1] - groups[group];
    if (playing->index < 0 || playing->index >= count)
        playing->index = 0;
    playing->key = playing->index == 0;
    if (playing->key)
        playing->key_at = now;
    going->timestamp += ticks(now - going->at);
    going->at = now;
    playing->timestamp = going->timestamp;
    int picture = groups[group] + playing->index;
    playing->packet = still->firsts[picture];
    playing->left = still->firsts[picture + 1] - playing->packet;
    playing->due = now + still->interval_s;
    playing->index++;
    if (playing->index == count)
        restart(playing);
    return playing->left;
}

int fast_picture_packet(struct going *going, uint8_t *out, uint16_t *number)
{
    struct playing *playing = &going->playing;
    const struct still *still = playing->still;
    if (still == NULL || playing->left <= 0)
        return 0;
    int at = still->offsets[playing->packet], length = still->offsets[playing->packet + 1] - at, size = HEADER_SIZE;
    bool marker = playing->left == 1, block = marker && playing->key && playing->block_size > 0;
    if (length < 0 || length > PACKET_LIMIT - HEADER_SIZE - (int)sizeof playing->block
        || playing->block_size > (int)sizeof playing->block)
        return 0;
    going->sequence += 1;
    *number = (uint16_t)going->sequence;
    uint32_t timestamp = playing->timestamp, ssrc = going->ssrc;
    uint8_t head[HEADER_SIZE] = {(uint8_t)(VERSION | (block ? EXTENDED : 0)),
                                 (uint8_t)((going->payload_type & 0x7F) | (marker ? 0x80 : 0)),
                                 (uint8_t)(*number >> 8), (uint8_t)*number,
                                 (uint8_t)(timestamp >> 24), (uint8_t)(timestamp >> 16),
                                 (uint8_t)(timestamp >> 8), (uint8_t)timestamp,
                                 (uint8_t)(ssrc >> 24), (uint8_t)(ssrc >> 16), (uint8_t)(ssrc >> 8), (uint8_t)ssrc};
    memcpy(out, head, sizeof head);
    if (block) {
        memcpy(out + size, playing->block, (size_t)playing->block_size);
        size += playing->block_size;
    }
    memcpy(out + size, still->bytes + at, (size_t)length);
    going->packets += 1;
    going->octets += length;
    playing->packet++;
    playing->left--;
    return size + length;
}
