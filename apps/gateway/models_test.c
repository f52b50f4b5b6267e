// Models at a gateway: who is believed, in shadow and live, what is told, recorded and kept.
#include "models_fixture.h"
#include <math.h>

/// A load and a heat of mean 0 and spread 1: 60 rows left while its average is below 1, then 2.
static void write_model(sv_textbuf *out) {
    static uint8_t trees[14];
    static sv_model model;
    const sv_tree tree = { .splits = { { .feature = 0, .below = 1 } }, .leaves = { 60, 2 } };
    model = (sv_model){ .task = SV_MODEL_RUL, .cap = 125, .knots = 1 };
    model.columns[0].name = SV_TEXT("load");
    model.columns[1].name = SV_TEXT("heat");
    model.recipe = (sv_recipe){
        .kind = SV_RECIPE_LIFE, .sensors = 1, .settings = 1, .regimes = 1, .setting_scale = { 1 }
    };
    model.recipe.regime[0].spread[0] = 1;
    model.knot[0] = (sv_model_knot){ .at = 0, .offset = { -3, -2, -1, -0.5F, 0, 0.5F, 1, 2, 3 } };
    model.forest = (sv_forest){ .trees = trees,
                                .count = 1,
                                .depth = 1,
                                .outputs = 1,
                                .features = SV_RECIPE_SENSOR_FEATURES + 1 };
    sv_tree_put(&tree, 1, trees);
    assert_int_equal(sv_model_write(&model, out, NULL), SV_OK);
}

static int setup(void **state) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    write_model(&bytes);
    open_with_model(state, sv_textbuf_text(&bytes));
    return 0;
}

// [model-31]
static void what_nobody_has_signed_is_not_run(void **state) {
    fixture *f = *state;
    char other[sizeof signature_text];
    memcpy(other, signature_text, sizeof other);
    other[20] = other[20] == 'A' ? 'B' : 'A';
    assert_true(give(f, "live", model_text, other));
    assert_non_null(strstr(status(f), "\"mode\":\"refused\""));
    say_minutes(f, 0, 60, 5);
    assert_int_equal(ask(f, FAILING), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM model"), 0);
    model_text[100] = model_text[100] == 'A' ? 'B' : 'A';
    assert_true(give(f, "live", model_text, signature_text));
    assert_non_null(strstr(status(f), "\"mode\":\"refused\""));
    f->g.config.models.key[0] = '\0';
    restart(f);
    assert_true(give(f, "live", model_text, signature_text));
    assert_non_null(strstr(status(f), "names no models.key"));
}

// [model-30]
static void what_is_no_list_of_models_changes_nothing(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_json_drop) sv_json *list = NULL;
    assert_true(give(f, "shadow", model_text, signature_text));
    assert_false(give(f, "dreaming", model_text, signature_text));
    assert_int_equal(sv_json_parse(SV_TEXT("{\"models\":[{},{},{},{},{}]}"), &list, NULL, NULL),
                     SV_OK);
    assert_false(gw_models_take(&f->g, list));
    assert_non_null(strstr(status(f), "\"mode\":\"shadow\""));
}

// [model-32] [model-33] [model-34]
static void in_shadow_it_is_recorded_and_live_it_raises_one_alert(void **state) {
    fixture *f = *state;
    assert_true(give(f, "shadow", model_text, signature_text));
    say_minutes(f, 0, 40, 0);
    say_minutes(f, 40, 60, 5);
    assert_int_equal(ask(f, FAILING), 0);
    assert_in_range(ask(f, "SELECT count(*) FROM life_said WHERE estimate < 3 AND risk > 0.5"), 1,
                    2);
    assert_non_null(strstr(status(f), "\"mode\":\"shadow\",\"machines\":1,\"alarms\":1,"));
    assert_string_equal(told(f, 1), "{\"life\":null,\"failure\":null}"); // after this start
    assert_string_equal(told(f, 2), "");
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 60, 63, 5);
    assert_int_equal(ask(f, FAILING), 1);
    assert_int_equal(
        ask(f,
            "SELECT count(*) FROM alert_post WHERE body ->> 'alertType' = 'FAILURE' AND body "
            "->> 'message' LIKE 'Failure within 10 min: over 99 _ likely, 2 min left (0 min to 4 "
            "min); heat higher (%' AND body -> 'data' ->> 'rule' = 'remaining-life'"),
        1);
    assert_non_null(
        strstr(told(f, 1), "{\"life\":{\"model\":\"press\",\"version\":3,\"left_s\":120"));
    assert_string_equal(told(f, 2), "");
    say_minutes(f, 63, 120, 0);
    assert_int_equal(ask(f, FAILING), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post"), 2);
    assert_non_null(strstr(told(f, 3 + GW_LIFE_MOVED_US), "\"left_s\":3600"));
}

// [model-32]
static void rolled_back_it_says_nothing_more(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_json_drop) sv_json *none = NULL;
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 0, 40, 0);
    say_minutes(f, 40, 60, 5);
    assert_int_equal(ask(f, FAILING), 1);
    assert_true(strlen(told(f, 1)) > 0);
    assert_true(give(f, "shadow", model_text, signature_text));
    assert_int_equal(ask(f, FAILING), 0);
    assert_string_equal(told(f, 2), "{\"life\":null}");
    assert_int_equal(sv_json_parse(SV_TEXT("{\"models\":[]}"), &none, NULL, NULL), SV_OK);
    assert_true(gw_models_take(&f->g, none));
    assert_string_equal(status(f), "[]");
    assert_int_equal(ask(f, "SELECT count(*) FROM model"), 0);
    say_minutes(f, 60, 70, 5);
}

// [model-36]
static void after_a_power_cut_model_lives_and_alert_go_on(void **state) {
    fixture *f = *state;
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 0, 40, 0);
    gw_lives_keep_all(&f->g);
    say_minutes(f, 40, 60, 5);
    char before[512];
    (void) snprintf(before, sizeof before, "%s", told(f, 1));
    restart(f);
    assert_int_equal(f->g.alerts_open, 1);
    assert_string_equal(told(f, 1), before);
    say_minutes(f, 60, 65, 5);
    assert_int_equal(f->g.raised, 1);
    assert_non_null(strstr(status(f), "\"mode\":\"live\""));
}

/// The gateway starts again while the machine is switched off: none of its readings is near enough
/// to be taken again.
static void restart_without_the_machine(fixture *f) {
    assert_int_equal(ask(f, FAILING), 1);
    sv_writer_add(f->g.writer, "DELETE FROM reading");
    sv_writer_add(f->g.writer, "DELETE FROM reading_b");
    sv_writer_hurry(f->g.writer);
    assert_int_equal(ask(f, "SELECT count(*) FROM reading_row"), 0);
    restart(f);
    assert_int_equal(sv_map_count(f->g.lives), 0);
    assert_int_equal(f->g.alerts_open, 1);
}

// [model-34] [model-35] [model-39]
static void an_alert_ends_also_of_a_machine_that_was_not_heard_since_the_start(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_json_drop) sv_json *none = NULL;
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    assert_int_equal(sv_json_parse(SV_TEXT("{\"models\":[]}"), &none, NULL, NULL), SV_OK);
    assert_int_equal(sv_json_parse(SV_TEXT("{\"device\":\"d\"}"), &data, NULL, NULL), SV_OK);
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 0, 60, 5);
    restart_without_the_machine(f);
    gw_lives_tick(&f->g, sv_clock_monotonic_us());
    assert_int_equal(ask(f, FAILING), 1); // its model is there still
    assert_int_equal(gw_push_take(&f->g, 5, SV_TEXT("renewed"), data), GW_EVENT_DONE);
    assert_int_equal(ask(f, FAILING), 0);
    say_minutes(f, 60, 120, 5);
    restart_without_the_machine(f);
    assert_true(gw_models_take(&f->g, none));
    gw_lives_tick(&f->g, sv_clock_monotonic_us());
    assert_int_equal(ask(f, FAILING), 0);
    assert_int_equal(f->g.alerts_open, 0);
    assert_non_null(gw_device_of(&f->g, SV_TEXT("d"))); // it is heard: what was told before ends
    assert_string_equal(told(f, 1), "{\"life\":null,\"failure\":null}");
    assert_string_equal(told(f, 2), "");
    gw_lives_untold(&f->g);
    assert_string_equal(told(f, 3), "{\"life\":null,\"failure\":null}");
}

// [model-35]
static void a_machine_that_was_repaired_begins_a_new_life(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 0, 40, 0);
    say_minutes(f, 40, 60, 5);
    assert_int_equal(ask(f, FAILING), 1);
    assert_int_equal(sv_json_parse(SV_TEXT("{\"device\":\"d\"}"), &data, NULL, NULL), SV_OK);
    assert_int_equal(gw_push_take(&f->g, 5, SV_TEXT("renewed"), data), GW_EVENT_DONE);
    assert_int_equal(ask(f, FAILING), 0);
    say_minutes(f, 60, 70, 5);
    assert_non_null(strstr(status(f), "\"machines\":0"));
    restart(f);
    assert_non_null(strstr(status(f), "\"machines\":0"));
}

// [model-37]
static void a_model_of_other_machines_is_withdrawn_by_the_gateway_itself(void **state) {
    fixture *f = *state;
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 0, 40, 40);
    (void) status(f);
    assert_int_equal(ask(f, FAILING), 0); // the alert went with it
    assert_non_null(strstr(status(f), "\"mode\":\"withdrawn\""));
    restart(f);
    assert_non_null(strstr(status(f), "\"mode\":\"withdrawn\""));
    assert_true(give(f, "shadow", model_text, signature_text));
    assert_true(give(f, "live", model_text, signature_text)); // somebody has decided anew
    assert_int_equal(f->g.models.at[0].withdrawn, false);
}

// [model-38]
static void a_model_that_was_wrong_about_lives_that_ended_is_withdrawn(void **state) {
    fixture *f = *state;
    static const char *const MACHINES[] = { "a", "b", "c" };
    assert_true(give(f, "live", model_text, signature_text));
    for (size_t i = 0; i < SV_COUNT(MACHINES); i++) {
        // Ten days at least, on each of the six before it failed.
        have_said(f, MACHINES[i], 1, 6, 10 * ROWS_A_DAY, 12 * ROWS_A_DAY);
        assert_null(strstr(status(f), "withdrawn"));
        assert_int_equal(end_life(f, MACHINES[i], ",\"failed\":true"), GW_EVENT_DONE);
    }
    assert_non_null(strstr(status(f), "\"mode\":\"withdrawn\""));
    assert_non_null(strstr(status(f), "\"ended\":3,\"wrong\":3,\"why\":\"3 of the last 3 lives"));
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert WHERE type = 4 AND rule = 'model'"),
                     1);
    restart(f);
    assert_non_null(strstr(status(f), "\"ended\":3,\"wrong\":3,\"why\":\"3 of the last 3 lives"));
    assert_int_equal(f->g.alerts_open, 1);
    assert_true(give(f, "shadow", model_text, signature_text));
    sv_writer_wait(f->g.writer);
    assert_int_equal(f->g.alerts_open, 0);
    assert_null(strstr(status(f), "why"));
}

// [model-38]
static void lives_that_ended_as_it_had_said_count_for_it(void **state) {
    fixture *f = *state;
    static const char *const MACHINES[] = { "a", "b", "c", "d" };
    assert_true(give(f, "live", model_text, signature_text));
    for (size_t i = 0; i < SV_COUNT(MACHINES); i++) {
        have_said(f, MACHINES[i], 1, 3, 0, 5 * ROWS_A_DAY);
        assert_int_equal(end_life(f, MACHINES[i], ",\"failed\":true"), GW_EVENT_DONE);
    }
    assert_non_null(strstr(status(f), "\"mode\":\"live\""));
    assert_non_null(strstr(status(f), "\"ended\":4,\"wrong\":0"));
}

// [model-38]
static void
a_day_is_held_against_one_end_alone_and_what_was_renewed_in_time_has_not_failed(void **state) {
    fixture *f = *state;
    assert_true(give(f, "live", model_text, signature_text));
    have_said(f, "a", 1, 3, 10 * ROWS_A_DAY, 12 * ROWS_A_DAY);
    assert_int_equal(end_life(f, "a", ""), GW_EVENT_DONE); // it would have lasted, maybe so long
    assert_non_null(strstr(status(f), "\"ended\":1,\"wrong\":0"));
    assert_int_equal(end_life(f, "a", ",\"failed\":true"), GW_EVENT_DONE);
    assert_non_null(strstr(status(f), "\"ended\":1,\"wrong\":0"));
    have_said(f, "b", 8, 9, 0, 0.5 * ROWS_A_DAY); // and it lasted a week
    assert_int_equal(end_life(f, "b", ",\"failed\":false"), GW_EVENT_DONE);
    assert_non_null(strstr(status(f), "\"ended\":2,\"wrong\":1"));
    assert_int_equal(end_life(f, "nobody", ",\"failed\":true"), GW_EVENT_DONE);
    assert_non_null(strstr(status(f), "\"ended\":2,\"wrong\":1"));
}

// [model-38] As after a time without a link.
static void ends_that_come_in_one_list_all_count(void **state) {
    fixture *f = *state;
    static const char *const TEXTS[] = { "{\"device\":\"a\",\"failed\":true}",
                                         "{\"device\":\"b\",\"failed\":true}",
                                         "{\"device\":\"c\",\"failed\":true}" };
    assert_true(give(f, "live", model_text, signature_text));
    have_said(f, "a", 1, 6, 10 * ROWS_A_DAY, 12 * ROWS_A_DAY);
    have_said(f, "b", 1, 6, 10 * ROWS_A_DAY, 12 * ROWS_A_DAY);
    have_said(f, "c", 1, 6, 10 * ROWS_A_DAY, 12 * ROWS_A_DAY);
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        SV_DEFER(sv_json_drop) sv_json *data = NULL;
        assert_int_equal(sv_json_parse(sv_text_of(TEXTS[i]), &data, NULL, NULL), SV_OK);
        assert_int_equal(gw_push_take(&f->g, f->g.push.taken + 1, SV_TEXT("renewed"), data),
                         GW_EVENT_DONE);
    }
    assert_non_null(strstr(status(f), "\"mode\":\"withdrawn\""));
}

// [model-38] What was said of the old life before its end was entered is not held against the next.
static void a_life_of_which_nothing_was_said_has_ended_too(void **state) {
    fixture *f = *state;
    char how[64];
    assert_true(give(f, "live", model_text, signature_text));
    have_said(f, "a", 1, 2, 10 * ROWS_A_DAY, 12 * ROWS_A_DAY);
    (void) snprintf(how, sizeof how, ",\"failed\":true,\"at\":%lld",
                    (long long) (gw_wall_us(&f->g) - 5 * SV_TIME_DAY_US) / 1000);
    assert_int_equal(end_life(f, "a", how), GW_EVENT_DONE);
    assert_non_null(strstr(status(f), "\"ended\":0,\"wrong\":0"));
    assert_int_equal(end_life(f, "a", ",\"failed\":true"), GW_EVENT_DONE);
    assert_non_null(strstr(status(f), "\"ended\":0,\"wrong\":0"));
}

// [model-38]
static void an_end_counts_from_when_it_was(void **state) {
    fixture *f = *state;
    char how[64];
    assert_true(give(f, "live", model_text, signature_text));
    have_said(f, "a", 4, 6, 0, 3 * ROWS_A_DAY); // right, if it failed three days ago
    (void) snprintf(how, sizeof how, ",\"failed\":true,\"at\":%lld",
                    (long long) (gw_wall_us(&f->g) - 3 * SV_TIME_DAY_US) / 1000);
    assert_int_equal(end_life(f, "a", how), GW_EVENT_DONE);
    assert_non_null(strstr(status(f), "\"ended\":1,\"wrong\":0"));
    assert_int_equal(end_life(f, "a", ",\"failed\":3"), GW_EVENT_REFUSED);
    assert_int_equal(end_life(f, "a", ",\"at\":-3"), GW_EVENT_REFUSED);
    assert_int_equal(end_life(f, "a", ",\"at\":\"now\""), GW_EVENT_REFUSED);
}

// [model-34]
static void what_stays_at_the_site_is_not_shown_to_a_model(void **state) {
    fixture *f = *state;
    assert_true(give(f, "live", model_text, signature_text));
    change_rules(f, "detect: off\nuplink: {sensors: {heat: never}}\n");
    say_minutes(f, 0, 60, 5);
    assert_string_equal(told(f, 1), "{\"life\":null,\"failure\":null}");
    assert_int_equal(ask(f, FAILING), 0);
}

/// A fleet server that answers when the test says so.
static void keep_request(sv_http_request *request, void *arg) {
    sv_http_request **kept = arg;
    assert_null(*kept);
    *kept = request;
}

static void await_question(fixture *f, sv_http_request *const *kept) {
    int64_t end_us = sv_clock_monotonic_us() + 20 * SV_TIME_SECOND_US;
    while (*kept == NULL && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(f->g.loop, 5000);
    }
    assert_non_null(*kept);
}

/// It is answered, and the gateway has heard it.
static void answer_question(fixture *f, sv_http_request **kept, int status, const char *body) {
    sv_http_request *request = *kept;
    *kept = NULL;
    sv_http_reply(request, status, "application/json", sv_text_of(body));
    while (f->g.models.under_way) {
        sv_loop_turn(f->g.loop, 5000);
    }
}

// [model-30]
static void a_change_that_comes_while_models_are_fetched_is_fetched_too(void **state) {
    fixture *f = *state;
    char origin[64];
    sv_http_request *kept = NULL;
    sv_http_server *server = NULL;
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 4 };
    assert_int_equal(sv_http_server_open(f->g.loop, &options, keep_request, &kept, &server, NULL),
                     SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(server));
    sv_http_client_drop(&f->g.fleet.http);
    assert_int_equal(sv_http_client_open(f->g.loop, origin, NULL, 20 * SV_TIME_SECOND_US,
                                         &f->g.fleet.http, NULL),
                     SV_OK);
    f->g.alert_peer.http = f->g.fleet.http;
    gw_models_start(&f->g);
    await_question(f, &kept);
    assert_int_equal(gw_models_want(&f->g, 7, NULL), GW_EVENT_DONE);
    answer_question(f, &kept, 200, "{\"models\":[]}"); // as it was before the change
    await_question(f, &kept);
    answer_question(f, &kept, 503, "{}");
    await_question(f, &kept);
    answer_question(f, &kept, 200, "{\"models\":[]}");
    assert_false(f->g.models.wanted);
    sv_http_server_drop(&server);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_nobody_has_signed_is_not_run),
        TEST(what_is_no_list_of_models_changes_nothing),
        TEST(in_shadow_it_is_recorded_and_live_it_raises_one_alert),
        TEST(rolled_back_it_says_nothing_more),
        TEST(after_a_power_cut_model_lives_and_alert_go_on),
        TEST(an_alert_ends_also_of_a_machine_that_was_not_heard_since_the_start),
        TEST(a_machine_that_was_repaired_begins_a_new_life),
        TEST(a_model_of_other_machines_is_withdrawn_by_the_gateway_itself),
        TEST(a_model_that_was_wrong_about_lives_that_ended_is_withdrawn),
        TEST(lives_that_ended_as_it_had_said_count_for_it),
        TEST(a_day_is_held_against_one_end_alone_and_what_was_renewed_in_time_has_not_failed),
        TEST(ends_that_come_in_one_list_all_count),
        TEST(a_life_of_which_nothing_was_said_has_ended_too),
        TEST(an_end_counts_from_when_it_was),
        TEST(what_stays_at_the_site_is_not_shown_to_a_model),
        TEST(a_change_that_comes_while_models_are_fetched_is_fetched_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
