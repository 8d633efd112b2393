/* A packet of a voice that is relayed: may it leave as it came, and be counted here? No I/O.
 *
 * The same as splitter/media/relay/lane.py: on_packet, for a lane that is settled; tests play the same packets through both.
 */
#include "fast.h"

#include <string.h>

bool fast_relays(struct lane *lane, const uint8_t *packet, int size)
{
    const struct lane *onward = lane->onward;
    if (lane->settled != lane->generation || onward == NULL)
        return false;
    if (onward->generation != lane->onward_generation || onward->line == NULL || onward->line->fd < 0) {
        lane->settled = 0; /* Python looks at it anew */
        return false;
    }
    if (size < HEADER_SIZE || packet[0] >> 6 != 2 || (packet[1] >= 192 && packet[1] <= 223))
        return false; /* RTCP on the same port, or whatever it is */
    return (lane->packets + 1) % LANE_SAMPLE != 0 || lane->sampled < LANE_SAMPLES; /* else Python takes the samples */
}

void fast_relayed(struct lane *lane, const uint8_t *packet, int size, double now)
{
    lane->packets += 1;
    lane->bytes += size;
    if (lane->packets % LANE_SAMPLE == 0 && lane->sampled < LANE_SAMPLES) {
        struct sample *sample = &lane->samples[lane->sampled++];
        memcpy(sample->header, packet, sizeof sample->header);
        sample->packets = lane->packets;
        sample->at = now;
    }
}
