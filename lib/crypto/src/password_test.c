#include <base/test.h>
#include <crypto/password.h>
#include <stdio.h>
#include <string.h>

static const char GOOD[] = "correct horse battery";
static const char KNOWN_HASH[] =
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGUuLg$yW4mhIlOoEW496uK3bXTIgJvoiHVZ7eo3xY/SZeKCgA";

static void a_password_fits_its_own_hash_and_no_other(void **state) {
    (void) state;
    char first[SV_PASSWORD_HASH_ROOM];
    char again[SV_PASSWORD_HASH_ROOM];
    assert_int_equal(sv_password_hash(sv_text_of(GOOD), first, NULL), SV_OK);
    assert_int_equal(sv_password_hash(sv_text_of(GOOD), again, NULL), SV_OK);
    assert_string_not_equal(first, again);
    assert_memory_equal(first, "$scrypt$ln=15,r=8,p=1$", 22);
    assert_null(strstr(first, "correct"));
    assert_int_equal(sv_password_check(sv_text_of(GOOD), first, NULL), SV_OK);
    assert_int_equal(sv_password_check(SV_TEXT("correct horse batterz"), first, NULL),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(sv_password_check(SV_TEXT(""), first, NULL), SV_ERR_UNTRUSTED);
    sv_password_nobody(first);
    assert_int_equal(sv_password_check(sv_text_of(GOOD), first, NULL), SV_ERR_UNTRUSTED);
}

// Made with Python: hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride..", n=16384, r=8, p=1).
static void a_hash_made_by_another_program_is_understood(void **state) {
    (void) state;
    assert_int_equal(sv_password_check(SV_TEXT("pleaseletmein"), KNOWN_HASH, NULL), SV_OK);
}

static void a_damaged_hash_is_no_password_and_asks_for_no_memory(void **state) {
    (void) state;
    static const char *const BROKEN[] = {
        "",
        "$",
        "$scrypt$",
        "scrypt$ln=15,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2$ln=15,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=40,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=20,r=16,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=0,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=15,r=8$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=15,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=15,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        "$scrypt$ln=15,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA$",
    };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        assert_int_equal(sv_password_check(sv_text_of(GOOD), BROKEN[i], NULL), SV_ERR_INVALID);
    }
}

static void a_refused_password_is_told_its_rule(void **state) {
    (void) state;
    static const struct {
        const char *password, *why;
    } CASES[] = {
        { "elevenbytes", "a password has 12 to 256 bytes; this one has 11" },
        { "", "a password has 12 to 256 bytes; this one has 0" },
        { "aaaaaaaaaaaaaaaa", "a password has at least 5 different characters" },
        { "abcdabcdabcdabcd", "a password has at least 5 different characters" },
        { "ada-lovelace-12", "the user's name does not count: 12 bytes are needed beside it" },
        { "correct\xFFhorse battery", "a password is text (UTF-8)" },
    };
    sv_why why;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(
            sv_password_judge(sv_text_of(CASES[i].password), SV_TEXT("ada-lovelace"), &why),
            SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].why);
    }
    char longest[SV_PASSWORD_MAX + 1];
    for (size_t i = 0; i < sizeof longest; i++) {
        longest[i] = (char) ('a' + i % 20);
    }
    sv_text text = { .at = longest, .len = sizeof longest };
    assert_int_equal(sv_password_judge(text, SV_TEXT("ada"), NULL), SV_ERR_INVALID);
    text.len--;
    assert_int_equal(sv_password_judge(text, SV_TEXT("ada"), NULL), SV_OK);
    assert_int_equal(sv_password_judge(sv_text_of(GOOD), SV_TEXT("ada"), NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_fits_its_own_hash_and_no_other),
        cmocka_unit_test(a_hash_made_by_another_program_is_understood),
        cmocka_unit_test(a_damaged_hash_is_no_password_and_asks_for_no_memory),
        cmocka_unit_test(a_refused_password_is_told_its_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
