// What takes longer than a second says how far it is, on stderr.
#ifndef SELVEDGE_UPDATE_PROGRESS_H
#define SELVEDGE_UPDATE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct update_progress {
    const char *what;
    int64_t began_us, said_us;
    bool said;
} update_progress;

void update_progress_begin(update_progress *progress, const char *what);
void update_progress_tell(update_progress *progress, uint64_t done, uint64_t all);
/// The line is finished, if there was one.
void update_progress_end(update_progress *progress);

#endif
