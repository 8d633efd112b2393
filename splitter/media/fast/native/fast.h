/* Inside the library. */
#ifndef SPLITTER_FAST_H
#define SPLITTER_FAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define HEADER_SIZE 12
#define PACKET_LIMIT 2048   /* bytes of a packet that takes the short way */
#define TRAILER_LIMIT 148   /* that SRTP may add: tag, index, master key identifier (srtp.h) */
#define OUTLETS 4
#define LANE_SAMPLE 16      /* splitter/media/relay/quality.py: SAMPLE */
#define LANE_SAMPLES 32     /* that wait for Python */

/* What a packet becomes at one outlet. */
struct passing {
    uint32_t timestamp;
    int32_t ahead;
};

/* The header of a packet that is the one expected; its payload may still be encrypted. */
bool fast_expected(const struct coming *coming, const uint8_t *packet, int size);

/* Whether a packet that is expected, and clear, passes at all outlets. Changes nothing. */
bool fast_passes(const struct coming *coming, const uint8_t *packet, int size, double now,
                 struct passing passing[OUTLETS]);

/* Count a packet that passes. */
void fast_count(struct coming *coming, const uint8_t *packet, int size, double now);

/* Give out the next number of an outlet, and write the header. Returns: the number. */
uint16_t fast_number(struct going *going, const uint8_t *packet, int size, double now,
                     const struct passing *passing, uint8_t *head);

/* Whether a packet of a relayed voice leaves as it came, by `lane->onward`. One that Python has to settle anew is marked. */
bool fast_relays(struct lane *lane, const uint8_t *packet, int size);

/* Count a packet that left, and keep its header where that is the one in LANE_SAMPLE. */
void fast_relayed(struct lane *lane, const uint8_t *packet, int size, double now);

#endif
