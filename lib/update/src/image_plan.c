#include <update/image.h>

static bool is_missing(const sv_image_plan *plan, uint64_t chunk) {
    return plan->has == NULL || !plan->has(plan->arg, chunk);
}

bool sv_image_plan_next(const sv_image_plan *plan, uint64_t from, sv_image_fetch *out) {
    uint64_t count = sv_image_index_count(plan->index);
    uint64_t first = from;
    while (first < count && !is_missing(plan, first)) {
        first++;
    }
    if (first >= count) {
        return false;
    }
    sv_image_range whole = sv_image_stored(plan->index, first);
    uint64_t end = first + 1;     // of what is to be fetched
    uint64_t ahead = whole.bytes; // bytes up to the chunk that is looked at
    for (uint64_t i = end; i < count; i++) {
        uint64_t bytes = sv_image_stored_bytes(plan->index, i);
        if (ahead + bytes > plan->bytes_max || ahead - whole.bytes > plan->gap_bytes_max) {
            break;
        }
        ahead += bytes;
        if (is_missing(plan, i)) {
            whole.bytes = ahead;
            end = i + 1;
        }
    }
    *out = (sv_image_fetch){ .first = first, .count = end - first, .range = whole };
    return true;
}
