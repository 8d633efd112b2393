/* Sockets of short cuts: read as many packets as wait, let those that need no thought take the short way, hand Python the
 * others in the order of arrival. Does I/O.
 *
 * A turn is a loop that Python resumes: `fast_next` returns at each packet that is for Python, and goes on behind it. While
 * Python has one in hand it may close sockets and free records: then it calls `fast_forget`, and what is left of that
 * socket's packets is dropped. What waits to be sent is sent before Python gets control.
 */
#define _GNU_SOURCE
#include "fast.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define EVENTS 256
#define DATAGRAMS 8      /* taken from a socket at a time; each may hold many packets */
#define DATAGRAM 65536
#define SHARE 64         /* packets of one socket in a turn; with more it waits for the next one, and others do not */
#define QUEUE 64         /* packets; the kernel divides no more in one piece (UDP_MAX_SEGMENTS) */
#define PIECE 65000      /* bytes in one piece */
#define DEPARTING (PACKET_LIMIT + TRAILER_LIMIT)
#define REPLAY_FAIL 9    /* srtp_err_status_replay_fail */
#define REPLAY_OLD 10    /* srtp_err_status_replay_old */

struct engine {
    int epoll_fd;
    srtp_fn protect, unprotect;
    struct told told;

    struct line **lines; /* by descriptor */
    int places;

    int64_t turn;
    int rounds, event, events_count;
    bool more; /* something may be left of what was readable in this round */
    struct epoll_event events[EVENTS];

    /* The socket in hand and what was read of it. */
    int fd; /* -1: none */
    int datagram, datagrams;
    int at; /* of the next packet in the datagram */
    struct mmsghdr messages[DATAGRAMS];
    struct iovec pieces[DATAGRAMS];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } controls[DATAGRAMS];
    uint8_t *received;

    /* What waits to be sent by one line. */
    struct line *sender;
    int queued;
    int sizes[QUEUE];
    int filled;
    uint8_t departing[QUEUE * DEPARTING];
};

static double monotonic(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- life ---- */

struct engine *fast_engine_new(int epoll_fd, srtp_fn protect, srtp_fn unprotect)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->received = malloc((size_t)DATAGRAMS * DATAGRAM);
    if (engine->received == NULL) {
        free(engine);
        return NULL;
    }
    engine->epoll_fd = epoll_fd;
    engine->protect = protect;
    engine->unprotect = unprotect;
    engine->fd = -1;
    for (int i = 0; i < DATAGRAMS; i++) {
        engine->pieces[i].iov_base = engine->received + (size_t)i * DATAGRAM;
        engine->pieces[i].iov_len = DATAGRAM;
        engine->messages[i].msg_hdr.msg_iov = &engine->pieces[i];
        engine->messages[i].msg_hdr.msg_iovlen = 1;
        engine->messages[i].msg_hdr.msg_control = &engine->controls[i];
    }
    return engine;
}

void fast_engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    free(engine->received);
    free(engine->lines);
    free(engine);
}

struct told *fast_engine_told(struct engine *engine) { return &engine->told; }
uint8_t *fast_engine_buffer(struct engine *engine) { return engine->received; }
int64_t fast_engine_buffer_size(void) { return (int64_t)DATAGRAMS * DATAGRAM; }

int fast_watch(struct engine *engine, int fd, struct line *line)
{
    if (fd < 0)
        return -1;
    if (fd >= engine->places) {
        int places = engine->places ? engine->places : 256;
        while (places <= fd) {
            if (places > (1 << 28))
                return -1;
            places *= 2;
        }
        struct line **lines = realloc(engine->lines, (size_t)places * sizeof *lines);
        if (lines == NULL)
            return -1;
        memset(lines + engine->places, 0, (size_t)(places - engine->places) * sizeof *lines);
        engine->lines = lines;
        engine->places = places;
    }
    engine->lines[fd] = line;
    int gather = 1; /* several packets of one sender in one piece, where the kernel has that */
    (void)setsockopt(fd, SOL_UDP, UDP_GRO, &gather, sizeof gather);
    return 0;
}

void fast_forget(struct engine *engine, int fd)
{
    if (fd >= 0 && fd < engine->places)
        engine->lines[fd] = NULL;
    if (engine->fd == fd)
        engine->fd = -1;
}

static struct line *line_of(const struct engine *engine, int fd)
{
    return fd >= 0 && fd < engine->places ? engine->lines[fd] : NULL;
}

/* ---- sending ---- */

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
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    uint16_t segment = (uint16_t)each;
    head->cmsg_level = SOL_UDP;
    head->cmsg_type = UDP_SEGMENT;
    head->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(head), &segment, sizeof segment);
    engine->told.sends++;
    return sendmsg(line->fd, &message, MSG_DONTWAIT) >= 0;
}

static void flush(struct engine *engine)
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

/* Number, encrypt, keep and queue a packet for one outlet. */
static void forward(struct engine *engine, struct going *going, const uint8_t *packet, int size, double now,
                    const struct passing *passing)
{
    if (engine->queued
        && (engine->sender != going->line || engine->queued == QUEUE
            || engine->filled + DEPARTING > (int)sizeof engine->departing))
        flush(engine);
    uint8_t *out = engine->departing + engine->filled;
    memcpy(out + HEADER_SIZE, packet + HEADER_SIZE, (size_t)(size - HEADER_SIZE));
    uint16_t number = fast_number(going, packet, size, now, passing, out);
    if (going->secure) {
        int status = engine->protect(going->cipher->outgoing, out, &size);
        if (status || size <= 0 || size > DEPARTING) {
            if (status == REPLAY_FAIL || status == REPLAY_OLD)
                going->cipher->reused++;
            else
                going->cipher->unprotected++;
            return;
        }
    }
    if (going->copies != NULL)
        fast_copies_store(going->copies, number, out, size);
    engine->sender = going->line;
    engine->sizes[engine->queued++] = size;
    engine->filled += size;
}

/* ---- receiving ---- */

/* Whether all outlets of a stream can be served here. */
static bool served(const struct coming *coming)
{
    if (!coming->native || coming->count < 0 || coming->count > OUTLETS || (coming->secure && coming->cipher == NULL))
        return false;
    for (int i = 0; i < coming->count; i++) {
        const struct outlet *outlet = &coming->outlets[i];
        const struct going *going = outlet->going;
        if (going->generation != outlet->generation || going->line == NULL || going->line->fd < 0
            || (going->secure && going->cipher == NULL))
            return false;
    }
    return true;
}

/* Let a packet of a relayed voice leave. Returns: false where it did not; then Python has it, as if it had not been here. */
static bool relay(struct engine *engine, struct lane *lane, const uint8_t *packet, int size)
{
    if (!fast_relays(lane, packet, size))
        return false;
    engine->told.sends++;
    if (send(lane->onward->line->fd, packet, (size_t)size, MSG_DONTWAIT) < 0)
        return false;
    fast_relayed(lane, size);
    engine->told.taken++;
    return true;
}

/* One packet. Returns: FAST_DONE where it was dealt with, else what Python gets; its size may be another one then. */
static int packet_in(struct engine *engine, struct line *line, uint8_t *packet, int *size, double now)
{
    struct passing passing[OUTLETS];
    if (line != NULL && line->lane != NULL)
        return relay(engine, line->lane, packet, *size) ? FAST_DONE : FAST_RAW;
    struct coming *coming = line != NULL ? line->coming : NULL;
    if (coming == NULL || coming->admitted != coming->generation || *size > PACKET_LIMIT + TRAILER_LIMIT
        || !fast_expected(coming, packet, *size) || (packet[1] >= 192 && packet[1] <= 223) || !served(coming))
        return FAST_RAW;
    if (coming->secure) {
        struct cipher *cipher = coming->cipher;
        int status = engine->unprotect(cipher->incoming, packet, size);
        if (status) {
            if (status == REPLAY_FAIL || status == REPLAY_OLD)
                cipher->replayed++;
            else
                cipher->unauthentic++;
            return FAST_DONE;
        }
        coming->opened_at = now;
    }
    if (!fast_passes(coming, packet, *size, now, passing))
        return coming->secure ? FAST_OPENED : FAST_RAW;
    fast_count(coming, packet, *size, now);
    for (int i = 0; i < coming->count; i++)
        forward(engine, coming->outlets[i].going, packet, *size, now, &passing[i]);
    engine->told.taken++;
    return FAST_DONE;
}

/* The size that the packets of a coalesced datagram have, or all of it. */
static int segment_of(struct msghdr *message, int length)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level == SOL_UDP && head->cmsg_type == UDP_GRO && head->cmsg_len >= CMSG_LEN(sizeof(int))) {
            int segment;
            memcpy(&segment, CMSG_DATA(head), sizeof segment);
            return segment > 0 && segment < length ? segment : length;
        }
    }
    return length;
}

static void receive(struct engine *engine, int fd)
{
    struct line *line = line_of(engine, fd);
    if (line->turn != engine->turn) {
        line->turn = engine->turn;
        line->taken = 0;
    }
    if (line->taken >= SHARE)
        return;
    for (int i = 0; i < DATAGRAMS; i++)
        engine->messages[i].msg_hdr.msg_controllen = sizeof engine->controls[i].bytes;
    int count = recvmmsg(fd, engine->messages, DATAGRAMS, MSG_DONTWAIT, NULL);
    engine->told.now = monotonic();
    engine->datagram = engine->at = 0;
    engine->datagrams = count > 0 ? count : 0; /* an old ICMP error, or a packet that failed its checksum: nothing */
    engine->fd = count > 0 ? fd : -1;
    engine->more = engine->more || count == DATAGRAMS;
    engine->told.received += (uint64_t)engine->datagrams;
}

/* The next packet of the socket in hand. Returns: false where there is none. */
static bool next_packet(struct engine *engine, uint8_t **packet, int *size)
{
    while (engine->datagram < engine->datagrams) {
        struct mmsghdr *message = &engine->messages[engine->datagram];
        int length = (int)message->msg_len, segment = segment_of(&message->msg_hdr, length);
        int left = length - engine->at;
        if (left <= 0 && !(length == 0 && engine->at == 0)) {
            engine->datagram++;
            engine->at = 0;
            continue;
        }
        *packet = engine->received + (size_t)engine->datagram * DATAGRAM + engine->at;
        *size = left < segment ? left : segment;
        if (segment < length)
            engine->told.coalesced++;
        engine->at += *size > 0 ? *size : 1; /* an empty datagram is a packet, too */
        return true;
    }
    return false;
}

/* ---- a turn ---- */

static void begin(struct engine *engine, int rounds)
{
    engine->turn++;
    engine->rounds = rounds;
    engine->event = engine->events_count = 0;
    engine->more = true;
    engine->told.total = 0;
    engine->fd = -1;
}

int fast_begin(struct engine *engine, int rounds)
{
    begin(engine, rounds);
    return fast_next(engine);
}

int fast_drain(struct engine *engine, int fd)
{
    begin(engine, 0);
    if (line_of(engine, fd) != NULL)
        receive(engine, fd);
    return fast_next(engine);
}

int fast_next(struct engine *engine)
{
    struct told *told = &engine->told;
    for (;;) {
        uint8_t *packet;
        int size;
        while (engine->fd >= 0 && next_packet(engine, &packet, &size)) {
            struct line *line = line_of(engine, engine->fd);
            int kind = packet_in(engine, line, packet, &size, told->now);
            told->total++;
            if (line != NULL)
                line->taken++;
            if (kind == FAST_DONE)
                continue;
            if (kind == FAST_OPENED)
                told->opened++;
            else
                told->raw++;
            flush(engine);
            told->fd = engine->fd;
            told->at = packet - engine->received;
            told->size = size;
            return kind;
        }
        flush(engine);
        engine->fd = -1;
        if (engine->event < engine->events_count) {
            int fd = engine->events[engine->event++].data.fd;
            if (line_of(engine, fd) == NULL) {
                told->total++;
                told->fd = fd;
                engine->more = true;
                return FAST_READABLE;
            }
            receive(engine, fd);
            continue;
        }
        if (engine->rounds <= 0 || !engine->more)
            return FAST_DONE;
        engine->rounds--;
        engine->event = 0;
        engine->more = false;
        engine->events_count = epoll_wait(engine->epoll_fd, engine->events, EVENTS, 0);
        if (engine->events_count <= 0) {
            engine->events_count = 0;
            return FAST_DONE;
        }
        engine->more = engine->events_count == EVENTS;
    }
}

#ifndef FAST_SOURCES
#define FAST_SOURCES 0
#endif
uint64_t fast_sources(void) { return FAST_SOURCES; }
