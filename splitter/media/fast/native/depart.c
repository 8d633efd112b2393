/* Packets that leave by a short cut: encrypted, kept for retransmission, queued, and those of equal size sent in one piece. */
#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define PIECE 65000 /* bytes in one piece */

static void send_one(struct engine *engine, struct line *line, const uint8_t *packet, int size)
{
    engine->told.sends++;
    if (send(line->fd, packet, (size_t)size, MSG_DONTWAIT) >= 0)
        return;
    /* Perhaps for an earlier packet (ICMP): this one may still go. */
    if (errno == EAGAIN || errno == EWOULDBLOCK || send(line->fd, packet, (size_t)size, MSG_DONTWAIT) < 0)
        line->unsent++;
}

/* Send packets of equal size, of which the last may be smaller, in one piece that the kernel divides. */
static bool send_piece(struct engine *engine, struct line *line, uint8_t *packets, int total, int each)
{
    struct iovec piece = {.iov_base = packets, .iov_len = (size_t)total};
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr head;
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    uint16_t segment = (uint16_t)each;
    head->cmsg_level = SOL_UDP;
    head->cmsg_type = UDP_SEGMENT;
    head->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(head), &segment, sizeof segment);
    engine->told.sends++;
    return sendmsg(line->fd, &message, MSG_DONTWAIT) >= 0;
}

void fast_flush(struct engine *engine)
{
    struct line *line = engine->sender;
    int first = 0;
    uint8_t *packet = engine->departing;
    while (first < engine->queued) {
        int each = engine->sizes[first], end = first + 1, total = each;
        while (!line->plain && end < engine->queued && engine->sizes[end] <= each && total + engine->sizes[end] <= PIECE) {
            total += engine->sizes[end++];
            if (engine->sizes[end - 1] < each)
                break;
        }
        if (end - first > 1) {
            if (send_piece(engine, line, packet, total, each)) {
                engine->told.segments += (uint64_t)(end - first);
                packet += total;
                first = end;
                continue;
            }
            if (errno == EINVAL || errno == EIO || errno == EMSGSIZE || errno == EOPNOTSUPP || errno == ENOPROTOOPT)
                line->plain = true; /* the device, or the path, does not have it */
        }
        for (; first < end; first++) {
            send_one(engine, line, packet, engine->sizes[first]);
            packet += engine->sizes[first];
        }
    }
    engine->queued = 0;
    engine->filled = 0;
    engine->sender = NULL;
}

uint8_t *fast_room(struct engine *engine, struct line *line)
{
    if (engine->queued
        && (engine->sender != line || engine->queued == QUEUE
            || engine->filled + DEPARTING > (int)sizeof engine->departing))
        fast_flush(engine);
    return engine->departing + engine->filled;
}

void fast_depart(struct engine *engine, struct going *going, uint16_t number, int size)
{
    uint8_t *packet = engine->departing + engine->filled;
    if (going->secure) {
        int status = engine->protect(going->cipher->outgoing, packet, &size);
        if (status || size <= 0 || size > DEPARTING) {
            if (status == REPLAY_FAIL || status == REPLAY_OLD)
                going->cipher->reused++;
            else
                going->cipher->unprotected++;
            return;
        }
    }
    if (going->copies != NULL)
        fast_copies_store(going->copies, number, packet, size);
    engine->sender = going->line;
    engine->sizes[engine->queued++] = size;
    engine->filled += size;
}
