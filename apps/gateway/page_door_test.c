#include "page_door.h"

#include <base/mem.h>
#include <base/test.h>
#include <crypto/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/stat.h>

typedef struct fixture {
    char dir[64], path[96];
    gw_page_door door;
} fixture;

static int setup(void **state) {
    fixture *f = sv_mem_new(sizeof *f);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-page-door-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(f->path, sizeof f->path, "%s/page.token", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static void write_token(fixture *f, const char *token, mode_t mode) {
    assert_int_equal(sv_disk_replace(f->path, sv_text_of(token), 0600, NULL), SV_OK);
    assert_int_equal(chmod(f->path, mode), 0);
}

// [page-5]
static void a_token_is_made_for_its_owner_alone_and_stays(void **state) {
    fixture *f = *state;
    struct stat info;
    uint8_t first[32];
    uint8_t again[32];
    char room[64];
    sv_textbuf file = SV_TEXTBUF(room);
    assert_int_equal(gw_page_token_read(f->path, first, NULL), SV_OK);
    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(gw_page_token_read(f->path, again, NULL), SV_OK);
    assert_memory_equal(first, again, sizeof first);
    assert_int_equal(sv_disk_read(f->path, &file, NULL), SV_OK);
    memcpy(f->door.token, first, sizeof first);
    assert_true(gw_page_is_known(&f->door, sv_text_trim(sv_textbuf_text(&file)), false, 1));
    assert_false(gw_page_is_known(&f->door, sv_textbuf_text(&file), false, 1));
    assert_false(gw_page_is_known(&f->door, SV_TEXT(""), false, 1));
}

// [page-5]
static void a_file_that_others_may_read_or_that_is_too_short_is_refused(void **state) {
    fixture *f = *state;
    static const char LONG[] = "0123456789012345678901234567890123456789";
    static const struct {
        const char *token;
        mode_t mode;
        const char *why;
    } CASES[] = {
        { LONG, 0640, "chmod 600" },
        { LONG, 0604, "chmod 600" },
        { LONG, 0610, "chmod 600" },
        { "", 0600, "no token of 32 characters" },
        { "0123456789012345678901234567890", 0600, "no token of 32 characters" },
        { "   \n  \n                              ", 0600, "no token of 32 characters" },
    };
    uint8_t hash[32];
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        write_token(f, CASES[i].token, CASES[i].mode);
        assert_int_equal(gw_page_token_read(f->path, hash, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, CASES[i].why));
        assert_null(strstr(why.text, "01234567890"));
    }
    write_token(f, LONG, 0400);
    assert_int_equal(gw_page_token_read(f->path, hash, NULL), SV_OK);
}

// [page-6]
static void a_session_ends_in_its_time_and_when_it_is_left(void **state) {
    fixture *f = *state;
    char one[44];
    char two[44];
    int64_t now_us = 1;
    assert_false(gw_page_is_known(&f->door, SV_TEXT(""), true, now_us));
    gw_page_session_start(&f->door, now_us, one);
    gw_page_session_start(&f->door, now_us + 10, two);
    assert_true(gw_page_is_known(&f->door, sv_text_of(one), true, now_us));
    assert_false(gw_page_is_known(&f->door, sv_text_of(one), false, now_us)); // it is no token
    assert_true(gw_page_is_known(&f->door, sv_text_of(one), true, now_us + GW_PAGE_SESSION_US - 1));
    assert_false(gw_page_is_known(&f->door, sv_text_of(one), true, now_us + GW_PAGE_SESSION_US));
    gw_page_session_end(&f->door, sv_text_of(two));
    gw_page_session_end(&f->door, SV_TEXT(""));
    assert_false(gw_page_is_known(&f->door, sv_text_of(two), true, now_us + 10));
    assert_true(gw_page_is_known(&f->door, sv_text_of(one), true, now_us));
    // A crowd: the oldest goes.
    for (int i = 0; i < GW_PAGE_SESSIONS_MAX; i++) {
        gw_page_session_start(&f->door, now_us + 20 + i, two);
    }
    assert_false(gw_page_is_known(&f->door, sv_text_of(one), true, now_us));
    assert_true(gw_page_is_known(&f->door, sv_text_of(two), true, now_us));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_made_for_its_owner_alone_and_stays),
        TEST(a_file_that_others_may_read_or_that_is_too_short_is_refused),
        TEST(a_session_ends_in_its_time_and_when_it_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
