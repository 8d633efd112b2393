/* Stills that are played here, to viewers who have a short cut: one timer for all of them, and for wait.c. Does I/O.
 *
 * Python enlists a viewer when a still is shown to it, and takes it off the list before its record is freed. Those who
 * cannot be served here for now (their stream is recorded, they moved) are passed over: Python plays to them.
 */
#define _GNU_SOURCE
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define GRID_S 0.01   /* what is due within one grid is played at one wake-up, up to half of it early */
#define AT_A_TIME 128 /* packets; voice has its turn before more of them */
#define SOON_S 0.001

int fast_plays(const struct going *going)
{
    const struct playing *playing = &going->playing;
    return playing->still != NULL && playing->due >= 0 && playing->due < FOREVER && going->direct && going->line != NULL
        && going->line->fd >= 0 && going->port && !going->unnamed && !going->tapped
        && !(going->secure && going->cipher == NULL);
}

void fast_players_open(struct engine *engine)
{
    engine->timer_at = FOREVER;
    engine->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (engine->timer_fd < 0)
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = engine->timer_fd};
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, engine->timer_fd, &event)) {
        close(engine->timer_fd);
        engine->timer_fd = -1;
    }
}

void fast_players_close(struct engine *engine)
{
    if (engine->timer_fd >= 0)
        close(engine->timer_fd);
    free(engine->players);
}

bool fast_alarm(struct engine *engine, double at)
{
    if (engine->timer_fd < 0 || !(at < engine->timer_at))
        return engine->timer_fd >= 0;
    struct itimerspec spec;
    memset(&spec, 0, sizeof spec);
    spec.it_value.tv_sec = (time_t)at;
    spec.it_value.tv_nsec = (long)((at - (double)spec.it_value.tv_sec) * 1e9);
    if (spec.it_value.tv_sec == 0 && spec.it_value.tv_nsec == 0)
        spec.it_value.tv_nsec = 1; /* zero would disarm it */
    if (timerfd_settime(engine->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL))
        return false;
    engine->timer_at = at;
    return true;
}

/* The line of the grid that is nearest. */
static double grid(double due) { return (double)(int64_t)(due / GRID_S + 0.5) * GRID_S; }

static bool due(const struct going *going, double now) { return going->playing.due <= now + GRID_S / 2; }

int fast_players_add(struct engine *engine, struct going *going)
{
    int place = 0;
    if (engine->timer_fd < 0)
        return -1;
    while (place < engine->players_count && engine->players[place] != going)
        place++;
    if (place == engine->players_count) {
        if (place == engine->players_places) {
            int places = place ? 2 * place : 64;
            struct going **players = realloc(engine->players, (size_t)places * sizeof *players);
            if (players == NULL)
                return -1;
            engine->players = players;
            engine->players_places = places;
        }
        engine->players[engine->players_count++] = going;
    }
    if (fast_plays(going))
        fast_alarm(engine, grid(going->playing.due));
    return 0;
}

void fast_players_remove(struct engine *engine, struct going *going)
{
    for (int i = 0; i < engine->players_count; i++)
        if (engine->players[i] == going)
            engine->players[i] = engine->players[--engine->players_count];
}

static int play(struct engine *engine, struct going *going, double now)
{
    int played = 0;
    for (int left = fast_picture(going, now); left > 0; left--) {
        uint16_t number;
        int size = fast_picture_packet(going, fast_room(engine, going->line), &number);
        if (size == 0)
            break;
        fast_depart(engine, going, number, size);
        played++;
    }
    engine->told.played += (uint64_t)played;
    return played;
}

int fast_play(struct engine *engine, struct going *going, double now)
{
    if (!fast_plays(going))
        return 0;
    play(engine, going, now);
    fast_flush(engine);
    fast_alarm(engine, grid(going->playing.due));
    return 1;
}

void fast_players_due(struct engine *engine)
{
    uint64_t times;
    if (read(engine->timer_fd, &times, sizeof times) < 0)
        return; /* it was set anew meanwhile */
    double now = fast_monotonic(), next = FOREVER;
    int played = 0;
    engine->timer_at = FOREVER;
    for (int i = 0; i < engine->players_count; i++) {
        struct going *going = engine->players[i];
        if (!fast_plays(going))
            continue;
        if (due(going, now) && played < AT_A_TIME)
            played += play(engine, going, now);
        double at = due(going, now) ? now + SOON_S : grid(going->playing.due);
        if (at < next)
            next = at;
    }
    fast_flush(engine);
    fast_alarm(engine, next);
}
