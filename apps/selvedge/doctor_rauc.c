// What RAUC needs so that an updater can say what it has installed: a place in which it remembers
// that beyond its own end.
#include "doctor.h"

#include <stdio.h>
#include <unistd.h>

enum { CONF_MAX = 64 * 1024 };

/// `key=` of the section [system], with a value.
static bool has_key(sv_text conf, const char *key) {
    bool inside = false;
    while (conf.len > 0) {
        sv_text line = sv_text_trim(sv_text_cut(&conf, '\n'));
        sv_text name = sv_text_cut(&line, '=');
        if (name.len > 0 && name.at[0] == '[') {
            inside = sv_text_is(name, "[system]");
        } else if (inside && sv_text_is(sv_text_trim(name), key)) {
            return sv_text_trim(line).len > 0 && !sv_text_is(sv_text_trim(line), "per-slot");
        }
    }
    return false;
}

void doctor_look_at_rauc(const char *path, const char *of, doctor_report *report) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf conf = SV_TEXTBUF_HEAP(CONF_MAX);
    sv_why why = { .text = "" };
    sv_err err = sv_disk_read(path, &conf, &why);
    if (err == SV_ERR_NOT_FOUND) {
        doctor_skip(report, DOCTOR_BOOT, of, "it is RAUC's, which has no '%s'", path);
    } else if (err != SV_OK) {
        doctor_bad(report, DOCTOR_BOOT, of, "run this as root", "%s", why.text);
    } else if (has_key(sv_textbuf_text(&conf), "statusfile")
               || has_key(sv_textbuf_text(&conf), "data-directory")) {
        doctor_good(report, DOCTOR_BOOT, of, "it is RAUC's, which remembers what it installed");
    } else {
        doctor_bad(report, DOCTOR_BOOT, of,
                   "write `statusfile=` with a path on a disk that both slots share into its "
                   "section [system], or `data-directory=`",
                   "'%s': RAUC forgets what it installed when it starts again, and no release is "
                   "confirmed then",
                   path);
    }
}

const char *doctor_rauc_conf(void) {
    static const char *const PLACES[] = { "/etc/rauc/system.conf", "/run/rauc/system.conf",
                                          "/usr/lib/rauc/system.conf" };
    for (size_t i = 0; i < SV_COUNT(PLACES); i++) {
        if (access(PLACES[i], F_OK) == 0) {
            return PLACES[i];
        }
    }
    return PLACES[0];
}
