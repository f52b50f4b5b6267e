// What is wrong with machines, as their gateways tell it.
#include "fleet_fixture.h"

#include "failure_note.h"
#include "uplink.h"

static void post(fixture *f, const char *failure) {
    char room[2048];
    char answer_room[256];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_textbuf answer = SV_TEXTBUF(answer_room);
    sv_textbuf_addf(&body,
                    "{\"gateway\":{},\"devices\":[{\"device_id\":\"press-1\",\"online\":true,"
                    "\"failure\":%s}]}",
                    failure);
    assert_int_equal(sv_uplink_health(&f->fleet, fixture_gateway(f, "gw-a"), sv_textbuf_text(&body),
                                      &answer, NULL),
                     SV_OK);
}

static const char *shown(fixture *f) {
    static char room[2048];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_failure_write(sv_registry_device(f->fleet.registry, SV_TEXT("press-1")), &out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

#define HEAD(risk, horizon)                                                                        \
    "{\"model\":\"kind\",\"version\":2,\"risk\":" risk ",\"horizon_s\":" horizon ",\"classes\":"
#define CLASSES                                                                                    \
    "[{\"name\":\"healthy\",\"probability\":0.4},{\"name\":\"Lager\",\"probability\":0.6}]"
#define PARTS ",\"parts\":[{\"sensor\":\"heat\",\"by\":0.5,\"lower\":false}]"
#define GOOD HEAD("0.6", "36000") CLASSES PARTS

// [model-42] [uplink-21]
static void the_last_word_is_kept_and_shown_until_it_is_taken_back(void **state) {
    fixture *f = *state;
    post(f, GOOD "}");
    assert_string_equal(shown(f), GOOD ",\"at\":1800000000000}");
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_string_equal(shown(f), GOOD ",\"at\":1800000000000}");
    post(f, HEAD("0.9", "0") CLASSES ",\"parts\":[]}");
    assert_string_equal(shown(f), HEAD("0.9", "0") CLASSES ",\"parts\":[],\"at\":1800000000000}");
    post(f, "null");
    assert_string_equal(shown(f), "null");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM failure"), 0);
}

// [uplink-21]
static void what_breaks_its_format_is_passed_over(void **state) {
    fixture *f = *state;
    static const char *const BROKEN[] = {
        "7",
        "{}",
        HEAD("1.2", "36000") CLASSES PARTS "}",
        HEAD("0.6", "-1") CLASSES PARTS "}",
        HEAD("0.6", "36000") "[]" PARTS "}",
        HEAD("0.6", "36000") "[{\"name\":\"a\",\"probability\":1}]" PARTS "}",
        HEAD("0.6", "36000") "[{\"name\":\"a\",\"probability\":1},{\"name\":\"\",\"probability\":"
                             "0}]" PARTS "}",
        HEAD("0.6", "36000") "[{\"name\":\"a\",\"probability\":1},{\"name\":\"b\",\"probability\":"
                             "2}]" PARTS "}",
        HEAD("0.6", "36000") CLASSES ",\"parts\":[{\"sensor\":\"a/b\",\"by\":0.5,\"lower\":false}]"
                                     "}",
        HEAD("0.6", "36000") CLASSES ",\"parts\":[{\"sensor\":\"a\",\"by\":7,\"lower\":false}]}",
        HEAD("0.6", "36000") CLASSES ",\"parts\":[1,2,3,4]}",
    };
    post(f, GOOD "}");
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        post(f, BROKEN[i]);
        assert_string_equal(shown(f), GOOD ",\"at\":1800000000000}");
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_last_word_is_kept_and_shown_until_it_is_taken_back),
        TEST(what_breaks_its_format_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
