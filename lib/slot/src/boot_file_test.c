#include "test_medium.h"
#include <slot/boot_control.h>

static medium M;
static sv_boot_file FILE_;
static sv_boot_control B;

static int begin(void **state) {
    static const platter NOTHING;
    (void) state;
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, &NOTHING);
    FILE_ = (sv_boot_file){ .disk = &M.disk, .running = SV_BOOT_NO_SLOT };
    B = sv_boot_file_control(&FILE_);
    return 0;
}

static int end(void **state) {
    (void) state;
    medium_forget_events(&M);
    return 0;
}

static void no_file_is_a_device_that_remembers_nothing(void **state) { // [slot-5]
    (void) state;
    sv_boot_state s;
    unsigned slot = 0;
    assert_int_equal(B.state(B.arg, &s, NULL), SV_OK);
    assert_int_equal(s.slots[0].state, SV_BOOT_SLOT_IDLE);
    assert_int_equal(s.slots[1].state, SV_BOOT_SLOT_IDLE);
    assert_int_equal(s.counter, 0);
    assert_int_equal(B.current(B.arg, &slot, NULL), SV_OK);
    assert_int_equal(slot, SV_BOOT_NO_SLOT);
    assert_int_equal(M.count, 0);
}

static void what_was_changed_is_remembered_in_one_durable_write(void **state) { // [slot-5]
    (void) state;
    sv_boot_state s;
    const sv_boot_state first = { .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 } }, .counter = 300 };
    assert_int_equal(sv_boot_file_keep(&FILE_, &first, NULL), SV_OK);
    for (unsigned step = 0; step < 4; step++) {
        size_t before = M.count;
        sv_err err = step == 0   ? B.release(B.arg, 1, NULL)
                     : step == 1 ? B.arm(B.arg, 1, 3, NULL)
                     : step == 2 ? B.confirm(B.arg, 1, 70000, NULL)
                                 : (B.fail)(B.arg, 0, NULL);
        assert_int_equal(err, SV_OK);
        // No write where nothing is another than before, only what may be left is flushed; else one
        // write, flushed.
        assert_int_equal(M.count - before, 2);
        if (step == 0) {
            assert_int_equal(M.events[before].kind, MEDIUM_SYNC);
            assert_int_equal(M.events[before + 1].kind, MEDIUM_SYNC_FOLDER);
        } else {
            assert_int_equal(M.events[before].kind, MEDIUM_WRITE);
            assert_int_equal(M.events[before + 1].kind, MEDIUM_SYNC);
        }
    }
    assert_int_equal(B.state(B.arg, &s, NULL), SV_OK);
    assert_int_equal(s.slots[0].state, SV_BOOT_SLOT_BAD);
    assert_int_equal(s.slots[1].state, SV_BOOT_SLOT_CONFIRMED);
    assert_int_equal(s.primary, 1);
    assert_int_equal(s.counter, 70000);
}

static void the_way_back_is_not_given_up(void **state) { // [slot-5]
    (void) state;
    sv_why why = { 0 };
    const sv_boot_state first = { .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 } }, .counter = 1 };
    assert_int_equal(sv_boot_file_keep(&FILE_, &first, NULL), SV_OK);
    size_t before = M.count;
    assert_int_equal(B.release(B.arg, 0, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "slot a cannot be given up: it is the one that was confirmed "
                                  "last, the way back");
    assert_int_equal((B.fail)(B.arg, 0, &why), SV_ERR_STATE);
    assert_int_equal(B.arm(B.arg, 0, 1, &why), SV_ERR_STATE);
    assert_int_equal(B.confirm(B.arg, 1, 9, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "slot b cannot be confirmed: it is not on trial");
    assert_int_equal(M.count, before);
}

static void two_damaged_copies_are_said_and_nothing_is_remembered(void **state) { // [slot-5]
    (void) state;
    sv_boot_state s;
    bool damaged = false;
    const sv_boot_state first = { .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 } }, .counter = 7 };
    assert_int_equal(sv_boot_file_keep(&FILE_, &first, NULL), SV_OK);
    assert_int_equal(sv_boot_file_read(&FILE_, &s, &damaged, NULL), SV_OK);
    assert_false(damaged);
    assert_int_equal(s.counter, 7);
    memset(M.now.files[0].data, 0xff, SV_TWIN_FILE_BYTES);
    assert_int_equal(sv_boot_file_read(&FILE_, &s, &damaged, NULL), SV_OK);
    assert_true(damaged);
    assert_int_equal(s.counter, 0);
    assert_int_equal(s.slots[0].state, SV_BOOT_SLOT_IDLE);
    M.fail_at = M.calls + 1;
    M.fail_for = 1;
    assert_int_equal(sv_boot_file_read(&FILE_, &s, &damaged, NULL), SV_ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_file_is_a_device_that_remembers_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_was_changed_is_remembered_in_one_durable_write, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_way_back_is_not_given_up, begin, end),
        cmocka_unit_test_setup_teardown(two_damaged_copies_are_said_and_nothing_is_remembered,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
