#include <base/test.h>
#include <base/time.h>
#include <model/ledger.h>

#define FIRST_DAY INT64_C(20785) // 2026-11-28

typedef struct book {
    sv_ledger ledger;
    sv_ranges numbers;
} book;

static void drop(book *b) {
    sv_ledger_drop(&b->ledger);
    sv_ranges_drop(&b->numbers);
}

static void store(book *b, int64_t seq, int64_t day) {
    (void) sv_ranges_add(&b->numbers, seq);
    sv_ledger_store(&b->ledger, &b->numbers, seq, day * SV_TIME_DAY_US + seq);
}

static void assert_line(const book *b, const char *line) {
    char room[SV_LEDGER_LINE_MAX];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_ledger_format(&b->ledger, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_string_equal(room, line);
}

// [uplink-7]
static void a_day_begins_above_everything_seen_before_it(void **state) {
    (void) state;
    SV_DEFER(drop) book b = { .numbers = SV_RANGES_EMPTY };
    store(&b, 1, FIRST_DAY);
    store(&b, 2, FIRST_DAY);
    // A live one overtakes what the device kept; what follows from below belongs to the same day.
    store(&b, 90, FIRST_DAY + 1);
    store(&b, 3, FIRST_DAY + 1);
    // What fills a gap begins no day, however late it comes.
    store(&b, 4, FIRST_DAY + 2);
    store(&b, 91, FIRST_DAY + 2);
    store(&b, 92, FIRST_DAY + 1); // the clock was set back
    store(&b, 5, FIRST_DAY + 3);
    assert_line(&b, "8 0 0 1795824000000001 1796083200000005 "
                    "2026-11-28:1,2026-11-29:3,2026-11-30:91");
}

static void the_oldest_days_go_first(void **state) {
    (void) state;
    SV_DEFER(drop) book b = { .numbers = SV_RANGES_EMPTY };
    for (int64_t day = 0; day < SV_LEDGER_DAYS_MAX + 3; day++) {
        store(&b, day + 1, FIRST_DAY + day);
    }
    assert_int_equal(b.ledger.day_count, SV_LEDGER_DAYS_MAX);
    assert_int_equal(b.ledger.days[0].from, 4);
    assert_int_equal(b.ledger.days[SV_LEDGER_DAYS_MAX - 1].from, SV_LEDGER_DAYS_MAX + 3);
    char room[SV_LEDGER_LINE_MAX];
    sv_textbuf line = SV_TEXTBUF(room);
    SV_DEFER(sv_ledger_drop) sv_ledger again = { 0 };
    sv_ledger_format(&b.ledger, &line);
    assert_int_equal(sv_ledger_parse(sv_textbuf_text(&line), &again), SV_OK);
    assert_int_equal(again.day_count, SV_LEDGER_DAYS_MAX);
}

static void what_is_no_line_is_refused(void **state) {
    (void) state;
    static const char *const BAD[] = {
        "",
        "1 2 3 4 5",
        "1 2 3 4 ",
        "01 2 3 4 5 ",
        "-1 2 3 4 5 ",
        "1 2 3 4 9007199254740993 ",
        "1 2 3 4 5 2026-11-28",
        "1 2 3 4 5 2026-11-28:0",
        "1 2 3 4 5 2026-11-28:1,",
        "1 2 3 4 5 2026-11-28:1,2026-11-28:2",
        "1 2 3 4 5 2026-11-28:2,2026-11-29:2",
        "1 2 3 4 5 2026-11-31:1",
        "1 2 3 4 5  2026-11-28:1",
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        sv_ledger ledger = { .stored = 77 };
        assert_int_equal(sv_ledger_parse(sv_text_of(BAD[i]), &ledger), SV_ERR_INVALID);
        assert_int_equal(ledger.stored, 77);
    }
}

static void every_broken_item_is_refused_with_its_sentence(void **state) {
    (void) state;
#define REST ",\"refused\":0,\"repeated\":0,\"first_us\":1,\"last_us\":2}"
    static const struct {
        const char *item, *sentence;
    } CASES[] = {
        { "{}", "stored is not a whole number from 0" },
        { "{\"stored\":-1,\"days\":[],\"numbers\":\"1\"" REST,
          "stored is not a whole number from 0" },
        { "{\"stored\":1,\"numbers\":\"1\"" REST, "days is not an array" },
        { "{\"stored\":1,\"days\":[[\"2026-11-28\"]],\"numbers\":\"1\"" REST,
          "days[0] is not a later [\"2026-11-29\", number], or one of more than 40" },
        { "{\"stored\":1,\"days\":[[\"2026-11-28\",2],[\"2026-11-29\",2]],\"numbers\":\"1\"" REST,
          "days[1] is not a later [\"2026-11-29\", number], or one of more than 40" },
        { "{\"stored\":1,\"days\":[],\"numbers\":\"0-1\"" REST,
          "numbers is not a list such as 1-500,503" },
        { "{\"stored\":1,\"days\":[],\"numbers\":\"<1,2\"" REST,
          "numbers is not a list such as 1-500,503" },
        { "{\"stored\":1,\"days\":[],\"numbers\":[1]" REST,
          "numbers is not a list such as 1-500,503" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_ledger ledger = { 0 };
        sv_ranges numbers = SV_RANGES_EMPTY;
        sv_why why = { 0 };
        assert_int_equal(sv_json_parse(sv_text_of(CASES[i].item), &root, NULL, NULL), SV_OK);
        assert_int_equal(sv_ledger_read(root, &ledger, &numbers, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].sentence);
        assert_null(ledger.days);
        assert_null(numbers.at);
    }
}

static void below_a_floor_every_number_counts(void **state) {
    (void) state;
    SV_DEFER(sv_ranges_drop) sv_ranges numbers = SV_RANGES_EMPTY;
    assert_int_equal(sv_ranges_parse(SV_TEXT("<30,40-50,60"), &numbers), SV_OK);
    assert_int_equal(sv_ledger_count(&numbers), 29 + 11 + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_begins_above_everything_seen_before_it),
        cmocka_unit_test(the_oldest_days_go_first),
        cmocka_unit_test(what_is_no_line_is_refused),
        cmocka_unit_test(every_broken_item_is_refused_with_its_sentence),
        cmocka_unit_test(below_a_floor_every_number_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
