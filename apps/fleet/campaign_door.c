#include "campaign_door.h"

#include "campaigns.h"
#include "deed.h"
#include "views.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// The campaign that the path names; false when there is none, and the request is answered then.
static bool find(const sv_visit *v, int64_t *id) {
    char sites[SV_SITES_ROOM];
    uint64_t number = 0;
    sv_why why = { 0 };
    sv_err err = sv_text_u64(v->id, INT64_MAX, &number);
    err = err == SV_OK ? sv_campaigns_sites(v->fleet, (int64_t) number, sites, &why)
                       : SV_ERR_NOT_FOUND;
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        sv_visit_failure(v, err, &why);
        return false;
    }
    if (err != SV_OK) {
        sv_http_problem(v->request, 404, "Not found", "there is no campaign '%.*s'",
                        (int) (v->id.len < 32 ? v->id.len : 32), v->id.at);
        return false;
    }
    *id = (int64_t) number;
    return true;
}

/// `status` when that goes well.
static void answer(const sv_visit *v, int64_t id, int status, sv_err err, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    err = err == SV_OK ? sv_campaign_write(v->fleet, id, true, &out, why) : err;
    if (err != SV_OK || status == 200) {
        sv_visit_json(v, err, &json, why);
        return;
    }
    sv_http_reply(v->request, status, "application/json", sv_textbuf_text(&json));
}

// ---- starting -----------------------------------------------------------------------------------

/// Somebody who asks for a campaign, while it is counted whom that would mean.
typedef struct asking {
    sv_visit visit;
    sv_json *body;
    sv_campaign_plan *plan;
} asking;

static void drop_asking(asking *a) {
    sv_json_drop(&a->body);
    sv_campaign_plan_drop(&a->plan);
    free(a);
}

static void answer_survey(const sv_visit *v, const sv_campaign_survey *survey) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_campaign_survey_write(survey, &out);
    sv_visit_json(v, SV_OK, &json, &why);
}

static void start(const asking *a, const sv_campaign_survey *survey) {
    const sv_visit *v = &a->visit;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_PLAN_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_why why = { 0 };
    int64_t id = 0;
    char about[32] = "";
    char detail[SV_AUDIT_DETAIL_MAX];
    sv_json_put_value(&out, a->body);
    (void) snprintf(detail, sizeof detail, "image %.300s", a->plan->image);
    sv_deed deed = {
        .what = "campaign.start", .about = about, .detail = detail, .after = sv_textbuf_text(&text)
    };
    sv_err err = text.overflowed ? sv_fail(&why, SV_ERR_INVALID, "the body is too large")
                                 : sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_campaigns_start(v->fleet, a->plan, survey, sv_textbuf_text(&text), v->person.sites,
                                 v->person.user, &id, &why);
        (void) snprintf(about, sizeof about, "%lld", (long long) id);
        err = sv_deed_end(v, err, &deed, &why);
    }
    answer(v, id, 201, err, &why);
}

static void counted(void *arg, const sv_campaign_survey *survey, sv_err err, const sv_why *why) {
    asking *a = arg;
    if (err != SV_OK) {
        sv_visit_failure(&a->visit, err, why);
    } else if (a->plan->dry_run) {
        answer_survey(&a->visit, survey);
    } else {
        start(a, survey);
    }
    drop_asking(a);
}

/// A first slice at once, which is all that most fleets take; the rest by the loop. [campaign-55]
static void count(asking *a) {
    sv_campaign_survey survey = { 0 };
    sv_why why = { 0 };
    const sv_visit *v = &a->visit;
    const sv_campaign_asked asked = {
        .plan = a->plan, .sites = v->person.sites, .survey = &survey, .done = counted, .arg = a
    };
    sv_err err = sv_campaigns_survey_begin(v->fleet, a->plan, &survey, &why);
    err = err == SV_OK
              ? sv_campaigns_survey_go_on(v->fleet, a->plan, v->person.sites, &survey, &why)
              : err;
    if (err == SV_OK && !survey.is_whole) {
        err = sv_campaigns_ask(v->fleet, &asked, &why);
        if (err == SV_OK) {
            return;
        }
    }
    counted(a, &survey, err, &why);
}

void sv_campaign_door_start(sv_visit *v) {
    asking *a = sv_mem_new(sizeof *a);
    sv_why why = { 0 };
    a->visit = *v;
    sv_err err = sv_json_parse(sv_http_body(v->request), &a->body, NULL, &why);
    err = err == SV_OK ? sv_campaign_plan_parse(a->body, &a->plan, &why) : err;
    if (err == SV_OK) {
        count(a);
    } else {
        counted(a, NULL, err, &why);
    }
}

// ---- looking ------------------------------------------------------------------------------------

void sv_campaign_door_list(sv_visit *v) {
    static const char *const STATES[] = { "approval", "scheduled", "running", "paused",
                                          "stopped",  "done",      NULL };
    sv_campaigns_query query = { .state = -1,
                                 .sites = v->person.sites,
                                 .limit = SV_CAMPAIGNS_LIMIT_DEFAULT };
    if (!sv_visit_choice(v, "state", STATES, &query.state)
        || !sv_visit_number(v, "cursor", INT64_MAX, &query.before)
        || !sv_visit_number(v, "limit", SV_CAMPAIGNS_LIMIT_MAX, &query.limit)) {
        return;
    }
    query.limit = query.limit > 0 ? query.limit : 1;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_campaigns_list(v->fleet, &query, &out, &why), &json, &why);
}

void sv_campaign_door_show(sv_visit *v) {
    sv_why why = { 0 };
    int64_t id;
    if (find(v, &id)) {
        answer(v, id, 200, SV_OK, &why);
    }
}

void sv_campaign_door_devices(sv_visit *v) {
    char state[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX];
    int64_t wave = 0;
    sv_why why = { 0 };
    sv_stage place = SV_STAGE_PLANNED;
    sv_campaign_devices_query query = { .place = -1, .limit = SV_CAMPAIGNS_LIMIT_DEFAULT };
    if (!find(v, &query.campaign) || !sv_visit_word(v, "state", state)
        || !sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "wave", SV_CAMPAIGN_WAVES_MAX, &wave)
        || !sv_visit_number(v, "limit", SV_CAMPAIGNS_LIMIT_MAX, &query.limit)) {
        return;
    }
    if (state[0] != '\0') {
        sv_err err = sv_stage_parse(sv_text_of(state), &place, &why);
        if (err != SV_OK) {
            sv_visit_failure(v, err, &why);
            return;
        }
        query.place = (int) place;
    }
    query.limit = query.limit > 0 ? query.limit : 1;
    query.wave = (int) wave;
    query.after = cursor;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_visit_json(v, sv_campaign_devices(v->fleet, &query, &out, &why), &json, &why);
}

// ---- verbs --------------------------------------------------------------------------------------

static void act(sv_visit *v, sv_campaign_verb verb, const char *what, const sv_json *devices) {
    sv_why why = { 0 };
    int64_t id = 0;
    char about[32];
    if (!find(v, &id)) {
        return;
    }
    (void) snprintf(about, sizeof about, "%lld", (long long) id);
    const sv_deed deed = { .what = what, .about = about };
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_campaigns_do(v->fleet, id, verb, v->person.user, devices, &why);
        err = sv_deed_end(v, err, &deed, &why);
    }
    answer(v, id, 200, err, &why);
}

void sv_campaign_door_pause(sv_visit *v) {
    act(v, SV_CAMPAIGN_DO_PAUSE, "campaign.pause", NULL);
}

void sv_campaign_door_resume(sv_visit *v) {
    act(v, SV_CAMPAIGN_DO_RESUME, "campaign.resume", NULL);
}

void sv_campaign_door_stop(sv_visit *v) {
    act(v, SV_CAMPAIGN_DO_STOP, "campaign.stop", NULL);
}

void sv_campaign_door_approve(sv_visit *v) {
    act(v, SV_CAMPAIGN_DO_APPROVE, "campaign.approve", NULL);
}

/// Without a body, or with {}: all that came to grief.
void sv_campaign_door_retry(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    sv_text text = sv_http_body(v->request);
    if (text.len > 0
        && (sv_json_parse(text, &body, NULL, &why) != SV_OK || !sv_json_is_object(body))) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"devices\":[\"press-1\"]}, or empty for all that came "
                        "to grief");
        return;
    }
    const sv_json *devices = sv_json_get(body, "devices");
    act(v, SV_CAMPAIGN_DO_RETRY, "campaign.retry",
        devices != NULL && !sv_json_is_null(devices) ? devices : NULL);
}
