// One thread that does what must not hold up the loop (commits to disk, long computations): it
// receives a value, works on it alone, and hands it back on the loop's thread.
#ifndef SV_SYS_WORKER_H
#define SV_SYS_WORKER_H

#include <base/err.h>
#include <stddef.h>
#include <sys/loop.h>

typedef struct sv_worker sv_worker;

typedef void sv_worker_fn(void *job);

/// At most `queue_max` jobs wait or run at once.
sv_err sv_worker_open(sv_loop *loop, size_t queue_max, sv_worker **out, sv_why *why);

/// Right after opening: its thread gives way to others by so much, from 0 to 19, as nice(1) has it.
void sv_worker_nice(sv_worker *worker, int nice);

/// `run(job)` on the worker's thread, in order, then `done(job)` on the loop's thread.
/// SV_ERR_NO_SPACE when the queue is full; the caller keeps the job then.
sv_err sv_worker_submit(sv_worker *worker, sv_worker_fn *run, sv_worker_fn *done, void *job);

size_t sv_worker_waiting(const sv_worker *worker);

/// Wait until every job that was accepted has run, and call their `done`. Not from within a `done`.
void sv_worker_wait(sv_worker *worker);

/// Finishes every job that was accepted, calling its `done`, then ends the thread.
void sv_worker_drop(sv_worker **worker);

#endif
