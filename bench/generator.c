/* Sockets of the far ends during a play: sends a plan on schedule, takes what comes. See generator.py.
 *
 * Packets leave one by one. Whoever falls behind does not hurry: a backlog that is sent at once would be a burst that no
 * camera makes, so all that is still to be sent moves back by as much.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define BEHIND_S 0.001 /* so much is no more than a busy moment */
#define SLOW_S 0.0001  /* a send that takes longer was interrupted: when the packet left is not known */
#define AT_ONCE 8      /* datagrams of one socket before the others have their turn */
#define PLAIN_EACH 4   /* of so many packets that come, one is looked into; those that */
#define SEALED_EACH 16 /* are encrypted are kept for that */
#define BYTES 2048

enum { OTHER = -1, TO_DESK = 0 };           /* kinds; Python numbers the others */
enum { FINISHED, FOR_PYTHON, PAUSED, IDLE }; /* why control goes back */

struct departure {
    double at, sent; /* by the plan; as it was: 0 where that is not known */
    uint32_t offset;
    int32_t fd;
    uint16_t size, port;
    uint32_t unused;
};

struct sample {
    double arrived;
    uint32_t number; /* of a plain packet; of an encrypted one, where it begins in `kept` */
    uint16_t size, kind;
    int32_t fd;
    uint32_t unused;
};

struct play {
    double begin, pause_at, late;
    struct departure *plan;
    const uint8_t *packets;
    int64_t count, next, taken;
    const int8_t *kinds; /* by descriptor */
    int64_t delivered[3];
    struct sample *samples;
    int64_t sampled, samples_room, kept_size, kept_room;
    uint8_t *kept;
    uint32_t mark;
    int32_t epoll, fd;
    uint16_t size, port; /* of the datagram that is for Python */
    uint8_t data[BYTES];
};

static double seconds(struct timespec at) { return (double)at.tv_sec + (double)at.tv_nsec / 1e9; }

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at); /* as the kernel stamps what arrives */
    return seconds(at);
}

static void look(struct play *play, int fd, int kind, size_t size, double arrived)
{
    if (play->sampled == play->samples_room || arrived == 0)
        return;
    struct sample *sample = &play->samples[play->sampled];
    *sample = (struct sample){.arrived = arrived, .size = (uint16_t)size, .kind = (uint16_t)kind, .fd = fd};
    if (kind != TO_DESK) {
        uint32_t tail[2];
        if (size < sizeof tail)
            return;
        memcpy(tail, play->data + size - sizeof tail, sizeof tail);
        if (ntohl(tail[0]) != play->mark)
            return;
        sample->number = ntohl(tail[1]);
    } else {
        if (play->kept_room - play->kept_size < (int64_t)size)
            return;
        memcpy(play->kept + play->kept_size, play->data, size);
        sample->number = (uint32_t)play->kept_size;
        play->kept_size += (int64_t)size;
    }
    play->sampled++;
}

static double arrival(struct msghdr *head)
{
    struct cmsghdr *told = CMSG_FIRSTHDR(head);
    if (told == NULL || told->cmsg_level != SOL_SOCKET || told->cmsg_type != SO_TIMESTAMPNS)
        return 0;
    struct timespec at;
    memcpy(&at, CMSG_DATA(told), sizeof at);
    return seconds(at);
}

/* Read what waits on one socket. Returns: whether the last datagram is for Python. */
static int take_from(struct play *play, int fd)
{
    int kind = play->kinds[fd];
    for (int turn = 0; turn < AT_ONCE; turn++) {
        struct sockaddr_in from = {0};
        struct iovec bytes = {play->data, BYTES};
        char ancillary[64];
        struct msghdr head = {&from, sizeof from, &bytes, 1, ancillary, sizeof ancillary, 0};
        ssize_t size = recvmsg(fd, &head, MSG_DONTWAIT);
        if (size < 2)
            return 0;
        if (kind == TO_DESK && play->data[0] < 4) {
            play->fd = fd;
            play->size = (uint16_t)size;
            play->port = ntohs(from.sin_port);
            return 1;
        }
        if (kind == OTHER || play->data[0] >> 6 != 2 || (play->data[1] >= 192 && play->data[1] <= 223))
            continue;
        play->delivered[kind]++;
        if (++play->taken % (kind == TO_DESK ? SEALED_EACH : PLAIN_EACH) == 0)
            look(play, fd, kind, (size_t)size, arrival(&head));
    }
    return 0;
}

/* Take what comes within so many seconds at most; IDLE: nothing did. */
int play_take(struct play *play, double wait_s)
{
    struct epoll_event events[64];
    int count = epoll_wait(play->epoll, events, 64, 0);
    if (count == 0 && wait_s > 0) {
        struct pollfd one = {play->epoll, POLLIN, 0};
        struct timespec wait = {(time_t)wait_s, (long)((wait_s - (double)(time_t)wait_s) * 1e9)};
        if (ppoll(&one, 1, &wait, NULL) > 0)
            count = epoll_wait(play->epoll, events, 64, 0);
    }
    for (int i = 0; i < count; i++)
        if (take_from(play, events[i].data.fd))
            return FOR_PYTHON;
    return count > 0 ? FINISHED : IDLE;
}

static void send_next(struct play *play)
{
    struct departure *one = &play->plan[play->next++];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(one->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    double before = now();
    ssize_t sent = sendto(one->fd, play->packets + one->offset, one->size, MSG_DONTWAIT, (void *)&to, sizeof to);
    one->sent = sent == one->size && now() - before < SLOW_S ? before : 0;
}

/* Send the plan, from where it stands, and take what comes. Returns: why control goes back. */
int play_on(struct play *play)
{
    while (play->next < play->count) {
        double at = play->plan[play->next].at;
        if (at >= play->pause_at)
            return PAUSED;
        double ahead;
        while ((ahead = play->begin + at - now()) > 0)
            if (play_take(play, ahead) == FOR_PYTHON)
                return FOR_PYTHON;
        if (ahead < -BEHIND_S) {
            play->begin -= ahead;
            play->late -= ahead;
        }
        send_next(play);
        if (play->next % 16 == 0 && play_take(play, 0) == FOR_PYTHON)
            return FOR_PYTHON;
    }
    return FINISHED;
}
