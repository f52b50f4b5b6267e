// What the writer makes is judged by the client's own code; independent eyes look at it in
// tests/conformance/update_repository.py.
#include "delegation.h"
#include <base/mem.h>
#include <base/test.h>
#include <base/time.h>
#include <crypto/key_store.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <update/writer.h>

enum { KEYS = 4, TEXT_MAX = 1 << 20 };

static struct evp_pkey_st *keys[KEYS];
static sv_tuf_public publics[KEYS];

/// An Ed25519, an EC, an RSA and another Ed25519 key.
static int make_keys(void **state) {
    (void) state;
    static const sv_key_kind kinds[KEYS] = { SV_KEY_ED25519, SV_KEY_EC, SV_KEY_RSA,
                                             SV_KEY_ED25519 };
    char folder[] = "/tmp/sv-writer-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < KEYS; i++) {
        (void) snprintf(path, sizeof path, "%s/key", folder);
        assert_int_equal(sv_key_make(path, kinds[i], &keys[i], NULL), SV_OK);
        assert_int_equal(sv_tuf_public_of(keys[i], &publics[i], NULL), SV_OK);
        assert_int_equal(unlink(path), 0);
    }
    return rmdir(folder);
}

static int drop_keys(void **state) {
    (void) state;
    for (size_t i = 0; i < KEYS; i++) {
        sv_key_drop(&keys[i]);
    }
    return 0;
}

static const sv_tuf_head HEAD = { .version = 1, .expires_us = 90 * SV_TIME_DAY_US + 7 };

/// `threshold` of the keys from `first` on.
static void hold(sv_tuf_holders *out, size_t first, size_t count, int64_t threshold) {
    out->count = count;
    out->threshold = threshold;
    for (size_t i = 0; i < count; i++) {
        out->keys[i] = publics[first + i];
    }
}

static sv_tuf_holders *roles_of_two(void) {
    sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        hold(&roles[type], 0, 3, 2);
    }
    return roles;
}

static sv_tuf_metadata *document_of(const sv_textbuf *text, sv_tuf_type type) {
    sv_tuf_metadata *out = NULL;
    assert_int_equal(sv_tuf_read(sv_textbuf_text(text), type, &out, NULL), SV_OK);
    return out;
}

/// The document, signed by one more.
static void sign(sv_textbuf *document, sv_tuf_type type, size_t key) {
    sv_textbuf signed_one = SV_TEXTBUF_HEAP(TEXT_MAX);
    assert_int_equal(sv_tuf_sign(sv_textbuf_text(document), type, keys[key], &signed_one, NULL),
                     SV_OK);
    sv_textbuf_drop(document);
    *document = signed_one;
}

static sv_err judge_root(const sv_textbuf *document) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = document_of(document, SV_TUF_ROOT);
    sv_tuf_voucher by = sv_tuf_root_names(root, SV_TUF_ROOT);
    return sv_tuf_check(root, &by, NULL);
}

static void a_root_is_trusted_when_enough_of_its_keys_have_signed_and_not_before(void **state) {
    (void) state; // [repo-2]
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = roles_of_two();
    for (size_t a = 0; a < 3; a++) {
        for (size_t b = 0; b < KEYS; b++) {
            SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
            assert_int_equal(sv_tuf_root_make(&HEAD, roles, &document, NULL), SV_OK);
            assert_int_equal(judge_root(&document), SV_ERR_UNTRUSTED);
            sign(&document, SV_TUF_ROOT, a);
            assert_int_equal(judge_root(&document), SV_ERR_UNTRUSTED);
            sign(&document, SV_TUF_ROOT, b); // the same again, or that of a stranger: not enough
            bool enough = a != b && b < 3;
            assert_int_equal(judge_root(&document), enough ? SV_OK : SV_ERR_UNTRUSTED);
        }
    }
}

typedef struct listing {
    char text[256];
} listing;

static void list_signer(void *arg, sv_text keyid, bool has_signed) {
    listing *all = arg;
    for (size_t i = 0; i < KEYS; i++) {
        if (sv_text_is(keyid, publics[i].id)) {
            size_t len = strlen(all->text);
            (void) snprintf(all->text + len, sizeof all->text - len, "%zu%c", i,
                            has_signed ? '+' : '-');
        }
    }
}

static void who_has_signed_and_who_is_missing_is_known(void **state) {
    (void) state; // [repo-3]
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = roles_of_two();
    SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
    listing all = { "" };
    assert_int_equal(sv_tuf_root_make(&HEAD, roles, &document, NULL), SV_OK);
    sign(&document, SV_TUF_ROOT, 1);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = document_of(&document, SV_TUF_ROOT);
    sv_tuf_voucher by = sv_tuf_root_names(root, SV_TUF_ROOT);
    assert_int_equal(sv_tuf_signers(root, &by, list_signer, &all, NULL), SV_OK);
    assert_string_equal(all.text, "0-1+2-");
}

static void signatures_made_apart_are_joined_when_they_are_over_the_same(void **state) {
    (void) state; // [repo-3]
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = roles_of_two();
    SV_DEFER(sv_textbuf_drop) sv_textbuf one = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf two = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf both = SV_TEXTBUF_HEAP(TEXT_MAX);
    assert_int_equal(sv_tuf_root_make(&HEAD, roles, &one, NULL), SV_OK);
    sv_textbuf_add(&two, sv_textbuf_text(&one));
    sign(&one, SV_TUF_ROOT, 0);
    sign(&two, SV_TUF_ROOT, 2);
    assert_int_equal(sv_tuf_signatures_join(sv_textbuf_text(&one), sv_textbuf_text(&two),
                                            SV_TUF_ROOT, &both, NULL),
                     SV_OK);
    assert_int_equal(judge_root(&both), SV_OK);

    SV_DEFER(sv_textbuf_drop) sv_textbuf other = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf none = SV_TEXTBUF_HEAP(TEXT_MAX);
    const sv_tuf_head later = { .version = 2, .expires_us = HEAD.expires_us };
    sv_why why = { 0 };
    assert_int_equal(sv_tuf_root_make(&later, roles, &other, NULL), SV_OK);
    assert_int_equal(sv_tuf_signatures_join(sv_textbuf_text(&one), sv_textbuf_text(&other),
                                            SV_TUF_ROOT, &none, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "version 1 and 2"));
}

static void a_root_that_could_never_be_met_is_not_made(void **state) {
    (void) state; // [repo-1]
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = roles_of_two();
    SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
    sv_why why = { 0 };
    roles[SV_TUF_TARGETS].threshold = 4;
    assert_int_equal(sv_tuf_root_make(&HEAD, roles, &document, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "role targets would take 4 signatures and have 3 keys"));
    roles[SV_TUF_TARGETS].threshold = 0;
    assert_int_equal(sv_tuf_root_make(&HEAD, roles, &document, NULL), SV_ERR_INVALID);
    roles[SV_TUF_TARGETS].threshold = 1;
    roles[SV_TUF_TARGETS].keys[1] = publics[0];
    assert_int_equal(sv_tuf_root_make(&HEAD, roles, &document, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "stands twice"));
}

static void a_file_is_announced_as_it_is(void **state) {
    (void) state; // [repo-4]
    SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
    const sv_tuf_announced files[] = { { "targets.json", 7, SV_TEXT("seven") },
                                       { "acme.json", 2, SV_TEXT("two") } };
    sv_tuf_file said;
    assert_int_equal(sv_tuf_snapshot_make(&HEAD, files, SV_COUNT(files), &document, NULL), SV_OK);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *snapshot = document_of(&document, SV_TUF_SNAPSHOT);
    assert_true(sv_tuf_file_of(snapshot, SV_TEXT("acme.json"), &said));
    assert_int_equal(said.version, 2);
    assert_int_equal(said.length, 3);
    assert_int_equal(sv_tuf_file_check(&said, SV_TEXT("two"), NULL), SV_OK);
    assert_int_equal(sv_tuf_file_check(&said, SV_TEXT("owt"), NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(snapshot->expires_us, 90 * SV_TIME_DAY_US);
}

#define ENTRY "{\"length\":3,\"hashes\":{\"sha256\":\"00\"},\"custom\":{\"theirs\":[1,\"\\n\"]}}"

/// The next targets file, with one change.
static sv_err change(sv_textbuf *document, const sv_tuf_change *what, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *old = document_of(document, SV_TUF_TARGETS);
    sv_textbuf next = SV_TEXTBUF_HEAP(TEXT_MAX);
    const sv_tuf_head head = { .version = old->version + 1, .expires_us = HEAD.expires_us };
    sv_err err = sv_tuf_targets_make(&head, old, what, &next, why);
    if (err == SV_OK) {
        sv_textbuf_drop(document);
        *document = next;
    } else {
        sv_textbuf_drop(&next);
    }
    return err;
}

static void a_change_of_targets_leaves_the_rest_as_it_was(void **state) {
    (void) state; // [repo-5]
    SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    hold(holders, 1, 2, 2);
    sv_textbuf_add_str(&document,
                       "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"version\":5,"
                       "\"spec_version\":\"1.0\",\"expires\":\"2044-08-10T10:05:04Z\","
                       "\"targets\":{\"a\":" ENTRY "},\"x-theirs\":{\"y\":[null]}}}");
    const sv_tuf_delegation acme = {
        .name = "acme", .holders = holders, .paths = { "acme/*" }, .path_count = 1
    };
    const sv_tuf_change add = { .path = SV_TEXT("b"), .entry = SV_TEXT(ENTRY) };
    const sv_tuf_change hand_on = { .delegation = &acme };
    const sv_tuf_change take = { .path = SV_TEXT("b") };
    const sv_tuf_change end = { .undelegate = SV_TEXT("acme") };
    assert_int_equal(change(&document, &add, NULL), SV_OK);
    assert_int_equal(change(&document, &hand_on, NULL), SV_OK);
    assert_int_equal(change(&document, &hand_on, NULL), SV_OK); // in place, not beside
    assert_int_equal(change(&document, &take, NULL), SV_OK);
    assert_non_null(strstr(document.at, "\"x-theirs\":{\"y\":[null]}"));
    assert_non_null(strstr(document.at, "\"custom\":{\"theirs\":[1,\"\\n\"]}"));
    assert_non_null(strstr(document.at, "\"version\":9"));
    assert_null(strstr(document.at, "\"b\":"));
    const char *role = strstr(document.at, "\"name\":\"acme\"");
    assert_non_null(role);
    assert_null(strstr(role + 1, "\"name\":\"acme\""));
    assert_int_equal(change(&document, &end, NULL), SV_OK);
    assert_int_equal(change(&document, &end, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(change(&document, &take, NULL), SV_ERR_NOT_FOUND);
}

static void a_role_that_others_could_take_for_another_is_not_made(void **state) {
    (void) state; // [repo-5]
    SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    static const char *const NAMES[] = { "",   "root", "targets",  "../acme", "a b",
                                         "-a", "a.b",  "\xc3\xa4", "a/b" };
    hold(holders, 0, 1, 1);
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        sv_tuf_delegation made = {
            .name = NAMES[i], .holders = holders, .paths = { "*" }, .path_count = 1
        };
        const sv_tuf_change what = { .delegation = &made };
        assert_int_equal(sv_tuf_targets_make(&HEAD, NULL, &what, &document, NULL), SV_ERR_INVALID);
    }
}

/// A path that falls into this bin.
static void path_in(size_t count, size_t bin, char room[32]) {
    for (unsigned i = 0; i < 100000; i++) {
        (void) snprintf(room, 32, "lathe-ctl/%u.img", i);
        if (sv_tuf_bin_of(count, sv_text_of(room)) == bin) {
            return;
        }
    }
    fail();
}

static void a_client_looks_for_a_path_in_the_bin_where_it_was_put(void **state) {
    (void) state; // [repo-20]
    static const size_t COUNTS[] = { 16, 256 };
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    SV_DEFER(sv_mem_drop)
    sv_tuf_child *children = sv_mem_array(SV_TUF_CHILDREN_MAX, sizeof *children);
    hold(holders, 1, 2, 2);
    for (size_t c = 0; c < SV_COUNT(COUNTS); c++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
        const sv_tuf_bins bins = { .count = COUNTS[c], .holders = holders };
        const sv_tuf_change spread = { .bins = &bins };
        assert_int_equal(sv_tuf_targets_make(&HEAD, NULL, &spread, &document, NULL), SV_OK);
        SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = document_of(&document, SV_TUF_TARGETS);
        assert_int_equal(sv_tuf_bins_count(targets), COUNTS[c]);
        for (size_t bin = 0; bin < COUNTS[c]; bin++) {
            char path[32];
            char name[SV_TUF_BIN_ROOM];
            path_in(COUNTS[c], bin, path);
            sv_tuf_bin_name(COUNTS[c], bin, name);
            assert_true(sv_tuf_is_bin(sv_text_of(name)));
            assert_int_equal(sv_tuf_children(targets, sv_text_of(path), children), 1);
            assert_string_equal(children[0].name, name);
            assert_int_equal(children[0].by.threshold, 2);
        }
    }
}

static void bins_stay_as_many_and_are_nobody_else_s(void **state) {
    (void) state; // [repo-20]
    static const char *const NONE[] = { "bin-", "bin-g", "bin-0A", "bin-000", "bins", "in-0", "" };
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    SV_DEFER(sv_mem_drop) sv_tuf_holders *others = sv_mem_new(sizeof *others);
    SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
    hold(holders, 0, 1, 1);
    hold(others, 1, 2, 2);
    for (size_t i = 0; i < SV_COUNT(NONE); i++) {
        assert_false(sv_tuf_is_bin(sv_text_of(NONE[i])));
    }
    const sv_tuf_bins few = { .count = 16, .holders = holders };
    const sv_tuf_bins again = { .count = 16, .holders = others };
    const sv_tuf_bins many = { .count = 256, .holders = holders };
    const sv_tuf_bins odd = { .count = 17, .holders = holders };
    const sv_tuf_delegation acme = {
        .name = "acme", .holders = holders, .paths = { "acme/*" }, .path_count = 1
    };
    const sv_tuf_delegation bin = {
        .name = "bin-3", .holders = holders, .paths = { "*" }, .path_count = 1
    };
    const sv_tuf_change hand_on = { .delegation = &acme };
    const sv_tuf_change spread = { .bins = &few };
    const sv_tuf_change rekey = { .bins = &again };
    assert_int_equal(sv_tuf_targets_make(&HEAD, NULL, &hand_on, &document, NULL), SV_OK);
    assert_int_equal(change(&document, &spread, NULL), SV_OK);
    assert_int_equal(change(&document, &hand_on, NULL), SV_OK);
    assert_int_equal(change(&document, &rekey, NULL), SV_OK);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = document_of(&document, SV_TUF_TARGETS);
    const sv_json *roles = sv_json_get(sv_json_get(targets->content, "delegations"), "roles");
    assert_int_equal(sv_json_count(roles), 17); // the supplier's is one of them
    assert_int_equal(sv_tuf_bins_count(targets), 16);
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        sv_text name;
        int64_t threshold = 0;
        assert_true(sv_json_text(sv_json_get(sv_json_at(roles, i), "name"), &name));
        assert_true(sv_json_int(sv_json_get(sv_json_at(roles, i), "threshold"), &threshold));
        assert_int_equal(threshold, sv_tuf_is_bin(name) ? 2 : 1);
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf theirs = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf next = SV_TEXTBUF_HEAP(TEXT_MAX);
    sv_textbuf_add_str(&theirs,
                       "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"version\":5,"
                       "\"spec_version\":\"1.0\",\"expires\":\"2044-08-10T10:05:04Z\","
                       "\"targets\":{},\"delegations\":{\"keys\":{},\"roles\":[{\"name\":"
                       "\"bin-7\",\"keyids\":[\"a\"],\"threshold\":1,\"terminating\":false,"
                       "\"paths\":[\"*\"]}]}}}");
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *supplier = document_of(&theirs, SV_TUF_TARGETS);
    assert_int_equal(sv_tuf_targets_make(&HEAD, supplier, &spread, &next, NULL), SV_ERR_INVALID);
    const sv_tuf_change refused[] = { { .bins = &many },
                                      { .bins = &odd },
                                      { .undelegate = SV_TEXT("bin-3") },
                                      { .delegation = &bin } };
    for (size_t i = 0; i < SV_COUNT(refused); i++) {
        assert_int_equal(change(&document, &refused[i], NULL), SV_ERR_INVALID);
    }
}

static void a_public_key_has_the_id_of_its_canonical_form(void **state) {
    (void) state; // [repo-1]
    SV_DEFER(sv_json_drop) sv_json *value = NULL;
    sv_tuf_public key;
    // As securesystemslib names it: computed with Python's hashlib over the form by hand.
    static const char KEY[] =
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":"
        "\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"}}";
    assert_int_equal(sv_json_parse(sv_text_of(KEY), &value, NULL, NULL), SV_OK);
    assert_int_equal(sv_tuf_public_read(value, &key, NULL), SV_OK);
    assert_string_equal(key.id, "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916");
}

static void a_key_that_nothing_can_be_checked_with_is_refused(void **state) {
    (void) state; // [repo-1]
    static const char *const KEYS_OF[] = {
        "{}",
        "[]",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"00\"}}",
        "{\"keytype\":\"rsa\",\"scheme\":\"rsassa-pss-sha256\",\"keyval\":{\"public\":\"no\"}}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"md5\",\"keyval\":{\"public\":\"00\"}}",
    };
    for (size_t i = 0; i < SV_COUNT(KEYS_OF); i++) {
        SV_DEFER(sv_json_drop) sv_json *value = NULL;
        sv_tuf_public key;
        sv_why why = { 0 };
        assert_int_equal(sv_json_parse(sv_text_of(KEYS_OF[i]), &value, NULL, NULL), SV_OK);
        assert_int_equal(sv_tuf_public_read(value, &key, &why), SV_ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
}

static void holders_come_back_from_what_was_made(void **state) {
    (void) state; // [repo-1]
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = roles_of_two();
    SV_DEFER(sv_mem_drop) sv_tuf_holders *back = sv_mem_new(sizeof *back);
    SV_DEFER(sv_textbuf_drop) sv_textbuf document = SV_TEXTBUF_HEAP(TEXT_MAX);
    assert_int_equal(sv_tuf_root_make(&HEAD, roles, &document, NULL), SV_OK);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = document_of(&document, SV_TUF_ROOT);
    sv_tuf_voucher by = sv_tuf_root_names(root, SV_TUF_SNAPSHOT);
    assert_int_equal(sv_tuf_holders_read(&by, back, NULL), SV_OK);
    assert_int_equal(back->count, 3);
    assert_int_equal(back->threshold, 2);
    for (size_t i = 0; i < back->count; i++) {
        assert_string_equal(back->keys[i].id, publics[i].id);
        assert_string_equal(back->keys[i].text, publics[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_root_is_trusted_when_enough_of_its_keys_have_signed_and_not_before),
        cmocka_unit_test(who_has_signed_and_who_is_missing_is_known),
        cmocka_unit_test(signatures_made_apart_are_joined_when_they_are_over_the_same),
        cmocka_unit_test(a_root_that_could_never_be_met_is_not_made),
        cmocka_unit_test(a_file_is_announced_as_it_is),
        cmocka_unit_test(a_change_of_targets_leaves_the_rest_as_it_was),
        cmocka_unit_test(a_role_that_others_could_take_for_another_is_not_made),
        cmocka_unit_test(a_client_looks_for_a_path_in_the_bin_where_it_was_put),
        cmocka_unit_test(bins_stay_as_many_and_are_nobody_else_s),
        cmocka_unit_test(a_public_key_has_the_id_of_its_canonical_form),
        cmocka_unit_test(a_key_that_nothing_can_be_checked_with_is_refused),
        cmocka_unit_test(holders_come_back_from_what_was_made),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
