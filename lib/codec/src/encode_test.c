#include <base/test.h>
#include <codec/encode.h>

static void hexadecimal_reads_back_what_it_wrote_and_nothing_else(void **state) {
    (void) state;
    uint8_t bytes[256];
    uint8_t back[256];
    char room[600];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t) i;
    }
    sv_textbuf out = SV_TEXTBUF(room);
    sv_hex_add(&out, bytes, sizeof bytes);
    assert_int_equal(sv_hex_parse(sv_textbuf_text(&out), back, sizeof back), SV_OK);
    assert_memory_equal(bytes, back, sizeof bytes);
    assert_int_equal(sv_hex_parse(SV_TEXT("0g"), back, 1), SV_ERR_INVALID);
    assert_int_equal(sv_hex_parse(SV_TEXT("00f"), back, 1), SV_ERR_INVALID);
    assert_int_equal(sv_hex_parse(SV_TEXT("00"), back, 2), SV_ERR_INVALID);
}

static void base64url_agrees_with_the_rfc_without_its_padding(void **state) {
    (void) state;
    static const char *const CASES[][2] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg" },
        { "fooba", "Zm9vYmE" },
        { "\xff\xff\xfe", "___-" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[32];
        sv_textbuf out = SV_TEXTBUF(room);
        sv_base64url_add(&out, (const uint8_t *) CASES[i][0], strlen(CASES[i][0]));
        assert_true(sv_text_is(sv_textbuf_text(&out), CASES[i][1]));
    }
}

static void base64_is_padded(void **state) {
    (void) state;
    static const char *const CASES[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "\xff\xff\xfe", "///+" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[32];
        sv_textbuf out = SV_TEXTBUF(room);
        sv_base64_add(&out, sv_text_of(CASES[i][0]));
        assert_true(sv_text_is(sv_textbuf_text(&out), CASES[i][1]));
    }
}

static void a_field_of_bytes_agrees_with_the_rfcs_and_has_one_spelling(void **state) {
    (void) state;
    static const char *const GOOD[][2] = {
        { "", "::" },        { "f", ":Zg==:" },        { "fo", ":Zm8=:" },
        { "foo", ":Zm9v:" }, { "foob", ":Zm9vYg==:" }, { "\xff\xff\xfe", ":///+:" },
    };
    static const char *const BROKEN[] = {
        "",       ":",       "Zm9v",    ":Zm9v",  "Zm9v:",      ":Zm9v:;a=1", ":Zg=:",
        ":Zg:",   ":Zh==:",  ":Zm9=:",  ":Z===:", ":====:",     ":Zg==Zg==:", ":Zm 9v:",
        ":Z=9v:", ":Zm9v: ", " :Zm9v:", ":Zm9-:", ":Zm9v:, ::", ":Zm\n9v:",   "\"Zm9v\"",
    };
    for (size_t i = 0; i < SV_COUNT(GOOD); i++) {
        char room[32];
        char back_room[32];
        sv_textbuf out = SV_TEXTBUF(room);
        sv_textbuf back = SV_TEXTBUF(back_room);
        sv_field_bytes_add(&out, sv_text_of(GOOD[i][0]));
        assert_true(sv_text_is(sv_textbuf_text(&out), GOOD[i][1]));
        assert_int_equal(sv_field_bytes_parse(sv_textbuf_text(&out), &back), SV_OK);
        assert_true(sv_text_is(sv_textbuf_text(&back), GOOD[i][0]));
    }
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        char room[32];
        sv_textbuf out = SV_TEXTBUF(room);
        assert_int_equal(sv_field_bytes_parse(sv_text_of(BROKEN[i]), &out), SV_ERR_INVALID);
        assert_int_equal(sv_base64_parse(sv_text_of(BROKEN[i]), &out),
                         BROKEN[i][0] == '\0' || sv_text_is(sv_text_of(BROKEN[i]), "Zm9v")
                             ? SV_OK
                             : SV_ERR_INVALID);
    }
    char small[2];
    sv_textbuf out = SV_TEXTBUF(small);
    assert_int_equal(sv_field_bytes_parse(SV_TEXT(":Zm9v:"), &out), SV_ERR_NO_SPACE);
}

static void percent_encoding_refuses_what_would_smuggle_bytes(void **state) {
    (void) state;
    static const char *const BROKEN[] = { "%", "%4", "%zz", "%00", "%ff", "%c0%80", "%ed%a0%80" };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        char room[32];
        sv_textbuf out = SV_TEXTBUF(room);
        assert_int_equal(sv_percent_decode(sv_text_of(BROKEN[i]), false, &out), SV_ERR_INVALID);
    }
}

static void percent_encoding_reads_back_what_it_wrote(void **state) {
    (void) state;
    char room[64];
    char back_room[64];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_textbuf back = SV_TEXTBUF(back_room);
    sv_percent_add(&out, SV_TEXT("a b+c/\xc3\xa4?~"));
    assert_true(sv_text_is(sv_textbuf_text(&out), "a%20b%2Bc%2F%C3%A4%3F~"));
    assert_int_equal(sv_percent_decode(sv_textbuf_text(&out), true, &back), SV_OK);
    assert_true(sv_text_is(sv_textbuf_text(&back), "a b+c/\xc3\xa4?~"));
    sv_textbuf_clear(&back);
    assert_int_equal(sv_percent_decode(SV_TEXT("a+b"), false, &back), SV_OK);
    assert_true(sv_text_is(sv_textbuf_text(&back), "a+b"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hexadecimal_reads_back_what_it_wrote_and_nothing_else),
        cmocka_unit_test(base64url_agrees_with_the_rfc_without_its_padding),
        cmocka_unit_test(base64_is_padded),
        cmocka_unit_test(a_field_of_bytes_agrees_with_the_rfcs_and_has_one_spelling),
        cmocka_unit_test(percent_encoding_refuses_what_would_smuggle_bytes),
        cmocka_unit_test(percent_encoding_reads_back_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
