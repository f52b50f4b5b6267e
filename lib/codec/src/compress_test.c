#include <base/test.h>
#include <codec/compress.h>
#include <string.h>

#define ROOM ((size_t) 1 << 20)

enum { ITEMS = 500 };

static void fill(sv_textbuf *out) {
    for (unsigned i = 0; i < ITEMS; i++) {
        sv_textbuf_addf(out,
                        "{\"seq\":%u,\"kind\":\"average\",\"device_id\":\"press-%u\",\"sensor\":"
                        "\"temperature\",\"unit\":\"°C\",\"at\":18000000%05u000000,\"value\":%u.5}",
                        i, i % 20, i, 20 + i % 7);
    }
}

static void a_batch_comes_back_and_is_much_smaller_on_the_way(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf plain = SV_TEXTBUF_HEAP(ROOM);
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(ROOM);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(ROOM);
    fill(&plain);
    assert_int_equal(sv_compress(sv_textbuf_text(&plain), &packed), SV_OK);
    assert_true(packed.len * 5 < plain.len);
    assert_int_equal(sv_expand(sv_textbuf_text(&packed), &again, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&again), sv_textbuf_text(&plain)));
}

static void a_frame_is_whole_or_refused(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf plain = SV_TEXTBUF_HEAP(ROOM);
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(ROOM);
    fill(&plain);
    assert_int_equal(sv_compress(sv_textbuf_text(&plain), &packed), SV_OK);
    for (size_t len = 0; len < packed.len; len++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(ROOM);
        sv_text cut = { .at = packed.at, .len = len };
        assert_int_equal(sv_expand(cut, &out, NULL), SV_ERR_INVALID);
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(ROOM);
    sv_why why = { 0 };
    sv_textbuf_add_char(&packed, 'x');
    assert_int_equal(sv_expand(sv_textbuf_text(&packed), &out, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "1 bytes follow the zstd frame");
}

static void a_bomb_is_stopped_at_the_limit(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf plain = SV_TEXTBUF_HEAP(ROOM * 8);
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(ROOM);
    for (size_t i = 0; i < ROOM * 7; i++) {
        sv_textbuf_add_char(&plain, 'a');
    }
    assert_int_equal(sv_compress(sv_textbuf_text(&plain), &packed), SV_OK);
    assert_true(packed.len < 4096);
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(65536);
    assert_int_equal(sv_expand(sv_textbuf_text(&packed), &out, NULL), SV_ERR_NO_SPACE);
    assert_true(out.len <= 65536);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_comes_back_and_is_much_smaller_on_the_way),
        cmocka_unit_test(a_frame_is_whole_or_refused),
        cmocka_unit_test(a_bomb_is_stopped_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
