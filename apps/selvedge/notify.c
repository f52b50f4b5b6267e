// `selvedge notify`: `test` sends a test to people, `list` shows what became of messages, `retry`
// sends one that was given up again.
#include "fleet_verb.h"
#include "show.h"
#include <codec/encode.h>
#include <stdio.h>

enum { AGAIN_US = 300000, MESSAGES_SHOWN = 50, MESSAGES_MAX = 1000000 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *state;
    int64_t limit;
    bool channel;
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
                    a->channel ? "channels" : "routes", a->fleet.plain[0]);
    return sv_fleet_api_post(api, path, SV_TEXT("null"), out, why);
}

static sv_err send_test(void *arg, sv_fleet_api *api, sv_why *why) {
    asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *started = NULL;
    SV_TRY(start_test(api, a, &started, why));
    const sv_json *items = sv_json_get(started, "items");
    (void) printf("%s", a->fleet.json ? "[" : "");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        SV_DEFER(sv_json_drop) sv_json *ended = NULL;
        SV_TRY(wait_for(api, sv_show_words(sv_json_at(items, i), "id"), &ended, why));
        a->fleet.no = a->fleet.no || !sv_text_is(sv_show_words(ended, "state"), "sent");
        if (a->fleet.json) {
            (void) printf("%s", i > 0 ? "," : "");
            sv_show_json(ended);
        } else {
            show_end(ended);
        }
    }
    (void) printf("%s", a->fleet.json ? "]\n" : "");
    return SV_OK;
}

static int test(int argc, char **argv) {
    asked a = { .channel = false };
    const sv_option options[] = {
        { .name = "channel",
          .kind = SV_OPTION_FLAG,
          .target = &a.channel,
          .help = "NAME is a channel; else a route, of which every channel is tried" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge notify test NAME [--channel]",
        .about = "Send a test the way alerts go, once, and say what became of it. Exit 0: every "
                 "channel took it; 1: one did not;\n2: no such route; 3: the fleet server does not "
                 "answer; 4: the token is refused.\n\n"
                 "  selvedge notify test night",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "name",
        .missing = "name the route: selvedge notify test night",
        .ask = send_test,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- list ---------------------------------------------------------------------------------------

static void show_line(const sv_json *one, void *arg) {
    (void) arg;
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

static sv_err show(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/notifications?");
    sv_fleet_path_add(&path, "state", a->state);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--state is too long");
    }
    const sv_fleet_list messages = {
        .path = room, .limit = a->limit, .line = show_line, .none = "there are none"
    };
    return sv_fleet_list_show(api, &messages, a->fleet.json, why);
}

static int list(int argc, char **argv) {
    asked a = { .state = "all", .limit = MESSAGES_SHOWN };
    const sv_option options[] = {
        { .name = "state",
          .value = "STATE",
          .kind = SV_OPTION_TEXT,
          .target = &a.state,
          .help = "gathering, waiting, sent or failed [all]" },
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .min = 1,
          .max = MESSAGES_MAX,
          .help = "how many, the newest [50]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge notify list [--state failed]",
        .about = "Messages, the newest first: over which channel, and what became of each.\n\n"
                 "  selvedge notify list --state failed",
        .options = options,
        .option_count = SV_COUNT(options),
        .ask = show,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- retry --------------------------------------------------------------------------------------

static sv_err send_again(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *message = NULL;
    SV_TRY(ask_about(api, sv_text_of(a->fleet.plain[0]), "/retry", &message, why));
    if (a->fleet.json) {
        sv_fleet_show_json(message);
    } else {
        show_end(message);
    }
    return SV_OK;
}

static int retry(int argc, char **argv) {
    asked a = { .channel = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge notify retry ID",
        .about = "Send a message that was given up again, with the id it had.\n\n"
                 "  selvedge notify retry 0f8fad5bd9cb469fa16570867728950e",
        .plain_max = 1,
        .first = "id",
        .missing = "name the message: selvedge notify list --state failed shows them",
        .ask = send_again,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
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
