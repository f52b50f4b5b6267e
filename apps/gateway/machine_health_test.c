// A device's sensors together at a gateway: health, alert, what a restart keeps, what goes up.
#include "ingest_fixture.h"
#include <base/prng.h>

enum { LEARNT = 60 + 180 + 10, SECONDS = 1000, MANY = 16 }; // rows of a second
/// By so much each of many sensors moves, which none of them finds unusual by itself.
#define ALL 0.4

static int setup(void **state) {
    return open_fixture(state, "detect: {default: {learn: 3m}, sensors: {badge: off}}\n"
                               "uplink: {sensors: {secret: never}}\n"
                               "thresholds: {sensors: {s0: {high: 22}}}\n");
}

/// Both sensors each second, from `from` up to but not including `to`; `second` moved by `off`.
static void say_seconds(fixture *f, const char *first, const char *second, int from, int to,
                        double off) {
    for (int i = from; i < to; i++) {
        sv_prng prng = { .state = (uint64_t) i * 7919 + 1 };
        double noise = sv_prng_normal(&prng);
        say_of(f, "d", first, NULL, 0, SECONDS - i, 10 + noise);
        say_of(f, "d", second, NULL, 0, SECONDS - i, 20 + off + sv_prng_normal(&prng) / 4);
        if (i % 50 == 0) {
            sv_writer_wait(f->g.writer);
        }
    }
}

/// `MANY` sensors each second, moved by `off`, the first by so much more.
static void say_many(fixture *f, int from, int to, double off, double more) {
    for (int i = from; i < to; i++) {
        sv_prng prng = { .state = (uint64_t) i * 7919 + 1 };
        for (int j = 0; j < MANY; j++) {
            char sensor[8];
            (void) snprintf(sensor, sizeof sensor, "s%d", j);
            say_of(f, "d", sensor, NULL, 0, SECONDS - i,
                   20 + off + (j == 0 ? more : 0) + sv_prng_normal(&prng) / 4);
        }
        if (i % 50 == 0) {
            sv_writer_wait(f->g.writer);
        }
    }
}

static const char *written(fixture *f) {
    static char room[512];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_open_object(&out);
    gw_machine_write(&f->g, "d", &out);
    sv_json_close_object(&out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

/// "" when there is nothing to tell.
static const char *told(fixture *f, int64_t now_us) {
    static char room[512];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    room[0] = '\0';
    if (gw_machine_is_news(&f->g, "d", now_us)) {
        sv_json_open_object(&out);
        gw_machine_tell(&f->g, "d", now_us, &out);
        sv_json_close_object(&out);
    }
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

static int health_of(const char *text) {
    const char *at = strstr(text, "\"health\":");
    return at == NULL ? -1 : (int) strtol(at + strlen("\"health\":"), NULL, 10);
}

#define TOGETHER "SELECT count(*) FROM open_alert WHERE type = 2 AND rule = 'unusual-together'"
#define COPIES "SELECT count(*) FROM machine"

// [detect-60]
static void two_sensors_are_learnt_and_then_have_a_health(void **state) {
    fixture *f = *state;
    say_seconds(f, "a", "b", 0, 5, 0);
    assert_non_null(strstr(written(f), "\"machine\":{\"state\":\"gathering\"}"));
    say_seconds(f, "a", "b", 5, 100, 0);
    assert_non_null(strstr(written(f), "\"machine\":{\"state\":\"learning\"}"));
    say_seconds(f, "a", "b", 100, LEARNT, 0);
    assert_in_range(health_of(written(f)), 60, 100);
    assert_int_equal(ask(f, TOGETHER), 0);
}

// [detect-60] [detect-64]
static void one_sensor_alone_is_no_machine(void **state) {
    fixture *f = *state;
    say_seconds(f, "a", "a", 0, 20, 0);
    say_seconds(f, "badge", "secret", 0, 20, 0);
    assert_string_equal(written(f), "{\"machine\":null}");
    assert_int_equal(f->g.machines.watched, 0);
}

// [detect-61]
static void an_episode_is_one_alert_that_names_sensors_and_ends_with_it(void **state) {
    fixture *f = *state;
    say_many(f, 0, LEARNT, 0, 0);
    say_many(f, LEARNT, LEARNT + 30, ALL, 0);
    assert_int_equal(ask(f, TOGETHER), 1);
    assert_true(health_of(written(f)) < 34);
    say_many(f, LEARNT + 30, LEARNT + 60, ALL, 0);
    say_many(f, LEARNT + 60, LEARNT + 120, 0, 0);
    assert_int_equal(ask(f, TOGETHER), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post WHERE body -> 'data' ->> 'rule' = "
                            "'unusual-together'"),
                     2);
    assert_int_equal(
        ask(f,
            "SELECT count(*) FROM alert_post WHERE body ->> 'alertType' = 'ANOMALY' AND body ->> "
            "'message' LIKE 'Unusual together: s% higher (%' AND body -> 'data' ->> 'score' "
            "BETWEEN 66 AND 100 AND body -> 'data' ->> 'rule' = 'unusual-together'"),
        2);
}

// [detect-61]
static void what_an_alert_of_the_sensor_says_is_not_said_twice(void **state) {
    fixture *f = *state;
    say_many(f, 0, LEARNT, 0, 0);
    say_many(f, LEARNT, LEARNT + 40, 0, 6);
    assert_true(health_of(written(f)) < 34);
    assert_int_equal(ask(f, TOGETHER), 0);
    assert_int_equal(ask(f, "SELECT count(DISTINCT sensor) FROM open_alert WHERE sensor = 's0'"),
                     1);
}

// [detect-61]
static void an_alert_that_its_sensor_raises_too_is_over(void **state) {
    fixture *f = *state;
    say_many(f, 0, LEARNT, 0, 0);
    say_many(f, LEARNT, LEARNT + 30, ALL, 0);
    assert_int_equal(ask(f, TOGETHER), 1);
    say_many(f, LEARNT + 30, LEARNT + 60, ALL, 5);
    assert_int_equal(ask(f, TOGETHER), 0);
    assert_int_equal(ask(f, "SELECT count(DISTINCT sensor) FROM open_alert WHERE sensor = 's0'"),
                     1);
}

// [detect-61]
static void what_begins_while_it_is_quiet_raises_nothing(void **state) {
    fixture *f = *state;
    say_many(f, 0, LEARNT, 0, 0);
    change_rules(f, "detect: {default: {learn: 3m}}\nmute: [{devices: [d], from: '00:00', to: "
                    "'24:00'}]\n");
    gw_ingest_tick(&f->g);
    say_many(f, LEARNT, LEARNT + 30, ALL, 0);
    change_rules(f, "detect: {default: {learn: 3m}}\n");
    gw_ingest_tick(&f->g);
    say_many(f, LEARNT + 30, LEARNT + 60, ALL, 0);
    assert_true(health_of(written(f)) < 34);
    assert_int_equal(ask(f, TOGETHER), 0);
}

// [detect-64]
static void what_stays_at_the_site_takes_no_part(void **state) {
    fixture *f = *state;
    for (int i = 0; i < LEARNT + 40; i++) {
        say_seconds(f, "a", "b", i, i + 1, 0);
        say_seconds(f, "secret", "badge", i, i + 1, i < LEARNT ? 0 : 50);
    }
    assert_in_range(health_of(written(f)), 60, 100);
    gw_machines_keep_all(&f->g);
    assert_int_equal(ask(f, "SELECT count(*) FROM machine WHERE instr(state, 'secret') > 0"), 0);
}

// [detect-64]
static void a_sensor_that_may_not_leave_the_site_any_more_is_forgotten(void **state) {
    fixture *f = *state;
    say_many(f, 0, LEARNT, 0, 0);
    say_many(f, LEARNT, LEARNT + 30, ALL, 0);
    assert_int_equal(ask(f, TOGETHER), 1);
    change_rules(f, "detect: {default: {learn: 3m}}\nuplink: {sensors: {s3: never}}\n");
    assert_int_equal(ask(f, TOGETHER), 0);
    assert_string_equal(written(f), "{\"machine\":{\"state\":\"gathering\"}}");
    assert_int_equal(ask(f, "SELECT count(*) FROM machine WHERE instr(state, 's3') > 0"), 0);
}

// [detect-64]
static void so_is_it_when_the_rules_have_changed_while_the_gateway_was_down(void **state) {
    fixture *f = *state;
    say_seconds(f, "a", "b", 0, LEARNT, 0);
    gw_machines_keep_all(&f->g);
    sv_writer_wait(f->g.writer);
    close_store(f);
    gw_config_drop(&f->g.config);
    read_config(f, "detect: {default: {learn: 3m}}\nuplink: {sensors: {b: never}}\n", &f->g.config);
    open_store(f);
    say_seconds(f, "a", "c", LEARNT, LEARNT + 5, 0);
    assert_null(strstr(written(f), "watching"));
}

// [detect-63] [detect-65]
static void after_a_restart_it_goes_on_with_its_alert(void **state) {
    fixture *f = *state;
    char before[512];
    say_many(f, 0, LEARNT, 0, 0);
    gw_machines_keep_all(&f->g);
    say_many(f, LEARNT, LEARNT + 30, ALL, 0);
    (void) snprintf(before, sizeof before, "%s", written(f));
    restart(f); // as when the power goes: what came after the copy is learnt from the readings
    assert_string_equal(written(f), before);
    assert_int_equal(f->g.alerts_open, 1);
    say_many(f, LEARNT + 30, LEARNT + 35, ALL, 0);
    assert_int_equal(f->g.raised, 1);
    say_many(f, LEARNT + 35, LEARNT + 100, 0, 0);
    assert_int_equal(ask(f, TOGETHER), 0);
}

#define TWO_TIMES "detect: {default: {learn: 3m}, sensors: {c: {learn: 6m}}}\n"

/// A second of `a`, `b` and, from `third` on, `c`.
static void say_three(fixture *f, int from, int to, int third) {
    for (int i = from; i < to; i++) {
        say_seconds(f, "a", "b", i, i + 1, 0);
        if (i >= third) {
            say_seconds(f, "c", "c", i, i + 1, 0);
        }
    }
}

// [detect-65]
static void after_a_restart_it_goes_on_also_when_one_sensor_is_learnt_for_longer(void **state) {
    fixture *f = *state;
    char before[512];
    change_rules(f, TWO_TIMES);
    say_three(f, 0, 60 + 360 + 10, 0);
    (void) snprintf(before, sizeof before, "%s", written(f));
    assert_non_null(strstr(before, "watching"));
    gw_machines_keep_all(&f->g);
    sv_writer_add(f->g.writer, "DELETE FROM reading");
    restart(f);
    say_three(f, 60 + 360 + 10, 60 + 360 + 11, 0);
    assert_non_null(strstr(written(f), "watching"));
    change_rules(f, "detect: {default: {learn: 3m}}\n");
    assert_non_null(strstr(written(f), "gathering"));
}

// [detect-60] [detect-65]
static void one_that_is_learnt_for_longer_and_joins_later_has_all_learnt_anew(void **state) {
    fixture *f = *state;
    change_rules(f, TWO_TIMES);
    say_three(f, 0, LEARNT, LEARNT);
    assert_non_null(strstr(written(f), "watching"));
    say_three(f, LEARNT, LEARNT + 5, LEARNT);
    assert_non_null(strstr(written(f), "gathering"));
    gw_machines_keep_all(&f->g);
    sv_writer_add(f->g.writer, "DELETE FROM reading");
    restart(f);
    say_three(f, LEARNT + 5, LEARNT + 63, LEARNT);
    assert_non_null(strstr(written(f), "learning"));
}

#define ONE_WEEKLY                                                                                 \
    "detect: {default: {learn: 3m}, sensors: {c: {learn: 3m, alerts_per_week: 100}}}\n"

/// By how much the copy's bar has moved.
static double shift_of_copy(fixture *f) {
    sv_stmt *row = NULL;
    SV_DEFER(sv_mwatch_drop) sv_mwatch *copy = NULL;
    gw_machines_keep_all(&f->g);
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, "SELECT state FROM machine", &row, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(row, NULL), SV_OK);
    sv_text state = sv_stmt_text(row, 0);
    assert_int_equal(sv_mwatch_load((const uint8_t *) state.at, state.len, &copy, NULL), SV_OK);
    sv_stmt_reset(row);
    return copy->bar_shift;
}

// [detect-16] [detect-61] [detect-63]
static void the_bar_that_was_found_stays_before_the_sensor_that_wants_it_speaks(void **state) {
    fixture *f = *state;
    change_rules(f, ONE_WEEKLY);
    say_three(f, 0, LEARNT, 0);
    double found = shift_of_copy(f);
    assert_true(found < 0); // without an alert it falls
    sv_writer_add(f->g.writer, "DELETE FROM reading");
    restart(f);
    say_three(f, LEARNT, LEARNT + 10, SECONDS); // `c` is slow
    double later = shift_of_copy(f);
    assert_true(later < found);
    change_rules(f, "uplink: {default: change}\n" ONE_WEEKLY);
    say_three(f, LEARNT + 10, LEARNT + 20, SECONDS);
    assert_true(shift_of_copy(f) < later);
}

// [detect-65]
static void a_copy_that_is_damaged_is_learnt_anew(void **state) {
    fixture *f = *state;
    say_seconds(f, "a", "b", 0, LEARNT, 0);
    gw_machines_keep_all(&f->g);
    sv_writer_add(f->g.writer, "UPDATE machine SET state = substr(state, 1, 50)");
    sv_writer_add(f->g.writer, "DELETE FROM reading");
    restart(f);
    say_seconds(f, "a", "b", LEARNT, LEARNT + 5, 0);
    assert_string_equal(written(f), "{\"machine\":{\"state\":\"gathering\"}}");
}

// [detect-65]
static void a_copy_is_made_in_its_time(void **state) {
    fixture *f = *state;
    int64_t later_us = sv_clock_monotonic_us() + GW_USUAL_LEAST_US + SV_TIME_MINUTE_US;
    say_seconds(f, "a", "b", 0, GW_MACHINE_ROWS - 5, 0);
    gw_machines_tick(&f->g, later_us);
    assert_int_equal(ask(f, COPIES), 0);
    say_seconds(f, "a", "b", GW_MACHINE_ROWS - 5, GW_MACHINE_ROWS + 5, 0);
    gw_machines_tick(&f->g, sv_clock_monotonic_us());
    assert_int_equal(ask(f, COPIES), 0);
    gw_machines_tick(&f->g, later_us);
    assert_int_equal(ask(f, COPIES), 1);
}

// [detect-66] [uplink-20]
static void its_health_goes_up_when_it_has_moved_and_not_too_often(void **state) {
    fixture *f = *state;
    int64_t now_us = sv_clock_monotonic_us();
    assert_string_equal(told(f, now_us), "");
    say_seconds(f, "a", "b", 0, 5, 0);
    assert_non_null(strstr(told(f, now_us), "gathering"));
    assert_string_equal(told(f, now_us + SV_TIME_DAY_US), "");
    say_seconds(f, "a", "b", 5, LEARNT, 0);
    assert_in_range(health_of(told(f, now_us)), 60, 100); // it is known now
    assert_string_equal(told(f, now_us + GW_MACHINE_MOVED_US), "");
    say_seconds(f, "a", "b", LEARNT, LEARNT + 30, 1.5);
    const char *alarmed = told(f, now_us);
    assert_non_null(strstr(alarmed, "{\"sensor\":\"b\",\"share\":"));
    say_seconds(f, "a", "b", LEARNT + 30, LEARNT + 50, 6);
    assert_string_equal(told(f, now_us), ""); // worse, and told a moment ago
    assert_true(health_of(told(f, now_us + GW_MACHINE_MOVED_US)) < 15);
    assert_string_equal(told(f, now_us + 2 * GW_MACHINE_MOVED_US), "");
    gw_machines_untold(&f->g);
    assert_true(health_of(told(f, now_us)) < 15);
}

static gw_event_end say_normal(fixture *f, int64_t id, const char *alert) {
    char text[256];
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    (void) snprintf(text, sizeof text,
                    "{\"alert\":\"%s\",\"device\":\"d\",\"sensor\":\"\",\"by\":\"ada\",\"at\":1}",
                    alert);
    assert_int_equal(sv_json_parse(sv_text_of(text), &data, NULL, NULL), SV_OK);
    return gw_push_take(&f->g, id, SV_TEXT("normal"), data);
}

// [detect-62] [detect-12]
static void what_was_called_normal_ends_its_alert_and_is_remembered(void **state) {
    fixture *f = *state;
    sv_stmt *row = NULL;
    char alert[SV_ALERT_ID_MAX + 1];
    say_many(f, 0, LEARNT, 0, 0);
    say_many(f, LEARNT, LEARNT + 30, ALL, 0);
    assert_int_equal(say_normal(f, 6, "00112233445566778899aabbccddeeff"), GW_EVENT_IDLE);
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, "SELECT id FROM open_alert", &row, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(row, NULL), SV_OK);
    assert_int_equal(sv_text_copy(sv_stmt_text(row, 0), alert, sizeof alert), SV_OK);
    sv_stmt_reset(row);
    assert_int_equal(say_normal(f, 7, alert), GW_EVENT_DONE);
    assert_int_equal(ask(f, TOGETHER), 0);
    restart(f);
    say_many(f, LEARNT + 30, LEARNT + 80, ALL, 0);
    assert_int_equal(f->g.raised, 1);
    assert_in_range(health_of(written(f)), 51, 100);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(two_sensors_are_learnt_and_then_have_a_health),
        TEST(one_sensor_alone_is_no_machine),
        TEST(an_episode_is_one_alert_that_names_sensors_and_ends_with_it),
        TEST(what_an_alert_of_the_sensor_says_is_not_said_twice),
        TEST(an_alert_that_its_sensor_raises_too_is_over),
        TEST(what_begins_while_it_is_quiet_raises_nothing),
        TEST(what_stays_at_the_site_takes_no_part),
        TEST(a_sensor_that_may_not_leave_the_site_any_more_is_forgotten),
        TEST(so_is_it_when_the_rules_have_changed_while_the_gateway_was_down),
        TEST(after_a_restart_it_goes_on_with_its_alert),
        TEST(the_bar_that_was_found_stays_before_the_sensor_that_wants_it_speaks),
        TEST(after_a_restart_it_goes_on_also_when_one_sensor_is_learnt_for_longer),
        TEST(one_that_is_learnt_for_longer_and_joins_later_has_all_learnt_anew),
        TEST(a_copy_that_is_damaged_is_learnt_anew),
        TEST(a_copy_is_made_in_its_time),
        TEST(its_health_goes_up_when_it_has_moved_and_not_too_often),
        TEST(what_was_called_normal_ends_its_alert_and_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
