// Whatever the flat reader takes, the JSON parser takes with the same content.
#include "uplink_batch.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same_expected(const sv_expected *left, const sv_expected *right) {
    return left->at_ms == right->at_ms && left->score == right->score && left->low == right->low
           && left->high == right->high;
}

static bool is_same(const sv_uplink_item *left, const sv_uplink_item *right) {
    const sv_point *a = &left->point;
    const sv_point *b = &right->point;
    return left->seq == right->seq && left->good == right->good
           && sv_text_eq(left->device_id, right->device_id)
           && sv_text_eq(left->sensor, right->sensor) && sv_text_eq(left->unit, right->unit)
           && a->kind == b->kind && a->at_ms == b->at_ms && a->value == b->value && a->min == b->min
           && a->max == b->max && a->count == b->count && a->corrected == b->corrected
           && left->says_expected == right->says_expected
           && (!left->says_expected || is_same_expected(&left->expected, &right->expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text body = { .at = (const char *) data, .len = size };
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch flat = { .epoch = SV_TEXT("") };
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch parsed = { .epoch = SV_TEXT("") };
    if (!sv_uplink_batch_flat(body, &flat)) {
        return 0;
    }
    sv_err err = sv_uplink_batch_parse(body, &parsed, NULL);
    sv_why why;
    if (err != SV_OK) {
        // The epoch alone is judged afterwards.
        SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch read = { .epoch = SV_TEXT("") };
        if (sv_uplink_batch_read(body, &read, &why) != err) {
            abort();
        }
        return 0;
    }
    if (!sv_text_eq(flat.epoch, parsed.epoch) || flat.from != parsed.from
        || flat.count != parsed.count) {
        abort();
    }
    for (size_t i = 0; i < flat.count; i++) {
        if (!is_same(&flat.items[i], &parsed.items[i])) {
            abort();
        }
    }
    return 0;
}
