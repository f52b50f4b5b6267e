#include "notify_door.h"

#include "notify.h"
#include "notify_view.h"
#include "timeline.h"
#include "views.h"

#include <sys/log.h>

void sv_notify_door_setup(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_notify_setup(v->fleet, &out, &why), &json, &why);
}

void sv_notify_door_list(sv_visit *v) {
    static const char *const WORDS[] = { "all", "gathering", "waiting", "sent", "failed", NULL };
    char channel[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX];
    char next[SV_NOTIFY_CURSOR_MAX];
    int state = 0;
    int64_t limit = SV_NOTIFY_LIMIT_DEFAULT;
    if (!sv_visit_choice(v, "state", WORDS, &state) || !sv_visit_word(v, "channel", channel)
        || !sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_NOTIFY_LIMIT_MAX, &limit)) {
        return;
    }
    sv_notify_query query = { .state = state - 1,
                              .channel = channel,
                              .cursor = cursor,
                              .limit = limit > 0 ? (size_t) limit : 1,
                              .sites = v->person.sites };
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_err err = sv_notify_list(v->fleet, &query, &out, next, &why);
    sv_json_add_str(&out, "next", next[0] != '\0' ? next : NULL);
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

void sv_notify_door_show(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_notify_write(v->fleet, v->id, &out, &why), &json, &why);
}

void sv_notify_door_retry(sv_visit *v) {
    sv_why why = { 0 };
    sv_err err = sv_notify_retry(v->fleet, v->id, v->person.user, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    SV_LOG(info, "notify.again", "%s sends " SV_TEXT_FMT " again", v->person.user,
           SV_TEXT_ARG(v->id));
    sv_notify_door_show(v);
}

// ---- tests --------------------------------------------------------------------------------------

static sv_err add_test(const sv_visit *v, const char *channel, const char *route, sv_json_out *out,
                       sv_why *why) {
    char id[SV_MESSAGE_ID_ROOM];
    SV_TRY(sv_notify_test(v->fleet, channel, route, v->person.user, id, why));
    SV_LOG(info, "notify.test", "%s tests channel %s: %s", v->person.user, channel, id);
    sv_json_open_object(out);
    sv_json_add_str(out, "id", id);
    sv_json_add_str(out, "channel", channel);
    sv_json_close_object(out);
    return SV_OK;
}

/// All or none of them.
static void test_all(sv_visit *v, const char *const *channels, size_t count, const char *route) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_json_open_array(&out);
    sv_err err = sv_db_begin(v->fleet->db, &why);
    for (size_t i = 0; err == SV_OK && i < count; i++) {
        err = add_test(v, channels[i], route, &out, &why);
        if (err != SV_OK) {
            sv_db_rollback(v->fleet->db);
        }
    }
    err = err == SV_OK ? sv_db_commit(v->fleet->db, &why) : err;
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
    } else {
        sv_http_reply(v->request, 202, "application/json", sv_textbuf_text(&json));
    }
}

void sv_notify_door_test_channel(sv_visit *v) {
    const sv_channel *channel = sv_notify_channel(v->fleet->config.notify, v->id);
    if (channel == NULL) {
        sv_http_problem(v->request, 404, "Not found", "there is no channel '" SV_TEXT_FMT "'",
                        SV_TEXT_ARG(v->id));
        return;
    }
    const char *name = channel->name;
    test_all(v, &name, 1, "");
}

void sv_notify_door_test_route(sv_visit *v) {
    const sv_route *route = sv_notify_route(v->fleet->config.notify, v->id);
    const char *names[2 * SV_ROUTE_CHANNELS_MAX];
    size_t count = 0;
    if (route == NULL) {
        sv_http_problem(v->request, 404, "Not found", "there is no route '" SV_TEXT_FMT "'",
                        SV_TEXT_ARG(v->id));
        return;
    }
    for (size_t i = 0; i < route->to.count; i++) {
        names[count++] = route->to.list[i];
    }
    for (size_t i = 0; i < route->escalate_to.count; i++) {
        names[count++] = route->escalate_to.list[i];
    }
    test_all(v, names, count, route->name);
}

// ---- the alert's timeline -----------------------------------------------------------------------

void sv_notify_door_timeline(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_err err = sv_timeline_write(v->fleet->db, v->id, &out, &why);
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}
