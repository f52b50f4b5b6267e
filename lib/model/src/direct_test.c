#include <base/test.h>
#include <model/direct.h>
#include <stdio.h>
#include <string.h>

static sv_direct sound(void) {
    return (sv_direct){ .device = "press-17",
                        .path = "lathe/2.1.img",
                        .length = 1000,
                        .counter = 7,
                        .version = 1800000000,
                        .now_us = INT64_C(1800000000000000) };
}

static void refused(const sv_direct *direct, const char *sentence) {
    sv_why why = { 0 };
    assert_int_equal(sv_direct_check(direct, &why), SV_ERR_INVALID);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("'%s' is not in '%s'", sentence, why.text);
    }
}

// [director-5]
static void an_assignment_is_of_a_device_an_image_and_possible_numbers(void **state) {
    (void) state;
    sv_direct direct = sound();
    assert_int_equal(sv_direct_check(&direct, NULL), SV_OK);
    (void) snprintf(direct.device, sizeof direct.device, "press/17");
    refused(&direct, "device id");
    direct = sound();
    memset(direct.device, 'a', sizeof direct.device);
    refused(&direct, "does not end");
    direct = sound();
    memset(direct.path, 'a', sizeof direct.path);
    refused(&direct, "does not end");
    direct = sound();
    direct.length = SV_DIRECT_BYTES_MAX + 1;
    refused(&direct, "is none");
    direct.length = 0;
    refused(&direct, "is none");
    direct = sound();
    direct.counter = 0;
    refused(&direct, "is none");
    direct = sound();
    direct.version = 0;
    refused(&direct, "version 0");
    direct.version = INT64_MAX;
    refused(&direct, "version");
    direct = sound();
    direct.now_us = -1;
    refused(&direct, "version");
}

// [director-5]
static void nothing_assigned_is_an_assignment_too(void **state) {
    (void) state;
    sv_direct direct = sound();
    direct.path[0] = '\0';
    direct.length = 0;
    direct.counter = 0;
    assert_int_equal(sv_direct_check(&direct, NULL), SV_OK);
}

// [director-5]
static void a_path_with_odd_parts_or_bytes_is_none(void **state) {
    (void) state;
    static const char *const GOOD[] = { "a", "a/b", "lathe-ctl/2.1.0~rc1+b.img", "...", "a..b/c" };
    static const char *const ODD[] = { "",     "/",     "/a",   "a/",      "a//b", ".",
                                       "..",   "a/./b", "../a", "a/..",    "a b",  "a\\b",
                                       "a\"b", "a\nb",  "\x7f", "\xc3\xa4" };
    char longest[SV_DIRECT_PATH_ROOM];
    memset(longest, 'a', sizeof longest);
    for (size_t i = 0; i < SV_COUNT(GOOD); i++) {
        assert_int_equal(sv_direct_path_check(sv_text_of(GOOD[i]), NULL), SV_OK);
    }
    for (size_t i = 0; i < SV_COUNT(ODD); i++) {
        assert_int_equal(sv_direct_path_check(sv_text_of(ODD[i]), NULL), SV_ERR_INVALID);
    }
    assert_int_equal(sv_direct_path_check(SV_TEXT("a\0b"), NULL), SV_ERR_INVALID);
    assert_int_equal(sv_direct_path_check((sv_text){ longest, SV_DIRECT_PATH_ROOM - 1 }, NULL),
                     SV_OK);
    assert_int_equal(sv_direct_path_check((sv_text){ longest, SV_DIRECT_PATH_ROOM }, NULL),
                     SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_assignment_is_of_a_device_an_image_and_possible_numbers),
        cmocka_unit_test(nothing_assigned_is_an_assignment_too),
        cmocka_unit_test(a_path_with_odd_parts_or_bytes_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
