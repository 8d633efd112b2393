/* Sockets of short cuts: read as many packets as wait, let those that need no thought take the short way, hand Python the
 * others in the order of arrival. Does I/O.
 *
 * A turn is a loop that Python resumes: `fast_next` returns at each packet that is for Python, and goes on behind it. While
 * Python has one in hand it may close sockets and free records: then it calls `fast_forget`, and what is left of that
 * socket's packets is dropped. What waits to be sent is sent before Python gets control.
 */
#define _GNU_SOURCE
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define DATAGRAM 65536
#define SHARE 64         /* packets of one socket in a turn; with more it waits for the next one, and others do not */

double fast_monotonic(void)
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
    engine->fd = engine->others_fd = -1;
    for (int i = 0; i < DATAGRAMS; i++) {
        engine->pieces[i].iov_base = engine->received + (size_t)i * DATAGRAM;
        engine->pieces[i].iov_len = DATAGRAM;
        engine->messages[i].msg_hdr.msg_iov = &engine->pieces[i];
        engine->messages[i].msg_hdr.msg_iovlen = 1;
        engine->messages[i].msg_hdr.msg_control = &engine->controls[i];
    }
    fast_players_open(engine);
    return engine;
}

void fast_engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    fast_players_close(engine);
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

/* ---- receiving ---- */

/* Number a packet for one outlet, and let it leave. */
static void forward(struct engine *engine, struct going *going, const uint8_t *packet, int size, double now,
                    const struct passing *passing)
{
    uint8_t *out = fast_room(engine, going->line);
    memcpy(out + HEADER_SIZE, packet + HEADER_SIZE, (size_t)(size - HEADER_SIZE));
    uint16_t number = fast_number(going, packet, size, now, passing, out);
    fast_depart(engine, going, number, size);
}

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
static bool relay(struct engine *engine, struct lane *lane, const uint8_t *packet, int size, double now)
{
    if (!fast_relays(lane, packet, size))
        return false;
    engine->told.sends++;
    if (send(lane->onward->line->fd, packet, (size_t)size, MSG_DONTWAIT) < 0)
        return false;
    fast_relayed(lane, packet, size, now);
    engine->told.taken++;
    return true;
}

/* One packet. Returns: FAST_DONE where it was dealt with, else what Python gets; its size may be another one then. */
static int packet_in(struct engine *engine, struct line *line, uint8_t *packet, int *size, double now)
{
    struct passing passing[OUTLETS];
    if (line != NULL && line->lane != NULL)
        return relay(engine, line->lane, packet, *size, now) ? FAST_DONE : FAST_RAW;
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
    engine->told.now = fast_monotonic();
    engine->datagram = engine->at = 0;
    engine->pace.came += count > 0 ? (uint64_t)count : 0;
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

void fast_turn(struct engine *engine, int rounds)
{
    engine->turn++;
    engine->rounds = rounds;
    engine->event = engine->events_count = 0;
    engine->more = true;
    engine->told.total = 0;
    engine->fd = -1;
    engine->waits = engine->looked = engine->handed = false;
}

void fast_events(struct engine *engine, int count)
{
    engine->event = 0;
    engine->events_count = count > 0 ? count : 0;
    engine->more = count == EVENTS;
}

/* Find the next events. Returns: false where the turn is over. */
static bool find_events(struct engine *engine)
{
    if (engine->rounds > 0 && engine->more) {
        engine->rounds--;
        fast_events(engine, epoll_wait(engine->epoll_fd, engine->events, EVENTS, 0));
        if (engine->events_count > 0)
            return true;
    }
    return engine->waits && fast_pause(engine);
}

int fast_begin(struct engine *engine, int rounds)
{
    fast_turn(engine, rounds);
    return fast_next(engine);
}

int fast_drain(struct engine *engine, int fd)
{
    fast_turn(engine, 0);
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
            fast_flush(engine);
            engine->handed = true;
            told->fd = engine->fd;
            told->at = packet - engine->received;
            told->size = size;
            return kind;
        }
        fast_flush(engine);
        engine->fd = -1;
        if (engine->event < engine->events_count) {
            int fd = engine->events[engine->event++].data.fd;
            if (fd == engine->timer_fd) {
                fast_players_due(engine);
                continue;
            }
            if (fd == engine->others_fd) {
                told->others = engine->handed = true;
                continue;
            }
            if (line_of(engine, fd) == NULL) {
                told->total++;
                engine->pace.came++;
                engine->handed = true;
                told->fd = fd;
                engine->more = true;
                return FAST_READABLE;
            }
            receive(engine, fd);
            continue;
        }
        if (!find_events(engine))
            return FAST_DONE;
    }
}

#ifndef FAST_SOURCES
#define FAST_SOURCES 0
#endif
uint64_t fast_sources(void) { return FAST_SOURCES; }
