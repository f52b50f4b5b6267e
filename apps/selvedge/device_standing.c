#include "device_standing.h"
#include "fleet_verb.h"
#include "show.h"
#include <base/time.h>
#include <inttypes.h>
#include <model/standing.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>

enum {
    AGAIN_US = 100000,
    GATEWAYS_MAX = 256,
    WAIT_S = 5,
    BODY_MAX = 2048,
    MINUTES = 24 * 60,
    MINUTES_MAX = 90 * 24 * 60,
};

typedef struct verb {
    const char *name;
    sv_standing_state state;
    const char *about;
} verb;

typedef struct asked {
    const verb *verb;
    sv_fleet_place place;
    const char *plain[2]; ///< id
    const char *reason;
    int64_t wait_s;
    bool unknown, json;
} asked;

/// What was decided, and how far it has come.
typedef struct progress {
    sv_json *decided, *standing; ///< the server's answers
    int64_t version, began_us;
    int64_t after_us[GATEWAYS_MAX]; ///< until it was in force there; 0: it is not known to be
    size_t gateways, waiting;       ///< all, and those connected that have not said so
} progress;

static void progress_drop(progress *p) {
    sv_json_drop(&p->decided);
    sv_json_drop(&p->standing);
}

// ---- asking -------------------------------------------------------------------------------------

static sv_err decide(const asked *a, sv_fleet_api *api, sv_json **out, sv_why *why) {
    char path[SV_FLEET_API_PATH_MAX];
    char room[BODY_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(&body);
    (void) snprintf(path, sizeof path, "/api/v1/devices/%s/standing", a->plain[0]);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "state", sv_standing_state_name(a->verb->state));
    sv_json_add_str(&json, "reason", a->reason != NULL ? a->reason : "");
    sv_json_add_bool(&json, "unknown", a->unknown);
    sv_json_close_object(&json);
    if (sv_textbuf_end(&body) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--reason is longer than a line of 200 bytes");
    }
    const sv_fleet_api_errand errand = { .method = "POST",
                                         .path = path,
                                         .content_type = "application/json",
                                         .body = sv_textbuf_text(&body) };
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    SV_TRY(sv_fleet_api_send(api, &errand, &answer, why));
    *out = answer;
    answer = NULL;
    return SV_OK;
}

/// Who has it by now.
static void look(progress *p) {
    const sv_json *gateways = sv_json_get(p->standing, "gateways");
    int64_t now_us = sv_clock_monotonic_us();
    p->gateways = sv_json_count(gateways) < GATEWAYS_MAX ? sv_json_count(gateways) : GATEWAYS_MAX;
    p->waiting = 0;
    for (size_t i = 0; i < p->gateways; i++) {
        const sv_json *gateway = sv_json_at(gateways, i);
        bool connected = false;
        (void) sv_json_bool(sv_json_get(gateway, "connected"), &connected);
        bool has = !sv_json_is_null(sv_json_get(gateway, "version"))
                   && sv_show_number(gateway, "version") >= p->version;
        if (has && p->after_us[i] == 0) {
            p->after_us[i] = now_us - p->began_us;
        }
        p->waiting += connected && !has;
    }
}

/// Until all that are connected have it, or it is clear that they will not soon.
static sv_err wait_for(const asked *a, sv_fleet_api *api, progress *p, sv_why *why) {
    for (;;) {
        sv_json_drop(&p->standing);
        SV_TRY(sv_fleet_api_get(api, "/api/v1/standing", &p->standing, why));
        look(p);
        bool over = sv_clock_monotonic_us() - p->began_us >= a->wait_s * SV_TIME_SECOND_US;
        if (p->waiting == 0 || over || sv_show_words(p->standing, "cannot").len > 0) {
            return SV_OK;
        }
        sv_fleet_api_pause(api, AGAIN_US);
    }
}

// ---- showing ------------------------------------------------------------------------------------

static void show_json(const asked *a, const progress *p) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 20);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_text cannot = sv_show_words(p->standing, "cannot");
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", a->plain[0]);
    sv_json_add_text(&out, "state", sv_show_words(p->decided, "state"));
    sv_json_add_int(&out, "version", p->version);
    sv_json_add_int(&out, "before", sv_show_number(p->decided, "before"));
    sv_json_key(&out, "gateways");
    sv_json_open_array(&out);
    for (size_t i = 0; i < p->gateways; i++) {
        const sv_json *gateway = sv_json_at(sv_json_get(p->standing, "gateways"), i);
        bool connected = false;
        (void) sv_json_bool(sv_json_get(gateway, "connected"), &connected);
        sv_json_open_object(&out);
        sv_json_add_text(&out, "id", sv_show_words(gateway, "id"));
        sv_json_add_text(&out, "site", sv_show_words(gateway, "site"));
        sv_json_add_bool(&out, "connected", connected);
        sv_json_add_bool(&out, "in_force", p->after_us[i] > 0);
        sv_json_close_object(&out);
    }
    sv_json_close_array(&out);
    if (cannot.len > 0) {
        sv_json_add_text(&out, "cannot", cannot);
    } else {
        sv_json_add_null(&out, "cannot");
    }
    sv_json_close_object(&out);
    (void) printf(SV_TEXT_FMT "\n", SV_TEXT_ARG(sv_textbuf_text(&text)));
}

static void show_gateway(const sv_json *gateway, int64_t after_us) {
    bool connected = false;
    (void) sv_json_bool(sv_json_get(gateway, "connected"), &connected);
    (void) printf("  ");
    sv_show_plain(sv_show_words(gateway, "id"));
    if (after_us > 0) {
        (void) printf(": in force after %.1f s\n", (double) after_us / 1e6);
    } else if (connected) {
        (void) puts(": has not said that it is in force");
    } else {
        (void) puts(": not connected, will have it when it returns");
    }
}

static void show(const asked *a, const progress *p) {
    if (a->json) {
        show_json(a, p);
        return;
    }
    (void) printf("%s is ", a->plain[0]);
    sv_show_plain(sv_show_words(p->decided, "state"));
    if (sv_show_number(p->decided, "before") > 0) {
        (void) printf("; certificates that began before ");
        sv_show_time(p->decided, "before");
        (void) printf(" do not count");
    }
    (void) puts("");
    for (size_t i = 0; i < p->gateways; i++) {
        show_gateway(sv_json_at(sv_json_get(p->standing, "gateways"), i), p->after_us[i]);
    }
}

/// It is decided, whatever this says; but is it in force?
static int say_end(const progress *p) {
    sv_text cannot = sv_show_words(p->standing, "cannot");
    if (cannot.len > 0) {
        (void) fprintf(
            stderr,
            "selvedge: it holds at the fleet server; gateways cannot be told: " SV_TEXT_FMT "\n",
            SV_TEXT_ARG(cannot));
        return SV_EXIT_UNREACHABLE;
    }
    if (p->waiting > 0) {
        (void) fprintf(
            stderr, "selvedge: %zu of the connected gateways have not said that it is in force\n",
            p->waiting);
        return SV_EXIT_UNREACHABLE;
    }
    return SV_EXIT_DONE;
}

// ---- command line -------------------------------------------------------------------------------

static int ask(const asked *a) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(progress_drop) progress p = { .version = 0 };
    sv_why why = { .text = "" };
    sv_err err = sv_fleet_api_open(&a->place, &api, &why);
    p.began_us = sv_clock_monotonic_us();
    if (err == SV_OK) {
        err = decide(a, api, &p.decided, &why);
    }
    if (err == SV_OK) {
        p.version = sv_show_number(p.decided, "version");
        err = wait_for(a, api, &p, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    show(a, &p);
    return say_end(&p);
}

static sv_err check(asked *a, const char *output, sv_why *why) {
    SV_TRY(sv_output_parse(output, &a->json, why));
    if (a->plain[0] == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "name the device: selvedge device %s press-17",
                       a->verb->name);
    }
    return sv_id_check("id", sv_text_of(a->plain[0]), why);
}

static int run(const verb *which, int argc, char **argv) {
    asked a = { .verb = which, .wait_s = WAIT_S };
    const char *output = "table";
    char usage[80];
    const sv_option options[] = {
        { .name = "reason",
          .value = "TEXT",
          .kind = SV_OPTION_TEXT,
          .target = &a.reason,
          .help = "why, one line; it stays in the event log" },
        { .name = "wait",
          .value = "SECONDS",
          .kind = SV_OPTION_INT,
          .target = &a.wait_s,
          .max = 3600,
          .help = "for gateways to say that it is in force [5]" },
        { .name = "unknown",
          .kind = SV_OPTION_FLAG,
          .target = &a.unknown,
          .help = "also when the fleet server has never heard of the id" },
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 1, &why);
    if (err == SV_ERR_STATE) {
        (void) snprintf(usage, sizeof usage, "selvedge device %s ID [--reason TEXT]", which->name);
        sv_options_help(usage, which->about, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = check(&a, output, &why);
    }
    return err == SV_OK ? ask(&a) : sv_exit_with(err, &why);
}

#define EXITS                                                                                      \
    "\nExit 0: done, and in force at every gateway that is connected; 1: not from what it is "     \
    "now; "                                                                                        \
    "2: no such id; 3: nobody answers, or not\neverywhere in force yet; 4: the token is "          \
    "refused.\n\n"

int cmd_device_revoke(int argc, char **argv) {
    static const verb REVOKE = {
        "revoke", SV_STANDING_REVOKED,
        "End the sessions of a device, a gateway or an app everywhere, and "
        "refuse new ones: nothing that was issued\nto it until now counts "
        "again." EXITS "  selvedge device revoke press-17 --reason \"stolen\""
    };
    return run(&REVOKE, argc, argv);
}

int cmd_device_quarantine(int argc, char **argv) {
    static const verb QUARANTINE = {
        "quarantine", SV_STANDING_QUARANTINED,
        "Keep a device connected for updates and health, but set its readings aside: they raise no "
        "alerts and go nowhere." EXITS "  selvedge device quarantine press-17"
    };
    return run(&QUARANTINE, argc, argv);
}

int cmd_device_release(int argc, char **argv) {
    static const verb RELEASE = { "release", SV_STANDING_ACTIVE,
                                  "End a quarantine." EXITS "  selvedge device release press-17" };
    return run(&RELEASE, argc, argv);
}

int cmd_device_retire(int argc, char **argv) {
    static const verb RETIRE = { "retire", SV_STANDING_RETIRED,
                                 "A device is gone for good: its certificates and sessions end, "
                                 "its tokens are withdrawn, it "
                                 "leaves the list; its\nhistory stays." EXITS
                                 "  selvedge device retire press-17" };
    return run(&RETIRE, argc, argv);
}

// ---- replace ------------------------------------------------------------------------------------

typedef struct swap {
    sv_fleet_asked fleet; ///< device
    int64_t minutes;
} swap;

static sv_err replace(void *arg, sv_fleet_api *api, sv_why *why) {
    const swap *w = arg;
    SV_DEFER(sv_json_drop) sv_json *item = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    char body[64];
    (void) snprintf(path, sizeof path, "/api/v1/devices/%s/replacement", w->fleet.plain[0]);
    (void) snprintf(body, sizeof body, "{\"minutes\":%" PRId64 "}", w->minutes);
    SV_TRY(sv_fleet_api_post(api, path, sv_text_of(body), &item, why));
    if (w->fleet.json) {
        sv_show_json(item);
    } else {
        sv_show_plain(sv_show_words(item, "command"));
    }
    (void) puts("");
    (void) fprintf(stderr,
                   "the old certificates of %s count no more; type the line on the new device. The "
                   "token works once and is shown only now\n",
                   w->fleet.plain[0]);
    return SV_OK;
}

int cmd_device_replace(int argc, char **argv) {
    swap w = { .minutes = MINUTES };
    const sv_option options[] = {
        { .name = "minutes",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &w.minutes,
          .min = 1,
          .max = MINUTES_MAX,
          .help = "how long the token works [1440]" },
    };
    const sv_fleet_verb replacing = {
        .usage = "selvedge device replace DEVICE [--minutes N]",
        .about = "Another machine takes the place of a device: its old certificates are revoked at "
                 "once, its history stays, and\na line to type on the new one is printed.\n\n"
                 "  selvedge device replace press-17",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "device id",
        .missing = "name the device: selvedge device replace press-17",
        .ask = replace,
    };
    return sv_fleet_verb_run(&replacing, &w.fleet, &w, argc, argv);
}
