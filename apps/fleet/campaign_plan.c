#include "campaign_plan.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_MAX = 2 };

// ---- members ------------------------------------------------------------------------------------

typedef struct keys {
    const char *where;
    const char *const *names;
    sv_why *why;
} keys;

static sv_err check_key(void *arg, sv_text key, const sv_json *value) {
    const keys *k = arg;
    const char *near = NULL;
    (void) value;
    for (size_t i = 0; k->names[i] != NULL; i++) {
        if (sv_text_is(key, k->names[i])) {
            return SV_OK;
        }
        near = sv_text_distance(key, sv_text_of(k->names[i])) <= NEAR_MAX ? k->names[i] : near;
    }
    return sv_fail(k->why, SV_ERR_INVALID, "%s has no '%.*s'%s%s%s", k->where,
                   (int) (key.len < 40 ? key.len : 40), key.at,
                   near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                   near != NULL ? "?" : "");
}

/// An object with members of these names and no others; absent or null is fine where `value` is.
static sv_err check_keys(const sv_json *value, const char *where, const char *const *names,
                         sv_why *why) {
    keys k = { .where = where, .names = names, .why = why };
    if (!sv_json_is_object(value)) {
        return sv_fail(why, SV_ERR_INVALID, "%s must be an object", where);
    }
    return sv_json_each(value, check_key, &k);
}

static const sv_json *given(const sv_json *object, const char *key) {
    const sv_json *value = sv_json_get(object, key);
    return value == NULL || sv_json_is_null(value) ? NULL : value;
}

static sv_err read_words(const sv_json *object, const char *key, char *room, size_t bytes,
                         sv_why *why) {
    const sv_json *value = given(object, key);
    sv_text text;
    if (value == NULL) {
        room[0] = '\0';
        return SV_OK;
    }
    if (!sv_json_text(value, &text) || text.len == 0 || sv_text_copy(text, room, bytes) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "%s must be a text of 1 to %zu bytes", key, bytes - 1);
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.at[i] < ' ') {
            return sv_fail(why, SV_ERR_INVALID, "%s must be one line", key);
        }
    }
    return SV_OK;
}

static sv_err read_whole(const sv_json *object, const char *key, int64_t least, int64_t most,
                         int64_t *out, sv_why *why) {
    const sv_json *value = given(object, key);
    if (value == NULL) {
        return SV_OK;
    }
    int64_t number;
    if (!sv_json_int(value, &number) || number < least || number > most) {
        return sv_fail(why, SV_ERR_INVALID, "%s must be a whole number from %lld to %lld", key,
                       (long long) least, (long long) most);
    }
    *out = number;
    return SV_OK;
}

static sv_err read_flag(const sv_json *object, const char *key, bool *out, sv_why *why) {
    const sv_json *value = given(object, key);
    return value == NULL || sv_json_bool(value, out)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "%s must be true or false", key);
}

static sv_err read_query(const sv_json *object, const char *key, sv_query **out, sv_why *why) {
    const sv_json *value = given(object, key);
    sv_text text;
    if (value == NULL) {
        return SV_OK;
    }
    if (!sv_json_text(value, &text)) {
        return sv_fail(why, SV_ERR_INVALID, "%s must be a text such as site = plant-1", key);
    }
    *out = sv_mem_new(sizeof **out);
    return sv_query_read(text, *out, why);
}

// ---- target -------------------------------------------------------------------------------------

static sv_err read_devices(const sv_json *array, sv_campaign_plan *plan, sv_why *why) {
    size_t count = sv_json_count(array);
    if (!sv_json_is_array(array) || count == 0 || count > SV_PLAN_DEVICES_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "target: devices must be an array of 1 to %d ids; more are a group",
                       SV_PLAN_DEVICES_MAX);
    }
    plan->devices = sv_map_new(SV_PLAN_DEVICES_MAX, NULL);
    for (size_t i = 0; i < count; i++) {
        sv_text id = SV_TEXT("");
        (void) sv_json_text(sv_json_at(array, i), &id);
        SV_TRY(sv_id_check("device", id, why));
        SV_TRY(sv_map_put(plan->devices, id, plan));
    }
    return SV_OK;
}

static sv_err read_target(const sv_json *body, sv_campaign_plan *plan, sv_why *why) {
    static const char *const NAMES[] = { "site", "group", "query", "devices", NULL };
    const sv_json *target = sv_json_get(body, "target");
    SV_TRY(check_keys(target, "target", NAMES, why));
    SV_TRY(read_words(target, "site", plan->site, sizeof plan->site, why));
    SV_TRY(read_words(target, "group", plan->group, sizeof plan->group, why));
    SV_TRY(read_query(target, "query", &plan->query, why));
    if (given(target, "devices") != NULL) {
        SV_TRY(read_devices(given(target, "devices"), plan, why));
    }
    bool any = plan->site[0] != '\0' || plan->group[0] != '\0' || plan->query != NULL
               || plan->devices != NULL;
    return any ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "target names nobody; give site, group, query or devices (the query "
                         "\"all\" is everybody)");
}

// ---- waves --------------------------------------------------------------------------------------

static sv_err read_wave(const sv_json *value, sv_wave_plan *wave, sv_why *why) {
    static const char *const NAMES[] = { "count", "percent", "query", NULL };
    SV_TRY(check_keys(value, "a wave", NAMES, why));
    if (sv_json_size(value) != 1) {
        return sv_fail(why, SV_ERR_INVALID, "a wave has one of count, percent and query");
    }
    wave->number = 0;
    SV_TRY(read_whole(value, "count", 1, INT32_MAX, &wave->number, why));
    SV_TRY(read_whole(value, "percent", 1, 100, &wave->number, why));
    SV_TRY(read_query(value, "query", &wave->query, why));
    wave->kind = wave->query != NULL                     ? SV_WAVE_QUERY
                 : sv_json_get(value, "percent") != NULL ? SV_WAVE_PERCENT
                                                         : SV_WAVE_COUNT;
    return wave->query != NULL || wave->number > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "a wave has one of count, percent and query");
}

static sv_err read_waves(const sv_json *body, sv_campaign_plan *plan, sv_why *why) {
    const sv_json *waves = given(body, "waves");
    if (waves != NULL
        && (!sv_json_is_array(waves) || sv_json_count(waves) >= SV_CAMPAIGN_WAVES_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "waves must be an array of at most %d",
                       SV_CAMPAIGN_WAVES_MAX - 1);
    }
    for (size_t i = 0; i < sv_json_count(waves); i++) {
        SV_TRY(read_wave(sv_json_at(waves, i), &plan->waves[plan->wave_count++], why));
    }
    return SV_OK;
}

// ---- rules --------------------------------------------------------------------------------------

static sv_err read_bound(const sv_json *value, sv_stop_bound *bound, sv_why *why) {
    static const char *const NAMES[] = { "count", "percent", NULL };
    int64_t percent = 0;
    SV_TRY(check_keys(value, "a stop rule", NAMES, why));
    SV_TRY(read_whole(value, "count", 1, INT32_MAX, &bound->count, why));
    SV_TRY(read_whole(value, "percent", 1, 100, &percent, why));
    bound->percent = (int) percent;
    return bound->count > 0 || percent > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "a stop rule has count or percent");
}

/// Without a word of it, five of a hundred that come to grief are too many.
static sv_err read_stop(const sv_json *body, sv_campaign_rules *rules, sv_why *why) {
    const char *names[SV_STOP__COUNT + 1] = { NULL };
    const sv_json *stop = given(body, "stop");
    if (stop == NULL) {
        rules->stop[SV_STOP_ANY].percent = 5;
        return SV_OK;
    }
    for (int i = 0; i < SV_STOP__COUNT; i++) {
        names[i] = sv_stop_kind_name((sv_stop_kind) i);
    }
    SV_TRY(check_keys(stop, "stop", names, why));
    for (int i = 0; i < SV_STOP__COUNT; i++) {
        if (given(stop, names[i]) != NULL) {
            SV_TRY(read_bound(given(stop, names[i]), &rules->stop[i], why));
        }
    }
    return SV_OK;
}

static sv_err read_number(const sv_json *object, const char *key, double *out, sv_why *why) {
    const sv_json *value = given(object, key);
    return value == NULL || (sv_json_number(value, out) && *out > 0)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "rate: %s must be a number above 0", key);
}

static sv_err read_rate(const sv_json *body, sv_campaign_plan *plan, sv_why *why) {
    static const char *const NAMES[] = { "per_minute", "growth", "at_once", "per_site", NULL };
    const sv_json *rate = given(body, "rate");
    plan->rules.growth = 1;
    if (rate == NULL) {
        return SV_OK;
    }
    SV_TRY(check_keys(rate, "rate", NAMES, why));
    SV_TRY(read_number(rate, "per_minute", &plan->rules.per_minute, why));
    SV_TRY(read_number(rate, "growth", &plan->rules.growth, why));
    SV_TRY(read_whole(rate, "at_once", 1, INT32_MAX, &plan->rules.at_once, why));
    return read_whole(rate, "per_site", 1, SV_PLAN_SITE_LOADS_MAX, &plan->site_loads, why);
}

static sv_err read_success(const sv_json *body, sv_campaign_rules *rules, sv_why *why) {
    static const char *const NAMES[] = { "percent", NULL };
    const sv_json *success = given(body, "success");
    int64_t percent = 100;
    if (success != NULL) {
        SV_TRY(check_keys(success, "success", NAMES, why));
        SV_TRY(read_whole(success, "percent", 1, 100, &percent, why));
    }
    rules->success_percent = (int) percent;
    return SV_OK;
}

// ---- window -------------------------------------------------------------------------------------

static sv_err read_days(const sv_json *window, unsigned *out, sv_why *why) {
    static const char *const DAYS[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    const sv_json *days = given(window, "days");
    for (size_t i = 0; i < sv_json_count(days); i++) {
        sv_text day = SV_TEXT("");
        unsigned n = 0;
        (void) sv_json_text(sv_json_at(days, i), &day);
        while (n < SV_COUNT(DAYS) && !sv_text_is(day, DAYS[n])) {
            n++;
        }
        if (n == SV_COUNT(DAYS)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "window: days are mon, tue, wed, thu, fri, sat and sun");
        }
        *out |= 1U << n;
    }
    return SV_OK;
}

static sv_err read_window(const sv_json *body, sv_campaign_plan *plan, sv_why *why) {
    static const char *const NAMES[] = { "from", "to", "days", "zone", NULL };
    const sv_json *window = given(body, "window");
    char from[8];
    char to[8];
    char span[24];
    if (window == NULL) {
        return SV_OK;
    }
    SV_TRY(check_keys(window, "window", NAMES, why));
    SV_TRY(read_words(window, "from", from, sizeof from, why));
    SV_TRY(read_words(window, "to", to, sizeof to, why));
    SV_TRY(read_words(window, "zone", plan->zone, sizeof plan->zone, why));
    SV_TRY(read_days(window, &plan->days, why));
    if (plan->zone[0] != '\0') {
        SV_TRY(sv_zone_name_check(sv_text_of(plan->zone), why));
    }
    if (from[0] != '\0' || to[0] != '\0') {
        (void) snprintf(span, sizeof span, "%s-%s", from, to);
        SV_TRY(sv_hours_parse(sv_text_of(span), &plan->hours, why));
    }
    plan->has_window = plan->hours.set || plan->days != 0;
    return plan->has_window
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "window has neither from and to nor days");
}

// ---- all ----------------------------------------------------------------------------------------

static sv_err read_rest(const sv_json *body, sv_campaign_plan *plan, sv_why *why) {
    int64_t approvals = 0;
    int64_t priority = SV_PLAN_PRIORITY;
    SV_TRY(read_flag(body, "forced", &plan->forced, why));
    SV_TRY(read_flag(body, "prestage", &plan->prestage, why));
    SV_TRY(read_flag(body, "newcomers", &plan->newcomers, why));
    SV_TRY(read_flag(body, "dry_run", &plan->dry_run, why));
    SV_TRY(read_flag(body, "pause_between", &plan->rules.pause_between, why));
    SV_TRY(read_whole(body, "approvals", 0, SV_CAMPAIGN_APPROVALS_MAX, &approvals, why));
    SV_TRY(read_whole(body, "priority", 0, 9, &priority, why));
    SV_TRY(read_whole(body, "start", 0, INT64_MAX / 2000, &plan->start_ms, why));
    SV_TRY(read_query(body, "requires", &plan->requires, why));
    plan->rules.approvals = (int) approvals;
    plan->priority = (int) priority;
    return !plan->prestage || plan->has_window
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "prestage needs a window: without one devices start the image as soon as "
                         "they have it");
}

static sv_err read_all(const sv_json *body, sv_campaign_plan *plan, sv_why *why) {
    static const char *const NAMES[] = {
        "name",  "image",    "target",    "waves",         "success",   "stop",
        "rate",  "window",   "forced",    "pause_between", "approvals", "dry_run",
        "start", "priority", "newcomers", "requires",      "prestage",  NULL
    };
    SV_TRY(check_keys(body, "the body", NAMES, why));
    SV_TRY(read_words(body, "name", plan->name, sizeof plan->name, why));
    SV_TRY(read_words(body, "image", plan->image, sizeof plan->image, why));
    if (plan->image[0] == '\0') {
        return sv_fail(why, SV_ERR_INVALID, "image is missing: the path of the image to roll out");
    }
    SV_TRY(read_target(body, plan, why));
    SV_TRY(read_waves(body, plan, why));
    SV_TRY(read_success(body, &plan->rules, why));
    SV_TRY(read_stop(body, &plan->rules, why));
    SV_TRY(read_rate(body, plan, why));
    SV_TRY(read_window(body, plan, why));
    SV_TRY(read_rest(body, plan, why));
    return sv_campaign_rules_check(&plan->rules, why);
}

sv_err sv_campaign_plan_parse(const sv_json *body, sv_campaign_plan **out, sv_why *why) {
    sv_campaign_plan *plan = sv_mem_new(sizeof *plan);
    sv_err err = read_all(body, plan, why);
    if (err != SV_OK) {
        sv_campaign_plan_drop(&plan);
        return err;
    }
    *out = plan;
    return SV_OK;
}

void sv_campaign_plan_drop(sv_campaign_plan **plan) {
    if (*plan == NULL) {
        return;
    }
    for (size_t i = 0; i < (*plan)->wave_count; i++) {
        free((*plan)->waves[i].query);
    }
    free((*plan)->query);
    free((*plan)->requires);
    sv_map_drop(&(*plan)->devices);
    free(*plan);
    *plan = NULL;
}
