/* Where a worker waits: for packets first, and for whatever else its event loop has to do. Does I/O.
 *
 * Packets that take the short way wake nothing but this loop. Python gets control when it has something to do: a packet
 * for the long way, a timer that is due, another file that can be read, a signal.
 *
 * Two gears, as network cards have them. Quiet: the next packet wakes us, and is not delayed. Busy: where packets are so
 * many that waking for each costs more than a timer, we look every other millisecond.
 */
#define _GNU_SOURCE
#include "engine.h"

#include <time.h>

#define TICK_S 0.002
#define ROUNDS 8      /* over what is readable, at a tick */
#define LOOKS 64      /* after so many the gear is thought over: */
#define MANY_S 0.02   /* those took less than this: busy. More than three in a millisecond; a tick costs as much as four */
#define FEW 5         /* fewer came at a tick: quiet */
#define HANDED_MANY_S 0.064 /* the same where most looks end in Python, which costs more than the wake-up */
#define HANDED_FEW 2

_Bool fast_busy(const struct engine *engine) { return engine->pace.busy; }

/* Returns: 0; not 0 where a signal came. */
static int sleep_until(double at)
{
    struct timespec time = {.tv_sec = (time_t)at};
    time.tv_nsec = (long)((at - (double)time.tv_sec) * 1e9);
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static int wait_for_events(struct engine *engine, double now)
{
    double left_ms = (engine->until - now) * 1000 + 1;
    if (fast_alarm(engine, engine->until)) /* a timer that stays is cheaper than a timeout for each wait */
        left_ms = -1;
    else if (left_ms > 1000)
        left_ms = 1000;
    return epoll_wait(engine->epoll_fd, engine->events, EVENTS, (int)left_ms);
}

/* One look more: is the other gear the better one? */
static void review(struct pace *pace, double now)
{
    if (++pace->looks < LOOKS)
        return;
    bool handed = pace->handed > LOOKS / 2;
    if (pace->busy)
        pace->busy = pace->came - pace->came_then >= (uint64_t)(handed ? HANDED_FEW : FEW) * LOOKS;
    else
        pace->busy = now - pace->since < (handed ? HANDED_MANY_S : MANY_S);
    pace->looks = pace->handed = 0;
    pace->since = now;
    pace->came_then = pace->came;
}

bool fast_pause(struct engine *engine)
{
    while (!engine->handed) {
        double now = fast_monotonic();
        int count;
        if (now >= engine->until) {
            if (engine->looked)
                return false;
            count = epoll_wait(engine->epoll_fd, engine->events, EVENTS, 0);
        } else {
            if (engine->pace.busy) {
                if (sleep_until(now + TICK_S < engine->until ? now + TICK_S : engine->until))
                    return false;
                count = epoll_wait(engine->epoll_fd, engine->events, EVENTS, 0);
                engine->rounds = ROUNDS - 1;
            } else {
                count = wait_for_events(engine, now);
            }
            engine->told.waits++;
            review(&engine->pace, fast_monotonic());
        }
        engine->looked = true;
        engine->turn++;
        fast_events(engine, count);
        if (count > 0)
            return true;
        if (count < 0)
            return false; /* a signal, which is Python's */
    }
    return false;
}

int fast_wait(struct engine *engine, int others_fd, double timeout_s)
{
    engine->pace.handed += engine->waits && engine->handed && engine->until > 0; /* the turn before */
    fast_turn(engine, 0);
    engine->waits = true;
    engine->others_fd = others_fd;
    engine->told.others = false;
    engine->until = timeout_s < 0 ? FOREVER : timeout_s > 0 ? fast_monotonic() + timeout_s : 0;
    return fast_next(engine);
}
