#include <base/prng.h>
#include <base/test.h>
#include <edge/members.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sv_member_group THREE[] = { { .name = "a", .known = true },
                                         { .name = "b", .known = true },
                                         { .name = "gone" } };

static sv_members *three(void) {
    sv_members *members = sv_members_new(NULL);
    assert_int_equal(sv_members_groups(members, THREE, 3, NULL), SV_OK);
    return members;
}

static void put(sv_members *members, const char *device, const char *first, const char *second) {
    const sv_text groups[] = { sv_text_of(first != NULL ? first : ""),
                               sv_text_of(second != NULL ? second : "") };
    size_t count = (size_t) (first != NULL) + (size_t) (second != NULL);
    assert_int_equal(sv_members_put(members, sv_text_of(device), groups, count, NULL), SV_OK);
}

// [members-1]
static void a_device_is_in_the_groups_it_was_put_in_last(void **state) {
    (void) state;
    SV_DEFER(sv_members_drop) sv_members *members = three();
    put(members, "press-1", "a", "b");
    put(members, "press-2", "b", NULL);
    put(members, "press-1", "a", NULL);
    assert_true(sv_members_have(members, SV_TEXT("press-1"), SV_TEXT("a")));
    assert_false(sv_members_have(members, SV_TEXT("press-1"), SV_TEXT("b")));
    assert_int_equal(sv_members_find(members, SV_TEXT("b"))->count, 1);
    put(members, "press-2", NULL, NULL);
    assert_int_equal(sv_members_device_count(members), 1);
    assert_int_equal(sv_members_find(members, SV_TEXT("b"))->count, 0);
    assert_null(sv_members_find(members, SV_TEXT("c")));
}

// [members-3]
static void nobody_is_in_a_group_that_is_not_known(void **state) {
    (void) state;
    SV_DEFER(sv_members_drop) sv_members *members = three();
    const sv_text gone = SV_TEXT("gone");
    const sv_text never = SV_TEXT("never");
    sv_why why = { 0 };
    assert_int_equal(sv_members_put(members, SV_TEXT("x"), &gone, 1, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "'gone'"));
    assert_int_equal(sv_members_put(members, SV_TEXT("x"), &never, 1, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_members_put(members, SV_TEXT("x/y"), &gone, 0, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_members_device_count(members), 0);
    put(members, "x", "a", "b");
    sv_member_group two[] = { { .name = "b" }, { .name = "a", .known = true } };
    assert_int_equal(sv_members_groups(members, two, 2, NULL), SV_OK); // b is known no more
    assert_false(sv_members_have(members, SV_TEXT("x"), SV_TEXT("b")));
    assert_true(sv_members_have(members, SV_TEXT("x"), SV_TEXT("a")));
    assert_int_equal(sv_members_groups(members, two, 1, NULL), SV_OK); // and a is not named
    assert_int_equal(sv_members_device_count(members), 0);
    assert_int_equal(sv_members_sum(members), 0);
}

static void faulty_lists_of_groups_change_nothing(void **state) {
    (void) state;
    SV_DEFER(sv_members_drop) sv_members *members = three();
    const sv_member_group twice[] = { { .name = "z" }, { .name = "z" } };
    const sv_member_group bad[] = { { .name = "not a name" } };
    sv_member_group many[SV_MEMBERS_GROUPS_MAX + 1] = { { .known = true } };
    for (int i = 0; i <= SV_MEMBERS_GROUPS_MAX; i++) {
        (void) snprintf(many[i].name, SV_ID_ROOM, "g%d", i);
    }
    put(members, "x", "a", NULL);
    assert_int_equal(sv_members_groups(members, twice, 2, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_members_groups(members, bad, 1, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_members_groups(members, many, SV_COUNT(many), NULL), SV_ERR_INVALID);
    assert_int_equal(sv_members_group_count(members), 3);
    assert_true(sv_members_have(members, SV_TEXT("x"), SV_TEXT("a")));
    assert_int_equal(sv_members_groups(members, many, SV_MEMBERS_GROUPS_MAX, NULL), SV_OK);
    assert_int_equal(sv_members_group_count(members), SV_MEMBERS_GROUPS_MAX);
    assert_int_equal(sv_members_device_count(members), 0);
}

/// Random words in a random order: what a table of who is in what would say.
typedef struct table {
    bool in[40][5];
    bool known[5];
} table;

static void hold_against(const sv_members *members, const table *t) {
    size_t devices = 0;
    for (int d = 0; d < 40; d++) {
        char id[SV_ID_ROOM];
        bool any = false;
        (void) snprintf(id, sizeof id, "d-%d", d);
        for (int k = 0; k < 5; k++) {
            const char name[] = { (char) ('a' + k), '\0' };
            assert_int_equal(sv_members_have(members, sv_text_of(id), sv_text_of(name)),
                             t->in[d][k]);
            any = any || t->in[d][k];
        }
        devices += any;
    }
    assert_int_equal(sv_members_device_count(members), devices);
    for (int k = 0; k < 5; k++) {
        const char name[] = { (char) ('a' + k), '\0' };
        const sv_member_group *group = sv_members_find(members, sv_text_of(name));
        size_t count = 0;
        for (int d = 0; d < 40; d++) {
            count += t->in[d][k];
        }
        assert_int_equal(group == NULL ? 0 : group->count, count);
    }
}

static void name_some(sv_members *members, table *t, sv_prng *prng) {
    sv_member_group groups[5];
    size_t count = 0;
    for (int k = 4; k >= 0; k--) { // in another order than the table's
        bool named = sv_prng_next(prng) % 4 != 0;
        t->known[k] = named && sv_prng_next(prng) % 4 != 0;
        for (int d = 0; d < 40; d++) {
            t->in[d][k] = t->in[d][k] && t->known[k];
        }
        if (named) {
            groups[count] = (sv_member_group){ .known = t->known[k] };
            groups[count++].name[0] = (char) ('a' + k);
        }
    }
    assert_int_equal(sv_members_groups(members, groups, count, NULL), SV_OK);
}

static void put_one(sv_members *members, table *t, sv_prng *prng) {
    static const char *const NAMES[] = { "a", "b", "c", "d", "e" };
    sv_text groups[5];
    size_t count = 0;
    char id[SV_ID_ROOM];
    unsigned d = (unsigned) sv_prng_next(prng) % 40;
    (void) snprintf(id, sizeof id, "d-%u", d);
    for (int k = 0; k < 5; k++) {
        t->in[d][k] = t->known[k] && sv_prng_next(prng) % 2 != 0;
        if (t->in[d][k]) {
            groups[count++] = sv_text_of(NAMES[k]);
        }
    }
    assert_int_equal(sv_members_put(members, sv_text_of(id), groups, count, NULL), SV_OK);
}

// [members-2]
static void the_sum_is_that_of_what_there_is_however_it_came_about(void **state) {
    (void) state;
    sv_prng prng = { 9 };
    table t = { .known = { false } };
    SV_DEFER(sv_members_drop) sv_members *members = sv_members_new(NULL);
    for (int i = 0; i < 4000; i++) {
        if (sv_prng_next(&prng) % 20 == 0) {
            name_some(members, &t, &prng);
        } else {
            put_one(members, &t, &prng);
        }
        if (i % 50 == 0) {
            SV_DEFER(sv_members_drop) sv_members *anew = sv_members_new(NULL);
            hold_against(members, &t);
            sv_member_group groups[SV_MEMBERS_GROUPS_MAX];
            size_t count = sv_members_group_count(members);
            for (size_t k = 0; k < count; k++) {
                groups[k] = *sv_members_group_at(members, count - 1 - k);
            }
            assert_int_equal(sv_members_groups(anew, groups, count, NULL), SV_OK);
            for (size_t k = sv_members_device_count(members); k > 0; k--) {
                sv_text in[SV_MEMBERS_GROUPS_MAX];
                sv_text device = sv_members_device_at(members, k - 1);
                assert_int_equal(
                    sv_members_put(anew, device, in, sv_members_of(members, device, in), NULL),
                    SV_OK);
                assert_true(sv_members_agree(members, anew, device));
            }
            assert_true(sv_members_sum(anew) == sv_members_sum(members));
        }
    }
}

static void a_copy_is_on_its_own(void **state) {
    (void) state;
    SV_DEFER(sv_members_drop) sv_members *members = three();
    put(members, "x", "a", NULL);
    SV_DEFER(sv_members_drop) sv_members *copy = sv_members_copy(members);
    SV_DEFER(sv_members_drop) sv_members *shared = sv_members_share(members);
    assert_true(sv_members_sum(copy) == sv_members_sum(members));
    put(copy, "x", "b", NULL);
    assert_true(sv_members_have(shared, SV_TEXT("x"), SV_TEXT("a")));
    assert_false(sv_members_agree(members, copy, SV_TEXT("x")));
    assert_true(sv_members_sum(copy) != sv_members_sum(members));
}

static void one_device_too_many_is_told(void **state) {
    (void) state;
    SV_DEFER(sv_members_drop) sv_members *members = three();
    for (int i = 0; i < SV_MEMBERS_DEVICES_MAX; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "d-%d", i);
        put(members, id, "a", NULL);
    }
    const sv_text a = SV_TEXT("a");
    assert_int_equal(sv_members_put(members, SV_TEXT("one-more"), &a, 1, NULL), SV_ERR_NO_SPACE);
    put(members, "d-0", "b", NULL); // known, so there is room
    put(members, "d-1", NULL, NULL);
    put(members, "one-more", "a", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_in_the_groups_it_was_put_in_last),
        cmocka_unit_test(nobody_is_in_a_group_that_is_not_known),
        cmocka_unit_test(faulty_lists_of_groups_change_nothing),
        cmocka_unit_test(the_sum_is_that_of_what_there_is_however_it_came_about),
        cmocka_unit_test(a_copy_is_on_its_own),
        cmocka_unit_test(one_device_too_many_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
