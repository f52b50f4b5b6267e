// Writing to a connection that has gone raises SIGPIPE. A library keeps that away from the program
// without touching its handlers: blocked on this thread meanwhile, and taken back if it came.
#ifndef SV_CLIENT_QUIET_H
#define SV_CLIENT_QUIET_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef struct quiet {
    sigset_t mask;    ///< of the thread, before
    bool was_pending; ///< one of the program's own; it stays
} quiet;

static inline sigset_t quiet_pipe(void) {
    sigset_t pipe;
    (void) sigemptyset(&pipe);
    (void) sigaddset(&pipe, SIGPIPE);
    return pipe;
}

static inline quiet quiet_begin(void) {
    quiet before;
    sigset_t pending;
    sigset_t pipe = quiet_pipe();
    (void) sigpending(&pending);
    before.was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void) pthread_sigmask(SIG_BLOCK, &pipe, &before.mask);
    return before;
}

static inline void quiet_end(const quiet *before) {
    const struct timespec now = { 0 };
    sigset_t pipe = quiet_pipe();
    if (!before->was_pending) {
        (void) sigtimedwait(&pipe, NULL, &now);
    }
    (void) pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}

#endif
