#include "delegation.h"
#include <base/test.h>

static void a_pattern_goes_by_the_parts_of_a_path(void **state) { // [trust-8]
    (void) state;
    static const struct {
        const char *pattern, *path;
        bool matches;
    } CASES[] = {
        { "", "", true },
        { "*", "", true },
        { "*", "file", true },
        { "*", "a/b", false },
        { "*/*", "a/b", true },
        { "a/*", "a/", true },
        { "a/*", "a", false },
        { "**", "a", true },
        { "**", "a/b", false },
        { "?", "", false },
        { "?", "/", false },
        { "a*b*c", "abc", true },
        { "a*b*c", "aXcYb", false },
        { "*a", "banana", true },
        { "*ab", "aab", true },
        { "[abc]", "b", true },
        { "[!abc]", "b", false },
        { "[a-c]", "c", true },
        { "[a-c]", "-", false },
        { "[a-]", "-", true },
        { "[]]", "]", true },
        { "[!]]", "]", false },
        { "[", "[", true },
        { "[a", "[a", true },
        { "[a", "a", false },
        { "[!a", "[!a", true },
        { "\\*", "\\x", true },
        { "a", "A", false },
        { "*[0-9]", "x7", true },
        { "*[0-9]", "7x", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        if (sv_tuf_pattern_matches(sv_text_of(CASES[i].pattern), sv_text_of(CASES[i].path))
            != CASES[i].matches) {
            fail_msg("\"%s\" and \"%s\"", CASES[i].pattern, CASES[i].path);
        }
    }
}

/// With ways back tried one after the other this would take longer than the test may.
static void stars_take_no_more_time_than_the_product_of_the_lengths(void **state) {
    (void) state;
    enum { LEN = 2000 };
    static char pattern[LEN];
    static char path[LEN];
    memset(path, 'a', sizeof path);
    for (size_t i = 0; i < LEN; i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    }
    pattern[LEN - 1] = 'b';
    assert_false(sv_tuf_pattern_matches((sv_text){ pattern, LEN }, (sv_text){ path, LEN }));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_goes_by_the_parts_of_a_path),
        cmocka_unit_test(stars_take_no_more_time_than_the_product_of_the_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
