#include "group_door.h"

#include "deed.h"
#include "inventory.h"
#include "site_groups.h"
#include "views.h"
#include "walk.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- whom a query means -------------------------------------------------------------------------

/// Somebody who asks, until all devices were looked at.
typedef struct asking {
    sv_visit visit;
    sv_query query;
    int64_t count;
    size_t sampled;
    char sample[SV_QUERY_SAMPLE_MAX][SV_ID_ROOM];
} asking;

static void ask_one(void *arg, sv_device *device) {
    asking *a = arg;
    if (!sv_person_sees(&a->visit.person, sv_text_of(device->site->name))) {
        return;
    }
    a->count++;
    if (a->sampled < SV_QUERY_SAMPLE_MAX) {
        memcpy(a->sample[a->sampled++], device->id, SV_ID_ROOM);
    }
}

/// `done` gets it, and frees it.
static void ask(const sv_visit *v, const sv_query *query,
                void (*done)(void *arg, sv_err err, const sv_why *why)) {
    asking *a = sv_mem_new(sizeof *a);
    a->visit = *v;
    a->query = *query;
    const sv_walk walk = { .query = &a->query, .each = ask_one, .done = done, .arg = a };
    sv_walk_begin(v->fleet, &walk);
}

// ---- looking ------------------------------------------------------------------------------------

static void write_group(const sv_visit *v, int64_t fitting) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_group_write(v->fleet, v->id, fitting, &out, &why), &json, &why);
}

static void answer_counted_group(void *arg, sv_err err, const sv_why *why) {
    asking *a = arg;
    if (err == SV_OK) {
        write_group(&a->visit, a->count);
    } else {
        sv_visit_failure(&a->visit, err, why);
    }
    free(a);
}

static void answer_group(const sv_visit *v, sv_err err, const sv_why *why) {
    const sv_query *query = sv_groups_query(v->fleet->inventory->groups, v->id);
    if (err != SV_OK) {
        sv_visit_failure(v, err, why);
    } else if (query != NULL) {
        ask(v, query, answer_counted_group);
    } else {
        write_group(v, 0);
    }
}

void sv_group_door_list(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_group_list(v->fleet, &out, &why), &json, &why);
}

void sv_group_door_show(sv_visit *v) {
    answer_group(v, SV_OK, NULL);
}

// ---- changes ------------------------------------------------------------------------------------

static void name_it(const sv_visit *v, char about[SV_AUDIT_NAME_MAX]) {
    (void) snprintf(about, SV_AUDIT_NAME_MAX, "%.*s",
                    (int) (v->id.len < SV_ID_MAX ? v->id.len : SV_ID_MAX), v->id.at);
}

/// A deed of `err`, after which the group in memory is as in the database.
static sv_err end(const sv_visit *v, sv_err err, const sv_deed *deed, sv_why *why) {
    SV_TRY(sv_deed_end(v, err, deed, why));
    sv_site_groups_changed(v->fleet);
    return sv_inventory_settle_group(v->fleet, v->id, why);
}

static sv_err store(const sv_visit *v, const sv_json *body, sv_why *why) {
    const sv_json *ids = sv_json_get(body, "devices");
    sv_query query;
    sv_text text;
    if (sv_json_is_array(ids)) {
        return sv_group_store_list(v->fleet, v->id, ids, v->person.user, why);
    }
    if (ids != NULL || !sv_json_text(sv_json_get(body, "query"), &text)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the body must be {\"devices\":[\"press-1\"]} or {\"query\":\"site = "
                       "plant-1\"}");
    }
    SV_TRY(sv_query_read(text, &query, why));
    return sv_group_store_query(v->fleet, v->id, &query, v->person.user, why);
}

void sv_group_door_put(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    char about[SV_AUDIT_NAME_MAX];
    sv_why why = { 0 };
    sv_err err = sv_json_parse(sv_http_body(v->request), &body, NULL, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    name_it(v, about);
    const sv_deed deed = { .what = "group.set", .about = about, .after = sv_http_body(v->request) };
    err = sv_deed_begin(v, &why);
    err = err == SV_OK ? end(v, store(v, body, &why), &deed, &why) : err;
    answer_group(v, err, &why);
}

void sv_group_door_remove(sv_visit *v) {
    char about[SV_AUDIT_NAME_MAX];
    sv_why why = { 0 };
    name_it(v, about);
    const sv_deed deed = { .what = "group.remove", .about = about };
    sv_err err = sv_deed_begin(v, &why);
    err = err == SV_OK ? end(v, sv_group_remove(v->fleet, v->id, &why), &deed, &why) : err;
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

// ---- tags ---------------------------------------------------------------------------------------

static void answer_tags(const sv_visit *v, const sv_device *device, sv_err err, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    err = err == SV_OK ? sv_tags_write(v->fleet, device, &out, why) : err;
    sv_visit_json(v, err, &json, why);
}

void sv_group_door_show_tags(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    sv_why why = { 0 };
    if (device != NULL) {
        answer_tags(v, device, SV_OK, &why);
    }
}

void sv_group_door_put_tags(sv_visit *v) {
    sv_device *device = sv_visit_device(v);
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    if (device == NULL) {
        return;
    }
    if (sv_json_parse(sv_http_body(v->request), &body, NULL, &why) != SV_OK
        || !sv_json_is_array(sv_json_get(body, "tags"))) {
        sv_http_problem(v->request, 400, "Bad request", "the body must be {\"tags\":[\"pilot\"]}");
        return;
    }
    const sv_deed deed = { .what = "device.tags",
                           .about = device->id,
                           .after = sv_http_body(v->request) };
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_tags_store(v->fleet, device, sv_json_get(body, "tags"), &why);
        err = sv_deed_end(v, err, &deed, &why);
        err = err == SV_OK ? sv_inventory_settle_tags(v->fleet, device, &why) : err;
        sv_site_groups_look(v->fleet, device);
    }
    answer_tags(v, device, err, &why);
}

// ---- queries ------------------------------------------------------------------------------------

static void write_asked(const asking *a, sv_json_out *out) {
    char room[SV_QUERY_BYTES_MAX];
    sv_textbuf usual = SV_TEXTBUF(room);
    sv_query_format(&a->query, &usual);
    sv_json_open_object(out);
    sv_json_add_text(out, "query", sv_textbuf_text(&usual));
    sv_json_add_int(out, "devices", a->count);
    sv_json_key(out, "sample");
    sv_json_open_array(out);
    for (size_t i = 0; i < a->sampled; i++) {
        sv_json_put_str(out, a->sample[i]);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}

static void answer_asked(void *arg, sv_err err, const sv_why *why) {
    asking *a = arg;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    if (err == SV_OK) {
        write_asked(a, &out);
    }
    sv_visit_json(&a->visit, err, &json, why);
    free(a);
}

void sv_group_door_query(sv_visit *v) {
    char text[SV_QUERY_BYTES_MAX + 1] = "";
    sv_query query;
    sv_why why = { 0 };
    if (sv_http_query(v->request, "q", text, sizeof text) != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request", "q must be a query of 1 to %d bytes",
                        SV_QUERY_BYTES_MAX);
        return;
    }
    sv_err err = sv_inventory_read(v->fleet, sv_text_of(text), &query, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    ask(v, &query, answer_asked);
}
