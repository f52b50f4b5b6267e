// Whom a campaign is for.
#include "campaigns_fixture.h"

static void who_comes_later_is_taken_along(void **state) { // [campaign-18]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"site\":\"south\"},"
                          "\"newcomers\":true}");
    turn(f);
    turn(f);
    confirm_all(f, id);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    add_device(f, "gw-b", "s-99");
    add_device(f, "gw-a", "n-99");
    turn(f);
    turn(f);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE); // they have not said what they run
    runs(f, "s-99", "1.0");
    runs(f, "n-99", "1.0");
    turn(f);
    turn(f);
    sv_campaign_row row = load(f, id);
    assert_int_equal(row.c.state, SV_CAMPAIGN_RUNNING);
    assert_int_equal(sv_campaign_wave_size(&row.c.waves[0]), SOUTH + 1);
    confirm_all(f, id);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
}

static void who_is_not_meant_is_told_apart(void **state) { // [campaign-30]
    fixture *f = *state;
    SV_DEFER(sv_json_drop) sv_json *json = NULL;
    SV_DEFER(sv_campaign_plan_drop) sv_campaign_plan *plan = NULL;
    sv_campaign_survey survey;
    const char *body = "{\"image\":\"" IMAGE "\"," ALL ",\"waves\":[{\"query\":\"id = n-09\"},"
                       "{\"percent\":10}],\"requires\":\"version >= 1.0\"}";
    runs(f, "n-00", "1.1");
    runs(f, "n-01", "0.9");
    sql(f, "UPDATE running SET product = 'press' WHERE device = 'n-02';"
           "DELETE FROM running WHERE device = 'n-03'");
    sql(f, "UPDATE running SET hardware = 'old' WHERE device = 'n-04';"
           "UPDATE image SET hardware = 'new'");
    assert_int_equal(sv_json_parse(sv_text_of(body), &json, NULL, NULL), SV_OK);
    assert_int_equal(sv_campaign_plan_parse(json, &plan, NULL), SV_OK);
    assert_int_equal(survey_all(f, plan, "[\"north\"]", &survey, NULL), SV_OK);
    assert_int_equal(survey.devices, NORTH - 5);
    assert_int_equal(survey.already, 1);
    assert_int_equal(survey.excluded[SV_MEANT_REQUIRES], 1);
    assert_int_equal(survey.excluded[SV_MEANT_UNHEARD], 1);
    assert_int_equal(survey.excluded[SV_MEANT_PRODUCT], 1);
    assert_int_equal(survey.excluded[SV_MEANT_HARDWARE], 1);
    assert_int_equal(survey.wave_count, 3);
    assert_int_equal(survey.waves[0], 1);
    assert_int_equal(survey.waves[1], 2);
    assert_int_equal(survey.waves[2], NORTH - 8);
}

static void what_cannot_start_says_why(void **state) { // [campaign-30]
    static const struct {
        const char *body, *why;
    } CASES[] = {
        { "{\"image\":\"x\"," ALL "}", "there is no image 'x'" },
        { "{\"image\":\"" IMAGE "\",\"target\":{\"site\":\"east\"}}", "there is no site 'east'" },
        { "{\"image\":\"" IMAGE "\",\"target\":{\"group\":\"g\"}}", "there is no group 'g'" },
        { "{\"image\":\"" IMAGE "\",\"target\":{\"query\":\"group = g\"}}",
          "there is no group 'g'" },
        { "{\"image\":\"" IMAGE "\",\"target\":{\"query\":\"version = 1.1\"}}",
          "it would be for no device: 0 run the image already" },
    };
    fixture *f = *state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        int64_t id;
        assert_int_not_equal(try_start(f, CASES[i].body, "", &id, &why), SV_OK);
        assert_string_equal(why.text, CASES[i].why);
    }
}

static void somebody_of_some_sites_starts_it_there_alone(void **state) { // [campaign-35]
    fixture *f = *state;
    int64_t id = 0;
    assert_int_equal(try_start(f, "{\"image\":\"" IMAGE "\"," ALL "}", "[\"south\"]", &id, NULL),
                     SV_OK);
    turn(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM campaign_device"), SOUTH);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM campaign_device WHERE site = 'north'"),
                     0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(who_comes_later_is_taken_along),
        TEST(who_is_not_meant_is_told_apart),
        TEST(what_cannot_start_says_why),
        TEST(somebody_of_some_sites_starts_it_there_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
