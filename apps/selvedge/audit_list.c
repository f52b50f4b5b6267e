#include "audit_list.h"

#include "fleet_verb.h"
#include "show.h"
#include <stdio.h>

enum { LINES_DEFAULT = 50, LINES_MAX = 1000000 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *about, *what;
    int64_t limit;
} asked;

static void show_line(const sv_json *line, void *arg) {
    (void) arg;
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

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/audit?");
    sv_fleet_path_add(&path, "about", a->about);
    sv_fleet_path_add(&path, "what", a->what);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--about or --what is too long");
    }
    const sv_fleet_list lines = {
        .path = room, .limit = a->limit, .line = show_line, .none = "nothing is recorded"
    };
    return sv_fleet_list_show(api, &lines, a->fleet.json, why);
}

int cmd_audit_list(int argc, char **argv) {
    asked a = { .limit = LINES_DEFAULT };
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
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge audit list [--about ID] [--what WHAT]",
        .about = "Who did what about an identity, from where, and what became of it: enrolments, "
                 "renewals, refusals,\nrevocations. The newest first.\n\n"
                 "  selvedge audit list --about press-17",
        .options = options,
        .option_count = SV_COUNT(options),
        .ask = list,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
