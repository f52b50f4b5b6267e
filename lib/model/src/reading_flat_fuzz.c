// Whatever the flat reader takes, the JSON parser takes with the same content.
#include "reading_flat.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const sv_reading *left, const sv_reading *right) {
    return left->value == right->value && left->at_us == right->at_us && left->seq == right->seq
           && sv_text_eq(left->key.device_id, right->key.device_id)
           && sv_text_eq(left->key.sensor, right->key.sensor)
           && sv_text_eq(left->timestamp, right->timestamp) && sv_text_eq(left->unit, right->unit)
           && sv_text_eq(left->epoch, right->epoch) && sv_text_eq(left->boot, right->boot)
           && left->uptime_us == right->uptime_us && left->proven == right->proven;
}

/// A line that the flat reader takes, with what the JSON parser makes of it.
static void read_line(sv_text line) {
    sv_reading flat;
    sv_reading parsed;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_reading_key key = { .device_id = SV_TEXT("") };
    if (!sv_reading_flat_line(line, &flat)) {
        return;
    }
    if (sv_json_parse(line, &root, NULL, NULL) != SV_OK
        || !sv_json_text(sv_json_get(root, "sensor"), &key.sensor)
        || sv_reading_from_json(&key, root, &parsed, NULL) != SV_READING_FINE
        || !is_same(&flat, &parsed)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sv_reading_key key = { .device_id = SV_TEXT("device-001"),
                                 .sensor = SV_TEXT("temperature") };
    sv_text payload = { .at = (const char *) data, .len = size };
    sv_reading flat;
    read_line(payload);
    if (!sv_reading_flat_read(&key, payload, &flat)) {
        return 0;
    }
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_reading parsed;
    if (sv_json_parse(payload, &root, NULL, NULL) != SV_OK
        || sv_reading_from_json(&key, root, &parsed, NULL) != SV_READING_FINE
        || !is_same(&flat, &parsed)) {
        abort();
    }
    return 0;
}
