#include "person.h"

#include <base/test.h>
#include <stdio.h>
#include <string.h>

static sv_err read_sites(const char *json, char out[SV_SITES_ROOM], sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char room[SV_SITES_ROOM * 2];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_textbuf_addf(&text, "{\"sites\":%s}", json);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
    return sv_sites_read(sv_json_get(root, "sites"), out, why);
}

static void a_person_sees_its_own_sites_and_nothing_that_only_looks_like_one(void **state) {
    (void) state;
    sv_person person = { .role = SV_PERSON_VIEWER };
    assert_true(sv_person_sees(&person, SV_TEXT("anything")));
    assert_true(sv_person_sees_all(&person));
    assert_int_equal(read_sites("[\"north\",\"south-2\"]", person.sites, NULL), SV_OK);
    assert_string_equal(person.sites, "[\"north\",\"south-2\"]");
    assert_true(sv_person_sees(&person, SV_TEXT("north")));
    assert_true(sv_person_sees(&person, SV_TEXT("south-2")));
    static const char *const OTHERS[] = { "",      "nort",  "orth", "northern",
                                          "south", "North", "[",    "]",
                                          ",",     "\",\"", "2",    "north\",\"south-2" };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        assert_false(sv_person_sees(&person, sv_text_of(OTHERS[i])));
    }
    assert_false(sv_person_sees_all(&person));
    (void) snprintf(person.sites, sizeof person.sites, "[]");
    assert_false(sv_person_sees(&person, SV_TEXT("north")));
    assert_false(sv_person_sees(&person, SV_TEXT("")));
}

static void sites_are_read_or_refused_with_the_reason(void **state) {
    (void) state;
    static const struct {
        const char *json, *why;
    } REFUSED[] = {
        { "[]", "sites must be an array of 1 to 32 names, or null for all" },
        { "\"north\"", "sites must be an array of 1 to 32 names, or null for all" },
        { "{}", "sites must be an array of 1 to 32 names, or null for all" },
        { "[\"north\",\"north\"]", "site 'north' is there twice" },
    };
    char sites[SV_SITES_ROOM] = "untouched";
    sv_why why;
    for (size_t i = 0; i < SV_COUNT(REFUSED); i++) {
        assert_int_equal(read_sites(REFUSED[i].json, sites, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, REFUSED[i].why);
    }
    assert_int_equal(read_sites("[\"a\\\"b\"]", sites, NULL), SV_ERR_INVALID);
    assert_int_equal(read_sites("[7]", sites, NULL), SV_ERR_INVALID);
    assert_string_equal(sites, "untouched");
    assert_int_equal(read_sites("null", sites, NULL), SV_OK);
    assert_string_equal(sites, "");
}

static void as_many_sites_as_may_be_fit(void **state) {
    (void) state;
    char json[SV_SITES_ROOM * 2];
    char sites[SV_SITES_ROOM];
    for (int count = SV_PERSON_SITES_MAX; count <= SV_PERSON_SITES_MAX + 1; count++) {
        sv_textbuf text = SV_TEXTBUF(json);
        for (int i = 0; i < count; i++) {
            sv_textbuf_addf(&text, "%s\"%064d\"", i == 0 ? "[" : ",", i);
        }
        sv_textbuf_add_char(&text, ']');
        assert_int_equal(sv_textbuf_end(&text), SV_OK);
        assert_int_equal(read_sites(json, sites, NULL),
                         count > SV_PERSON_SITES_MAX ? SV_ERR_INVALID : SV_OK);
    }
}

static void part_and_whole_of_sites(void **state) {
    (void) state;
    static const struct {
        const char *a, *b, *both;
        bool within;
    } CASES[] = {
        { "", "", "", true },
        { "[\"n\"]", "", "[\"n\"]", true },
        { "", "[\"n\"]", "[\"n\"]", false },
        { "[\"n\"]", "[\"n\",\"s\"]", "[\"n\"]", true },
        { "[\"n\",\"w\"]", "[\"n\",\"s\"]", "[\"n\"]", false },
        { "[\"w\"]", "[\"n\",\"s\"]", "[]", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char both[SV_SITES_ROOM];
        sv_sites_both(CASES[i].a, CASES[i].b, both);
        assert_string_equal(both, CASES[i].both);
        assert_int_equal(sv_sites_within(CASES[i].a, CASES[i].b), CASES[i].within);
    }
}

static void roles_and_scopes_have_names(void **state) {
    (void) state;
    sv_why why;
    for (int i = 0; i < SV_PERSON_ROLE__COUNT; i++) {
        sv_person_role role = SV_PERSON_ROLE__COUNT;
        const char *name = sv_person_role_name((sv_person_role) i);
        assert_int_equal(sv_person_role_parse(sv_text_of(name), &role, NULL), SV_OK);
        assert_int_equal(role, i);
    }
    sv_person_role role = SV_PERSON_VIEWER;
    assert_int_equal(sv_person_role_parse(SV_TEXT("root"), &role, &why), SV_ERR_INVALID);
    assert_string_equal(why.text,
                        "'root' is no role; there are viewer, operator, release and admin");
    SV_DEFER(sv_json_drop) sv_json *scopes = NULL;
    unsigned bits = 0;
    assert_int_equal(sv_json_parse(SV_TEXT("[\"read\",\"admin\"]"), &scopes, NULL, NULL), SV_OK);
    assert_int_equal(sv_scopes_read(scopes, &bits, NULL), SV_OK);
    assert_int_equal(bits, SV_SCOPE_READ | SV_SCOPE_ADMIN);
    assert_int_equal(sv_scopes_read(NULL, &bits, &why), SV_ERR_INVALID);
    assert_int_equal(sv_scope_least(SV_SCOPE_READ), SV_PERSON_VIEWER);
    assert_int_equal(sv_scope_least(SV_SCOPE_UPDATES), SV_PERSON_RELEASE);
    assert_int_equal(sv_scope_least(SV_SCOPE_ADMIN), SV_PERSON_ADMIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_sees_its_own_sites_and_nothing_that_only_looks_like_one),
        cmocka_unit_test(sites_are_read_or_refused_with_the_reason),
        cmocka_unit_test(as_many_sites_as_may_be_fit),
        cmocka_unit_test(part_and_whole_of_sites),
        cmocka_unit_test(roles_and_scopes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
