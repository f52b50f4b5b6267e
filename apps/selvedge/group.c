// `selvedge group`: names for devices, as a list or as a query.
#include "fleet_verb.h"
#include "show.h"
#include <codec/encode.h>
#include <model/id.h>
#include <stdio.h>

enum { BODY_MAX = 65536 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *query;
    const char *devices[SV_OPTION_LIST_MAX];
} asked;

static sv_err put_path(const asked *a, char room[SV_FLEET_API_PATH_MAX]) {
    sv_textbuf path = { .at = room, .cap = SV_FLEET_API_PATH_MAX };
    sv_textbuf_addf(&path, "/api/v1/groups/%s", a->fleet.plain[0]);
    return sv_textbuf_end(&path);
}

// ---- showing ------------------------------------------------------------------------------------

static void show_line(const sv_json *group, void *arg) {
    sv_text query = sv_show_words(group, "query");
    (void) arg;
    sv_show_cell(sv_show_words(group, "name"), 20);
    if (query.len > 0) {
        sv_show_plain(query);
        (void) puts("");
    } else {
        (void) printf("a list of %lld\n", (long long) sv_show_number(group, "count"));
    }
}

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    const sv_fleet_list groups = { .path = "/api/v1/groups?",
                                   .head = "NAME                  DEVICES",
                                   .line = show_line,
                                   .none = "there is no group" };
    return sv_fleet_list_show(api, &groups, a->fleet.json, why);
}

static void show_group(const sv_json *group) {
    const sv_json *devices = sv_json_get(group, "devices");
    sv_text query = sv_show_words(group, "query");
    sv_show_plain(sv_show_words(group, "name"));
    (void) printf(": %lld devices%s", (long long) sv_show_number(group, "count"),
                  query.len > 0 ? " fit " : "");
    sv_show_plain(query);
    (void) puts("");
    for (size_t i = 0; i < sv_json_count(devices); i++) {
        sv_text id = SV_TEXT("");
        (void) sv_json_text(sv_json_at(devices, i), &id);
        sv_show_plain(id);
        (void) puts("");
    }
}

static sv_err show(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *group = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, path));
    SV_TRY(sv_fleet_api_get(api, path, &group, why));
    if (a->fleet.json) {
        sv_fleet_show_json(group);
    } else {
        show_group(group);
    }
    return SV_OK;
}

// ---- changing -----------------------------------------------------------------------------------

static void put_body(const asked *a, sv_textbuf *body) {
    sv_json_out out = SV_JSON_OUT(body);
    sv_json_open_object(&out);
    if (a->query != NULL) {
        sv_json_add_str(&out, "query", a->query);
    } else {
        sv_json_key(&out, "devices");
        sv_json_open_array(&out);
        for (size_t i = 0; i < SV_OPTION_LIST_MAX && a->devices[i] != NULL; i++) {
            sv_json_put_str(&out, a->devices[i]);
        }
        sv_json_close_array(&out);
    }
    sv_json_close_object(&out);
}

static sv_err set(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *group = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_MAX);
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, path));
    put_body(a, &body);
    const sv_fleet_api_errand errand = { .method = "PUT",
                                         .path = path,
                                         .content_type = "application/json",
                                         .body = sv_textbuf_text(&body) };
    SV_TRY(sv_fleet_api_ask(api, &errand, &group, why));
    if (a->fleet.json) {
        sv_fleet_show_json(group);
    } else {
        show_group(group);
    }
    return SV_OK;
}

static sv_err check_set(void *arg, sv_why *why) {
    const asked *a = arg;
    return (a->query != NULL) != (a->devices[0] != NULL)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "say who is in it: --query, or --device for each");
}

static sv_err delete (void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *nothing = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, path));
    const sv_fleet_api_errand errand = { .method = "DELETE", .path = path };
    SV_TRY(sv_fleet_api_ask(api, &errand, &nothing, why));
    if (!a->fleet.json) {
        (void) printf("%s is gone\n", a->fleet.plain[0]);
    }
    return SV_OK;
}

static sv_err ask(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/query?");
    sv_fleet_path_add(&path, "q", a->fleet.plain[0]);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the query is longer than can be asked here");
    }
    SV_TRY(sv_fleet_api_get(api, room, &answer, why));
    if (a->fleet.json) {
        sv_fleet_show_json(answer);
        return SV_OK;
    }
    const sv_json *sample = sv_json_get(answer, "sample");
    int64_t count = sv_show_number(answer, "devices");
    (void) printf("%lld devices\n", (long long) count);
    for (size_t i = 0; i < sv_json_count(sample); i++) {
        sv_text id = SV_TEXT("");
        (void) sv_json_text(sv_json_at(sample, i), &id);
        sv_show_plain(id);
        (void) puts("");
    }
    if (count > (int64_t) sv_json_count(sample)) {
        (void) puts("...");
    }
    return SV_OK;
}

static sv_err check_ask(void *arg, sv_why *why) {
    const asked *a = arg;
    return a->fleet.plain[0] != NULL ? SV_OK
                                     : sv_fail(why, SV_ERR_INVALID,
                                               "the query is missing: selvedge group ask 'site = "
                                               "plant-1 and not online'");
}

// ---- verbs --------------------------------------------------------------------------------------

#define MISSING "name the group: selvedge group list shows what there is"

static int cmd_list(int argc, char **argv) {
    asked a = { .query = NULL };
    const sv_fleet_verb verb = { .usage = "selvedge group list",
                                 .about = "The groups there are.\n\n  selvedge group list",
                                 .ask = list };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static int cmd_show(int argc, char **argv) {
    asked a = { .query = NULL };
    const sv_fleet_verb verb = { .usage = "selvedge group show NAME",
                                 .about = "A group, how many devices are in it now, and of a list "
                                          "which.\n\n  selvedge group show canary",
                                 .plain_max = 1,
                                 .first = "group",
                                 .missing = MISSING,
                                 .ask = show };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static int cmd_set(int argc, char **argv) {
    asked a = { .query = NULL };
    const sv_option options[] = {
        { .name = "query",
          .value = "QUERY",
          .kind = SV_OPTION_TEXT,
          .target = &a.query,
          .help = "whoever fits it at the time it is asked" },
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_LIST,
          .target = a.devices,
          .help = "this device; again for more" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge group set NAME (--query QUERY | --device ID ...)",
        .about = "Make a group, or say anew who is in it. A query asks for what is known of a "
                 "device: id, site, type,\nproduct, version, hardware, slot, gateway, health, "
                 "group, tag, online; with = != ~ !~ (a pattern with *)\nand < <= > >= for "
                 "versions, joined by and, or, not and parentheses.\n\n"
                 "  selvedge group set canary --device press-1 --device press-7\n"
                 "  selvedge group set old --query 'version < 1.1 and not (site = lab or health = "
                 "critical)'",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "group",
        .missing = MISSING,
        .check = check_set,
        .ask = set,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static int cmd_delete(int argc, char **argv) {
    asked a = { .query = NULL };
    const sv_fleet_verb verb = { .usage = "selvedge group delete NAME",
                                 .about = "The name goes, its devices stay. Exit 1: another group "
                                          "asks for it.\n\n  selvedge group delete canary",
                                 .plain_max = 1,
                                 .first = "group",
                                 .missing = MISSING,
                                 .ask = delete };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static int cmd_ask(int argc, char **argv) {
    asked a = { .query = NULL };
    const sv_fleet_verb verb = { .usage = "selvedge group ask QUERY",
                                 .about = "How many devices a query means, and twenty of them; "
                                          "nothing is kept.\n\n"
                                          "  selvedge group ask 'version < 1.1 and site = plant-1'",
                                 .plain_max = 1,
                                 .check = check_ask,
                                 .ask = ask };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

int cmd_group(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "list", "the groups there are", cmd_list },
        { "show", "one, and who is in it", cmd_show },
        { "set", "make one, or say anew who is in it", cmd_set },
        { "delete", "the name goes, its devices stay", cmd_delete },
        { "ask", "how many devices a query means", cmd_ask },
    };
    return sv_command_run("selvedge group",
                          "Names for devices: a list, or a query that is asked anew each time. "
                          "Campaigns go by them.",
                          verbs, SV_COUNT(verbs), argc, argv);
}
