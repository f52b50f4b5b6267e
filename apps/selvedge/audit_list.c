#include "audit_list.h"

#include "command.h"
#include "fleet_api.h"
#include "show.h"
#include <codec/encode.h>
#include <stdio.h>

enum { LINES_DEFAULT = 50, LINES_MAX = 500 };

typedef struct asked {
    sv_fleet_place place;
    const char *about, *what;
    int64_t limit;
    bool json;
} asked;

static void add_word(sv_textbuf *path, const char *name, const char *value) {
    if (value != NULL) {
        sv_textbuf_addf(path, "&%s=", name);
        sv_percent_add(path, sv_text_of(value));
    }
}

static void show_line(const sv_json *line) {
    sv_text from = sv_show_words(line, "from");
    sv_text detail = sv_show_words(line, "detail");
    sv_text outcome = sv_show_words(line, "outcome");
    sv_text what = sv_show_words(line, "what");
    sv_show_time(line, "at");
    (void) printf("  %-8.*s %-20.*s ", SV_TEXT_ARG(outcome), SV_TEXT_ARG(what));
    sv_show_plain(sv_show_words(line, "about"));
    (void) printf("  by ");
    sv_show_plain(sv_show_words(line, "who"));
    (void) printf("%s", from.len > 0 ? " from " : "");
    sv_show_plain(from);
    (void) printf("%s", detail.len > 0 ? ": " : "");
    sv_show_plain(detail);
    (void) puts("");
}

static sv_err list(const asked *a, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_addf(&path, "/api/v1/audit?limit=%lld", (long long) a->limit);
    add_word(&path, "about", a->about);
    add_word(&path, "what", a->what);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--about or --what is too long");
    }
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
        (void) fprintf(stderr, "nothing is recorded\n");
    }
    return SV_OK;
}

int cmd_audit_list(int argc, char **argv) {
    asked a = { .limit = LINES_DEFAULT };
    const char *output = "table";
    const sv_option options[] = {
        { .name = "about",
          .value = "ID",
          .kind = SV_OPTION_TEXT,
          .target = &a.about,
          .help = "this device, gateway or person alone" },
        { .name = "what",
          .value = "WHAT",
          .kind = SV_OPTION_TEXT,
          .target = &a.what,
          .help = "such as enrolment, certificate.renew, device" },
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .min = 1,
          .max = LINES_MAX,
          .help = "how many, the newest [50]" },
        SV_FLEET_PLACE_OPTIONS(a.place),
        SV_OUTPUT_OPTION(output),
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge audit list [--about ID] [--what WHAT]",
                        "Who did what about an identity, from where, and what became of it: "
                        "enrolments, renewals, refusals,\nrevocations. The newest first.\n\n"
                        "  selvedge audit list --about press-17",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(output, &a.json, &why);
    }
    if (err == SV_OK) {
        err = list(&a, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}
