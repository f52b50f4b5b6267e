// `selvedge update wait`
#include "show.h"
#include "update_campaign.h"
#include <base/time.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>

#define LOOK_US SV_TIME_SECOND_US
enum { LINE_MAX_BYTES = 256 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *within;
    int64_t within_us; ///< 0: as long as it takes
} asked;

static bool is_state(const sv_json *campaign, const char *state) {
    return sv_text_is(sv_show_words(campaign, "state"), state);
}

/// "running: wave 2 of 3, 7 of 20 confirmed, 3 at work, 1 came to grief"
static void describe(const sv_json *campaign, char line[LINE_MAX_BYTES]) {
    const sv_json *counts = sv_json_get(campaign, "counts");
    const sv_json *waves = sv_json_get(campaign, "waves");
    size_t begun = 0;
    int64_t at_work = sv_show_number(counts, "waiting") + sv_show_number(counts, "downloading")
                      + sv_show_number(counts, "installed") + sv_show_number(counts, "trial");
    int64_t bad = sv_show_number(counts, "failed") + sv_show_number(counts, "rolled_back")
                  + sv_show_number(counts, "silent");
    for (size_t i = 0; i < sv_json_count(waves); i++) {
        begun += !is_state(sv_json_at(waves, i), "waiting");
    }
    sv_text state = sv_show_words(campaign, "state");
    (void) snprintf(line, LINE_MAX_BYTES,
                    "%.*s: wave %zu of %zu, %lld of %lld confirmed, %lld at work, %lld came to "
                    "grief",
                    (int) (state.len < 16 ? state.len : 16), state.at, begun, sv_json_count(waves),
                    (long long) sv_show_number(counts, "confirmed"),
                    (long long) sv_show_number(counts, "devices"), (long long) at_work,
                    (long long) bad);
}

/// Nothing more happens by itself.
static bool is_over(const sv_json *campaign) {
    return is_state(campaign, "done") || is_state(campaign, "stopped")
           || is_state(campaign, "paused");
}

static bool all_confirmed(const sv_json *campaign) {
    const sv_json *counts = sv_json_get(campaign, "counts");
    return is_state(campaign, "done")
           && sv_show_number(counts, "confirmed") + sv_show_number(counts, "canceled")
                  == sv_show_number(counts, "devices");
}

static void show_end(const asked *a, const sv_json *campaign) {
    if (a->fleet.json) {
        sv_fleet_show_json(campaign);
        return;
    }
    sv_show_plain(sv_show_words(campaign, "state"));
    (void) printf(": ");
    sv_show_plain(sv_show_words(campaign, "why"));
    (void) puts("");
}

static sv_err follow(void *arg, sv_fleet_api *api, sv_why *why) {
    asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX];
    char before[LINE_MAX_BYTES] = "";
    int64_t end_us = sv_clock_monotonic_us() + a->within_us;
    SV_TRY(update_campaign_path(a->fleet.plain[0], "", path));
    for (;;) {
        SV_DEFER(sv_json_drop) sv_json *campaign = NULL;
        char line[LINE_MAX_BYTES];
        SV_TRY(sv_fleet_api_get(api, path, &campaign, why));
        describe(campaign, line);
        if (strcmp(line, before) != 0) {
            (void) fprintf(stderr, "%s\n", line);
            memcpy(before, line, sizeof before);
        }
        if (is_over(campaign)) {
            show_end(a, campaign);
            a->fleet.no = !all_confirmed(campaign);
            return SV_OK;
        }
        if (a->within_us > 0 && sv_clock_monotonic_us() >= end_us) {
            return sv_fail(why, SV_ERR_STATE, "it goes on still: %s", line);
        }
        sv_fleet_api_pause(api, LOOK_US);
    }
}

static sv_err check(void *arg, sv_why *why) {
    asked *a = arg;
    SV_TRY(update_campaign_check(a->fleet.plain[0], why));
    if (a->within != NULL
        && (sv_duration_parse(sv_text_of(a->within), &a->within_us) != SV_OK
            || a->within_us <= 0)) {
        return sv_fail(why, SV_ERR_INVALID, "--within '%.32s' is no time such as 30m or 2h",
                       a->within);
    }
    return SV_OK;
}

int update_wait(int argc, char **argv) {
    asked a = { .within = NULL };
    const sv_option options[] = {
        { .name = "within",
          .value = "TIME",
          .kind = SV_OPTION_TEXT,
          .target = &a.within,
          .help = "no longer than that, such as 30m [as long as it takes]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge update wait NUMBER [--within TIME]",
        .about = "Follow a campaign until nothing more happens by itself; what changes goes to "
                 "stderr. Exit 0: it is done and\nevery device is confirmed. Exit 1: it has "
                 "paused or was stopped, or some came to grief, or --within is over.\n\n"
                 "  selvedge update wait 7 --within 2h && echo everywhere",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .check = check,
        .ask = follow,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
