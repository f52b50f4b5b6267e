#include "checklist_report.h"

#include <base/test.h>
#include <base/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

static const int64_t NOW_US = INT64_C(1795924800) * SV_TIME_SECOND_US;

#define STATEMENT(id, verdict)                                                                     \
    "{\"id\":\"" id "\",\"title\":\"T.\",\"verdict\":\"" verdict "\",\"looked_at\":\"files\","     \
    "\"seen\":[\"a\",\"b\"],\"seen_more\":3,\"answers\":[\"CR 1.8\"],\"remedy\":\"do\"}"
#define REPORT(statements)                                                                         \
    "{\"at\":1795924800000,\"version\":\"0.1.0\",\"holds\":true,\"extra\":[1],\"statements\":"     \
    "[" statements "]}"

static sv_err read_it(const char *text, char *out, size_t room, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf kept = SV_TEXTBUF_HEAP(SV_CHECKLIST_BYTES_MAX);
    sv_err err = sv_checklist_read(sv_text_of(text), NOW_US, &kept, why);
    if (err == SV_OK) {
        assert_int_equal(sv_text_copy(sv_textbuf_text(&kept), out, room), SV_OK);
    }
    return err;
}

// [checklist-31]
static void a_report_is_kept_as_far_as_it_is_known_and_counted_anew(void **state) {
    (void) state;
    char kept[4096];
    assert_int_equal(
        read_it(REPORT(STATEMENT("keys-kept", "holds") "," STATEMENT("own-users", "does not hold")),
                kept, sizeof kept, NULL),
        SV_OK);
    assert_non_null(strstr(kept, "\"holds\":false"));
    assert_non_null(strstr(kept, "\"verdicts\":{\"does not hold\":1,\"unknown\":0,\"holds\":1,"
                                 "\"not applicable\":0}"));
    assert_non_null(strstr(kept, "\"seen\":[\"a\",\"b\"],\"seen_more\":3"));
    assert_null(strstr(kept, "extra"));
}

// [checklist-31]
static void what_is_no_report_is_refused_with_what_is_wrong(void **state) {
    (void) state;
    static const struct {
        const char *text, *said;
    } CASES[] = {
        { "", "" },
        { "[]", "\"at\"" },
        { "{\"at\":1795925200000,\"version\":\"1\",\"statements\":[]}", "\"at\"" },
        { "{\"at\":1,\"version\":\"1\",\"statements\":[]}", "\"statements\" is no list" },
        { "{\"at\":1,\"version\":\"\",\"statements\":[]}", "\"version\"" },
        { REPORT(STATEMENT("keys-kept", "perhaps")), "'perhaps' is no verdict" },
        { REPORT(STATEMENT("Keys", "holds")), "small letters" },
        { REPORT("{\"id\":\"a\",\"verdict\":\"holds\"}"), "seen_more" },
        { REPORT("{\"id\":\"a\",\"verdict\":\"holds\",\"seen_more\":0,\"title\":\"t\","
                 "\"looked_at\":\"l\",\"seen\":[1]}"),
          "a line of \"seen\"" },
    };
    char kept[4096];
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { .text = "" };
        assert_int_equal(read_it(CASES[i].text, kept, sizeof kept, &why), SV_ERR_INVALID);
        if (strstr(why.text, CASES[i].said) == NULL || why.text[0] == '\0') {
            fail_msg("case %zu: %s", i, why.text);
        }
    }
}

// [checklist-31]
static void the_newest_one_is_shown_with_who_published_it(void **state) {
    (void) state;
    extern const char sv_fleet_schema_checklist[];
    const sv_db_migration first = { "checklist", sv_fleet_schema_checklist };
    char dir[] = "/tmp/selvedge-checklist-report-XXXXXX";
    char path[SV_PATH_MAX];
    char room[1024];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_why why;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(sv_disk_join(path, sizeof path, dir, "db"), SV_OK);
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open(path, &first, 1, &db, NULL), SV_OK);
    assert_int_equal(sv_checklist_show(db, &out, &why), SV_ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "--publish"));
    assert_int_equal(sv_checklist_keep(db, SV_TEXT("{\"at\":1}"), "ann", NOW_US - 1000, NULL),
                     SV_OK);
    assert_int_equal(sv_checklist_keep(db, SV_TEXT("{\"at\":2}"), "bob", NOW_US, NULL), SV_OK);
    assert_int_equal(sv_checklist_show(db, &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room,
                        "{\"published_at\":1795924800000,\"by\":\"bob\",\"report\":{\"at\":2}}");
    sv_db_drop(&db);
    assert_int_equal(sv_disk_remove_tree(dir, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_kept_as_far_as_it_is_known_and_counted_anew),
        cmocka_unit_test(what_is_no_report_is_refused_with_what_is_wrong),
        cmocka_unit_test(the_newest_one_is_shown_with_who_published_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
