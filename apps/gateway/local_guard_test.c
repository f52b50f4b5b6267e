#include "local_guard.h"

#include <base/test.h>

// [page-1]
static void only_names_of_this_machine_are_its_own(void **state) {
    (void) state;
    static const char *const GOOD[] = { "127.0.0.1",      "127.0.0.1:9100", "localhost",
                                        "LocalHost:9100", "[::1]",          "[::1]:80" };
    static const char *const BAD[] = { "",
                                       "evil.example",
                                       "evil.example:9100",
                                       "127.0.0.1.evil.example",
                                       "localhost.evil.example",
                                       "localhost:9100.evil.example",
                                       "127.0.0.1:",
                                       "127.0.0.1:91000000",
                                       "127.0.0.1:80:80",
                                       "127.0.0.2",
                                       "[::1",
                                       "[::1]x",
                                       "user@127.0.0.1",
                                       "0.0.0.0",
                                       " 127.0.0.1" };
    for (size_t i = 0; i < SV_COUNT(GOOD); i++) {
        assert_true(gw_host_is_loopback(GOOD[i]));
    }
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        assert_false(gw_host_is_loopback(BAD[i]));
    }
    assert_true(gw_host_is_loopback(NULL));
}

// [page-2]
static void a_page_of_somewhere_else_is_not_the_same_origin(void **state) {
    (void) state;
    assert_true(gw_origin_is_same(NULL, "127.0.0.1:9100"));
    assert_true(gw_origin_is_same("http://127.0.0.1:9100", "127.0.0.1:9100"));
    assert_true(gw_origin_is_same("https://gw.plant:8445", "GW.plant:8445"));
    static const char *const BAD[] = { "null",
                                       "",
                                       "http://",
                                       "http://evil.example",
                                       "http://127.0.0.1:9101",
                                       "http://127.0.0.1",
                                       "http://127.0.0.1:9100.evil.example",
                                       "http://127.0.0.1:9100/",
                                       "ftp://127.0.0.1:9100",
                                       "127.0.0.1:9100" };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        assert_false(gw_origin_is_same(BAD[i], "127.0.0.1:9100"));
    }
    assert_false(gw_origin_is_same("http://127.0.0.1:9100", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_of_this_machine_are_its_own),
        cmocka_unit_test(a_page_of_somewhere_else_is_not_the_same_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
