#include "update_progress.h"
#include <base/time.h>
#include <stdio.h>
#include <sys/clock.h>
#include <unistd.h>

enum { PATIENCE_US = 1000000, TERMINAL_US = 250000, FILE_US = 10000000 };

void update_progress_begin(update_progress *progress, const char *what) {
    int64_t now_us = sv_clock_monotonic_us();
    *progress = (update_progress){ .what = what, .began_us = now_us, .said_us = now_us };
}

void update_progress_tell(update_progress *progress, uint64_t done, uint64_t all) {
    int64_t now_us = sv_clock_monotonic_us();
    bool terminal = isatty(STDERR_FILENO) == 1;
    int64_t pause_us = !progress->said ? PATIENCE_US : terminal ? TERMINAL_US : FILE_US;
    if (progress->what == NULL || all == 0 || now_us - progress->said_us < pause_us) {
        return;
    }
    (void) fprintf(stderr, "%s%s: %llu %%%s", terminal ? "\r" : "", progress->what,
                   (unsigned long long) (done > all ? 100 : done * 100 / all),
                   terminal ? "" : "\n");
    progress->said_us = now_us;
    progress->said = true;
}

void update_progress_end(update_progress *progress) {
    if (progress->said && isatty(STDERR_FILENO) == 1) {
        (void) fprintf(stderr, "\r%s: done \n", progress->what);
    }
    progress->what = NULL;
}
