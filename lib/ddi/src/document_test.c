#include <base/test.h>
#include <codec/json.h>
#include <ddi/document.h>
#include <stdio.h>

#define DIGEST_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static sv_ddi_poll polled(const char *json) {
    sv_ddi_poll poll = { 0 };
    sv_why why = { 0 };
    if (sv_ddi_poll_read(sv_text_of(json), &poll, &why) != SV_OK) {
        fail_msg("%s: %s", json, why.text);
    }
    return poll;
}

static void of_an_address_only_the_number_counts(void **state) { // [ddid-1]
    (void) state;
    static const char *const HREFS[] = {
        "/default/controller/v1/press-17/deploymentBase/7",
        "https://elsewhere.example/evil/7?c=-2127183556",
        "deploymentBase/7",
        "7",
    };
    for (size_t i = 0; i < SV_COUNT(HREFS); i++) {
        char json[256];
        (void) snprintf(json, sizeof json, "{\"_links\":{\"deploymentBase\":{\"href\":\"%s\"}}}",
                        HREFS[i]);
        assert_int_equal(polled(json).deployment, 7);
    }
}

static void a_poll_says_what_there_is_to_do(void **state) {
    (void) state;
    sv_ddi_poll poll = polled("{\"config\":{\"polling\":{\"sleep\":\"00:05:30\"}},\"_links\":{"
                              "\"configData\":{\"href\":\"x\"},"
                              "\"cancelAction\":{\"href\":\"/a/cancelAction/2147483647\"},"
                              "\"installedBase\":{\"href\":\"/a/installedBase/3\"}},\"new\":[1]}");
    assert_int_equal(poll.sleep_us, 330 * SV_TIME_SECOND_US);
    assert_true(poll.wants_config);
    assert_int_equal(poll.cancel, SV_DDI_ACTION_MAX);
    assert_int_equal(poll.deployment, 0);
    poll = polled("{}");
    assert_int_equal(poll.sleep_us, 0);
    assert_false(poll.wants_config);
}

static void no_server_can_make_a_device_ask_all_the_time_or_never(void **state) { // [ddid-2]
    (void) state;
    assert_int_equal(polled("{\"config\":{\"polling\":{\"sleep\":\"00:00:00\"}}}").sleep_us,
                     SV_DDI_SLEEP_MIN_US);
    assert_int_equal(polled("{\"config\":{\"polling\":{\"sleep\":\"999:59:59\"}}}").sleep_us,
                     SV_DDI_SLEEP_MAX_US);
}

static void what_is_no_answer_is_refused_with_its_fault(void **state) {
    (void) state;
    static const struct {
        const char *json, *says;
    } CASES[] = {
        { "", "" },
        { "[]", "no JSON object" },
        { "{\"config\":{\"polling\":{\"sleep\":\"5m\"}}}", "HH:MM:SS" },
        { "{\"config\":{\"polling\":{\"sleep\":\"00:60:00\"}}}", "HH:MM:SS" },
        { "{\"_links\":{\"deploymentBase\":{}}}", "no href" },
        { "{\"_links\":{\"deploymentBase\":\"/x/7\"}}", "no href" },
        { "{\"_links\":{\"deploymentBase\":{\"href\":\"/x/0\"}}}", "number of an action" },
        { "{\"_links\":{\"deploymentBase\":{\"href\":\"/x/2147483648\"}}}", "number of an action" },
        { "{\"_links\":{\"deploymentBase\":{\"href\":\"/x/-1\"}}}", "number of an action" },
        { "{\"_links\":{\"cancelAction\":{\"href\":\"/x/7/y\"}}}", "number of an action" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_ddi_poll poll = { .deployment = 99 };
        sv_why why = { 0 };
        assert_int_equal(sv_ddi_poll_read(sv_text_of(CASES[i].json), &poll, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, CASES[i].says));
        assert_int_equal(poll.deployment, 99);
    }
}

static void a_deployment_says_what_and_how_urgently(void **state) {
    (void) state;
    sv_ddi_deployment read;
    sv_why why = { 0 };
    sv_text json = SV_TEXT(
        "{\"id\":\"7\",\"deployment\":{\"download\":\"forced\",\"update\":\"attempt\","
        "\"maintenanceWindow\":\"unavailable\",\"chunks\":[{\"part\":\"os\",\"version\":\"1.1\","
        "\"name\":\"press\",\"artifacts\":[{\"filename\":\"x\",\"hashes\":{\"sha1\":\"\"}},"
        "{\"filename\":\"a.img\",\"hashes\":{\"sha256\":\"" DIGEST_HEX "\"}}]}]}}");
    assert_int_equal(sv_ddi_deployment_read(json, &read, &why), SV_OK);
    assert_int_equal(read.action, 7);
    assert_int_equal(read.download, SV_DDI_FORCED);
    assert_int_equal(read.update, SV_DDI_ATTEMPT);
    assert_true(read.outside_window);
    assert_string_equal(read.version, "1.1");
    assert_true(read.has_digest);
    assert_int_equal(read.digest[1], 0x11);
}

static void a_deployment_without_its_parts_is_refused(void **state) {
    (void) state;
    static const struct {
        const char *json, *says;
    } CASES[] = {
        { "{\"deployment\":{\"download\":\"forced\",\"update\":\"forced\"}}", "id" },
        { "{\"id\":0,\"deployment\":{\"download\":\"forced\",\"update\":\"forced\"}}", "id" },
        { "{\"id\":1.5,\"deployment\":{\"download\":\"forced\",\"update\":\"forced\"}}", "id" },
        { "{\"id\":7}", "deployment.download" },
        { "{\"id\":7,\"deployment\":{\"download\":\"forced\"}}", "deployment.update" },
        { "{\"id\":7,\"deployment\":{\"download\":\"now\",\"update\":\"forced\"}}",
          "none of skip" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_ddi_deployment read = { .action = 99 };
        sv_why why = { 0 };
        assert_int_equal(sv_ddi_deployment_read(sv_text_of(CASES[i].json), &read, &why),
                         SV_ERR_INVALID);
        assert_non_null(strstr(why.text, CASES[i].says));
        assert_int_equal(read.action, 99);
    }
}

static void a_cancel_names_the_action_to_be_stopped(void **state) {
    (void) state;
    int64_t action = 0;
    assert_int_equal(
        sv_ddi_cancel_read(SV_TEXT("{\"id\":\"11\",\"cancelAction\":{\"stopId\":\"7\"}}"), &action,
                           NULL),
        SV_OK);
    assert_int_equal(action, 7);
    sv_why why = { 0 };
    assert_int_equal(sv_ddi_cancel_read(SV_TEXT("{\"id\":\"11\"}"), &action, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "stopId"));
}

static void feedback_is_ordinary_ddi_with_our_own_words_beside(void **state) { // [ddid-3]
    (void) state;
    static const uint8_t DIGEST[SV_BOOT_DIGEST_BYTES] = { 0xAB };
    sv_ddi_state own = { .state = "rolled-back",
                         .version = "1.1",
                         .why = "says \"no\"",
                         .digest = DIGEST,
                         .counter = 3,
                         .slot = 1,
                         .number = 12,
                         .bytes = 7,
                         .fetched = 5,
                         .of = 9 };
    sv_ddi_feedback feedback = { .action = 7,
                                 .at_us = INT64_C(1763791804123456),
                                 .finished = SV_DDI_FAILURE,
                                 .closed = true,
                                 .details = { SV_TEXT("one"), SV_TEXT("two") },
                                 .detail_count = 2,
                                 .state = &own };
    char room[SV_DDI_FEEDBACK_MAX] = "";
    sv_textbuf out = SV_TEXTBUF(room);
    sv_ddi_feedback_write(&feedback, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_string_equal(
        room,
        "{\"id\":\"7\",\"time\":\"20251122T061004\",\"status\":{\"result\":{\"finished\":"
        "\"failure\",\"progress\":{\"cnt\":7,\"of\":9}},\"execution\":\"closed\",\"details\":"
        "[\"one\",\"two\"],\"selvedge\":{\"state\":\"rolled-back\",\"version\":\"1.1\",\"sha256\":"
        "\"ab00000000000000000000000000000000000000000000000000000000000000\",\"counter\":3,"
        "\"slot\":\"b\",\"why\":\"says "
        "\\\"no\\\"\",\"number\":12,\"bytes\":7,\"of\":9,\"fetched\":5}}}");
}

static void the_longest_texts_fit_and_stay_letters(void **state) {
    (void) state;
    static char text[4002];
    for (size_t i = 0; i + 3 < sizeof text; i++) {
        text[i] = "\xE2\x82\xAC"[i % 3];
    }
    sv_ddi_state own = { .state = text,
                         .version = text,
                         .why = text,
                         .encoding = text,
                         .counter = -1,
                         .slot = -1,
                         .number = -1 };
    sv_ddi_feedback feedback = { .action = SV_DDI_ACTION_MAX,
                                 .detail_count = SV_DDI_DETAILS_MAX,
                                 .state = &own };
    for (size_t i = 0; i < SV_DDI_DETAILS_MAX; i++) {
        feedback.details[i] = sv_text_of(text);
    }
    char room[SV_DDI_FEEDBACK_MAX] = "";
    sv_textbuf out = SV_TEXTBUF(room);
    sv_ddi_feedback_write(&feedback, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_null(strstr(room, "\xEF\xBF\xBD"));
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_textbuf_text(&out), &root, NULL, NULL), SV_OK);
    const sv_json *status = sv_json_get(root, "status");
    assert_int_equal(sv_json_size(sv_json_get(status, "selvedge")), 7); // three numbers are 0
}

static void configuration_says_what_is_known_and_nothing_else(void **state) {
    (void) state;
    static const sv_ddi_attribute ALL[] = { { "version", "1.0" },
                                            { "sha256", "" },
                                            { "boot", NULL } };
    char room[256] = "";
    sv_textbuf out = SV_TEXTBUF(room);
    sv_ddi_config_write(0, ALL, SV_COUNT(ALL), &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_string_equal(room, "{\"mode\":\"replace\",\"time\":\"19700101T000000\",\"data\":{"
                              "\"version\":\"1.0\"}}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_an_address_only_the_number_counts),
        cmocka_unit_test(a_poll_says_what_there_is_to_do),
        cmocka_unit_test(no_server_can_make_a_device_ask_all_the_time_or_never),
        cmocka_unit_test(what_is_no_answer_is_refused_with_its_fault),
        cmocka_unit_test(a_deployment_says_what_and_how_urgently),
        cmocka_unit_test(a_deployment_without_its_parts_is_refused),
        cmocka_unit_test(a_cancel_names_the_action_to_be_stopped),
        cmocka_unit_test(feedback_is_ordinary_ddi_with_our_own_words_beside),
        cmocka_unit_test(the_longest_texts_fit_and_stay_letters),
        cmocka_unit_test(configuration_says_what_is_known_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
