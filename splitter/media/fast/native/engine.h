/* The engine, to those parts of the library that do I/O: wait.c waits, turn.c receives, depart.c sends, play.c plays stills. */
#ifndef SPLITTER_ENGINE_H
#define SPLITTER_ENGINE_H

#include "fast.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif

#define EVENTS 256
#define DATAGRAMS 8      /* taken from a socket at a time; each may hold many packets */
#define QUEUE 64         /* packets; the kernel divides no more in one piece (UDP_MAX_SEGMENTS) */
#define DEPARTING (PACKET_LIMIT + TRAILER_LIMIT)
#define REPLAY_FAIL 9    /* srtp_err_status_replay_fail */
#define REPLAY_OLD 10    /* srtp_err_status_replay_old */
#define FOREVER 1e15     /* no time that comes */

/* How often to look for packets. */
struct pace {
    bool busy;          /* every now and then; else as soon as one comes */
    int looks;          /* since `since` */
    int handed;         /* so many of them ended in Python */
    double since;
    uint64_t came;      /* datagrams, and sockets that Python reads */
    uint64_t came_then; /* the same when `looks` was 0 */
};

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

    /* Waiting for what comes next, in this turn. */
    bool waits;      /* it does */
    bool looked;     /* has looked at least once */
    bool handed;     /* Python has got something, and may have changed for what and how long is to be waited */
    double until;
    int others_fd;   /* readable when Python has to look at other files; -1: there are none */
    struct pace pace;

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

    /* Who is shown a still. */
    int timer_fd;       /* readable when one is due; -1: there is none, and Python plays */
    double timer_at;    /* for when it is set; infinity: it is not */
    struct going **players;
    int players_count, players_places;
};

double fast_monotonic(void);

/* Begin a turn: so many rounds over what is readable. */
void fast_turn(struct engine *engine, int rounds);

/* Go through these events next; fewer than one are none. */
void fast_events(struct engine *engine, int count);

/* Wait for the next events. Returns: false where the turn is over. */
bool fast_pause(struct engine *engine);

/* Let the timer tell at this time, or before. Returns: false where there is none. */
bool fast_alarm(struct engine *engine, double at);

/* Room for one packet that goes by this line; what waits for another one is sent first. */
uint8_t *fast_room(struct engine *engine, struct line *line);

/* Encrypt, keep and queue the packet that was written there. */
void fast_depart(struct engine *engine, struct going *going, uint16_t number, int size);

/* Send what waits. */
void fast_flush(struct engine *engine);

/* Begin and end with the engine. */
void fast_players_open(struct engine *engine);
void fast_players_close(struct engine *engine);

/* Play what is due; the timer has told so. */
void fast_players_due(struct engine *engine);

#endif
