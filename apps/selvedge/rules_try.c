// `selvedge rules try`: what the gateways of a site say a candidate would have raised.
#include "rules_try.h"

#include "show.h"

#include <base/time.h>
#include <model/alert.h>
#include <stdio.h>
#include <trial/backtest.h>

enum {
    STATUS_OK = 200,
    SHOWN_MAX = 20, ///< alerts that are listed in words
    LINE_BYTES_MAX = 4096,
};

/// One line; what gateways and rules say in it is others' text.
static void say(sv_textbuf *line) {
    sv_show_plain(sv_textbuf_text(line));
    (void) puts("");
    sv_textbuf_clear(line);
}

static void add_count(sv_textbuf *out, int64_t count, const char *one, const char *many) {
    sv_textbuf_addf(out, "%lld %s", (long long) count, count == 1 ? one : many);
}

static void add_without(sv_textbuf *out, const sv_json *without) {
    const sv_json *what = sv_json_get(without, "what");
    size_t count = sv_json_count(what);
    if (!sv_json_is_object(without)) {
        return;
    }
    sv_textbuf_addf(out, "; %lld without ", (long long) sv_show_number(without, "alerts"));
    for (size_t i = 0; i < count; i++) {
        sv_text name = SV_TEXT("");
        (void) sv_json_text(sv_json_at(what, i), &name);
        sv_textbuf_add_str(out, i == 0 ? "" : i + 1 == count ? " and " : ", ");
        sv_textbuf_add(out, name);
    }
}

static void add_alert(sv_textbuf *out, const sv_json *alert) {
    int64_t raised_ms = sv_show_number(alert, "raised_at");
    int64_t cleared_ms = 0;
    sv_text sensor = sv_show_words(alert, "sensor");
    sv_text rule = sv_show_words(alert, "rule");
    sv_textbuf_add_str(out, "  ");
    sv_backtest_add_time(out, raised_ms * 1000, false);
    sv_textbuf_addf(out, "  " SV_TEXT_FMT " " SV_TEXT_FMT "%s" SV_TEXT_FMT,
                    SV_TEXT_ARG(sv_show_words(alert, "device")), SV_TEXT_ARG(sensor),
                    sensor.len > 0 ? " " : "", SV_TEXT_ARG(sv_show_words(alert, "type")));
    if (rule.len > 0) {
        sv_textbuf_addf(out, " (" SV_TEXT_FMT ")", SV_TEXT_ARG(rule));
    }
    sv_textbuf_addf(out, ", " SV_TEXT_FMT ", ", SV_TEXT_ARG(sv_show_words(alert, "severity")));
    if (sv_json_int(sv_json_get(alert, "cleared_at"), &cleared_ms)) {
        sv_textbuf_add_str(out, "for ");
        sv_backtest_add_span(out, (cleared_ms - raised_ms) * 1000);
    } else {
        sv_textbuf_add_str(out, "open at the end");
    }
    sv_textbuf_add_str(out, ": ");
    sv_alert_add_readable(out, sv_show_words(alert, "message"));
    say(out);
}

static void add_found(sv_textbuf *out, const sv_json *found) {
    const sv_json *raised = sv_json_get(found, "raised");
    int64_t left_out = sv_show_number(found, "left_out");
    int64_t alerts = sv_show_number(found, "alerts");
    size_t shown = sv_json_count(raised) < SHOWN_MAX ? sv_json_count(raised) : SHOWN_MAX;
    add_count(out, alerts, "alert", "alerts");
    sv_textbuf_add_str(out, " in ");
    add_count(out, sv_show_number(found, "days"), "day", "days");
    add_without(out, sv_json_get(found, "without"));
    sv_textbuf_addf(out, "; %lld with the rules in force",
                    (long long) sv_show_number(found, "in_force"));
    say(out);
    sv_textbuf_add_str(out, "  ");
    add_count(out, sv_show_number(found, "readings"), "reading", "readings");
    sv_textbuf_add_str(out, " of ");
    add_count(out, sv_show_number(found, "streams"), "stream", "streams");
    if (left_out > 0) {
        sv_textbuf_addf(out, "; %lld that never leave%s the site took no part",
                        (long long) left_out, left_out == 1 ? "s" : "");
    }
    say(out);
    for (size_t i = 0; i < shown; i++) {
        add_alert(out, sv_json_at(raised, i));
    }
    if (alerts > (int64_t) shown) {
        sv_textbuf_addf(out, "  and %lld more", (long long) (alerts - (int64_t) shown));
        say(out);
    }
}

bool rules_tried(const sv_json *root) {
    const sv_json *gateways = sv_json_get(root, "gateways");
    bool any = false;
    for (size_t i = 0; i < sv_json_count(gateways); i++) {
        const sv_json *one = sv_json_at(gateways, i);
        SV_DEFER(sv_textbuf_drop) sv_textbuf line = SV_TEXTBUF_HEAP(LINE_BYTES_MAX);
        sv_textbuf_addf(&line, "gateway " SV_TEXT_FMT ": ", SV_TEXT_ARG(sv_show_words(one, "id")));
        if (sv_show_number(one, "status") == STATUS_OK) {
            any = true;
            add_found(&line, sv_json_get(one, "found"));
        } else {
            sv_textbuf_addf(&line, "not tried: " SV_TEXT_FMT,
                            SV_TEXT_ARG(sv_show_words(one, "why")));
            say(&line);
        }
    }
    return any;
}
