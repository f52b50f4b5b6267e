// `selvedge update start`
#include "show.h"
#include "update_campaign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 65536, STOP_NAME_MAX = 16 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *image, *name, *site, *group, *query, *requires, *window, *days, *zone;
    const char *devices[SV_OPTION_LIST_MAX];
    const char *waves[SV_OPTION_LIST_MAX];
    const char *stops[SV_OPTION_LIST_MAX];
    int64_t success, approvals, priority, at_once, per_site;
    double per_minute, growth;
    bool forced, prestage, pause_between, newcomers, dry_run;
    sv_textbuf body;
} asked;

// ---- what is asked for, as JSON -----------------------------------------------------------------

/// `5` or `10%`; false for anything else.
static bool read_amount(const char *text, bool *percent, int64_t *number) {
    sv_text word = sv_text_of(text);
    uint64_t value;
    *percent = word.len > 0 && word.at[word.len - 1] == '%';
    word.len -= *percent;
    if (sv_text_u64(word, *percent ? 100 : INT32_MAX, &value) != SV_OK || value == 0) {
        return false;
    }
    *number = (int64_t) value;
    return true;
}

static void add_given(sv_json_out *out, const char *key, const char *value) {
    if (value != NULL) {
        sv_json_add_str(out, key, value);
    }
}

static void add_target(const asked *a, sv_json_out *out) {
    sv_json_key(out, "target");
    sv_json_open_object(out);
    add_given(out, "site", a->site);
    add_given(out, "group", a->group);
    add_given(out, "query", a->query);
    if (a->devices[0] != NULL) {
        sv_json_key(out, "devices");
        sv_json_open_array(out);
        for (size_t i = 0; i < SV_OPTION_LIST_MAX && a->devices[i] != NULL; i++) {
            sv_json_put_str(out, a->devices[i]);
        }
        sv_json_close_array(out);
    }
    sv_json_close_object(out);
}

/// What is neither a number nor a share is a query; the server says what is wrong with one.
static void add_waves(const asked *a, sv_json_out *out) {
    sv_json_key(out, "waves");
    sv_json_open_array(out);
    for (size_t i = 0; i < SV_OPTION_LIST_MAX && a->waves[i] != NULL; i++) {
        bool percent = false;
        int64_t number = 0;
        sv_json_open_object(out);
        if (read_amount(a->waves[i], &percent, &number)) {
            sv_json_add_int(out, percent ? "percent" : "count", number);
        } else {
            sv_json_add_str(out, "query", a->waves[i]);
        }
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

static sv_err add_stops(const asked *a, sv_json_out *out, sv_why *why) {
    if (a->stops[0] == NULL) {
        return SV_OK;
    }
    sv_json_key(out, "stop");
    sv_json_open_object(out);
    for (size_t i = 0; i < SV_OPTION_LIST_MAX && a->stops[i] != NULL; i++) {
        char kind[STOP_NAME_MAX];
        sv_text rest = sv_text_of(a->stops[i]);
        sv_text name = sv_text_cut(&rest, '=');
        bool percent = false;
        int64_t number = 0;
        if (sv_text_copy(name, kind, sizeof kind) != SV_OK || rest.len == 0
            || !read_amount(rest.at, &percent, &number)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "--stop '%.60s' is not such as rolled_back=2 or any=5%%", a->stops[i]);
        }
        sv_json_key(out, kind);
        sv_json_open_object(out);
        sv_json_add_int(out, percent ? "percent" : "count", number);
        sv_json_close_object(out);
    }
    sv_json_close_object(out);
    return SV_OK;
}

static void add_rate(const asked *a, sv_json_out *out) {
    if (a->per_minute <= 0 && a->growth <= 0 && a->at_once == 0 && a->per_site == 0) {
        return;
    }
    sv_json_key(out, "rate");
    sv_json_open_object(out);
    if (a->per_minute > 0) {
        sv_json_add_number(out, "per_minute", a->per_minute);
    }
    if (a->growth > 0) {
        sv_json_add_number(out, "growth", a->growth);
    }
    if (a->at_once > 0) {
        sv_json_add_int(out, "at_once", a->at_once);
    }
    if (a->per_site > 0) {
        sv_json_add_int(out, "per_site", a->per_site);
    }
    sv_json_close_object(out);
}

static void add_window(const asked *a, sv_json_out *out) {
    sv_text to = sv_text_of(a->window);
    sv_text from = sv_text_cut(&to, '-');
    sv_text days = sv_text_of(a->days);
    if (a->window == NULL && a->days == NULL) {
        return;
    }
    sv_json_key(out, "window");
    sv_json_open_object(out);
    if (a->window != NULL) {
        sv_json_add_text(out, "from", from);
        sv_json_add_text(out, "to", to);
    }
    if (a->days != NULL) {
        sv_json_key(out, "days");
        sv_json_open_array(out);
        while (days.len > 0) {
            sv_json_put_text(out, sv_text_trim(sv_text_cut(&days, ',')));
        }
        sv_json_close_array(out);
    }
    add_given(out, "zone", a->zone);
    sv_json_close_object(out);
}

static sv_err put_body(asked *a, sv_why *why) {
    sv_json_out out = SV_JSON_OUT(&a->body);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "image", a->image);
    add_given(&out, "name", a->name);
    add_target(a, &out);
    add_waves(a, &out);
    sv_json_key(&out, "success");
    sv_json_open_object(&out);
    sv_json_add_int(&out, "percent", a->success);
    sv_json_close_object(&out);
    SV_TRY(add_stops(a, &out, why));
    add_rate(a, &out);
    add_window(a, &out);
    add_given(&out, "requires", a->requires);
    sv_json_add_bool(&out, "forced", a->forced);
    sv_json_add_bool(&out, "prestage", a->prestage);
    sv_json_add_bool(&out, "pause_between", a->pause_between);
    sv_json_add_bool(&out, "newcomers", a->newcomers);
    sv_json_add_int(&out, "approvals", a->approvals);
    sv_json_add_int(&out, "priority", a->priority);
    sv_json_add_bool(&out, "dry_run", a->dry_run);
    sv_json_close_object(&out);
    return a->body.overflowed ? sv_fail(why, SV_ERR_INVALID, "this is more than can be asked for")
                              : SV_OK;
}

static sv_err check(void *arg, sv_why *why) {
    asked *a = arg;
    if (a->site == NULL && a->group == NULL && a->query == NULL && a->devices[0] == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "say for whom: --site, --group, --query or --device (--query all is "
                       "everybody)");
    }
    if (a->zone != NULL && a->window == NULL && a->days == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--zone goes with --window or --days");
    }
    if (a->prestage && a->window == NULL && a->days == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--prestage goes with --window or --days");
    }
    return put_body(a, why);
}

// ---- what comes of it ---------------------------------------------------------------------------

static void show_survey(const sv_json *survey) {
    const sv_json *waves = sv_json_get(survey, "waves");
    const sv_json *excluded = sv_json_get(survey, "excluded");
    (void) printf("it would be for %lld devices", (long long) sv_show_number(survey, "devices"));
    for (size_t i = 0; i < sv_json_count(waves); i++) {
        (void) printf("%s%lld in wave %zu", i == 0 ? ": " : ", ",
                      (long long) sv_show_number(sv_json_at(waves, i), "devices"), i + 1);
    }
    (void) printf("\n%lld run the image already\n", (long long) sv_show_number(survey, "already"));
    for (size_t i = 0; i < sv_json_count(excluded); i++) {
        const sv_json *one = sv_json_at(excluded, i);
        (void) printf("left out: %lld, ", (long long) sv_show_number(one, "count"));
        sv_show_plain(sv_show_words(one, "why"));
        (void) puts("");
    }
    (void) puts("nothing was started");
}

static void show_started(const sv_json *campaign) {
    long long id = (long long) sv_show_number(campaign, "id");
    (void) printf("campaign %lld: ", id);
    sv_show_plain(sv_show_words(campaign, "state"));
    (void) printf("\nwatch it:  selvedge update wait %lld\n", id);
}

static sv_err start(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    SV_TRY(sv_fleet_api_post(api, "/api/v1/updates", sv_textbuf_text(&a->body), &answer, why));
    if (a->fleet.json) {
        sv_fleet_show_json(answer);
    } else if (a->dry_run) {
        show_survey(answer);
    } else {
        show_started(answer);
    }
    return SV_OK;
}

#define TEXT(option, form, place, words)                                                           \
    {                                                                                              \
        .name = (option), .value = (form), .kind = SV_OPTION_TEXT, .target = &(place),             \
        .help = (words)                                                                            \
    }
#define LIST(option, form, place, words)                                                           \
    {                                                                                              \
        .name = (option), .value = (form), .kind = SV_OPTION_LIST, .target = (place),              \
        .help = (words)                                                                            \
    }
#define FLAG(option, place, words)                                                                 \
    { .name = (option), .kind = SV_OPTION_FLAG, .target = &(place), .help = (words) }
#define WHOLE(option, place, most, words)                                                          \
    {                                                                                              \
        .name = (option), .value = "N", .kind = SV_OPTION_INT, .target = &(place), .max = (most),  \
        .help = (words)                                                                            \
    }

int update_start(int argc, char **argv) {
    asked a = { .success = 100, .priority = 5, .body = SV_TEXTBUF_HEAP(BODY_MAX) };
    const sv_option options[] = {
        { .name = "image",
          .value = "PATH",
          .kind = SV_OPTION_TEXT,
          .target = &a.image,
          .required = true,
          .help = "the image, as the server calls it" },
        TEXT("site", "SITE", a.site, "for the devices of this site"),
        TEXT("group", "GROUP", a.group, "for the devices of this group (selvedge group)"),
        TEXT("query", "QUERY", a.query,
             "for those who fit it, such as 'version < 1.1 and not tag = spare'"),
        LIST("device", "ID", a.devices, "for this device; again for more"),
        LIST("wave", "WHO", a.waves,
             "5 devices, 10% of all, or a query; again for the next; the rest comes last"),
        LIST("stop", "KIND=N", a.stops,
             "stop at so many: failed, rolled_back, silent, unproved, worse or any, =2 of all or "
             "=5% of a wave [any=5%]"),
        { .name = "success",
          .value = "PERCENT",
          .kind = SV_OPTION_INT,
          .target = &a.success,
          .min = 1,
          .max = 100,
          .help = "of a wave that must be confirmed before the next begins [100]" },
        { .name = "per-minute",
          .value = "N",
          .kind = SV_OPTION_NUMBER,
          .target = &a.per_minute,
          .max = 1000000,
          .help = "at most so many begin in a minute" },
        { .name = "growth",
          .value = "FACTOR",
          .kind = SV_OPTION_NUMBER,
          .target = &a.growth,
          .max = 10,
          .help = "and faster by that each time as many are confirmed" },
        WHOLE("at-once", a.at_once, 100000000, "at most so many at work at any moment"),
        WHOLE("per-site", a.per_site, 100000, "of a site at most so many that download"),
        TEXT("window", "HH:MM-HH:MM", a.window, "begin only then, by each device's own clock"),
        TEXT("days", "DAYS", a.days, "and on these days: mon,tue,..."),
        TEXT("zone", "ZONE", a.zone, "by the clock of this place: Europe/Oslo"),
        FLAG("prestage", a.prestage, "download and write before the window, start within it"),
        TEXT("requires", "QUERY", a.requires, "leave out who does not fit: 'version >= 1.0'"),
        TEXT("name", "TEXT", a.name, "for people"),
        WHOLE("approvals", a.approvals, 16, "so many others must say yes first"),
        WHOLE("priority", a.priority, 9, "0 to 9, the higher goes first [5]"),
        FLAG("pause-between", a.pause_between, "after each wave wait for: selvedge update resume"),
        FLAG("newcomers", a.newcomers, "take along who comes to fit later"),
        FLAG("forced", a.forced, "devices are not to wait for a better moment"),
        FLAG("dry-run", a.dry_run, "say whom it would mean, and start nothing"),
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge update start --image PATH (--site SITE | --group GROUP | --query QUERY "
                 "| --device ID) [--wave 1 --wave 10%]",
        .about =
            "Roll an image out, wave by wave. A wave begins when the one before it is confirmed: "
            "started, and running\nthe image by the devices' own word. When too many come to "
            "grief it pauses by itself and says why.\nLook first whom it would mean:\n\n"
            "  selvedge update start --image lathe/1.1 --site north --wave 1 --wave 10% --dry-run\n"
            "  selvedge update start --image lathe/1.1 --site north --wave 1 --wave 10% --stop "
            "rolled_back=1\n"
            "  selvedge update start --image lathe/1.1 --query 'version < 1.1' --window "
            "22:00-04:00 --per-minute 100",
        .options = options,
        .option_count = SV_COUNT(options),
        .check = check,
        .ask = start,
    };
    int code = sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
    sv_textbuf_drop(&a.body);
    return code;
}
