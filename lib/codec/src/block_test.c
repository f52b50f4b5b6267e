#include <base/prng.h>
#include <base/test.h>
#include <codec/block.h>
#include <math.h>

enum { N = SV_BLOCK_SAMPLES_MAX };

#define START_US INT64_C(1795846504123456)
#define SECOND_US INT64_C(1000000)

static sv_block block, again;

static void start(size_t count) {
    memset(&block, 0, sizeof block);
    block.count = count;
    block.columns = 1;
    for (size_t i = 0; i < count; i++) {
        block.at_us[i] = START_US + (int64_t) i * SECOND_US;
    }
}

/// Packs and unpacks `block` and gives its size.
static size_t come_back(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_BLOCK_BYTES_MAX);
    assert_int_equal(sv_block_pack(&block, &bytes), SV_OK);
    memset(&again, 0xA5, sizeof again);
    assert_int_equal(sv_block_unpack(sv_textbuf_text(&bytes), &again, NULL), SV_OK);
    assert_int_equal(again.count, block.count);
    assert_int_equal(again.columns, block.columns);
    assert_memory_equal(again.at_us, block.at_us, block.count * sizeof *block.at_us);
    for (size_t c = 0; c < block.columns; c++) {
        assert_memory_equal(again.values[c], block.values[c],
                            block.count * sizeof *block.values[c]);
    }
    return bytes.len;
}

static void a_constant_at_regular_times_takes_no_bits(void **state) {
    (void) state;
    start(N);
    for (size_t i = 0; i < N; i++) {
        block.values[0][i] = 23.5;
    }
    assert_in_range(come_back(), 1, 40);
}

static void a_slow_decimal_takes_less_than_two_bytes(void **state) {
    (void) state;
    sv_prng prng = { .state = 7 };
    start(N);
    for (size_t i = 0; i < N; i++) {
        block.values[0][i] =
            round((60 + 5 * sin((double) i / 200) + sv_prng_normal(&prng)) * 100) / 100;
    }
    assert_in_range(come_back(), N, 2 * N);
}

static void jittered_times_come_back_to_the_microsecond(void **state) {
    (void) state;
    sv_prng prng = { .state = 8 };
    start(N);
    for (size_t i = 0; i < N; i++) {
        block.at_us[i] += (int64_t) (sv_prng_unit(&prng) * 1000);
    }
    assert_in_range(come_back(), N, 2 * N); // 10 bits of jitter are no fewer
}

static void a_gap_costs_a_few_bytes_and_no_more(void **state) {
    (void) state;
    start(N);
    size_t whole = come_back();
    for (size_t i = N / 3; i < N; i++) {
        block.at_us[i] += 12345678901;
    }
    assert_in_range(come_back(), whole, whole + N / 4);
}

static void random_bits_come_back_whatever_they_are(void **state) {
    (void) state;
    sv_prng prng = { .state = 9 };
    for (unsigned round = 0; round < 200; round++) {
        start(1 + sv_prng_next(&prng) % N);
        block.columns = 1 + round % SV_BLOCK_COLUMNS_MAX;
        for (size_t i = 0; i < block.count; i++) {
            block.at_us[i] = (int64_t) (sv_prng_next(&prng) >> round % 64);
            for (size_t c = 0; c < block.columns; c++) {
                uint64_t bits = sv_prng_next(&prng) << (c * 13) ^ (uint64_t) round << 63;
                memcpy(&block.values[c][i], &bits, sizeof bits);
                block.values[c][i] = isfinite(block.values[c][i]) ? block.values[c][i] : -0.0;
            }
        }
        assert_in_range(come_back(), 1, SV_BLOCK_BYTES_MAX);
    }
}

static void extremes_come_back(void **state) {
    (void) state;
    static const double VALUES[] = { 0.0,       -0.0, 1e308,   -1e308,
                                     0x1p-1074, 0.1,  -0.1,    0x1.fffffffffffffp+1023,
                                     1e15,      1e-9, 1.0 / 3, -0x1.fffffffffffffp+1023,
                                     5e-324,    1e22, -1e-300, 9007199254740993.0 };
    static const int64_t TIMES[] = { 0, INT64_MAX, INT64_MIN, -1, 1, INT64_MIN + 1 };
    enum {
        VALUE_COUNT = sizeof VALUES / sizeof *VALUES,
        TIME_COUNT = sizeof TIMES / sizeof *TIMES
    };
    for (size_t from = 0; from < VALUE_COUNT; from++) {
        for (size_t count = 1; count <= VALUE_COUNT; count++) {
            start(count);
            for (size_t i = 0; i < count; i++) {
                block.values[0][i] = VALUES[(from + i) % VALUE_COUNT];
                block.at_us[i] = TIMES[(from * 7 + i) % TIME_COUNT];
            }
            assert_in_range(come_back(), 1, SV_BLOCK_BYTES_MAX);
        }
    }
}

static void what_is_not_finite_or_empty_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_BLOCK_BYTES_MAX);
    start(0);
    assert_int_equal(sv_block_pack(&block, &bytes), SV_ERR_INVALID);
    start(3);
    block.values[0][2] = (double) INFINITY;
    assert_int_equal(sv_block_pack(&block, &bytes), SV_ERR_INVALID);
    block.values[0][2] = (double) NAN;
    assert_int_equal(sv_block_pack(&block, &bytes), SV_ERR_INVALID);
    assert_int_equal(bytes.len, 0);
}

static void the_head_tells_what_is_inside(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_BLOCK_BYTES_MAX);
    sv_block_info info;
    start(3);
    block.columns = 2;
    const double decimals[] = { 71.26, -3.5, 70 };
    const double others[] = { 1.0 / 3, 2.0 / 3, 1e300 };
    memcpy(block.values[0], decimals, sizeof decimals);
    memcpy(block.values[1], others, sizeof others);
    assert_int_equal(sv_block_pack(&block, &bytes), SV_OK);
    assert_int_equal(sv_block_peek(sv_textbuf_text(&bytes), &info, NULL), SV_OK);
    assert_int_equal(info.count, 3);
    assert_int_equal(info.columns, 2);
    assert_true(info.first_us == START_US && info.last_us == START_US + 2 * SECOND_US);
    assert_true(info.column[0].min == -3.5 && info.column[0].max == 71.26);
    assert_true(info.column[0].sum == 137.76);
    assert_int_equal(info.column[0].digits, 2);
    assert_true(info.column[1].min == 1.0 / 3 && info.column[1].max == 1e300);
    assert_true(info.column[1].sum == 1.0 / 3 + 2.0 / 3 + 1e300);
    assert_int_equal(info.column[1].digits, -1);
}

/// Cut anywhere, or with any bit turned, it is refused or it is another whole block; never more.
static void a_damaged_block_is_refused_or_whole(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_BLOCK_BYTES_MAX);
    sv_prng prng = { .state = 10 };
    start(100);
    for (size_t i = 0; i < block.count; i++) {
        block.values[0][i] = round(sv_prng_normal(&prng) * 100) / 100;
    }
    assert_int_equal(sv_block_pack(&block, &bytes), SV_OK);
    sv_why why = { 0 };
    for (size_t len = 0; len < bytes.len; len++) {
        sv_text cut = { .at = bytes.at, .len = len };
        assert_int_equal(sv_block_unpack(cut, &again, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, "a stored block is damaged");
    }
    unsigned unnoticed = 0;
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        bytes.at[bit / 8] = (char) (bytes.at[bit / 8] ^ 1 << bit % 8);
        unnoticed += sv_block_unpack(sv_textbuf_text(&bytes), &again, NULL) == SV_OK ? 1 : 0;
        bytes.at[bit / 8] = (char) (bytes.at[bit / 8] ^ 1 << bit % 8);
    }
    // First, last, min, max and sum must be true; the checksum of the disk is not ours to be.
    assert_in_range(unnoticed, 0, bytes.len * 8 / 10);
    sv_textbuf_add_char(&bytes, 0);
    assert_int_equal(sv_block_unpack(sv_textbuf_text(&bytes), &again, NULL), SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_at_regular_times_takes_no_bits),
        cmocka_unit_test(a_slow_decimal_takes_less_than_two_bytes),
        cmocka_unit_test(jittered_times_come_back_to_the_microsecond),
        cmocka_unit_test(a_gap_costs_a_few_bytes_and_no_more),
        cmocka_unit_test(random_bits_come_back_whatever_they_are),
        cmocka_unit_test(extremes_come_back),
        cmocka_unit_test(what_is_not_finite_or_empty_is_refused),
        cmocka_unit_test(the_head_tells_what_is_inside),
        cmocka_unit_test(a_damaged_block_is_refused_or_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
