/* One packet: is it the one expected, does it pass, what does it become. No I/O, no memory of its own.
 *
 * The same as splitter/media/fast/plain.py, line by line; tests play the same packets through both.
 */
#include "fast.h"

#include <string.h>

#define VERSION 0x80 /* version 2, no padding, no extension, no CSRC */
#define SLICE 1
#define IDR 5
#define FU_A 28
#define FU_BEGIN 0x80
#define CLOCK_RATE 90000
#define BACK_LIMIT CLOCK_RATE
#define AHEAD_LIMIT (10 * CLOCK_RATE)

static uint16_t read16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* The signed way from one timestamp to another, in [-2^31, 2^31). */
static int64_t delta(uint32_t newer, uint32_t older)
{
    uint32_t way = newer - older;
    return way < 0x80000000u ? (int64_t)way : (int64_t)way - 0x100000000LL;
}

bool fast_expected(const struct coming *coming, const uint8_t *packet, int size)
{
    if (coming->settled != coming->generation || size < HEADER_SIZE + 2)
        return false;
    if (packet[0] != VERSION || (packet[1] & 0x7F) != coming->payload_type || read32(packet + 8) != coming->ssrc)
        return false;
    return coming->highest != 0 && read16(packet + 2) == (uint16_t)(coming->highest + 1);
}

static bool passes(const struct going *going, int64_t extended, uint32_t timestamp, int length, bool marker, double now,
                   struct passing *passing)
{
    if (extended < going->boundary || extended + going->shift != going->sequence + 1 || length > going->payload_limit
        || going->unnamed || !going->port || (marker && going->orientation_due))
        return false;
    passing->timestamp = timestamp + going->timestamp_shift;
    int64_t ahead = delta(passing->timestamp, going->timestamp);
    passing->ahead = (int32_t)ahead;
    if (ahead == 0)
        return true;
    return ahead > -BACK_LIMIT && (double)ahead <= (now - going->at) * CLOCK_RATE + AHEAD_LIMIT;
}

bool fast_passes(const struct coming *coming, const uint8_t *packet, int size, double now,
                 struct passing passing[OUTLETS])
{
    if (size < HEADER_SIZE + 2 || size > PACKET_LIMIT || coming->count < 0 || coming->count > OUTLETS)
        return false;
    uint8_t kind = packet[HEADER_SIZE] & 0x1F;
    if (kind != SLICE) {
        uint8_t head = packet[HEADER_SIZE + 1] & (FU_BEGIN | 0x1F);
        if (kind != FU_A || (head != (FU_BEGIN | SLICE) && head != SLICE && head != IDR))
            return false;
    }
    bool marker = packet[1] >= 0x80;
    uint32_t timestamp = read32(packet + 4);
    /* Another timestamp without a marker, or a marker and no other timestamp: one of them is wrong. */
    if (coming->filled && !coming->late && (timestamp == coming->timestamp) == coming->marker)
        return false;
    for (int i = 0; i < coming->count; i++) {
        const struct outlet *outlet = &coming->outlets[i];
        if (outlet->going->generation != outlet->generation
            || !passes(outlet->going, coming->highest + 1, timestamp, size - HEADER_SIZE, marker, now, &passing[i]))
            return false;
    }
    return true;
}

void fast_count(struct coming *coming, const uint8_t *packet, int size, double now)
{
    uint32_t timestamp = read32(packet + 4);
    bool marker = packet[1] >= 0x80;
    double transit = now * CLOCK_RATE - timestamp;
    if (coming->timed) {
        double change = transit - coming->transit;
        if (change < 0)
            change = -change;
        if (change <= 2147483648.0) /* else the timestamp wrapped */
            coming->jitter += (change - coming->jitter) / 16;
    }
    coming->transit = transit;
    coming->timed = true;
    coming->highest += 1;
    coming->received += 1;
    coming->packets += 1;
    coming->octets += size - HEADER_SIZE;
    coming->pictures += marker;
    coming->last_at = now;
    coming->timestamp = timestamp;
    coming->marker = marker;
    coming->late = coming->suspected = false;
    coming->filled = true;
    bool begins = (packet[HEADER_SIZE] & 0x1F) == FU_A
        && (packet[HEADER_SIZE + 1] & (FU_BEGIN | 0x1F)) == (FU_BEGIN | SLICE);
    if (begins && coming->picture_timestamp != (int64_t)timestamp) {
        coming->picture_timestamp = timestamp;
        coming->picture_after = coming->highest - 1;
    }
}

uint16_t fast_number(struct going *going, const uint8_t *packet, int size, double now,
                     const struct passing *passing, uint8_t *head)
{
    bool marker = packet[1] >= 0x80;
    going->sequence += 1;
    if (passing->ahead > 0) {
        going->timestamp = passing->timestamp;
        going->at = now;
    }
    going->open_timestamp = marker ? -1 : (int64_t)read32(packet + 4);
    going->packets += 1;
    going->octets += size - HEADER_SIZE;
    uint16_t number = (uint16_t)going->sequence;
    head[0] = VERSION;
    head[1] = (uint8_t)((going->payload_type & 0x7F) | (marker ? 0x80 : 0));
    head[2] = (uint8_t)(number >> 8);
    head[3] = (uint8_t)number;
    write32(head + 4, passing->timestamp);
    write32(head + 8, going->ssrc);
    return number;
}

int fast_take(struct coming *coming, const uint8_t *packet, int size, double now, struct heads *heads)
{
    struct passing passing[OUTLETS];
    if (!fast_expected(coming, packet, size) || !fast_passes(coming, packet, size, now, passing))
        return 0;
    fast_count(coming, packet, size, now);
    heads->count = coming->count;
    for (int i = 0; i < coming->count; i++)
        heads->numbers[i]
            = fast_number(coming->outlets[i].going, packet, size, now, &passing[i], heads->heads[i]);
    return 1;
}
