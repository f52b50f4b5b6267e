// `selvedge device`: `add` lets one have a certificate, `command` asks a device to do something,
// `commands` shows what it was asked, `maintenance` says that somebody works on it.
#include "device_add.h"
#include "device_list.h"
#include "device_maintenance.h"
#include "device_renewed.h"
#include "device_standing.h"
#include "device_token.h"
#include "device_update.h"
#include "fleet_verb.h"
#include "show.h"
#include <codec/encode.h>
#include <model/id.h>
#include <stdio.h>

enum { AGAIN_US = 300000, COMMANDS_SHOWN = 50, COMMANDS_MAX = 1000000 };

typedef struct asked {
    sv_fleet_asked fleet; ///< device, name, payload
    int64_t within_s, limit;
    bool wait;
} asked;

// ---- asking -------------------------------------------------------------------------------------

static sv_err send_command(sv_fleet_api *api, const asked *a, sv_json **out, sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_addf(&path, "/api/v1/devices/%s/commands/%s?within=%lld", a->fleet.plain[0],
                    a->fleet.plain[1], (long long) a->within_s);
    SV_TRY(sv_textbuf_end(&path));
    return sv_fleet_api_post(
        api, room, sv_text_of(a->fleet.plain[2] != NULL ? a->fleet.plain[2] : "null"), out, why);
}

static bool is_over(const sv_json *command) {
    sv_text state = sv_show_words(command, "state");
    return !sv_text_is(state, "queued") && !sv_text_is(state, "sent");
}

/// Until it is answered, refused or too late; the server says which.
static sv_err wait_for(sv_fleet_api *api, sv_text id, sv_json **out, sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/commands/");
    sv_percent_add(&path, id);
    SV_TRY(sv_textbuf_end(&path));
    for (;;) {
        SV_TRY(sv_fleet_api_get(api, room, out, why));
        if (is_over(*out)) {
            return SV_OK;
        }
        sv_json_drop(out);
        sv_fleet_api_pause(api, AGAIN_US);
    }
}

static void show_queued(const asked *a, const sv_json *command) {
    sv_text id = sv_show_words(command, "id");
    (void) printf("queued: %s for %s, id " SV_TEXT_FMT ", until ", a->fleet.plain[1],
                  a->fleet.plain[0], SV_TEXT_ARG(id));
    sv_show_time(command, "until");
    (void) puts("");
}

static void show_end(const sv_json *command) {
    sv_text state = sv_show_words(command, "state");
    sv_text why = sv_show_words(command, "why");
    sv_show_plain(state);
    if (sv_text_is(state, "expired")) {
        (void) printf(": nobody answered in time");
    } else if (why.len > 0) {
        (void) printf(": ");
        sv_show_plain(why);
    } else if (!sv_json_is_null(sv_json_get(command, "answer"))) {
        (void) printf(": ");
        sv_show_json(sv_json_get(command, "answer"));
    }
    (void) puts("");
}

static sv_err ask(void *arg, sv_fleet_api *api, sv_why *why) {
    asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *queued = NULL;
    SV_DEFER(sv_json_drop) sv_json *ended = NULL;
    SV_TRY(send_command(api, a, &queued, why));
    if (a->wait) {
        SV_TRY(wait_for(api, sv_show_words(queued, "id"), &ended, why));
    }
    a->fleet.no = a->wait && !sv_text_is(sv_show_words(ended, "state"), "answered");
    if (a->fleet.json) {
        sv_fleet_show_json(a->wait ? ended : queued);
    } else if (a->wait) {
        show_end(ended);
    } else {
        show_queued(a, queued);
    }
    return SV_OK;
}

static const char NAME_BOTH[] =
    "name the device and the command: selvedge device command press-1 stop";

static sv_err check(void *arg, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *payload = NULL;
    sv_why fault = { .text = "" };
    if (a->fleet.plain[1] == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "%s", NAME_BOTH);
    }
    SV_TRY(sv_id_check("name of the command", sv_text_of(a->fleet.plain[1]), why));
    if (a->fleet.plain[2] != NULL
        && sv_json_parse(sv_text_of(a->fleet.plain[2]), &payload, NULL, &fault) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "what goes with the command is no JSON: %s",
                       fault.text);
    }
    return SV_OK;
}

static int command(int argc, char **argv) {
    asked a = { .within_s = 600 };
    const sv_option options[] = {
        { .name = "within",
          .value = "SECONDS",
          .kind = SV_OPTION_INT,
          .target = &a.within_s,
          .min = 1,
          .max = 86400,
          .help = "how long it is worth doing [600]" },
        { .name = "wait",
          .kind = SV_OPTION_FLAG,
          .target = &a.wait,
          .help = "until the device has answered, or it is too late" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge device command DEVICE NAME [JSON] [--wait]",
        .about = "Ask a device to do something, through its gateway. What goes with it is any "
                 "JSON, at most 4 kB; simulated\nmachines know start, stop and ping. Exit 0: "
                 "queued, or with --wait answered; 1: the device or its gateway\ndid not do it, or "
                 "nobody answered in time; 2: no such device; 3: nobody answers here; 4: the token "
                 "is refused.\n\n"
                 "  selvedge device command lathe-01 stop --wait",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 3,
        .first = "device id",
        .missing = NAME_BOTH,
        .check = check,
        .ask = ask,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- showing ------------------------------------------------------------------------------------

static void show_line(const sv_json *one, void *arg) {
    (void) arg;
    sv_text name = sv_show_words(one, "name");
    sv_text state = sv_show_words(one, "state");
    sv_text rule = sv_show_words(one, "rule");
    sv_text by = sv_show_words(one, "by");
    sv_text why = sv_show_words(one, "why");
    sv_show_time(one, "asked_at");
    (void) printf("  %-20.*s %-9.*s by %s", SV_TEXT_ARG(name), SV_TEXT_ARG(state),
                  rule.len > 0 ? "rule " : "");
    sv_show_plain(rule.len > 0 ? rule : by);
    (void) printf("%s", why.len > 0 ? ": " : "");
    sv_show_plain(why);
    if (why.len == 0 && !sv_json_is_null(sv_json_get(one, "answer"))) {
        (void) printf(": ");
        sv_show_json(sv_json_get(one, "answer"));
    }
    (void) puts("");
}

static sv_err show(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX];
    char none[SV_FLEET_API_PATH_MAX];
    (void) snprintf(path, sizeof path, "/api/v1/devices/%s/commands?", a->fleet.plain[0]);
    (void) snprintf(none, sizeof none, "%s was never asked for anything", a->fleet.plain[0]);
    const sv_fleet_list all = { .path = path, .limit = a->limit, .line = show_line, .none = none };
    return sv_fleet_list_show(api, &all, a->fleet.json, why);
}

static int commands(int argc, char **argv) {
    asked a = { .limit = COMMANDS_SHOWN };
    const sv_option options[] = {
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .min = 1,
          .max = COMMANDS_MAX,
          .help = "how many, the newest [50]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge device commands DEVICE",
        .about =
            "What a device was asked for, the newest first: by whom or by which rule, and what "
            "became of it.\n\n"
            "  selvedge device commands lathe-01",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "device id",
        .missing = "name the device: selvedge device commands press-1",
        .ask = show,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

int cmd_device(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "list", "the devices of the fleet", cmd_device_list },
        { "show", "all there is to say about one", cmd_device_show },
        { "add", "let a device, or a file of them, have a certificate", cmd_device_add },
        { "revoke", "end its sessions everywhere and let it in no more", cmd_device_revoke },
        { "quarantine", "keep it connected, set its readings aside", cmd_device_quarantine },
        { "release", "end its quarantine", cmd_device_release },
        { "replace", "give its place a new key; its history stays", cmd_device_replace },
        { "retire", "it is gone for good; its history stays", cmd_device_retire },
        { "command", "ask a device to do something", command },
        { "commands", "what a device was asked, by whom, and what became of it", commands },
        { "update", "one device is to install one image, or not any more", cmd_device_update },
        { "updates", "what a device runs, and what became of its updates", cmd_device_updates },
        { "token", "let it ask for updates without a certificate", cmd_device_token },
        { "versions", "which versions devices run, and how many of them", cmd_device_versions },
        { "renewed", "say that what was worn of it was replaced", cmd_device_renewed },
        { "maintenance", "say that a device is being worked on: nothing is raised of it",
          cmd_device_maintenance },
    };
    return sv_command_run("selvedge device", "Devices, through the fleet server.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
