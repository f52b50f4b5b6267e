#include "audit_list.h"

#include "fleet_verb.h"
#include "show.h"
#include <base/time.h>
#include <stdio.h>

enum { LINES_DEFAULT = 50, LINES_MAX = 1000000 };

typedef struct asked {
    sv_fleet_asked fleet;
    sv_audit_options filter;
    int64_t limit;
} asked;

// ---- the filter ---------------------------------------------------------------------------------

/// A day is its beginning.
static sv_err read_time(const char *name, const char *said, int64_t *out_us, sv_why *why) {
    int64_t day = 0;
    if (said == NULL) {
        return SV_OK;
    }
    if (sv_day_parse(sv_text_of(said), &day) == SV_OK) {
        *out_us = day * SV_TIME_DAY_US;
        return SV_OK;
    }
    return sv_time_parse(sv_text_of(said), out_us) == SV_OK && *out_us > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "--%s '%.64s' is no time such as 2026-11-28 or 2026-11-28T06:15:00", name,
                         said);
}

sv_err sv_audit_options_check(sv_audit_options *filter, sv_why *why) {
    SV_TRY(read_time("since", filter->since, &filter->since_us, why));
    return read_time("until", filter->until, &filter->until_us, why);
}

static void add_time(sv_textbuf *path, const char *name, int64_t at_us) {
    char room[24];
    if (at_us > 0) {
        (void) snprintf(room, sizeof room, "%lld", (long long) at_us / 1000);
        sv_fleet_path_add(path, name, room);
    }
}

void sv_audit_options_add(sv_textbuf *path, const sv_audit_options *filter) {
    sv_fleet_path_add(path, "about", filter->about);
    sv_fleet_path_add(path, "what", filter->what);
    sv_fleet_path_add(path, "who", filter->who);
    sv_fleet_path_add(path, "outcome", filter->outcome);
    sv_fleet_path_add(path, "text", filter->text);
    add_time(path, "from", filter->since_us);
    add_time(path, "to", filter->until_us);
}

// ---- the list -----------------------------------------------------------------------------------

static void show_change(const sv_json *line) {
    sv_text before = sv_show_words(line, "before");
    sv_text after = sv_show_words(line, "after");
    if (before.len > 0 || after.len > 0) {
        (void) printf("; ");
        sv_show_plain(before.len > 0 ? before : SV_TEXT("nothing"));
        (void) printf(" -> ");
        sv_show_plain(after.len > 0 ? after : SV_TEXT("nothing"));
    }
}

static void show_line(const sv_json *line, void *arg) {
    (void) arg;
    sv_text who = sv_show_words(line, "who");
    sv_text from = sv_show_words(line, "from");
    sv_text detail = sv_show_words(line, "detail");
    sv_text outcome = sv_show_words(line, "outcome");
    sv_text what = sv_show_words(line, "what");
    sv_show_time(line, "at");
    (void) printf("  %-8.*s %-20.*s ", SV_TEXT_ARG(outcome), SV_TEXT_ARG(what));
    sv_show_plain(sv_show_words(line, "about"));
    (void) printf("  by ");
    sv_show_plain(who.len > 0 ? who : SV_TEXT("somebody unknown"));
    (void) printf("%s", from.len > 0 ? " from " : "");
    sv_show_plain(from);
    (void) printf("%s", detail.len > 0 ? ": " : "");
    sv_show_plain(detail);
    show_change(line);
    (void) puts("");
}

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/audit?");
    sv_audit_options_add(&path, &a->filter);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the filter is longer than %zu bytes", sizeof room - 1);
    }
    const sv_fleet_list lines = {
        .path = room, .limit = a->limit, .line = show_line, .none = "nothing is recorded"
    };
    return sv_fleet_list_show(api, &lines, a->fleet.json, why);
}

static sv_err check(void *arg, sv_why *why) {
    return sv_audit_options_check(&((asked *) arg)->filter, why);
}

int cmd_audit_list(int argc, char **argv) {
    asked a = { .limit = LINES_DEFAULT };
    const sv_option options[] = {
        SV_AUDIT_OPTIONS(a.filter),
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .min = 1,
          .max = LINES_MAX,
          .help = "how many, the newest [50]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge audit list [--about ID] [--what WHAT] [--who NAME] [--since TIME]",
        .about = "Who did what, from where, about whom, and what became of it: logins, enrolments, "
                 "renewals, refusals,\nrevocations, changes, commands. The newest first.\n\n"
                 "  selvedge audit list --about press-17",
        .options = options,
        .option_count = SV_COUNT(options),
        .check = check,
        .ask = list,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
