#include "swupdate_wire.h"

#include <base/test.h>
#include <stdio.h>
#include <string.h>

static void an_installation_is_asked_for_in_swupdates_words(void **state) { // [swupdate-1]
    (void) state;
    swu_message message;
    assert_int_equal(swu_install("stable,slot-b", "selvedge 07", 12345, &message, NULL), SV_OK);
    assert_int_equal(message.magic, SWU_MAGIC);
    assert_int_equal(message.kind, SWU_INSTALL);
    const swu_request *request = &message.of.install.request;
    assert_int_equal(request->api, 1);
    assert_int_equal(request->dry_run, SWU_RUN_INSTALL);
    assert_int_equal(request->bytes, 12345);
    assert_string_equal(request->info, "selvedge 07");
    assert_string_equal(request->set, "stable");
    assert_string_equal(request->mode, "slot-b");
    assert_int_equal(message.of.install.len, 0);
}

static void what_is_no_selection_is_refused(void **state) {
    (void) state;
    swu_message message;
    char name[SWU_SELECTION_BYTES + 8] = { 0 };
    sv_why why = { 0 };
    static const char *const OTHERS[] = { "", "stable", ",b", "stable,", "stable,a,b" };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        assert_int_equal(swu_install(OTHERS[i], "m", 1, &message, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "write SET,MODE"));
    }
    memset(name, 'x', sizeof name - 1);
    name[1] = ',';
    assert_int_equal(swu_install(name, "m", 1, &message, NULL), SV_ERR_INVALID);
}

static void a_text_of_theirs_is_cut_and_has_no_odd_bytes(void **state) {
    (void) state;
    char out[16];
    swu_text("ERROR a.c : f : 307 : a : b", 40, out, sizeof out);
    assert_string_equal(out, "a : b");
    swu_text("ERROR nothing", 40, out, sizeof out);
    assert_string_equal(out, "ERROR nothing");
    swu_text("ERROR : too \n\x1b[1m", 40, out, sizeof out);
    assert_string_equal(out, "too ??[1m");
    swu_text("  spaced  ", 40, out, sizeof out);
    assert_string_equal(out, "spaced");
    const char endless[4] = { 'a', 'b', 'c', 'd' };
    swu_text(endless, sizeof endless, out, sizeof out);
    assert_string_equal(out, "abcd");
    swu_text("0123456789abcdefgh", 40, out, sizeof out);
    assert_string_equal(out, "0123456789abcde");
}

static swu_progress of(int status, unsigned step, unsigned percent) {
    swu_progress message = { .status = status, .steps = 2, .step = step, .percent = percent };
    (void) snprintf(message.image, sizeof message.image, "rootfs.img");
    return message;
}

static swu_progress start(const char *mark) {
    swu_progress message = of(SWU_START, 0, 0);
    message.info_len = (unsigned) strlen(mark);
    (void) snprintf(message.info, sizeof message.info, "%s", mark);
    return message;
}

static void follow(swu_course *course, swu_progress message) {
    swu_follow(&message, course);
}

static void it_is_followed_to_its_end(void **state) { // [swupdate-3]
    (void) state;
    swu_course course = { .mark = "selvedge 07" };
    follow(&course, start("selvedge 07"));
    assert_false(course.foreign);
    follow(&course, of(SWU_RUN, 1, 50));
    assert_int_equal(course.percent, 25);
    assert_string_equal(course.says, "it writes rootfs.img");
    follow(&course, of(SWU_RUN, 2, 900));
    assert_int_equal(course.percent, 100);
    follow(&course, of(SWU_RUN, 3, 0));
    assert_int_equal(course.percent, 100);
    follow(&course, of(SWU_DONE, 3, 0));
    assert_int_equal(course.end, SWU_GOES_ON);
    follow(&course, of(SWU_SUCCESS, 3, 0));
    assert_int_equal(course.end, SWU_SUCCEEDED);
    follow(&course, of(SWU_FAILURE, 3, 0));
    assert_int_equal(course.end, SWU_FAILED);
}

static void another_ones_beginning_is_not_ours(void **state) { // [swupdate-3]
    (void) state;
    static const char *const MARKS[] = { "", "selvedge 0", "selvedge 070", "selvedge 08" };
    for (size_t i = 0; i < SV_COUNT(MARKS); i++) {
        swu_course course = { .mark = "selvedge 07" };
        follow(&course, start(MARKS[i]));
        assert_true(course.foreign);
    }
    swu_course course = { .mark = "selvedge 07" };
    swu_progress longer = start("selvedge 07");
    longer.info_len = UINT32_MAX;
    follow(&course, longer);
    assert_true(course.foreign);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_installation_is_asked_for_in_swupdates_words),
        cmocka_unit_test(what_is_no_selection_is_refused),
        cmocka_unit_test(a_text_of_theirs_is_cut_and_has_no_odd_bytes),
        cmocka_unit_test(it_is_followed_to_its_end),
        cmocka_unit_test(another_ones_beginning_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
