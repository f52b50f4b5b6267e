// What a notification says, and how long its sender waits between tries. Pure.
#ifndef SV_FLEET_NOTICE_H
#define SV_FLEET_NOTICE_H

#include <base/time.h>
#include <model/alert.h>

typedef enum sv_notice_kind {
    SV_NOTICE_RAISED,
    SV_NOTICE_STILL_OPEN,
    SV_NOTICE_ESCALATED,
    SV_NOTICE_RECOVERED,
    SV_NOTICE_TEST,
    SV_NOTICE_KIND__COUNT
} sv_notice_kind;

/// "raised", "still_open", "escalated", "recovered", "test".
const char *sv_notice_kind_name(sv_notice_kind kind);

enum {
    SV_NOTICE_TITLE_MAX = 512,
    SV_NOTICE_LINES_MAX = 20, ///< alerts that a message names; the others are counted
};

/// Alerts of one cause: same site, type and sensor.
typedef struct sv_notice_group {
    sv_notice_kind kind;
    sv_text site, type, sensor; ///< `type` of alert, "HIGH"; `sensor` may be empty
    sv_severity severity;       ///< the worst
    int64_t count;
    int64_t over;          ///< of them have been cleared since
    sv_text first, reason; ///< device and message of the first one
} sv_notice_group;

/// One line: "critical: 400 devices at site pune: HIGH temperature, first press-1: Value 91.2
/// exceeds high threshold". Control characters become spaces. [notify-2]
void sv_notice_title(const sv_notice_group *group, sv_textbuf *out);

/// How long to wait after so many tries have failed (at least 1). [notify-5]
int64_t sv_notice_pause_us(int64_t tries);

#endif
