#include <base/time.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024, LINE_MAX_BYTES = 3072, PROGRAM_MAX = 32 };

/// A bucket of permits per event name; names are literals, so their addresses identify them.
typedef struct quota {
    const char *event;
    double permits;
    int64_t filled_us;
    unsigned held_back;
} quota;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char program_name[PROGRAM_MAX] = "selvedge";
static sv_log_level lowest_level = SV_LOG_info;
static quota quotas[SV_LOG_EVENTS_MAX];

void sv_log_open(const char *program, sv_log_level lowest) {
    (void) snprintf(program_name, sizeof program_name, "%s", program);
    lowest_level = lowest;
}

static quota *quota_of(const char *event, int64_t now_us) {
    for (size_t i = 0; i < SV_LOG_EVENTS_MAX; i++) {
        if (quotas[i].event == NULL) {
            quotas[i] = (quota){ .event = event, .permits = SV_LOG_BURST, .filled_us = now_us };
        }
        if (strcmp(quotas[i].event, event) == 0) {
            return &quotas[i];
        }
    }
    return &quotas[SV_LOG_EVENTS_MAX - 1];
}

/// False when the line must be held back; otherwise how many were held back before it.
static bool permitted(const char *event, unsigned *held_back) {
    int64_t now_us = sv_clock_monotonic_us();
    quota *mine = quota_of(event, now_us);
    double gained =
        (double) (now_us - mine->filled_us) / (double) SV_TIME_MINUTE_US * SV_LOG_PER_MINUTE;
    mine->permits = mine->permits + gained > SV_LOG_BURST ? SV_LOG_BURST : mine->permits + gained;
    mine->filled_us = now_us;
    if (mine->permits < 1) {
        mine->held_back++;
        return false;
    }
    mine->permits -= 1;
    *held_back = mine->held_back;
    mine->held_back = 0;
    return true;
}

static void add_escaped(sv_textbuf *line, const char *message) {
    for (const char *at = message; *at != '\0'; at++) {
        unsigned char c = (unsigned char) *at;
        if (c == '"' || c == '\\') {
            sv_textbuf_addf(line, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            sv_textbuf_addf(line, "\\x%02x", c);
        } else {
            sv_textbuf_add_char(line, *at);
        }
    }
}

static void write_line(sv_log_level level, const char *event, const char *message,
                       unsigned held_back) {
    static const char *const LEVELS[] = { "debug", "info", "warn", "error" };
    char room[LINE_MAX_BYTES];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_textbuf_add_str(&line, "time=");
    sv_time_add(&line, sv_clock_wall_us());
    sv_textbuf_addf(&line, " level=%s program=%s event=%s", LEVELS[level], program_name, event);
    if (held_back > 0) {
        sv_textbuf_addf(&line, " held_back=%u", held_back);
    }
    sv_textbuf_add_str(&line, " msg=\"");
    add_escaped(&line, message);
    sv_textbuf_add_str(&line, "\"\n");
    if (write(STDERR_FILENO, line.at, line.len) < 0) {
        return; // nobody is left to tell
    }
}

void sv_log_write(sv_log_level level, const char *event, const char *fmt, ...) {
    if (level < lowest_level) {
        return;
    }
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    unsigned held_back = 0;
    (void) pthread_mutex_lock(&lock);
    bool write_it = permitted(event, &held_back);
    (void) pthread_mutex_unlock(&lock);
    if (write_it) {
        write_line(level, event, message, held_back);
    }
}
