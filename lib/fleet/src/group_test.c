#include <base/test.h>
#include <fleet/group.h>

#include <stdio.h>

static sv_err put(sv_groups *groups, const char *name, const char *text, sv_why *why) {
    sv_query query;
    assert_int_equal(sv_query_read(sv_text_of(text), &query, NULL), SV_OK);
    return sv_groups_put_query(groups, sv_text_of(name), &query, why);
}

static bool has(const sv_query_device *device, sv_query_field field, sv_text name) {
    return field == SV_QUERY_GROUP && sv_groups_have(device->of, device, name);
}

static bool is_in(sv_groups *groups, const char *device, const char *site, const char *name) {
    sv_query_device asked = {
        .field = { [SV_QUERY_ID] = sv_text_of(device), [SV_QUERY_SITE] = sv_text_of(site) },
        .has = has,
        .of = groups
    };
    return sv_groups_have(groups, &asked, sv_text_of(name));
}

static void a_group_is_a_list_or_a_query(void **state) { // [campaign-5]
    SV_DEFER(sv_groups_drop) sv_groups *groups = sv_groups_new();
    (void) state;
    assert_int_equal(sv_groups_put_list(groups, SV_TEXT("canary"), NULL), SV_OK);
    assert_int_equal(sv_groups_add(groups, SV_TEXT("canary"), SV_TEXT("press-1"), NULL), SV_OK);
    assert_int_equal(put(groups, "north", "site = north", NULL), SV_OK);
    assert_int_equal(put(groups, "rest", "group = north and group != canary", NULL), SV_OK);
    assert_true(is_in(groups, "press-1", "north", "canary"));
    assert_false(is_in(groups, "press-2", "north", "canary"));
    assert_true(is_in(groups, "press-2", "north", "rest"));
    assert_false(is_in(groups, "press-1", "north", "rest"));
    assert_false(is_in(groups, "press-2", "south", "rest"));
    assert_false(is_in(groups, "press-2", "south", "nothing"));
    // Given anew, it is what was given last.
    assert_int_equal(sv_groups_put_list(groups, SV_TEXT("canary"), NULL), SV_OK);
    assert_false(is_in(groups, "press-1", "north", "canary"));
    assert_true(is_in(groups, "press-1", "north", "rest"));
}

static void no_group_asks_for_itself_or_for_nothing(void **state) { // [campaign-6]
    SV_DEFER(sv_groups_drop) sv_groups *groups = sv_groups_new();
    sv_why why = { 0 };
    (void) state;
    assert_int_equal(put(groups, "a", "group = a", &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "group a would ask for itself");
    assert_int_equal(put(groups, "a", "site = x and group != b", &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "there is no group 'b'");
    assert_int_equal(put(groups, "b", "all", NULL), SV_OK);
    assert_int_equal(put(groups, "a", "group = b", NULL), SV_OK);
    assert_int_equal(put(groups, "b", "group = a", &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "group b would ask for itself");
    assert_true(is_in(groups, "press-1", "north", "a")); // as before
    assert_int_equal(sv_groups_remove(groups, SV_TEXT("b"), &why), SV_ERR_STATE);
    assert_string_equal(why.text, "group a asks for it");
    assert_int_equal(sv_groups_remove(groups, SV_TEXT("a"), NULL), SV_OK);
    assert_int_equal(sv_groups_remove(groups, SV_TEXT("b"), NULL), SV_OK);
    assert_int_equal(sv_groups_remove(groups, SV_TEXT("b"), &why), SV_ERR_NOT_FOUND);
}

static void groups_ask_for_groups_so_deep_and_no_deeper(void **state) { // [campaign-6]
    SV_DEFER(sv_groups_drop) sv_groups *groups = sv_groups_new();
    sv_why why = { 0 };
    (void) state;
    assert_int_equal(put(groups, "g0", "id = press-1", NULL), SV_OK);
    for (int i = 1; i <= SV_GROUP_DEPTH_MAX; i++) {
        char name[8];
        char text[32];
        (void) snprintf(name, sizeof name, "g%d", i);
        (void) snprintf(text, sizeof text, "group = g%d", i - 1);
        sv_err err = put(groups, name, text, &why);
        assert_int_equal(err, i < SV_GROUP_DEPTH_MAX ? SV_OK : SV_ERR_INVALID);
        assert_true(err != SV_OK || is_in(groups, "press-1", "north", name));
    }
    assert_string_equal(why.text, "groups ask for groups more than 8 deep");
}

/// A query that tests one group so often.
static sv_err put_often(sv_groups *groups, const char *name, const char *asked, int times,
                        sv_why *why) {
    char text[SV_QUERY_BYTES_MAX] = "";
    sv_textbuf out = SV_TEXTBUF(text);
    for (int i = 0; i < times; i++) {
        sv_textbuf_addf(&out, "%sgroup = %s", i > 0 ? " or " : "", asked);
    }
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    return put(groups, name, text, why);
}

/// Else eight groups of 32 tests each would keep the server for years.
static void groups_that_ask_for_groups_take_only_so_many_steps(void **state) { // [campaign-6]
    SV_DEFER(sv_groups_drop) sv_groups *groups = sv_groups_new();
    sv_query query;
    sv_why why = { 0 };
    (void) state;
    assert_int_equal(put(groups, "a", "id = press-1", NULL), SV_OK);
    assert_int_equal(put_often(groups, "b", "a", 32, NULL), SV_OK); // 63 + 32
    assert_int_equal(put_often(groups, "c", "b", 8, NULL), SV_OK);  // 15 + 8 * 95
    assert_int_equal(put_often(groups, "d", "b", 32, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "the groups it asks for have more than 1000 steps together");
    assert_int_equal(sv_query_read(SV_TEXT("group = c or group = c"), &query, NULL), SV_OK);
    assert_int_equal(sv_groups_check_names(groups, &query, NULL), SV_ERR_INVALID);
    // A lower one that grows is looked at from above, and stays as it was.
    assert_int_equal(put(groups, "a", "id = press-1 or id = press-2", &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "group c would not do any more: the groups it asks for have more "
                                  "than 1000 steps together");
    assert_true(is_in(groups, "press-1", "north", "c"));
    assert_false(is_in(groups, "press-2", "north", "c"));
    assert_int_equal(put(groups, "a", "id = press-2", &why), SV_OK);
    assert_true(is_in(groups, "press-2", "north", "c"));
    assert_int_equal(put(groups, "z", "all", NULL), SV_OK);
    assert_int_equal(put(groups, "a", "group = z", &why), SV_ERR_INVALID);
}

static void there_are_only_so_many_groups(void **state) {
    SV_DEFER(sv_groups_drop) sv_groups *groups = sv_groups_new();
    sv_why why = { 0 };
    (void) state;
    for (int i = 0; i < SV_GROUPS_MAX; i++) {
        char name[16];
        (void) snprintf(name, sizeof name, "g%d", i);
        assert_int_equal(sv_groups_put_list(groups, sv_text_of(name), NULL), SV_OK);
    }
    assert_int_equal(put(groups, "more", "all", &why), SV_ERR_STATE);
    assert_int_equal(put(groups, "g7", "all", &why), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_a_list_or_a_query),
        cmocka_unit_test(no_group_asks_for_itself_or_for_nothing),
        cmocka_unit_test(groups_ask_for_groups_so_deep_and_no_deeper),
        cmocka_unit_test(groups_that_ask_for_groups_take_only_so_many_steps),
        cmocka_unit_test(there_are_only_so_many_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
