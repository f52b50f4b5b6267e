#include <base/time.h>
#include <math.h>
#include <model/health.h>
#include <stdio.h>

typedef struct check {
    size_t offset; ///< of the number in sv_health_metrics
    double above;
    sv_severity level;
    const char *message;
} check;

static const check CHECKS[] = {
    { offsetof(sv_health_metrics, cpu_percent), 90, SV_SEVERITY_WARNING, "High CPU usage" },
    { offsetof(sv_health_metrics, memory_percent), 85, SV_SEVERITY_WARNING, "High memory usage" },
    { offsetof(sv_health_metrics, disk_percent), 90, SV_SEVERITY_CRITICAL, "Disk space low" },
    { offsetof(sv_health_metrics, temperature_c), 80, SV_SEVERITY_CRITICAL, "CPU overheating" },
};
_Static_assert(SV_COUNT(CHECKS) <= SV_HEALTH_ALERTS_MAX, "every check may speak at once");

/// A number's or text's place in the report and in the struct.
typedef struct member {
    const char *name;
    size_t offset;
} member;

static const member NUMBERS[] = {
    { "cpu_usage", offsetof(sv_health_metrics, cpu_percent) },
    { "memory_usage", offsetof(sv_health_metrics, memory_percent) },
    { "disk_usage", offsetof(sv_health_metrics, disk_percent) },
    { "temperature", offsetof(sv_health_metrics, temperature_c) },
    { "uptime", offsetof(sv_health_metrics, uptime_s) },
};
static const member NETWORK[] = {
    { "bytes_sent", offsetof(sv_health_metrics, net_sent_bytes) },
    { "bytes_recv", offsetof(sv_health_metrics, net_recv_bytes) },
};
/// When the certificate ends and is renewed.
static const member MOMENTS[] = {
    { "ends", offsetof(sv_health_metrics, certificate_end_us) },
    { "renews", offsetof(sv_health_metrics, renewal_us) },
};

static const member TEXTS[] = {
    { "firmware_version", offsetof(sv_health_metrics, firmware_version) },
    { "slot", offsetof(sv_health_metrics, slot) },
    { "boot_state", offsetof(sv_health_metrics, boot_state) },
};

static double number_at(const sv_health_metrics *metrics, size_t offset) {
    return *(const double *) (const void *) ((const char *) metrics + offset);
}

static double *number_in(sv_health_metrics *metrics, size_t offset) {
    return (double *) (void *) ((char *) metrics + offset);
}

void sv_health_check(sv_health *health) {
    health->alert_count = 0;
    for (size_t i = 0; i < SV_COUNT(CHECKS); i++) {
        if (number_at(&health->metrics, CHECKS[i].offset) > CHECKS[i].above) {
            sv_health_alert *alert = &health->alerts[health->alert_count++];
            alert->level = CHECKS[i].level;
            (void) snprintf(alert->message, sizeof alert->message, "%s", CHECKS[i].message);
        }
    }
}

const char *sv_health_status(const sv_health *health) {
    sv_severity worst = SV_SEVERITY_INFO;
    for (size_t i = 0; i < health->alert_count; i++) {
        worst = health->alerts[i].level > worst ? health->alerts[i].level : worst;
    }
    return health->alert_count == 0 ? "healthy" : sv_severity_name(worst);
}

static void put_numbers(sv_json_out *json, const sv_health_metrics *metrics, const member *members,
                        size_t count) {
    for (size_t i = 0; i < count; i++) {
        sv_json_add_number(json, members[i].name, number_at(metrics, members[i].offset));
    }
}

static void put_moment(sv_json_out *json, const char *name, int64_t at_us) {
    char room[SV_TIMESTAMP_MAX];
    sv_textbuf at = SV_TEXTBUF(room);
    sv_time_add(&at, at_us);
    if (at_us == 0) {
        sv_json_add_str(json, name, NULL);
    } else {
        sv_json_add_text(json, name, sv_textbuf_text(&at));
    }
}

static void put_certificate(sv_json_out *json, const sv_health_metrics *metrics) {
    if (metrics->certificate_end_us == 0) {
        return;
    }
    sv_json_key(json, "certificate");
    sv_json_open_object(json);
    put_moment(json, "ends", metrics->certificate_end_us);
    put_moment(json, "renews", metrics->renewal_us);
    sv_json_close_object(json);
}

static void put_metrics(sv_json_out *json, const sv_health_metrics *metrics) {
    char room[SV_TIMESTAMP_MAX];
    sv_textbuf at = SV_TEXTBUF(room);
    sv_time_add(&at, metrics->at_us);
    sv_json_key(json, "metrics");
    sv_json_open_object(json);
    sv_json_add_str(json, "device_id", metrics->device_id);
    sv_json_add_text(json, "timestamp", sv_textbuf_text(&at));
    put_numbers(json, metrics, NUMBERS, SV_COUNT(NUMBERS));
    sv_json_key(json, "network");
    sv_json_open_object(json);
    put_numbers(json, metrics, NETWORK, SV_COUNT(NETWORK));
    sv_json_close_object(json);
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        const char *text = (const char *) metrics + TEXTS[i].offset;
        sv_json_add_str(json, TEXTS[i].name, text[0] == '\0' ? NULL : text);
    }
    put_certificate(json, metrics);
    sv_json_close_object(json);
}

void sv_health_format(const sv_health *health, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "status", sv_health_status(health));
    sv_json_key(&json, "alerts");
    sv_json_open_array(&json);
    for (size_t i = 0; i < health->alert_count; i++) {
        sv_json_open_object(&json);
        sv_json_add_str(&json, "level", sv_severity_name(health->alerts[i].level));
        sv_json_add_str(&json, "message", health->alerts[i].message);
        sv_json_close_object(&json);
    }
    sv_json_close_array(&json);
    put_metrics(&json, &health->metrics);
    sv_json_close_object(&json);
}

static bool is_absent(const sv_json *value) {
    return value == NULL || sv_json_is_null(value);
}

static sv_err take_numbers(const sv_json *object, const member *members, size_t count,
                           sv_health_metrics *out, sv_why *why) {
    for (size_t i = 0; i < count; i++) {
        const sv_json *value = sv_json_get(object, members[i].name);
        double *number = number_in(out, members[i].offset);
        *number = SV_NAN;
        if (!is_absent(value) && !sv_json_number(value, number)) {
            return sv_fail(why, SV_ERR_INVALID, "health: %s is neither a number nor null",
                           members[i].name);
        }
    }
    return SV_OK;
}

static sv_err take_texts(const sv_json *object, sv_health_metrics *out, sv_why *why) {
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        const sv_json *value = sv_json_get(object, TEXTS[i].name);
        sv_text text = SV_TEXT("");
        if ((!is_absent(value) && !sv_json_text(value, &text))
            || sv_text_copy(text, (char *) out + TEXTS[i].offset, SV_VERSION_MAX) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "health: %s is not a text of at most %d bytes",
                           TEXTS[i].name, SV_VERSION_MAX - 1);
        }
    }
    return SV_OK;
}

static sv_err take_certificate(const sv_json *object, sv_health_metrics *out, sv_why *why) {
    for (size_t i = 0; i < SV_COUNT(MOMENTS); i++) {
        const sv_json *value = sv_json_get(object, MOMENTS[i].name);
        sv_text text = SV_TEXT("");
        int64_t at_us = 0;
        if (!is_absent(value)
            && (!sv_json_text(value, &text) || sv_time_parse(text, &at_us) != SV_OK)) {
            return sv_fail(why, SV_ERR_INVALID, "health: certificate: %s is not a time",
                           MOMENTS[i].name);
        }
        *(int64_t *) (void *) ((char *) out + MOMENTS[i].offset) = at_us;
    }
    return SV_OK;
}

static sv_err take_who_and_when(const sv_json *object, sv_text expected_id, sv_health_metrics *out,
                                sv_why *why) {
    sv_text id = SV_TEXT("");
    sv_text at = SV_TEXT("");
    if (!sv_json_text(sv_json_get(object, "device_id"), &id)) {
        return sv_fail(why, SV_ERR_INVALID, "health: device_id is missing or not a text");
    }
    SV_TRY(sv_id_check("health: device_id", id, why));
    if (!sv_text_eq(id, expected_id)) {
        return sv_fail(why, SV_ERR_INVALID, "health: device_id \"%.*s\" is not \"%.*s\"",
                       SV_TEXT_ARG(id), SV_TEXT_ARG(expected_id));
    }
    if (!sv_json_text(sv_json_get(object, "timestamp"), &at)
        || sv_time_parse(at, &out->at_us) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "health: timestamp is missing or not a time");
    }
    return sv_text_copy(id, out->device_id, sizeof out->device_id);
}

static sv_err take_metrics(const sv_json *object, sv_text expected_id, sv_health_metrics *out,
                           sv_why *why) {
    if (!sv_json_is_object(object)) {
        return sv_fail(why, SV_ERR_INVALID, "health: metrics is missing or not an object");
    }
    SV_TRY(take_who_and_when(object, expected_id, out, why));
    SV_TRY(take_numbers(object, NUMBERS, SV_COUNT(NUMBERS), out, why));
    SV_TRY(take_numbers(sv_json_get(object, "network"), NETWORK, SV_COUNT(NETWORK), out, why));
    SV_TRY(take_certificate(sv_json_get(object, "certificate"), out, why));
    return take_texts(object, out, why);
}

static bool take_level(const sv_json *value, sv_severity *out) {
    sv_text text = SV_TEXT("");
    for (unsigned i = 0; sv_json_text(value, &text) && i < SV_SEVERITY__COUNT; i++) {
        if (sv_text_is(text, sv_severity_name((sv_severity) i))) {
            *out = (sv_severity) i;
            return true;
        }
    }
    return false;
}

static sv_err take_alerts(const sv_json *array, sv_health *out, sv_why *why) {
    if (!is_absent(array) && !sv_json_is_array(array)) {
        return sv_fail(why, SV_ERR_INVALID, "health: alerts is not an array");
    }
    if (sv_json_count(array) > SV_HEALTH_ALERTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "health: %zu alerts; at most %d are taken",
                       sv_json_count(array), SV_HEALTH_ALERTS_MAX);
    }
    for (size_t i = 0; i < sv_json_count(array); i++) {
        const sv_json *item = sv_json_at(array, i);
        sv_health_alert *alert = &out->alerts[out->alert_count];
        sv_text message = SV_TEXT("");
        if (!take_level(sv_json_get(item, "level"), &alert->level)
            || !sv_json_text(sv_json_get(item, "message"), &message)
            || sv_text_copy(message, alert->message, sizeof alert->message) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID,
                           "health: an alert needs level (info, warning, critical) and a message "
                           "of at most %zu bytes",
                           sizeof alert->message - 1);
        }
        out->alert_count++;
    }
    return SV_OK;
}

sv_err sv_health_parse(sv_text payload, sv_text expected_id, sv_health *out, sv_why *why) {
    if (payload.len > SV_HEALTH_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "health: %zu bytes; at most %d are taken", payload.len,
                       SV_HEALTH_BYTES_MAX);
    }
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(payload, &root, NULL, why));
    sv_health health = { .alert_count = 0 };
    SV_TRY(take_metrics(sv_json_get(root, "metrics"), expected_id, &health.metrics, why));
    SV_TRY(take_alerts(sv_json_get(root, "alerts"), &health, why));
    *out = health;
    return SV_OK;
}
