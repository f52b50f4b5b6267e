#include "device_list.h"

#include "machine_health.h"
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
    if (query->version[0] != '\0' && strcmp(query->version, sv_device_runs(device)) != 0) {
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
           || strcasestr(sv_device_runs(device), query->text) != NULL;
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
    int64_t key;
    char id[SV_ID_ROOM];
} place;

static int64_t key_of(const sv_device_query *query, const sv_device *device) {
    switch (query->sort) {
    case SV_DEVICES_BY_LAST_SEEN:
        return device->last_seen_us;
    case SV_DEVICES_BY_URGENCY:
        return urgency(device);
    case SV_DEVICES_BY_MACHINE:
        return sv_machine_badness(device);
    case SV_DEVICES_BY_ID:
        break;
    }
    return 0;
}

static int highest_first(const place *a, const place *b) {
    if (a->key != b->key) {
        return a->key > b->key ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

/// The last device of the page before: `<key>.<id>`.
static sv_err read_cursor(const char *cursor, place *out, sv_why *why) {
    sv_text rest = sv_text_of(cursor);
    sv_text number = sv_text_cut(&rest, '.');
    uint64_t key;
    if (sv_text_u64(number, INT64_MAX, &key) != SV_OK || !sv_id_is_valid(rest)) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    out->key = (int64_t) key;
    return sv_text_copy(rest, out->id, sizeof out->id);
}

static void put_next(sv_json_out *out, const place *last) {
    if (last == NULL) {
        sv_json_add_null(out, "next");
        return;
    }
    char room[SV_DEVICE_CURSOR_MAX];
    sv_textbuf cursor = SV_TEXTBUF(room);
    sv_textbuf_addf(&cursor, "%lld.%s", (long long) last->key, last->id);
    sv_json_add_text(out, "next", sv_textbuf_text(&cursor));
}

// ---- a page -------------------------------------------------------------------------------------

struct sv_device_listing {
    sv_fleet *fleet;
    const sv_device_query *query;
    place before;  ///< the last one of the page before
    size_t total;  ///< of all pages
    size_t beyond; ///< from this page on
    size_t count;  ///< shown so far, never more than query->limit
    place found[]; ///< in their order
};

sv_err sv_device_listing_new(sv_fleet *fleet, const sv_device_query *query, sv_device_listing **out,
                             sv_why *why) {
    place before = { .key = INT64_MAX };
    if (query->cursor[0] != '\0') {
        SV_TRY(read_cursor(query->cursor, &before, why));
    }
    sv_device_listing *listing = sv_mem_new(sizeof *listing + query->limit * sizeof(place));
    listing->fleet = fleet;
    listing->query = query;
    listing->before = before;
    *out = listing;
    return SV_OK;
}

void sv_device_listing_drop(sv_device_listing **listing) {
    free(*listing);
    *listing = NULL;
}

/// Where it would stand on the page.
static size_t rank_of(const sv_device_listing *listing, const place *one) {
    size_t low = 0;
    size_t high = listing->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (highest_first(&listing->found[middle], one) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// A page that is full gives its last one away for what comes before it.
static void keep(sv_device_listing *listing, const place *one) {
    size_t limit = listing->query->limit;
    if (listing->count == limit && highest_first(&listing->found[limit - 1], one) < 0) {
        return;
    }
    size_t at = rank_of(listing, one);
    listing->count += listing->count < limit;
    memmove(listing->found + at + 1, listing->found + at,
            (listing->count - 1 - at) * sizeof(place));
    listing->found[at] = *one;
}

void sv_device_listing_look(sv_device_listing *listing, const sv_device *device) {
    const sv_device_query *query = listing->query;
    if (!matches(query, device) || !stands(listing->fleet, query, device)) {
        return;
    }
    place one = { .key = key_of(query, device) };
    memcpy(one.id, device->id, sizeof one.id);
    listing->total++;
    if (highest_first(&listing->before, &one) < 0) {
        listing->beyond++;
        keep(listing, &one);
    }
}

void sv_device_listing_write(const sv_device_listing *listing, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    for (size_t i = 0; i < listing->count; i++) {
        const sv_device *device =
            sv_registry_device(listing->fleet->registry, sv_text_of(listing->found[i].id));
        if (device != NULL) { // it may have gone while others were looked at
            sv_view_device(listing->fleet, device, true, out);
        }
    }
    sv_json_close_array(out);
    bool more = listing->beyond > listing->count;
    put_next(out, more ? &listing->found[listing->count - 1] : NULL);
    sv_json_add_int(out, "total", (int64_t) listing->total);
    sv_json_close_object(out);
}
