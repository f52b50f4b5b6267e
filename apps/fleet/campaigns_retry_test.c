#include "campaigns_fixture.h"

enum { MANY = 2 * SV_CAMPAIGN_RETRY_SLICE + 50, JSON_ROOM = 64 * 1024 };

static int setup(void **state) {
    assert_int_equal(campaigns_setup(state), 0);
    fixture *f = *state;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    for (int i = 0; i < MANY; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "m-%03d", i);
        add_device(f, "gw-a", id);
    }
    sql(f, "INSERT INTO running (device, product, version, at_us) SELECT id, 'lathe', '1.0', 1"
           " FROM device WHERE id LIKE 'm-%'");
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    return 0;
}

static int64_t bad(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM campaign_device WHERE place BETWEEN 6 AND 10");
}

static int64_t given(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM campaign_device WHERE place = 1");
}

static int64_t tried_again(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM campaign_device WHERE attempt = 1");
}

/// It is for all of them, they get it, and each fails.
static int64_t all_fail(fixture *f) {
    static char devices[MANY][SV_ID_ROOM];
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"query\":\"id ~ m-*\"},"
                          "\"stop\":{\"any\":{\"count\":100000}}}");
    sv_stmt *row;
    for (int i = 0; i < 10 && given(f) < MANY; i++) {
        turn(f);
    }
    assert_int_equal(sv_db_stmt(f->fleet.db, "SELECT device FROM campaign_device", &row, NULL),
                     SV_OK);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(sv_stmt_next(row, NULL), SV_OK);
        assert_int_equal(sv_text_copy(sv_stmt_text(row, 0), devices[i], SV_ID_ROOM), SV_OK);
    }
    sv_stmt_reset(row);
    for (int i = 0; i < MANY; i++) {
        say(f, devices[i], SV_SAID_FAILURE);
    }
    assert_int_equal(bad(f), MANY);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    return id;
}

static bool shows(fixture *f, int64_t id, const char *what) {
    static char room[JSON_ROOM];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_campaign_write(&f->fleet, id, true, &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    return strstr(room, what) != NULL;
}

/// A slice after the other; nobody is handed anything before it is through.
static void many_are_planned_again_in_slices(void **state) { // [campaign-14]
    fixture *f = *state;
    int64_t id = all_fail(f);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", NULL), SV_OK);
    for (int64_t left = MANY - SV_CAMPAIGN_RETRY_SLICE; left > 0; left = bad(f)) {
        assert_int_equal(bad(f), left);
        assert_int_equal(given(f), 0);
        check_counts(f, id);
        assert_true(
            shows(f, id, "\"state\":\"running\",\"why\":\"plans again who came to grief\""));
        // To let it go on, or let all try again, says nothing new.
        assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RESUME, "bob", NULL), SV_OK);
        assert_true(sv_campaigns_turn(&f->fleet));
        assert_true(left - bad(f) <= SV_CAMPAIGN_RETRY_SLICE);
    }
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_RUNNING);
    assert_true(shows(f, id, "\"state\":\"running\",\"why\":null"));
    check_counts(f, id);
    for (int i = 0; i < 10 && given(f) < MANY; i++) {
        turn(f);
    }
    assert_int_equal(given(f), MANY);
    assert_int_equal(tried_again(f), MANY);
    check_counts(f, id);
}

/// Whenever the server ends, the next one goes on.
static void one_that_is_stopped_meanwhile_goes_on(void **state) { // [campaign-14] [campaign-31]
    fixture *f = *state;
    for (int slices = 0; slices < 3; slices++) {
        int64_t id = all_fail(f);
        assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", NULL), SV_OK);
        for (int i = 0; i < slices; i++) {
            (void) sv_campaigns_turn(&f->fleet);
        }
        sv_fleet_drop(&f->fleet);
        fixture_start(f);
        for (int i = 0; i < 10 && given(f) < MANY; i++) {
            turn(f);
        }
        assert_int_equal(given(f), MANY);
        assert_int_equal(tried_again(f), MANY);
        check_counts(f, id);
        assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_STOP, "bob", NULL), SV_OK);
        for (int i = 0; i < 10 && given(f) > 0; i++) {
            turn(f);
        }
        sql(f, "DELETE FROM campaign_device; DELETE FROM action");
    }
}

static void one_that_is_to_stop_meanwhile_does(void **state) { // [campaign-14]
    fixture *f = *state;
    int64_t id = all_fail(f);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", NULL), SV_OK);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_STOP, "bob", NULL), SV_OK);
    turn(f);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_STOPPED);
    assert_true(shows(f, id, "\"state\":\"stopped\",\"why\":\"stopped by bob\""));
    assert_int_equal(bad(f), MANY - SV_CAMPAIGN_RETRY_SLICE);
    assert_int_equal(given(f), 0);
    check_counts(f, id);
}

/// Those that are named are all planned at once.
static void at_most_1000_are_named(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(JSON_ROOM);
    SV_DEFER(sv_json_drop) sv_json *devices = NULL;
    sv_why why = { 0 };
    int64_t id = all_fail(f);
    sv_textbuf_add(&text, SV_TEXT("["));
    for (int i = 0; i <= SV_CAMPAIGN_RETRY_MAX; i++) {
        sv_textbuf_addf(&text, "%s\"m-%03d\"", i > 0 ? "," : "", i);
    }
    sv_textbuf_add(&text, SV_TEXT("]"));
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &devices, NULL, NULL), SV_OK);
    assert_int_equal(sv_campaigns_do(&f->fleet, id, SV_CAMPAIGN_DO_RETRY, "bob", devices, &why),
                     SV_ERR_INVALID);
    assert_string_equal(why.text, "devices must be an array of 1 to 1000 ids");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(many_are_planned_again_in_slices),
        EACH(one_that_is_stopped_meanwhile_goes_on),
        EACH(one_that_is_to_stop_meanwhile_does),
        EACH(at_most_1000_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
