#include "campaign_plan.h"

#include <base/test.h>

static sv_err parse(const char *text, sv_campaign_plan **out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    assert_int_equal(sv_json_parse(sv_text_of(text), &body, NULL, NULL), SV_OK);
    return sv_campaign_plan_parse(body, out, why);
}

static void a_plan_is_read_whole(void **state) { // [campaign-30]
    SV_DEFER(sv_campaign_plan_drop) sv_campaign_plan *plan = NULL;
    sv_why why = { 0 };
    (void) state;
    sv_err err = parse(
        "{\"name\":\"1.1\",\"image\":\"lathe/1.1\",\"target\":{\"site\":\"north\",\"query\":"
        "\"version < 1.1\"},\"waves\":[{\"count\":1},{\"percent\":10},{\"query\":\"tag = x\"}],"
        "\"success\":{\"percent\":95},\"stop\":{\"failed\":{\"count\":2},\"any\":{\"percent\":5}},"
        "\"rate\":{\"per_minute\":0.5,\"growth\":2,\"at_once\":50,\"per_site\":5},\"window\":{"
        "\"from\":\"22:00\",\"to\":\"04:00\",\"days\":[\"mon\",\"sun\"],\"zone\":\"Europe/Oslo\"},"
        "\"forced\":true,\"prestage\":true,\"pause_between\":true,\"approvals\":2,\"priority\":7}",
        &plan, &why);
    if (err != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_string_equal(plan->image, "lathe/1.1");
    assert_string_equal(plan->site, "north");
    assert_int_equal(plan->wave_count, 3);
    assert_int_equal(plan->waves[0].kind, SV_WAVE_COUNT);
    assert_int_equal(plan->waves[1].number, 10);
    assert_non_null(plan->waves[2].query);
    assert_int_equal(plan->rules.success_percent, 95);
    assert_int_equal(plan->rules.stop[SV_STOP_FAILED].count, 2);
    assert_int_equal(plan->rules.stop[SV_STOP_ANY].percent, 5);
    assert_int_equal(plan->rules.at_once, 50);
    assert_int_equal(plan->site_loads, 5);
    assert_true(plan->has_window && plan->days == 65 && plan->hours.from == 22 * 60);
    assert_true(plan->forced && plan->prestage && plan->rules.pause_between
                && plan->rules.approvals == 2);
    assert_int_equal(plan->priority, 7);
}

static void without_a_word_it_stops_at_five_of_a_hundred(void **state) { // [campaign-30]
    SV_DEFER(sv_campaign_plan_drop) sv_campaign_plan *plan = NULL;
    (void) state;
    assert_int_equal(parse("{\"image\":\"a\",\"target\":{\"query\":\"all\"}}", &plan, NULL), SV_OK);
    assert_int_equal(plan->rules.stop[SV_STOP_ANY].percent, 5);
    assert_int_equal(plan->rules.success_percent, 100);
    assert_int_equal(plan->wave_count, 0);
    assert_int_equal(plan->priority, SV_PLAN_PRIORITY);
}

static void what_is_wrong_is_named(void **state) { // [campaign-30]
#define PLAN(rest) "{\"image\":\"a\",\"target\":{\"query\":\"all\"}," rest "}"
    static const struct {
        const char *text, *why;
    } CASES[] = {
        { "[]", "the body must be an object" },
        { "{\"target\":{\"query\":\"all\"}}",
          "image is missing: the path of the image to roll out" },
        { "{\"image\":\"a\"}", "target must be an object" },
        { "{\"image\":\"a\",\"target\":{}}",
          "target names nobody; give site, group, query or devices (the query \"all\" is "
          "everybody)" },
        { PLAN("\"wavs\":[]"), "the body has no 'wavs'; did you mean waves?" },
        { PLAN("\"waves\":[{}]"), "a wave has one of count, percent and query" },
        { PLAN("\"waves\":[{\"count\":null}]"), "a wave has one of count, percent and query" },
        { PLAN("\"waves\":[{\"count\":1,\"percent\":2}]"),
          "a wave has one of count, percent and query" },
        { PLAN("\"waves\":[{\"count\":0}]"), "count must be a whole number from 1 to 2147483647" },
        { PLAN("\"waves\":[{\"query\":\"sit = a\"}]"),
          "query, line 1, column 1: 'sit' is nothing that can be asked of a device; did you mean "
          "site?" },
        { PLAN("\"stop\":{\"faild\":{\"count\":1}}"), "stop has no 'faild'; did you mean failed?" },
        { PLAN("\"stop\":{\"any\":{}}"), "a stop rule has count or percent" },
        { PLAN("\"success\":{\"percent\":101}"), "percent must be a whole number from 1 to 100" },
        { PLAN("\"rate\":{\"per_minute\":0}"), "rate: per_minute must be a number above 0" },
        { PLAN("\"rate\":{\"growth\":0.5}"), "rate: growth is not 1 to 10" },
        { PLAN("\"prestage\":true"), "prestage needs a window: without one devices start the "
                                     "image as soon as they have it" },
        { PLAN("\"window\":{}"), "window has neither from and to nor days" },
        { PLAN("\"window\":{\"from\":\"22:00\"}"), "'22:00-' is no part of a day such as "
                                                   "22:00-06:00" },
        { PLAN("\"window\":{\"days\":[\"monday\"]}"),
          "window: days are mon, tue, wed, thu, fri, sat and sun" },
        { PLAN("\"name\":\"a\\nb\""), "name must be one line" },
        { PLAN("\"forced\":1"), "forced must be true or false" },
        { PLAN("\"approvals\":17"), "approvals must be a whole number from 0 to 16" },
        { "{\"image\":\"a\",\"target\":{\"devices\":[]}}",
          "target: devices must be an array of 1 to 10000 ids; more are a group" },
    };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_campaign_plan *plan = NULL;
        sv_why why = { 0 };
        assert_int_equal(parse(CASES[i].text, &plan, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].why);
        assert_null(plan);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_read_whole),
        cmocka_unit_test(without_a_word_it_stops_at_five_of_a_hundred),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
