#include "reading_flat.h"

#include <base/time.h>
#include <codec/json_flat.h>
#include <math.h>

#define EXACT_INTEGER_MAX 9007199254740992.0 // 2^53

typedef enum member {
    VALUE,
    TIMESTAMP,
    DEVICE_ID,
    UNIT,
    EPOCH,
    SEQ,
    BOOT,
    UPTIME,
    SENSOR,
    MEMBERS
} member;

static const struct {
    const char *name;
    bool number;
} KNOWN[MEMBERS] = {
    [VALUE] = { "value", true },          [TIMESTAMP] = { "timestamp", false },
    [DEVICE_ID] = { "device_id", false }, [UNIT] = { "unit", false },
    [EPOCH] = { "epoch", false },         [SEQ] = { "seq", true },
    [BOOT] = { "boot", false },           [UPTIME] = { "uptime", true },
    [SENSOR] = { "sensor", false },
};

static bool take_member(sv_json_flat *c, sv_text members[MEMBERS]) {
    sv_text name = SV_TEXT("");
    if (!sv_json_flat_text(c, &name) || !sv_json_flat_mark(c, ':')) {
        return false;
    }
    for (member which = 0; which < MEMBERS; which++) {
        if (sv_text_is(name, KNOWN[which].name)) {
            bool again = members[which].at != NULL;
            return !again
                   && (KNOWN[which].number ? sv_json_flat_number(c, &members[which])
                                           : sv_json_flat_text(c, &members[which]));
        }
    }
    return false;
}

static bool take_object(sv_text payload, sv_text members[MEMBERS]) {
    sv_json_flat c = sv_json_flat_of(payload);
    if (!sv_json_flat_mark(&c, '{')) {
        return false;
    }
    do {
        if (!take_member(&c, members)) {
            return false;
        }
    } while (sv_json_flat_mark(&c, ','));
    return sv_json_flat_mark(&c, '}') && sv_json_flat_end(&c);
}

/// A short text and a whole number, both or neither.
static bool read_pair(sv_text name, size_t name_max, sv_text number, int64_t least,
                      sv_text *name_out, int64_t *number_out) {
    double read = 0;
    *name_out = name;
    if (name.at == NULL && number.at == NULL) {
        return true;
    }
    if (name.len == 0 || name.len > name_max || sv_num_parse(number, &read) != SV_OK
        || read < (double) least || read > EXACT_INTEGER_MAX || trunc(read) != read) {
        return false;
    }
    *number_out = (int64_t) read;
    return true;
}

static bool read_members(const sv_text members[MEMBERS], sv_text sensor, sv_reading *out) {
    sv_reading reading = { .key = { .device_id = members[DEVICE_ID], .sensor = sensor },
                           .timestamp = members[TIMESTAMP],
                           .unit = members[UNIT] };
    bool good =
        sv_num_parse(members[VALUE], &reading.value) == SV_OK
        && sv_id_is_valid(reading.key.device_id) && reading.timestamp.len < SV_TIMESTAMP_MAX
        && sv_time_parse(reading.timestamp, &reading.at_us) == SV_OK
        && reading.unit.len <= SV_UNIT_MAX
        && read_pair(members[EPOCH], SV_EPOCH_MAX, members[SEQ], 1, &reading.epoch, &reading.seq)
        && read_pair(members[BOOT], SV_BOOT_MAX, members[UPTIME], 0, &reading.boot,
                     &reading.uptime_us);
    if (good) {
        *out = reading;
    }
    return good;
}

bool sv_reading_flat_read(const sv_reading_key *key, sv_text payload, sv_reading *out) {
    sv_text members[MEMBERS] = { { .at = NULL } };
    return take_object(payload, members) && sv_text_eq(members[DEVICE_ID], key->device_id)
           && read_members(members, key->sensor, out);
}

bool sv_reading_flat_line(sv_text line, sv_reading *out) {
    sv_text members[MEMBERS] = { { .at = NULL } };
    return take_object(line, members) && sv_id_is_valid(members[SENSOR])
           && read_members(members, members[SENSOR], out);
}
