#include <base/test.h>
#include <model/id.h>

static void every_byte_stands_where_the_grammar_lets_it_and_nowhere_else(void **state) {
    (void) state;
    static const char FIRST[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (int byte = 0; byte < 256; byte++) {
        char alone[1] = { (char) byte };
        char second[2] = { 'a', (char) byte };
        bool may_start = byte != 0 && strchr(FIRST, byte) != NULL;
        assert_int_equal(sv_id_is_valid((sv_text){ alone, 1 }), may_start);
        assert_int_equal(sv_id_is_valid((sv_text){ second, 2 }),
                         may_start || byte == '-' || byte == '_');
    }
}

static void an_id_has_one_to_64_bytes(void **state) {
    (void) state;
    char longest[SV_ID_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_false(sv_id_is_valid((sv_text){ longest, 0 }));
    assert_false(sv_id_is_valid((sv_text){ NULL, 0 }));
    assert_true(sv_id_is_valid((sv_text){ longest, SV_ID_MAX }));
    assert_false(sv_id_is_valid((sv_text){ longest, SV_ID_MAX + 1 }));
}

static void a_refusal_names_the_thing_and_its_value(void **state) {
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(sv_id_check("device id", SV_TEXT("a/b"), &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "device id \"a/b\" is not valid: a letter or digit, then up to "
                                  "63 letters, digits, - or _");
}

static void roles_read_back_and_nothing_else_is_a_role(void **state) {
    (void) state;
    for (unsigned i = 0; i < SV_ROLE__COUNT; i++) {
        sv_role role = SV_ROLE__COUNT;
        assert_int_equal(sv_role_parse(sv_text_of(sv_role_name((sv_role) i)), &role, NULL), SV_OK);
        assert_int_equal(role, i);
    }
    sv_role role = SV_ROLE_APP;
    assert_int_equal(sv_role_parse(SV_TEXT("Device"), &role, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_role_parse(SV_TEXT(""), &role, NULL), SV_ERR_INVALID);
    assert_int_equal(role, SV_ROLE_APP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_stands_where_the_grammar_lets_it_and_nowhere_else),
        cmocka_unit_test(an_id_has_one_to_64_bytes),
        cmocka_unit_test(a_refusal_names_the_thing_and_its_value),
        cmocka_unit_test(roles_read_back_and_nothing_else_is_a_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
