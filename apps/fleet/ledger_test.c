#include "fleet_fixture.h"

#include "ledger.h"

#include <base/time.h>

enum { ANSWER_MAX = 16 * 1024 };

#define FIRST_DAY INT64_C(20785) // 2026-11-28
#define ITEM(device, epoch, numbers, stored, days)                                                 \
    "{\"device_id\":\"" device "\",\"epoch\":\"" epoch "\",\"numbers\":\"" numbers                 \
    "\",\"stored\":" stored ",\"refused\":1,\"repeated\":2,\"days\":[" days                        \
    "],\"first_us\":1795824000000000,\"last_us\":1795824001000000}"
#define BOTH_DAYS "[\"2026-11-28\",1],[\"2026-11-29\",401]"

static void tell(fixture *f, const char *gateway, const char *items, int refused) {
    char body[8192];
    char room[SV_UPLINK_ANSWER_MAX];
    char wanted[32];
    sv_textbuf answer = SV_TEXTBUF(room);
    (void) snprintf(body, sizeof body, "{\"items\":[%s]}", items);
    (void) snprintf(wanted, sizeof wanted, "{\"refused\":%d}", refused);
    assert_int_equal(
        sv_ledger_take(&f->fleet, fixture_gateway(f, gateway), sv_text_of(body), &answer, NULL),
        SV_OK);
    assert_string_equal(room, wanted);
}

static sv_json *asked(fixture *f, const char *device, int64_t day) {
    char room[ANSWER_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json *root = NULL;
    const sv_device *known = sv_registry_device(f->fleet.registry, sv_text_of(device));
    assert_non_null(known);
    assert_int_equal(sv_ledger_write_device(f->fleet.db, known, day, &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
    return root;
}

static int64_t number(const sv_json *object, const char *key) {
    int64_t value = -1;
    (void) sv_json_int(sv_json_get(object, key), &value);
    return value;
}

static bool flag(const sv_json *object, const char *key) {
    bool value = false;
    assert_true(sv_json_bool(sv_json_get(object, key), &value));
    return value;
}

/// The only epoch: its span, what came, the gaps, and whether all is well.
static void assert_epoch(fixture *f, const char *device, int64_t day, int64_t from, int64_t to,
                         int64_t received, const char *missing, int64_t doubled) {
    SV_DEFER(sv_json_drop) sv_json *root = asked(f, device, day);
    const sv_json *epochs = sv_json_get(root, "epochs");
    assert_int_equal(sv_json_count(epochs), 1);
    const sv_json *e = sv_json_at(epochs, 0);
    char room[1024];
    sv_textbuf gaps = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&gaps);
    sv_json_put_value(&out, sv_json_get(e, "missing"));
    assert_int_equal(sv_textbuf_end(&gaps), SV_OK);
    assert_string_equal(room, missing);
    assert_int_equal(number(e, "from"), from);
    assert_int_equal(number(e, "to"), to);
    assert_int_equal(number(e, "received"), received);
    assert_int_equal(number(e, "doubled"), doubled);
    assert_int_equal(flag(root, "complete"), strcmp(missing, "[]") == 0 && doubled == 0);
}

// [api-1]
static void gaps_and_doubles_are_named(void **state) {
    fixture *f = *state;
    tell(f, "gw-a", ITEM("press-1", "e", "1-6,10", "7", BOTH_DAYS), 0);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 10, 7, "[\"7-9\"]", 0);
    tell(f, "gw-a", ITEM("press-1", "e", "2-6,8-10", "10", BOTH_DAYS), 0);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 10, 8, "[\"1\",\"7\"]", 2);
    tell(f, "gw-a", ITEM("press-1", "e", "1-10", "10", BOTH_DAYS), 0);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 10, 10, "[]", 0);
    SV_DEFER(sv_json_drop) sv_json *root = asked(f, "press-1", SV_LEDGER_ALL_DAYS);
    const sv_json *e = sv_json_at(sv_json_get(root, "epochs"), 0);
    assert_int_equal(number(e, "refused"), 1);
    assert_int_equal(number(e, "repeated"), 2);
    assert_int_equal(number(e, "first"), INT64_C(1795824000000));
    assert_int_equal(number(e, "last"), INT64_C(1795824001000));
    assert_true(sv_json_is_null(sv_json_get(root, "day")));
}

// [api-1]
static void a_day_has_its_own_numbers(void **state) {
    fixture *f = *state;
    tell(f, "gw-a", ITEM("press-1", "e", "1-398,403-500", "496", BOTH_DAYS), 0);
    assert_epoch(f, "press-1", FIRST_DAY, 1, 400, 398, "[\"399-400\"]", 0);
    assert_epoch(f, "press-1", FIRST_DAY + 1, 401, 500, 98, "[\"401-402\"]", 0);
    for (int64_t other = FIRST_DAY - 1; other <= FIRST_DAY + 2; other += 3) {
        SV_DEFER(sv_json_drop) sv_json *root = asked(f, "press-1", other);
        assert_int_equal(sv_json_count(sv_json_get(root, "epochs")), 0);
        assert_true(flag(root, "complete"));
    }
}

// [api-1]
static void below_a_floor_nothing_is_called_missing_and_nothing_complete(void **state) {
    fixture *f = *state;
    tell(f, "gw-a", ITEM("press-1", "e", "<30,40-50", "20", BOTH_DAYS), 0);
    SV_DEFER(sv_json_drop) sv_json *root = asked(f, "press-1", SV_LEDGER_ALL_DAYS);
    const sv_json *e = sv_json_at(sv_json_get(root, "epochs"), 0);
    assert_int_equal(number(e, "unknown_below"), 30);
    assert_int_equal(number(e, "received"), 11);
    assert_int_equal(number(e, "doubled"), 0);
    sv_text gap;
    assert_int_equal(sv_json_count(sv_json_get(e, "missing")), 1);
    assert_true(sv_json_text(sv_json_at(sv_json_get(e, "missing"), 0), &gap));
    assert_true(sv_text_is(gap, "30-39"));
    assert_false(flag(root, "complete"));
    // 29 numbers below the floor and 11 above it account for 40 readings.
    tell(f, "gw-a", ITEM("press-1", "e", "<30,30-50", "53", BOTH_DAYS), 0);
    SV_DEFER(sv_json_drop) sv_json *again = asked(f, "press-1", SV_LEDGER_ALL_DAYS);
    e = sv_json_at(sv_json_get(again, "epochs"), 0);
    assert_int_equal(number(e, "doubled"), 3);
    assert_int_equal(sv_json_count(sv_json_get(e, "missing")), 0);
    assert_false(flag(again, "complete"));
}

// [uplink-6]
static void what_is_known_is_replaced_and_never_shrinks(void **state) {
    fixture *f = *state;
    tell(f, "gw-a", ITEM("press-1", "e", "1-10", "10", BOTH_DAYS), 0);
    tell(f, "gw-a", ITEM("press-1", "e", "1-9", "9", BOTH_DAYS), 1);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 10, 10, "[]", 0);
    // The same numbers say more when a row was doubled.
    tell(f, "gw-a", ITEM("press-1", "e", "1-10", "12", BOTH_DAYS), 0);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 10, 10, "[]", 2);
    tell(f, "gw-a", ITEM("press-1", "e", "1-11", "11", BOTH_DAYS), 0);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 11, 11, "[]", 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM ledger"), 1);
    assert_int_equal(f->fleet.counts.items_refused, 1);
}

// [uplink-4] [uplink-5]
static void a_foreign_or_broken_item_costs_only_itself(void **state) {
    fixture *f = *state;
    tell(f, "gw-a", ITEM("press-1", "e", "1-10", "10", BOTH_DAYS), 0);
    tell(f, "gw-b",
         ITEM("press-1", "e", "1-99", "99", BOTH_DAYS) ",7,{}," ITEM(
             "a/b", "e", "1", "1", "") "," ITEM("lathe-1", "", "1", "1", "") "," //
         ITEM("lathe-1", "e", "1-2", "-2", "") "," ITEM("lathe-1", "e", "1-2", "2", ""),
         6);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 10, 10, "[]", 0);
    assert_epoch(f, "lathe-1", SV_LEDGER_ALL_DAYS, 1, 2, 2, "[]", 0);
}

static void a_body_that_is_none_is_refused_whole(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf many = SV_TEXTBUF_HEAP(65536);
    sv_textbuf_add_str(&many, "{\"items\":[0");
    for (int i = 0; i < SV_LEDGER_ITEMS_MAX; i++) {
        sv_textbuf_add_str(&many, ",0");
    }
    sv_textbuf_add_str(&many, "]}");
    const struct {
        sv_text body;
        const char *sentence;
    } cases[] = { { SV_TEXT("[]"), "items is not an array" },
                  { SV_TEXT("{\"items\":{}}"), "items is not an array" },
                  { sv_textbuf_text(&many), "1001 items are more than 1000; send smaller "
                                            "requests" } };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        char room[SV_UPLINK_ANSWER_MAX];
        sv_textbuf answer = SV_TEXTBUF(room);
        sv_why why = { 0 };
        assert_int_equal(
            sv_ledger_take(&f->fleet, fixture_gateway(f, "gw-a"), cases[i].body, &answer, &why),
            SV_ERR_INVALID);
        assert_string_equal(why.text, cases[i].sentence);
    }
}

// [uplink-5]
static void what_was_answered_is_there_after_a_restart(void **state) {
    fixture *f = *state;
    tell(f, "gw-a", ITEM("press-1", "e", "1-6,10", "7", BOTH_DAYS), 0);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 10, 7, "[\"7-9\"]", 0);
}

// [api-1]
static void two_gateways_of_a_site_complete_each_other(void **state) {
    fixture *f = *state;
    tell(f, "gw-a", ITEM("press-1", "e", "1-5,20", "6", "[\"2026-11-28\",1]"), 0);
    sv_registry_gateway(f->fleet.registry, "gw-b")->site =
        sv_registry_gateway(f->fleet.registry, "gw-a")->site;
    tell(f, "gw-b", ITEM("press-1", "e", "4-18", "15", "[\"2026-11-28\",1]"), 0);
    // 4 and 5 stand in both stores.
    assert_epoch(f, "press-1", SV_LEDGER_ALL_DAYS, 1, 20, 19, "[\"19\"]", 2);
}

static void the_epochs_not_told_of_for_longest_go(void **state) {
    fixture *f = *state;
    for (int i = 0; i < SV_LEDGER_EPOCHS_MAX + 3; i++) {
        char item[512];
        (void) snprintf(item, sizeof item,
                        "{\"device_id\":\"press-1\",\"epoch\":\"e%d\",\"numbers\":\"1\","
                        "\"stored\":1,\"refused\":0,\"repeated\":0,\"days\":[],\"first_us\":1,"
                        "\"last_us\":1}",
                        i);
        tell(f, "gw-a", item, 0);
        fixture_now_us++;
        tell(f, "gw-a", ITEM("press-1", "e0", "1-2", "2", ""), 0); // this one is in use
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM ledger"), SV_LEDGER_EPOCHS_MAX);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM ledger WHERE epoch = 'e0'"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM ledger WHERE epoch IN"
                                      " ('e1', 'e2', 'e3')"),
                     0);
}

// [api-2]
static void a_day_of_the_fleet_is_a_line_per_device(void **state) {
    fixture *f = *state;
    tell(f, "gw-a",
         ITEM("press-1", "a", "1-398", "400", BOTH_DAYS) "," ITEM("press-1", "b", "1-5,9", "6",
                                                                  "[\"2026-11-28\",1]") "," //
         ITEM("lathe-1", "a", "1-400", "400", BOTH_DAYS),
         0);
    static const char *const PAGES[] = {
        "{\"items\":[{\"device\":\"lathe-1\",\"received\":400,\"missing\":0,\"doubled\":0,"
        "\"complete\":true}],\"next\":\"lathe-1\"}",
        "{\"items\":[{\"device\":\"press-1\",\"received\":404,\"missing\":5,\"doubled\":2,"
        "\"complete\":false}],\"next\":null}",
    };
    const char *cursors[] = { "", "lathe-1" };
    for (size_t i = 0; i < SV_COUNT(PAGES); i++) {
        char room[1024];
        sv_textbuf text = SV_TEXTBUF(room);
        sv_json_out out = SV_JSON_OUT(&text);
        assert_int_equal(sv_ledger_write_day(&f->fleet, FIRST_DAY, "", cursors[i], 1, &out, NULL),
                         SV_OK);
        assert_int_equal(sv_textbuf_end(&text), SV_OK);
        assert_string_equal(room, PAGES[i]);
    }
    char room[256];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    assert_int_equal(sv_ledger_write_day(&f->fleet, FIRST_DAY, "", "a b", 1, &out, NULL),
                     SV_ERR_INVALID);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(gaps_and_doubles_are_named),
        TEST(a_day_has_its_own_numbers),
        TEST(below_a_floor_nothing_is_called_missing_and_nothing_complete),
        TEST(what_is_known_is_replaced_and_never_shrinks),
        TEST(a_foreign_or_broken_item_costs_only_itself),
        TEST(a_body_that_is_none_is_refused_whole),
        TEST(what_was_answered_is_there_after_a_restart),
        TEST(two_gateways_of_a_site_complete_each_other),
        TEST(the_epochs_not_told_of_for_longest_go),
        TEST(a_day_of_the_fleet_is_a_line_per_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
