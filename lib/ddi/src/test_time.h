// For tests: time that passes by turns of the loop and not by a clock, so that minutes take
// milliseconds, and a machine that is busy takes none of them away. The test's program is linked
// with --wrap of the clock and the timers; what is read and written is the real loop's.
#ifndef SV_DDI_TEST_TIME_H
#define SV_DDI_TEST_TIME_H

#include <base/mem.h>
#include <base/time.h>
#include <stdlib.h>
#include <sys/loop.h>

enum { TIME_STEP_US = 20000, TIME_LOOK_US = 200 }; ///< that a turn takes, and that it really waits

typedef struct time_timer {
    sv_loop_fn *fn;
    void *arg;
    int64_t due_us; ///< 0: it does not run
    int64_t period_us;
    struct time_timer *next;
} time_timer;

static int64_t time_now_us = SV_TIME_DAY_US;
static time_timer *time_timers;

int64_t time_monotonic_us(void) __asm__("__wrap_sv_clock_monotonic_us");
time_timer *time_new(sv_loop *loop, sv_loop_fn *fn, void *arg) __asm__("__wrap_sv_timer_new");
void time_once(time_timer *timer, int64_t after_us) __asm__("__wrap_sv_timer_once");
void time_every(time_timer *timer, int64_t period_us) __asm__("__wrap_sv_timer_every");
void time_stop(time_timer *timer) __asm__("__wrap_sv_timer_stop");
bool time_is_set(const time_timer *timer) __asm__("__wrap_sv_timer_is_set");
void time_drop(time_timer **timer) __asm__("__wrap_sv_timer_drop");

int64_t time_monotonic_us(void) {
    return time_now_us;
}

time_timer *time_new(sv_loop *loop, sv_loop_fn *fn, void *arg) {
    (void) loop;
    time_timer *timer = sv_mem_new(sizeof *timer);
    *timer = (time_timer){ .fn = fn, .arg = arg, .next = time_timers };
    time_timers = timer;
    return timer;
}

void time_once(time_timer *timer, int64_t after_us) {
    timer->period_us = 0;
    timer->due_us = time_now_us + (after_us > 0 ? after_us : 1); // not in this turn again
}

void time_every(time_timer *timer, int64_t period_us) {
    time_once(timer, period_us);
    timer->period_us = period_us;
}

void time_stop(time_timer *timer) {
    if (timer != NULL) {
        timer->due_us = 0;
    }
}

bool time_is_set(const time_timer *timer) {
    return timer->due_us != 0;
}

void time_drop(time_timer **timer) {
    time_timer **at = &time_timers;
    while (*at != NULL && *at != *timer) {
        at = &(*at)->next;
    }
    if (*timer != NULL) {
        *at = (*timer)->next;
        free(*timer);
        *timer = NULL;
    }
}

static inline time_timer *time_due(void) {
    time_timer *first = NULL;
    for (time_timer *timer = time_timers; timer != NULL; timer = timer->next) {
        bool due = timer->due_us != 0 && timer->due_us <= time_now_us;
        if (due && (first == NULL || timer->due_us < first->due_us)) {
            first = timer;
        }
    }
    return first;
}

/// What is due, what came, and TIME_STEP_US are over.
static inline void time_turn(sv_loop *loop) {
    time_now_us += TIME_STEP_US;
    for (time_timer *timer = time_due(); timer != NULL; timer = time_due()) {
        timer->due_us = timer->period_us > 0 ? time_now_us + timer->period_us : 0;
        timer->fn(timer->arg);
    }
    sv_loop_turn(loop, TIME_LOOK_US);
}

#endif
