#include "gateway.h"
#include <base/test.h>

static sv_reading numbered(int64_t seq) {
    return (sv_reading){ .epoch = SV_TEXT("e"), .seq = seq, .at_us = seq, .value = 1 };
}

static void a_numbered_reading_counts_once_in_any_order(void **state) {
    (void) state;
    gw_stream stream = { .row = 1 };
    SV_DEFER(gw_sender_clear) gw_sender sender = { .seen = SV_RANGES_EMPTY };
    for (int64_t seq = 3000; seq > 1; seq--) {
        sv_reading reading = numbered(seq);
        assert_true(gw_is_new(&stream, &sender, &reading));
        assert_false(gw_is_new(&stream, &sender, &reading));
    }
    for (int64_t seq = 3001; seq < 3400; seq += 7) {
        sv_reading reading = numbered(seq);
        assert_true(gw_is_new(&stream, &sender, &reading));
        assert_false(gw_is_new(&stream, &sender, &reading));
    }
}

static void a_backfill_far_below_the_live_numbers_counts_once(void **state) {
    (void) state;
    gw_stream stream = { .row = 1 };
    SV_DEFER(gw_sender_clear) gw_sender sender = { .seen = SV_RANGES_EMPTY };
    sv_reading live = numbered(1000000);
    sv_reading old = numbered(1);
    assert_true(gw_is_new(&stream, &sender, &live));
    assert_true(gw_is_new(&stream, &sender, &old));
    // Far more in between than time and value are remembered for.
    for (int64_t seq = 2; seq < 1000; seq++) {
        sv_reading other = numbered(seq);
        assert_true(gw_is_new(&stream, &sender, &other));
    }
    assert_false(gw_is_new(&stream, &sender, &old));
    assert_false(gw_is_new(&stream, &sender, &live));
}

static void without_numbers_time_and_value_decide(void **state) {
    (void) state;
    gw_stream stream = { .row = 1 };
    sv_reading reading = { .at_us = 1, .value = 2 };
    assert_true(gw_is_new(&stream, NULL, &reading));
    assert_false(gw_is_new(&stream, NULL, &reading));
    reading.value = 3;
    assert_true(gw_is_new(&stream, NULL, &reading));
}

static void assert_parses(const char *line, const char *name, const char *again) {
    char rooms[2][512];
    sv_textbuf read = SV_TEXTBUF(rooms[0]);
    sv_textbuf written = SV_TEXTBUF(rooms[1]);
    SV_DEFER(gw_sender_clear) gw_sender sender = { .seen = SV_RANGES_EMPTY };
    assert_int_equal(gw_sender_parse(sv_text_of(line), &read, &sender), SV_OK);
    assert_true(sv_text_is(sv_textbuf_text(&read), name));
    gw_sender_format(sv_textbuf_text(&read), &sender, &written);
    assert_true(sv_text_is(sv_textbuf_text(&written), again));
}

static void a_line_of_the_checkpoint_reads_back(void **state) {
    (void) state;
    assert_parses("press-1/e 1-5,9 6 0 3 17 18 1970-01-01:1", "press-1/e",
                  "press-1/e 1-5,9 6 0 3 17 18 1970-01-01:1\n");
    assert_parses("press-1/e  0 1 0 0 0 ", "press-1/e", "press-1/e  0 1 0 0 0 \n");
    // An epoch is any text, also one that would end the name or the line.
    assert_parses("press-1/a%20b%0A%2F 1 1 0 0 2 2 ", "press-1/a b\n/",
                  "press-1/a%20b%0A%2F 1 1 0 0 2 2 \n");
    // From before there was a ledger.
    assert_parses("press-1/e 1-5,9", "press-1/e", "press-1/e 1-5,9 6 0 0 0 0 \n");
    assert_parses("press-1/e <5,9", "press-1/e", "press-1/e <5,9 5 0 0 0 0 \n");
}

static void what_is_no_line_of_the_checkpoint_is_refused(void **state) {
    (void) state;
    static const char *const BAD[] = {
        "",
        "press-1 1-5",
        "press-1/ 1-5",
        "/e 1-5",
        "a b/e 1-5",
        "press-1/%0 1-5",
        "press-1/%00 1-5",
        "press-1/0123456789012345678901234567890123 1-5",
        "press-1/e 5-1",
        "press-1/e 1-5 5",
        "press-1/e 1-5 5 0 0 1 1 x",
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        char room[GW_SENDER_ROOM];
        sv_textbuf name = SV_TEXTBUF(room);
        gw_sender sender = { .used_us = 77 };
        assert_int_not_equal(gw_sender_parse(sv_text_of(BAD[i]), &name, &sender), SV_OK);
        assert_int_equal(sender.used_us, 77);
        assert_null(sender.seen.at);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_numbered_reading_counts_once_in_any_order),
        cmocka_unit_test(a_backfill_far_below_the_live_numbers_counts_once),
        cmocka_unit_test(without_numbers_time_and_value_decide),
        cmocka_unit_test(a_line_of_the_checkpoint_reads_back),
        cmocka_unit_test(what_is_no_line_of_the_checkpoint_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
