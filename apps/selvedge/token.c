// `selvedge token`: API tokens for programs, with scopes and an end.
#include "fleet_verb.h"
#include "show.h"
#include <codec/encode.h>
#include <stdio.h>
#include <sys/clock.h>
#include <sys/disk.h>

enum { BODY_MAX = 8192, DAYS_DEFAULT = 90, DAYS_MAX = 400 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *scopes[SV_OPTION_LIST_MAX];
    const char *sites[SV_OPTION_LIST_MAX];
    const char *role, *out;
    int64_t days;
} asked;

// ---- list ---------------------------------------------------------------------------------------

static void show_words(const sv_json *array) {
    for (size_t i = 0; i < sv_json_count(array); i++) {
        sv_text word = SV_TEXT("");
        (void) sv_json_text(sv_json_at(array, i), &word);
        (void) printf("%s", i > 0 ? "," : "");
        sv_show_plain(word);
    }
}

static void show_line(const sv_json *token, void *arg) {
    const int64_t *now_ms = arg;
    char age[SV_SHOW_AGE_ROOM];
    sv_show_cell(sv_show_words(token, "name"), 20);
    sv_show_cell(sv_show_words(token, "user"), 12);
    sv_show_cell(sv_show_words(token, "role"), 8);
    sv_show_time(token, "expires");
    (void) printf("  ");
    sv_show_cell(sv_show_age(token, "used", *now_ms, age), 8);
    show_words(sv_json_get(token, "scopes"));
    (void) puts("");
}

static sv_err show_all(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    int64_t now_ms = sv_clock_wall_us() / 1000;
    const sv_fleet_list tokens = { .path = "/api/v1/tokens?",
                                   .head = "NAME                  OF            ROLE      ENDS     "
                                           "             USED      SCOPES",
                                   .line = show_line,
                                   .arg = &now_ms,
                                   .none = "there are none" };
    return sv_fleet_list_show(api, &tokens, a->fleet.json, why);
}

static int list(int argc, char **argv) {
    asked a = { .role = NULL };
    const sv_fleet_verb verb = {
        .usage = "selvedge token list",
        .about = "The API tokens there are: whose, what each is good for, until when, and when it "
                 "was used last. The server's own\n(admin_token_file) is not among them.",
        .ask = show_all,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- add ----------------------------------------------------------------------------------------

static void put_list(const char *key, const char *const *words, sv_json_out *out) {
    sv_json_key(out, key);
    sv_json_open_array(out);
    for (size_t i = 0; i < SV_OPTION_LIST_MAX && words[i] != NULL; i++) {
        sv_json_put_str(out, words[i]);
    }
    sv_json_close_array(out);
}

static sv_err put_body(const asked *a, sv_textbuf *body) {
    sv_json_out json = SV_JSON_OUT(body);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "name", a->fleet.plain[0]);
    put_list("scopes", a->scopes, &json);
    sv_json_add_int(&json, "days", a->days);
    if (a->role != NULL) {
        sv_json_add_str(&json, "role", a->role);
    }
    if (a->sites[0] != NULL) {
        put_list("sites", a->sites, &json);
    }
    sv_json_close_object(&json);
    return sv_textbuf_end(body);
}

static sv_err keep(sv_disk_draft *file, sv_text token, sv_why *why) {
    char room[128];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_textbuf_addf(&line, SV_TEXT_FMT "\n", SV_TEXT_ARG(token));
    SV_TRY(sv_textbuf_end(&line));
    SV_TRY(sv_disk_draft_add(file, sv_textbuf_text(&line), why));
    return sv_disk_draft_keep(file, why);
}

static sv_err add_token(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[BODY_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    SV_DEFER(sv_json_drop) sv_json *made = NULL;
    SV_DEFER(sv_disk_draft_drop) sv_disk_draft *file = NULL;
    SV_TRY(put_body(a, &body));
    if (a->out != NULL) { // before there is a token that nobody would see
        SV_TRY(sv_disk_draft_open(a->out, 0600, &file, why));
    }
    SV_TRY(sv_fleet_api_post(api, "/api/v1/tokens", sv_textbuf_text(&body), &made, why));
    sv_text token = sv_show_words(made, "token");
    if (a->out != NULL) {
        return keep(file, token, why);
    }
    if (a->fleet.json) {
        sv_fleet_show_json(made);
    } else {
        (void) printf(SV_TEXT_FMT "\n", SV_TEXT_ARG(token));
        (void) fprintf(stderr, "it is not shown again\n");
    }
    return SV_OK;
}

static sv_err check_add(void *arg, sv_why *why) {
    const asked *a = arg;
    return a->scopes[0] != NULL ? SV_OK
                                : sv_fail(why, SV_ERR_INVALID, "say what it is for: --scope read");
}

static int add(int argc, char **argv) {
    asked a = { .days = DAYS_DEFAULT };
    const sv_option options[] = {
        { .name = "scope",
          .value = "SCOPE",
          .kind = SV_OPTION_LIST,
          .target = a.scopes,
          .help = "read, alerts (acknowledge), devices (add, command, revoke), rules, updates or "
                  "admin (people); may be said several times" },
        { .name = "days",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.days,
          .min = 1,
          .max = DAYS_MAX,
          .help = "how long it counts [90]" },
        { .name = "role",
          .value = "ROLE",
          .kind = SV_OPTION_TEXT,
          .target = &a.role,
          .help = "no more than your own [the least that the scopes need]" },
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_LIST,
          .target = a.sites,
          .help = "for this site alone; may be said several times [your own]" },
        { .name = "out",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.out,
          .help = "write it into this file (0600) instead of showing it" },
    };
    const sv_fleet_verb verb = {
        .usage =
            "selvedge token add NAME --scope SCOPE... [--days N] [--site SITE]... [--out FILE]",
        .about =
            "Make an API token for a program. It is yours: it may never do more than you may, "
            "ends with you, and is shown\nonce. Exit 1: the name is taken; 2: it would be more "
            "than you may.\n\n"
            "  selvedge token add grafana --scope read --days 365 --out grafana.token",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "name",
        .missing = "name it after the program: selvedge token add grafana --scope read",
        .check = check_add,
        .ask = add_token,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- remove -------------------------------------------------------------------------------------

static sv_err remove_token(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX];
    SV_DEFER(sv_json_drop) sv_json *none = NULL;
    (void) snprintf(path, sizeof path, "/api/v1/tokens/%s", a->fleet.plain[0]);
    const sv_fleet_api_errand errand = { .method = "DELETE", .path = path };
    return sv_fleet_api_ask(api, &errand, &none, why);
}

static int remove_one(int argc, char **argv) {
    asked a = { .role = NULL };
    const sv_fleet_verb verb = {
        .usage = "selvedge token remove NAME",
        .about = "Take an API token away: it counts nothing from this moment on. Exit 2: there is "
                 "none of that name.",
        .plain_max = 1,
        .first = "name",
        .missing = "name it: selvedge token remove grafana",
        .ask = remove_token,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

int cmd_token(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "list", "whose, what for, until when", list },
        { "add", "make one; it is shown once", add },
        { "remove", "take one away", remove_one },
    };
    return sv_command_run("selvedge token", "API tokens: for programs that ask the fleet server.",
                          verbs, SV_COUNT(verbs), argc, argv);
}
