// Rules that name groups of the fleet server.
#include <base/test.h>
#include <edge/guard.h>
#include <edge/rules_file.h>
#include <string.h>

static const char EXAMPLE[] =
    "groups: {own: [press-1], canary: {group: pilots}, hot: {group: foundry}, two: {group: "
    "pilots}}\n"
    "thresholds:\n"
    "  default: {high: 80}\n"
    "  groups: {own: {high: 10}, canary: {high: 50}, hot: {sensors: {x: {high: 900}}}}\n"
    "uplink: {groups: {hot: never}}\n"
    "mute: [{groups: [canary]}]\n"
    "rules: {groups: {canary: {warm: {when: x > 40}}}}\n";

static sv_rules *rules_of(const char *yaml) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    sv_rules *rules = NULL;
    assert_int_equal(sv_rules_file_read(sv_text_of(yaml), &rules, &faults), SV_OK);
    return rules;
}

/// Those of `device`: in `first` and `second`, where they are not NULL.
static sv_members *members_of(const char *device, const char *first, const char *second) {
    static const sv_member_group GROUPS[] = { { .name = "pilots", .known = true },
                                              { .name = "foundry", .known = true } };
    const sv_text in[] = { sv_text_of(first != NULL ? first : ""),
                           sv_text_of(second != NULL ? second : "") };
    sv_members *members = sv_members_new(NULL);
    assert_int_equal(sv_members_groups(members, GROUPS, 2, NULL), SV_OK);
    assert_int_equal(sv_members_put(members, sv_text_of(device), in,
                                    (size_t) (first != NULL) + (second != NULL), NULL),
                     SV_OK);
    return members;
}

static double high_of(const sv_rules *rules, const char *device, const char *sensor) {
    sv_stream_rules found;
    sv_rules_for(rules, sv_text_of(device), sv_text_of(sensor), &found);
    return found.threshold.high.at;
}

static bool same(double left, double right) {
    return left >= right && left <= right;
}

// [edge-20]
static void a_group_of_the_fleet_server_has_those_that_somebody_says(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop) sv_rules *rules = rules_of(EXAMPLE);
    SV_DEFER(sv_members_drop) sv_members *told = members_of("lathe-3", "pilots", "foundry");
    SV_DEFER(sv_rules_drop) sv_rules *with = sv_rules_with(rules, told);
    assert_true(same(high_of(with, "lathe-3", "y"), 50));
    assert_true(same(high_of(with, "lathe-3", "x"), 900)); // a group's sensor before a group
    assert_true(same(high_of(with, "press-1", "x"), 10));
    assert_true(same(high_of(with, "other", "x"), 80));
    sv_stream_rules found;
    sv_rules_for(with, SV_TEXT("lathe-3"), SV_TEXT("x"), &found);
    assert_int_equal(found.uplink, SV_UPLINK_NEVER);
    assert_true((found.mutes & sv_rules_muted(with, 0)) != 0);
    SV_DEFER(sv_guard_drop) sv_guard *guard = sv_guard_new(with, SV_TEXT("lathe-3"));
    assert_non_null(guard);
    char room[64];
    sv_textbuf in = SV_TEXTBUF(room);
    sv_rules_add_groups(with, SV_TEXT("lathe-3"), &in);
    assert_true(sv_text_is(sv_textbuf_text(&in), "canary, hot, two"));
}

// [edge-20]
static void nobody_is_in_one_of_which_nothing_was_said(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop) sv_rules *rules = rules_of(EXAMPLE);
    SV_DEFER(sv_members_drop) sv_members *none = sv_members_new(NULL);
    SV_DEFER(sv_rules_drop) sv_rules *with = sv_rules_with(rules, none);
    assert_true(same(high_of(rules, "lathe-3", "x"), 80));
    assert_true(same(high_of(with, "lathe-3", "x"), 80));
    assert_true(same(high_of(with, "press-1", "x"), 10));
    assert_null(sv_guard_new(rules, SV_TEXT("lathe-3")));
}

static void each_group_that_is_named_is_named_once(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop) sv_rules *rules = rules_of(EXAMPLE);
    sv_member_group groups[SV_MEMBERS_GROUPS_MAX];
    assert_int_equal(sv_rules_fleet_groups(rules, groups), 2);
    assert_string_equal(groups[0].name, "pilots");
    assert_string_equal(groups[1].name, "foundry");
    SV_DEFER(sv_rules_drop) sv_rules *none = rules_of("groups: {a: [x]}\n");
    assert_int_equal(sv_rules_fleet_groups(none, groups), 0);
}

/// The old ones may go before, and a guard that was made of them goes on.
static void rules_with_other_members_are_the_same_rules(void **state) {
    (void) state;
    sv_rules *rules = rules_of(EXAMPLE);
    sv_members *told = members_of("lathe-3", "pilots", NULL);
    sv_members *later = members_of("lathe-3", "foundry", NULL);
    sv_rules *first = sv_rules_with(rules, told);
    SV_DEFER(sv_guard_drop) sv_guard *guard = sv_guard_new(first, SV_TEXT("lathe-3"));
    sv_rules *second = sv_rules_with(first, later);
    sv_rules_drop(&rules);
    sv_rules_drop(&first);
    sv_members_drop(&told);
    sv_members_drop(&later);
    assert_true(same(high_of(second, "lathe-3", "x"), 900));
    const sv_expression_input input = { .raw = 50, .average = 50, .at_us = 1 };
    const sv_guard_now now = { .at_us = 2, .tick_us = 2 };
    sv_guard_take(guard, sv_guard_tap(guard, SV_TEXT("x")), &input, &now);
    sv_condition *open = sv_guard_find(guard, SV_ALERT_ANOMALY, SV_TEXT("warm"));
    assert_true(open != NULL && open->open);
    assert_false(sv_guard_move(guard, second, SV_TEXT("lathe-3"), &now)); // it is in it no more
    sv_rules_drop(&second);
}

static void what_is_no_group_is_told(void **state) {
    (void) state;
    static const char *const CASES[][2] = {
        { "groups: {a: {}}", "written {group: NAME}" },
        { "groups: {a: {group: b, more: c}}", "written {group: NAME}" },
        { "groups: {a: {group: [b]}}", "written {group: NAME}" },
        { "groups: {a: {devices: [b]}}", "written {group: NAME}" },
        { "groups: {a: {group: 'not a name'}}", "not a name" },
        { "groups: {a: {group: ''}}", "group" },
        { "groups: {a: [{group: b}]}", "group member" },
        { "groups: {a: pilots}", "or one of the fleet server: {group: NAME}" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
        sv_rules *rules = NULL;
        assert_int_equal(sv_rules_file_read(sv_text_of(CASES[i][0]), &rules, &faults),
                         SV_ERR_INVALID);
        assert_null(rules);
        assert_int_equal(faults.count, 1);
        assert_non_null(strstr(faults.text.at, CASES[i][1]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_of_the_fleet_server_has_those_that_somebody_says),
        cmocka_unit_test(nobody_is_in_one_of_which_nothing_was_said),
        cmocka_unit_test(each_group_that_is_named_is_named_once),
        cmocka_unit_test(rules_with_other_members_are_the_same_rules),
        cmocka_unit_test(what_is_no_group_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
