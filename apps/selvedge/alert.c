// `selvedge alert`: `list` the inbox, `show` one with what happened to it, `acknowledge` one.
#include "fleet_verb.h"
#include "show.h"
#include <codec/encode.h>
#include <stdio.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000000 };

#define ROW_TIME 20
#define ROW_SEVERITY 8
#define ROW_STATE 12

typedef struct asked {
    sv_fleet_asked fleet;
    const char *state, *severity, *site, *device;
    int64_t limit;
    bool undo;
} asked;

// ---- list ---------------------------------------------------------------------------------------

/// The id is what `show` and `acknowledge` take, and as long as a line is for itself.
static void show_line(const sv_json *alert, void *arg) {
    (void) arg;
    sv_text sensor = sv_show_words(alert, "sensor");
    sv_show_time(alert, "raised_at");
    (void) printf("  ");
    sv_show_cell(sv_show_words(alert, "severity"), ROW_SEVERITY);
    sv_show_cell(sv_show_words(alert, "state"), ROW_STATE);
    sv_show_plain(sv_show_words(alert, "device"));
    (void) printf("%s", sensor.len > 0 ? " " : "");
    sv_show_plain(sensor);
    (void) printf("\n  ");
    sv_show_cell(sv_show_words(alert, "id"), 0);
    sv_show_plain(sv_show_words(alert, "message"));
    (void) puts("");
}

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char head[128];
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/alerts?");
    sv_fleet_path_add(&path, "state", a->state);
    sv_fleet_path_add(&path, "severity", a->severity);
    sv_fleet_path_add(&path, "site", a->site);
    sv_fleet_path_add(&path, "device", a->device);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the filter is longer than %zu bytes", sizeof room - 1);
    }
    (void) snprintf(head, sizeof head, "%-*s  %-*s  %-*s  DEVICE AND SENSOR\n  %-32s  MESSAGE",
                    ROW_TIME, "RAISED", ROW_SEVERITY, "SEVERITY", ROW_STATE, "STATE", "ID");
    const sv_fleet_list alerts = { .path = room,
                                   .limit = a->limit,
                                   .head = head,
                                   .line = show_line,
                                   .none = "there is no such alert" };
    return sv_fleet_list_show(api, &alerts, a->fleet.json, why);
}

static int cmd_list(int argc, char **argv) {
    asked a = { .state = "active", .limit = LIMIT_DEFAULT };
    const sv_option options[] = {
        { .name = "state",
          .value = "STATE",
          .kind = SV_OPTION_TEXT,
          .target = &a.state,
          .help = "open, acknowledged, active (both), cleared or all [active]" },
        { .name = "severity",
          .value = "LEVEL",
          .kind = SV_OPTION_TEXT,
          .target = &a.severity,
          .help = "info, warning or critical" },
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a.site,
          .help = "of this site alone" },
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_TEXT,
          .target = &a.device,
          .help = "of this device alone" },
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .max = LIMIT_MAX,
          .help = "at most so many, the newest; 0: all [100]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge alert list [--state open] [--severity critical] [--site SITE]",
        .about = "The alert inbox, the newest first, two lines each. With the id an alert can be "
                 "shown and acknowledged.\n\n"
                 "  selvedge alert list --state open\n"
                 "  selvedge alert list --device press-17 --state all --output json",
        .options = options,
        .option_count = SV_COUNT(options),
        .ask = list,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- one ----------------------------------------------------------------------------------------

static sv_err put_path(const asked *a, const char *behind, char room[SV_FLEET_API_PATH_MAX]) {
    sv_textbuf path = { .at = room, .cap = SV_FLEET_API_PATH_MAX };
    sv_textbuf_addf(&path, "/api/v1/alerts/%s%s", a->fleet.plain[0], behind);
    return sv_textbuf_end(&path);
}

static void show_words(const char *name, sv_text text) {
    if (text.len > 0) {
        (void) printf("%-12s ", name);
        sv_show_plain(text);
        (void) puts("");
    }
}

static void show_alert(const sv_json *alert) {
    sv_text by = sv_show_words(alert, "acknowledged_by");
    show_words("alert", sv_show_words(alert, "id"));
    show_words("device", sv_show_words(alert, "device"));
    show_words("site", sv_show_words(alert, "site"));
    show_words("sensor", sv_show_words(alert, "sensor"));
    show_words("type", sv_show_words(alert, "type"));
    show_words("rule", sv_show_words(alert, "rule"));
    show_words("severity", sv_show_words(alert, "severity"));
    show_words("message", sv_show_words(alert, "message"));
    show_words("state", sv_show_words(alert, "state"));
    show_words("acknowledged", by);
    show_words("normal", sv_show_words(alert, "normal_by"));
}

/// What happened to it, and who was told.
static void show_event(const sv_json *event) {
    sv_text who = sv_show_words(event, "by");
    sv_text channel = sv_show_words(event, "channel");
    sv_text error = sv_show_words(event, "error");
    sv_text message = error.len > 0 ? error : sv_show_words(event, "message");
    sv_show_time(event, "at");
    (void) printf("  ");
    sv_show_cell(sv_show_words(event, "event"), ROW_STATE);
    sv_show_plain(who.len > 0 ? who : channel);
    (void) printf("%s", (who.len > 0 || channel.len > 0) && message.len > 0 ? ": " : "");
    sv_show_plain(message);
    (void) puts("");
}

static sv_err show(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *alert = NULL;
    SV_DEFER(sv_json_drop) sv_json *timeline = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, "", path));
    SV_TRY(sv_fleet_api_get(api, path, &alert, why));
    if (a->fleet.json) {
        sv_fleet_show_json(alert);
        return SV_OK;
    }
    SV_TRY(put_path(a, "/timeline", path));
    SV_TRY(sv_fleet_api_get(api, path, &timeline, why));
    show_alert(alert);
    const sv_json *events = sv_json_get(timeline, "items");
    for (size_t i = 0; i < sv_json_count(events); i++) {
        show_event(sv_json_at(events, i));
    }
    return SV_OK;
}

static int cmd_show(int argc, char **argv) {
    asked a = { .undo = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge alert show ID",
        .about = "An alert, what happened to it, and who was told. Exit 2: no such alert.\n\n"
                 "  selvedge alert show 0f8fad5bd9cb469fa16570867728950e",
        .plain_max = 1,
        .first = "alert id",
        .missing = "name the alert: selvedge alert list shows the ids",
        .ask = show,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static sv_err acknowledge(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *alert = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, "/acknowledge", path));
    const sv_fleet_api_errand errand = { .method = a->undo ? "DELETE" : "POST", .path = path };
    SV_TRY(sv_fleet_api_ask(api, &errand, &alert, why));
    if (a->fleet.json) {
        sv_fleet_show_json(alert);
    } else {
        show_line(alert, NULL);
    }
    return SV_OK;
}

static int cmd_acknowledge(int argc, char **argv) {
    asked a = { .undo = false };
    const sv_option options[] = {
        { .name = "undo",
          .kind = SV_OPTION_FLAG,
          .target = &a.undo,
          .help = "nobody looks after it after all" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge alert acknowledge ID [--undo]",
        .about = "Say that somebody looks after an alert, by the name of the token. Twice is once; "
                 "who was first stays.\nExit 1: it is over already; 2: no such alert.\n\n"
                 "  selvedge alert acknowledge 0f8fad5bd9cb469fa16570867728950e",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "alert id",
        .missing = "name the alert: selvedge alert list shows the ids",
        .ask = acknowledge,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static sv_err say_normal(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *alert = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, "/normal", path));
    const sv_fleet_api_errand errand = { .method = "POST", .path = path };
    SV_TRY(sv_fleet_api_ask(api, &errand, &alert, why));
    if (a->fleet.json) {
        sv_fleet_show_json(alert);
    } else {
        show_line(alert, NULL);
    }
    return SV_OK;
}

static int cmd_normal(int argc, char **argv) {
    asked a = { .undo = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge alert normal ID",
        .about = "Say that what an alert about something unusual (ANOMALY, rule unusual or "
                 "unusual-together) is about was normal: its gateway\nremembers it, does not tell "
                 "its like again, and ends the "
                 "alert. Twice is once.\nExit 1: the alert is about something else; 2: no such "
                 "alert.\n\n"
                 "  selvedge alert normal 0f8fad5bd9cb469fa16570867728950e",
        .plain_max = 1,
        .first = "alert id",
        .missing = "name the alert: selvedge alert list shows the ids",
        .ask = say_normal,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

int cmd_alert(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "list", "the alert inbox, the newest first", cmd_list },
        { "show", "one, what happened to it, and who was told", cmd_show },
        { "acknowledge", "say that somebody looks after it", cmd_acknowledge },
        { "normal", "say that what is unusual to it was normal", cmd_normal },
    };
    return sv_command_run("selvedge alert", "Alerts, through the fleet server.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
