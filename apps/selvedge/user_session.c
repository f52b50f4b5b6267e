#include "user_session.h"

#include "fleet_verb.h"
#include "show.h"
#include <stdio.h>

typedef struct asked {
    sv_fleet_asked fleet;
    bool recover, all;
    int64_t end;
} asked;

// ---- links --------------------------------------------------------------------------------------

void sv_user_show_link(const sv_fleet_api *api, const char *name) {
    char link[SV_FLEET_API_LINK_ROOM];
    if (sv_fleet_api_link(api, link)) {
        (void) fprintf(stderr, "lets %s in, once, within 24 hours:\n  %s\n", name, link);
    }
}

static sv_err make_link(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX];
    char link[SV_FLEET_API_LINK_ROOM];
    SV_DEFER(sv_json_drop) sv_json *none = NULL;
    (void) snprintf(path, sizeof path, "/api/v1/users/%s/link", a->fleet.plain[0]);
    SV_TRY(sv_fleet_api_post(api, path,
                             a->recover ? SV_TEXT("{\"kind\":\"recover\"}")
                                        : SV_TEXT("{\"kind\":\"invite\"}"),
                             &none, why));
    if (!sv_fleet_api_link(api, link)) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the fleet server gave no link");
    }
    (void) puts(link);
    return SV_OK;
}

int cmd_user_link(int argc, char **argv) {
    asked a = { .recover = false };
    const sv_option options[] = {
        { .name = "recover",
          .kind = SV_OPTION_FLAG,
          .target = &a.recover,
          .help = "for who has a password: with the link's use it is forgotten, as is the second "
                  "factor, and all sessions end" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge user link NAME [--recover]",
        .about =
            "Print a link that lets somebody in once, within 24 hours. Give it to nobody else. "
            "Exit 1: he has a password\nalready (without --recover), or is disabled.",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "name",
        .missing = "name somebody: selvedge user link ada",
        .ask = make_link,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- sessions -----------------------------------------------------------------------------------

static void show_line(const sv_json *session, void *arg) {
    (void) arg;
    (void) printf("%8lld  ", (long long) sv_show_number(session, "n"));
    sv_show_time(session, "used");
    (void) printf("  ");
    sv_show_cell(sv_show_words(session, "how"), 8);
    sv_show_cell(sv_show_words(session, "from"), 15);
    sv_show_plain(sv_show_words(session, "agent"));
    (void) puts("");
}

static sv_err end_sessions(sv_fleet_api *api, const asked *a, sv_why *why) {
    char path[SV_FLEET_API_PATH_MAX];
    char one[32] = "";
    SV_DEFER(sv_json_drop) sv_json *none = NULL;
    if (!a->all) {
        (void) snprintf(one, sizeof one, "/%lld", (long long) a->end);
    }
    (void) snprintf(path, sizeof path, "/api/v1/users/%s/sessions%s", a->fleet.plain[0], one);
    const sv_fleet_api_errand errand = { .method = "DELETE", .path = path };
    return sv_fleet_api_ask(api, &errand, &none, why);
}

static sv_err list_sessions(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX];
    if (a->all || a->end > 0) {
        return end_sessions(api, a, why);
    }
    (void) snprintf(path, sizeof path, "/api/v1/users/%s/sessions?", a->fleet.plain[0]);
    const sv_fleet_list sessions = { .path = path,
                                     .head =
                                         "       N  LAST USED             HOW       FROM        "
                                         "     BROWSER",
                                     .line = show_line,
                                     .none = "signed in nowhere" };
    return sv_fleet_list_show(api, &sessions, a->fleet.json, why);
}

static sv_err check(void *arg, sv_why *why) {
    const asked *a = arg;
    return !a->all || a->end == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "--end and --end-all: say one of them");
}

int cmd_user_sessions(int argc, char **argv) {
    asked a = { .all = false };
    const sv_option options[] = {
        { .name = "end",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.end,
          .min = 1,
          .max = 1e15,
          .help = "end this one" },
        { .name = "end-all", .kind = SV_OPTION_FLAG, .target = &a.all, .help = "end all of them" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge user sessions NAME [--end N | --end-all]",
        .about = "Where somebody is signed in, the last used first; or end one of these sessions, "
                 "or all. Exit 2: there is nobody\nof that name, or no such session.",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "name",
        .missing = "name somebody: selvedge user sessions ada",
        .check = check,
        .ask = list_sessions,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
