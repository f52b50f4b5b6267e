#include <base/time.h>
#include <edge/stream.h>
#include <math.h>

static double moving_average(sv_stream *stream, double value) {
    stream->window[stream->next] = value;
    stream->next = (stream->next + 1) % SV_STREAM_WINDOW;
    stream->filled += stream->filled < SV_STREAM_WINDOW ? 1 : 0;
    // Oldest first, so that the sum is the same to the last digit wherever the ring stands.
    unsigned oldest = (stream->next + SV_STREAM_WINDOW - stream->filled) % SV_STREAM_WINDOW;
    double sum = 0;
    for (unsigned i = 0; i < stream->filled; i++) {
        sum += stream->window[(oldest + i) % SV_STREAM_WINDOW];
    }
    return sum / stream->filled;
}

/// A bound's alert while it is shut: it opens once the bound has been broken for `hold_us`.
static sv_alert_event while_shut(sv_bound_state *bound, bool broken, int64_t hold_us,
                                 int64_t at_us) {
    if (!broken) {
        bound->broken_since_us = INT64_MIN;
        return SV_ALERT_NONE;
    }
    if (bound->broken_since_us == INT64_MIN) {
        bound->broken_since_us = at_us;
    }
    if (at_us - bound->broken_since_us < hold_us) {
        return SV_ALERT_NONE;
    }
    bound->open = true;
    bound->kept_since_us = INT64_MIN;
    return SV_ALERT_RAISED;
}

/// And while it is open: it ends once the value has been well inside for `clear_us`.
static sv_alert_event while_open(sv_bound_state *bound, bool well_inside, int64_t clear_us,
                                 int64_t at_us) {
    if (!well_inside) {
        bound->kept_since_us = INT64_MIN;
        return SV_ALERT_UPDATED;
    }
    if (bound->kept_since_us == INT64_MIN) {
        bound->kept_since_us = at_us;
    }
    if (at_us - bound->kept_since_us < clear_us) {
        return SV_ALERT_UPDATED;
    }
    bound->open = false;
    bound->broken_since_us = INT64_MIN;
    return SV_ALERT_CLEARED;
}

static sv_alert_event judge(sv_bound_state *bound, const sv_threshold *rules, bool broken,
                            bool well_inside, int64_t at_us) {
    return bound->open ? while_open(bound, well_inside, rules->clear_us, at_us)
                       : while_shut(bound, broken, rules->hold_us, at_us);
}

/// A bound that the rules no longer have is never broken, so its alert ends.
static void judge_bounds(sv_stream *stream, const sv_threshold *rules, int64_t at_us,
                         sv_decision *out) {
    bool above = rules->has_high && out->value > rules->high;
    bool below = rules->has_low && out->value < rules->low;
    bool inside_high = !rules->has_high || out->value <= rules->high - rules->hysteresis;
    bool inside_low = !rules->has_low || out->value >= rules->low + rules->hysteresis;
    out->high = judge(&stream->high, rules, above, inside_high, at_us);
    out->low = judge(&stream->low, rules, below, inside_low, at_us);
    out->has_verdict = above || below;
    if (out->has_verdict) {
        out->verdict = above ? SV_ALERT_HIGH : SV_ALERT_LOW;
        sv_alert_threshold_message(out->verdict, out->value, out->message);
    }
}

static bool is_significant(sv_stream *stream, const sv_change *change, double value) {
    double bound =
        change->percent ? fabs(stream->last_sent) * change->amount / 100 : change->amount;
    if (stream->sent_any && !(fabs(value - stream->last_sent) > bound)) {
        return false;
    }
    stream->sent_any = true;
    stream->last_sent = value;
    return true;
}

static int64_t minute_of(int64_t at_us) {
    int64_t into = at_us % SV_TIME_MINUTE_US;
    return at_us - (into < 0 ? into + SV_TIME_MINUTE_US : into);
}

static void end_minute(sv_stream *stream, sv_summary *out) {
    *out = stream->minute;
    out->mean = stream->minute_sum / (double) out->count;
    stream->minute.count = 0;
}

static void summarise(sv_stream *stream, double value, int64_t at_us, sv_decision *out) {
    int64_t minute_us = minute_of(at_us);
    sv_summary *minute = &stream->minute;
    if (minute->count > 0 && minute_us > minute->minute_us) {
        end_minute(stream, &out->summary);
        out->summary_done = true;
    }
    if (minute->count == 0) {
        *minute = (sv_summary){ .minute_us = minute_us, .min = value, .max = value };
        stream->minute_sum = 0;
    }
    minute->count++;
    minute->min = value < minute->min ? value : minute->min;
    minute->max = value > minute->max ? value : minute->max;
    stream->minute_sum += value;
}

void sv_stream_start(sv_stream *stream) {
    *stream = (sv_stream){
        .high = { .broken_since_us = INT64_MIN, .kept_since_us = INT64_MIN },
        .low = { .broken_since_us = INT64_MIN, .kept_since_us = INT64_MIN },
    };
}

void sv_stream_take(sv_stream *stream, const sv_stream_rules *rules, double value, int64_t at_us,
                    sv_decision *out) {
    *out = (sv_decision){ .value = moving_average(stream, value), .raw = value };
    judge_bounds(stream, &rules->threshold, at_us, out);
    out->significant = is_significant(stream, &rules->change, out->value);
    summarise(stream, value, at_us, out);
}

bool sv_stream_flush_minute(sv_stream *stream, int64_t now_us, sv_summary *out) {
    if (stream->minute.count == 0 || now_us < stream->minute.minute_us + SV_TIME_MINUTE_US) {
        return false;
    }
    end_minute(stream, out);
    return true;
}
