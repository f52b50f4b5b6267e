#include "key_token_uri.h"
#include <base/test.h>

#define AT_MODULE "?module-path=/usr/lib/m.so"

// [keys-6]
static void a_uri_names_token_key_module_and_pin_file(void **state) {
    (void) state;
    sv_token_uri uri;
    sv_text text = SV_TEXT("token=Press%20hall;object=press-17;id=%01%fF;type=private"
                           "?pin-source=file:/etc/selvedge/pin&module-path=/usr/lib/m.so");
    assert_int_equal(sv_token_uri_parse(text, &uri, NULL), SV_OK);
    assert_string_equal(uri.token, "Press hall");
    assert_string_equal(uri.object, "press-17");
    assert_int_equal(uri.id_len, 2);
    assert_memory_equal(uri.id, "\x01\xff", 2);
    assert_string_equal(uri.module, "/usr/lib/m.so");
    assert_string_equal(uri.pin_file, "/etc/selvedge/pin");
    assert_string_equal(uri.serial, "");
}

// [keys-6]
static void what_a_uri_may_not_say_is_refused(void **state) {
    (void) state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "", "which key?" },
        { AT_MODULE, "which key?" },
        { "object=a", "which token's software?" },
        { "object=" AT_MODULE, "object is ''" },
        { "object=a;object=b" AT_MODULE, "object is given twice" },
        { "object=a%2" AT_MODULE, "object is 'a%2'" },
        { "object=a%zz" AT_MODULE, "object is 'a%zz'" },
        { "object=a%00b" AT_MODULE, "object is 'a%00b'" },
        { "object=a;id=" AT_MODULE, "id is ''" },
        { "object=a;type=cert" AT_MODULE, "only 'private'" },
        { "object=a;colour=red" AT_MODULE, "'colour' is not known" },
        { "object=a;module-path=/m" AT_MODULE, "'module-path' is not known" },
        { "object=a?object=b", "'object' is not known" },
        { "object=a" AT_MODULE "&pin-source=pin", "write pin-source=file:/PATH" },
        { "object=a" AT_MODULE "&pin-source=|cat /etc/pin", "write pin-source=file:/PATH" },
        { "object=1234567890123456789012345678901234567890123456789012345678901234567890" AT_MODULE,
          "give 1 to 64 bytes" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_token_uri uri;
        sv_why why = { 0 };
        assert_int_equal(sv_token_uri_parse(sv_text_of(cases[i].text), &uri, &why), SV_ERR_INVALID);
        if (strstr(why.text, cases[i].words) == NULL) {
            fail_msg("%s: '%s' instead of '%s'", cases[i].text, why.text, cases[i].words);
        }
    }
}

// [keys-6]
static void a_pin_in_a_uri_is_refused_and_not_repeated(void **state) {
    (void) state;
    sv_token_uri uri;
    sv_why why = { 0 };
    sv_text text = SV_TEXT("object=a" AT_MODULE "&pin-value=271828");
    assert_int_equal(sv_token_uri_parse(text, &uri, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "a PIN has no place here"));
    assert_null(strstr(why.text, "271828"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_names_token_key_module_and_pin_file),
        cmocka_unit_test(what_a_uri_may_not_say_is_refused),
        cmocka_unit_test(a_pin_in_a_uri_is_refused_and_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
