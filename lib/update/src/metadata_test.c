#include <base/test.h>
#include <update/metadata.h>

#define HEAD(type)                                                                                 \
    "{\"signatures\":[],\"signed\":{\"_type\":\"" type                                             \
    "\",\"spec_version\":\"1.0\",\"version\":1,\"expires\":\"2044-08-10T10:05:04Z\","
#define ROLE "{\"keyids\":[],\"threshold\":1}"

static const char *const SOUND[SV_TUF_TYPE__COUNT] = {
    [SV_TUF_ROOT] = HEAD("root") "\"keys\":{},\"roles\":{\"root\":" ROLE ",\"timestamp\":" ROLE
                                 ",\"snapshot\":" ROLE ",\"targets\":" ROLE "}}}",
    [SV_TUF_TIMESTAMP] = HEAD("timestamp") "\"meta\":{\"snapshot.json\":{\"version\":7}}}}",
    [SV_TUF_SNAPSHOT] = HEAD("snapshot") "\"meta\":{\"targets.json\":{\"version\":3,\"length\":9,"
                                         "\"hashes\":{\"sha256\":\"00\"}}}}}",
    [SV_TUF_TARGETS] =
        HEAD("targets") "\"targets\":{\"f\":{\"length\":0,\"hashes\":{\"sha512\":\"00\"}}}}}",
};

static void each_type_has_its_shape(void **state) { // [trust-1]
    (void) state;
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        for (sv_tuf_type as = 0; as < SV_TUF_TYPE__COUNT; as++) {
            SV_DEFER(sv_tuf_drop) sv_tuf_metadata *metadata = NULL;
            sv_why why = { 0 };
            sv_err err = sv_tuf_read(sv_text_of(SOUND[type]), as, &metadata, &why);
            assert_int_equal(err, type == as ? SV_OK : SV_ERR_INVALID);
            assert_true(type == as ? metadata->version == 1 : strstr(why.text, "_type") != NULL);
        }
    }
}

static void what_is_wrong_is_said(void **state) { // [trust-1]
    (void) state;
    static const struct {
        sv_tuf_type type;
        const char *json, *sentence;
    } CASES[] = {
        { SV_TUF_TIMESTAMP, "[]", "signed" },
        { SV_TUF_TIMESTAMP, "{\"signed\":{}}", "signatures" },
        { SV_TUF_TIMESTAMP, HEAD("timestamp") "\"meta\":{}}}", "snapshot.json" },
        { SV_TUF_TIMESTAMP, HEAD("timestamp") "\"meta\":{\"snapshot.json\":{}}}}", "version" },
        { SV_TUF_TIMESTAMP, HEAD("timestamp") "\"meta\":{\"snapshot.json\":{\"version\":0}}}}",
          "version" },
        { SV_TUF_SNAPSHOT, HEAD("snapshot") "\"meta\":[]}}", "meta" },
        { SV_TUF_SNAPSHOT, HEAD("snapshot") "\"meta\":{\"a\":{\"version\":1,\"length\":0}}}}",
          "length" },
        { SV_TUF_SNAPSHOT, HEAD("snapshot") "\"meta\":{\"a\":{\"version\":1,\"hashes\":{}}}}}",
          "hashes" },
        { SV_TUF_SNAPSHOT,
          HEAD("snapshot") "\"meta\":{\"a\":{\"version\":1,\"hashes\":{\"sha256\":1}}}}}",
          "sha256" },
        { SV_TUF_TARGETS, HEAD("targets") "\"x\":1}}", "targets" },
        { SV_TUF_TARGETS, HEAD("targets") "\"targets\":{\"f\":{}}}}", "length" },
        { SV_TUF_TARGETS, HEAD("targets") "\"targets\":{\"f\":{\"length\":1}}}}", "hashes" },
        { SV_TUF_TARGETS,
          HEAD("targets") "\"targets\":{\"f\":{\"length\":-1,\"hashes\":{\"sha256\":\"\"}}}}}",
          "length" },
        { SV_TUF_TARGETS, HEAD("targets") "\"targets\":{},\"delegations\":{}}}", "keys" },
        { SV_TUF_TARGETS, HEAD("targets") "\"targets\":{},\"delegations\":{\"keys\":{}}}}",
          "either" },
        { SV_TUF_TARGETS,
          HEAD("targets") "\"targets\":{},\"delegations\":{\"keys\":{\"k\":{}},\"roles\":[]}}}",
          "keytype" },
        { SV_TUF_TARGETS,
          HEAD("targets") "\"targets\":{},\"delegations\":{\"keys\":{},\"succinct_roles\":{"
                          "\"keyids\":[],\"threshold\":1,\"name_prefix\":\"a\",\"bit_length\":33}}"
                          "}}",
          "bit_length" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_tuf_drop) sv_tuf_metadata *metadata = NULL;
        sv_why why = { 0 };
        sv_err err = sv_tuf_read(sv_text_of(CASES[i].json), CASES[i].type, &metadata, &why);
        if (err != SV_ERR_INVALID || strstr(why.text, CASES[i].sentence) == NULL) {
            fail_msg("%s: %d \"%s\", without \"%s\"", CASES[i].json, (int) err, why.text,
                     CASES[i].sentence);
        }
    }
}

/// However few it takes: no signature is none.
static void nobody_vouches_for_what_nobody_signed(void **state) { // [trust-3]
    (void) state;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    assert_int_equal(sv_tuf_read(sv_text_of(SOUND[SV_TUF_ROOT]), SV_TUF_ROOT, &root, NULL), SV_OK);
    sv_tuf_voucher by = sv_tuf_root_names(root, SV_TUF_ROOT);
    assert_int_equal(by.threshold, 1);
    assert_int_equal(sv_tuf_check(root, &by, NULL), SV_ERR_UNTRUSTED);
    by.threshold = 0;
    assert_int_equal(sv_tuf_check(root, &by, NULL), SV_ERR_UNTRUSTED);
}

static void a_file_is_held_against_all_that_is_said_of_it(void **state) { // [trust-4]
    (void) state;
    SV_DEFER(sv_json_drop) sv_json *hashes = NULL;
    assert_int_equal(
        sv_json_parse(SV_TEXT("{\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410"
                              "ff61f20015ad\",\"md5\":\"0\"}"),
                      &hashes, NULL, NULL),
        SV_OK);
    const sv_tuf_file abc = { .length = 3, .hashes = hashes };
    const sv_tuf_file longer = { .length = 4, .hashes = hashes };
    const sv_tuf_file open_end = { .length = -1, .hashes = hashes };
    const sv_tuf_file nothing = { .length = -1 };
    assert_int_equal(sv_tuf_file_check(&abc, SV_TEXT("abc"), NULL), SV_OK);
    assert_int_equal(sv_tuf_file_check(&open_end, SV_TEXT("abc"), NULL), SV_OK);
    assert_int_equal(sv_tuf_file_check(&nothing, SV_TEXT("x"), NULL), SV_OK);
    assert_int_equal(sv_tuf_file_check(&longer, SV_TEXT("abc"), NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(sv_tuf_file_check(&abc, SV_TEXT("abd"), NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(sv_tuf_file_check(&abc, SV_TEXT(""), NULL), SV_ERR_UNTRUSTED);
}

static void a_file_that_comes_in_pieces_is_judged_alike(void **state) { // [trust-4] [trust-11]
    (void) state;
    SV_DEFER(sv_json_drop) sv_json *hashes = NULL;
    assert_int_equal(
        sv_json_parse(SV_TEXT("{\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410"
                              "ff61f20015ad\"}"),
                      &hashes, NULL, NULL),
        SV_OK);
    const sv_tuf_file abc = { .length = 3, .hashes = hashes };
    SV_DEFER(sv_tuf_judge_drop) sv_tuf_judge *judge = NULL;
    assert_int_equal(sv_tuf_judge_open(&abc, &judge, NULL), SV_OK);
    assert_int_equal(sv_tuf_judge_add(judge, SV_TEXT("a"), NULL), SV_OK);
    assert_int_equal(sv_tuf_judge_add(judge, SV_TEXT("bc"), NULL), SV_OK);
    assert_int_equal(sv_tuf_judge_add(judge, SV_TEXT("d"), NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(sv_tuf_judge_end(judge, NULL), SV_OK);
    sv_tuf_judge_drop(&judge);
    assert_int_equal(sv_tuf_judge_open(&abc, &judge, NULL), SV_OK);
    assert_int_equal(sv_tuf_judge_add(judge, SV_TEXT("ab"), NULL), SV_OK);
    assert_int_equal(sv_tuf_judge_end(judge, NULL), SV_ERR_UNTRUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_shape),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(nobody_vouches_for_what_nobody_signed),
        cmocka_unit_test(a_file_is_held_against_all_that_is_said_of_it),
        cmocka_unit_test(a_file_that_comes_in_pieces_is_judged_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
