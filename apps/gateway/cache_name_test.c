#include "cache_name.h"

#include <base/test.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// [cache-2]
static void an_address_says_which_image_and_what_of_it(void **state) {
    (void) state;
    static const struct {
        const char *target, *file;
        bool is_index, is_file;
    } CASES[] = {
        { "/artifacts/" SHA "/raw", "raw", false, false },
        { "/artifacts/" SHA "/raw.index", "raw", true, false },
        { "/artifacts/" SHA "/zstd", "zstd", false, false },
        { "/artifacts/" SHA "/delta-" SHA, "delta-" SHA, false, false },
        { "/artifacts/" SHA "/delta-" SHA ".index", "delta-" SHA, true, false },
        { "/artifacts/" SHA "/lathe-1.1.swu", "file", false, true },
        { "/artifacts/" SHA "/lathe.index", "file", false, true },
        { "/artifacts/" SHA "/a%20b.swu", "file", false, true },
        { "/artifacts/" SHA "/allowed", "file", false, true },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        gw_cache_name name;
        assert_true(gw_cache_name_read(sv_text_of(CASES[i].target), &name));
        assert_string_equal(name.sha256, SHA);
        assert_string_equal(name.file, CASES[i].file);
        assert_int_equal(name.is_index, CASES[i].is_index);
        assert_int_equal(name.is_file, CASES[i].is_file);
    }
}

// [cache-2]
static void anything_else_goes_to_the_fleet_server(void **state) {
    (void) state;
    static const char *const CASES[] = {
        "",
        "/",
        "/artifacts/",
        "/artifacts/" SHA,
        "/artifacts/" SHA "/",
        "/artifacts/" SHA "/a/b",
        "/artifacts/" SHA "/raw?x=1",
        "/artifacts/0123/raw",
        "/artifacts/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef/raw",
        "/artifacts/" SHA "0/raw",
        "/artifacts/..%2f..%2f56789abcdef0123456789abcdef0123456789abcdef012345678/raw",
        "/tuf/image/metadata/timestamp.json",
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        gw_cache_name name;
        assert_false(gw_cache_name_read(sv_text_of(CASES[i]), &name));
    }
}

// [cache-10]
static void metadata_is_of_the_image_repository_or_a_device_s_own(void **state) {
    (void) state;
    static const struct {
        const char *target, *kept;
        bool versioned;
    } CASES[] = {
        { "/tuf/image/metadata/timestamp.json", "image/timestamp.json", false },
        { "/tuf/image/metadata/12.snapshot.json", "image/12.snapshot.json", true },
        { "/tuf/image/metadata/12.bin-0f.json", "image/12.bin-0f.json", true },
        { "/tuf/director/press-1/metadata/1.root.json", "director/press-1/1.root.json", false },
        { "/tuf/director/press-1/key/" SHA ".cms", "director/press-1/" SHA ".cms", false },
        { "/tuf/director/press-2/metadata/1.root.json", NULL, false },
        { "/tuf/director/press-1/other/x", NULL, false },
        { "/tuf/image/metadata/", NULL, false },
        { "/tuf/image/metadata/.hidden", NULL, false },
        { "/tuf/image/metadata/a/b", NULL, false },
        { "/tuf/image/metadata/..", NULL, false },
        { "/tuf/image/metadata/a?b", NULL, false },
        { "/tuf/image/targets/x", NULL, false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[256];
        bool kept =
            gw_cache_metadata_name(sv_text_of(CASES[i].target), "press-1", room, sizeof room);
        assert_int_equal(kept, CASES[i].kept != NULL);
        if (kept) {
            assert_string_equal(room, CASES[i].kept);
            assert_int_equal(gw_cache_metadata_is_versioned(room), CASES[i].versioned);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_says_which_image_and_what_of_it),
        cmocka_unit_test(anything_else_goes_to_the_fleet_server),
        cmocka_unit_test(metadata_is_of_the_image_repository_or_a_device_s_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
