// `selvedge checklist`: options, looking, judging, showing.
#include "checklist.h"
#include "checklist_gather.h"
#include "command.h"

#include <base/mem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { DESCRIPTION_MAX = 1024 * 1024, REPORT_MAX = 1024 * 1024 };

#define PILOT_HERE "pilot"

static const char ABOUT[] =
    "Says what is true of a deployment's security and what is not: statements about keys, "
    "certificates, programs\nand doors, each with what was looked at, what was seen, which "
    "requirement it answers and what to do. It looks at\nthe programs that run on this machine (as "
    "root "
    "it sees all of them), and knocks at their doors as a stranger would.\nNothing is changed.\n\n"
    "  selvedge checklist --pilot pilot\n"
    "  sudo selvedge checklist --url https://fleet.example:8443 --token-file admin.token --output "
    "html > checklist.html\n\n"
    "Exit codes: 0 everything holds, or cannot apply here; 1 something does not hold, or could not "
    "be seen.";

typedef struct asked {
    sv_fleet_place place;
    const char *output;
    const char *backup;
    const char *sbom, *vex;
    bool publish;
} asked;

static const struct {
    const char *name;
    void (*add)(const sv_report *report, sv_textbuf *out);
} FORMS[] = {
    { "text", sv_report_add_text },
    { "json", sv_report_add_json },
    { "html", sv_report_add_html },
};

static sv_err find_form(const char *name, size_t *out, sv_why *why) {
    for (size_t i = 0; i < SV_COUNT(FORMS); i++) {
        if (strcmp(name, FORMS[i].name) == 0) {
            *out = i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "--output is text, json or html, not '%.64s'", name);
}

/// What the pilot says of itself; NULL: this machine is looked at as it is.
static sv_err read_description(const asked *a, sv_json **out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(DESCRIPTION_MAX);
    bool here =
        a->place.pilot == NULL && a->place.url == NULL && sv_disk_exists(PILOT_HERE "/pilot.json");
    if (a->place.pilot == NULL && !here) {
        return SV_OK;
    }
    const char *dir = here ? PILOT_HERE : a->place.pilot;
    if (sv_disk_join(path, sizeof path, dir, "pilot.json") != SV_OK || !sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_INVALID, "there is no pilot in '%.200s'", dir);
    }
    SV_TRY(sv_disk_read(path, &text, why));
    return sv_json_parse(sv_textbuf_text(&text), out, NULL, why);
}

static sv_err show(const sv_report *report, size_t form, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(REPORT_MAX);
    FORMS[form].add(report, &text);
    SV_TRY(sv_textbuf_end(&text));
    size_t len = text.len;
    bool line = len > 0 && text.at[len - 1] != '\n';
    return fwrite(text.at, 1, len, stdout) == len && (!line || putchar('\n') != EOF)
                   && fflush(stdout) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NO_SPACE, "the output cannot be written: %m");
}

/// The fleet server of the pilot, or of --url.
static void ask_fleet(const asked *a, bool pilot, sv_facts *facts) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    sv_why why = { .text = "" };
    if (!pilot && a->place.url == NULL) {
        (void) sv_fail(&why, SV_ERR_NOT_FOUND,
                       "the fleet server was not asked: say --url URL --token-file FILE");
        sv_gather_nothing_told(&why, facts);
    } else if (sv_fleet_api_open(&a->place, &api, &why) != SV_OK) {
        sv_gather_nothing_told(&why, facts);
    } else {
        sv_gather_told(api, facts);
    }
}

static void gather(const asked *a, const sv_json *description, sv_facts *facts) {
    facts->at_us = sv_clock_wall_us();
    facts->pilot = description != NULL;
    facts->clock.proven = sv_clock_instant().proven;
    (void) sv_fail(&facts->pki.missing, SV_ERR_NOT_FOUND,
                   "no program here names a PKI's folder that can be read");
    (void) signal(SIGPIPE, SIG_IGN);
    ask_fleet(a, description != NULL, facts);
    sv_gather_programs("/proc", description, facts);
    sv_gather_answers(facts);
    sv_gather_databases(facts);
    sv_gather_records(facts);
    sv_gather_release(a->sbom, a->vex, facts);
    sv_gather_libraries("/proc", facts);
    sv_gather_versions("/var/lib/dpkg/status", facts);
    if (a->backup != NULL) {
        sv_gather_database(a->backup, "the backup", &facts->backup);
    } else {
        (void) sv_fail(&facts->backup.missing, SV_ERR_NOT_FOUND,
                       "no copy was named: say --backup FILE");
    }
}

static sv_err publish(const asked *a, const sv_report *report, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(REPORT_MAX);
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = NULL;
    SV_DEFER(sv_json_drop) sv_json *nothing = NULL;
    sv_report_add_json(report, &text);
    SV_TRY(sv_textbuf_end(&text));
    SV_TRY(sv_fleet_api_open(&a->place, &api, why));
    const sv_fleet_api_errand errand = { .method = "PUT",
                                         .path = "/api/v1/checklist",
                                         .content_type = "application/json",
                                         .body = sv_textbuf_text(&text) };
    return sv_fleet_api_ask(api, &errand, &nothing, why);
}

static void facts_drop(sv_facts **facts) {
    sv_facts_drop(*facts);
    free(*facts);
}

static sv_err run(const asked *a, bool *holds, sv_why *why) {
    size_t form = 0;
    SV_DEFER(sv_json_drop) sv_json *description = NULL;
    SV_DEFER(facts_drop) sv_facts *facts = sv_mem_new(sizeof *facts);
    SV_DEFER(sv_mem_drop) sv_report *report = sv_mem_new(sizeof *report);
    SV_TRY(find_form(a->output, &form, why));
    SV_TRY(read_description(a, &description, why));
    gather(a, description, facts);
    sv_report_make(facts, report);
    *holds = sv_report_holds(report);
    SV_TRY(show(report, form, why));
    return a->publish ? publish(a, report, why) : SV_OK;
}

int cmd_checklist(int argc, char **argv) {
    asked a = { .output = "text" };
    const sv_option options[] = {
        SV_FLEET_PLACE_OPTIONS(a.place),
        { .name = "backup",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.backup,
          .help = "a copy of the fleet server's database, to see whether it could be restored" },
        { .name = "sbom",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.sbom,
          .help = "the bill of materials of the release, CycloneDX [the one beside the programs]" },
        { .name = "vex",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.vex,
          .help = "a CycloneDX document with the vulnerabilities that are known of it" },
        { .name = "publish",
          .kind = SV_OPTION_FLAG,
          .target = &a.publish,
          .help = "give the report to the fleet server, whose page shows it" },
        { .name = "output",
          .value = "FORM",
          .kind = SV_OPTION_TEXT,
          .target = &a.output,
          .help = "text, json or html [text]" },
    };
    sv_why why = { .text = "" };
    bool holds = false;
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge checklist [options]", ABOUT, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = run(&a, &holds, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return holds ? SV_EXIT_DONE : SV_EXIT_NO;
}
