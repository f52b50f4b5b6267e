#include <base/prng.h>
#include <base/test.h>
#include <codec/compress.h>
#include <codec/expand.h>
#include <string.h>

enum { PLAIN_BYTES = 200000 };

static char PLAIN[PLAIN_BYTES];

static sv_err add(void *arg, sv_text bytes, sv_why *why) {
    (void) why;
    sv_textbuf_add(arg, bytes);
    return SV_OK;
}

/// In pieces of so many bytes.
static sv_err expand(sv_text packed, size_t step, sv_textbuf *out) {
    SV_DEFER(sv_expander_drop) sv_expander *expander = sv_expander_new();
    sv_err err = SV_OK;
    while (packed.len > 0 && err == SV_OK) {
        sv_text piece = { .at = packed.at, .len = packed.len < step ? packed.len : step };
        err = sv_expander_push(expander, piece, add, out, NULL);
        packed.at += piece.len;
        packed.len -= piece.len;
    }
    return err == SV_OK ? sv_expander_end(expander, NULL) : err;
}

static void frames_give_back_what_went_in_whatever_the_pieces(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(1000000);
    const sv_text plain = { .at = PLAIN, .len = sizeof PLAIN };
    assert_int_equal(sv_compress(plain, &packed), SV_OK);
    assert_int_equal(sv_compress(SV_TEXT("and one more"), &packed), SV_OK);
    assert_true(sv_expander_is_for(sv_textbuf_text(&packed)));
    const size_t steps[] = { 1, 7, 4096, 1000000 };
    for (size_t i = 0; i < SV_COUNT(steps); i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(1000000);
        assert_int_equal(expand(sv_textbuf_text(&packed), steps[i], &out), SV_OK);
        assert_int_equal(out.len, sizeof PLAIN + 12);
        assert_memory_equal(out.at, PLAIN, sizeof PLAIN);
        assert_memory_equal(out.at + sizeof PLAIN, "and one more", 12);
    }
}

static void what_is_cut_or_broken_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(1000000);
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(1000000);
    const sv_text plain = { .at = PLAIN, .len = 3000 };
    assert_int_equal(sv_compress(plain, &packed), SV_OK);
    for (size_t len = 0; len < packed.len; len++) {
        assert_int_equal(expand((sv_text){ .at = packed.at, .len = len }, 64, &out),
                         SV_ERR_INVALID);
    }
    sv_textbuf_add_str(&packed, "no frame");
    assert_int_equal(expand(sv_textbuf_text(&packed), 64, &out), SV_ERR_INVALID);
    assert_false(sv_expander_is_for(SV_TEXT("tar!")));
}

static void a_frame_that_looks_back_too_far_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(1000);
    // Its header wants a window of 16 MiB (exponent 14: 2^(10+14)).
    const char far[] = "\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00";
    const char near[] = "\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00"; // 8 MiB
    assert_int_equal(expand((sv_text){ .at = far, .len = sizeof far - 1 }, 64, &out),
                     SV_ERR_INVALID);
    assert_int_equal(expand((sv_text){ .at = near, .len = sizeof near - 1 }, 64, &out), SV_OK);
    assert_int_equal(out.len, 0);
}

int main(void) {
    sv_prng prng = { .state = 5 };
    for (size_t i = 0; i < sizeof PLAIN; i++) {
        PLAIN[i] = (char) (i % 9 < 5 ? 'x' : (char) sv_prng_next(&prng));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_give_back_what_went_in_whatever_the_pieces),
        cmocka_unit_test(what_is_cut_or_broken_is_refused),
        cmocka_unit_test(a_frame_that_looks_back_too_far_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
