#include "device_list_door.h"

#include "device_list.h"
#include "inventory.h"
#include "standing.h"
#include "views.h"
#include "walk.h"

#include <base/mem.h>
#include <stdlib.h>

/// Somebody who asks, until all devices were looked at.
typedef struct asking {
    sv_visit visit;
    char text[SV_VISIT_WORD_MAX], site[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX], version[SV_VISIT_WORD_MAX];
    sv_query fits;
    sv_device_query query;
    sv_device_listing *listing;
} asking;

/// False: the request is answered.
static bool read_query(asking *a) {
    const sv_visit *v = &a->visit;
    char text[SV_QUERY_BYTES_MAX + 1] = "";
    sv_why why = { 0 };
    sv_err err = sv_http_query(v->request, "query", text, sizeof text);
    if (err == SV_ERR_NOT_FOUND || (err == SV_OK && text[0] == '\0')) {
        return true;
    }
    err = err == SV_OK ? sv_inventory_read(v->fleet, sv_text_of(text), &a->fits, &why)
                       : sv_fail(&why, SV_ERR_INVALID, "query is broken or longer than %d bytes",
                                 SV_QUERY_BYTES_MAX);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return false;
    }
    a->query.query = &a->fits;
    return true;
}

/// False: the request is answered.
static bool read_all(asking *a) {
    static const char *const STATUS[] = { "offline", "online", NULL };
    static const char *const HEALTH[] = { "unknown", "healthy", "warning", "critical", NULL };
    static const char *const STANDING[] = { "active",  "quarantined", "revoked",
                                            "retired", "all",         NULL };
    static const char *const SORT[] = { "id", "last_seen", "urgency", "machine", NULL };
    const sv_visit *v = &a->visit;
    sv_device_query *query = &a->query;
    int64_t limit = SV_DEVICE_LIMIT_DEFAULT;
    int sort = 0;
    *query = (sv_device_query){ .text = a->text,
                                .site = a->site,
                                .version = a->version,
                                .cursor = a->cursor,
                                .online = -1,
                                .health = -1,
                                .standing = SV_DEVICES_STANDING,
                                .sites = v->person.sites };
    if (!sv_visit_word(v, "q", a->text) || !sv_visit_word(v, "site", a->site)
        || !sv_visit_word(v, "cursor", a->cursor) || !sv_visit_word(v, "version", a->version)
        || !sv_visit_choice(v, "status", STATUS, &query->online)
        || !sv_visit_choice(v, "health", HEALTH, &query->health)
        || !sv_visit_choice(v, "standing", STANDING, &query->standing)
        || !sv_visit_choice(v, "sort", SORT, &sort)
        || !sv_visit_number(v, "limit", SV_DEVICE_LIMIT_MAX, &limit) || !read_query(a)) {
        return false;
    }
    if (query->standing == SV_STANDING__COUNT) {
        query->standing = SV_DEVICES_OF_ALL_TIMES;
    }
    query->sort = (sv_device_sort) sort;
    query->limit = limit > 0 ? (size_t) limit : 1;
    return true;
}

static void look_at(void *arg, sv_device *device) {
    asking *a = arg;
    sv_device_listing_look(a->listing, device);
}

static void answer(void *arg, sv_err err, const sv_why *why) {
    asking *a = arg;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    if (err == SV_OK) {
        sv_device_listing_write(a->listing, &out);
    }
    sv_visit_json(&a->visit, err, &json, why);
    sv_device_listing_drop(&a->listing);
    free(a);
}

void sv_device_list_door(sv_visit *v) {
    asking *a = sv_mem_new(sizeof *a);
    sv_why why = { 0 };
    a->visit = *v;
    if (!read_all(a)) {
        free(a);
        return;
    }
    sv_err err = sv_device_listing_new(v->fleet, &a->query, &a->listing, &why);
    if (err != SV_OK) {
        answer(a, err, &why);
        return;
    }
    const sv_walk walk = { .query = a->query.query, .each = look_at, .done = answer, .arg = a };
    sv_walk_begin(v->fleet, &walk);
}
