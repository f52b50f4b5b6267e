#include "device_list.h"

#include "standing.h"
#include "views.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

/// Who is retired is shown when asked for.
static bool stands(const sv_fleet *fleet, const sv_device_query *query, const sv_device *device) {
    sv_standing_state state = sv_standing_of(fleet->standing, sv_text_of(device->id)).state;
    return query->standing == SV_DEVICES_OF_ALL_TIMES
           || (query->standing == SV_DEVICES_STANDING ? state != SV_STANDING_RETIRED
                                                      : (int) state == query->standing);
}

static bool matches(const sv_device_query *query, const sv_device *device) {
    if (query->sites != NULL && !sv_sites_have(query->sites, sv_text_of(device->site->name))) {
        return false;
    }
    if (query->site[0] != '\0' && strcmp(query->site, device->site->name) != 0) {
        return false;
    }
    if (query->online >= 0 && device->online != (query->online > 0)) {
        return false;
    }
    if (query->health >= 0 && sv_device_health(device) != (sv_fleet_health) query->health) {
        return false;
    }
    return query->text[0] == '\0' || strcasestr(device->id, query->text) != NULL
           || strcasestr(device->site->name, query->text) != NULL
           || strcasestr(device->type, query->text) != NULL
           || strcasestr(device->version, query->text) != NULL;
}

// What an operator looks at first has the highest number.
static int64_t urgency(const sv_device *device) {
    static const int64_t RANKS[SV_FLEET_HEALTH__COUNT] = { [SV_FLEET_HEALTHY] = 0,
                                                           [SV_FLEET_UNKNOWN] = 2,
                                                           [SV_FLEET_WARNING] = 6,
                                                           [SV_FLEET_CRITICAL] = 8 };
    int64_t rank = RANKS[sv_device_health(device)];
    rank = !device->online && rank < 4 && !sv_device_is_awaited(device) ? 4 : rank;
    return rank + sv_device_needs_you(device);
}

/// A device and what it is sorted by, highest first; its id decides between equals.
typedef struct place {
    sv_device *device;
    int64_t key;
} place;

static int64_t key_of(const sv_device_query *query, const sv_device *device) {
    switch (query->sort) {
    case SV_DEVICES_BY_LAST_SEEN:
        return device->last_seen_us;
    case SV_DEVICES_BY_URGENCY:
        return urgency(device);
    case SV_DEVICES_BY_ID:
        break;
    }
    return 0;
}

static int highest_first(const void *left, const void *right) {
    const place *a = left;
    const place *b = right;
    if (a->key != b->key) {
        return a->key > b->key ? -1 : 1;
    }
    return strcmp(a->device->id, b->device->id);
}

/// The last device of the page before: `<key>.<id>`.
static sv_err read_cursor(const char *cursor, sv_device *device, place *out, sv_why *why) {
    sv_text rest = sv_text_of(cursor);
    sv_text number = sv_text_cut(&rest, '.');
    uint64_t key;
    if (sv_text_u64(number, INT64_MAX, &key) != SV_OK || !sv_id_is_valid(rest)) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    *out = (place){ .device = device, .key = (int64_t) key };
    return sv_text_copy(rest, device->id, sizeof device->id);
}

static void put_next(sv_json_out *out, const place *last) {
    if (last == NULL) {
        sv_json_add_null(out, "next");
        return;
    }
    char room[SV_DEVICE_CURSOR_MAX];
    sv_textbuf cursor = SV_TEXTBUF(room);
    sv_textbuf_addf(&cursor, "%lld.%s", (long long) last->key, last->device->id);
    sv_json_add_text(out, "next", sv_textbuf_text(&cursor));
}

sv_err sv_device_list(sv_fleet *fleet, const sv_device_query *query, sv_json_out *out,
                      sv_why *why) {
    sv_device unknown = { 0 };
    place last = { 0 };
    if (query->cursor[0] != '\0') {
        SV_TRY(read_cursor(query->cursor, &unknown, &last, why));
    }
    size_t known = sv_registry_device_count(fleet->registry);
    SV_DEFER(sv_mem_drop) place *found = sv_mem_array(known + 1, sizeof(place));
    size_t total = 0;
    for (size_t i = 0; i < known; i++) {
        sv_device *device = sv_registry_device_at(fleet->registry, i);
        if (matches(query, device) && stands(fleet, query, device)) {
            found[total++] = (place){ .device = device, .key = key_of(query, device) };
        }
    }
    if (query->sort != SV_DEVICES_BY_ID) {
        qsort(found, total, sizeof(place), highest_first);
    }
    size_t at = 0;
    while (query->cursor[0] != '\0' && at < total && highest_first(&found[at], &last) <= 0) {
        at++;
    }
    size_t end = total - at > query->limit ? at + query->limit : total;
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    for (; at < end; at++) {
        sv_view_device(fleet, found[at].device, true, out);
    }
    sv_json_close_array(out);
    put_next(out, end < total ? &found[end - 1] : NULL);
    sv_json_add_int(out, "total", (int64_t) total);
    sv_json_close_object(out);
    return SV_OK;
}
