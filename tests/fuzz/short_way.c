/* Plays hostile packets through the native short way, built along with it under sanitizers: test_short_way.py.
 *
 *     short_way ROUNDS SEED FILE...    so many inputs, each a file that was dented by chance
 *
 * An input is a program: each byte chooses what happens next, the bytes behind it are its arguments. Packets go through
 * `fast_take` and, over loopback sockets, through a whole turn of the engine; records are changed as Python changes them,
 * and worse. libsrtp's place is taken by functions that fail now and then, and by the book.
 */
#define _GNU_SOURCE
#include "../../splitter/media/fast/native/fast.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENDS 3
#define INPUT 4096

static uint64_t state = 88172645463325252ULL;

static uint32_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static void need(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static uint64_t taken, handed;

/* ---- in libsrtp's place ---- */

static int protect(void *session, void *packet, int *length)
{
    (void)session;
    need(*length >= HEADER_SIZE && *length <= PACKET_LIMIT, "a packet that is sealed has a sound length");
    if (chance() % 29 == 0)
        return (int)(chance() % 26);
    memset((uint8_t *)packet + *length, 0xAA, chance() % 11 == 0 ? TRAILER_LIMIT : 16);
    *length += 16;
    return 0;
}

static int unprotect(void *session, void *packet, int *length)
{
    (void)session;
    if (chance() % 29 == 0 || *length < HEADER_SIZE + 16)
        return (int)(1 + chance() % 25);
    ((uint8_t *)packet)[*length - 1] ^= 1;
    *length -= 16;
    return 0;
}

/* ---- the stage ---- */

static struct engine *engine;
static int epoll_fd, peers[ENDS];
static struct line lines[ENDS];
static struct coming comings[ENDS];
static struct going goings[ENDS];
static struct cipher ciphers[ENDS];
static struct lane lanes[ENDS];
static struct copies *copies[ENDS];

static int bound(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(fd >= 0 && bind(fd, (struct sockaddr *)address, sizeof *address) == 0, "a socket");
    getsockname(fd, (struct sockaddr *)address, &size);
    return fd;
}

static void open_end(int end)
{
    struct sockaddr_in ours, theirs;
    int fd = bound(&ours);
    peers[end] = bound(&theirs);
    need(connect(fd, (struct sockaddr *)&theirs, sizeof theirs) == 0, "a short cut");
    need(connect(peers[end], (struct sockaddr *)&ours, sizeof ours) == 0, "its peer");
    lines[end].fd = fd;
    lines[end].coming = &comings[end];
    lines[end].lane = NULL;
    lines[end].plain = false;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    need(fast_watch(engine, fd, &lines[end]) == 0, "it is watched");
    need(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "it is in the epoll");
}

static void close_end(int end)
{
    if (lines[end].fd < 0)
        return;
    fast_forget(engine, lines[end].fd);
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, lines[end].fd, NULL);
    close(lines[end].fd);
    close(peers[end]);
    lines[end].fd = -1;
}

static void settle(int end, int secure)
{
    struct coming *coming = &comings[end];
    memset(coming, 0, sizeof *coming);
    coming->generation = coming->settled = coming->admitted = 1 + chance() % 5;
    coming->ssrc = 0x1000u + (uint32_t)end;
    coming->payload_type = 96;
    coming->highest = 0x10000 + chance() % 0x20000;
    coming->filled = true;
    coming->marker = true;
    coming->native = true;
    coming->secure = secure & 1;
    coming->cipher = &ciphers[end];
    coming->count = (int32_t)(chance() % ENDS);
    for (int i = 0; i < coming->count; i++) {
        struct going *going = &goings[(end + 1 + i) % ENDS];
        coming->outlets[i].going = going;
        going->ssrc = chance();
        going->payload_type = 102;
        going->payload_limit = 1200;
        going->port = 5000;
        going->sequence = 0x10000 + chance() % 0x10000;
        going->shift = going->sequence - coming->highest;
        going->generation = coming->outlets[i].generation = chance();
        going->open_timestamp = -1;
        going->secure = (secure >> 1) & 1;
        going->cipher = &ciphers[(end + 1 + i) % ENDS];
        going->copies = copies[(end + 1 + i) % ENDS];
        going->line = &lines[(end + 1 + i) % ENDS];
    }
}

/* A port of a relay whose packets leave by another one, or by itself. */
static void relay(int end)
{
    struct lane *lane = &lanes[end], *onward = &lanes[(end + (int)(chance() % ENDS)) % ENDS];
    lane->generation = lane->settled = 1 + chance() % 5;
    lane->line = chance() % 7 ? &lines[end] : NULL;
    lane->onward = chance() % 7 ? onward : NULL;
    lane->onward_generation = onward->generation;
    lane->sampled = chance() % 10;
    if (!(chance() % 4))
        lane->packets = LANE_SAMPLE - 1 - (int64_t)(chance() & 1);
    lines[end].lane = lane;
}

/* A still of a few pictures, each part of it in memory of just that size; and the record of somebody who is shown it. */
static void still(int end, uint32_t kind)
{
    static struct still stills[ENDS];
    static int32_t *parts[ENDS][2];
    static uint8_t *bytes[ENDS];
    struct still *still = &stills[end];
    struct going *going = &goings[end];
    int pictures = 2 + (int)(kind & 3), packets = pictures + (int)(kind >> 2 & 7), size = 0;
    fast_players_remove(engine, going);
    free(parts[end][0]);
    free(parts[end][1]);
    free(bytes[end]);
    parts[end][0] = malloc((size_t)(pictures + 1) * sizeof(int32_t));
    parts[end][1] = malloc((size_t)(packets + 1) * sizeof(int32_t));
    for (int i = 0; i <= pictures; i++)
        parts[end][0][i] = i < pictures ? i : packets;
    for (int i = 0; i <= packets; i++) {
        parts[end][1][i] = size;
        size += i < packets ? (int)(chance() % (chance() % 5 ? 1200 : 2200)) : 0;
    }
    bytes[end] = malloc((size_t)size + !size);
    memset(bytes[end], 0x41, (size_t)size);
    still->interval_s = chance() % 3 * 0.001;
    still->groups[1] = 1 + (int32_t)(chance() % (uint32_t)(pictures - 1));
    still->groups[2] = pictures;
    still->firsts = parts[end][0];
    still->offsets = parts[end][1];
    still->bytes = bytes[end];
    memset(&going->playing, 0, sizeof going->playing);
    going->playing.still = still;
    going->playing.block_size = (int32_t)(chance() % 18);
    going->direct = true;
    need(fast_players_add(engine, going) == 0, "a viewer is enlisted");
}

/* ---- one input ---- */

static const uint8_t *at, *end_of_input;

static uint8_t byte(void) { return at < end_of_input ? *at++ : 0; }

/* The packet that is expected, or nearly. Returns: its size. */
static int expected(int end, uint8_t *packet)
{
    static const uint8_t begins[][2] = {{0x41, 0x9A}, {0x5C, 0x81}, {0x5C, 0x05}, {0x7C, 0x41}, {0x65, 0x88}, {0x78, 0}};
    const struct coming *coming = &comings[end];
    int length = byte() | (byte() & 7) << 8;
    int size = HEADER_SIZE + length;
    memset(packet, byte(), (size_t)size);
    uint16_t sequence = (uint16_t)(coming->highest + 1);
    uint32_t timestamp = coming->timestamp + (coming->marker ? 3000u : 0u);
    uint8_t head[] = {0x80, 96 | (byte() & 0x80), (uint8_t)(sequence >> 8), (uint8_t)sequence,
                      (uint8_t)(timestamp >> 24), (uint8_t)(timestamp >> 16), (uint8_t)(timestamp >> 8), (uint8_t)timestamp,
                      0, 0, 0x10, (uint8_t)(coming->ssrc & 0xFF)};
    memcpy(packet, head, sizeof head);
    if (length >= 2)
        memcpy(packet + HEADER_SIZE, begins[byte() % 6], 2);
    for (int dents = byte() & 3; dents > 0 && size > 0; dents--)
        packet[byte() % size] = byte();
    return size;
}

static void turn(void)
{
    double now = 1000;
    int first = byte() & 1 ? fast_begin(engine, 1 + (byte() & 3)) : fast_wait(engine, -1, (byte() & 3) * 1e-5);
    for (int event = first; event != FAST_DONE; event = fast_next(engine)) {
        struct told *told = fast_engine_told(engine);
        if (event == FAST_READABLE)
            continue;
        need(told->at >= 0 && told->size >= 0 && told->at + told->size <= fast_engine_buffer_size(), "a packet in the buffer");
        uint8_t *packet = fast_engine_buffer(engine) + told->at;
        struct heads heads;
        int line = (int)(chance() % ENDS);
        handed++;
        need(lanes[line].packets >= 0 && lanes[line].packets < INT64_MAX / 2, "what is relayed is counted one by one");
        taken += (uint64_t)fast_take(&comings[line], packet, told->size, now, &heads);
        switch (chance() % 16) { /* what Python may do meanwhile */
        case 0:
            close_end(line);
            break;
        case 1:
            lines[line].coming = NULL;
            break;
        case 2:
            comings[line].generation++;
            break;
        case 3:
            goings[line].line = NULL;
            break;
        case 4:
            lanes[line].generation++;
            break;
        case 5:
            lanes[line].line = NULL;
            break;
        case 6:
            lines[line].lane = NULL;
            break;
        }
    }
}

static void step(void)
{
    uint8_t packet[HEADER_SIZE + 2048 + 4];
    uint8_t many[4 * sizeof packet];
    int end = byte() % ENDS, size = 0;
    switch (byte() % 18) {
    case 0:
    case 1: { /* one packet, clear */
        struct heads heads;
        size = expected(end, packet);
        uint8_t *exact = malloc((size_t)size ? (size_t)size : 1); /* so that a read behind it is seen */
        memcpy(exact, packet, (size_t)size);
        taken += (uint64_t)fast_take(&comings[end], exact, size, byte() * 1e3, &heads);
        free(exact);
        break;
    }
    case 2:
    case 3:
    case 4: /* by a socket, several times, also in one piece */
        if (lines[end].fd < 0)
            break;
        for (int count = byte() & 7; count >= 0; count--) {
            size = expected(end, packet);
            (void)!send(peers[end], packet, (size_t)size, 0);
        }
        if (size > 0 && size < 700) {
            struct iovec piece = {many, (size_t)(4 * size)};
            for (int i = 0; i < 4; i++)
                memcpy(many + i * size, packet, (size_t)size);
            char control[CMSG_SPACE(2)] = {0};
            struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
            struct cmsghdr *head = CMSG_FIRSTHDR(&message);
            uint16_t segment = (uint16_t)size;
            head->cmsg_level = 17;
            head->cmsg_type = 103;
            head->cmsg_len = CMSG_LEN(2);
            memcpy(CMSG_DATA(head), &segment, 2);
            (void)!sendmsg(peers[end], &message, 0);
        }
        turn();
        break;
    case 5:
        settle(end, byte());
        break;
    case 6: /* a record that nobody would write */
        for (int i = byte() & 7; i >= 0; i--) {
            int64_t value = (int64_t)((uint64_t)byte() << 56 | (uint64_t)byte() << 31 | (uint64_t)byte());
            switch (byte() % 10) {
            case 0: comings[end].highest = value >> 2; break;
            case 1: goings[end].sequence = value >> 2; break;
            case 2: goings[end].shift = value >> 2; break;
            case 3: goings[end].payload_limit = (int32_t)value; break;
            case 4: comings[end].count = (int32_t)(value & 0xFF) - 8; break;
            case 5: goings[end].timestamp_shift = (uint32_t)value; break;
            case 6: comings[end].timestamp = (uint32_t)value; break;
            case 7: goings[end].payload_type = (int32_t)value; break;
            case 8: comings[end].transit = (double)value; break;
            case 9: goings[end].at = (double)value; break;
            }
        }
        if (comings[end].count > 0) /* what is not there is not pointed at */
            comings[end].count = comings[end].count > OUTLETS ? comings[end].count : 0;
        break;
    case 7: /* copies */
        size = byte() | byte() << 8;
        uint8_t *kept = calloc(1, (size_t)size + 1);
        fast_copies_store(copies[end], (uint16_t)(byte() | byte() << 8), kept, size);
        free(kept);
        if (!(byte() & 31))
            for (int i = 0; i < 4200; i++)
                fast_copies_store(copies[end], (uint16_t)(i * 7), packet, 0 * i + 8);
        break;
    case 8: {
        int found = 0;
        const uint8_t *copy = fast_copies_find(copies[end], (uint16_t)(byte() | byte() << 8), &found);
        uint32_t sum = 0;
        for (int i = 0; copy != NULL && i < found; i++)
            sum += copy[i];
        need(copy == NULL || found > 0 || sum == 0, "a copy has bytes");
        need(fast_copies_count(copies[end]) <= 2 * 4096, "copies are bounded");
        break;
    }
    case 9:
        fast_copies_rotate(copies[end]);
        break;
    case 10:
        if (lines[end].fd < 0) {
            open_end(end);
        } else if (!(byte() & 3)) {
            for (int event = fast_drain(engine, lines[end].fd); event != FAST_DONE; event = fast_next(engine))
                ;
            close_end(end);
        }
        break;
    case 11:
        lines[end].coming = &comings[end];
        break;
    case 12:
        relay(end);
        break;
    case 13: { /* a packet of a voice, judged apart from sockets */
        size = byte();
        uint8_t *exact = malloc((size_t)size ? (size_t)size : 1);
        memset(exact, byte(), (size_t)size);
        if (fast_relays(&lanes[end], exact, size)) {
            need(size >= HEADER_SIZE && exact[0] >> 6 == 2, "what is relayed looks like RTP");
            fast_relayed(&lanes[end], exact, size, byte());
        }
        free(exact);
        break;
    }
    case 14:
        still(end, byte());
        turn();
        break;
    case 15: /* played by Python's hand, with or without sockets */
        if (goings[end].playing.still == NULL)
            break;
        if (byte() & 1) {
            (void)fast_play(engine, &goings[end], byte());
            break;
        }
        for (int left = fast_picture(&goings[end], byte()); left > 0; left--) {
            uint16_t number;
            uint8_t *exact = malloc(PACKET_LIMIT);
            need(fast_picture_packet(&goings[end], exact, &number) <= PACKET_LIMIT, "a packet of a still has its limit");
            free(exact);
        }
        need(fast_picture_packet(&goings[end], packet, &(uint16_t){0}) >= 0, "nothing is left of a picture, or a packet");
        break;
    case 16: { /* its numbers, as nobody would write them; and what is in the way of playing */
        struct playing *playing = &goings[end].playing;
        playing->group = (int32_t)byte() - 128;
        playing->index = (int32_t)byte() - 128;
        playing->due = (double)byte() * (byte() & 1 ? 1e300 : -1);
        goings[end].tapped = byte() & 1;
        goings[end].direct = byte() & 1;
        goings[end].unnamed = byte() & 1;
        (void)fast_players_add(engine, &goings[end]);
        break;
    }
    case 17:
        fast_players_remove(engine, &goings[end]);
        goings[end].playing.still = NULL;
        break;
    }
    for (int i = 0; i < ENDS; i++) { /* the peers read, now and then */
        uint8_t sink[4096];
        while (lines[i].fd >= 0 && recv(peers[i], sink, sizeof sink, 0) > 0)
            ;
    }
}

static void play(const uint8_t *input, size_t size)
{
    at = input;
    end_of_input = input + size;
    for (int i = 0; i < ENDS; i++)
        settle(i, input[0]);
    while (at < end_of_input)
        step();
}

int main(int count, char **names)
{
    if (count < 4)
        return 2;
    long rounds = strtol(names[1], NULL, 10);
    state ^= (uint64_t)strtoull(names[2], NULL, 10) * 0x9E3779B97F4A7C15ULL;
    epoll_fd = epoll_create1(0);
    engine = fast_engine_new(epoll_fd, protect, unprotect);
    need(epoll_fd >= 0 && engine != NULL, "an engine");
    for (int i = 0; i < ENDS; i++) {
        copies[i] = fast_copies_new();
        open_end(i);
    }
    for (long round = 0; round < rounds; round++) {
        static uint8_t input[INPUT];
        FILE *file = fopen(names[3 + chance() % (uint32_t)(count - 3)], "rb");
        need(file != NULL, "an input");
        size_t size = fread(input, 1, sizeof input, file);
        fclose(file);
        while (size < 512 || chance() % 8 == 0) { /* longer, by chance */
            if (size + 64 > sizeof input)
                break;
            for (int i = 0; i < 64; i++)
                input[size++] = (uint8_t)chance();
        }
        for (uint32_t dents = chance() % 16; dents > 0; dents--)
            input[chance() % size] = (uint8_t)chance();
        play(input, size);
    }
    taken += fast_engine_told(engine)->taken;
    uint64_t played = fast_engine_told(engine)->played;
    for (int i = 0; i < ENDS; i++) {
        close_end(i);
        fast_copies_free(copies[i]);
    }
    fast_engine_free(engine);
    close(epoll_fd);
    printf("%ld inputs, %llu packets taken, %llu handed out, %llu of stills\n", rounds, (unsigned long long)taken,
           (unsigned long long)handed, (unsigned long long)played);
    return 0;
}
