// `selvedge device`: `add` lets one have a certificate, `command` asks a device to do something,
// `commands` shows what it was asked, `maintenance` says that somebody works on it.
#include "command.h"
#include "device_add.h"
#include "device_list.h"
#include "device_maintenance.h"
#include "device_standing.h"
#include "fleet_api.h"
#include "show.h"
#include <codec/encode.h>
#include <model/id.h>
#include <stdio.h>
#include <string.h>

enum { AGAIN_US = 300000, COMMANDS_SHOWN = 50 };

typedef struct asked {
    sv_fleet_place place;
    const char *plain[4]; ///< device, name, payload
    int64_t within_s;
    bool wait, json;
} asked;

// ---- asking -------------------------------------------------------------------------------------

static sv_err send_command(sv_fleet_api *api, const asked *a, sv_json **out, sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_addf(&path, "/api/v1/devices/%s/commands/%s?within=%lld", a->plain[0], a->plain[1],
                    (long long) a->within_s);
    SV_TRY(sv_textbuf_end(&path));
    return sv_fleet_api_post(api, room, sv_text_of(a->plain[2] != NULL ? a->plain[2] : "null"), out,
                             why);
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
    (void) printf("queued: %s for %s, id " SV_TEXT_FMT ", until ", a->plain[1], a->plain[0],
                  SV_TEXT_ARG(id));
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

static sv_err ask(const asked *a, bool *done, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *queued = NULL;
    SV_DEFER(sv_json_drop) sv_json *ended = NULL;
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    SV_TRY(send_command(api, a, &queued, why));
    if (a->wait) {
        SV_TRY(wait_for(api, sv_show_words(queued, "id"), &ended, why));
    }
    *done = !a->wait || sv_text_is(sv_show_words(ended, "state"), "answered");
    if (a->json) {
        sv_show_json(a->wait ? ended : queued);
        (void) puts("");
    } else if (a->wait) {
        show_end(ended);
    } else {
        show_queued(a, queued);
    }
    return SV_OK;
}

static sv_err check(asked *a, const char *output, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *payload = NULL;
    sv_why fault = { .text = "" };
    SV_TRY(sv_output_parse(output, &a->json, why));
    if (a->plain[0] == NULL || a->plain[1] == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "name the device and the command: selvedge device command press-1 stop");
    }
    SV_TRY(sv_id_check("device id", sv_text_of(a->plain[0]), why));
    SV_TRY(sv_id_check("name of the command", sv_text_of(a->plain[1]), why));
    if (a->plain[2] != NULL
        && sv_json_parse(sv_text_of(a->plain[2]), &payload, NULL, &fault) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "what goes with the command is no JSON: %s",
                       fault.text);
    }
    return SV_OK;
}

static int command(int argc, char **argv) {
    asked a = { .within_s = 600 };
    const char *output = "table";
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
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    bool done = false;
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 3, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge device command DEVICE NAME [JSON] [--wait]",
                        "Ask a device to do something, through its gateway. What goes with it is "
                        "any JSON, at most 4 kB; simulated\nmachines know start, stop and ping. "
                        "Exit 0: queued, or with --wait answered; 1: the device or its gateway\n"
                        "did not do it, or nobody answered in time; 2: no such device; 3: nobody "
                        "answers here; 4: the token is refused.\n\n"
                        "  selvedge device command lathe-01 stop --wait",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = check(&a, output, &why);
    }
    if (err == SV_OK) {
        err = ask(&a, &done, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return done ? SV_EXIT_DONE : SV_EXIT_NO;
}

// ---- showing ------------------------------------------------------------------------------------

static void show_line(const sv_json *one) {
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

static sv_err show(const asked *a, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    (void) snprintf(path, sizeof path, "/api/v1/devices/%s/commands?limit=%d", a->plain[0],
                    COMMANDS_SHOWN);
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    SV_TRY(sv_fleet_api_get(api, path, &root, why));
    const sv_json *items = sv_json_get(root, "items");
    if (a->json) {
        sv_show_json(items);
        (void) puts("");
        return SV_OK;
    }
    for (size_t i = 0; i < sv_json_count(items); i++) {
        show_line(sv_json_at(items, i));
    }
    if (sv_json_count(items) == 0) {
        (void) printf("%s was never asked for anything\n", a->plain[0]);
    }
    return SV_OK;
}

static int commands(int argc, char **argv) {
    asked a = { .json = false };
    const char *output = "table";
    const sv_option options[] = {
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge device commands DEVICE",
                        "The last 50 things a device was asked for, the newest first: by whom or "
                        "by which rule, and what became of it.\n\n"
                        "  selvedge device commands lathe-01",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(output, &a.json, &why);
    }
    if (err == SV_OK && a.plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "name the device: selvedge device commands press-1");
    }
    if (err == SV_OK) {
        err = sv_id_check("device id", sv_text_of(a.plain[0]), &why);
    }
    if (err == SV_OK) {
        err = show(&a, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
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
        { "maintenance", "say that a device is being worked on: nothing is raised of it",
          cmd_device_maintenance },
    };
    return sv_command_run("selvedge device", "Devices, through the fleet server.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
