#include "device_maintenance.h"
#include "fleet_verb.h"
#include "show.h"
#include <base/time.h>
#include <model/maintenance.h>
#include <stdio.h>

typedef struct asked {
    sv_fleet_asked fleet; ///< device
    const char *site, *length, *reason;
    int64_t for_s; ///< 0: not said
    bool end;
} asked;

static const char *name_of(const asked *a) {
    return a->site != NULL ? a->site : a->fleet.plain[0];
}

static sv_err put_path(const asked *a, char room[SV_FLEET_API_PATH_MAX]) {
    sv_textbuf path = { .at = room, .cap = SV_FLEET_API_PATH_MAX };
    sv_textbuf_addf(&path, "/api/v1/%s/%s/maintenance", a->site != NULL ? "sites" : "devices",
                    name_of(a));
    return sv_textbuf_end(&path);
}

// ---- showing ------------------------------------------------------------------------------------

static void show_words(const sv_json *one) {
    sv_text why = sv_show_words(one, "why");
    (void) printf(" until ");
    sv_show_time(one, "until");
    (void) printf(", says ");
    sv_show_plain(sv_show_words(one, "by"));
    (void) printf("%s", why.len > 0 ? ": " : "");
    sv_show_plain(why);
}

static void show_now(const asked *a, const sv_json *now) {
    if (!sv_json_is_object(now)) {
        (void) printf("nobody works on %s\n", name_of(a));
        return;
    }
    bool whole = a->site == NULL && sv_text_is(sv_show_words(now, "of"), "site");
    (void) printf("%s is being worked on%s", name_of(a), whole ? ", with all of its site," : "");
    show_words(now);
    (void) puts("");
}

static void show_past(const sv_json *one) {
    if (sv_json_is_null(sv_json_get(one, "ended"))) {
        return;
    }
    sv_text by = sv_show_words(one, "ended_by");
    sv_show_time(one, "since");
    (void) printf("  %s", sv_text_is(sv_show_words(one, "of"), "site") ? "all of the site," : "");
    show_words(one);
    (void) printf("; ended ");
    sv_show_time(one, "ended");
    (void) printf("%s", by.len > 0 ? " by " : "");
    sv_show_plain(by);
    (void) puts("");
}

static void show(const asked *a, const sv_json *root) {
    const sv_json *items = sv_json_get(root, "items");
    if (a->fleet.json) {
        sv_fleet_show_json(root);
        return;
    }
    show_now(a, sv_json_get(root, "now"));
    for (size_t i = 0; i < sv_json_count(items); i++) {
        show_past(sv_json_at(items, i));
    }
}

// ---- asking -------------------------------------------------------------------------------------

static sv_err begin(const asked *a, sv_fleet_api *api, const char *path, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *now = NULL;
    char room[SV_MAINTENANCE_BYTES_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "for_s", a->for_s);
    sv_json_add_str(&out, "why", a->reason != NULL ? a->reason : "");
    sv_json_close_object(&out);
    const sv_fleet_api_errand errand = { .method = "PUT",
                                         .path = path,
                                         .content_type = "application/json",
                                         .body = sv_textbuf_text(&body) };
    SV_TRY(sv_fleet_api_send(api, &errand, &now, why));
    if (a->fleet.json) {
        sv_fleet_show_json(now);
    } else {
        show_now(a, now);
    }
    return SV_OK;
}

static sv_err end(const asked *a, sv_fleet_api *api, const char *path, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *nothing = NULL;
    const sv_fleet_api_errand errand = { .method = "DELETE", .path = path };
    SV_TRY(sv_fleet_api_send(api, &errand, &nothing, why));
    if (!a->fleet.json) {
        (void) printf("ended: what is wrong with %s is raised again\n", name_of(a));
    }
    return SV_OK;
}

static sv_err ask(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, path));
    if (a->for_s > 0) {
        return begin(a, api, path, why);
    }
    if (a->end) {
        return end(a, api, path, why);
    }
    SV_TRY(sv_fleet_api_get(api, path, &root, why));
    show(a, root);
    return SV_OK;
}

// ---- command line -------------------------------------------------------------------------------

static sv_err read_length(asked *a, sv_why *why) {
    int64_t length_us = 0;
    if (a->length == NULL) {
        return a->reason == NULL ? SV_OK
                                 : sv_fail(why, SV_ERR_INVALID, "--why goes with --for, as in 2h");
    }
    if (sv_duration_parse(sv_text_of(a->length), &length_us) != SV_OK
        || length_us < SV_TIME_SECOND_US || length_us > SV_MAINTENANCE_LONGEST_MS * 1000) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--for '%.32s' is not a time of one second to 31 days, such as 30m, 2h or 1d",
            a->length);
    }
    a->for_s = length_us / SV_TIME_SECOND_US;
    return sv_maintenance_check_why(sv_text_of(a->reason != NULL ? a->reason : ""), why);
}

static sv_err check(void *arg, sv_why *why) {
    asked *a = arg;
    if ((a->fleet.plain[0] != NULL) == (a->site != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "name the device, or a site: selvedge device maintenance press-1 --for 2h");
    }
    if (a->end && a->length != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--end and --for are two things: say one of them");
    }
    SV_TRY(sv_id_check(a->site != NULL ? "--site" : "device id", sv_text_of(name_of(a)), why));
    return read_length(a, why);
}

int cmd_device_maintenance(int argc, char **argv) {
    asked a = { .end = false };
    const sv_option options[] = {
        { .name = "for",
          .value = "TIME",
          .kind = SV_OPTION_TEXT,
          .target = &a.length,
          .help = "from now on for so long, such as 30m, 2h or 1d; at most 31d" },
        { .name = "why",
          .value = "TEXT",
          .kind = SV_OPTION_TEXT,
          .target = &a.reason,
          .help = "with --for: what is done, for those who wonder" },
        { .name = "end", .kind = SV_OPTION_FLAG, .target = &a.end, .help = "it is done, now" },
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a.site,
          .help = "instead of a device: all devices of this site" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge device maintenance DEVICE [--for TIME [--why TEXT] | --end]",
        .about = "Somebody works on a device, or on all of a site: nothing is raised of it until "
                 "the time is over, or --end.\nReadings go on, and so do alerts that are open; "
                 "what is wrong still at the end is raised then. Without --for and\n--end: who "
                 "works on it now, and who did.\n\n"
                 "  selvedge device maintenance press-1 --for 2h --why bearing",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .check = check,
        .ask = ask,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
