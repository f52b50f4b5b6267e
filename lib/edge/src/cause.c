// What the alerts of a stream are about, and what they say.
#include <base/num.h>
#include <base/time.h>
#include <edge/stream.h>
#include <edge/usual.h>
#include <math.h>

static const struct {
    sv_alert_type type;
    const char *name;
} CAUSES[SV_CAUSE__COUNT] = {
    [SV_CAUSE_HIGH] = { SV_ALERT_HIGH, "" },
    [SV_CAUSE_LOW] = { SV_ALERT_LOW, "" },
    [SV_CAUSE_RISE] = { SV_ALERT_ANOMALY, "rise" },
    [SV_CAUSE_FALL] = { SV_ALERT_ANOMALY, "fall" },
    [SV_CAUSE_STALE] = { SV_ALERT_STALE, "" },
    [SV_CAUSE_UNUSUAL] = { SV_ALERT_ANOMALY, "unusual" },
};

sv_alert_type sv_cause_type(sv_cause cause) {
    return CAUSES[cause].type;
}

const char *sv_cause_name(sv_cause cause) {
    return CAUSES[cause].name;
}

bool sv_cause_find(sv_alert_type type, sv_text name, sv_cause *out) {
    for (unsigned i = 0; i < SV_CAUSE__COUNT; i++) {
        if (CAUSES[i].type == type && sv_text_is(name, CAUSES[i].name)) {
            *out = (sv_cause) i;
            return true;
        }
    }
    return false;
}

const sv_life *sv_cause_life(sv_cause cause, const sv_stream_rules *rules) {
    static const sv_life UNUSUAL = { .severity = SV_SEVERITY_WARNING };
    switch (cause) {
    case SV_CAUSE_RISE:
    case SV_CAUSE_FALL:
        return &rules->rate.life;
    case SV_CAUSE_STALE:
        return &rules->stale.life;
    case SV_CAUSE_UNUSUAL:
        return &UNUSUAL; // its episodes are debounced already
    case SV_CAUSE_HIGH:
    case SV_CAUSE_LOW:
    case SV_CAUSE__COUNT:
        break;
    }
    return &rules->threshold.life;
}

static void rate_message(sv_textbuf *text, const char *way, double rate, double bound,
                         int64_t per_us) {
    sv_textbuf_addf(text, "%s by %.3g in ", way, fabs(rate));
    sv_duration_add(text, per_us);
    sv_textbuf_add_str(text, ", more than ");
    sv_num_add(text, bound);
}

void sv_cause_message(sv_cause cause, const sv_stream_rules *rules, double number,
                      char out[SV_ALERT_MESSAGE_MAX]) {
    sv_textbuf text = { .at = out, .cap = SV_ALERT_MESSAGE_MAX };
    switch (cause) {
    case SV_CAUSE_HIGH:
    case SV_CAUSE_LOW:
        sv_alert_threshold_message(sv_cause_type(cause), number, out);
        break;
    case SV_CAUSE_RISE:
        rate_message(&text, "Rises", number, rules->rate.rise, rules->rate.per_us);
        break;
    case SV_CAUSE_FALL:
        rate_message(&text, "Falls", number, rules->rate.fall, rules->rate.per_us);
        break;
    case SV_CAUSE_STALE:
        sv_textbuf_add_str(&text, "No reading for ");
        sv_duration_add(&text, (int64_t) number);
        break;
    case SV_CAUSE_UNUSUAL:
        sv_textbuf_add_str(&text, "Unusual");
        break;
    case SV_CAUSE__COUNT:
        break;
    }
}

void sv_stream_message(const sv_stream *stream, const sv_stream_rules *rules, sv_cause cause,
                       char out[SV_ALERT_MESSAGE_MAX]) {
    if (cause == SV_CAUSE_UNUSUAL && stream->usual != NULL) {
        sv_textbuf text = { .at = out, .cap = SV_ALERT_MESSAGE_MAX };
        sv_usual_add_reason(&text, stream->usual);
        return;
    }
    sv_cause_message(cause, rules, stream->causes[cause].value, out);
}
