// `selvedge user`: who may use the fleet server. This file has what is read and changed; links and
// sessions are in user_session.c, the way in from the server's console in user_recover.c.
#include "fleet_verb.h"
#include "show.h"
#include "user_recover.h"
#include "user_session.h"
#include <codec/encode.h>
#include <model/id.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 8192 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *role;
    const char *sites[SV_OPTION_LIST_MAX];
    bool all, disabled;
} asked;

// ---- showing ------------------------------------------------------------------------------------

static void show_sites(const sv_json *user) {
    const sv_json *sites = sv_json_get(user, "sites");
    if (!sv_json_is_array(sites)) {
        (void) printf("all sites");
    }
    for (size_t i = 0; i < sv_json_count(sites); i++) {
        sv_text site = SV_TEXT("");
        (void) sv_json_text(sv_json_at(sites, i), &site);
        (void) printf("%s", i > 0 ? "," : "");
        sv_show_plain(site);
    }
}

static void show_line(const sv_json *user, void *arg) {
    (void) arg;
    sv_show_cell(sv_show_words(user, "name"), 20);
    sv_show_cell(sv_show_words(user, "role"), 8);
    (void) printf("%-9s %-5s %-8s ", sv_show_is(user, "password") ? "password" : "-",
                  sv_show_is(user, "totp") ? "code" : "-",
                  sv_show_is(user, "disabled") ? "disabled" : "-");
    show_sites(user);
    (void) puts("");
}

static void show_user(const sv_json *user, bool json) {
    if (json) {
        sv_fleet_show_json(user);
    } else {
        show_line(user, NULL);
    }
}

static sv_err show_all(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    const sv_fleet_list users = { .path = "/api/v1/users?",
                                  .head =
                                      "NAME                  ROLE      PASSWORD  CODE  STATE    "
                                      "SITES",
                                  .line = show_line,
                                  .none = "there is nobody yet" };
    return sv_fleet_list_show(api, &users, a->fleet.json, why);
}

static int list(int argc, char **argv) {
    asked a = { .all = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge user list",
        .about = "Who may use the fleet server, with which role, for which sites. PASSWORD: has "
                 "set one; CODE: an app's\ncode is asked for as well.",
        .ask = show_all,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- adding -------------------------------------------------------------------------------------

static void put_sites(const asked *a, sv_json_out *out) {
    sv_json_key(out, "sites");
    if (a->sites[0] == NULL) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_array(out);
    for (size_t i = 0; i < SV_OPTION_LIST_MAX && a->sites[i] != NULL; i++) {
        sv_json_put_str(out, a->sites[i]);
    }
    sv_json_close_array(out);
}

static sv_err add_user(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[BODY_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(&body);
    SV_DEFER(sv_json_drop) sv_json *user = NULL;
    sv_json_open_object(&json);
    sv_json_add_str(&json, "name", a->fleet.plain[0]);
    sv_json_add_str(&json, "role", a->role);
    put_sites(a, &json);
    sv_json_close_object(&json);
    SV_TRY(sv_textbuf_end(&body));
    SV_TRY(sv_fleet_api_post(api, "/api/v1/users", sv_textbuf_text(&body), &user, why));
    sv_user_show_link(api, a->fleet.plain[0]);
    show_user(user, a->fleet.json);
    return SV_OK;
}

static int add(int argc, char **argv) {
    asked a = { .role = "viewer" };
    const sv_option options[] = {
        { .name = "role",
          .value = "ROLE",
          .kind = SV_OPTION_TEXT,
          .target = &a.role,
          .help = "viewer: looks; operator: also acknowledges, commands, adds devices, gives "
                  "rules; release: also firmware; admin: also people [viewer]" },
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_LIST,
          .target = a.sites,
          .help = "sees and changes this site alone; may be said several times [all sites]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge user add NAME [--role ROLE] [--site SITE]...",
        .about =
            "Add somebody, and print a link that lets them in once, within 24 hours, to choose "
            "a password. Give it to\nnobody else. Exit 1: the name is taken.\n\n"
            "  selvedge user add ada --role operator --site pune",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "name",
        .missing = "name somebody: selvedge user add ada --role operator",
        .ask = add_user,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- changing -----------------------------------------------------------------------------------

static sv_err send_change(sv_fleet_api *api, const asked *a, const char *method, sv_text body,
                          sv_json **out, sv_why *why) {
    char path[SV_FLEET_API_PATH_MAX];
    (void) snprintf(path, sizeof path, "/api/v1/users/%s", a->fleet.plain[0]);
    const sv_fleet_api_errand errand = {
        .method = method, .path = path, .content_type = "application/json", .body = body
    };
    return sv_fleet_api_ask(api, &errand, out, why);
}

static sv_err change_role(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[BODY_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(&body);
    SV_DEFER(sv_json_drop) sv_json *user = NULL;
    sv_json_open_object(&json);
    sv_json_add_str(&json, "role", a->fleet.plain[1]);
    if (a->all || a->sites[0] != NULL) {
        put_sites(a, &json);
    }
    sv_json_close_object(&json);
    SV_TRY(sv_textbuf_end(&body));
    SV_TRY(send_change(api, a, "PATCH", sv_textbuf_text(&body), &user, why));
    show_user(user, a->fleet.json);
    return SV_OK;
}

static sv_err check_role(void *arg, sv_why *why) {
    const asked *a = arg;
    if (a->fleet.plain[1] == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "name the role: selvedge user role %s operator",
                       a->fleet.plain[0]);
    }
    return !a->all || a->sites[0] == NULL
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "--all-sites and --site: say one of them");
}

static int role(int argc, char **argv) {
    asked a = { .all = false };
    const sv_option options[] = {
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_LIST,
          .target = a.sites,
          .help = "for this site alone from now on; may be said several times [as before]" },
        { .name = "all-sites",
          .kind = SV_OPTION_FLAG,
          .target = &a.all,
          .help = "for all sites from now on" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge user role NAME ROLE [--site SITE]... [--all-sites]",
        .about = "Give somebody another role (viewer, operator, release, admin), or other sites. "
                 "Sessions of that person end at\nonce; API tokens are worth no more than the new "
                 "role. Exit 1: it is the last admin.\n\n"
                 "  selvedge user role ada release",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 2,
        .first = "name",
        .missing = "name somebody: selvedge user role ada operator",
        .check = check_role,
        .ask = change_role,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static sv_err turn_off(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *user = NULL;
    SV_TRY(
        send_change(api, a, "PATCH",
                    a->disabled ? SV_TEXT("{\"disabled\":true}") : SV_TEXT("{\"disabled\":false}"),
                    &user, why));
    show_user(user, a->fleet.json);
    return SV_OK;
}

static int disable(int argc, char **argv) {
    asked a = { .disabled = true };
    const sv_fleet_verb verb = {
        .usage = "selvedge user disable NAME",
        .about = "Somebody may not come in for now: sessions and links end, API tokens count "
                 "nothing, until `selvedge user\nenable`. Exit 1: it is the last admin.",
        .plain_max = 1,
        .first = "name",
        .missing = "name somebody: selvedge user disable ada",
        .ask = turn_off,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static int enable(int argc, char **argv) {
    asked a = { .disabled = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge user enable NAME",
        .about = "Somebody who was disabled may come in again, with password and API tokens as "
                 "they were.",
        .plain_max = 1,
        .first = "name",
        .missing = "name somebody: selvedge user enable ada",
        .ask = turn_off,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static sv_err remove_user(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *none = NULL;
    SV_TRY(send_change(api, a, "DELETE", SV_TEXT(""), &none, why));
    (void) fprintf(stderr, "%s is gone, with sessions and API tokens\n", a->fleet.plain[0]);
    return SV_OK;
}

static int remove_one(int argc, char **argv) {
    asked a = { .all = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge user remove NAME",
        .about = "Remove somebody, with sessions and API tokens. What the event log says of them "
                 "stays. Exit 1: it is the last\nadmin; 2: there is nobody of that name.",
        .plain_max = 1,
        .first = "name",
        .missing = "name somebody: selvedge user remove ada",
        .ask = remove_user,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

int cmd_user(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "list", "who there is, with role and sites", list },
        { "add", "add somebody, and get the link that invites them", add },
        { "role", "give another role, or other sites", role },
        { "disable", "somebody may not come in for now", disable },
        { "enable", "and may again", enable },
        { "link", "a link that lets somebody in once, invited or with the password forgotten",
          cmd_user_link },
        { "sessions", "where somebody is signed in; end that", cmd_user_sessions },
        { "remove", "remove somebody", remove_one },
        { "recover", "on the server itself: let somebody in who cannot come in any more",
          cmd_user_recover },
    };
    return sv_command_run("selvedge user",
                          "People who may use the fleet server. Needs the token of an admin; "
                          "`recover` needs the server's own disk.",
                          verbs, SV_COUNT(verbs), argc, argv);
}
