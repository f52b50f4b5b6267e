#include <base/time.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024, LINE_MAX_BYTES = 4 * MESSAGE_MAX + 256, PROGRAM_MAX = 32 };

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

/// What a terminal would obey instead of show: control characters of the upper half, those that
/// turn the direction of writing, line ends of Unicode.
static bool is_obeyed(uint32_t point) {
    return point < 0xa0 || (point >= 0x200e && point <= 0x200f)
           || (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069)
           || point == 0x061c || point == 0xfeff;
}

/// The bytes of the character at `at` (beyond ASCII) when it can be shown; 0: it is no UTF-8, or
/// one that is_obeyed.
static size_t shown_bytes(const char *at) {
    static const uint32_t LEAST[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t first = (uint8_t) at[0];
    size_t bytes = first >= 0xf8   ? 0
                   : first >= 0xf0 ? 4
                   : first >= 0xe0 ? 3
                   : first >= 0xc0 ? 2
                                   : 0;
    uint32_t point = bytes == 0 ? 0 : first & (0x7fU >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if (((uint8_t) at[i] & 0xc0) != 0x80) {
            return 0; // the end of the message, too
        }
        point = point << 6 | ((uint8_t) at[i] & 0x3fU);
    }
    bool fine = bytes > 0 && point >= LEAST[bytes] && point <= 0x10ffff
                && (point < 0xd800 || point > 0xdfff) && !is_obeyed(point);
    return fine ? bytes : 0;
}

static void add_escaped(sv_textbuf *line, const char *message) {
    for (const char *at = message; *at != '\0';) {
        unsigned char c = (unsigned char) *at;
        size_t bytes = c < 0x80 ? 1 : shown_bytes(at);
        if (c == '"' || c == '\\') {
            sv_textbuf_addf(line, "\\%c", c);
        } else if (bytes == 0 || c < 0x20 || c == 0x7f) {
            sv_textbuf_addf(line, "\\x%02x", c);
        } else {
            sv_textbuf_add(line, (sv_text){ .at = at, .len = bytes });
        }
        at += bytes == 0 ? 1 : bytes;
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

void sv_log_dying(const char *event, const char *message) {
    write_line(SV_LOG_error, event, message, 0);
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
