#include "doctor.h"

#include <codec/json.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name, *shown;
} STEPS[DOCTOR_STEP__COUNT] = {
    [DOCTOR_CONFIG] = { "configuration", "configuration" },
    [DOCTOR_PERMISSION] = { "permission", "permission" },
    [DOCTOR_CERTIFICATE] = { "certificate", "certificate" },
    [DOCTOR_CLOCK] = { "clock", "clock" },
    [DOCTOR_DISK] = { "disk", "disk" },
    [DOCTOR_LISTEN] = { "listen", "own port" },
    [DOCTOR_SOCKET] = { "socket", "socket" },
    [DOCTOR_KEYS] = { "keys", "keys" },
    [DOCTOR_ROOTS] = { "roots", "roots" },
    [DOCTOR_SLOTS] = { "slots", "slots" },
    [DOCTOR_BOOT] = { "boot", "boot" },
    [DOCTOR_WATCHDOG] = { "watchdog", "watchdog" },
    [DOCTOR_COUNTER] = { "counter", "counter" },
    [DOCTOR_NAME] = { "name", "name" },
    [DOCTOR_TCP] = { "tcp", "TCP" },
    [DOCTOR_TLS] = { "tls", "TLS" },
    [DOCTOR_TOKEN] = { "token", "let in" },
};

static const char *const VERDICTS[] = { "ok", "no", "skipped" };

const char *doctor_step_name(doctor_step step) {
    return STEPS[step].name;
}

static doctor_finding *add(doctor_report *report, doctor_step step, const char *of,
                           doctor_verdict verdict) {
    report->bad += verdict == DOCTOR_BAD;
    if (report->count == DOCTOR_FINDINGS_MAX) {
        return NULL;
    }
    doctor_finding *finding = &report->findings[report->count++];
    *finding = (doctor_finding){ .step = step, .verdict = verdict };
    (void) snprintf(finding->of, sizeof finding->of, "%s", of);
    return finding;
}

/// What others wrote moves no terminal. [cli-1]
static void tame(char *text) {
    for (; *text != '\0'; text++) {
        bool plain = (unsigned char) *text >= ' ' && *text != '\x7f';
        *text = plain ? *text : '?';
    }
}

void doctor_good(doctor_report *report, doctor_step step, const char *of, const char *fmt, ...) {
    doctor_finding *finding = add(report, step, of, DOCTOR_GOOD);
    va_list args;
    va_start(args, fmt);
    if (finding != NULL) {
        (void) vsnprintf(finding->saw, sizeof finding->saw, fmt, args);
        tame(finding->saw);
    }
    va_end(args);
}

void doctor_bad(doctor_report *report, doctor_step step, const char *of, const char *remedy,
                const char *fmt, ...) {
    doctor_finding *finding = add(report, step, of, DOCTOR_BAD);
    va_list args;
    va_start(args, fmt);
    if (finding != NULL) {
        (void) vsnprintf(finding->saw, sizeof finding->saw, fmt, args);
        tame(finding->saw);
        (void) snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy);
    }
    va_end(args);
}

void doctor_skip(doctor_report *report, doctor_step step, const char *of, const char *fmt, ...) {
    doctor_finding *finding = add(report, step, of, DOCTOR_SKIPPED);
    va_list args;
    va_start(args, fmt);
    if (finding != NULL) {
        (void) vsnprintf(finding->saw, sizeof finding->saw, fmt, args);
        tame(finding->saw);
    }
    va_end(args);
}

// ---- showing ------------------------------------------------------------------------------------

void doctor_add_text(const doctor_report *report, sv_textbuf *out) {
    static const char *const MARKS[] = { "ok", "NO", "--" };
    const char *of = "";
    for (size_t i = 0; i < report->count; i++) {
        const doctor_finding *f = &report->findings[i];
        if (!sv_text_eq(sv_text_of(of), sv_text_of(f->of))) {
            of = f->of;
            sv_textbuf_addf(out, "%s\n", of);
        }
        sv_textbuf_addf(out, "  %-4s%s: %s\n", MARKS[f->verdict], STEPS[f->step].shown, f->saw);
        if (f->verdict == DOCTOR_BAD) {
            sv_textbuf_addf(out, "      remedy: %s\n", f->remedy);
        }
    }
    if (report->bad == 0) {
        sv_textbuf_add_str(out, "Nothing is wrong with what was looked at.\n");
    } else {
        sv_textbuf_addf(out, "%zu fault%s; begin with the first.\n", report->bad,
                        report->bad == 1 ? "" : "s");
    }
}

void doctor_add_json(const doctor_report *report, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_array(&json);
    for (size_t i = 0; i < report->count; i++) {
        const doctor_finding *f = &report->findings[i];
        sv_json_open_object(&json);
        sv_json_add_str(&json, "of", f->of);
        sv_json_add_str(&json, "step", STEPS[f->step].name);
        sv_json_add_str(&json, "verdict", VERDICTS[f->verdict]);
        sv_json_add_str(&json, "saw", f->saw);
        if (f->verdict == DOCTOR_BAD) {
            sv_json_add_str(&json, "remedy", f->remedy);
        }
        sv_json_close_object(&json);
    }
    sv_json_close_array(&json);
    sv_textbuf_add_char(out, '\n');
}
