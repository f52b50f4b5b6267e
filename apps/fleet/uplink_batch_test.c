#include "uplink_batch.h"

#include <base/test.h>

#define EPOCH "\"epoch\":\"0123456789abcdef0123456789abcdef\""
#define AVERAGE                                                                                    \
    "{\"seq\":7,\"kind\":\"average\",\"device_id\":\"press-1\",\"sensor\":\"level\","              \
    "\"unit\":\"m\",\"at\":1800000000000001,\"value\":-2.5e-1}"
#define SUMMARY                                                                                    \
    "{\"seq\":8,\"kind\":\"summary\",\"device_id\":\"press-2\",\"sensor\":\"level\","              \
    "\"unit\":\"\",\"at\":1800000000000000,\"count\":3,\"min\":1,\"mean\":2,\"max\":3,"            \
    "\"score\":42,\"expected\":[0.5,2.5],\"corrected\":true}"

static bool is_flat(const char *body) {
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch batch;
    return sv_uplink_batch_flat(sv_text_of(body), &batch);
}

// [uplink-1]
static void what_gateways_write_is_read_from_its_bytes(void **state) {
    (void) state;
    sv_text body = SV_TEXT("{" EPOCH ",\"from\":5,\"items\":[" AVERAGE "," SUMMARY "]}");
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch batch;
    assert_true(sv_uplink_batch_flat(body, &batch));
    assert_null(batch.root);
    assert_int_equal(batch.from, 5);
    assert_int_equal(batch.count, 2);
    const sv_uplink_item *one = &batch.items[0];
    assert_true(one->good && one->seq == 7 && sv_text_is(one->device_id, "press-1"));
    assert_true(sv_text_is(one->sensor, "level") && sv_text_is(one->unit, "m"));
    assert_true(one->point.kind == SV_POINT_AVERAGE && one->point.at_ms == 1800000000000);
    assert_true(one->point.value == -0.25 && one->point.min == -0.25 && one->point.max == -0.25);
    assert_true(one->point.count == 1 && !one->point.corrected);
    const sv_point *two = &batch.items[1].point;
    assert_true(two->kind == SV_POINT_SUMMARY && two->count == 3 && two->corrected);
    assert_true(two->min == 1 && two->value == 2 && two->max == 3);
    const sv_expected *expected = &batch.items[1].expected;
    assert_true(!one->says_expected && batch.items[1].says_expected && expected->score == 42);
    assert_true(expected->low == 0.5 && expected->high == 2.5 && expected->at_ms == two->at_ms);
}

static void many_items_have_room(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(1 << 22);
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch batch;
    sv_textbuf_add_str(&body, "{" EPOCH ",\"items\":[" AVERAGE);
    for (int i = 1; i < 10000; i++) {
        sv_textbuf_add_str(&body, "," AVERAGE);
    }
    size_t len = body.len;
    sv_textbuf_add_str(&body, "]}");
    assert_true(sv_uplink_batch_flat(sv_textbuf_text(&body), &batch));
    assert_int_equal(batch.count, 10000);
    sv_uplink_batch_drop(&batch);
    body.len = len;
    sv_textbuf_add_str(&body, "," AVERAGE "]}");
    sv_why why;
    assert_int_equal(sv_uplink_batch_read(sv_textbuf_text(&body), &batch, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "10001 items are more than 10000"));
}

static void what_is_not_whole_is_left_to_the_parser(void **state) {
    (void) state;
    static const char *const BODIES[] = {
        "",
        "{",
        "[]",
        "{" EPOCH "}",
        "{" EPOCH ",\"items\":[]}",
        "{\"items\":[" AVERAGE "]}",
        "{" EPOCH ",\"items\":[" AVERAGE "]",
        "{" EPOCH ",\"items\":[" AVERAGE ",]}",
        "{" EPOCH ",\"items\":[" AVERAGE "]} x",
        "{" EPOCH "," EPOCH ",\"items\":[" AVERAGE "]}",
        "{" EPOCH ",\"more\":1,\"items\":[" AVERAGE "]}",
        "{" EPOCH ",\"from\":1.5,\"items\":[" AVERAGE "]}",
        "{" EPOCH ",\"items\":[{\"seq\":0,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":"
        "\"b\",\"at\":1,\"value\":1}]}",
        "{" EPOCH ",\"items\":[{\"seq\":01,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":"
        "\"b\",\"at\":1,\"value\":1}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"seq\":2,\"kind\":\"average\",\"device_id\":\"a\","
        "\"sensor\":\"b\",\"at\":1,\"value\":1}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":"
        "\"b\",\"at\":-1,\"value\":1}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":"
        "\"b\",\"at\":1,\"value\":1e999}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":"
        "\"b\",\"at\":1,\"value\":1,\"min\":1.2.3}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"kind\":\"summary\",\"device_id\":\"a\",\"sensor\":"
        "\"b\",\"at\":1,\"value\":1}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"kind\":\"summary\",\"device_id\":\"a\",\"sensor\":"
        "\"b\",\"at\":1,\"count\":1,\"min\":2,\"mean\":2,\"max\":1}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"kind\":\"other\",\"device_id\":\"a\",\"sensor\":\"b\","
        "\"at\":1,\"value\":1}]}",
        "{" EPOCH ",\"items\":[{\"seq\":1,\"kind\":\"average\",\"device_id\":\"\\u0061\","
        "\"sensor\":\"b\",\"at\":1,\"value\":1}]}",
    };
    for (size_t i = 0; i < SV_COUNT(BODIES); i++) {
        if (is_flat(BODIES[i])) {
            fail_msg("taken: %s", BODIES[i]);
        }
    }
}

static void the_parser_has_the_last_word(void **state) {
    (void) state;
    sv_text body =
        SV_TEXT("{" EPOCH ",\"more\":1,\"items\":[7,{\"seq\":3},{\"seq\":-1}," AVERAGE "]}");
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch batch;
    assert_int_equal(sv_uplink_batch_read(body, &batch, NULL), SV_OK);
    assert_non_null(batch.root);
    assert_int_equal(batch.count, 4);
    assert_true(batch.items[0].seq == 0 && !batch.items[0].good);
    assert_true(batch.items[1].seq == 3 && !batch.items[1].good);
    assert_true(batch.items[2].seq == 0 && batch.items[3].good);
}

static void a_wrong_epoch_is_refused_in_either_form(void **state) {
    (void) state;
    static const char *const BODIES[] = { "{\"epoch\":\"short\",\"items\":[" AVERAGE "]}",
                                          "{\"epoch\":\"short\",\"more\":1,\"items\":[" AVERAGE
                                          "]}" };
    for (size_t i = 0; i < SV_COUNT(BODIES); i++) {
        SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch batch = { .epoch = SV_TEXT("") };
        sv_why why;
        assert_int_equal(sv_uplink_batch_read(sv_text_of(BODIES[i]), &batch, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, "epoch is not 32 hexadecimal digits");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_gateways_write_is_read_from_its_bytes),
        cmocka_unit_test(many_items_have_room),
        cmocka_unit_test(what_is_not_whole_is_left_to_the_parser),
        cmocka_unit_test(the_parser_has_the_last_word),
        cmocka_unit_test(a_wrong_epoch_is_refused_in_either_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
