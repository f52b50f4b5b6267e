// `selvedge audit`: what can be proved about the fleet. `delivery`: every reading once; `list`: who
// did what; `verify`: whether that log is whole; `export`: the log to be kept elsewhere.
#include "audit_export.h"
#include "audit_list.h"
#include "audit_verify.h"
#include "command.h"
#include "fleet_api.h"
#include "show.h"
#include <base/time.h>
#include <codec/encode.h>
#include <model/id.h>
#include <net/http_client.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>

enum { PAGE = 200, LINE_MAX_BYTES = 256 };

typedef struct asked {
    sv_fleet_place place;
    const char *device, *day; ///< NULL: not said
    bool json;
} asked;

static bool is_complete(const sv_json *object) {
    bool value = false;
    (void) sv_json_bool(sv_json_get(object, "complete"), &value);
    return value;
}

// ---- one device ---------------------------------------------------------------------------------

static void show_time(const sv_json *epoch, const char *word, const char *key) {
    char room[LINE_MAX_BYTES];
    sv_textbuf text = SV_TEXTBUF(room);
    if (sv_json_is_null(sv_json_get(epoch, key))) {
        return;
    }
    sv_time_add(&text, sv_show_number(epoch, key) * 1000);
    (void) printf(", %s " SV_TEXT_FMT, word, SV_TEXT_ARG(sv_textbuf_text(&text)));
}

static void show_faults(const sv_json *epoch) {
    const sv_json *missing = sv_json_get(epoch, "missing");
    for (size_t i = 0; i < sv_json_count(missing); i++) {
        sv_text gap = SV_TEXT("");
        (void) sv_json_text(sv_json_at(missing, i), &gap);
        (void) printf("%s" SV_TEXT_FMT, i == 0 ? "  missing  " : ", ", SV_TEXT_ARG(gap));
    }
    (void) printf("%s", sv_json_count(missing) > 0 ? "\n" : "");
    if (!sv_json_is_null(sv_json_get(epoch, "unknown_below"))) {
        (void) printf("  unknown  some below %lld: more gaps than the gateway remembers\n",
                      (long long) sv_show_number(epoch, "unknown_below"));
    }
    if (sv_show_number(epoch, "doubled") > 0) {
        (void) printf("  doubled  %lld readings are stored more than once\n",
                      (long long) sv_show_number(epoch, "doubled"));
    }
}

static void show_epoch(const sv_json *epoch) {
    sv_text name = sv_show_words(epoch, "epoch");
    (void) printf("epoch " SV_TEXT_FMT ": %lld to %lld, %lld received", SV_TEXT_ARG(name),
                  (long long) sv_show_number(epoch, "from"),
                  (long long) sv_show_number(epoch, "to"),
                  (long long) sv_show_number(epoch, "received"));
    show_time(epoch, "first", "first");
    show_time(epoch, "last", "last");
    (void) printf("; whole epoch: %lld stored, %lld came again, %lld refused\n",
                  (long long) sv_show_number(epoch, "stored"),
                  (long long) sv_show_number(epoch, "repeated"),
                  (long long) sv_show_number(epoch, "refused"));
    show_faults(epoch);
}

static void show_device(const sv_json *root) {
    const sv_json *epochs = sv_json_get(root, "epochs");
    sv_text device = sv_show_words(root, "device");
    sv_text day = sv_show_words(root, "day");
    (void) printf("device " SV_TEXT_FMT ", " SV_TEXT_FMT "\n", SV_TEXT_ARG(device),
                  SV_TEXT_ARG(day.len > 0 ? day : SV_TEXT("all days")));
    for (size_t i = 0; i < sv_json_count(epochs); i++) {
        show_epoch(sv_json_at(epochs, i));
    }
    if (sv_json_count(epochs) == 0) {
        (void) puts("no numbered readings are known");
    }
    (void) puts(is_complete(root) ? "complete: of what has arrived nothing is missing or doubled"
                                  : "NOT COMPLETE");
}

static sv_err audit_device(sv_fleet_api *api, const asked *a, bool *complete, sv_why *why) {
    char path[SV_FLEET_API_PATH_MAX];
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    (void) snprintf(path, sizeof path, "/api/v1/audit/delivery?device=%s%s%s", a->device,
                    a->day != NULL ? "&day=" : "", a->day != NULL ? a->day : "");
    SV_TRY(sv_fleet_api_get(api, path, &root, why));
    if (a->json) {
        sv_show_json(root);
        (void) puts("");
    } else {
        show_device(root);
    }
    *complete = is_complete(root);
    return SV_OK;
}

// ---- all devices --------------------------------------------------------------------------------

static void show_line(const sv_json *item) {
    sv_text device = sv_show_words(item, "device");
    (void) printf("%-32.*s %12lld %10lld %10lld  %s\n", SV_TEXT_ARG(device),
                  (long long) sv_show_number(item, "received"),
                  (long long) sv_show_number(item, "missing"),
                  (long long) sv_show_number(item, "doubled"), is_complete(item) ? "yes" : "NO");
}

static void show_page(const asked *a, const sv_json *items, bool first, bool *complete) {
    for (size_t i = 0; i < sv_json_count(items); i++) {
        const sv_json *item = sv_json_at(items, i);
        if (a->json) {
            (void) printf("%s", first && i == 0 ? "" : ",");
            sv_show_json(item);
        } else {
            show_line(item);
        }
        *complete = *complete && is_complete(item);
    }
}

static sv_err next_page(sv_fleet_api *api, const char *day, sv_text cursor, sv_json **out,
                        sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_addf(&path, "/api/v1/audit/delivery?day=%s&limit=%d&cursor=", day, PAGE);
    sv_percent_add(&path, cursor);
    SV_TRY(sv_textbuf_end(&path));
    return sv_fleet_api_get(api, room, out, why);
}

static sv_err audit_day(sv_fleet_api *api, const asked *a, bool *complete, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *page = NULL;
    SV_TRY(next_page(api, a->day, SV_TEXT(""), &page, why));
    if (a->json) {
        (void) printf("[");
    } else {
        (void) printf("%s\n%-32s %12s %10s %10s  %s\n", a->day, "DEVICE", "RECEIVED", "MISSING",
                      "DOUBLED", "COMPLETE");
    }
    *complete = true;
    show_page(a, sv_json_get(page, "items"), true, complete);
    sv_text next;
    while (sv_json_text(sv_json_get(page, "next"), &next)) {
        sv_json *following = NULL;
        SV_TRY(next_page(api, a->day, next, &following, why));
        sv_json_drop(&page);
        page = following;
        show_page(a, sv_json_get(page, "items"), false, complete);
    }
    (void) printf("%s", a->json ? "]\n" : "");
    return SV_OK;
}

// ---- the command --------------------------------------------------------------------------------

static sv_err check(asked *a, const char *output, char today[LINE_MAX_BYTES], sv_why *why) {
    int64_t day = 0;
    SV_TRY(sv_output_parse(output, &a->json, why));
    if (a->device != NULL) {
        SV_TRY(sv_id_check("--device", sv_text_of(a->device), why));
    }
    if (a->day != NULL && sv_day_parse(sv_text_of(a->day), &day) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--day '%.64s' is not a day such as 2026-11-28",
                       a->day);
    }
    if (a->day == NULL && a->device == NULL) {
        sv_textbuf text = { .at = today, .cap = LINE_MAX_BYTES };
        sv_day_add(&text, sv_day_of(sv_clock_wall_us()));
        SV_TRY(sv_textbuf_end(&text));
        a->day = today;
    }
    return SV_OK;
}

static sv_err audit(const asked *a, bool *complete, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    return a->device != NULL ? audit_device(api, a, complete, why)
                             : audit_day(api, a, complete, why);
}

static int delivery(int argc, char **argv) {
    asked a = { .device = NULL };
    const char *output = "table";
    const sv_option options[] = {
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_TEXT,
          .target = &a.device,
          .help = "this device, number by number [one line for each of the fleet]" },
        { .name = "day",
          .value = "DAY",
          .kind = SV_OPTION_TEXT,
          .target = &a.day,
          .help = "what gateways received on this day, UTC [with a device all days, else today]" },
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    char today[LINE_MAX_BYTES];
    bool complete = false;
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge audit delivery [--device ID] [--day DAY]",
                        "Has every reading arrived, and once? Gateways tell the fleet server which "
                        "numbers of each device they\nhave on disk; what is missing or doubled is "
                        "named. Above the highest number nobody here can know: a\ndevice that is "
                        "offline may hold more. Exit 0: complete; 1: not; 3: nobody answers; 4: "
                        "the token is refused.\n\n"
                        "  selvedge audit delivery --device press-1 --day 2026-11-28",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = check(&a, output, today, &why);
    }
    if (err == SV_OK) {
        err = audit(&a, &complete, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return complete ? SV_EXIT_DONE : SV_EXIT_NO;
}

int cmd_audit(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "list", "who did what", cmd_audit_list },
        { "verify", "is the log whole?", cmd_audit_verify },
        { "export", "the log with its proofs, to be kept elsewhere", cmd_audit_export },
        { "delivery", "has every reading arrived, and once?", delivery },
    };
    return sv_command_run("selvedge audit", "What can be proved about the fleet.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
