// `selvedge rules`: what the fleet server has a site's gateways do with their readings
// (docs/spec/rules.md), version by version.
#include "command.h"
#include "fleet_api.h"
#include "rules_check.h"
#include "rules_try.h"
#include "show.h"
#include <base/time.h>
#include <codec/encode.h>
#include <edge/rules_file.h>
#include <inttypes.h>
#include <model/id.h>
#include <net/http_client.h>
#include <stdio.h>
#include <sys/disk.h>

enum { MATCH_ROOM = 32, LINE_BYTES_MAX = 256, TRY_US = 130 * 1000000 };

typedef struct asked {
    sv_fleet_place place;
    const char *site, *comment, *output;
    int64_t version; ///< shown, or taken again; 0: not said
    int64_t days;    ///< tried on
    int64_t newest;  ///< the one that is replaced; -1: whatever is there
    bool json;
} asked;

/// `/api/v1/sites/<site>/rules<rest>`
static sv_err path_of(const asked *a, const char *rest, char room[SV_FLEET_API_PATH_MAX],
                      sv_why *why) {
    sv_textbuf path = { .at = room, .cap = SV_FLEET_API_PATH_MAX };
    sv_textbuf_addf(&path, "/api/v1/sites/%s/rules%s", a->site, rest);
    if (a->comment != NULL) {
        sv_textbuf_add_str(&path, "?comment=");
        sv_percent_add(&path, sv_text_of(a->comment));
    }
    return sv_textbuf_end(&path) == SV_OK ? SV_OK
                                          : sv_fail(why, SV_ERR_INVALID, "--comment is too long");
}

static sv_err ask(sv_fleet_api *api, const asked *a, const char *rest, sv_json **out, sv_why *why) {
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(path_of(a, rest, path, why));
    return sv_fleet_api_get(api, path, out, why);
}

static sv_err ask_version(sv_fleet_api *api, const asked *a, sv_json **out, sv_why *why) {
    char rest[64] = "";
    if (a->version > 0) {
        (void) snprintf(rest, sizeof rest, "/versions/%" PRId64, a->version);
    }
    return ask(api, a, rest, out, why);
}

// ---- show ---------------------------------------------------------------------------------------

static sv_err show(sv_fleet_api *api, const asked *a, const char *file, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    (void) file;
    SV_TRY(ask_version(api, a, &root, why));
    sv_text text = sv_show_words(root, "text");
    if (a->json) {
        sv_show_json(root);
        (void) puts("");
    } else if (sv_show_number(root, "version") == 0) {
        (void) fprintf(stderr, "site %s has no rules from here: its gateways go by their files\n",
                       a->site);
    } else {
        (void) fwrite(text.at, 1, text.len, stdout);
    }
    return SV_OK;
}

// ---- list ---------------------------------------------------------------------------------------

static const char *time_of(const sv_json *object, const char *key, char room[LINE_BYTES_MAX]) {
    sv_textbuf text = { .at = room, .cap = LINE_BYTES_MAX };
    sv_time_add(&text, sv_show_number(object, key) / 1000 * SV_TIME_SECOND_US);
    return sv_textbuf_end(&text) == SV_OK ? room : "";
}

static void show_version(const sv_json *item) {
    char at[LINE_BYTES_MAX];
    sv_text by = sv_show_words(item, "by");
    (void) printf("%7lld  %-20s  %-16.*s  ", (long long) sv_show_number(item, "version"),
                  time_of(item, "at", at), SV_TEXT_ARG(by));
    sv_show_plain(sv_show_words(item, "comment"));
    (void) puts("");
}

static void show_gateway(const sv_json *item) {
    const sv_json *rules = sv_json_get(item, "rules");
    const sv_json *refused = sv_json_get(rules, "refused");
    sv_text id = sv_show_words(item, "id");
    char at[LINE_BYTES_MAX];
    (void) printf("gateway " SV_TEXT_FMT ": ", SV_TEXT_ARG(id));
    if (rules == NULL || sv_json_is_null(rules)) {
        (void) puts("not heard of");
        return;
    }
    if (sv_show_number(rules, "version") == 0) {
        (void) printf("goes by its own file, since %s", time_of(rules, "at", at));
    } else {
        (void) printf("version %lld, since %s", (long long) sv_show_number(rules, "version"),
                      time_of(rules, "at", at));
    }
    if (sv_json_is_object(refused)) {
        (void) printf("; refused version %lld: ", (long long) sv_show_number(refused, "version"));
        sv_show_plain(sv_show_words(refused, "why"));
    }
    (void) puts("");
}

static sv_err list(sv_fleet_api *api, const asked *a, const char *file, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *versions = NULL;
    SV_DEFER(sv_json_drop) sv_json *newest = NULL;
    (void) file;
    SV_TRY(ask(api, a, "/versions", &versions, why));
    SV_TRY(ask(api, a, "", &newest, why));
    const sv_json *items = sv_json_get(versions, "items");
    const sv_json *gateways = sv_json_get(newest, "gateways");
    if (a->json) {
        sv_show_json(items);
        (void) puts("");
        return SV_OK;
    }
    (void) printf("%7s  %-20s  %-16s  %s\n", "VERSION", "WHEN", "WHO", "COMMENT");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        show_version(sv_json_at(items, i));
    }
    for (size_t i = 0; i < sv_json_count(gateways); i++) {
        show_gateway(sv_json_at(gateways, i));
    }
    return SV_OK;
}

// ---- put, rollback ------------------------------------------------------------------------------

/// As a compiler says it, so that editors find the place.
static void show_faults(const char *file, const sv_json *problem) {
    const sv_json *faults = sv_json_get(problem, "faults");
    for (size_t i = 0; i < sv_json_count(faults); i++) {
        const sv_json *fault = sv_json_at(faults, i);
        sv_text sentence = sv_show_words(fault, "sentence");
        (void) fprintf(stderr, "%s:%lld:%lld: " SV_TEXT_FMT "\n", file,
                       (long long) sv_show_number(fault, "line"),
                       (long long) sv_show_number(fault, "column"), SV_TEXT_ARG(sentence));
    }
}

/// The version that the new one replaces: what the person has said, or what is there now.
static sv_err match(sv_fleet_api *api, const asked *a, char room[MATCH_ROOM], sv_why *why) {
    int64_t version = a->newest;
    if (version < 0) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        char path[SV_FLEET_API_PATH_MAX];
        const asked plain = { .site = a->site };
        SV_TRY(path_of(&plain, "", path, why));
        SV_TRY(sv_fleet_api_get(api, path, &root, why));
        version = sv_show_number(root, "version");
    }
    (void) snprintf(room, MATCH_ROOM, "\"%" PRId64 "\"", version);
    return SV_OK;
}

static sv_err change(sv_fleet_api *api, const asked *a, const char *file,
                     sv_fleet_api_errand errand, const char *rest, sv_why *why) {
    char path[SV_FLEET_API_PATH_MAX];
    char if_match[MATCH_ROOM];
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(match(api, a, if_match, why));
    SV_TRY(path_of(a, rest, path, why));
    errand.path = path;
    errand.if_match = if_match;
    sv_err err = sv_fleet_api_send(api, &errand, &root, why);
    if (err != SV_OK) {
        show_faults(file, root);
        return err;
    }
    if (a->json) {
        sv_show_json(root);
        (void) puts("");
    } else {
        (void) printf("version %lld of the rules of site %s\n",
                      (long long) sv_show_number(root, "version"), a->site);
    }
    return SV_OK;
}

static sv_err put(sv_fleet_api *api, const asked *a, const char *file, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_RULES_FILE_MAX + 1);
    sv_fleet_api_errand errand = { .method = "PUT", .content_type = "text/yaml" };
    if (sv_disk_read(file, &text, why) != SV_OK) {
        return SV_ERR_INVALID;
    }
    errand.body = sv_textbuf_text(&text);
    return change(api, a, file, errand, "", why);
}

static sv_err rollback(sv_fleet_api *api, const asked *a, const char *file, sv_why *why) {
    char rest[64];
    sv_fleet_api_errand errand = { .method = "POST" };
    (void) file;
    (void) snprintf(rest, sizeof rest, "/versions/%" PRId64 "/again", a->version);
    return change(api, a, "rules", errand, rest, why);
}

// ---- try ----------------------------------------------------------------------------------------

static sv_err try_it(sv_fleet_api *api, const asked *a, const char *file, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_RULES_FILE_MAX + 1);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    char rest[64];
    if (sv_disk_read(file, &text, why) != SV_OK) {
        return SV_ERR_INVALID;
    }
    (void) snprintf(rest, sizeof rest, "/try?days=%" PRId64, a->days);
    SV_TRY(path_of(a, rest, path, why));
    const sv_fleet_api_errand errand = {
        .method = "POST", .path = path, .content_type = "text/yaml", .body = sv_textbuf_text(&text)
    };
    sv_err err = sv_fleet_api_send(api, &errand, &root, why);
    if (err != SV_OK) {
        show_faults(file, root);
        return err;
    }
    if (a->json) {
        sv_show_json(root);
        (void) puts("");
        return SV_OK;
    }
    return rules_tried(root)
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "no gateway of site %s has tried it", a->site);
}

// ---- the command --------------------------------------------------------------------------------

typedef sv_err verb_fn(sv_fleet_api *api, const asked *a, const char *file, sv_why *why);

typedef struct verb {
    verb_fn *run;
    const char *usage, *about;
    bool takes_file, takes_version, needs_version, changes, tries;
} verb;

/// Options of every verb stand first, those of some after them.
enum { OPTIONS_MAX = 10 };

static size_t options_of(const verb *mine, asked *a, sv_option out[OPTIONS_MAX]) {
    const sv_option all[] = {
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a->site,
          .help = "whose rules",
          .required = true },
        SV_FLEET_PLACE_OPTIONS(a->place),
        SV_OUTPUT_OPTION(a->output),
    };
    const sv_option version = { .name = mine->changes ? "to" : "version",
                                .value = "N",
                                .kind = SV_OPTION_INT,
                                .target = &a->version,
                                .min = 1,
                                .max = 9e15,
                                .required = mine->needs_version,
                                .help = "of this version [the newest]" };
    const sv_option changing[] = {
        { .name = "comment",
          .value = "TEXT",
          .kind = SV_OPTION_TEXT,
          .target = &a->comment,
          .help = "why, for who looks at the list" },
        { .name = "replaces",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a->newest,
          .min = 0,
          .max = 9e15,
          .help =
              "only if this version is the newest still; 0: only if there is none [whichever]" },
    };
    size_t count = 0;
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        out[count++] = all[i];
    }
    for (size_t i = 0; mine->changes && i < SV_COUNT(changing); i++) {
        out[count++] = changing[i];
    }
    if (mine->takes_version) {
        out[count++] = version;
    }
    if (mine->tries) {
        out[count++] = (sv_option){ .name = "days",
                                    .value = "N",
                                    .kind = SV_OPTION_INT,
                                    .target = &a->days,
                                    .min = 1,
                                    .max = 31,
                                    .help = "of stored readings, up to now [7]" };
    }
    return count;
}

static sv_err run(const verb *mine, asked *a, const char *const *plain, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_TRY(sv_output_parse(a->output, &a->json, why));
    SV_TRY(sv_id_check("--site", sv_text_of(a->site), why));
    if (mine->takes_file && plain[0] == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "which file? %s", mine->usage);
    }
    a->place.patience_us = mine->tries ? TRY_US : 0;
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    return mine->run(api, a, plain[0], why);
}

static int run_verb(const verb *mine, int argc, char **argv) {
    asked a = { .output = "table", .newest = -1, .days = 7 };
    const char *plain[2] = { NULL };
    sv_option options[OPTIONS_MAX];
    size_t count = options_of(mine, &a, options);
    sv_why why = { .text = "" };
    sv_err err =
        sv_options_parse(argc, argv, options, count, plain, mine->takes_file ? 1 : 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(mine->usage, mine->about, options, count);
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? run(mine, &a, plain, &why) : err;
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}

static int show_main(int argc, char **argv) {
    const verb mine = { .run = show,
                        .usage = "selvedge rules show --site SITE [--version N]",
                        .about = "Print a site's rules as they were given.",
                        .takes_version = true };
    return run_verb(&mine, argc, argv);
}

static int list_main(int argc, char **argv) {
    const verb mine = { .run = list,
                        .usage = "selvedge rules list --site SITE",
                        .about = "The versions, the newest first, and which of them each gateway "
                                 "goes by." };
    return run_verb(&mine, argc, argv);
}

static int put_main(int argc, char **argv) {
    const verb mine = { .run = put,
                        .usage = "selvedge rules put FILE --site SITE [--comment TEXT]",
                        .about = "Give a site new rules: the rule sections of a gateway's "
                                 "configuration (thresholds, uplink, ...)\nand nothing else. From "
                                 "then on they stand for those in the files of its gateways.\n\n"
                                 "Exit 0: stored, gateways take it by themselves; 1: somebody "
                                 "else was faster; 2: faulty, each fault\nwith its line and "
                                 "column, and nothing is changed.",
                        .takes_file = true,
                        .changes = true };
    return run_verb(&mine, argc, argv);
}

static int rollback_main(int argc, char **argv) {
    const verb mine = { .run = rollback,
                        .usage = "selvedge rules rollback --site SITE --to N",
                        .about = "Give a site the rules of an older version again, as a new one.",
                        .takes_version = true,
                        .needs_version = true,
                        .changes = true };
    return run_verb(&mine, argc, argv);
}

static int try_main(int argc, char **argv) {
    const verb mine = { .run = try_it,
                        .usage = "selvedge rules try FILE --site SITE [--days N]",
                        .about = "What a file of rules would have raised: every gateway of the "
                                 "site tries it on the readings it has\nstored. Nothing is saved; "
                                 "it takes two minutes at most.\n\n"
                                 "Exit 0: tried; 1: no gateway could; 2: faulty, each fault with "
                                 "its line and column.",
                        .takes_file = true,
                        .tries = true };
    return run_verb(&mine, argc, argv);
}

int cmd_rules(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "check", "is a file of them good?", rules_check_main },
        { "show", "print them", show_main },
        { "try", "what others would have raised", try_main },
        { "put", "give new ones", put_main },
        { "list", "the versions, and what each gateway goes by", list_main },
        { "rollback", "an older version again", rollback_main },
    };
    return sv_command_run("selvedge rules", "A site's rules, kept by the fleet server.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
