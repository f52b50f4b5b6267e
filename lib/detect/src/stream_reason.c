// What is told with a score: one sentence with figures.
#include <base/time.h>
#include <detect/stream.h>
#include <math.h>

/// Rounded to what a person needs.
static void add_span(sv_textbuf *out, double span_us) {
    static const struct {
        double up_to, unit;
        const char *name;
    } UNITS[] = {
        { 120e6, 1e6, "s" },
        { 120 * 60e6, 60e6, "min" },
        { 48 * 3600e6, 3600e6, "h" },
        { 21 * 864e8, 864e8, "days" },
    };
    for (size_t i = 0; i < SV_COUNT(UNITS); i++) {
        if (span_us < UNITS[i].up_to) {
            sv_textbuf_addf(out, "%.0f %s", span_us / UNITS[i].unit, UNITS[i].name);
            return;
        }
    }
    sv_textbuf_addf(out, "%.0f weeks", span_us / (7 * 864e8));
}

static void add_value(sv_textbuf *out, const sv_stream_verdict *verdict, const char *when) {
    bool outside = verdict->value < verdict->low || verdict->value > verdict->high;
    if (outside) {
        sv_textbuf_addf(out, "value %.4g outside what was usual%s (%.4g to %.4g) for the last ",
                        verdict->value, when, verdict->low, verdict->high);
    } else {
        sv_textbuf_addf(out, "value %.4g, after such a course, was not seen%s in the last ",
                        verdict->value, when);
    }
    add_span(out, verdict->span_us);
}

void sv_stream_reason_add(sv_textbuf *out, const sv_stream_verdict *verdict) {
    switch (verdict->cause) {
    case SV_STREAM_VALUE:
    case SV_STREAM_COURSE:
        add_value(out, verdict, "");
        break;
    case SV_STREAM_HOUR:
        add_value(out, verdict, " at this hour");
        break;
    case SV_STREAM_LEVEL:
        sv_textbuf_addf(out, "step of %+.4g: the last ", verdict->amount);
        add_span(out, verdict->span_us);
        sv_textbuf_add_str(out, " lie further from the usual than ever");
        break;
    case SV_STREAM_NOISE:
        sv_textbuf_addf(out, "noise %.2g times the usual over the last ", verdict->amount);
        add_span(out, verdict->span_us);
        break;
    case SV_STREAM_STUCK:
        sv_textbuf_addf(out, "stuck at %.6g for ", verdict->value);
        add_span(out, verdict->span_us);
        break;
    case SV_STREAM_NOTHING:
    case SV_STREAM__CAUSES:
    default:
        break;
    }
}
