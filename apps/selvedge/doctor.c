// `selvedge doctor`: options, whom to look at, showing.
#include "doctor.h"

#include "command.h"
#include <base/mem.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 512 * 1024 };

#define PILOT_HERE "pilot"

static const char ABOUT[] =
    "Says what keeps a set-up from working, and what to do: the configuration, permissions, the "
    "certificate, the\nclock, the disk, the program's own ports; then, towards everybody that it "
    "has "
    "to reach, the name, TCP, TLS and\nwhether it is let in. It looks from where it runs: at the "
    "device with agent.yaml, at the gateway with\ngateway.yaml, at the server with fleet.yaml and "
    "signer.yaml, at a desk with --url. Nothing is changed.\n\n"
    "  sudo -u selvedge selvedge doctor /etc/selvedge/gateway.yaml\n"
    "  selvedge doctor --url https://fleet.example:8443 --token-file token --ca ca.crt\n"
    "  selvedge doctor --pilot pilot\n\n"
    "Without FILE it looks at ./pilot, else at every file /etc/selvedge/*.yaml.\n\n"
    "Exit codes: 0 nothing is wrong, 1 something is.";

typedef struct asked {
    sv_fleet_place place;
    const char *output;
    const char *files[SV_OPTION_PLAIN_MAX + 1];
} asked;

static sv_err look_at(const char *file, doctor_report *report) {
    SV_DEFER(sv_mem_drop) doctor_subject *subject = sv_mem_new(sizeof *subject);
    sv_why why = { .text = "" };
    sv_err err = doctor_read(file, subject, &why);
    if (err != SV_OK) {
        doctor_bad(report, DOCTOR_CONFIG, file,
                   err == SV_ERR_INVALID
                       ? "mend the file, if it is the configuration of one of Selvedge's programs"
                       : "name the configuration of one of Selvedge's programs, as a user who may "
                         "read it",
                   "%s", why.text);
        return SV_OK;
    }
    bool usable = doctor_look_at_files(subject, report);
    doctor_look_around(subject, usable, report);
    return SV_OK;
}

/// A person who asks the operator door.
static sv_err look_from_desk(const sv_fleet_place *place, doctor_report *report, sv_why *why) {
    SV_DEFER(sv_mem_drop) doctor_subject *subject = sv_mem_new(sizeof *subject);
    doctor_peer *peer = &subject->peers[0];
    sv_url url;
    SV_TRY(sv_url_parse(sv_text_of(place->url), &url, why));
    subject->program = "selvedge";
    subject->peer_count = 1;
    *peer = (doctor_peer){ .port = url.port, .tls = url.tls, .foreign = true };
    (void) snprintf(peer->what, sizeof peer->what, "the fleet server");
    (void) snprintf(peer->host, sizeof peer->host, "%s", url.host);
    (void) snprintf(peer->path, sizeof peer->path, "%s",
                    place->token_file != NULL ? "/api/v1/overview" : "/readyz");
    (void) snprintf(peer->ca, sizeof peer->ca, "%s", place->ca != NULL ? place->ca : "");
    (void) snprintf(peer->token_file, sizeof peer->token_file, "%s",
                    place->token_file != NULL ? place->token_file : "");
    doctor_look_around(subject, true, report);
    return SV_OK;
}

static sv_err look_at_all(const char *pattern, size_t *found, doctor_report *report) {
    glob_t files;
    sv_err err = SV_OK;
    if (glob(pattern, 0, NULL, &files) != 0) {
        return SV_OK;
    }
    for (size_t i = 0; err == SV_OK && i < files.gl_pathc; i++) {
        err = look_at(files.gl_pathv[i], report);
    }
    *found += files.gl_pathc;
    globfree(&files);
    return err;
}

static sv_err look_at_pilot(const char *dir, size_t *found, doctor_report *report) {
    static const char *const BELOW[] = { "signer/signer.yaml", "fleet/fleet.yaml",
                                         "site-*/gateway.yaml", "agent/agent.yaml" };
    for (size_t i = 0; i < SV_COUNT(BELOW); i++) {
        char pattern[SV_PATH_MAX];
        SV_TRY(sv_disk_join(pattern, sizeof pattern, dir, BELOW[i]));
        SV_TRY(look_at_all(pattern, found, report));
    }
    return SV_OK;
}

static sv_err look(const asked *a, doctor_report *report, sv_why *why) {
    size_t found = 0;
    for (const char *const *file = a->files; *file != NULL; file++) {
        SV_TRY(look_at(*file, report));
        found++;
    }
    if (a->place.url != NULL) {
        SV_TRY(look_from_desk(&a->place, report, why));
        found++;
    }
    bool here = found == 0 && sv_disk_exists(PILOT_HERE "/pilot.json");
    if (a->place.pilot != NULL || here) {
        SV_TRY(look_at_pilot(here && a->place.pilot == NULL ? PILOT_HERE : a->place.pilot, &found,
                             report));
    } else if (found == 0) {
        SV_TRY(look_at_all("/etc/selvedge/*.yaml", &found, report));
    }
    return found > 0 ? SV_OK
                     : sv_fail(why, SV_ERR_INVALID,
                               "whom to look at? Name a configuration, --url URL or --pilot DIR; "
                               "there is none in /etc/selvedge and no pilot in ./" PILOT_HERE);
}

static sv_err show(const doctor_report *report, bool json, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(TEXT_MAX);
    if (json) {
        doctor_add_json(report, &text);
    } else {
        doctor_add_text(report, &text);
    }
    SV_TRY(sv_textbuf_end(&text));
    return fwrite(text.at, 1, text.len, stdout) == text.len && fflush(stdout) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NO_SPACE, "the output cannot be written: %m");
}

int cmd_doctor(int argc, char **argv) {
    asked a = { .output = NULL };
    const sv_option options[] = { SV_FLEET_PLACE_OPTIONS(a.place), SV_OUTPUT_OPTION(a.output) };
    SV_DEFER(sv_mem_drop) doctor_report *report = sv_mem_new(sizeof *report);
    sv_why why = { .text = "" };
    bool json = false;
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.files,
                                  SV_OPTION_PLAIN_MAX, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge doctor [FILE...] [options]", ABOUT, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(a.output, &json, &why);
    }
    if (err == SV_OK) {
        err = look(&a, report, &why);
    }
    if (err == SV_OK) {
        err = show(report, json, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return report->bad == 0 ? SV_EXIT_DONE : SV_EXIT_NO;
}
