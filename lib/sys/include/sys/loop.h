// The event loop: one per program, on one thread. Timers run on monotonic time, so a clock that
// jumps moves none of them. Everything here must be called on the loop's thread, except
// sv_loop_stop from a signal callback (which runs on that thread as well).
#ifndef SV_SYS_LOOP_H
#define SV_SYS_LOOP_H

#include <base/err.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct sv_loop sv_loop;
struct event_base;

/// SIGPIPE is ignored for the whole process from then on.
sv_err sv_loop_open(sv_loop **out, sv_why *why);
/// As a guest in somebody else's process: no signal is touched, the caller keeps SIGPIPE away.
sv_err sv_loop_open_guest(sv_loop **out, sv_why *why);
void sv_loop_drop(sv_loop **loop);

/// Runs until sv_loop_stop.
sv_err sv_loop_run(sv_loop *loop, sv_why *why);
/// Runs what is due now and waits at most `wait_us` for more; for programs with a loop of their
/// own.
void sv_loop_turn(sv_loop *loop, int64_t wait_us);
void sv_loop_stop(sv_loop *loop);

/// libevent's base, for the modules that put its streams on this loop (net).
struct event_base *sv_loop_base(sv_loop *loop);

typedef void sv_loop_fn(void *arg);

/// A timer: runs `fn` once, or again and again, until stopped.
typedef struct sv_timer sv_timer;

/// Not running yet; the owner drops it.
sv_timer *sv_timer_new(sv_loop *loop, sv_loop_fn *fn, void *arg);
void sv_timer_once(sv_timer *timer, int64_t after_us);
void sv_timer_every(sv_timer *timer, int64_t period_us);
void sv_timer_stop(sv_timer *timer);
bool sv_timer_is_set(const sv_timer *timer);
void sv_timer_drop(sv_timer **timer);

/// Call `fn` on the loop's thread for every arrival of `signo`, until the loop is dropped.
sv_err sv_loop_on_signal(sv_loop *loop, int signo, sv_loop_fn *fn, void *arg, sv_why *why);

/// Call `fn` whenever `fd` can be read; the owner keeps the descriptor open until sv_watch_drop.
typedef struct sv_watch sv_watch;
sv_watch *sv_watch_readable(sv_loop *loop, int fd, sv_loop_fn *fn, void *arg);
/// The same whenever it can be written to; to be dropped as soon as there is nothing to write.
sv_watch *sv_watch_writable(sv_loop *loop, int fd, sv_loop_fn *fn, void *arg);
void sv_watch_drop(sv_watch **watch);

#endif
