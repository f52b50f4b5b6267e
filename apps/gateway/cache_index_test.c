#include "cache_index.h"

#include <base/mem.h>
#include <base/test.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 3 * 65536 + 5 };

static sv_text bytes_of(const gw_cache_index *index) {
    return (sv_text){ .at = (const char *) index->bytes, .len = index->len };
}

// [cache-4]
static void what_is_made_is_read_as_it_was_and_judges_its_chunks(void **state) {
    (void) state;
    SV_DEFER(sv_digest_drop) sv_digest *digest = sv_digest_new(SV_DIGEST_SHA256);
    SV_DEFER(gw_cache_index_drop) gw_cache_index made = { 0 };
    SV_DEFER(gw_cache_index_drop) gw_cache_index read = { 0 };
    SV_DEFER(sv_mem_drop) char *file = sv_mem_new(LENGTH);
    assert_int_equal(gw_cache_index_make(LENGTH, 65536, &made), SV_OK);
    assert_int_equal(made.count, 4);
    assert_int_equal(gw_cache_index_bytes(&made, 3), 5);
    for (uint64_t i = 0; i < made.count; i++) {
        file[made.at[i]] = (char) ('a' + i);
        gw_cache_index_set(&made, i,
                           (sv_text){ .at = file + made.at[i], .len = made.at[i + 1] - made.at[i] },
                           digest);
    }
    assert_int_equal(gw_cache_index_read(bytes_of(&made), &read, NULL), SV_OK);
    assert_int_equal(read.length, LENGTH);
    for (uint64_t i = 0; i < read.count; i++) {
        sv_text chunk = { .at = file + read.at[i], .len = read.at[i + 1] - read.at[i] };
        assert_true(gw_cache_index_judges(&read, i, chunk, digest));
        assert_int_equal(gw_cache_index_chunk(&read, read.at[i]), i);
        assert_int_equal(gw_cache_index_chunk(&read, read.at[i + 1] - 1), i);
        file[read.at[i]] ^= 1;
        assert_false(gw_cache_index_judges(&read, i, chunk, digest)); // flipped
        file[read.at[i]] ^= 1;
        assert_false(gw_cache_index_judges(&read, (i + 1) % 3, chunk, digest)); // of another place
        chunk.len--;
        assert_false(gw_cache_index_judges(&read, i, chunk, digest)); // cut
    }
}

// [cache-4]
static void anything_but_a_whole_index_is_refused(void **state) {
    (void) state;
    gw_cache_index made;
    gw_cache_index read;
    assert_int_equal(gw_cache_index_make(LENGTH, 65536, &made), SV_OK);
    for (size_t len = 0; len < made.len; len++) {
        sv_text cut = { .at = (const char *) made.bytes, .len = len };
        assert_int_equal(gw_cache_index_read(cut, &read, NULL), SV_ERR_INVALID);
    }
    static const size_t HEAD[] = { 0, 4, 8, 15 };
    for (size_t i = 0; i < SV_COUNT(HEAD); i++) {
        made.bytes[HEAD[i]] ^= 1;
        assert_int_equal(gw_cache_index_read(bytes_of(&made), &read, NULL), SV_ERR_INVALID);
        made.bytes[HEAD[i]] ^= 1;
    }
    static const uint8_t LENGTHS[][4] = { { 0, 0, 0, 0 }, { 1, 2, 1, 0 }, { 0, 0, 0, 0x80 } };
    for (size_t i = 0; i < SV_COUNT(LENGTHS); i++) {
        memcpy(made.bytes + 16, LENGTHS[i], 4); // none, 64 KiB and 513, 2 GiB
        assert_int_equal(gw_cache_index_read(bytes_of(&made), &read, NULL), SV_ERR_INVALID);
    }
    gw_cache_index_drop(&made);
    assert_int_equal(gw_cache_index_make(0, 65536, &made), SV_ERR_NO_SPACE);
    assert_int_equal(gw_cache_index_make(UINT64_C(1) << 50, 65536, &made), SV_ERR_NO_SPACE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_read_as_it_was_and_judges_its_chunks),
        cmocka_unit_test(anything_but_a_whole_index_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
