#include "device_list.h"

#include "views.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static bool matches(const sv_device_query *query, const sv_device *device) {
    if (query->site[0] != '\0' && strcmp(query->site, device->site->name) != 0) {
        return false;
    }
    if (query->online >= 0 && device->online != (query->online > 0)) {
        return false;
    }
    if (query->health >= 0 && device->health != (sv_fleet_health) query->health) {
        return false;
    }
    return query->text[0] == '\0' || strcasestr(device->id, query->text) != NULL
           || strcasestr(device->site->name, query->text) != NULL
           || strcasestr(device->type, query->text) != NULL
           || strcasestr(device->version, query->text) != NULL;
}

static int newest_first(const void *left, const void *right) {
    const sv_device *a = *(sv_device *const *) left;
    const sv_device *b = *(sv_device *const *) right;
    if (a->last_seen_us != b->last_seen_us) {
        return a->last_seen_us > b->last_seen_us ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

/// The last device of the page before: `<last_seen>.<id>`.
static sv_err read_cursor(const char *cursor, sv_device *out, sv_why *why) {
    sv_text rest = sv_text_of(cursor);
    sv_text number = sv_text_cut(&rest, '.');
    uint64_t seen;
    if (sv_text_u64(number, INT64_MAX, &seen) != SV_OK || !sv_id_is_valid(rest)) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    out->last_seen_us = (int64_t) seen;
    return sv_text_copy(rest, out->id, sizeof out->id);
}

static bool is_after(const sv_device_query *query, const sv_device *device, const sv_device *last) {
    return query->by_last_seen ? newest_first(&device, &last) > 0
                               : strcmp(device->id, last->id) > 0;
}

static void put_next(sv_json_out *out, const sv_device *last) {
    if (last == NULL) {
        sv_json_add_null(out, "next");
        return;
    }
    char room[SV_DEVICE_CURSOR_MAX];
    sv_textbuf cursor = SV_TEXTBUF(room);
    sv_textbuf_addf(&cursor, "%lld.%s", (long long) last->last_seen_us, last->id);
    sv_json_add_text(out, "next", sv_textbuf_text(&cursor));
}

sv_err sv_device_list(sv_fleet *fleet, const sv_device_query *query, sv_json_out *out,
                      sv_why *why) {
    sv_device last = { 0 };
    if (query->cursor[0] != '\0') {
        SV_TRY(read_cursor(query->cursor, &last, why));
    }
    size_t known = sv_registry_device_count(fleet->registry);
    SV_DEFER(sv_mem_drop) sv_device **found = sv_mem_array(known + 1, sizeof(sv_device *));
    size_t total = 0;
    for (size_t i = 0; i < known; i++) {
        sv_device *device = sv_registry_device_at(fleet->registry, i);
        if (matches(query, device)) {
            found[total++] = device;
        }
    }
    if (query->by_last_seen) {
        qsort(found, total, sizeof(sv_device *), newest_first);
    }
    size_t at = 0;
    while (query->cursor[0] != '\0' && at < total && !is_after(query, found[at], &last)) {
        at++;
    }
    size_t end = total - at > query->limit ? at + query->limit : total;
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    for (; at < end; at++) {
        sv_view_device(fleet, found[at], true, out);
    }
    sv_json_close_array(out);
    put_next(out, end < total ? found[end - 1] : NULL);
    sv_json_add_int(out, "total", (int64_t) total);
    sv_json_close_object(out);
    return SV_OK;
}
