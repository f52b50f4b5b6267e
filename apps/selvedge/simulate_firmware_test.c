#include "simulate_firmware.h"

#include "simulate_slots.h"

#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

#define LONG "12345678901234567890123456789012345678901234567890123456789012345678"

static void an_image_says_its_version_and_on_whom_it_fails(void **state) {
    (void) state;
    sim_image image;
    assert_int_equal(
        sim_image_read(SV_TEXT("{\"version\":\"1.1\",\"fails_on\":\"press-05\"}\n"), &image, NULL),
        SV_OK);
    assert_string_equal(image.version, "1.1");
    assert_string_equal(image.fails_on, "press-05");
    assert_int_equal(sim_image_read(SV_TEXT("{\"version\":\"1.0\"}"), &image, NULL), SV_OK);
    assert_string_equal(image.fails_on, "");
}

static void what_is_no_image_is_refused(void **state) {
    (void) state;
    static const char *const BAD[] = {
        "",
        "ELF",
        "{}",
        "{\"version\":1}",
        "{\"version\":\"1.0\",\"fails_on\":\"" LONG "\"}",
        "{\"version\":\"" LONG "\"}",
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        sim_image image = { .version = "as before" };
        sv_why why = { 0 };
        assert_int_equal(sim_image_read(sv_text_of(BAD[i]), &image, &why), SV_ERR_INVALID);
        assert_true(why.text[0] != '\0');
        assert_string_equal(image.version, "as before");
    }
}

static void a_machine_that_was_cut_while_it_was_made_is_made_again(void **state) {
    (void) state;
    char machine[] = "/tmp/sv-simulate-XXXXXX";
    char slot[SV_PATH_MAX];
    sv_why why = { 0 };
    assert_non_null(mkdtemp(machine));
    assert_int_equal(sv_disk_join(slot, sizeof slot, machine, "slot-a"), SV_OK);
    assert_int_equal(sv_disk_replace(slot, SV_TEXT("half an image"), 0600, NULL), SV_OK);
    // The factory's image is asked for anew; here there is none.
    assert_true(sim_slots_prepare(machine, machine, &why) != SV_OK);
    assert_non_null(strstr(why.text, SIM_FIRMWARE_IMAGE));
    assert_false(sv_disk_exists(slot));
    assert_int_equal(sv_disk_remove_tree(machine, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_says_its_version_and_on_whom_it_fails),
        cmocka_unit_test(what_is_no_image_is_refused),
        cmocka_unit_test(a_machine_that_was_cut_while_it_was_made_is_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
