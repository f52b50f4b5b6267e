// The trials of a backtest side by side.
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <trial/backtest.h>

/// The first alert of those that were raised not too long before a trip.
static void hold_against_trips(sv_backtest *b, const sv_trial_alert *alert) {
    for (size_t i = 0; i < b->trip_count; i++) {
        sv_backtest_trip *trip = &b->trips[i];
        bool concerns =
            trip->device_id[0] == '\0' || sv_text_is(sv_text_of(trip->device_id), alert->device_id);
        bool before =
            alert->raised_us <= trip->at_us
            && trip->at_us - alert->raised_us <= SV_BACKTEST_BEFORE_HOURS * SV_TIME_HOUR_US;
        if (concerns && before && (!trip->found || alert->raised_us < trip->first.raised_us)) {
            trip->found = true;
            trip->first = *alert;
        }
    }
}

static bool is_about(const sv_backtest_label *label, const sv_trial_alert *alert) {
    bool concerns = label->device_id[0] == '\0' || strcmp(label->device_id, alert->device_id) == 0;
    bool senses = label->sensor[0] == '\0' || strcmp(label->sensor, alert->sensor) == 0;
    return concerns && senses && alert->raised_us >= label->from_us
           && alert->raised_us <= label->to_us;
}

static void hold_against_labels(sv_backtest *b, const sv_trial_alert *alert) {
    bool outside = true;
    for (size_t i = 0; i < b->label_count; i++) {
        sv_backtest_label *label = &b->labels[i];
        if (!is_about(label, alert)) {
            continue;
        }
        outside = false;
        if (!label->found || alert->raised_us < label->first.raised_us) {
            label->found = true;
            label->first = *alert;
        }
    }
    b->outside += outside ? 1 : 0;
}

static void on_raised(void *arg, const sv_trial_alert *alert) {
    hold_against_trips(arg, alert);
    hold_against_labels(arg, alert);
}

void sv_backtest_open(sv_backtest *test, sv_rules *rules, sv_rules *other) {
    *test = (sv_backtest){ .rules = rules,
                           .other_rules = other,
                           .candidate = sv_trial_new(rules, false, on_raised, test),
                           .undamped = sv_trial_new(rules, true, NULL, NULL),
                           .streams = sv_map_new(SV_TRIAL_STREAMS_MAX, NULL),
                           .first_us = INT64_MAX,
                           .last_us = INT64_MIN };
    if (other != NULL) {
        test->other = sv_trial_new(other, false, NULL, NULL);
    }
}

void sv_backtest_drop(sv_backtest *test) {
    for (size_t i = 0; test->streams != NULL && i < sv_map_count(test->streams); i++) {
        free(sv_map_at(test->streams, i, NULL));
    }
    sv_map_drop(&test->streams);
    free(test->labels);
    test->labels = NULL;
    sv_trial_drop(&test->candidate);
    sv_trial_drop(&test->undamped);
    sv_trial_drop(&test->other);
    sv_rules_drop(&test->rules);
    sv_rules_drop(&test->other_rules);
}

sv_err sv_backtest_add_trip(sv_backtest *test, sv_text text, sv_why *why) {
    if (test->trip_count == SV_BACKTEST_TRIPS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d trips", SV_BACKTEST_TRIPS_MAX);
    }
    sv_backtest_trip *trip = &test->trips[test->trip_count];
    sv_text at = text;
    sv_text device_id = sv_text_cut(&at, '@');
    if (device_id.len == text.len) {
        at = text;
        device_id = SV_TEXT("");
    }
    if (device_id.len > 0) {
        SV_TRY(sv_id_check("the device of --trip", device_id, why));
    }
    if (sv_time_parse(at, &trip->at_us) != SV_OK) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--trip %.*s: a time such as 2026-11-21T10:30:00 or press-1@2026-11-21T10:30:00"
            " is wanted",
            (int) (text.len < SV_ID_MAX ? text.len : SV_ID_MAX), text.at);
    }
    SV_TRY(sv_text_copy(device_id, trip->device_id, SV_ID_ROOM));
    test->trip_count++;
    return SV_OK;
}

void sv_backtest_detect(sv_backtest *test) {
    test->detects = true;
    sv_trial_detect(test->candidate);
    sv_trial_detect(test->undamped);
    if (test->other != NULL) {
        sv_trial_detect(test->other);
    }
}

sv_err sv_backtest_add_label(sv_backtest *test, int64_t from_us, int64_t to_us, sv_text device_id,
                             sv_text sensor, sv_why *why) {
    sv_backtest_label label = { .from_us = from_us, .to_us = to_us };
    if (test->label_count == SV_BACKTEST_LABELS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d stretches", SV_BACKTEST_LABELS_MAX);
    }
    if (to_us < from_us) {
        return sv_fail(why, SV_ERR_INVALID, "the stretch ends before it begins");
    }
    if (device_id.len > 0) {
        SV_TRY(sv_id_check("the device", device_id, why));
    }
    if (sensor.len > 0) {
        SV_TRY(sv_id_check("the sensor", sensor, why));
    }
    SV_TRY(sv_text_copy(device_id, label.device_id, SV_ID_ROOM));
    SV_TRY(sv_text_copy(sensor, label.sensor, SV_ID_ROOM));
    if (test->labels == NULL) {
        test->labels = sv_mem_array(SV_BACKTEST_LABELS_MAX, sizeof *test->labels);
    }
    test->labels[test->label_count++] = label;
    return SV_OK;
}

static sv_backtest_stream *new_stream(sv_backtest *b, sv_text device_id, sv_text sensor) {
    sv_backtest_stream *stream = sv_mem_new(sizeof *stream);
    stream->candidate = sv_trial_stream_of(b->candidate, device_id, sensor);
    if (stream->candidate == NULL) {
        free(stream);
        return NULL;
    }
    unsigned damping = sv_trial_damping(stream->candidate);
    b->damping |= damping;
    bool twice = damping != 0 || sv_trial_is_asked(stream->candidate);
    stream->undamped = twice ? sv_trial_stream_of(b->undamped, device_id, sensor) : NULL;
    stream->other = b->other == NULL ? NULL : sv_trial_stream_of(b->other, device_id, sensor);
    return stream;
}

sv_backtest_stream *sv_backtest_stream_of(sv_backtest *test, sv_text device_id, sv_text sensor) {
    char room[SV_ID_ROOM * 2];
    sv_textbuf name = SV_TEXTBUF(room);
    sv_textbuf_add(&name, device_id);
    sv_textbuf_add_char(&name, '/');
    sv_textbuf_add(&name, sensor);
    sv_backtest_stream *found = sv_map_get(test->streams, sv_textbuf_text(&name));
    if (found == NULL) {
        found = new_stream(test, device_id, sensor);
        if (found != NULL && sv_map_put(test->streams, sv_textbuf_text(&name), found) != SV_OK) {
            free(found);
            return NULL;
        }
    }
    return found;
}

void sv_backtest_take(sv_backtest *test, sv_backtest_stream *stream, double value, int64_t at_us,
                      sv_decision *out) {
    sv_decision ignored;
    test->readings++;
    test->first_us = at_us < test->first_us ? at_us : test->first_us;
    test->last_us = at_us > test->last_us ? at_us : test->last_us;
    sv_trial_advance(test->undamped, at_us);
    if (stream->undamped != NULL) {
        sv_trial_take(test->undamped, stream->undamped, value, at_us, &ignored);
    }
    if (stream->other != NULL) {
        sv_trial_take(test->other, stream->other, value, at_us, &ignored);
    }
    sv_trial_take(test->candidate, stream->candidate, value, at_us, out);
}
