#include "image_trial.h"

#define HEX_A "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEX_B "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BEGIN "selvedge content key 1\nkey " HEX_B "\nimage " HEX_A "\n"

static void a_key_seals_one_image_and_no_second(void **state) { // [image-12]
    (void) state;
    SV_DEFER(trial_image_drop) trial_image first = { 0 };
    SV_DEFER(trial_image_drop) trial_image second = { 0 };
    SV_DEFER(sv_image_key_wipe) sv_image_key key;
    trial_image_make(&first, TRIAL_BYTES, 1);
    trial_image_make(&second, TRIAL_BYTES, 2);
    sv_image_key_make(first.digest, &key);
    SV_DEFER(trial_release_drop) trial_release made;
    SV_DEFER(trial_release_drop) trial_release none;
    sv_why why = { 0 };
    assert_int_equal(trial_encode(&first, SV_ENCODING_RAW, NULL, &key, &made, NULL), SV_OK);
    assert_int_equal(trial_encode(&second, SV_ENCODING_RAW, NULL, &key, &none, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "one image and no second"));
    assert_int_equal(none.stored.len, 0); // refused before the first byte was sealed
}

/// Another release of zstd, say, compresses otherwise: same key, same nonces, other text.
static void an_encoding_is_sealed_again_only_if_it_is_the_same(void **state) { // [image-12]
    (void) state;
    SV_DEFER(trial_image_drop) trial_image image = { 0 };
    SV_DEFER(sv_image_key_wipe) sv_image_key key;
    trial_image_make(&image, TRIAL_BYTES, 1);
    sv_image_key_make(image.digest, &key);
    SV_DEFER(trial_release_drop) trial_release first;
    SV_DEFER(trial_release_drop) trial_release again;
    SV_DEFER(trial_release_drop) trial_release otherwise;
    assert_int_equal(trial_encode(&image, SV_ENCODING_ZSTD, NULL, &key, &first, NULL), SV_OK);
    assert_int_equal(trial_encode(&image, SV_ENCODING_ZSTD, NULL, &key, &again, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&first.stored), sv_textbuf_text(&again.stored)));
    assert_int_equal(key.sealed_count, 1);
    key.sealed[0].root[0] ^= 1; // as if it had come out otherwise
    sv_why why = { 0 };
    assert_int_equal(trial_encode(&image, SV_ENCODING_ZSTD, NULL, &key, &otherwise, &why),
                     SV_ERR_STATE);
    assert_non_null(strstr(why.text, "zstd was sealed with this content key before"));
}

static void the_digest_that_a_key_is_bound_to_is_the_image_s(void **state) { // [image-12]
    (void) state;
    SV_DEFER(trial_image_drop) trial_image image = { 0 };
    SV_DEFER(sv_image_key_wipe) sv_image_key key;
    trial_image_make(&image, TRIAL_BYTES, 1);
    image.digest[0] ^= 1; // whoever calls has mixed something up
    sv_image_key_make(image.digest, &key);
    SV_DEFER(trial_release_drop) trial_release made;
    sv_why why = { 0 };
    assert_int_equal(trial_encode(&image, SV_ENCODING_RAW, NULL, &key, &made, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "changed while it was read"));
    assert_int_equal(key.sealed_count, 0);
}

static void keys_are_random(void **state) { // [image-12]
    (void) state;
    static const uint8_t NONE[SV_TARGET_HASH_BYTES];
    sv_image_key first;
    sv_image_key second;
    sv_image_key_make(NONE, &first);
    sv_image_key_make(NONE, &second);
    assert_memory_not_equal(first.bytes, second.bytes, sizeof first.bytes);
    sv_image_key_wipe(&first);
    assert_memory_equal(first.bytes, NONE, sizeof first.bytes);
}

static void its_file_reads_back(void **state) { // [image-12]
    (void) state;
    static const char FILE_TEXT[] =
        BEGIN "sealed raw " HEX_A "\nsealed delta:" HEX_B " " HEX_A "\n";
    char room[1024];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_image_key key;
    assert_int_equal(sv_image_key_read(sv_text_of(FILE_TEXT), &key, NULL), SV_OK);
    assert_int_equal(key.sealed_count, 2);
    sv_image_key_write(&key, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, FILE_TEXT);
}

static void a_broken_file_is_refused_without_a_word_of_the_key(void **state) { // [image-12]
    (void) state;
    static const struct {
        const char *text, *sentence;
    } CASES[] = {
        { "", "whole file" },
        { "selvedge content key 1", "whole file" },
        { "selvedge content key 2\n", "line 1" },
        { "selvedge content key 1\n", "line 2" },
        { "selvedge content key 1\nkey " HEX_B "0\n", "line 2" },
        { "selvedge content key 1\nkey " HEX_B "\nimage 00\n", "line 3" },
        { BEGIN "sealed gzip " HEX_A "\n", "line 4" },
        { BEGIN "sealed raw " HEX_A "\nsealed raw " HEX_A "\n", "line 5" },
        { BEGIN "\n", "line 4" },
        { BEGIN "sealed raw " HEX_A, "whole file" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_image_key key;
        sv_why why = { 0 };
        assert_int_equal(sv_image_key_read(sv_text_of(CASES[i].text), &key, &why), SV_ERR_INVALID);
        if (strstr(why.text, CASES[i].sentence) == NULL || strstr(why.text, "0011") != NULL) {
            fail_msg("\"%s\": \"%s\", without \"%s\"", CASES[i].text, why.text, CASES[i].sentence);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_seals_one_image_and_no_second),
        cmocka_unit_test(an_encoding_is_sealed_again_only_if_it_is_the_same),
        cmocka_unit_test(the_digest_that_a_key_is_bound_to_is_the_image_s),
        cmocka_unit_test(keys_are_random),
        cmocka_unit_test(its_file_reads_back),
        cmocka_unit_test(a_broken_file_is_refused_without_a_word_of_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
