#include "update_command.h"

#include <base/test.h>
#include <codec/json.h>
#include <ddi/updater.h>

static sv_updater_status one_on_its_way(void) {
    sv_updater_status status = {
        .id = "press-17",
        .product = "press",
        .hardware = "rev-b",
        .running = 0,
        .boot = { SV_BOOT_SLOT_CONFIRMED, SV_BOOT_SLOT_IDLE },
        .counter = 3,
        .runs = { .known = true, .counter = 3, .product = "press", .version = "1.0" },
        .state = SV_TRIAL_DOWNLOADING,
        .slot = 1,
        .update = { .known = true, .image_bytes = 1000, .product = "press", .version = "1.1" },
        .written = 500,
        .report_count = 1,
        .bad_count = 1
    };
    status.reports[0] = (sv_journal_report){ .number = 4,
                                             .state = SV_TRIAL_ROLLED_BACK,
                                             .slot = 1,
                                             .version = "1.0.9",
                                             .why = "no poll of it was answered" };
    return status;
}

static sv_agent_history *two_states(void) {
    static sv_agent_history history;
    const sv_updater_status status = one_on_its_way();
    history = (sv_agent_history){ .count = 2 };
    history.entries[0].report = (sv_journal_report){ .number = 3, .version = "1.0" };
    history.entries[1] =
        (sv_history_entry){ .at_us = INT64_C(1795000000000000) + 5, .report = status.reports[0] };
    history.entries[1].report.action = 70001;
    return &history;
}

static void people_read_what_runs_and_what_is_on_its_way(void **state) { // [ddid-19]
    (void) state;
    const sv_updater_status status = one_on_its_way();
    char room[4096] = "";
    sv_textbuf out = SV_TEXTBUF(room);
    sv_agent_status_table(&status, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_non_null(strstr(room, "press 1.0, release 3"));
    assert_non_null(strstr(room, "(slot a, confirmed)"));
    assert_non_null(strstr(room, "update    downloading 1.1"));
    assert_non_null(strstr(room, "500 of 1000 bytes"));
    assert_non_null(strstr(room, "1 not delivered"));
    sv_textbuf_clear(&out);
    sv_agent_history_table(&status, two_states(), &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_non_null(strstr(room, "at an unknown time    no action  1.0 idle, slot a\n"));
    assert_non_null(strstr(room, "2026-11-18T11:06:40Z  action 70001  1.0.9 rolled-back, slot b: "
                                 "no poll of it was answered (not delivered)\n"));
}

static void programs_read_json(void **state) { // [ddid-19]
    (void) state;
    const sv_updater_status status = one_on_its_way();
    char room[4096] = "";
    sv_textbuf out = SV_TEXTBUF(room);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_DEFER(sv_json_drop) sv_json *history = NULL;
    sv_text text = { 0 };
    sv_agent_status_json(&status, &out);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&out), &root, NULL, NULL), SV_OK);
    assert_true(sv_json_text(sv_json_get(sv_json_get(root, "runs"), "version"), &text));
    assert_true(sv_text_is(text, "1.0"));
    assert_true(sv_json_text(sv_json_get(root, "state"), &text));
    assert_true(sv_text_is(text, "downloading"));
    assert_true(sv_json_is_null(sv_json_get(root, "other")));
    sv_textbuf_clear(&out);
    sv_agent_history_json(&status, two_states(), &out);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&out), &history, NULL, NULL), SV_OK);
    assert_int_equal(sv_json_count(history), 3);
    const sv_json *entry = sv_json_at(history, 1);
    assert_true(sv_json_text(sv_json_get(entry, "state"), &text));
    assert_true(sv_text_is(text, "rolled-back"));
    assert_true(sv_json_is_null(sv_json_get(sv_json_at(history, 0), "action")));
    assert_true(sv_json_is_null(sv_json_get(sv_json_at(history, 0), "at")));
}

static void a_device_without_history_has_an_empty_list(void **state) {
    (void) state;
    const sv_updater_status status = { .running = SV_BOOT_NO_SLOT };
    char room[4096] = "";
    sv_textbuf out = SV_TEXTBUF(room);
    const sv_agent_history none = { .count = 0 };
    sv_agent_history_json(&status, &none, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_string_equal(room, "[]\n");
    sv_textbuf_clear(&out);
    sv_agent_status_table(&status, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_non_null(strstr(room, "runs      nothing that is known"));
}

static void the_way_back_is_waited_for_as_long_as_a_slot_takes_to_read(void **state) {
    (void) state; // [updater-11]
    assert_int_equal(sv_agent_update_wait_us(SV_UPDATER_ROLLBACK), SV_DDI_UPDATER_PATIENCE_US);
    assert_true(sv_agent_update_wait_us(SV_UPDATER_ASK) <= SV_TIME_MINUTE_US);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_read_what_runs_and_what_is_on_its_way),
        cmocka_unit_test(programs_read_json),
        cmocka_unit_test(a_device_without_history_has_an_empty_list),
        cmocka_unit_test(the_way_back_is_waited_for_as_long_as_a_slot_takes_to_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
