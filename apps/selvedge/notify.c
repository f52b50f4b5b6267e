// `selvedge notify`: `test` sends a test to people, `list` shows what became of messages, `retry`
// sends one that was given up again.
#include "command.h"
#include "fleet_api.h"
#include "show.h"
#include <codec/encode.h>
#include <model/id.h>
#include <stdio.h>
#include <string.h>

enum { AGAIN_US = 300000, MESSAGES_SHOWN = 50 };

typedef struct asked {
    sv_fleet_place place;
    const char *plain[2];
    const char *state;
    bool channel, json;
} asked;

static sv_err ask_about(sv_fleet_api *api, sv_text id, const char *verb, sv_json **out,
                        sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/notifications/");
    sv_percent_add(&path, id);
    sv_textbuf_add_str(&path, verb);
    SV_TRY(sv_textbuf_end(&path));
    return verb[0] != '\0' ? sv_fleet_api_post(api, room, SV_TEXT("null"), out, why)
                           : sv_fleet_api_get(api, room, out, why);
}

/// Until it is taken or given up; the server sees to it that this comes.
static sv_err wait_for(sv_fleet_api *api, sv_text id, sv_json **out, sv_why *why) {
    for (;;) {
        SV_TRY(ask_about(api, id, "", out, why));
        sv_text state = sv_show_words(*out, "state");
        if (sv_text_is(state, "sent") || sv_text_is(state, "failed")) {
            return SV_OK;
        }
        sv_json_drop(out);
        sv_fleet_api_pause(api, AGAIN_US);
    }
}

// ---- test ---------------------------------------------------------------------------------------

static void show_end(const sv_json *message) {
    sv_text error = sv_show_words(message, "error");
    sv_show_plain(sv_show_words(message, "channel"));
    (void) printf(": ");
    sv_show_plain(sv_show_words(message, "state"));
    (void) printf("%s", error.len > 0 ? ": " : "");
    sv_show_plain(error);
    (void) puts("");
}

static sv_err start_test(sv_fleet_api *api, const asked *a, sv_json **out, sv_why *why) {
    char path[SV_FLEET_API_PATH_MAX];
    (void) snprintf(path, sizeof path, "/api/v1/notify/%s/%s/test",
                    a->channel ? "channels" : "routes", a->plain[0]);
    return sv_fleet_api_post(api, path, SV_TEXT("null"), out, why);
}

static sv_err send_test(const asked *a, bool *all_sent, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *started = NULL;
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    SV_TRY(start_test(api, a, &started, why));
    const sv_json *items = sv_json_get(started, "items");
    *all_sent = true;
    (void) printf("%s", a->json ? "[" : "");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        SV_DEFER(sv_json_drop) sv_json *ended = NULL;
        SV_TRY(wait_for(api, sv_show_words(sv_json_at(items, i), "id"), &ended, why));
        *all_sent = *all_sent && sv_text_is(sv_show_words(ended, "state"), "sent");
        if (a->json) {
            (void) printf("%s", i > 0 ? "," : "");
            sv_show_json(ended);
        } else {
            show_end(ended);
        }
    }
    (void) printf("%s", a->json ? "]\n" : "");
    return SV_OK;
}

static int test(int argc, char **argv) {
    asked a = { .json = false };
    const char *output = "table";
    const sv_option options[] = {
        { .name = "channel",
          .kind = SV_OPTION_FLAG,
          .target = &a.channel,
          .help = "NAME is a channel; else a route, of which every channel is tried" },
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    bool all_sent = false;
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge notify test NAME [--channel]",
                        "Send a test the way alerts go, once, and say what became of it. Exit 0: "
                        "every channel took it; 1: one did not;\n2: no such route; 3: the fleet "
                        "server does not answer; 4: the token is refused.\n\n"
                        "  selvedge notify test night",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(output, &a.json, &why);
    }
    if (err == SV_OK && a.plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "name the route: selvedge notify test night");
    }
    if (err == SV_OK) {
        err = sv_id_check("name", sv_text_of(a.plain[0]), &why);
    }
    if (err == SV_OK) {
        err = send_test(&a, &all_sent, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return all_sent ? SV_EXIT_DONE : SV_EXIT_NO;
}

// ---- list ---------------------------------------------------------------------------------------

static void show_line(const sv_json *one) {
    sv_text state = sv_show_words(one, "state");
    sv_text channel = sv_show_words(one, "channel");
    sv_text error = sv_show_words(one, "error");
    sv_show_time(one, "made_at");
    (void) printf("  " SV_TEXT_FMT "  %-9.*s %-12.*s ", SV_TEXT_ARG(sv_show_words(one, "id")),
                  SV_TEXT_ARG(state), SV_TEXT_ARG(channel));
    sv_show_plain(sv_show_words(one, "title"));
    (void) printf("%s", error.len > 0 ? "; " : "");
    sv_show_plain(error);
    (void) puts("");
}

static sv_err show(const asked *a, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_addf(&path, "/api/v1/notifications?limit=%d&state=", MESSAGES_SHOWN);
    sv_percent_add(&path, sv_text_of(a->state));
    SV_TRY(sv_textbuf_end(&path));
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    SV_TRY(sv_fleet_api_get(api, room, &root, why));
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
        (void) puts("there are none");
    }
    return SV_OK;
}

static int list(int argc, char **argv) {
    asked a = { .state = "all" };
    const char *output = "table";
    const sv_option options[] = {
        { .name = "state",
          .value = "STATE",
          .kind = SV_OPTION_TEXT,
          .target = &a.state,
          .help = "gathering, waiting, sent or failed [all]" },
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge notify list [--state failed]",
                        "The last 50 messages, the newest first: over which channel, and what "
                        "became of each.\n\n"
                        "  selvedge notify list --state failed",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(output, &a.json, &why);
    }
    if (err == SV_OK) {
        err = show(&a, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}

// ---- retry --------------------------------------------------------------------------------------

static sv_err send_again(const asked *a, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *message = NULL;
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    SV_TRY(ask_about(api, sv_text_of(a->plain[0]), "/retry", &message, why));
    show_end(message);
    return SV_OK;
}

static int retry(int argc, char **argv) {
    asked a = { .json = false };
    const sv_option options[] = { SV_FLEET_PLACE_OPTIONS(a.place) };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge notify retry ID",
                        "Send a message that was given up again, with the id it had.\n\n"
                        "  selvedge notify retry 0f8fad5bd9cb469fa16570867728950e",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && a.plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID,
                      "name the message: selvedge notify list --state failed shows them");
    }
    if (err == SV_OK) {
        err = sv_id_check("id", sv_text_of(a.plain[0]), &why);
    }
    if (err == SV_OK) {
        err = send_again(&a, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}

int cmd_notify(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "test", "send a test over a route's channels, and see whether it arrives", test },
        { "list", "messages to people, and what became of each", list },
        { "retry", "send one that was given up again", retry },
    };
    return sv_command_run("selvedge notify", "Messages to people, through the fleet server.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
