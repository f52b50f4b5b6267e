#include <base/mem.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/loop.h>
#include <sys/time.h>

enum { SIGNALS_MAX = 8 };

struct sv_loop {
    struct event_base *base;
    struct {
        struct event *event;
        sv_loop_fn *fn;
        void *arg;
    } signals[SIGNALS_MAX];
    size_t signal_count;
};

struct sv_timer {
    struct event *event;
    sv_loop_fn *fn;
    void *arg;
    int64_t period_us; ///< 0: once
};

struct sv_watch {
    struct event *event;
    sv_loop_fn *fn;
    void *arg;
};

static struct timeval timeval_of(int64_t us) {
    int64_t safe = us < 0 ? 0 : us;
    return (struct timeval){ .tv_sec = safe / 1000000, .tv_usec = safe % 1000000 };
}

sv_err sv_loop_open_guest(sv_loop **out, sv_why *why) {
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config != NULL) {
        // Timers to the microsecond: the default clock ticks every four milliseconds.
        (void) event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
        base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (base == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot start an event loop: %m");
    }
    *out = sv_mem_new(sizeof **out);
    (*out)->base = base;
    return SV_OK;
}

sv_err sv_loop_open(sv_loop **out, sv_why *why) {
    (void) signal(SIGPIPE, SIG_IGN);
    return sv_loop_open_guest(out, why);
}

void sv_loop_drop(sv_loop **loop) {
    if (*loop == NULL) {
        return;
    }
    for (size_t i = 0; i < (*loop)->signal_count; i++) {
        event_free((*loop)->signals[i].event);
    }
    event_base_free((*loop)->base);
    free(*loop);
    *loop = NULL;
}

sv_err sv_loop_run(sv_loop *loop, sv_why *why) {
    if (event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0) {
        return sv_fail(why, SV_ERR_IO, "the event loop ended: %m");
    }
    return SV_OK;
}

static void turn_over(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    (void) arg;
}

void sv_loop_turn(sv_loop *loop, int64_t wait_us) {
    struct timeval wait = timeval_of(wait_us);
    // One round of events ends with this alarm at the latest; unlike loopexit it leaves nothing
    // behind.
    struct event *alarm = event_new(loop->base, -1, 0, turn_over, NULL);
    if (alarm == NULL) {
        abort();
    }
    (void) event_add(alarm, &wait);
    (void) event_base_loop(loop->base, EVLOOP_ONCE);
    event_free(alarm);
}

void sv_loop_stop(sv_loop *loop) {
    (void) event_base_loopbreak(loop->base);
}

struct event_base *sv_loop_base(sv_loop *loop) {
    return loop->base;
}

static void timer_due(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_timer *timer = arg;
    if (timer->period_us > 0) {
        struct timeval period = timeval_of(timer->period_us);
        (void) event_add(timer->event, &period);
    }
    timer->fn(timer->arg);
}

sv_timer *sv_timer_new(sv_loop *loop, sv_loop_fn *fn, void *arg) {
    sv_timer *timer = sv_mem_new(sizeof *timer);
    *timer = (sv_timer){ .fn = fn, .arg = arg };
    timer->event = event_new(loop->base, -1, 0, timer_due, timer);
    if (timer->event == NULL) {
        abort();
    }
    return timer;
}

void sv_timer_once(sv_timer *timer, int64_t after_us) {
    struct timeval after = timeval_of(after_us);
    timer->period_us = 0;
    (void) event_add(timer->event, &after);
}

void sv_timer_every(sv_timer *timer, int64_t period_us) {
    struct timeval period = timeval_of(period_us);
    timer->period_us = period_us;
    (void) event_add(timer->event, &period);
}

void sv_timer_stop(sv_timer *timer) {
    timer->period_us = 0;
    (void) event_del(timer->event);
}

bool sv_timer_is_set(const sv_timer *timer) {
    return event_pending(timer->event, EV_TIMEOUT, NULL) != 0;
}

void sv_timer_drop(sv_timer **timer) {
    if (*timer != NULL) {
        event_free((*timer)->event);
        free(*timer);
        *timer = NULL;
    }
}

static void signal_came(evutil_socket_t signo, short what, void *arg) {
    (void) what;
    sv_loop *loop = arg;
    for (size_t i = 0; i < loop->signal_count; i++) {
        if (event_get_signal(loop->signals[i].event) == (int) signo) {
            loop->signals[i].fn(loop->signals[i].arg);
        }
    }
}

sv_err sv_loop_on_signal(sv_loop *loop, int signo, sv_loop_fn *fn, void *arg, sv_why *why) {
    if (loop->signal_count >= SIGNALS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d signals are watched", SIGNALS_MAX);
    }
    struct event *event = evsignal_new(loop->base, signo, signal_came, loop);
    if (event == NULL || event_add(event, NULL) != 0) {
        if (event != NULL) {
            event_free(event);
        }
        return sv_fail(why, SV_ERR_IO, "cannot watch signal %d: %m", signo);
    }
    size_t slot = loop->signal_count++;
    loop->signals[slot].event = event;
    loop->signals[slot].fn = fn;
    loop->signals[slot].arg = arg;
    return SV_OK;
}

static void watch_ready(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_watch *watch = arg;
    watch->fn(watch->arg);
}

static sv_watch *watch_for(sv_loop *loop, int fd, short what, sv_loop_fn *fn, void *arg) {
    sv_watch *watch = sv_mem_new(sizeof *watch);
    *watch = (sv_watch){ .fn = fn, .arg = arg };
    watch->event = event_new(loop->base, fd, (short) (what | EV_PERSIST), watch_ready, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
        abort();
    }
    return watch;
}

sv_watch *sv_watch_readable(sv_loop *loop, int fd, sv_loop_fn *fn, void *arg) {
    return watch_for(loop, fd, EV_READ, fn, arg);
}

sv_watch *sv_watch_writable(sv_loop *loop, int fd, sv_loop_fn *fn, void *arg) {
    return watch_for(loop, fd, EV_WRITE, fn, arg);
}

void sv_watch_drop(sv_watch **watch) {
    if (*watch != NULL) {
        event_free((*watch)->event);
        free(*watch);
        *watch = NULL;
    }
}
