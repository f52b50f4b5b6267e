// What a backtest has found, in words and as JSON.
#include "backtest_found.h"

enum { SHOWN_MAX = 20 }; ///< alerts that are listed in words

// ---- words --------------------------------------------------------------------------------------

void sv_backtest_add_span(sv_textbuf *out, int64_t span_us) {
    static const struct {
        int64_t us;
        const char *one, *many;
    } UNITS[] = { { SV_TIME_DAY_US, "day", "days" },
                  { SV_TIME_HOUR_US, "hour", "hours" },
                  { SV_TIME_MINUTE_US, "min", "min" },
                  { SV_TIME_SECOND_US, "s", "s" } };
    size_t unit = 0;
    while (unit + 1 < SV_COUNT(UNITS) && span_us < 2 * UNITS[unit].us
           && span_us != UNITS[unit].us) {
        unit++;
    }
    long long count = (span_us + UNITS[unit].us / 2) / UNITS[unit].us;
    sv_textbuf_addf(out, "%lld %s", count, count == 1 ? UNITS[unit].one : UNITS[unit].many);
}

void sv_backtest_add_time(sv_textbuf *out, int64_t at_us, bool hour_alone) {
    enum { DAY_LEN = 10, MINUTE_LEN = 16, SECOND_LEN = 19 };
    char room[64];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_time_add(&text, at_us);
    if (text.len < SECOND_LEN) {
        return;
    }
    sv_text hour = { .at = room + DAY_LEN + 1, .len = MINUTE_LEN - DAY_LEN - 1 };
    sv_text rest = { .at = room + DAY_LEN + 1, .len = SECOND_LEN - DAY_LEN - 1 };
    if (!hour_alone) {
        sv_textbuf_add(out, (sv_text){ .at = room, .len = DAY_LEN });
        sv_textbuf_add_char(out, ' ');
    }
    sv_textbuf_add(out, hour_alone ? hour : rest);
}

static void add_count(sv_textbuf *out, uint64_t count, const char *one, const char *many) {
    sv_textbuf_addf(out, "%llu %s", (unsigned long long) count, count == 1 ? one : many);
}

static uint64_t undamped_raised(const sv_backtest *b) {
    uint64_t raised = sv_trial_raised(b->undamped);
    for (size_t i = 0; i < sv_map_count(b->streams); i++) {
        const sv_backtest_stream *stream = sv_map_at(b->streams, i, NULL);
        raised += stream->undamped == NULL ? sv_trial_raised_by(stream->candidate) : 0;
    }
    return raised;
}

static const struct {
    sv_damping what;
    const char *name;
} DAMPINGS[] = { { SV_DAMPING_HYSTERESIS, "hysteresis" },
                 { SV_DAMPING_HOLD, "hold" },
                 { SV_DAMPING_CLEAR, "clear time" },
                 { SV_DAMPING_FLAPPING, "flapping" } };

static void add_dampings(sv_textbuf *out, unsigned damping) {
    unsigned left = damping;
    for (size_t i = 0; i < SV_COUNT(DAMPINGS); i++) {
        if ((left & DAMPINGS[i].what) == 0) {
            continue;
        }
        left &= ~(unsigned) DAMPINGS[i].what;
        bool first = (left | DAMPINGS[i].what) == damping;
        sv_textbuf_add_str(out, first ? "" : left == 0 ? " and " : ", ");
        sv_textbuf_add_str(out, DAMPINGS[i].name);
    }
}

static void add_totals(sv_textbuf *out, const sv_backtest *b) {
    add_count(out, b->readings, "reading", "readings");
    sv_textbuf_add_str(out, " of ");
    add_count(out, sv_map_count(b->streams), "stream", "streams");
    if (b->readings == 0) {
        sv_textbuf_add_char(out, '\n');
        return;
    }
    sv_textbuf_add_str(out, ", ");
    sv_backtest_add_time(out, b->first_us, false);
    sv_textbuf_add_str(out, " to ");
    sv_backtest_add_time(out, b->last_us, false);
    sv_textbuf_add_str(out, " UTC\n");
    add_count(out, sv_trial_raised(b->candidate), "alert", "alerts");
    sv_textbuf_add_str(out, " in ");
    sv_backtest_add_span(out, b->last_us - b->first_us);
    if (b->damping != 0) {
        sv_textbuf_addf(out, "; %llu without ", (unsigned long long) undamped_raised(b));
        add_dampings(out, b->damping);
    }
    if (b->other != NULL) {
        sv_textbuf_addf(out, "; %llu with %s", (unsigned long long) sv_trial_raised(b->other),
                        b->other_name);
    }
    sv_textbuf_add_char(out, '\n');
}

static void add_name(sv_textbuf *out, const sv_trial_alert *alert) {
    sv_textbuf_addf(out, "%s %s%s%s", alert->device_id, alert->sensor,
                    alert->sensor[0] == '\0' ? "" : " ", sv_alert_type_name(alert->type));
    if (alert->rule[0] != '\0') {
        sv_textbuf_addf(out, " (%s)", alert->rule);
    }
}

static void add_alert(sv_textbuf *out, const sv_trial_alert *alert) {
    sv_textbuf_add_str(out, "  ");
    sv_backtest_add_time(out, alert->raised_us, false);
    sv_textbuf_add_str(out, "  ");
    add_name(out, alert);
    sv_textbuf_addf(out, ", %s", sv_severity_name(alert->severity));
    if (alert->cleared_us == INT64_MIN) {
        sv_textbuf_add_str(out, ", open at the end");
    } else {
        sv_textbuf_add_str(out, ", for ");
        sv_backtest_add_span(out, alert->cleared_us - alert->raised_us);
    }
    sv_textbuf_add_str(out, ": ");
    sv_alert_add_readable(out, sv_text_of(alert->message));
    sv_textbuf_add_char(out, '\n');
}

static void add_trip(sv_textbuf *out, const sv_backtest_trip *trip) {
    sv_textbuf_addf(out, "trip%s%s at ", trip->device_id[0] == '\0' ? "" : " of ", trip->device_id);
    sv_backtest_add_time(out, trip->at_us, false);
    if (!trip->found) {
        sv_textbuf_addf(out, ": nothing would have been raised in the %d hours before it\n",
                        SV_BACKTEST_BEFORE_HOURS);
        return;
    }
    bool same_day = sv_day_of(trip->at_us) == sv_day_of(trip->first.raised_us);
    sv_textbuf_add_str(out, same_day ? ": would have raised at " : ": would have raised on ");
    sv_backtest_add_time(out, trip->first.raised_us, same_day);
    sv_textbuf_add_str(out, ", ");
    sv_backtest_add_span(out, trip->at_us - trip->first.raised_us);
    sv_textbuf_add_str(out, " before the trip: ");
    add_name(out, &trip->first);
    sv_textbuf_add_str(out, ", ");
    sv_alert_add_readable(out, sv_text_of(trip->first.message));
    sv_textbuf_add_char(out, '\n');
}

void sv_backtest_tell(const sv_backtest *test, sv_textbuf *out) {
    size_t kept = sv_trial_alert_count(test->candidate);
    uint64_t all = sv_trial_raised(test->candidate);
    add_totals(out, test);
    for (size_t i = 0; i < kept && i < SHOWN_MAX; i++) {
        add_alert(out, sv_trial_alert_at(test->candidate, i));
    }
    if (all > SHOWN_MAX) {
        sv_textbuf_addf(out, "  and %llu more\n", (unsigned long long) all - SHOWN_MAX);
    }
    backtest_add_unusual(out, test);
    backtest_add_labels(out, test);
    for (size_t i = 0; i < test->trip_count; i++) {
        add_trip(out, &test->trips[i]);
    }
}

// ---- JSON ---------------------------------------------------------------------------------------

void backtest_put_time(sv_json_out *out, const char *key, int64_t at_us) {
    char room[64];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_time_add(&text, at_us);
    sv_json_add_text(out, key, sv_textbuf_text(&text));
}

/// `whole`: with what became of it.
static void put_alert(sv_json_out *out, const sv_trial_alert *alert, bool whole) {
    sv_json_open_object(out);
    sv_json_add_str(out, "deviceId", alert->device_id);
    sv_json_add_str(out, "sensor", alert->sensor);
    sv_json_add_str(out, "rule", alert->rule);
    sv_json_add_str(out, "alertType", sv_alert_type_name(alert->type));
    sv_json_add_str(out, "message", alert->message);
    backtest_put_time(out, "raised", alert->raised_us);
    if (whole && alert->cleared_us == INT64_MIN) {
        sv_json_add_null(out, "cleared");
    } else if (whole) {
        backtest_put_time(out, "cleared", alert->cleared_us);
    }
    if (whole) {
        sv_json_add_str(out, "severity", sv_severity_name(alert->severity));
        backtest_put_time(out, "severitySince", alert->worst_us);
    }
    sv_json_close_object(out);
}

static void put_undamped(sv_json_out *out, const sv_backtest *b) {
    sv_json_key(out, "without");
    if (b->damping == 0) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_object(out);
    sv_json_key(out, "what");
    sv_json_open_array(out);
    for (size_t i = 0; i < SV_COUNT(DAMPINGS); i++) {
        if ((b->damping & DAMPINGS[i].what) != 0) {
            sv_json_put_str(out, DAMPINGS[i].name);
        }
    }
    sv_json_close_array(out);
    sv_json_add_int(out, "alerts", (int64_t) undamped_raised(b));
    sv_json_close_object(out);
}

static void put_against(sv_json_out *out, const sv_backtest *b) {
    sv_json_key(out, "against");
    if (b->other == NULL) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_object(out);
    sv_json_add_str(out, "config", b->other_name);
    sv_json_add_int(out, "alerts", (int64_t) sv_trial_raised(b->other));
    sv_json_close_object(out);
}

static void put_trips(sv_json_out *out, const sv_backtest *b) {
    sv_json_key(out, "trips");
    sv_json_open_array(out);
    for (size_t i = 0; i < b->trip_count; i++) {
        const sv_backtest_trip *trip = &b->trips[i];
        sv_json_open_object(out);
        backtest_put_time(out, "at", trip->at_us);
        sv_json_add_str(out, "deviceId", trip->device_id[0] == '\0' ? NULL : trip->device_id);
        sv_json_key(out, "first");
        if (trip->found) {
            put_alert(out, &trip->first, false);
            sv_json_add_int(out, "before_s",
                            (trip->at_us - trip->first.raised_us) / SV_TIME_SECOND_US);
        } else {
            sv_json_put_null(out);
            sv_json_add_null(out, "before_s");
        }
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

void sv_backtest_tell_json(const sv_backtest *test, size_t shown, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_int(&json, "readings", (int64_t) test->readings);
    sv_json_add_int(&json, "streams", (int64_t) sv_map_count(test->streams));
    if (test->readings > 0) {
        backtest_put_time(&json, "from", test->first_us);
        backtest_put_time(&json, "to", test->last_us);
    }
    sv_json_add_int(&json, "alerts", (int64_t) sv_trial_raised(test->candidate));
    put_undamped(&json, test);
    put_against(&json, test);
    sv_json_key(&json, "raised");
    sv_json_open_array(&json);
    for (size_t i = 0; i < sv_trial_alert_count(test->candidate) && i < shown; i++) {
        put_alert(&json, sv_trial_alert_at(test->candidate, i), true);
    }
    sv_json_close_array(&json);
    put_trips(&json, test);
    backtest_put_unusual(&json, test);
    backtest_put_labels(&json, test);
    sv_json_close_object(&json);
    sv_textbuf_add_char(out, '\n');
}
