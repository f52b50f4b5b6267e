#include "pki_internal.h"
#include <base/test.h>
#include <base/time.h>
#include <codec/encode.h>
#include <crypto/identity.h>
#include <crypto/standing.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <time.h>

enum { CHANGES = 5 };

typedef struct site {
    char dir[32];
    char ca[PATH_MAX], own[PATH_MAX];
    EVP_PKEY *key;
    sv_standing_trust *trust;
    sv_standing_change changes[CHANGES];
} site;

static site here, other, rsa, ed25519;

static int64_t now_us(void) {
    return (int64_t) time(NULL) * SV_TIME_SECOND_US;
}

static void open_key(site *s) {
    char path[PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, s->dir, "ca.key"), SV_OK);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    s->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(s->key);
}

static void make_site(site *s, const char *domain, sv_key_kind kind) {
    sv_why why = { 0 };
    memcpy(s->dir, "/tmp/sv-standing-XXXXXX", sizeof "/tmp/sv-standing-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    sv_pki_setup setup = { .dir = s->dir, .domain = domain, .key = kind };
    sv_pki_leaf leaf = { .id = "pune", .role = SV_ROLE_GATEWAY, .out = s->dir };
    if (sv_pki_init(&setup, &why) != SV_OK || sv_pki_issue(s->dir, &leaf, &why) != SV_OK
        || sv_disk_join(s->ca, sizeof s->ca, s->dir, "ca.crt") != SV_OK
        || sv_disk_join(s->own, sizeof s->own, s->dir, "pune.crt") != SV_OK
        || sv_standing_trust_open(s->ca, s->own, &s->trust, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    open_key(s);
    for (int i = 0; i < CHANGES; i++) {
        s->changes[i] = (sv_standing_change){ .version = i + 1,
                                              .state = (sv_standing_state) (i % 4),
                                              .before_us = INT64_C(1000) * i };
        (void) snprintf(s->changes[i].id, sizeof s->changes[i].id, "press-%d", i);
    }
}

static int make(void **state) {
    (void) state;
    make_site(&here, "plant.example", SV_KEY_EC);
    make_site(&other, "plant.example", SV_KEY_EC);
    make_site(&rsa, "plant.example", SV_KEY_RSA);
    make_site(&ed25519, "plant.example", SV_KEY_ED25519);
    return 0;
}

static int drop(void **state) {
    (void) state;
    site *all[] = { &here, &other, &rsa, &ed25519 };
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        sv_standing_trust_drop(&all[i]->trust);
        EVP_PKEY_free(all[i]->key);
        assert_int_equal(sv_disk_remove_tree(all[i]->dir, NULL), SV_OK);
    }
    return 0;
}

/// The changes from+1 .. to of `s`, honestly signed.
static sv_standing_page page_of(site *s, int64_t from, int64_t to) {
    sv_standing_page page = { .from = from,
                              .changes = s->changes + from,
                              .count = (size_t) (to - from),
                              .head = { .version = to, .at_us = now_us() } };
    for (int64_t i = 0; i < to; i++) {
        assert_int_equal(sv_standing_chain(page.head.hash, &s->changes[i], NULL), SV_OK);
    }
    assert_int_equal(sv_standing_sign(s->key, "plant.example", &page.head, NULL), SV_OK);
    return page;
}

static void
the_chain_and_the_message_are_what_is_written(void **state) { // [standing-4] [standing-5]
    (void) state;
    // printf '%s' of 32 zero bytes and of the line, through sha256sum.
    const sv_standing_change change = {
        .version = 1, .id = "press-17", .state = SV_STANDING_REVOKED, .before_us = 1764365593000000
    };
    sv_standing_head head = { .version = 1, .at_us = 42 };
    assert_int_equal(sv_standing_chain(head.hash, &change, NULL), SV_OK);
    char room[SV_STANDING_MESSAGE_MAX];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_standing_message("plant.example", &head, &message);
    assert_int_equal(sv_textbuf_end(&message), SV_OK);
    assert_string_equal(room, "selvedge standing 1\nplant.example\n1 "
                              "c0e9ba8e4e741e6c58bbd25d84e661bc2552919e764793b4ea07b4f13254629d"
                              " 42\n");
}

static void the_log_is_followed_in_whatever_steps_it_comes(void **state) { // [standing-7]
    (void) state;
    site *all[] = { &here, &rsa, &ed25519 };
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        for (int64_t step = 1; step <= CHANGES; step++) {
            uint8_t hash[SV_STANDING_HASH_BYTES] = { 0 };
            for (int64_t at = 0; at < CHANGES;) {
                int64_t to = at + step < CHANGES ? at + step : CHANGES;
                sv_standing_page page = page_of(all[i], at, to);
                sv_why why = { 0 };
                if (sv_standing_follow(all[i]->trust, &page, at, hash, now_us(), &why) != SV_OK) {
                    fail_msg("%s", why.text);
                }
                assert_memory_equal(hash, page.head.hash, sizeof hash);
                at = to;
            }
            sv_standing_page head = page_of(all[i], CHANGES, CHANGES);
            assert_int_equal(
                sv_standing_follow(all[i]->trust, &head, CHANGES, hash, now_us(), NULL), SV_OK);
        }
    }
}

static void refused(const sv_standing_page *page, int64_t version, sv_err err, const char *reason) {
    uint8_t hash[SV_STANDING_HASH_BYTES] = { 0 };
    for (int64_t i = 0; i < version; i++) {
        assert_int_equal(sv_standing_chain(hash, &here.changes[i], NULL), SV_OK);
    }
    uint8_t before[SV_STANDING_HASH_BYTES];
    memcpy(before, hash, sizeof before);
    sv_why why = { 0 };
    assert_int_equal(sv_standing_follow(here.trust, page, version, hash, now_us(), &why), err);
    if (strstr(why.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", why.text, reason);
    }
    assert_memory_equal(hash, before, sizeof before);
}

static void what_was_changed_left_out_or_put_in_is_refused(void **state) { // [standing-7]
    (void) state;
    sv_standing_change mine[CHANGES];
    memcpy(mine, here.changes, sizeof mine);
    sv_standing_page page = page_of(&here, 0, 3);
    page.changes = mine;

    mine[1].before_us--;
    refused(&page, 0, SV_ERR_UNTRUSTED, "does not continue");
    mine[1].before_us++;
    mine[1].state = SV_STANDING_ACTIVE;
    mine[0].state = SV_STANDING_RETIRED;
    refused(&page, 0, SV_ERR_UNTRUSTED, "does not continue");
    memcpy(mine, here.changes, sizeof mine);
    mine[2].id[0] = 'P';
    refused(&page, 0, SV_ERR_UNTRUSTED, "does not continue");
    memcpy(mine, here.changes, sizeof mine);

    page.count = 2; // fewer than the head says
    refused(&page, 0, SV_ERR_UNTRUSTED, "does not continue");
    page.count = 4;
    refused(&page, 0, SV_ERR_UNTRUSTED, "does not continue");
}

static void what_comes_again_or_too_early_is_out_of_step(void **state) { // [standing-7]
    (void) state;
    sv_standing_page page = page_of(&here, 1, 3);
    refused(&page, 3, SV_ERR_STATE, "follow version 1, held is version 3");
    refused(&page, 0, SV_ERR_STATE, "follow version 1, held is version 0");
}

static void a_log_that_forked_is_refused_by_a_mere_head_too(void **state) { // [standing-7]
    (void) state;
    sv_standing_change kept = here.changes[1];
    here.changes[1].before_us = 77; // the server's, not what the gateway holds
    sv_standing_page page = page_of(&here, 3, 3);
    here.changes[1] = kept;
    refused(&page, 3, SV_ERR_UNTRUSTED, "does not continue");
}

static void a_signature_of_somebody_else_or_of_something_else_counts_for_nothing(void **state) {
    (void) state; // [standing-5]
    sv_standing_page page = page_of(&other, 0, 3);
    refused(&page, 0, SV_ERR_UNTRUSTED, "signed by none");

    page = page_of(&here, 0, 3);
    page.head.at_us++;
    refused(&page, 0, SV_ERR_UNTRUSTED, "signed by none");
    page.head.at_us--;
    page.head.signature_bytes--;
    refused(&page, 0, SV_ERR_UNTRUSTED, "signed by none");
    page.head.signature_bytes = 0;
    refused(&page, 0, SV_ERR_UNTRUSTED, "signed by none");

    page = page_of(&here, 0, 3);
    for (size_t i = 0; i < page.head.signature_bytes; i++) {
        page.head.signature[i] ^= 1;
        refused(&page, 0, SV_ERR_UNTRUSTED, "signed by none");
        page.head.signature[i] ^= 1;
    }
    assert_int_equal(sv_standing_sign(here.key, "other.example", &page.head, NULL), SV_OK);
    refused(&page, 0, SV_ERR_UNTRUSTED, "for the domain plant.example");
}

static void a_certificate_that_has_ended_signs_nothing(void **state) { // [standing-5]
    (void) state;
    sv_standing_page page = page_of(&here, 0, 3);
    uint8_t hash[SV_STANDING_HASH_BYTES] = { 0 };
    int64_t later = now_us() + (SV_PKI_ROOT_DAYS + 1) * SV_TIME_DAY_US;
    assert_int_equal(sv_standing_follow(here.trust, &page, 0, hash, later, NULL), SV_ERR_UNTRUSTED);
    // A clock that is far behind does not shut the gateway's ears.
    assert_int_equal(sv_standing_follow(here.trust, &page, 0, hash, 0, NULL), SV_OK);
}

static void a_leaf_signs_nothing(void **state) { // [standing-5]
    (void) state;
    char path[PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, here.dir, "pune.key"), SV_OK);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    SV_DEFER(sv_pkey_drop) EVP_PKEY *leaf = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    sv_standing_page page = page_of(&here, 0, 3);
    assert_int_equal(sv_standing_sign(leaf, "plant.example", &page.head, NULL), SV_OK);
    refused(&page, 0, SV_ERR_UNTRUSTED, "signed by none");
    // A file with the gateway's own chain in it does not make its leaf a signer.
    SV_DEFER(sv_standing_trust_drop) sv_standing_trust *chain = NULL;
    uint8_t hash[SV_STANDING_HASH_BYTES] = { 0 };
    assert_int_equal(sv_standing_trust_open(here.own, here.own, &chain, NULL), SV_OK);
    assert_int_equal(sv_standing_follow(chain, &page, 0, hash, now_us(), NULL), SV_ERR_UNTRUSTED);
}

static void files_that_name_no_signer_or_no_domain_are_said(void **state) {
    (void) state;
    sv_standing_trust *none = NULL;
    sv_why why = { 0 };
    assert_int_equal(sv_standing_trust_open("/nonexistent", here.own, &none, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "/nonexistent"));
    char key[PATH_MAX];
    assert_int_equal(sv_disk_join(key, sizeof key, here.dir, "ca.key"), SV_OK);
    assert_int_equal(sv_standing_trust_open(key, here.own, &none, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "holds no CA certificate"));
    assert_int_not_equal(sv_standing_trust_open(here.ca, here.ca, &none, &why), SV_OK);
    assert_null(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_and_the_message_are_what_is_written),
        cmocka_unit_test(the_log_is_followed_in_whatever_steps_it_comes),
        cmocka_unit_test(what_was_changed_left_out_or_put_in_is_refused),
        cmocka_unit_test(what_comes_again_or_too_early_is_out_of_step),
        cmocka_unit_test(a_log_that_forked_is_refused_by_a_mere_head_too),
        cmocka_unit_test(a_signature_of_somebody_else_or_of_something_else_counts_for_nothing),
        cmocka_unit_test(a_certificate_that_has_ended_signs_nothing),
        cmocka_unit_test(a_leaf_signs_nothing),
        cmocka_unit_test(files_that_name_no_signer_or_no_domain_are_said),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
