#include <base/map.h>
#include <base/prng.h>
#include <base/test.h>
#include <base/text.h>
#include <stdio.h>

static void cutting_splits_at_the_first_mark_only(void **state) {
    (void) state;
    sv_text rest = SV_TEXT("sensors/a/b");
    assert_true(sv_text_is(sv_text_cut(&rest, '/'), "sensors"));
    assert_true(sv_text_is(sv_text_cut(&rest, '/'), "a"));
    assert_true(sv_text_is(sv_text_cut(&rest, '/'), "b"));
    assert_int_equal(sv_text_cut(&rest, '/').len, 0);
}

static void a_buffer_remembers_that_something_did_not_fit(void **state) {
    (void) state;
    char room[8];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_textbuf_add_str(&buf, "1234567");
    assert_int_equal(sv_textbuf_end(&buf), SV_OK);
    sv_textbuf_add_char(&buf, '8');
    sv_textbuf_add_str(&buf, "");
    assert_int_equal(sv_textbuf_end(&buf), SV_ERR_NO_SPACE);
    assert_string_equal(room, "1234567");
    sv_textbuf_clear(&buf);
    assert_int_equal(sv_textbuf_end(&buf), SV_OK);
}

static void a_heap_buffer_grows_to_its_limit_and_no_further(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf buf = SV_TEXTBUF_HEAP(1000);
    for (int i = 0; i < 99; i++) {
        sv_textbuf_addf(&buf, "%010d", i);
    }
    assert_int_equal(sv_textbuf_end(&buf), SV_OK);
    assert_int_equal(buf.len, 990);
    sv_textbuf_addf(&buf, "%010d", 99);
    assert_int_equal(sv_textbuf_end(&buf), SV_ERR_NO_SPACE);
    assert_true(buf.cap <= 1000);
}

static void numbers_beyond_the_bound_are_refused(void **state) {
    (void) state;
    uint64_t value = 0;
    assert_int_equal(sv_text_u64(SV_TEXT("18446744073709551615"), UINT64_MAX, &value), SV_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(sv_text_u64(SV_TEXT("18446744073709551616"), UINT64_MAX, &value),
                     SV_ERR_INVALID);
    assert_int_equal(sv_text_u64(SV_TEXT("65536"), 65535, &value), SV_ERR_INVALID);
    assert_int_equal(sv_text_u64(SV_TEXT("7"), 5, &value), SV_ERR_INVALID);
    assert_int_equal(sv_text_u64(SV_TEXT("-1"), 5, &value), SV_ERR_INVALID);
    assert_int_equal(sv_text_u64(SV_TEXT(""), 5, &value), SV_ERR_INVALID);
}

static void a_map_agrees_with_a_plain_array_under_random_changes(void **state) {
    (void) state;
    enum { KEYS = 300 };
    static int values[KEYS];
    bool present[KEYS] = { false };
    size_t count = 0;
    const uint8_t key[16] = { 0 };
    SV_DEFER(sv_map_drop) sv_map *map = sv_map_new(KEYS - 50, key);
    sv_prng prng = { .state = 3 };
    for (int step = 0; step < 20000; step++) {
        size_t which = sv_prng_next(&prng) % KEYS;
        char name[16];
        (void) snprintf(name, sizeof name, "k%zu", which);
        assert_ptr_equal(sv_map_get(map, sv_text_of(name)), present[which] ? &values[which] : NULL);
        if (sv_prng_next(&prng) % 5 < 3) {
            bool full = !present[which] && count == KEYS - 50;
            sv_err err = sv_map_put(map, sv_text_of(name), &values[which]);
            assert_int_equal(err, full ? SV_ERR_NO_SPACE : SV_OK);
            count += !present[which] && !full ? 1 : 0;
            present[which] = present[which] || !full;
        } else {
            assert_ptr_equal(sv_map_remove(map, sv_text_of(name)),
                             present[which] ? &values[which] : NULL);
            count -= present[which] ? 1 : 0;
            present[which] = false;
        }
        assert_int_equal(sv_map_count(map), count);
    }
}

static void the_hash_is_siphash_2_4(void **state) {
    (void) state;
    uint8_t key[16];
    uint8_t message[15];
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = i;
    }
    for (uint8_t i = 0; i < 15; i++) {
        message[i] = i;
    }
    // The example of the SipHash paper, appendix A.
    assert_true(sv_hash(key, message, sizeof message) == UINT64_C(0xa129ca6149be45e5));
}

static void the_distance_counts_letters_changed_added_left_out_and_swapped(void **state) {
    (void) state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } CASES[] = { { "", "", 0 },    { "mean", "mean", 0 }, { "maen", "mean", 1 },
                  { "", "max", 3 }, { "p95", "p99", 1 },   { "kitten", "sitting", 3 },
                  { "abc", "", 3 }, { "fro", "for", 1 },   { "fro", "or", 2 },
                  { "ab", "ba", 1 } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_text a = sv_text_of(CASES[i].a);
        sv_text b = sv_text_of(CASES[i].b);
        assert_int_equal(sv_text_distance(a, b), CASES[i].distance);
        assert_int_equal(sv_text_distance(b, a), CASES[i].distance);
    }
    char longer[65];
    memset(longer, 'x', sizeof longer);
    assert_int_equal(sv_text_distance((sv_text){ longer, sizeof longer }, SV_TEXT("x")), 64);
}

static void a_small_limit_holds_as_well(void **state) {
    (void) state;
    for (size_t max = 1; max < 600; max++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf buf = SV_TEXTBUF_HEAP(max);
        for (size_t i = 0; i + 1 < max; i++) {
            sv_textbuf_add_char(&buf, 'x');
        }
        assert_false(buf.overflowed);
        assert_true(buf.cap <= max);
        sv_textbuf_add_char(&buf, 'x');
        assert_true(buf.overflowed);
        assert_int_equal(buf.len, max - 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cutting_splits_at_the_first_mark_only),
        cmocka_unit_test(a_buffer_remembers_that_something_did_not_fit),
        cmocka_unit_test(a_heap_buffer_grows_to_its_limit_and_no_further),
        cmocka_unit_test(a_small_limit_holds_as_well),
        cmocka_unit_test(the_distance_counts_letters_changed_added_left_out_and_swapped),
        cmocka_unit_test(numbers_beyond_the_bound_are_refused),
        cmocka_unit_test(a_map_agrees_with_a_plain_array_under_random_changes),
        cmocka_unit_test(the_hash_is_siphash_2_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
