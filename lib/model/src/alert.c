#include <base/num.h>
#include <base/time.h>
#include <math.h>
#include <model/alert.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const TYPES[SV_ALERT_TYPE__COUNT] = {
    "HIGH", "LOW", "ANOMALY", "FAILURE", "HEALTH", "OFFLINE", "STALE", "SECURITY"
};
static const char *const SEVERITIES[SV_SEVERITY__COUNT] = { "info", "warning", "critical" };
static const char *const EVENTS[SV_ALERT_EVENT__COUNT] = { NULL, "raised", "updated", "cleared",
                                                           "acknowledged" };

const char *sv_alert_type_name(sv_alert_type type) {
    return (unsigned) type < SV_ALERT_TYPE__COUNT ? TYPES[type] : "unknown";
}

const char *sv_severity_name(sv_severity severity) {
    return (unsigned) severity < SV_SEVERITY__COUNT ? SEVERITIES[severity] : "unknown";
}

const char *sv_alert_event_name(sv_alert_event event) {
    return (unsigned) event < SV_ALERT_EVENT__COUNT ? EVENTS[event] : NULL;
}

void sv_alert_threshold_message(sv_alert_type high_or_low, double value,
                                char out[SV_ALERT_MESSAGE_MAX]) {
    sv_textbuf text = { .at = out, .cap = SV_ALERT_MESSAGE_MAX };
    sv_textbuf_add_str(&text, "Value ");
    sv_num_add(&text, value);
    sv_textbuf_add_str(&text, high_or_low == SV_ALERT_HIGH ? " exceeds high threshold"
                                                           : " below low threshold");
}

enum { DECIMALS = 3, DECIMALS_BELOW_ONE = 6, NUMBER_MAX = 32 };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool continues_a_word(char c) {
    return is_digit(c) || c == '.' || c == '-' || c == '_' || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}

/// How long the decimal number is that `text` begins with, such as 7.25; 0: it begins with none, or
/// with a word, a version or an exponent, which are not for rounding.
static size_t decimal_length(sv_text text, size_t *decimals) {
    size_t whole = 0;
    while (whole < text.len && is_digit(text.at[whole])) {
        whole++;
    }
    size_t end = whole + 1;
    if (whole == 0 || end >= text.len || text.at[whole] != '.') {
        return 0;
    }
    while (end < text.len && is_digit(text.at[end])) {
        end++;
    }
    *decimals = end - whole - 1;
    bool alone = end == text.len || !continues_a_word(text.at[end]);
    return alone && end <= NUMBER_MAX ? end : 0;
}

/// The length of what was added in another form, 0: nothing was.
static size_t add_rounded(sv_textbuf *out, sv_text text) {
    size_t decimals = 0;
    size_t len = decimal_length(text, &decimals);
    double value = 0;
    if (len == 0 || sv_num_parse((sv_text){ text.at, len }, &value) != SV_OK) {
        return 0;
    }
    bool below_one = value < 1;
    double step = below_one ? 1e6 : 1e3;
    if (decimals <= (below_one ? DECIMALS_BELOW_ONE : DECIMALS)) {
        return 0;
    }
    sv_num_add(out, round(value * step) / step);
    return len;
}

void sv_alert_add_readable(sv_textbuf *out, sv_text message) {
    bool inside = false;
    for (size_t i = 0; i < message.len;) {
        sv_text rest = { message.at + i, message.len - i };
        size_t len = inside ? 0 : add_rounded(out, rest);
        if (len == 0) {
            sv_textbuf_add_char(out, rest.at[0]);
            len = 1;
        }
        inside = continues_a_word(message.at[i + len - 1]) && message.at[i + len - 1] != '-';
        i += len;
    }
}

enum { DIGITS = 5 }; ///< more of them say nothing about what is usual

static void put_usual(sv_json_out *json, const sv_alert *alert) {
    if (alert->score > 0) {
        sv_json_add_int(json, "score", (int64_t) lround(alert->score));
    }
    if (alert->expected_low < alert->expected_high) {
        sv_json_key(json, "expected");
        sv_json_open_array(json);
        sv_json_put_number(json, sv_num_round(alert->expected_low, DIGITS));
        sv_json_put_number(json, sv_num_round(alert->expected_high, DIGITS));
        sv_json_close_array(json);
    }
}

static void put_data(sv_json_out *json, const sv_alert *alert) {
    sv_json_key(json, "data");
    sv_json_open_object(json);
    sv_json_add_int(json, "timestamp", alert->at_us / 1000);
    sv_json_add_str(json, "deviceId", alert->device_id);
    if (alert->sensor[0] != '\0') {
        sv_json_add_str(json, "sensor", alert->sensor);
    }
    if (alert->rule[0] != '\0') {
        sv_json_add_str(json, "rule", alert->rule);
    }
    if (isfinite(alert->value)) {
        sv_json_add_number(json, "value", alert->value);
    }
    if (isfinite(alert->raw)) {
        sv_json_add_number(json, "raw", alert->raw);
    }
    put_usual(json, alert);
    sv_json_close_object(json);
}

void sv_alert_format(const sv_alert *alert, sv_textbuf *out) {
    char room[SV_TIMESTAMP_MAX];
    sv_textbuf formatted = SV_TEXTBUF(room);
    sv_time_add(&formatted, alert->at_us);
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "id", alert->id);
    sv_json_add_str(&json, "deviceId", alert->device_id);
    sv_json_add_str(&json, "alertType", sv_alert_type_name(alert->type));
    sv_json_add_str(&json, "severity", sv_severity_name(alert->severity));
    sv_json_add_str(&json, "message", alert->message);
    put_data(&json, alert);
    sv_json_add_text(&json, "timestamp",
                     alert->timestamp[0] != '\0' ? sv_text_of(alert->timestamp)
                                                 : sv_textbuf_text(&formatted));
    if (alert->event != SV_ALERT_NONE) {
        sv_json_add_str(&json, "event", sv_alert_event_name(alert->event));
    }
    if (alert->event == SV_ALERT_ACKNOWLEDGED) {
        sv_json_add_str(&json, "by", alert->by);
    }
    sv_json_close_object(&json);
}

static bool choose(const sv_json *value, const char *const *names, unsigned count, unsigned *out) {
    sv_text text = SV_TEXT("");
    for (unsigned i = 0; sv_json_text(value, &text) && i < count; i++) {
        if (names[i] != NULL && sv_text_is(text, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static sv_err take_text(const sv_json *object, const char *name, char *room, size_t bytes,
                        sv_why *why) {
    sv_text text = SV_TEXT("");
    if (!sv_json_text(sv_json_get(object, name), &text)
        || sv_text_copy(text, room, bytes) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "alert: %s is missing, not a text, or longer than %zu bytes", name,
                       bytes - 1);
    }
    return SV_OK;
}

static sv_err take_kind(const sv_json *object, sv_alert *out, sv_why *why) {
    unsigned type = 0;
    unsigned severity = 0;
    unsigned event = SV_ALERT_RAISED;
    const sv_json *event_value = sv_json_get(object, "event");
    if (!choose(sv_json_get(object, "alertType"), TYPES, SV_ALERT_TYPE__COUNT, &type)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "alert: alertType is none of HIGH, LOW, ANOMALY, FAILURE, HEALTH, OFFLINE, "
                       "STALE, SECURITY");
    }
    if (!choose(sv_json_get(object, "severity"), SEVERITIES, SV_SEVERITY__COUNT, &severity)) {
        return sv_fail(why, SV_ERR_INVALID, "alert: severity is none of info, warning, critical");
    }
    if (event_value != NULL && !choose(event_value, EVENTS, SV_ALERT_EVENT__COUNT, &event)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "alert: event is none of raised, updated, cleared, acknowledged");
    }
    out->type = (sv_alert_type) type;
    out->severity = (sv_severity) severity;
    out->event = (sv_alert_event) event;
    return SV_OK;
}

/// An id that may be absent.
static sv_err take_id(const sv_json *data, const char *name, const char *what,
                      char room[SV_ID_ROOM], sv_why *why) {
    if (sv_json_get(data, name) == NULL) {
        return SV_OK;
    }
    SV_TRY(take_text(data, name, room, SV_ID_ROOM, why));
    return sv_id_check(what, sv_text_of(room), why);
}

static sv_err take_usual(const sv_json *data, sv_alert *out, sv_why *why) {
    const sv_json *expected = sv_json_get(data, "expected");
    if (sv_json_number(sv_json_get(data, "score"), &out->score)
        && !(out->score >= 0 && out->score <= 100)) {
        return sv_fail(why, SV_ERR_INVALID, "alert: data.score %g is not between 0 and 100",
                       out->score);
    }
    if (expected != NULL
        && !(sv_json_count(expected) == 2
             && sv_json_number(sv_json_at(expected, 0), &out->expected_low)
             && sv_json_number(sv_json_at(expected, 1), &out->expected_high)
             && out->expected_low <= out->expected_high)) {
        return sv_fail(why, SV_ERR_INVALID, "alert: data.expected is not a low and a high number");
    }
    out->score = round(out->score);
    out->expected_low = sv_num_round(out->expected_low, DIGITS);
    out->expected_high = sv_num_round(out->expected_high, DIGITS);
    return SV_OK;
}

static sv_err take_data(const sv_json *data, sv_alert *out, sv_why *why) {
    int64_t at_ms = 0;
    if (!sv_json_int(sv_json_get(data, "timestamp"), &at_ms) || llabs(at_ms) > INT64_MAX / 1000) {
        return sv_fail(why, SV_ERR_INVALID,
                       "alert: data.timestamp is not a whole number of milliseconds");
    }
    out->at_us = at_ms * 1000;
    SV_TRY(take_id(data, "sensor", "alert: sensor", out->sensor, why));
    SV_TRY(take_id(data, "rule", "alert: rule", out->rule, why));
    (void) sv_json_number(sv_json_get(data, "value"), &out->value);
    (void) sv_json_number(sv_json_get(data, "raw"), &out->raw);
    return take_usual(data, out, why);
}

static bool is_alert_id(const char *id) {
    size_t len = 0;
    for (; id[len] != '\0'; len++) {
        if (!((id[len] >= '0' && id[len] <= '9') || (id[len] >= 'a' && id[len] <= 'f'))) {
            return false;
        }
    }
    return len == SV_ALERT_ID_MAX;
}

sv_err sv_alert_from_json(const sv_json *object, sv_alert *out, sv_why *why) {
    sv_alert alert = { .value = SV_NAN, .raw = SV_NAN };
    if (!sv_json_is_object(object)) {
        return sv_fail(why, SV_ERR_INVALID, "alert: not a JSON object");
    }
    SV_TRY(take_text(object, "id", alert.id, sizeof alert.id, why));
    if (!is_alert_id(alert.id)) {
        return sv_fail(why, SV_ERR_INVALID, "alert: id is not 32 hexadecimal digits");
    }
    SV_TRY(take_text(object, "deviceId", alert.device_id, sizeof alert.device_id, why));
    SV_TRY(sv_id_check("alert: deviceId", sv_text_of(alert.device_id), why));
    SV_TRY(take_kind(object, &alert, why));
    SV_TRY(take_text(object, "message", alert.message, sizeof alert.message, why));
    if (alert.event == SV_ALERT_ACKNOWLEDGED) {
        SV_TRY(take_text(object, "by", alert.by, sizeof alert.by, why));
    }
    SV_TRY(take_text(object, "timestamp", alert.timestamp, sizeof alert.timestamp, why));
    SV_TRY(take_data(sv_json_get(object, "data"), &alert, why));
    *out = alert;
    return SV_OK;
}
