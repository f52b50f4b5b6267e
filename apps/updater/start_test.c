#include "start.h"

#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void a_start_has_one_name_and_another_one_another(void **state) { // [updater-41]
    (void) state;
    char names[4][START_NAME_ROOM];
    assert_int_equal(start_name(NULL, names[0], NULL), SV_OK);
    assert_int_equal(start_name(NULL, names[1], NULL), SV_OK);
    assert_string_equal(names[0], names[1]);
    assert_int_equal(start_name("7", names[2], NULL), SV_OK);
    assert_int_equal(start_name("8", names[3], NULL), SV_OK);
    assert_string_not_equal(names[2], names[3]);
    assert_string_not_equal(names[0], names[2]);
    assert_memory_equal(names[0], names[2], 36); // the boot's
}

static void what_names_no_start_is_refused(void **state) { // [updater-41]
    (void) state;
    char name[START_NAME_ROOM];
    char text[START_SAID_MAX + 2];
    sv_why why = { 0 };
    memset(text, 'x', sizeof text);
    text[START_SAID_MAX + 1] = '\0';
    assert_int_equal(start_name(text, name, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "--start has 1 to 64"));
    text[START_SAID_MAX] = '\0';
    assert_int_equal(start_name(text, name, NULL), SV_OK);
    assert_int_equal(start_name("", name, NULL), SV_ERR_INVALID);
    assert_int_equal(start_name("a b", name, NULL), SV_ERR_INVALID);
    assert_int_equal(start_name("a\n", name, NULL), SV_ERR_INVALID);
}

static void a_process_says_when_it_started_whatever_its_name(void **state) { // [updater-41]
    (void) state;
    sv_text ticks = { .at = "", .len = 0 };
    assert_int_equal(start_of_process(SV_TEXT("1 (a) b) S 0 1 1 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 "
                                              "0 4711 18 19\n"),
                                      &ticks),
                     SV_OK);
    assert_true(sv_text_is(ticks, "4711"));
    static const char *const BROKEN[] = { "", "1 (a)", "1 (a) S 0 1 1\n",
                                          "1 (a) S 0 1 1 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 x 18" };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        assert_int_equal(start_of_process(sv_text_of(BROKEN[i]), &ticks), SV_ERR_INVALID);
    }
}

static void the_start_that_was_chosen_for_last_is_known(void **state) { // [updater-41]
    (void) state;
    char folder[] = "/tmp/sv-start-test-XXXXXX";
    static updater_config config;
    assert_non_null(mkdtemp(folder));
    (void) snprintf(config.state, sizeof config.state, "%s", folder);
    assert_false(start_is_chosen(&config, "one\n"));
    assert_int_equal(start_keep(&config, "one\n", NULL), SV_OK);
    assert_true(start_is_chosen(&config, "one\n"));
    assert_false(start_is_chosen(&config, "on"));
    assert_int_equal(start_keep(&config, "two\n", NULL), SV_OK);
    assert_false(start_is_chosen(&config, "one\n"));
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
    assert_int_not_equal(start_keep(&config, "one\n", NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_has_one_name_and_another_one_another),
        cmocka_unit_test(what_names_no_start_is_refused),
        cmocka_unit_test(a_process_says_when_it_started_whatever_its_name),
        cmocka_unit_test(the_start_that_was_chosen_for_last_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
