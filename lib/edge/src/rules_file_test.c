#include <base/test.h>
#include <edge/rules_file.h>
#include <stdlib.h>

static sv_err read_file(sv_text yaml, sv_rules **out, sv_config_faults *faults) {
    faults->file = "rules";
    return sv_rules_file_read(yaml, out, faults);
}

static void every_section_of_rules_is_taken(void **state) {
    (void) state;
    const sv_text yaml =
        SV_TEXT("thresholds: {default: {high: 80}, devices: {press-1: {high: 50}}}\n"
                "change: {default: 5%}\n"
                "rules: {default: {hot: {when: temperature > 80}}}\n"
                "uplink: {sensors: {badge: never}}\n");
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { 0 };
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    sv_stream_rules found;
    assert_int_equal(read_file(yaml, &rules, &faults), SV_OK);
    sv_rules_for(rules, SV_TEXT("press-1"), SV_TEXT("badge"), &found);
    assert_true(found.threshold.high.given && found.change.percent);
    assert_true(found.threshold.high.at > 49 && found.threshold.high.at < 51);
    assert_int_equal(found.uplink, SV_UPLINK_NEVER);
}

static void rules_are_there_until_their_last_owner_drops_them(void **state) {
    (void) state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { 0 };
    sv_rules *mine = NULL;
    sv_stream_rules found;
    assert_int_equal(read_file(SV_TEXT("uplink: {default: never}\n"), &mine, &faults), SV_OK);
    sv_rules *other = sv_rules_share(mine);
    assert_ptr_equal(other, mine);
    sv_rules_drop(&mine);
    assert_null(mine);
    sv_rules_for(other, SV_TEXT("press-1"), SV_TEXT("badge"), &found);
    assert_int_equal(found.uplink, SV_UPLINK_NEVER);
    sv_rules_drop(&other);
}

static void an_empty_file_is_the_defaults(void **state) {
    (void) state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { 0 };
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    sv_stream_rules found;
    assert_int_equal(read_file(SV_TEXT("# nothing yet\n"), &rules, &faults), SV_OK);
    sv_rules_for(rules, SV_TEXT("press-1"), SV_TEXT("temperature"), &found);
    assert_false(found.threshold.high.given);
    assert_int_equal(found.uplink, SV_UPLINK_CHANGE);
}

// [rules-2]
static void a_faulty_file_is_refused_whole_with_every_place(void **state) {
    (void) state;
    const struct {
        sv_text yaml;
        const char *told;
    } CASES[] = {
        // [detect-61]
        { SV_TEXT("rules: {default: {unusual-together: {when: t > 80}}}\n"),
          "rules:1:37: rule unusual-together: alerts about machines are called so; choose another "
          "name\n" },
        { SV_TEXT("rules: {default: {remaining-life: {when: t > 80}}}\n"),
          "rules:1:35: rule remaining-life: alerts about machines are called so; choose another "
          "name\n" },
        { SV_TEXT("listen: {port: 1}\n"), "rules:1:9: \"listen\" is not a key here\n" },
        { SV_TEXT("threshold: {}\n"),
          "rules:1:12: \"threshold\" is not a key here; did you mean \"thresholds\"?\n" },
        { SV_TEXT("thresholds:\n  default: {high: 8o}\nuplink: {default: sometimes}\n"),
          "rules:2:19: high: a number is wanted here, or {warning: NUMBER, critical: NUMBER}\n"
          "rules:3:19: what leaves the site is one of never, aggregate, change, all\n" },
        { SV_TEXT("[]\n"), "rules:1:1: a section with keys is wanted here\n" },
        { SV_TEXT("a: \xff\n"), "rules: the text is no UTF-8\n" },
        { SV_TEXT("\xff\xfe"
                  "a\0:\0"),
          "rules: the text is no UTF-8\n" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { 0 };
        SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
        assert_int_equal(read_file(CASES[i].yaml, &rules, &faults), SV_ERR_INVALID);
        assert_null(rules);
        assert_string_equal(faults.text.at, CASES[i].told);
    }
}

static void faults_stand_in_the_order_of_the_file(void **state) {
    (void) state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { 0 };
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    sv_text yaml =
        SV_TEXT("change: {default: x}\nuplnk: {}\nthresholds: {default: {high: y, low: z}}\n");
    assert_int_equal(read_file(yaml, &rules, &faults), SV_ERR_INVALID);
    assert_int_equal(sv_config_faults_told(&faults), 4);
    for (size_t i = 0; i < 4; i++) {
        static const size_t LINES[] = { 1, 2, 3, 3 };
        assert_int_equal(faults.places[i].line, LINES[i]);
    }
    assert_true(faults.places[2].column < faults.places[3].column);
    assert_true(sv_text_starts(sv_config_faults_sentence(&faults, 3), SV_TEXT("low: ")));
}

static void one_byte_too_many_is_too_many(void **state) {
    (void) state;
    char *text = malloc(SV_RULES_FILE_MAX + 1);
    assert_non_null(text);
    memset(text, '#', SV_RULES_FILE_MAX + 1);
    for (size_t more = 0; more <= 1; more++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { 0 };
        SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
        sv_text yaml = { .at = text, .len = SV_RULES_FILE_MAX + more };
        assert_int_equal(read_file(yaml, &rules, &faults), more == 0 ? SV_OK : SV_ERR_INVALID);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_section_of_rules_is_taken),
        cmocka_unit_test(rules_are_there_until_their_last_owner_drops_them),
        cmocka_unit_test(an_empty_file_is_the_defaults),
        cmocka_unit_test(a_faulty_file_is_refused_whole_with_every_place),
        cmocka_unit_test(faults_stand_in_the_order_of_the_file),
        cmocka_unit_test(one_byte_too_many_is_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
