#include <base/test.h>
#include <crypto/crl.h>
#include <crypto/pki.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>

enum { DER_ROOM = 16384, DAY_S = 24 * 3600 };

static char folder[] = "/tmp/sv-crl-XXXXXX";
static char ours[64], others[64], list[64], ca[64];

static int make_authorities(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    (void) snprintf(ours, sizeof ours, "%s/ours", folder);
    (void) snprintf(others, sizeof others, "%s/others", folder);
    (void) snprintf(list, sizeof list, "%s/list.pem", folder);
    (void) snprintf(ca, sizeof ca, "%s/ours/ca.crt", folder);
    const sv_pki_setup setups[] = { { .dir = ours, .root_passphrase = "only for tests" },
                                    { .dir = others, .root_passphrase = "only for tests" } };
    assert_int_equal(sv_pki_init(&setups[0], NULL), SV_OK);
    assert_int_equal(sv_pki_init(&setups[1], NULL), SV_OK);
    const sv_pki_leaf leaf = { .id = "press-1", .role = SV_ROLE_DEVICE, .out = folder };
    assert_int_equal(sv_pki_issue(ours, &leaf, NULL), SV_OK);
    assert_int_equal(sv_pki_revoke(ours, "press-1", NULL), SV_OK);
    return 0;
}

static int remove_authorities(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

/// The newest list of an authority.
static X509_CRL *list_by(const char *authority) {
    assert_int_equal(sv_pki_crl(authority, list, NULL), SV_OK);
    FILE *file = fopen(list, "re");
    assert_non_null(file);
    X509_CRL *crl = PEM_read_X509_CRL(file, NULL, NULL, NULL);
    assert_int_equal(fclose(file), 0);
    return crl;
}

/// The same in DER.
static sv_text made_by(const char *authority, char room[DER_ROOM]) {
    X509_CRL *crl = list_by(authority);
    unsigned char *at = (unsigned char *) room;
    int len = i2d_X509_CRL(crl, &at);
    X509_CRL_free(crl);
    assert_in_range(len, 1, DER_ROOM);
    return (sv_text){ .at = room, .len = (size_t) len };
}

static void a_list_counts_when_a_trusted_authority_signed_it(void **state) { // [broker-2]
    (void) state;
    char room[DER_ROOM];
    char pem_room[DER_ROOM * 2];
    sv_textbuf pem = SV_TEXTBUF(pem_room);
    sv_crl_facts facts;
    sv_crl_facts read;
    sv_why why = { 0 };
    int64_t now_us = sv_clock_wall_us();
    sv_text der = made_by(ours, room);
    assert_int_equal(sv_crl_read(der, ca, now_us, &facts, &pem, &why), SV_OK);
    assert_int_equal(facts.count, 1);
    assert_true(facts.made_us <= now_us && facts.ends_us > now_us);
    assert_int_equal(sv_disk_replace(list, sv_textbuf_text(&pem), 0644, NULL), SV_OK);
    assert_int_equal(sv_crl_facts_of(list, &read, NULL), SV_OK);
    assert_memory_equal(&read, &facts, sizeof read);
    der = made_by(ours, room);
    assert_int_equal(sv_crl_read(der, ca, now_us, &read, NULL, NULL), SV_OK);
    assert_int_equal(read.number, facts.number + 1);

    int64_t later_us = now_us + INT64_C(1000000) * DAY_S * 31;
    assert_int_equal(sv_crl_read(der, ca, later_us, &read, NULL, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "has ended"));
    der = made_by(others, room);
    assert_int_equal(sv_crl_read(der, ca, now_us, &read, NULL, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "has signed"));
    assert_int_equal(sv_crl_facts_of("/nowhere/list", &read, &why), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_crl_facts_of(ca, &read, &why), SV_ERR_INVALID);
}

static void a_delta_does_not_count(void **state) { // [profile-6]
    (void) state;
    sv_crl_facts facts;
    sv_why why = { 0 };
    X509_CRL *crl = list_by(ours);
    ASN1_INTEGER *base = ASN1_INTEGER_new();
    unsigned char *der = NULL;
    assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0), 1);
    assert_true(i2d_re_X509_CRL_tbs(crl, &der) > 0); // else it is written as it was read
    OPENSSL_free(der);
    der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    const sv_text delta = { .at = (const char *) der, .len = (size_t) len };
    assert_int_equal(sv_crl_read(delta, ca, sv_clock_wall_us(), &facts, NULL, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "a delta, not a whole one"));
    OPENSSL_free(der);
    ASN1_INTEGER_free(base);
    X509_CRL_free(crl);
}

static void a_list_that_was_touched_does_not_count(void **state) { // [broker-2]
    (void) state;
    char room[DER_ROOM];
    sv_crl_facts facts;
    sv_text der = made_by(ours, room);
    int64_t now_us = sv_clock_wall_us();
    for (size_t i = 0; i < der.len; i++) {
        room[i] ^= 1;
        assert_int_not_equal(sv_crl_read(der, ca, now_us, &facts, NULL, NULL), SV_OK);
        room[i] ^= 1;
        const sv_text cut = { .at = der.at, .len = i };
        assert_int_equal(sv_crl_read(cut, ca, now_us, &facts, NULL, NULL), SV_ERR_INVALID);
    }
    room[der.len] = 0;
    const sv_text more = { .at = der.at, .len = der.len + 1 };
    assert_int_equal(sv_crl_read(more, ca, now_us, &facts, NULL, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_crl_read(der, ca, now_us, &facts, NULL, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_counts_when_a_trusted_authority_signed_it),
        cmocka_unit_test(a_delta_does_not_count),
        cmocka_unit_test(a_list_that_was_touched_does_not_count),
    };
    return cmocka_run_group_tests(tests, make_authorities, remove_authorities);
}
