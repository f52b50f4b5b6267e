#include "slots.h"

#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void the_kernel_s_command_line_names_the_slot_that_runs(void **state) { // [updater-12]
    (void) state;
    const struct {
        const char *line;
        unsigned slot;
    } cases[] = {
        { "console=ttyS0 root=/dev/mmcblk0p2 selvedge.slot=b quiet\n", 1 },
        { "selvedge.slot=a", 0 },
        { "selvedge.slot=a selvedge.slot=b", 1 },
        { "selvedge.slot=b selvedge.slot=", SV_BOOT_NO_SLOT },
        { "selvedge.slot=c", SV_BOOT_NO_SLOT },
        { "selvedge.slot=aa", SV_BOOT_NO_SLOT },
        { "xselvedge.slot=a", SV_BOOT_NO_SLOT },
        { "", SV_BOOT_NO_SLOT },
        { "\n", SV_BOOT_NO_SLOT },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        if (updater_running_slot(sv_text_of(cases[i].line)) != cases[i].slot) {
            fail_msg("another slot: %s", cases[i].line);
        }
    }
}

static void a_key_file_that_is_none_is_said_with_its_name(void **state) {
    (void) state;
    char folder[] = "/tmp/sv-slots-test-XXXXXX";
    char lock[64];
    static updater_config config;
    static updater_slots slots;
    sv_why why = { 0 };
    assert_non_null(mkdtemp(folder));
    (void) snprintf(config.state, sizeof config.state, "%s", folder);
    (void) snprintf(config.slots.dir, sizeof config.slots.dir, "%s", folder);
    (void) snprintf(config.keys.at[0], sizeof config.keys.at[0], "/dev/null");
    config.keys.count = 1;
    assert_int_equal(updater_slots_open(&slots, &config, 0, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "'/dev/null' is no public key of the curve P-256");
    updater_slots_drop(&slots); // as after every start that fails
    (void) snprintf(lock, sizeof lock, "%s/lock", folder);
    (void) unlink(lock);
    assert_int_equal(rmdir(folder), 0);
}

static void what_fails_with_the_folders_open_lets_go_of_them(void **state) {
    (void) state;
    char folder[] = "/tmp/sv-slots-test-XXXXXX";
    static updater_slots slots;
    assert_non_null(mkdtemp(folder));
    slots = (updater_slots){ .lock = -1 };
    assert_int_equal(sv_slot_folder_open(folder, &slots.slot_folder, NULL), SV_OK);
    updater_slots_drop(&slots);
    assert_null(slots.slot_folder);
    assert_int_equal(rmdir(folder), 0);
}

static void nobody(void *arg) {
    (void) arg;
}

static void whatever_takes_long_is_told_who_keeps_the_watchdog(void **state) { // [updater-13]
    (void) state;
    static updater_slots slots;
    int door = 0;
    updater_slots_tick(&slots, nobody, &door);
    assert_true(slots.native.tick == nobody && slots.native.tick_arg == &door);
    assert_true(slots.rauc.native.tick == nobody && slots.rauc.native.tick_arg == &door);
    assert_true(slots.swupdate.native.tick == nobody && slots.swupdate.native.tick_arg == &door);
    assert_true(slots.watch.tick == nobody && slots.watch.tick_arg == &door);
    assert_true(slots.tpm_pace.tick == nobody && slots.tpm_pace.arg == &door);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_s_command_line_names_the_slot_that_runs),
        cmocka_unit_test(a_key_file_that_is_none_is_said_with_its_name),
        cmocka_unit_test(whatever_takes_long_is_told_who_keeps_the_watchdog),
        cmocka_unit_test(what_fails_with_the_folders_open_lets_go_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
