#include "enrol_door.h"

#include "access.h"
#include "enrol.h"
#include "views.h"

#include <base/mem.h>
#include <string.h>

/// A body as it was asked for.
typedef struct asked {
    sv_enrol_wish *wishes;
    size_t count;
    int64_t minutes;
    bool check; ///< only say what is wrong
} asked;

// ---- reading ------------------------------------------------------------------------------------

/// A member that is a short text; absent leaves "" unless it is required.
static bool read_word(const sv_json *object, const char *key, bool required, char *room,
                      size_t room_bytes) {
    const sv_json *value = sv_json_get(object, key);
    sv_text text = SV_TEXT("");
    if (value == NULL || sv_json_is_null(value)) {
        room[0] = '\0';
        return !required;
    }
    return sv_json_text(value, &text) && text.len > 0
           && sv_text_copy(text, room, room_bytes) == SV_OK;
}

static sv_err read_wish(const sv_json *item, size_t index, sv_enrol_wish *out, sv_why *why) {
    const struct {
        const char *key;
        char *room;
        size_t bytes;
        bool required;
    } words[] = {
        { "id", out->id, sizeof out->id, true },
        { "site", out->site, sizeof out->site, true },
        { "type", out->type, sizeof out->type, false },
        { "idevid", out->idevid, sizeof out->idevid, false },
    };
    for (size_t i = 0; i < SV_COUNT(words); i++) {
        if (!read_word(item, words[i].key, words[i].required, words[i].room, words[i].bytes)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "devices[%zu]: %s is missing, no text, or longer "
                           "than %zu bytes",
                           index, words[i].key, words[i].bytes - 1);
        }
    }
    return SV_OK;
}

static sv_err read_body(const sv_json *body, asked *out, sv_why *why) {
    const sv_json *devices = sv_json_get(body, "devices");
    const sv_json *minutes = sv_json_get(body, "minutes");
    const sv_json *check = sv_json_get(body, "check");
    out->count = sv_json_count(devices);
    out->minutes = SV_ENROL_MINUTES_DEFAULT;
    if (!sv_json_is_array(devices) || out->count == 0 || out->count > SV_ENROL_MANY_MAX
        || (minutes != NULL && !sv_json_int(minutes, &out->minutes))
        || (check != NULL && !sv_json_bool(check, &out->check))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the body must be {\"devices\":[{\"id\",\"site\"}, 1 to %d of them],"
                       "\"minutes\":%d}",
                       SV_ENROL_MANY_MAX, SV_ENROL_MINUTES_DEFAULT);
    }
    out->wishes = sv_mem_array(out->count, sizeof *out->wishes);
    for (size_t i = 0; i < out->count; i++) {
        SV_TRY(read_wish(sv_json_at(devices, i), i, &out->wishes[i], why));
    }
    return SV_OK;
}

// ---- answering ----------------------------------------------------------------------------------

/// What is wrong with each, and nothing is made. [enrol-6]
static void tell_faults(sv_visit *v, const asked *a) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "faults");
    sv_json_open_array(&out);
    for (size_t i = 0; i < a->count; i++) {
        if (sv_enrol_check(v->fleet, &a->wishes[i], false, &why) == SV_OK) {
            continue;
        }
        sv_json_open_object(&out);
        sv_json_add_int(&out, "item", (int64_t) i);
        sv_json_add_str(&out, "sentence", why.text);
        sv_json_close_object(&out);
    }
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    sv_visit_json(v, SV_OK, &json, &why);
}

static void give(sv_visit *v, const asked *a, const sv_enrol_grant *grants, const char *pin) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_json_open_array(&out);
    for (size_t i = 0; i < a->count; i++) {
        sv_enrol_write(v->fleet, &a->wishes[i], &grants[i], pin, &out);
    }
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    sv_http_reply(v->request, 201, "application/json", sv_textbuf_text(&json));
    explicit_bzero(json.at, json.len);
}

static void add(sv_visit *v, const asked *a) {
    SV_DEFER(sv_mem_drop)
    sv_enrol_grant *grants = sv_mem_array(a->count, sizeof *grants);
    const sv_enrol_order order = { .wishes = a->wishes,
                                   .count = a->count,
                                   .minutes = a->minutes,
                                   .user = v->person.user,
                                   .from = sv_http_peer(v->request) };
    char pin[SV_PIN_TEXT_ROOM];
    sv_why why = { 0 };
    if (sv_enrol_pin(v->fleet, pin, &why) != SV_OK) {
        sv_http_problem(v->request, 503, "Not available", "%s", why.text);
        return;
    }
    sv_err err = sv_enrol_add(v->fleet, &order, grants, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    give(v, a, grants, pin);
    explicit_bzero(grants, a->count * sizeof *grants);
}

/// Nobody adds a device where he sees nothing. [people-13]
static bool sees_each(const sv_visit *v, const asked *a) {
    for (size_t i = 0; i < a->count; i++) {
        const sv_device *device =
            sv_registry_device(v->fleet->registry, sv_text_of(a->wishes[i].id));
        if (!sv_person_sees(&v->person, sv_text_of(a->wishes[i].site))) {
            sv_access_denied(v->fleet, v->request, v->person.user,
                             "a device of a site that is not seen");
            sv_http_problem(v->request, 404, "Not found", "there is no site '%s'",
                            a->wishes[i].site);
            return false;
        }
        // An id is taken once for all sites; where it is, is told to who sees it.
        if (device != NULL && !sv_person_sees(&v->person, sv_text_of(device->site->name))) {
            sv_http_problem(v->request, 409, "Conflict", "the id %s is taken", a->wishes[i].id);
            return false;
        }
    }
    return true;
}

void sv_enrol_door_add(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    asked a = { 0 };
    sv_err err = sv_json_parse(sv_http_body(v->request), &body, NULL, &why);
    if (err == SV_OK) {
        err = read_body(body, &a, &why);
    }
    if (err != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request", "%s", why.text);
    } else if (sees_each(v, &a)) {
        (a.check ? tell_faults : add)(v, &a);
    }
    sv_mem_drop(&a.wishes);
}

void sv_enrol_door_list(sv_visit *v) {
    const char *states[SV_ENROL_STATE__COUNT + 1] = { NULL };
    char id[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX];
    int64_t limit = SV_ENROL_LIMIT_DEFAULT;
    sv_enrol_query query = { .state = -1 };
    for (int i = 0; i < SV_ENROL_STATE__COUNT; i++) {
        states[i] = sv_enrol_state_name((sv_enrol_state) i);
    }
    if (!sv_visit_word(v, "id", id) || !sv_visit_word(v, "cursor", cursor)
        || !sv_visit_choice(v, "state", states, &query.state)
        || !sv_visit_number(v, "limit", SV_ENROL_LIMIT_MAX, &limit)) {
        return;
    }
    query.sites = v->person.sites;
    query.id = id[0] != '\0' ? id : NULL;
    query.cursor = sv_text_of(cursor);
    query.limit = limit > 0 ? (size_t) limit : 1;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_enrol_list(v->fleet, &query, &out, &why), &json, &why);
}

void sv_enrol_door_withdraw(sv_visit *v) {
    sv_why why = { 0 };
    sv_err err = sv_enrol_withdraw(v->fleet, v->id, v->person.user, sv_http_peer(v->request), &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}
