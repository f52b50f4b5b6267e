#include "asks.h"

#include "series_ask.h"
#include "try.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { STATUS_OK = 200, ID_BYTES = 16 };

/// One that is being answered.
typedef struct ask {
    gw *g;
    char id[GW_ASK_ID_ROOM];
    gw_series_question series;
} ask;

// ---- the way up ---------------------------------------------------------------------------------

/// One that does not arrive is not sent again: whoever waits for it does not for long.
static void sent(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    (void) arg;
    if (reply->status != STATUS_OK) {
        SV_LOG(warn, "ask.unanswered", "the fleet server did not take an answer: status %d %s",
               reply->status, reply->status == 0 && why != NULL ? why->text : "");
    }
}

static void send(gw *g, const sv_textbuf *body) {
    char path[SV_ID_ROOM + 64];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/answers", g->config.id);
    if (!gw_uplink_post(g, path, body, sent)) {
        SV_LOG(warn, "ask.unanswered", "the fleet server cannot be told an answer now");
    }
}

void gw_ask_refuse(gw *g, const char *id, int status, sv_text why) {
    char room[2 * GW_ASK_WHY_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", id);
    sv_json_add_int(&out, "status", status);
    sv_json_add_text(&out, "why", why);
    sv_json_close_object(&out);
    send(g, &body);
}

void gw_ask_answer(gw *g, const char *id, sv_text json) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(GW_ASK_ANSWER_MAX);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", id);
    sv_json_key(&out, "answer");
    sv_json_put_raw(&out, json);
    sv_json_close_object(&out);
    if (body.overflowed) {
        gw_ask_refuse(g, id, 507, SV_TEXT("the answer is too large: ask for less"));
    } else {
        send(g, &body);
    }
}

// ---- series -------------------------------------------------------------------------------------

/// [ask-4]
static bool may_leave(const gw *g, const gw_series_question *q) {
    sv_stream_rules rules;
    sv_rules_for(g->config.rules, sv_text_of(q->device), sv_text_of(q->sensor), &rules);
    return rules.uplink != SV_UPLINK_NEVER;
}

static void series_done(void *arg, int status, sv_text said) {
    SV_DEFER(sv_mem_drop) ask *a = arg;
    if (!may_leave(a->g, &a->series)) {
        char why[GW_ASK_WHY_MAX];
        (void) snprintf(why, sizeof why, "%s of %s never leaves the site: its rules say so",
                        a->series.sensor, a->series.device);
        gw_ask_refuse(a->g, a->id, 403, sv_text_of(why));
    } else if (status == STATUS_OK) {
        gw_ask_answer(a->g, a->id, said);
    } else {
        gw_ask_refuse(a->g, a->id, status, said);
    }
}

static bool read_id(const sv_json *object, const char *key, char room[SV_ID_ROOM]) {
    sv_text text;
    return sv_json_text(sv_json_get(object, key), &text) && sv_id_is_valid(text)
           && sv_text_copy(text, room, SV_ID_ROOM) == SV_OK;
}

static bool read_series(const sv_json *question, gw_series_question *out) {
    const int64_t max_ms = INT64_MAX / 1000 / 2;
    int64_t points = 0;
    if (!read_id(question, "device", out->device) || !read_id(question, "sensor", out->sensor)
        || !sv_json_int(sv_json_get(question, "from"), &out->from_ms)
        || !sv_json_int(sv_json_get(question, "to"), &out->to_ms)
        || !sv_json_int(sv_json_get(question, "points"), &points)) {
        return false;
    }
    out->points = (size_t) points;
    return out->from_ms >= 0 && out->from_ms <= out->to_ms && out->to_ms <= max_ms && points >= 1
           && points <= GW_ASK_POINTS_MAX;
}

static bool take_series(gw *g, const gw_asking *asking) {
    gw_series_question series;
    if (!read_series(asking->question, &series)) {
        return false;
    }
    ask *a = sv_mem_new(sizeof *a);
    *a = (ask){ .g = g, .series = series };
    memcpy(a->id, asking->id, sizeof a->id);
    if (may_leave(g, &series)) {
        gw_series_ask(g, &series, series_done, a);
    } else {
        series_done(a, 403, SV_TEXT("")); // without a look at the store
    }
    return true;
}

// ---- which question -----------------------------------------------------------------------------

static const struct {
    const char *what;
    bool (*take)(gw *g, const gw_asking *asking); ///< false: it breaks its format
} QUESTIONS[] = {
    { "series", take_series },
    { "backtest", gw_try_take },
};

static bool read_ask(const sv_json *data, char id[GW_ASK_ID_ROOM], int64_t *until_ms,
                     sv_text *what) {
    sv_text text;
    uint8_t bytes[ID_BYTES];
    return sv_json_text(sv_json_get(data, "id"), &text)
           && sv_hex_parse(text, bytes, sizeof bytes) == SV_OK
           && sv_text_copy(text, id, GW_ASK_ID_ROOM) == SV_OK
           && sv_json_int(sv_json_get(data, "until"), until_ms)
           && sv_json_text(sv_json_get(data, "what"), what);
}

gw_event_end gw_ask_take(gw *g, int64_t id, const sv_json *data) {
    char name[GW_ASK_ID_ROOM];
    int64_t until_ms = 0;
    sv_text what;
    (void) id; // it has no effect that could be had twice
    if (!read_ask(data, name, &until_ms, &what)) {
        return GW_EVENT_REFUSED;
    }
    if (sv_clock_wall_us() / 1000 > until_ms) {
        return GW_EVENT_IDLE;
    }
    for (size_t i = 0; i < SV_COUNT(QUESTIONS); i++) {
        if (sv_text_is(what, QUESTIONS[i].what)) {
            const gw_asking asking = { .id = name,
                                       .until_ms = until_ms,
                                       .question = sv_json_get(data, "question") };
            return QUESTIONS[i].take(g, &asking) ? GW_EVENT_DONE : GW_EVENT_REFUSED;
        }
    }
    gw_ask_refuse(
        g, name, 501,
        SV_TEXT("this gateway does not know what is asked: it is older than the fleet server"));
    return GW_EVENT_DONE;
}
