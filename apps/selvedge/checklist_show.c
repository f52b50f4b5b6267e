// The report in its three forms.
#include "checklist.h"

#include <base/time.h>
#include <codec/json.h>
#include <string.h>

// ---- text ---------------------------------------------------------------------------------------

static void add_counts(const sv_report *report, sv_textbuf *out) {
    const char *comma = "";
    for (int i = SV_VERDICT__COUNT - 1; i >= 0; i--) {
        if (report->verdicts[i] > 0) {
            sv_textbuf_addf(out, "%s%s: %zu", comma, sv_verdict_name((sv_verdict) i),
                            report->verdicts[i]);
            comma = ", ";
        }
    }
}

static void add_evidence(const sv_finding *f, sv_textbuf *out) {
    for (size_t i = 0; i < f->count; i++) {
        sv_textbuf_addf(out, "    %-10s%s\n", i == 0 ? "seen" : "", f->lines[i]);
    }
    if (f->more > 0) {
        sv_textbuf_addf(out, "              and %zu more\n", f->more);
    }
}

static void add_statement_text(const sv_statement *s, const sv_finding *f, sv_textbuf *out) {
    sv_textbuf_addf(out, "\n%s: %s [%s]\n", sv_verdict_name(f->verdict), s->title, s->id);
    add_evidence(f, out);
    sv_textbuf_addf(out, "    %-10s%s\n    %-10s%s\n", "looked at", s->looks, "answers",
                    s->answers);
    if (f->verdict >= SV_VERDICT_UNKNOWN) {
        sv_textbuf_addf(out, "    %-10s%s\n", "remedy", s->remedy);
    }
}

/// What needs somebody comes last, where a terminal ends.
void sv_report_add_text(const sv_report *report, sv_textbuf *out) {
    sv_textbuf_add_str(out, "Checklist of ");
    sv_time_add(out, report->at_us / SV_TIME_SECOND_US * SV_TIME_SECOND_US);
    sv_textbuf_addf(out, ", Selvedge %s\n", SV_VERSION);
    for (int verdict = 0; verdict < SV_VERDICT__COUNT; verdict++) {
        for (size_t i = 0; i < sv_statement_count(); i++) {
            if ((int) report->findings[i].verdict == verdict) {
                add_statement_text(sv_statement_at(i), &report->findings[i], out);
            }
        }
    }
    sv_textbuf_add_str(out, "\nIn all: ");
    add_counts(report, out);
    sv_textbuf_add_char(out, '\n');
}

// ---- JSON ---------------------------------------------------------------------------------------

static void add_list(sv_json_out *json, const char *key, const char *list) {
    sv_text rest = sv_text_of(list);
    sv_json_key(json, key);
    sv_json_open_array(json);
    while (rest.len > 0) {
        sv_json_put_text(json, sv_text_trim(sv_text_cut(&rest, ';')));
    }
    sv_json_close_array(json);
}

static void add_statement_json(const sv_statement *s, const sv_finding *f, sv_json_out *json) {
    sv_json_open_object(json);
    sv_json_add_str(json, "id", s->id);
    sv_json_add_str(json, "title", s->title);
    sv_json_add_str(json, "verdict", sv_verdict_name(f->verdict));
    sv_json_add_str(json, "looked_at", s->looks);
    sv_json_key(json, "seen");
    sv_json_open_array(json);
    for (size_t i = 0; i < f->count; i++) {
        sv_json_put_str(json, f->lines[i]);
    }
    sv_json_close_array(json);
    sv_json_add_int(json, "seen_more", (int64_t) f->more);
    add_list(json, "answers", s->answers);
    sv_json_add_str(json, "remedy", s->remedy);
    sv_json_close_object(json);
}

void sv_report_add_json(const sv_report *report, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_int(&json, "at", report->at_us / 1000);
    sv_json_add_str(&json, "version", SV_VERSION);
    sv_json_add_bool(&json, "holds", sv_report_holds(report));
    sv_json_key(&json, "verdicts");
    sv_json_open_object(&json);
    for (int i = SV_VERDICT__COUNT - 1; i >= 0; i--) {
        sv_json_add_int(&json, sv_verdict_name((sv_verdict) i), (int64_t) report->verdicts[i]);
    }
    sv_json_close_object(&json);
    sv_json_key(&json, "statements");
    sv_json_open_array(&json);
    for (size_t i = 0; i < sv_statement_count(); i++) {
        add_statement_json(sv_statement_at(i), &report->findings[i], &json);
    }
    sv_json_close_array(&json);
    sv_json_close_object(&json);
}

// ---- HTML ---------------------------------------------------------------------------------------

static void add_escaped(sv_textbuf *out, const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        switch (*at) {
        case '<':
            sv_textbuf_add_str(out, "&lt;");
            break;
        case '>':
            sv_textbuf_add_str(out, "&gt;");
            break;
        case '&':
            sv_textbuf_add_str(out, "&amp;");
            break;
        case '"':
            sv_textbuf_add_str(out, "&quot;");
            break;
        default:
            sv_textbuf_add_char(out, *at);
        }
    }
}

static void add_paragraph(sv_textbuf *out, const char *name, const char *text) {
    sv_textbuf_addf(out, "<dt>%s<dd>", name);
    add_escaped(out, text);
    sv_textbuf_add_char(out, '\n');
}

static void add_statement_html(const sv_statement *s, const sv_finding *f, sv_textbuf *out) {
    static const char *const CLASSES[SV_VERDICT__COUNT] = { "none", "good", "open", "bad" };
    sv_textbuf_addf(out, "<section id=\"%s\"><h2><b class=\"%s\">%s</b> ", s->id,
                    CLASSES[f->verdict], sv_verdict_name(f->verdict));
    add_escaped(out, s->title);
    sv_textbuf_add_str(out, "</h2>\n<dl>\n<dt>Seen");
    for (size_t i = 0; i < f->count; i++) {
        sv_textbuf_add_str(out, "<dd>");
        add_escaped(out, f->lines[i]);
    }
    if (f->more > 0) {
        sv_textbuf_addf(out, "<dd>and %zu more", f->more);
    }
    sv_textbuf_add_char(out, '\n');
    add_paragraph(out, "Looked at", s->looks);
    add_paragraph(out, "Answers", s->answers);
    if (f->verdict >= SV_VERDICT_UNKNOWN) {
        add_paragraph(out, "Remedy", s->remedy);
    }
    sv_textbuf_add_str(out, "</dl></section>\n");
}

void sv_report_add_html(const sv_report *report, sv_textbuf *out) {
    sv_textbuf_add_str(
        out, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width\">\n"
             "<title>Selvedge checklist</title>\n<style>\n"
             "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
             "1rem;color:#1d2530}\n"
             "h2{font-size:1.05rem;margin:2rem 0 .5rem}dl{margin:0}dt{font-weight:600}dd{margin:0 "
             "0 0 1.5rem;overflow-wrap:anywhere}\n"
             "b{border-radius:.3rem;padding:.1rem .5rem;color:#fff}.good{background:#1f6f43}"
             ".bad{background:#a4262c}.open{background:#7a5200}.none{background:#56606b}\n"
             ":root{color-scheme:light dark}@media screen and (prefers-color-scheme:dark)"
             "{body{color:#e4e8ee;background:#14181d}}\n"
             "@media print{section{break-inside:avoid}}\n</style>\n<h1>Checklist</h1>\n<p>");
    sv_time_add(out, report->at_us / SV_TIME_SECOND_US * SV_TIME_SECOND_US);
    sv_textbuf_addf(out, ", Selvedge %s. ", SV_VERSION);
    add_counts(report, out);
    sv_textbuf_add_str(out, "</p>\n");
    for (int verdict = SV_VERDICT__COUNT - 1; verdict >= 0; verdict--) {
        for (size_t i = 0; i < sv_statement_count(); i++) {
            if ((int) report->findings[i].verdict == verdict) {
                add_statement_html(sv_statement_at(i), &report->findings[i], out);
            }
        }
    }
    sv_textbuf_add_str(out, "</html>\n");
}
