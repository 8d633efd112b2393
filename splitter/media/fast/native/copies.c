/* Copies of what was sent, kept between one and a half and three seconds for retransmission (RFC 4585 section 6.2.1).
 *
 * Two generations, as splitter/rtp/cache.py has them: the packets' own timestamps say when it is time for the next.
 * Each generation is one growing block of bytes and a hash table with chains; memory is kept from one generation to the
 * next.
 */
#include "fast.h"

#include <stdlib.h>
#include <string.h>

#define GENERATION_LIMIT 4096 /* packets */
#define CHAINS 512
#define GENERATION_TICKS 135000 /* of the timestamps' clock */
#define COPY_LIMIT 65535         /* bytes of one packet */
#define BYTES_LIMIT (1u << 28)   /* of a generation; 4096 packets of any size are fewer */

struct entry {
    uint32_t at;
    uint16_t size, sequence;
    int16_t next; /* in the chain; -1: the last */
};

struct generation {
    uint8_t *bytes;
    struct entry *entries;
    uint32_t used, room;
    uint32_t begun; /* timestamp of the first packet */
    int32_t count, places;
    int16_t chains[CHAINS];
};

struct copies {
    struct generation both[2];
    int current;
};

static void empty(struct generation *generation)
{
    generation->used = 0;
    generation->count = 0;
    memset(generation->chains, 0xFF, sizeof generation->chains);
}

struct copies *fast_copies_new(void)
{
    struct copies *copies = calloc(1, sizeof *copies);
    if (copies != NULL) {
        empty(&copies->both[0]);
        empty(&copies->both[1]);
    }
    return copies;
}

void fast_copies_free(struct copies *copies)
{
    if (copies == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        free(copies->both[i].bytes);
        free(copies->both[i].entries);
    }
    free(copies);
}

void fast_copies_rotate(struct copies *copies)
{
    copies->current ^= 1;
    empty(&copies->both[copies->current]);
}

static struct entry *find(const struct generation *generation, uint16_t sequence)
{
    for (int at = generation->chains[sequence % CHAINS]; at >= 0; at = generation->entries[at].next)
        if (generation->entries[at].sequence == sequence)
            return &generation->entries[at];
    return NULL;
}

/* Room for another entry and so many bytes. */
static bool grow(struct generation *generation, uint32_t size)
{
    if (generation->count == generation->places) {
        int32_t places = generation->places ? 2 * generation->places : 64;
        struct entry *entries = realloc(generation->entries, (size_t)places * sizeof *entries);
        if (entries == NULL)
            return false;
        generation->entries = entries;
        generation->places = places;
    }
    if (generation->room - generation->used < size) {
        uint32_t room = generation->room ? generation->room : 32768;
        while (room - generation->used < size) /* below 2^30, by BYTES_LIMIT */
            room *= 2;
        uint8_t *bytes = realloc(generation->bytes, room);
        if (bytes == NULL)
            return false;
        generation->bytes = bytes;
        generation->room = room;
    }
    return true;
}

/* Bytes 4 to 7, as far as they are there. */
static uint32_t timestamp_of(const uint8_t *packet, int size)
{
    uint32_t timestamp = 0;
    for (int at = 4; at < 8 && at < size; at++)
        timestamp = timestamp << 8 | packet[at];
    return timestamp;
}

void fast_copies_store(struct copies *copies, uint16_t sequence, const uint8_t *packet, int size)
{
    struct generation *generation = &copies->both[copies->current];
    if (size <= 0 || size > COPY_LIMIT)
        return;
    uint32_t timestamp = timestamp_of(packet, size), age = timestamp - generation->begun;
    bool over = generation->count > 0 && age > GENERATION_TICKS && age < 1u << 31;
    if (over || generation->used > BYTES_LIMIT) { /* the latter: one number over and over */
        fast_copies_rotate(copies);
        if (over && age > 2 * GENERATION_TICKS) /* there was a pause */
            fast_copies_rotate(copies);
        generation = &copies->both[copies->current];
    }
    if (generation->count == 0)
        generation->begun = timestamp;
    if (!grow(generation, (uint32_t)size))
        return;
    struct entry *entry = find(generation, sequence);
    if (entry == NULL) {
        entry = &generation->entries[generation->count];
        entry->sequence = sequence;
        entry->next = generation->chains[sequence % CHAINS];
        generation->chains[sequence % CHAINS] = (int16_t)generation->count++;
    }
    entry->at = generation->used;
    entry->size = (uint16_t)size;
    memcpy(generation->bytes + generation->used, packet, (size_t)size);
    generation->used += (uint32_t)size;
    if (generation->count >= GENERATION_LIMIT)
        fast_copies_rotate(copies);
}

const uint8_t *fast_copies_find(const struct copies *copies, uint16_t sequence, int *size)
{
    for (int i = 0; i < 2; i++) {
        const struct generation *generation = &copies->both[copies->current ^ i];
        const struct entry *entry = find(generation, sequence);
        if (entry != NULL) {
            *size = entry->size;
            return generation->bytes + entry->at;
        }
    }
    return NULL;
}

int fast_copies_count(const struct copies *copies) { return copies->both[0].count + copies->both[1].count; }
