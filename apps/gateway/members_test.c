#include "gateway.h"
#include "members_page.h"

#include "ingest_fixture.h"

static const char RULES[] = "thresholds: {default: {high: 80}}\n";
static const char GIVEN[] = "groups: {c: {group: pilots}}\n"
                            "thresholds: {default: {high: 80}, groups: {c: {high: 50}}}\n"
                            "rules: {groups: {c: {warm: {when: t > 40}}}}\n";

static int setup(void **state) {
    assert_int_equal(open_fixture(state, RULES), 0);
    fixture *f = *state;
    return gw_members_open(&f->g, NULL) == SV_OK ? 0 : -1;
}

static int teardown_members(void **state) {
    fixture *f = *state;
    gw_members_close(&f->g);
    return teardown(state);
}

/// As the fleet server's rules come in force.
static void go_by(fixture *f, const char *text) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    sv_rules *rules = NULL;
    assert_int_equal(sv_config_parse(sv_text_of(text), &root, &faults), SV_OK);
    assert_int_equal(sv_rules_read(root, &rules, &faults), SV_OK);
    sv_rules *old = f->g.config.rules;
    f->g.config.rules = gw_members_with(&f->g, rules);
    gw_ingest_rules(&f->g);
    sv_rules_drop(&old);
}

static sv_err take(fixture *f, const char *page) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_why why = { 0 };
    assert_int_equal(sv_json_parse(sv_text_of(page), &root, NULL, NULL), SV_OK);
    return gw_members_take(&f->g, root, &why);
}

static void settle(fixture *f) {
    sv_writer_wait(f->g.writer);
    gw_members_turn(&f->g);
}

static sv_members *with(const char *first, const char *second) {
    const sv_member_group groups[] = { { .name = "pilots", .known = true },
                                       { .name = "west", .known = true } };
    const sv_text pilots = SV_TEXT("pilots");
    sv_members *members = sv_members_new(NULL);
    assert_int_equal(sv_members_groups(members, groups, 2, NULL), SV_OK);
    const char *const devices[] = { first, second };
    for (size_t i = 0; i < 2; i++) {
        if (devices[i] != NULL) {
            assert_int_equal(sv_members_put(members, sv_text_of(devices[i]), &pilots, 1, NULL),
                             SV_OK);
        }
    }
    return members;
}

/// A whole answer that says that these are in `pilots`; `devices`: what it tells.
static void page_of(const sv_members *all, const char *devices, int64_t revision, bool more,
                    char *room, size_t bytes) {
    (void) snprintf(room, bytes,
                    "{\"groups\":[{\"name\":\"pilots\",\"known\":true},{\"name\":\"west\","
                    "\"known\":true}],\"devices\":[%s],\"revision\":%lld,\"more\":%s,\"sum\":"
                    "\"%016llx\"}",
                    devices, (long long) revision, more ? "true" : "false",
                    (unsigned long long) sv_members_sum(all));
}

#define IN(id) "{\"id\":\"" id "\",\"in\":[\"pilots\"]}"
#define OUT(id) "{\"id\":\"" id "\",\"in\":[]}"

static sv_err take_page(fixture *f, const char *first, const char *second, const char *devices,
                        int64_t revision, bool more) {
    char room[2048];
    SV_DEFER(sv_members_drop) sv_members *all = with(first, second);
    page_of(all, devices, revision, more, room, sizeof room);
    return take(f, room);
}

static bool is_in(const fixture *f, const char *device) {
    return sv_members_have(f->g.members.in_force, sv_text_of(device), SV_TEXT("pilots"));
}

static double high_of(fixture *f, const char *device) {
    const gw_stream *s = gw_stream_known(&f->g, sv_text_of(device), SV_TEXT("t"));
    assert_non_null(s);
    return s->rules.threshold.high.at;
}

static bool same(double left, double right) {
    return left >= right && left <= right;
}

// [members-8]
static void whoever_joins_or_leaves_is_judged_so_from_then_on(void **state) {
    fixture *f = *state;
    say(f, "press-1", NULL, 0, 2, 60);
    say(f, "press-2", NULL, 0, 2, 60);
    go_by(f, GIVEN);
    assert_true(gw_members_lack(&f->g, f->g.config.rules));
    assert_int_equal(take_page(f, "press-1", NULL, IN("press-1"), 7, false), SV_OK);
    assert_false(is_in(f, "press-1")); // not before it is on disk
    assert_true(same(high_of(f, "press-1"), 80));
    settle(f);
    assert_false(gw_members_lack(&f->g, f->g.config.rules));
    assert_true(same(high_of(f, "press-1"), 50) && same(high_of(f, "press-2"), 80));
    say(f, "press-1", NULL, 0, 1, 60);
    say(f, "press-2", NULL, 0, 1, 60);
    assert_int_equal(f->g.alerts_open, 2); // HIGH, and the rule with a name
    assert_int_equal(take_page(f, "press-2", NULL, IN("press-2") "," OUT("press-1"), 9, false),
                     SV_OK);
    settle(f);
    assert_true(same(high_of(f, "press-1"), 80) && same(high_of(f, "press-2"), 50));
    assert_int_equal(f->g.alerts_open, 1); // the rule is not its any more; HIGH waits for a reading
    say(f, "press-1", NULL, 0, 0, 60);
    assert_int_equal(f->g.alerts_open, 0);
    say(f, "press-2", NULL, 0, 0, 60);
    assert_int_equal(f->g.alerts_open, 2);
}

// [members-8]
static void what_was_told_is_known_after_a_start(void **state) {
    fixture *f = *state;
    assert_int_equal(take_page(f, "press-1", "press-2", IN("press-1") "," IN("press-2"), 7, false),
                     SV_OK);
    settle(f);
    assert_int_equal(take_page(f, "press-2", NULL, OUT("press-1"), 8, false), SV_OK);
    settle(f);
    gw_members_close(&f->g);
    restart(f);
    f->g.members = (gw_members){ .revision = 0 };
    assert_int_equal(gw_members_open(&f->g, NULL), SV_OK);
    assert_true(is_in(f, "press-2") && !is_in(f, "press-1"));
    assert_int_equal(f->g.members.revision, 8);
    assert_int_equal(sv_members_group_count(f->g.members.in_force), 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM member"), 1);
}

// [members-7]
static void pages_come_in_force_together(void **state) {
    fixture *f = *state;
    f->g.members.wanted = true;
    assert_int_equal(take_page(f, "press-1", "press-2", IN("press-1"), 5, true), SV_OK);
    settle(f);
    assert_false(is_in(f, "press-1"));
    assert_true(f->g.members.wanted);
    assert_int_equal(f->g.members.coming.revision, 5);
    assert_int_equal(take_page(f, "press-1", "press-2", IN("press-2"), 6, false), SV_OK);
    settle(f);
    assert_true(is_in(f, "press-1") && is_in(f, "press-2"));
    assert_false(f->g.members.wanted);
    assert_int_equal(f->g.members.revision, 6);
}

// [members-9]
static void what_was_lost_has_all_asked_for_again(void **state) {
    fixture *f = *state;
    assert_int_equal(take_page(f, "press-1", NULL, IN("press-1"), 7, false), SV_OK);
    settle(f);
    // press-2 joined, which was not told: the sum says so.
    f->g.members.wanted = true;
    assert_int_equal(take_page(f, "press-2", "press-3", IN("press-3") "," OUT("press-1"), 9, false),
                     SV_OK);
    settle(f);
    assert_true(is_in(f, "press-1") && !is_in(f, "press-3")); // what was in force is so still
    assert_true(f->g.members.wanted && f->g.members.coming.whole);
    assert_int_equal(f->g.members.revision, 7);
    assert_int_equal(take_page(f, "press-2", "press-3", IN("press-2") "," IN("press-3"), 9, false),
                     SV_OK);
    settle(f);
    assert_true(!is_in(f, "press-1") && is_in(f, "press-2") && is_in(f, "press-3"));
    assert_int_equal(ask(f, "SELECT count(*) FROM member"), 2);
    // All of it that is not what there is: refused.
    f->g.members.coming.whole = true;
    assert_int_equal(take_page(f, "press-1", NULL, IN("press-2"), 11, false), SV_ERR_INVALID);
    settle(f);
    assert_int_equal(f->g.members.revision, 9);
}

static void a_broken_answer_changes_nothing(void **state) {
    fixture *f = *state;
    static const char *const PAGES[] = {
        "[]",
        "{}",
        "{\"groups\":[],\"devices\":[],\"revision\":-1,\"more\":false,\"sum\":"
        "\"0000000000000000\"}",
        "{\"groups\":[],\"devices\":[],\"revision\":9,\"more\":0,\"sum\":\"0000000000000000\"}",
        "{\"groups\":[],\"devices\":[],\"revision\":9,\"more\":false,\"sum\":\"0\"}",
        "{\"groups\":[],\"devices\":[],\"revision\":9,\"more\":false,\"sum\":\"000000000000000G\"}",
        "{\"groups\":{},\"devices\":[],\"revision\":9,\"more\":false,\"sum\":\"0000000000000000\"}",
        "{\"groups\":[],\"devices\":{},\"revision\":9,\"more\":false,\"sum\":\"0000000000000000\"}",
        "{\"groups\":[{\"name\":\"a\"}],\"devices\":[],\"revision\":9,\"more\":false,\"sum\":"
        "\"0000000000000000\"}",
        "{\"groups\":[],\"devices\":[{\"id\":\"x\",\"in\":[\"a\"]}],\"revision\":9,\"more\":false,"
        "\"sum\":\"0000000000000000\"}",
        "{\"groups\":[],\"devices\":[{\"id\":\"x/y\",\"in\":[]}],\"revision\":9,\"more\":false,"
        "\"sum\":\"0000000000000000\"}",
    };
    assert_int_equal(take_page(f, "press-1", NULL, IN("press-1"), 7, false), SV_OK);
    settle(f);
    for (size_t i = 0; i < SV_COUNT(PAGES); i++) {
        assert_int_equal(take(f, PAGES[i]), SV_ERR_INVALID);
        settle(f);
        assert_true(is_in(f, "press-1"));
        assert_int_equal(f->g.members.revision, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whoever_joins_or_leaves_is_judged_so_from_then_on, setup,
                                        teardown_members),
        cmocka_unit_test_setup_teardown(what_was_told_is_known_after_a_start, setup,
                                        teardown_members),
        cmocka_unit_test_setup_teardown(pages_come_in_force_together, setup, teardown_members),
        cmocka_unit_test_setup_teardown(what_was_lost_has_all_asked_for_again, setup,
                                        teardown_members),
        cmocka_unit_test_setup_teardown(a_broken_answer_changes_nothing, setup, teardown_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
