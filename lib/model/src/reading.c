#include "reading_flat.h"

#include <base/time.h>
#include <codec/encode.h>
#include <math.h>
#include <model/reading.h>

static const char *const FAULTS[SV_READING_FAULT__COUNT] = {
    [SV_READING_FINE] = "fine",
    [SV_READING_TOPIC] = "topic",
    [SV_READING_TOO_LARGE] = "too_large",
    [SV_READING_JSON] = "json",
    [SV_READING_DUPLICATE_KEY] = "duplicate_key",
    [SV_READING_UTF8] = "utf8",
    [SV_READING_SHAPE] = "shape",
    [SV_READING_VALUE] = "value",
    [SV_READING_TIMESTAMP] = "timestamp",
    [SV_READING_NO_DEVICE] = "no_device",
    [SV_READING_WRONG_DEVICE] = "wrong_device",
    [SV_READING_SENSOR] = "sensor",
    [SV_READING_SEQ] = "seq",
    [SV_READING_REPEATED] = "repeated",
};

const char *sv_reading_fault_name(sv_reading_fault fault) {
    return (unsigned) fault < SV_READING_FAULT__COUNT ? FAULTS[fault] : "unknown";
}

sv_err sv_reading_key_parse(sv_text topic, sv_reading_key *out, sv_why *why) {
    sv_text rest = topic;
    sv_text root = sv_text_cut(&rest, '/');
    sv_text device_id = sv_text_cut(&rest, '/');
    sv_text sensor = rest;
    if (!sv_text_is(root, "sensors")) {
        return sv_fail(why, SV_ERR_INVALID, "topic does not start with sensors/");
    }
    SV_TRY(sv_id_check("device id", device_id, why));
    SV_TRY(sv_id_check("sensor", sensor, why));
    *out = (sv_reading_key){ .device_id = device_id, .sensor = sensor };
    return SV_OK;
}

void sv_reading_key_format(const sv_reading_key *key, sv_textbuf *out) {
    sv_textbuf_add_str(out, "sensors/");
    sv_textbuf_add(out, key->device_id);
    sv_textbuf_add_char(out, '/');
    sv_textbuf_add(out, key->sensor);
}

static sv_reading_fault refused(sv_reading_fault fault, sv_why *why, const char *sentence) {
    (void) sv_fail(why, SV_ERR_INVALID, "%s", sentence);
    return fault;
}

static sv_reading_fault take_device(const sv_reading_key *key, const sv_json *object,
                                    sv_reading *out, sv_why *why) {
    sv_text device_id = SV_TEXT("");
    if (!sv_json_text(sv_json_get(object, "device_id"), &device_id)) {
        return refused(SV_READING_NO_DEVICE, why, "device_id is missing or not a text");
    }
    if (key->device_id.len > 0 && !sv_text_eq(device_id, key->device_id)) {
        (void) sv_fail(why, SV_ERR_INVALID, "device_id \"%.*s\" is not the \"%.*s\" of the topic",
                       (int) (device_id.len < 80 ? device_id.len : 80), device_id.at,
                       SV_TEXT_ARG(key->device_id));
        return SV_READING_WRONG_DEVICE;
    }
    if (sv_id_check("device_id", device_id, why) != SV_OK) {
        return SV_READING_WRONG_DEVICE;
    }
    out->key.device_id = device_id;
    return SV_READING_FINE;
}

static sv_reading_fault take_time(const sv_json *object, sv_reading *out, sv_why *why) {
    if (!sv_json_text(sv_json_get(object, "timestamp"), &out->timestamp)) {
        return refused(SV_READING_TIMESTAMP, why, "timestamp is missing or not a text");
    }
    if (out->timestamp.len >= SV_TIMESTAMP_MAX
        || sv_time_parse(out->timestamp, &out->at_us) != SV_OK) {
        (void) sv_fail(why, SV_ERR_INVALID,
                       "timestamp \"%.*s\" is not a time such as 2026-11-22T06:15:04.123456",
                       (int) (out->timestamp.len < 60 ? out->timestamp.len : 60),
                       out->timestamp.at);
        return SV_READING_TIMESTAMP;
    }
    return SV_READING_FINE;
}

/// Absent is fine; present it must be a short text.
static bool take_short(const sv_json *object, const char *name, size_t max, sv_text *out) {
    const sv_json *value = sv_json_get(object, name);
    return value == NULL || (sv_json_text(value, out) && out->len <= max);
}

static sv_reading_fault take_numbering(const sv_json *object, sv_reading *out, sv_why *why) {
    const sv_json *seq = sv_json_get(object, "seq");
    bool numbered = sv_json_get(object, "epoch") != NULL || seq != NULL;
    if (!take_short(object, "epoch", SV_EPOCH_MAX, &out->epoch)
        || (numbered && (out->epoch.len == 0 || !sv_json_int(seq, &out->seq) || out->seq < 1))) {
        return refused(SV_READING_SEQ, why,
                       "epoch must be a short text and seq a whole number from 1, both or neither");
    }
    return SV_READING_FINE;
}

static sv_reading_fault take_uptime(const sv_json *object, sv_reading *out, sv_why *why) {
    const sv_json *uptime = sv_json_get(object, "uptime");
    const sv_json *proven = sv_json_get(object, "proven");
    bool given = sv_json_get(object, "boot") != NULL || uptime != NULL || proven != NULL;
    if (!take_short(object, "boot", SV_BOOT_MAX, &out->boot)
        || (given
            && (out->boot.len == 0 || !sv_json_int(uptime, &out->uptime_us) || out->uptime_us < 0))
        || (proven != NULL && !sv_json_bool(proven, &out->proven))) {
        return refused(SV_READING_TIMESTAMP, why,
                       "boot must be a short text and uptime whole microseconds, both or neither; "
                       "proven beside them is true or false");
    }
    return SV_READING_FINE;
}

bool sv_reading_take_instant(const sv_json *object, sv_reading *out) {
    *out = (sv_reading){ .value = 0 };
    return take_time(object, out, NULL) == SV_READING_FINE
           && take_uptime(object, out, NULL) == SV_READING_FINE && out->boot.len > 0;
}

sv_reading_fault sv_reading_from_json(const sv_reading_key *key, const sv_json *object,
                                      sv_reading *out, sv_why *why) {
    sv_reading reading = { .key = *key };
    if (!sv_json_is_object(object)) {
        return refused(SV_READING_SHAPE, why, "a reading is a JSON object");
    }
    if (!sv_json_number(sv_json_get(object, "value"), &reading.value)) {
        return refused(SV_READING_VALUE, why, "value is missing or not a number");
    }
    sv_reading_fault fault = take_device(key, object, &reading, why);
    fault = fault != SV_READING_FINE ? fault : take_time(object, &reading, why);
    fault = fault != SV_READING_FINE ? fault : take_numbering(object, &reading, why);
    fault = fault != SV_READING_FINE ? fault : take_uptime(object, &reading, why);
    if (fault != SV_READING_FINE) {
        return fault;
    }
    if (!take_short(object, "unit", SV_UNIT_MAX, &reading.unit)) {
        return refused(SV_READING_SHAPE, why, "unit is not a text of at most 16 bytes");
    }
    *out = reading;
    return SV_READING_FINE;
}

/// What SenML's base fields have said so far (RFC 8428 §4.1).
typedef struct senml_base {
    double time_s;
    double value;
    sv_text unit;
    bool foreign; ///< bn names somebody else
    bool spoiled; ///< a base field was of the wrong kind: what follows has no known meaning
} senml_base;

#define SENML_RELATIVE_BELOW 268435456.0 // 2^28, RFC 8428 §4.5.3
#define SECONDS_MIN (-62135596800.0)     // the year 1
#define SECONDS_MAX 253402300800.0       // the end of the year 9999

static bool optional_number(const sv_json *object, const char *name, double *out) {
    const sv_json *value = sv_json_get(object, name);
    return value == NULL || sv_json_number(value, out);
}

static void take_base(const sv_reading_key *key, const sv_json *record, senml_base *base) {
    sv_text name = SV_TEXT("");
    bool good = optional_number(record, "bt", &base->time_s)
                && optional_number(record, "bv", &base->value)
                && take_short(record, "bu", SV_UNIT_MAX, &base->unit);
    base->spoiled = base->spoiled || !good;
    if (sv_json_get(record, "bn") != NULL) {
        base->foreign = !take_short(record, "bn", SV_ID_MAX, &name)
                        || (name.len > 0 && !sv_text_eq(name, key->device_id));
    }
}

static sv_reading_fault senml_name(const sv_json *record, const senml_base *base, sv_reading *out,
                                   sv_why *why) {
    if (base->foreign) {
        return refused(SV_READING_WRONG_DEVICE, why,
                       "SenML bn must be empty or the topic's device id");
    }
    sv_text name = out->key.sensor;
    if (!take_short(record, "n", SV_ID_MAX, &name)) {
        return refused(SV_READING_SENSOR, why, "SenML n is not a text of at most 64 bytes");
    }
    if (sv_id_check("SenML n", name, why) != SV_OK) {
        return SV_READING_SENSOR;
    }
    out->key.sensor = name;
    return SV_READING_FINE;
}

static sv_reading_fault senml_value(const sv_json *record, const senml_base *base, sv_reading *out,
                                    sv_why *why) {
    out->unit = base->unit;
    if (!take_short(record, "u", SV_UNIT_MAX, &out->unit)) {
        return refused(SV_READING_SHAPE, why, "SenML u is not a text of at most 16 bytes");
    }
    if (!sv_json_number(sv_json_get(record, "v"), &out->value)) {
        return refused(SV_READING_VALUE, why, "SenML v is missing or not a number");
    }
    out->value += base->value;
    return isfinite(out->value) ? SV_READING_FINE
                                : refused(SV_READING_VALUE, why, "SenML bv + v is not finite");
}

/// As llround, which lies in a library of its own.
static int64_t nearest(double value) {
    int64_t whole = (int64_t) value;
    double rest = value - (double) whole;
    return whole + (rest >= 0.5) - (rest <= -0.5);
}

static sv_reading_fault senml_time(const sv_json *record, const senml_base *base,
                                   int64_t received_us, sv_reading *out, sv_why *why) {
    double time_s = 0;
    if (!optional_number(record, "t", &time_s)) {
        return refused(SV_READING_TIMESTAMP, why, "SenML t is not a number");
    }
    time_s += base->time_s;
    double zero_s = time_s < SENML_RELATIVE_BELOW ? (double) received_us / 1e6 : 0;
    if (!(time_s + zero_s >= SECONDS_MIN && time_s + zero_s < SECONDS_MAX)) {
        return refused(SV_READING_TIMESTAMP, why, "SenML bt + t is not a time");
    }
    out->at_us = nearest(time_s * 1e6) + (time_s < SENML_RELATIVE_BELOW ? received_us : 0);
    return SV_READING_FINE;
}

static sv_reading_fault senml_record(const sv_reading_key *key, const sv_json *record,
                                     int64_t received_us, senml_base *base, sv_reading *out,
                                     sv_why *why) {
    sv_reading reading = { .key = *key };
    if (!sv_json_is_object(record)) {
        return refused(SV_READING_SHAPE, why, "a SenML record is a JSON object");
    }
    take_base(key, record, base);
    if (base->spoiled) {
        return refused(SV_READING_SHAPE, why, "SenML bt and bv are numbers, bu a short text");
    }
    sv_reading_fault fault = senml_name(record, base, &reading, why);
    fault = fault != SV_READING_FINE ? fault : senml_value(record, base, &reading, why);
    fault = fault != SV_READING_FINE ? fault : senml_time(record, base, received_us, &reading, why);
    if (fault == SV_READING_FINE) {
        *out = reading;
    }
    return fault;
}

static bool looks_like_senml(const sv_json *array) {
    const sv_json *first = sv_json_at(array, 0);
    return sv_json_get(first, "value") == NULL
           && (sv_json_get(first, "v") != NULL || sv_json_get(first, "n") != NULL
               || sv_json_get(first, "bn") != NULL || sv_json_get(first, "bt") != NULL);
}

/// Refused for whatever reason; its number is worth knowing all the same.
static void refuse_object(const sv_reading_key *key, const sv_json *object, sv_reading_fault fault,
                          const sv_why *why, sv_reading_refuse *refuse, void *arg) {
    sv_reading reading = { .key = *key };
    sv_why ignored;
    bool numbered =
        take_numbering(object, &reading, &ignored) == SV_READING_FINE && reading.epoch.len > 0;
    refuse(arg, fault, numbered ? &reading : NULL, why);
}

static void take_array(const sv_reading_key *key, const sv_json *array, int64_t received_us,
                       sv_reading_take *take, sv_reading_refuse *refuse, void *arg) {
    bool senml = looks_like_senml(array);
    senml_base base = { .unit = SV_TEXT("") };
    for (size_t i = 0; i < sv_json_count(array); i++) {
        sv_why why = { 0 };
        sv_reading reading = { .seq = 0 };
        const sv_json *item = sv_json_at(array, i);
        sv_reading_fault fault = senml ? senml_record(key, item, received_us, &base, &reading, &why)
                                       : sv_reading_from_json(key, item, &reading, &why);
        if (fault == SV_READING_FINE) {
            take(arg, &reading);
        } else {
            refuse_object(key, item, fault, &why, refuse, arg);
        }
    }
}

static sv_reading_fault fault_of(sv_json_fault fault) {
    static const sv_reading_fault FROM[] = {
        [SV_JSON_FINE] = SV_READING_FINE,
        [SV_JSON_SYNTAX] = SV_READING_JSON,
        [SV_JSON_DUPLICATE_KEY] = SV_READING_DUPLICATE_KEY,
        [SV_JSON_BAD_UTF8] = SV_READING_UTF8,
        [SV_JSON_NOT_FINITE] = SV_READING_VALUE,
        [SV_JSON_TOO_DEEP] = SV_READING_JSON,
    };
    return FROM[fault];
}

void sv_reading_payload_parse(const sv_reading_key *key, sv_text payload, int64_t received_us,
                              sv_reading_take *take, sv_reading_refuse *refuse, void *arg) {
    sv_why why = { 0 };
    if (payload.len > SV_READING_PAYLOAD_MAX) {
        (void) sv_fail(&why, SV_ERR_INVALID, "the payload has %zu bytes; at most %d are taken",
                       payload.len, SV_READING_PAYLOAD_MAX);
        refuse(arg, SV_READING_TOO_LARGE, NULL, &why);
        return;
    }
    sv_reading usual;
    if (sv_reading_flat_read(key, payload, &usual)) {
        take(arg, &usual);
        return;
    }
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_fault json_fault = SV_JSON_FINE;
    if (sv_json_parse(payload, &root, &json_fault, &why) != SV_OK) {
        refuse(arg, fault_of(json_fault), NULL, &why);
        return;
    }
    if (!sv_json_is_array(root)) {
        sv_reading reading = { .seq = 0 };
        sv_reading_fault fault = sv_reading_from_json(key, root, &reading, &why);
        if (fault == SV_READING_FINE) {
            take(arg, &reading);
        } else {
            refuse_object(key, root, fault, &why, refuse, arg);
        }
        return;
    }
    if (sv_json_count(root) > SV_READING_BATCH_MAX) {
        (void) sv_fail(&why, SV_ERR_INVALID, "%zu readings in one message; at most %d are taken",
                       sv_json_count(root), SV_READING_BATCH_MAX);
        refuse(arg, SV_READING_TOO_LARGE, NULL, &why);
        return;
    }
    take_array(key, root, received_us, take, refuse, arg);
}

sv_err sv_reading_line_parse(sv_text line, sv_reading *out, sv_json **root, sv_why *why) {
    sv_reading_key key = { .device_id = SV_TEXT("") };
    *root = NULL;
    if (sv_reading_flat_line(line, out)) {
        return SV_OK;
    }
    SV_TRY(sv_json_parse(line, root, NULL, why));
    if (!sv_json_text(sv_json_get(*root, "sensor"), &key.sensor)) {
        return sv_fail(why, SV_ERR_INVALID, "sensor is missing or not a text");
    }
    SV_TRY(sv_id_check("sensor", key.sensor, why));
    return sv_reading_from_json(&key, *root, out, why) == SV_READING_FINE ? SV_OK : SV_ERR_INVALID;
}

void sv_reading_format(const sv_reading *reading, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_number(&json, "value", reading->value);
    char room[SV_TIMESTAMP_MAX];
    sv_textbuf formatted = SV_TEXTBUF(room);
    sv_time_add(&formatted, reading->at_us);
    sv_json_add_text(&json, "timestamp",
                     reading->timestamp.len > 0 ? reading->timestamp : sv_textbuf_text(&formatted));
    sv_json_add_text(&json, "device_id", reading->key.device_id);
    if (reading->unit.len > 0) {
        sv_json_add_text(&json, "unit", reading->unit);
    }
    if (reading->epoch.len > 0) {
        sv_json_add_text(&json, "epoch", reading->epoch);
        sv_json_add_int(&json, "seq", reading->seq);
    }
    if (reading->boot.len > 0) {
        sv_json_add_text(&json, "boot", reading->boot);
        sv_json_add_int(&json, "uptime", reading->uptime_us);
        if (reading->proven) {
            sv_json_add_bool(&json, "proven", true);
        }
    }
    sv_json_close_object(&json);
}
