#include <base/test.h>
#include <model/ack.h>
#include <string.h>

static void parsed(sv_text payload, sv_ack *out) {
    sv_why why = { 0 };
    if (sv_ack_parse(payload, out, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void what_is_written_covers_what_was_seen_and_nothing_else(void **state) { // [ack-1]
    (void) state;
    SV_DEFER(sv_ranges_drop) sv_ranges seen = SV_RANGES_EMPTY;
    const sv_text epoch = SV_TEXT("a\"b");
    // Every second one, the first ones, the rest.
    static const int64_t ORDER[] = { 6, 4, 2, 1, 3, 8, 5, 7 };
    for (size_t i = 0; i < SV_COUNT(ORDER); i++) {
        assert_int_equal(sv_ranges_add(&seen, ORDER[i]), SV_RANGES_NEW);
        char room[SV_ACK_BYTES_MAX];
        sv_textbuf text = SV_TEXTBUF(room);
        sv_ack_format(epoch, &seen, &text);
        assert_false(text.overflowed);
        SV_DEFER(sv_ack_drop) sv_ack ack = { .seq = -1 };
        parsed(sv_textbuf_text(&text), &ack);
        assert_int_equal(ack.seq, sv_ranges_prefix(&seen, 1));
        for (int64_t seq = 0; seq < 10; seq++) {
            assert_int_equal(sv_ack_covers(&ack, epoch, seq), sv_ranges_has(&seen, seq));
            assert_false(sv_ack_covers(&ack, SV_TEXT("other"), seq));
        }
    }
}

static void without_gaps_it_is_epoch_and_number(void **state) {
    (void) state;
    SV_DEFER(sv_ranges_drop) sv_ranges seen = SV_RANGES_EMPTY;
    sv_ranges_add_all(&seen, 1, 90);
    char room[SV_ACK_BYTES_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_ack_format(SV_TEXT("e"), &seen, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, "{\"epoch\":\"e\",\"seq\":90}");
}

static void as_many_gaps_as_are_kept_fit(void **state) {
    (void) state;
    SV_DEFER(sv_ranges_drop) sv_ranges seen = SV_RANGES_EMPTY;
    for (int64_t i = 0; i < INT64_C(2) * SV_RANGES_MAX; i++) {
        int64_t from = (INT64_C(1) << 52) + 10 * i;
        sv_ranges_add_all(&seen, from, from + 1);
    }
    char room[SV_ACK_BYTES_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_ack_format(SV_TEXT("\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                          "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"),
                  &seen, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    SV_DEFER(sv_ack_drop) sv_ack ack = { .seq = -1 };
    parsed(sv_textbuf_text(&text), &ack);
    assert_int_equal(ack.also.count, seen.count);
}

static void what_is_something_else_is_refused_with_its_reason(void **state) {
    (void) state;
    static const struct {
        const char *payload, *why;
    } CASES[] = {
        { "{\"seq\":1}", "epoch is no text" },
        { "{\"epoch\":\"\",\"seq\":1}", "epoch is no text" },
        { "{\"epoch\":\"123456789012345678901234567890123\",\"seq\":1}", "epoch is no text" },
        { "{\"epoch\":\"e\"}", "seq is no whole number" },
        { "{\"epoch\":\"e\",\"seq\":-1}", "seq is no whole number" },
        { "{\"epoch\":\"e\",\"seq\":1.5}", "seq is no whole number" },
        { "{\"epoch\":\"e\",\"seq\":1,\"numbers\":7}", "numbers are no ranges" },
        { "{\"epoch\":\"e\",\"seq\":1,\"numbers\":\"3-1\"}", "numbers are no ranges" },
        { "[]", "epoch is no text" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_ack ack = { .seq = -7 };
        sv_why why = { 0 };
        assert_int_equal(sv_ack_parse(sv_text_of(CASES[i].payload), &ack, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, CASES[i].why));
        assert_int_equal(ack.seq, -7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_covers_what_was_seen_and_nothing_else),
        cmocka_unit_test(without_gaps_it_is_epoch_and_number),
        cmocka_unit_test(as_many_gaps_as_are_kept_fit),
        cmocka_unit_test(what_is_something_else_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
