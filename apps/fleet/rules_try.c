#include "rules_try.h"

#include <base/mem.h>
#include <model/alert.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTION_MAX = 64, STATUS_OK = 200, DAMPING_MAX = 32, DAMPINGS_MAX = 8 };

// ---- what a gateway has found -------------------------------------------------------------------

static sv_err no_answer(const char *what, sv_why *why) {
    return sv_fail(why, SV_ERR_INVALID, "the gateway's answer has no %s", what);
}

static sv_err copy_count(const sv_json *from, const char *key, sv_json_out *out, sv_why *why) {
    int64_t count = 0;
    if (!sv_json_int(sv_json_get(from, key), &count) || count < 0) {
        return no_answer(key, why);
    }
    sv_json_add_int(out, key, count);
    return SV_OK;
}

/// `may_miss`: null where there is none.
static sv_err copy_time(const sv_json *from, const char *key, const char *name, bool may_miss,
                        sv_json_out *out, sv_why *why) {
    const sv_json *value = sv_json_get(from, key);
    sv_text text;
    int64_t at_us = 0;
    if (may_miss && (value == NULL || sv_json_is_null(value))) {
        sv_json_add_null(out, name);
        return SV_OK;
    }
    if (!sv_json_text(value, &text) || sv_time_parse(text, &at_us) != SV_OK) {
        return no_answer(key, why);
    }
    sv_json_add_int(out, name, at_us / 1000);
    return SV_OK;
}

/// Of the id grammar; null where it is empty and may be.
static sv_err copy_id(const sv_json *from, const char *key, const char *name, bool may_miss,
                      sv_json_out *out, sv_why *why) {
    sv_text text;
    if (!sv_json_text(sv_json_get(from, key), &text)
        || !(sv_id_is_valid(text) || (may_miss && text.len == 0))) {
        return no_answer(key, why);
    }
    sv_json_key(out, name);
    if (text.len > 0) {
        sv_json_put_text(out, text);
    } else {
        sv_json_put_null(out);
    }
    return SV_OK;
}

static sv_err copy_text(const sv_json *from, const char *key, size_t max, sv_json_out *out,
                        sv_why *why) {
    sv_text text;
    if (!sv_json_text(sv_json_get(from, key), &text) || text.len > max) {
        return no_answer(key, why);
    }
    sv_json_add_text(out, key, text);
    return SV_OK;
}

static const char *type_name(int of) {
    return sv_alert_type_name((sv_alert_type) of);
}

static const char *severity_name(int of) {
    return sv_severity_name((sv_severity) of);
}

static sv_err copy_choice(const sv_json *from, const char *key, const char *name,
                          const char *(*name_of)(int of), int count, sv_json_out *out,
                          sv_why *why) {
    sv_text text = SV_TEXT("");
    (void) sv_json_text(sv_json_get(from, key), &text);
    for (int i = 0; i < count; i++) {
        if (sv_text_is(text, name_of(i))) {
            sv_json_add_str(out, name, name_of(i));
            return SV_OK;
        }
    }
    return no_answer(key, why);
}

static sv_err copy_alert(const sv_json *alert, sv_json_out *out, sv_why *why) {
    sv_json_open_object(out);
    SV_TRY(copy_id(alert, "deviceId", "device", false, out, why));
    SV_TRY(copy_id(alert, "sensor", "sensor", true, out, why));
    SV_TRY(copy_id(alert, "rule", "rule", true, out, why));
    SV_TRY(copy_choice(alert, "alertType", "type", type_name, SV_ALERT_TYPE__COUNT, out, why));
    SV_TRY(copy_choice(alert, "severity", "severity", severity_name, SV_SEVERITY__COUNT, out, why));
    SV_TRY(copy_text(alert, "message", SV_ALERT_MESSAGE_MAX, out, why));
    SV_TRY(copy_time(alert, "raised", "raised_at", false, out, why));
    SV_TRY(copy_time(alert, "cleared", "cleared_at", true, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

static sv_err copy_alerts(const sv_json *list, sv_json_out *out, sv_why *why) {
    size_t count = sv_json_count(list);
    if (!sv_json_is_array(list) || count > SV_RULES_TRY_ALERTS_MAX) {
        return no_answer("list of alerts", why);
    }
    sv_json_key(out, "raised");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        SV_TRY(copy_alert(sv_json_at(list, i), out, why));
    }
    sv_json_close_array(out);
    return SV_OK;
}

/// {"what":["hysteresis",...],"alerts"}, or null: nothing damps them.
static sv_err copy_without(const sv_json *without, sv_json_out *out, sv_why *why) {
    const sv_json *what = sv_json_get(without, "what");
    size_t count = sv_json_count(what);
    sv_json_key(out, "without");
    if (without == NULL || sv_json_is_null(without)) {
        sv_json_put_null(out);
        return SV_OK;
    }
    if (!sv_json_is_array(what) || count > DAMPINGS_MAX) {
        return no_answer("list of what damps", why);
    }
    sv_json_open_object(out);
    sv_json_key(out, "what");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        sv_text text;
        if (!sv_json_text(sv_json_at(what, i), &text) || text.len > DAMPING_MAX) {
            return no_answer("list of what damps", why);
        }
        sv_json_put_text(out, text);
    }
    sv_json_close_array(out);
    SV_TRY(copy_count(without, "alerts", out, why));
    sv_json_close_object(out);
    return SV_OK;
}

static sv_err copy_against(const sv_json *against, sv_json_out *out, sv_why *why) {
    int64_t alerts = 0;
    if (!sv_json_int(sv_json_get(against, "alerts"), &alerts) || alerts < 0) {
        return no_answer("alerts of the rules in force", why);
    }
    sv_json_add_int(out, "in_force", alerts);
    return SV_OK;
}

sv_err sv_rules_try_write(const sv_json *answer, sv_json_out *out, sv_why *why) {
    const sv_json *found = sv_json_get(answer, "found");
    sv_json_open_object(out);
    SV_TRY(copy_count(answer, "days", out, why));
    SV_TRY(copy_count(answer, "left_out", out, why));
    SV_TRY(copy_count(found, "readings", out, why));
    SV_TRY(copy_count(found, "streams", out, why));
    SV_TRY(copy_time(found, "from", "from", true, out, why));
    SV_TRY(copy_time(found, "to", "to", true, out, why));
    SV_TRY(copy_count(found, "alerts", out, why));
    SV_TRY(copy_without(sv_json_get(found, "without"), out, why));
    SV_TRY(copy_against(sv_json_get(found, "against"), out, why));
    SV_TRY(copy_alerts(sv_json_get(found, "raised"), out, why));
    sv_json_close_object(out);
    return SV_OK;
}

// ---- asking all of them -------------------------------------------------------------------------

typedef struct trying trying;

typedef struct asked {
    trying *of;
    const sv_gateway *gateway;
    int status; ///< 0: it has not answered yet
    char why[SV_ASK_WHY_MAX];
    sv_textbuf found;
} asked;

struct trying {
    sv_fleet *fleet;
    sv_http_request *request;
    const sv_site *site;
    char *text; ///< the candidate
    int64_t days;
    size_t count, waiting;
    asked *gateways;
};

static void drop(trying *t) {
    t->fleet->tries--;
    for (size_t i = 0; i < t->count; i++) {
        sv_textbuf_drop(&t->gateways[i].found);
    }
    free(t->gateways);
    free(t->text);
    free(t);
}

static void write_one(const asked *a, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "id", a->gateway->id);
    sv_json_add_int(out, "status", a->status);
    sv_json_add_str(out, "why", a->status == STATUS_OK ? NULL : a->why);
    sv_json_key(out, "found");
    if (a->status == STATUS_OK) {
        sv_json_put_raw(out, sv_textbuf_text(&a->found));
    } else {
        sv_json_put_null(out);
    }
    sv_json_close_object(out);
}

/// All have answered, or are not waited for.
static void finish(trying *t) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_RULES_TRY_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "site", t->site->name);
    sv_json_add_int(&out, "days", t->days);
    sv_json_key(&out, "gateways");
    sv_json_open_array(&out);
    for (size_t i = 0; i < t->count; i++) {
        write_one(&t->gateways[i], &out);
    }
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    if (json.overflowed) {
        sv_http_problem(t->request, 507, "Too large", "what the gateways found is too much");
    } else {
        sv_http_reply(t->request, STATUS_OK, "application/json", sv_textbuf_text(&json));
    }
    drop(t);
}

static void set(asked *a, int status, const char *why) {
    a->status = status;
    if (sv_text_copy(sv_text_of(why), a->why, sizeof a->why) != SV_OK) {
        a->status = 502;
    }
}

static void take(asked *a, const sv_ask_end *end) {
    sv_json_out out = SV_JSON_OUT(&a->found);
    sv_why why = { 0 };
    if (end->status != STATUS_OK) {
        set(a, end->status, end->why);
    } else if (sv_rules_try_write(end->answer, &out, &why) != SV_OK) {
        set(a, 502, why.text);
    } else if (a->found.overflowed) {
        set(a, 507, "its answer is too large");
    } else {
        set(a, STATUS_OK, "");
    }
}

static void answered(void *arg, const sv_ask_end *end) {
    asked *a = arg;
    take(a, end);
    if (--a->of->waiting == 0) {
        finish(a->of);
    }
}

static void put(trying *t, asked *a, sv_text question, sv_text text) {
    const sv_ask ask = { .gateway = a->gateway,
                         .what = "backtest",
                         .question = question,
                         .within_us = SV_RULES_TRY_WITHIN_US,
                         .text = text,
                         .done = answered,
                         .arg = a };
    sv_why why = { 0 };
    sv_err err = sv_asks_put(t->fleet, &ask, &why);
    if (err == SV_OK) {
        t->waiting++;
    } else {
        set(a, err == SV_ERR_STATE ? 429 : 503, why.text);
    }
}

static void find_gateways(trying *t) {
    size_t all = sv_registry_gateway_count(t->fleet->registry);
    t->gateways = sv_mem_array(all + 1, sizeof *t->gateways);
    for (size_t i = 0; i < all; i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(t->fleet->registry, i);
        if (gateway->site == t->site) {
            t->gateways[t->count++] = (asked){ .of = t,
                                               .gateway = gateway,
                                               .found = SV_TEXTBUF_HEAP(SV_RULES_TRY_FOUND_MAX) };
        }
    }
}

void sv_rules_try(sv_fleet *fleet, const sv_site *site, int64_t days, sv_http_request *request) {
    char room[QUESTION_MAX];
    sv_textbuf question = SV_TEXTBUF(room);
    sv_text body = sv_http_body(request);
    if (fleet->tries == SV_RULES_TRY_MAX) {
        sv_http_problem(request, 429, "Busy", "%d candidates are being tried; try again soon",
                        SV_RULES_TRY_MAX);
        return;
    }
    trying *t = sv_mem_new(sizeof *t);
    *t = (trying){ .fleet = fleet,
                   .request = request,
                   .site = site,
                   .days = days,
                   .text = sv_mem_copy_str(body.len == 0 ? "" : body.at, body.len) };
    fleet->tries++;
    find_gateways(t);
    sv_textbuf_addf(&question, "{\"days\":%lld}", (long long) days);
    for (size_t i = 0; i < t->count; i++) {
        put(t, &t->gateways[i], sv_textbuf_text(&question),
            (sv_text){ .at = t->text, .len = body.len });
    }
    if (t->waiting == 0) {
        finish(t);
    }
}
