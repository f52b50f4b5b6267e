// An alert: a condition somebody should know about, with a life: raised, updated, cleared
// (docs/spec/alert.md). One open alert per (device, sensor, type, rule).
#ifndef SV_MODEL_ALERT_H
#define SV_MODEL_ALERT_H

#include <codec/json.h>
#include <model/id.h>
#include <model/reading.h>

typedef enum sv_alert_type {
    SV_ALERT_HIGH,
    SV_ALERT_LOW,
    SV_ALERT_ANOMALY,
    SV_ALERT_FAILURE,
    SV_ALERT_HEALTH,
    SV_ALERT_OFFLINE,
    SV_ALERT_STALE,
    SV_ALERT_SECURITY,
    SV_ALERT_TYPE__COUNT
} sv_alert_type;
typedef enum sv_severity {
    SV_SEVERITY_INFO,
    SV_SEVERITY_WARNING,
    SV_SEVERITY_CRITICAL,
    SV_SEVERITY__COUNT
} sv_severity;
typedef enum sv_alert_event {
    SV_ALERT_NONE,
    SV_ALERT_RAISED,
    SV_ALERT_UPDATED,
    SV_ALERT_CLEARED,
    SV_ALERT_ACKNOWLEDGED, ///< somebody has seen it; it is open as before
    SV_ALERT_EVENT__COUNT
} sv_alert_event;

const char *sv_alert_type_name(sv_alert_type type);    ///< "HIGH"
const char *sv_severity_name(sv_severity severity);    ///< "warning"
const char *sv_alert_event_name(sv_alert_event event); ///< "raised"; NULL for none

enum { SV_ALERT_ID_MAX = 32, SV_ALERT_MESSAGE_MAX = 256, SV_ALERT_BYTES_MAX = 4096 };

/// The rule of an ANOMALY alert about a device's sensors together; no rule of a person is called
/// so.
#define SV_RULE_TOGETHER "unusual-together"
/// So of a FAILURE alert of a model.
#define SV_RULE_REMAINING "remaining-life"

/// Owns its texts: alerts outlive the message that raised them.
typedef struct sv_alert {
    char id[SV_ALERT_ID_MAX + 1]; ///< 32 hexadecimal digits
    char device_id[SV_ID_ROOM];
    char sensor[SV_ID_ROOM]; ///< may be empty (HEALTH, OFFLINE, SECURITY)
    char rule[SV_ID_ROOM];   ///< which one, where a type has several; else empty
    sv_alert_type type;
    sv_severity severity;
    sv_alert_event event;
    char message[SV_ALERT_MESSAGE_MAX];
    double value;                       ///< what was judged (the average), not finite: none
    double raw;                         ///< the reading behind it, not finite: none
    double score;                       ///< 0 to 100: how unusual it is; 0: nobody says
    double expected_low, expected_high; ///< what was; low < high, or nobody says
    int64_t at_us;
    char by[SV_ID_ROOM];              ///< who acknowledged it; empty with any other event
    char timestamp[SV_TIMESTAMP_MAX]; ///< as it came; empty: formatted from at_us
} sv_alert;

/// "Value 91.2 exceeds high threshold" / "Value 3.1 below low threshold". [alert-2]
void sv_alert_threshold_message(sv_alert_type high_or_low, double value,
                                char out[SV_ALERT_MESSAGE_MAX]);

/// A message as people read it: of a number with more, three decimals, below 1 six. [alert-6]
void sv_alert_add_readable(sv_textbuf *out, sv_text message);

/// {"id","deviceId","alertType","severity","message",
/// "data":{"timestamp":<ms>,"deviceId","sensor","rule","value","raw","score",
/// "expected":[low,high]},"timestamp":<ISO 8601>,"event", "by"}; `by` with SV_ALERT_ACKNOWLEDGED
/// alone. [alert-1] [alert-3] [alert-7]
void sv_alert_format(const sv_alert *alert, sv_textbuf *out);
/// The inverse; texts outside their limits or grammar are refused with a sentence. [alert-1]
sv_err sv_alert_from_json(const sv_json *object, sv_alert *out, sv_why *why);

#endif
