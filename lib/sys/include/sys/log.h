// One line per event to stderr in logfmt: time, level, program, event, message. Programs log,
// libraries return; an event is logged once, where it is decided what to do about it, under a
// stable name. Quotes, control characters and whatever else a terminal obeys instead of showing,
// and bytes that are no UTF-8, are escaped, so that no peer writes lines of its own or hides in
// one.
#ifndef SV_SYS_LOG_H
#define SV_SYS_LOG_H

#include <base/attr.h>

typedef enum sv_log_level { SV_LOG_debug, SV_LOG_info, SV_LOG_warn, SV_LOG_error } sv_log_level;

enum {
    SV_LOG_BURST = 20, ///< lines of one event name let through at once
    SV_LOG_PER_MINUTE =
        60, ///< and per minute after that; what is held back is counted in the next line
    SV_LOG_EVENTS_MAX = 128,
};

/// Sets the program's name and the lowest level that is written (default info).
void sv_log_open(const char *program, sv_log_level lowest);

/// SV_LOG(warn, "update.refused", "bundle %s: %s", ...)
#define SV_LOG(level, event, ...) sv_log_write(SV_LOG_##level, (event), __VA_ARGS__)

/// The last words of a process, from the handler of a signal that it caused itself: takes no lock,
/// is never held back.
void sv_log_dying(const char *event, const char *message);

SV_PRINTF(3, 4) void sv_log_write(sv_log_level level, const char *event, const char *fmt, ...);

#endif
