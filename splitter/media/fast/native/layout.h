/* What Python and C have in common: the records of the short way, and the functions of the library.
 *
 * Read twice: by the C compiler, and by cffi (splitter/media/fast/native.py). So nothing stands here but declarations.
 * `coming` and `going` hold the numbers of splitter/media/fast/state.py; what these mean is told there.
 */

typedef int (*srtp_fn)(void *session, void *packet, int *length); /* srtp_protect, srtp_unprotect */

/* The copies of what was sent, for retransmission: as splitter/rtp/cache.py has them. */
struct copies;

/* SRTP of one participant, both directions (splitter/media/wire/srtp.py). */
struct cipher {
    void *incoming, *outgoing; /* libsrtp's sessions */
    uint64_t unauthentic, replayed, unprotected, reused;
};

/* The socket of a short cut (splitter/media/wire/line.py). */
struct line {
    int fd;                /* connected to its peer; -1: closed */
    _Bool plain;           /* the kernel does not divide what is sent in one piece (UDP_SEGMENT) */
    uint64_t unsent;       /* packets that the kernel would not take */
    int64_t turn;          /* in which it was read last */
    int32_t taken;         /* packets in that turn */
    struct coming *coming; /* whose packets come here; NULL: not those of a room */
    struct lane *lane;     /* the same of a relay */
};

/* The header of one packet in LANE_SAMPLE, for loss and jitter. */
struct sample {
    uint8_t header[12];
    int64_t packets; /* taken in, with it */
    double at;
};

/* One port of a relay (splitter/media/relay/lane.py). What it takes in leaves as it came. */
struct lane {
    uint64_t generation; /* moves when something has changed that it, or another lane that leads to it, was judged by */
    uint64_t settled;    /* in which its packets need no thought; 0: in none */
    int64_t packets, bytes; /* taken in */
    struct line *line;   /* by which it sends what others take in; NULL: Python sends */
    struct lane *onward; /* the one by which its own packets leave */
    uint64_t onward_generation; /* of that, when it was looked at */
    struct sample samples[32];  /* that Python has not taken yet: LANE_SAMPLES */
    uint32_t sampled;           /* so many */
};

/* The packets of a still, prepared: both groups, picture by picture (splitter/media/slate/still.py). */
struct still {
    double interval_s;
    int32_t groups[3];      /* the first picture of each group, and how many there are */
    const int32_t *firsts;  /* the first packet of each picture, and how many there are */
    const int32_t *offsets; /* where the payload of each packet begins in `bytes`, and where the last one ends */
    const uint8_t *bytes;
};

/* A still as it is played to one viewer (splitter/media/room/player.py). */
struct playing {
    int32_t group, index; /* of the picture that is next */
    double due, key_at;

    const struct still *still; /* NULL: Python plays */
    uint8_t block[16];     /* the header extension that ends a key frame, */
    int32_t block_size;    /* and its bytes */
    int32_t packet, left;  /* of the picture in hand */
    uint32_t timestamp;
    _Bool key;
};

struct going {
    uint32_t ssrc;
    int64_t sequence;
    uint32_t timestamp;
    double at;
    int64_t shift, boundary;
    uint32_t timestamp_shift;

    uint64_t generation;
    int32_t payload_type, payload_limit, unnamed, port;
    int64_t packets, octets;
    _Bool orientation_due;
    int64_t open_timestamp;
    _Bool tapped;

    struct playing playing;
    _Bool direct;          /* the line leads to where it is sent */
    _Bool secure;          /* to be encrypted; without a cipher there are no keys yet */
    struct cipher *cipher;
    struct copies *copies; /* NULL: none are kept */
    struct line *line;     /* NULL: Python sends */
};

struct outlet {
    struct going *going;
    uint64_t generation; /* of `going`, when it was looked at */
};

struct coming {
    uint32_t ssrc;
    int64_t highest, received;
    double jitter, transit;
    _Bool timed;

    uint64_t generation, settled, admitted;
    int32_t payload_type;
    int64_t packets, octets, pictures;
    double last_at, opened_at;
    uint32_t timestamp;
    _Bool marker, late, filled, suspected;
    int64_t picture_timestamp, picture_after;

    _Bool secure;
    struct cipher *cipher;
    _Bool native; /* all outlets have a line of their own to where they send */
    int32_t count;
    struct outlet outlets[4];
};

/* A packet that took the short way, for Python to send: one head per outlet. */
struct heads {
    int32_t count;
    uint16_t numbers[4];
    uint8_t heads[4][12];
};

/* ---- one packet (take.c) ---- */

/* Whether a clear packet was the one expected, and is counted now; then `heads` says what goes to each outlet. */
int fast_take(struct coming *coming, const uint8_t *packet, int size, double now, struct heads *heads);

/* ---- a picture of a still, for Python to send (still.c) ---- */

int fast_picture(struct going *going, double now);
int fast_picture_packet(struct going *going, uint8_t *out, uint16_t *number);

/* ---- copies (copies.c) ---- */

struct copies *fast_copies_new(void);
void fast_copies_free(struct copies *copies);
void fast_copies_store(struct copies *copies, uint16_t sequence, const uint8_t *packet, int size);
const uint8_t *fast_copies_find(const struct copies *copies, uint16_t sequence, int *size);
void fast_copies_rotate(struct copies *copies);
int fast_copies_count(const struct copies *copies);

/* ---- sockets (turn.c) ---- */

/* What `fast_next` says. */
enum fast_event {
    FAST_DONE = 0,
    FAST_READABLE = 1, /* `fd` is none of a line: Python reads it */
    FAST_RAW = 2,      /* a packet at `packet` for the long way, as it came */
    FAST_OPENED = 3,   /* the same, decrypted */
};

struct engine;

/* What the engine tells Python about the event in hand, and counts. */
struct told {
    int fd;
    int size;
    int64_t at;      /* of the packet in the receive buffer */
    double now;
    int64_t total;   /* packets and events of this turn */
    _Bool others;    /* other files than the sockets are to be looked at, since `fast_wait` */
    uint64_t taken, raw, opened, sends, segments, received, coalesced, played, waits; /* since the start */
};

struct engine *fast_engine_new(int epoll_fd, srtp_fn protect, srtp_fn unprotect);
void fast_engine_free(struct engine *engine);
struct told *fast_engine_told(struct engine *engine);
uint8_t *fast_engine_buffer(struct engine *engine);
int64_t fast_engine_buffer_size(void);
int fast_watch(struct engine *engine, int fd, struct line *line); /* 0, or -1 where there is no memory */
void fast_forget(struct engine *engine, int fd);
int fast_begin(struct engine *engine, int rounds); /* a turn: so many rounds over what is readable. As `fast_next`. */
int fast_drain(struct engine *engine, int fd);     /* a turn over this socket alone. As `fast_next`. */
int fast_next(struct engine *engine);

/* ---- waiting (wait.c) ---- */

/* A turn that waits for what comes, until Python gets something, so many seconds have passed (negative: for ever), or
 * `others_fd` can be read, which is in the epoll as well; -1: there is none. As `fast_next`. */
int fast_wait(struct engine *engine, int others_fd, double timeout_s);
_Bool fast_busy(const struct engine *engine); /* its gear */

/* ---- stills (play.c) ---- */

int fast_players_add(struct engine *engine, struct going *going); /* 0, or -1 where Python has to play. Again: rearm */
void fast_players_remove(struct engine *engine, struct going *going);
int fast_plays(const struct going *going); /* whether it is played here, as long as it was added */
int fast_play(struct engine *engine, struct going *going, double now); /* the next picture, now; 0 where it cannot be */

uint64_t fast_sources(void); /* of what it was built; see build.py */
