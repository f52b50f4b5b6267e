#include <base/mem.h>
#include <base/time.h>
#include <edge/stream.h>
#include <edge/usual.h>
#include <math.h>
#include <stdlib.h>

#define EMPTY INT64_MIN

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

/// `number` is what the cause is told with.
static sv_turn judge_by(sv_stream *stream, const sv_stream_rules *rules, const sv_life *life,
                        sv_cause cause, sv_finding finding, double number, int64_t at_us) {
    sv_condition *condition = &stream->causes[cause];
    condition->value = finding.broken ? number : condition->value;
    sv_turn turn =
        sv_condition_judge(condition, life, rules->flapping, finding, stream->quiet, at_us);
    if (turn.event == SV_ALERT_RAISED && stream->heard_us != EMPTY) {
        condition->opened_us = stream->heard_us;
    }
    return turn;
}

static void judge(sv_stream *stream, const sv_stream_rules *rules, sv_cause cause,
                  sv_finding finding, double number, int64_t at_us,
                  sv_turn turns[SV_CAUSE__COUNT]) {
    turns[cause] =
        judge_by(stream, rules, sv_cause_life(cause, rules), cause, finding, number, at_us);
}

// ---- bounds -------------------------------------------------------------------------------------

/// A bound that the rules no longer have is never broken, so its alert ends.
static void judge_bounds(sv_stream *stream, const sv_stream_rules *rules, int64_t at_us,
                         sv_decision *out) {
    const sv_bound *high = &rules->threshold.high;
    const sv_bound *low = &rules->threshold.low;
    double inside = rules->threshold.hysteresis;
    double value = out->value;
    sv_finding above = {
        .broken = high->given && value > high->at,
        .kept = !high->given || value <= high->at - inside,
        .worse = high->given && high->has_critical && value > high->critical,
        .less_worse = !high->has_critical || value <= high->critical - inside,
    };
    sv_finding below = {
        .broken = low->given && value < low->at,
        .kept = !low->given || value >= low->at + inside,
        .worse = low->given && low->has_critical && value < low->critical,
        .less_worse = !low->has_critical || value >= low->critical + inside,
    };
    judge(stream, rules, SV_CAUSE_HIGH, above, value, at_us, out->turns);
    judge(stream, rules, SV_CAUSE_LOW, below, value, at_us, out->turns);
    out->has_verdict = above.broken || below.broken;
    if (out->has_verdict) {
        out->verdict = above.broken ? SV_ALERT_HIGH : SV_ALERT_LOW;
        sv_alert_threshold_message(out->verdict, value, out->message);
    }
}

// ---- rate ---------------------------------------------------------------------------------------

static void slope_clear(sv_slope *slope) {
    for (unsigned i = 0; i < SV_STREAM_PANES; i++) {
        slope->panes[i].at_us = EMPTY;
    }
    slope->next = 0;
}

/// One average is kept per sixteenth of the rule's time; after a step back of the clock none is.
static void slope_keep(sv_slope *slope, double average, int64_t at_us, int64_t per_us) {
    unsigned last = (slope->next + SV_STREAM_PANES - 1) % SV_STREAM_PANES;
    int64_t last_us = slope->panes[last].at_us;
    if (last_us != EMPTY && at_us < last_us) {
        slope_clear(slope);
        last_us = EMPTY;
    }
    if (last_us == EMPTY || at_us - last_us >= per_us / SV_STREAM_PANES) {
        slope->panes[slope->next].at_us = at_us;
        slope->panes[slope->next].value = average;
        slope->next = (slope->next + 1) % SV_STREAM_PANES;
    }
}

/// Against the oldest average that is not older than the rule's time; not known before half of it
/// has been seen.
static double slope_rate(const sv_slope *slope, double average, int64_t at_us, int64_t per_us) {
    for (unsigned i = 0; i < SV_STREAM_PANES; i++) {
        unsigned at = (slope->next + i) % SV_STREAM_PANES;
        int64_t then_us = slope->panes[at].at_us;
        if (then_us == EMPTY || at_us - then_us > per_us) {
            continue;
        }
        int64_t span_us = at_us - then_us;
        return span_us * 2 < per_us
                   ? SV_NAN
                   : (average - slope->panes[at].value) * (double) per_us / (double) span_us;
    }
    return SV_NAN;
}

static void judge_rate(sv_stream *stream, const sv_stream_rules *rules, int64_t at_us,
                       sv_decision *out) {
    const sv_rate *rate = &rules->rate;
    out->rate = SV_NAN;
    if (!rate->has_rise && !rate->has_fall && stream->slope == NULL) {
        return;
    }
    if (stream->slope == NULL) {
        stream->slope = sv_mem_new(sizeof *stream->slope);
        slope_clear(stream->slope);
    }
    out->rate = slope_rate(stream->slope, out->value, at_us, rate->per_us);
    slope_keep(stream->slope, out->value, at_us, rate->per_us);
    sv_finding rise = { .broken = rate->has_rise && out->rate > rate->rise,
                        .kept = !rate->has_rise || out->rate <= rate->rise,
                        .less_worse = true };
    sv_finding fall = { .broken = rate->has_fall && -out->rate > rate->fall,
                        .kept = !rate->has_fall || -out->rate <= rate->fall,
                        .less_worse = true };
    judge(stream, rules, SV_CAUSE_RISE, rise, out->rate, at_us, out->turns);
    judge(stream, rules, SV_CAUSE_FALL, fall, out->rate, at_us, out->turns);
}

// ---- what is unusual ----------------------------------------------------------------------------

/// As severe as it was found when it was raised, or when another episode was worse.
static sv_life life_of_usual(const sv_stream *stream, const sv_stream_rules *rules, bool fresh) {
    const sv_condition *condition = &stream->causes[SV_CAUSE_UNUSUAL];
    sv_life life = *sv_cause_life(SV_CAUSE_UNUSUAL, rules);
    if (fresh) {
        life.severity = sv_usual_severity(sv_usual_alert_score(stream->usual));
    }
    if (condition->open && (!fresh || condition->severity > life.severity)) {
        life.severity = condition->severity;
    }
    return life;
}

/// An episode that begins while the stream is quiet, or not known for long, is not told later.
static void judge_usual(sv_stream *stream, const sv_stream_rules *rules, int64_t at_us,
                        sv_decision *out) {
    sv_finding finding = { .kept = true, .less_worse = true };
    if (rules->detect.level != SV_DETECTION_OFF) {
        stream->usual = stream->usual == NULL ? sv_usual_new() : stream->usual;
        sv_usual_take(stream->usual, &rules->detect, out->raw, at_us);
        finding.broken = stream->usual->last.alert
                         && stream->usual->detector.age_us >= (double) rules->detect.learn_us;
        finding.kept = !stream->usual->last.open;
    } else if (!stream->causes[SV_CAUSE_UNUSUAL].open) {
        return;
    }
    const sv_life life = life_of_usual(stream, rules, finding.broken);
    sv_turn *turn = &out->turns[SV_CAUSE_UNUSUAL];
    *turn = judge_by(stream, rules, &life, SV_CAUSE_UNUSUAL, finding, out->raw, at_us);
    turn->news = turn->news || (turn->event == SV_ALERT_UPDATED && finding.broken);
    if (turn->event == SV_ALERT_UPDATED && !turn->news) {
        turn->event = SV_ALERT_NONE; // that the episode goes on is no news, another one is
    }
}

// ---- what goes up -------------------------------------------------------------------------------

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

/// Of the last reading, and the highest score of the minute.
static void note_usual(const sv_usual *usual, sv_summary *minute) {
    double score = sv_usual_score(&usual->last);
    minute->score = score > minute->score ? score : minute->score;
    minute->low = usual->last.low;
    minute->high = usual->last.high;
}

static void summarise(sv_stream *stream, const sv_stream_rules *rules, double value, int64_t at_us,
                      sv_decision *out) {
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
    if (rules->detect.level != SV_DETECTION_OFF) {
        note_usual(stream->usual, minute);
    }
}

// ---- a stream -----------------------------------------------------------------------------------

void sv_stream_start(sv_stream *stream, int64_t now_us) {
    *stream = (sv_stream){ .heard_us = now_us };
    for (unsigned i = 0; i < SV_CAUSE__COUNT; i++) {
        sv_condition_start(&stream->causes[i]);
    }
}

void sv_stream_drop(sv_stream *stream) {
    free(stream->slope);
    stream->slope = NULL;
    sv_usual_drop(&stream->usual);
}

void sv_stream_take(sv_stream *stream, const sv_stream_rules *rules, double value, int64_t at_us,
                    sv_decision *out) {
    *out = (sv_decision){ .value = moving_average(stream, value), .raw = value };
    judge_bounds(stream, rules, at_us, out);
    judge_rate(stream, rules, at_us, out);
    judge_usual(stream, rules, at_us, out);
    out->significant = is_significant(stream, &rules->change, out->value);
    summarise(stream, rules, value, at_us, out);
}

/// Silence: broken once it has lasted too long, kept as soon as it is over.
static void judge_silence(sv_stream *stream, const sv_stream_rules *rules, int64_t now_us,
                          sv_turn turns[SV_CAUSE__COUNT]) {
    if (stream->heard_us > now_us) {
        stream->heard_us = now_us;
    }
    bool watched = rules->stale.after_us > 0 && stream->heard_us != EMPTY;
    bool silent = watched && now_us - stream->heard_us > rules->stale.after_us;
    const sv_finding finding = { .broken = silent, .kept = !silent, .less_worse = true };
    sv_turn escalated = turns[SV_CAUSE_STALE];
    if (silent || stream->causes[SV_CAUSE_STALE].open) {
        judge(stream, rules, SV_CAUSE_STALE, finding, (double) (now_us - stream->heard_us), now_us,
              turns);
    }
    if (turns[SV_CAUSE_STALE].event == SV_ALERT_RAISED) {
        stream->causes[SV_CAUSE_STALE].opened_us = now_us;
    } else if (turns[SV_CAUSE_STALE].event == SV_ALERT_UPDATED) {
        turns[SV_CAUSE_STALE] = escalated; // that it is silent still is no news
    }
}

bool sv_stream_tick(sv_stream *stream, const sv_stream_rules *rules, int64_t now_us,
                    sv_turn out[SV_CAUSE__COUNT]) {
    bool any = false;
    for (unsigned i = 0; i < SV_CAUSE__COUNT; i++) {
        out[i] = sv_condition_tick(&stream->causes[i], sv_cause_life((sv_cause) i, rules), now_us);
    }
    judge_silence(stream, rules, now_us, out);
    for (unsigned i = 0; i < SV_CAUSE__COUNT; i++) {
        any = any || out[i].event != SV_ALERT_NONE;
    }
    return any;
}

/// Silence may begin, or, where there is an alert about it, it has ended.
static int64_t silence_due_us(const sv_stream *stream, const sv_stream_rules *rules) {
    const sv_condition *silence = &stream->causes[SV_CAUSE_STALE];
    bool watched = rules->stale.after_us > 0 && stream->heard_us != EMPTY;
    if (silence->open) {
        return watched && stream->heard_us < silence->opened_us ? INT64_MAX : EMPTY;
    }
    return watched ? stream->heard_us + rules->stale.after_us + 1 : INT64_MAX;
}

int64_t sv_stream_due_us(const sv_stream *stream, const sv_stream_rules *rules) {
    int64_t due_us = silence_due_us(stream, rules);
    for (unsigned i = 0; i < SV_CAUSE__COUNT; i++) {
        const sv_condition *cause = &stream->causes[i];
        int64_t escalate_us = sv_cause_life((sv_cause) i, rules)->escalate_us;
        if (cause->open && !cause->acknowledged && !cause->escalated && escalate_us > 0) {
            int64_t then_us = cause->opened_us + escalate_us;
            due_us = then_us < due_us ? then_us : due_us;
        }
    }
    return due_us;
}

bool sv_stream_flush_minute(sv_stream *stream, int64_t now_us, sv_summary *out) {
    if (stream->minute.count == 0 || now_us < stream->minute.minute_us + SV_TIME_MINUTE_US) {
        return false;
    }
    end_minute(stream, out);
    return true;
}
