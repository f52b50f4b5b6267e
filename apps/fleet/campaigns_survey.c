// Whom a campaign would mean, before it starts: counted by slices, so that others are served
// meanwhile. [campaign-55]
#include "campaigns_own.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

typedef struct surveying {
    sv_fleet *fleet;
    sv_campaign_aim aim;
    sv_campaign_survey *out;
} surveying;

static sv_err survey_one(void *arg, const sv_inventory_device *device, sv_why *why) {
    surveying *s = arg;
    sv_meant meant = SV_MEANT_NOT;
    SV_TRY(sv_campaign_means(s->fleet, &s->aim, device, &meant, why));
    if ((int) meant < SV_CAMPAIGN_EXCLUDED) {
        s->out->excluded[meant]++;
    } else if (meant == SV_MEANT_ALREADY) {
        s->out->already++;
    } else if (meant == SV_MEANT) {
        s->out->devices++;
        s->out->waves[sv_campaign_wave_by_query(s->aim.plan, &device->asked)]++;
    }
    return SV_OK;
}

/// Waves by count and share take from those that no query has, the last one takes what is left.
static void size_waves(const sv_campaign_plan *plan, sv_campaign_survey *s) {
    int64_t left = s->waves[plan->wave_count];
    for (size_t i = 0; i < plan->wave_count; i++) {
        const sv_wave_plan *wave = &plan->waves[i];
        if (wave->kind != SV_WAVE_QUERY) {
            int64_t wanted =
                wave->kind == SV_WAVE_COUNT ? wave->number : (s->devices * wave->number + 99) / 100;
            s->waves[i] = wanted < left ? wanted : left;
            left -= s->waves[i];
        }
    }
    s->waves[plan->wave_count] = left;
    s->wave_count = plan->wave_count + (left > 0 || plan->wave_count == 0);
}

static sv_err check_names(sv_fleet *fleet, const sv_campaign_plan *plan, sv_why *why) {
    const sv_groups *groups = fleet->inventory->groups;
    if (plan->site[0] != '\0'
        && sv_registry_site(fleet->registry, sv_text_of(plan->site)) == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "there is no site '%s'", plan->site);
    }
    if (plan->group[0] != '\0' && !sv_groups_know(groups, sv_text_of(plan->group))) {
        return sv_fail(why, SV_ERR_INVALID, "there is no group '%s'", plan->group);
    }
    if (plan->query != NULL) {
        SV_TRY(sv_groups_check_names(groups, plan->query, why));
    }
    if (plan->requires != NULL) {
        SV_TRY(sv_groups_check_names(groups, plan->requires, why));
    }
    for (size_t i = 0; i < plan->wave_count; i++) {
        if (plan->waves[i].query != NULL) {
            SV_TRY(sv_groups_check_names(groups, plan->waves[i].query, why));
        }
    }
    return SV_OK;
}

sv_err sv_campaigns_survey_begin(sv_fleet *fleet, const sv_campaign_plan *plan,
                                 sv_campaign_survey *out, sv_why *why) {
    sv_image_row image;
    *out = (sv_campaign_survey){ 0 };
    SV_TRY(check_names(fleet, plan, why));
    return sv_campaign_find_image(fleet, plan, &image, why);
}

sv_err sv_campaigns_survey_go_on(sv_fleet *fleet, const sv_campaign_plan *plan, const char *sites,
                                 sv_campaign_survey *survey, sv_why *why) {
    surveying s = { .fleet = fleet, .aim = { .sites = sites, .plan = plan }, .out = survey };
    int64_t end_us = fleet->mono_us() + SV_CAMPAIGN_SURVEY_US;
    SV_TRY(sv_campaign_find_image(fleet, plan, &s.aim.image, why)); // it may have gone
    do {
        char last[SV_ID_ROOM];
        SV_TRY(sv_inventory_each(fleet, survey->after, SV_CAMPAIGN_SURVEY_SLICE, survey_one, &s,
                                 last, why));
        memcpy(survey->after, last, sizeof survey->after);
        survey->is_whole = last[0] == '\0';
    } while (!survey->is_whole && fleet->mono_us() < end_us);
    if (survey->is_whole) {
        size_waves(plan, survey);
    }
    return SV_OK;
}

void sv_campaign_survey_write(const sv_campaign_survey *survey, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_int(out, "devices", survey->devices);
    sv_json_add_int(out, "already", survey->already);
    sv_json_key(out, "excluded");
    sv_json_open_array(out);
    for (int i = 0; i < SV_CAMPAIGN_EXCLUDED; i++) {
        if (survey->excluded[i] > 0) {
            sv_json_open_object(out);
            sv_json_add_str(out, "why", sv_campaign_meant_why((sv_meant) i));
            sv_json_add_int(out, "count", survey->excluded[i]);
            sv_json_close_object(out);
        }
    }
    sv_json_close_array(out);
    sv_json_key(out, "waves");
    sv_json_open_array(out);
    for (size_t i = 0; i < survey->wave_count; i++) {
        sv_json_open_object(out);
        sv_json_add_int(out, "devices", survey->waves[i]);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}

// ---- those that are under way -------------------------------------------------------------------

static void finish(sv_campaigns *campaigns, size_t i, sv_err err, const sv_why *why) {
    sv_campaign_asked asked = campaigns->asked[i];
    campaigns->asked[i] = campaigns->asked[--campaigns->asked_count];
    asked.done(asked.arg, asked.survey, err, why);
    free(asked.survey);
}

static void on_time(void *arg) {
    sv_campaigns *campaigns = arg;
    size_t i = campaigns->asked_next++ % campaigns->asked_count; // each in turn
    const sv_campaign_asked *asked = &campaigns->asked[i];
    sv_why why = { 0 };
    sv_err err =
        sv_campaigns_survey_go_on(campaigns->fleet, asked->plan, asked->sites, asked->survey, &why);
    if (err != SV_OK || asked->survey->is_whole) {
        finish(campaigns, i, err, &why);
    }
    if (campaigns->asked_count > 0) {
        sv_timer_once(campaigns->asked_timer, SV_CAMPAIGN_SOON_US);
    }
}

sv_err sv_campaigns_ask(sv_fleet *fleet, const sv_campaign_asked *asked, sv_why *why) {
    sv_campaigns *campaigns = fleet->campaigns;
    if (campaigns->asked_count == SV_CAMPAIGN_SURVEYS_MAX) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "%d roll-outs are being counted already; try again in a second",
                       SV_CAMPAIGN_SURVEYS_MAX);
    }
    if (campaigns->asked_timer == NULL) {
        campaigns->asked_timer = sv_timer_new(fleet->loop, on_time, campaigns);
    }
    sv_campaign_asked *fresh = &campaigns->asked[campaigns->asked_count++];
    *fresh = *asked;
    fresh->survey = sv_mem_new(sizeof *fresh->survey);
    *fresh->survey = *asked->survey;
    sv_timer_once(campaigns->asked_timer, SV_CAMPAIGN_SOON_US);
    return SV_OK;
}

void sv_campaigns_end_surveys(sv_campaigns *campaigns) {
    sv_why why = { 0 };
    sv_err err = sv_fail(&why, SV_ERR_UNAVAILABLE, "the server ends; ask again");
    while (campaigns->asked_count > 0) {
        finish(campaigns, 0, err, &why);
    }
    sv_timer_drop(&campaigns->asked_timer);
}
