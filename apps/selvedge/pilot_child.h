// One child process of the pilot: started with its output in a log file, ended by its id, noticed
// when it dies and started again with growing pauses.
#ifndef SELVEDGE_PILOT_CHILD_H
#define SELVEDGE_PILOT_CHILD_H

#include <base/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/disk.h>
#include <sys/types.h>

enum { PILOT_ARGS_MAX = 24, PILOT_ARG_BYTES = 4096, PILOT_NAME_MAX = 80 };

typedef struct pilot_child {
    char name[PILOT_NAME_MAX]; ///< "gateway site-1"
    char *args[PILOT_ARGS_MAX + 1];
    char arg_room[PILOT_ARG_BYTES];
    char log[SV_PATH_MAX];
    pid_t pid; ///< 0: not running
    int64_t started_us;
    int64_t again_us; ///< when to start it again; 0: not waiting for that
    int restarts;
    bool wanted; ///< false once it is being stopped
    bool finite; ///< may end by itself with success
} pilot_child;

/// `args` ends with NULL and is copied.
sv_err pilot_child_define(pilot_child *child, const char *name, const char *log,
                          const char *const *args, sv_why *why);
sv_err pilot_child_start(pilot_child *child, sv_why *why);
/// SIGTERM, and SIGKILL after `patience_us`; returns when it is gone.
void pilot_child_stop(pilot_child *child, int64_t patience_us);
/// Call now and then: reaps, says what died, starts again what is due. True when its process id
/// changed.
bool pilot_child_tend(pilot_child *child, int64_t now_us);
/// Proportional set size in bytes, 0 when unknown.
int64_t pilot_child_pss(const pilot_child *child);
/// The last lines of its log, for a message about why it did not start.
void pilot_child_last_words(const pilot_child *child, char *room, size_t room_bytes);

#endif
