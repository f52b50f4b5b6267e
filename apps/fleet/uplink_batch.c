#include "uplink_batch.h"

#include "uplink.h"

#include <base/mem.h>
#include <model/id.h>
#include <stdlib.h>

enum { EPOCH_LEN = 32 };

static sv_err check_epoch(sv_text epoch, sv_why *why) {
    return epoch.len == EPOCH_LEN && sv_id_is_valid(epoch)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "epoch is not %d hexadecimal digits", EPOCH_LEN);
}

static bool read_point(const sv_json *item, sv_point *out) {
    sv_text kind;
    int64_t at_us;
    if (!sv_json_text(sv_json_get(item, "kind"), &kind)
        || !sv_json_int(sv_json_get(item, "at"), &at_us) || at_us < 0) {
        return false;
    }
    *out = (sv_point){ .at_ms = at_us / 1000, .count = 1 };
    (void) sv_json_bool(sv_json_get(item, "corrected"), &out->corrected);
    if (sv_text_is(kind, "average")) {
        out->kind = SV_POINT_AVERAGE;
        bool ok = sv_json_number(sv_json_get(item, "value"), &out->value);
        out->min = out->value;
        out->max = out->value;
        return ok;
    }
    out->kind = SV_POINT_SUMMARY;
    return sv_text_is(kind, "summary") && sv_json_number(sv_json_get(item, "mean"), &out->value)
           && sv_json_number(sv_json_get(item, "min"), &out->min)
           && sv_json_number(sv_json_get(item, "max"), &out->max)
           && sv_json_int(sv_json_get(item, "count"), &out->count) && out->count > 0
           && out->min <= out->max;
}

static void read_item(const sv_json *item, sv_uplink_item *out) {
    *out = (sv_uplink_item){ .unit = SV_TEXT("") };
    if (!sv_json_int(sv_json_get(item, "seq"), &out->seq) || out->seq < 1) {
        out->seq = 0;
    }
    (void) sv_json_text(sv_json_get(item, "unit"), &out->unit);
    out->good = read_point(item, &out->point)
                && sv_json_text(sv_json_get(item, "device_id"), &out->device_id)
                && sv_json_text(sv_json_get(item, "sensor"), &out->sensor);
    out->says_expected =
        out->good && out->point.kind == SV_POINT_SUMMARY && sv_expected_read(item, &out->expected);
    out->expected.at_ms = out->point.at_ms;
}

static sv_err read_root(sv_uplink_batch *batch, sv_why *why) {
    const sv_json *items = sv_json_get(batch->root, "items");
    if (!sv_json_is_object(batch->root)) {
        return sv_fail(why, SV_ERR_INVALID, "the body is not a JSON object");
    }
    (void) sv_json_text(sv_json_get(batch->root, "epoch"), &batch->epoch);
    (void) sv_json_int(sv_json_get(batch->root, "from"), &batch->from);
    SV_TRY(check_epoch(batch->epoch, why));
    if (!sv_json_is_array(items)) {
        return sv_fail(why, SV_ERR_INVALID, "items is not an array");
    }
    batch->count = sv_json_count(items);
    if (batch->count > SV_UPLINK_ITEMS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu items are more than %d; send smaller batches",
                       batch->count, SV_UPLINK_ITEMS_MAX);
    }
    batch->items = sv_mem_array(batch->count + 1, sizeof *batch->items);
    for (size_t i = 0; i < batch->count; i++) {
        read_item(sv_json_at(items, i), &batch->items[i]);
    }
    return SV_OK;
}

sv_err sv_uplink_batch_parse(sv_text body, sv_uplink_batch *out, sv_why *why) {
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch batch = { .epoch = SV_TEXT("") };
    SV_TRY(sv_json_parse(body, &batch.root, NULL, why));
    SV_TRY(read_root(&batch, why));
    *out = batch;
    batch = (sv_uplink_batch){ .epoch = SV_TEXT("") };
    return SV_OK;
}

sv_err sv_uplink_batch_read(sv_text body, sv_uplink_batch *out, sv_why *why) {
    return sv_uplink_batch_flat(body, out) ? check_epoch(out->epoch, why)
                                           : sv_uplink_batch_parse(body, out, why);
}

void sv_uplink_batch_drop(sv_uplink_batch *batch) {
    free(batch->items);
    sv_json_drop(&batch->root);
    batch->items = NULL;
    batch->count = 0;
}
