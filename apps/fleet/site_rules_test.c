#include "fleet_fixture.h"

#include "push.h"
#include "site_rules.h"
#include "uplink.h"

#include <codec/encode.h>
#include <crypto/random.h>

enum { JSON_MAX = 4 * 1024 * 1024 };

static const char FIRST[] = "thresholds: {default: {high: 80}}\n";
static const char SECOND[] = "thresholds: {default: {high: 90}}\nuplink: {default: all}\n";

static const sv_site *north(fixture *f) {
    return fixture_gateway(f, "gw-a")->site;
}

static sv_err put(fixture *f, const char *text, int64_t replaces, int64_t *version, sv_why *why) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    const sv_site_rules_draft draft = { .site = north(f),
                                        .replaces = replaces,
                                        .user = "ada",
                                        .comment = SV_TEXT("why not"),
                                        .text = sv_text_of(text) };
    return sv_site_rules_put(&f->fleet, &draft, version, &faults, why);
}

static void must_put(fixture *f, const char *text, int64_t replaces) {
    sv_why why = { 0 };
    int64_t version = 0;
    if (put(f, text, replaces, &version, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(version, replaces + 1);
}

static sv_json *parsed(const sv_textbuf *json) {
    sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_textbuf_text(json), &root, NULL, NULL), SV_OK);
    return root;
}

/// What gateways of the site are given.
static sv_json *given(fixture *f, int64_t version) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    if (sv_site_rules_give(f->fleet.db, north(f), version, &out, NULL) != SV_OK) {
        return NULL;
    }
    return parsed(&json);
}

static sv_json *events_for(fixture *f, const char *gateway) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_push_list(&f->fleet, fixture_gateway(f, gateway), 0, &out, NULL), SV_OK);
    return parsed(&json);
}

static sv_text member(const sv_json *object, const char *key) {
    sv_text text = SV_TEXT("");
    (void) sv_json_text(sv_json_get(object, key), &text);
    return text;
}

// [rules-1] [rules-3] [rules-4]
static void a_version_is_kept_announced_and_given(void **state) {
    fixture *f = *state;
    must_put(f, FIRST, 0);
    must_put(f, SECOND, 1);
    SV_DEFER(sv_json_drop) sv_json *newest = given(f, 0);
    SV_DEFER(sv_json_drop) sv_json *older = given(f, 1);
    assert_true(sv_text_is(member(newest, "rules"), SECOND));
    assert_true(sv_text_is(member(older, "rules"), FIRST));
    uint8_t digest[32];
    uint8_t told[32];
    sv_sha256(sv_text_of(SECOND), digest);
    assert_int_equal(sv_hex_parse(member(newest, "sha256"), told, sizeof told), SV_OK);
    assert_memory_equal(digest, told, sizeof told);

    SV_DEFER(sv_json_drop) sv_json *events = events_for(f, "gw-a");
    SV_DEFER(sv_json_drop) sv_json *others = events_for(f, "gw-b");
    assert_int_equal(sv_json_count(events), 2);
    assert_int_equal(sv_json_count(others), 0);
    const sv_json *last = sv_json_at(events, 1);
    int64_t version = 0;
    assert_true(sv_text_is(member(last, "event"), "rules"));
    assert_true(sv_json_int(sv_json_get(sv_json_get(last, "data"), "version"), &version));
    assert_int_equal(version, 2);
    assert_true(sv_text_eq(member(sv_json_get(last, "data"), "sha256"), member(newest, "sha256")));
}

// [rules-1]
static void who_has_not_seen_the_newest_version_replaces_nothing(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    int64_t version = 0;
    must_put(f, FIRST, 0);
    for (int64_t seen = 0; seen <= 2; seen += 2) {
        assert_int_equal(put(f, SECOND, seen, &version, &why), SV_ERR_STATE);
        assert_int_equal(version, 1);
        assert_non_null(strstr(why.text, "version 1 of site north is the newest"));
    }
    SV_DEFER(sv_json_drop) sv_json *events = events_for(f, "gw-a");
    assert_int_equal(sv_json_count(events), 1);
}

// [rules-2]
static void a_faulty_file_is_no_version(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    sv_site_rules_draft draft = { .site = north(f),
                                  .user = "ada",
                                  .text =
                                      SV_TEXT("thresholds: {default: {high: x}}\nuplnk: {}\n") };
    sv_why why = { 0 };
    int64_t version = 0;
    assert_int_equal(sv_site_rules_put(&f->fleet, &draft, &version, &faults, &why), SV_ERR_INVALID);
    assert_int_equal(faults.count, 2);
    assert_string_equal(why.text, "2 faults in the rules; nothing is changed");
    draft.text = sv_text_of(FIRST);
    draft.comment = SV_TEXT("two\nlines");
    sv_config_faults_drop(&faults);
    faults = (sv_config_faults){ .file = "rules" };
    assert_int_equal(sv_site_rules_put(&f->fleet, &draft, &version, &faults, &why), SV_ERR_INVALID);
    assert_int_equal(faults.count, 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM site_rules"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push"), 0);
}

// [rules-8]
static void an_older_version_comes_again_as_a_new_one(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    sv_why why = { 0 };
    int64_t version = 0;
    must_put(f, FIRST, 0);
    must_put(f, SECOND, 1);
    sv_site_rules_draft draft = { .site = north(f), .replaces = 2, .user = "bob" };
    assert_int_equal(sv_site_rules_again(&f->fleet, &draft, 1, &version, &faults, &why), SV_OK);
    assert_int_equal(version, 3);
    SV_DEFER(sv_json_drop) sv_json *newest = given(f, 0);
    assert_true(sv_text_is(member(newest, "rules"), FIRST));
    draft.replaces = 3;
    assert_int_equal(sv_site_rules_again(&f->fleet, &draft, 9, &version, &faults, &why),
                     SV_ERR_NOT_FOUND);
}

// [rules-1]
static void the_oldest_versions_go(void **state) {
    fixture *f = *state;
    for (int64_t i = 0; i < SV_SITE_RULES_VERSIONS_MAX + 5; i++) {
        must_put(f, FIRST, i);
    }
    SV_DEFER(sv_json_drop) sv_json *kept = given(f, 6);
    SV_DEFER(sv_json_drop) sv_json *gone = given(f, 5);
    assert_non_null(kept);
    assert_null(gone);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM site_rules"),
                     SV_SITE_RULES_VERSIONS_MAX);
}

static void beat(fixture *f, const char *rules) {
    char body[1024];
    char room[SV_UPLINK_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    (void) snprintf(body, sizeof body, "{\"gateway\":{\"rules\":%s},\"devices\":[]}", rules);
    assert_int_equal(
        sv_uplink_health(&f->fleet, fixture_gateway(f, "gw-a"), sv_text_of(body), &answer, NULL),
        SV_OK);
}

// [rules-7]
static void what_a_gateway_says_is_shown_also_after_a_restart(void **state) {
    fixture *f = *state;
    static const char SAID[] = "{\"from\":\"fleet\",\"version\":3,\"at\":17,\"refused\":"
                               "{\"version\":4,\"at\":18,\"why\":\"2 faults\"}}";
    beat(f, SAID);
    assert_string_equal(fixture_gateway(f, "gw-a")->rules, SAID);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_string_equal(fixture_gateway(f, "gw-a")->rules, SAID);
    assert_null(fixture_gateway(f, "gw-b")->rules);
}

static void what_cannot_be_read_of_it_is_passed_over(void **state) {
    fixture *f = *state;
    static const char *const BROKEN[] = {
        "null",
        "7",
        "{}",
        "{\"from\":\"me\",\"version\":1,\"at\":1}",
        "{\"from\":\"file\",\"version\":-1,\"at\":1}",
        "{\"from\":\"file\",\"version\":1}",
        "{\"from\":\"file\",\"version\":1,\"at\":1,\"refused\":{\"version\":1}}",
        "{\"from\":\"file\",\"version\":1,\"at\":1,\"refused\":[]}",
    };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        beat(f, BROKEN[i]);
        assert_null(fixture_gateway(f, "gw-a")->rules);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        TEST(a_version_is_kept_announced_and_given),
        TEST(who_has_not_seen_the_newest_version_replaces_nothing),
        TEST(a_faulty_file_is_no_version),
        TEST(an_older_version_comes_again_as_a_new_one),
        TEST(the_oldest_versions_go),
        TEST(what_a_gateway_says_is_shown_also_after_a_restart),
        TEST(what_cannot_be_read_of_it_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
