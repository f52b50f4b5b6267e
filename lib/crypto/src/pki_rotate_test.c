#include "pki_internal.h"
#include <base/test.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[32];

static const char *in(char room[PATH_MAX], const char *name) {
    assert_int_equal(sv_disk_join(room, PATH_MAX, folder, name), SV_OK);
    return room;
}

static int make(void **state) {
    (void) state;
    (void) snprintf(folder, sizeof folder, "/tmp/sv-rotate-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return sv_pki_init(&(sv_pki_setup){ .dir = folder, .org = "Weaver" }, NULL) == SV_OK ? 0 : -1;
}

static int drop(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static sv_err rotated(sv_why *why) {
    return sv_pki_rotate(&(sv_pki_rotation){ .dir = folder }, why);
}

static void issued(const char *id) {
    const sv_pki_leaf leaf = { .id = id, .role = SV_ROLE_DEVICE, .out = folder };
    assert_int_equal(sv_pki_issue(folder, &leaf, NULL), SV_OK);
}

static void verifies(const char *ca, const char *leaf) {
    char ca_path[PATH_MAX], leaf_path[PATH_MAX];
    sv_identity who;
    assert_int_equal(sv_pki_verify(in(ca_path, ca), in(leaf_path, leaf), &who, NULL), SV_OK);
}

static void copy(const char *from, const char *to) {
    char path[PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    assert_int_equal(sv_disk_read(in(path, from), &bytes, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(in(path, to), sv_textbuf_text(&bytes), 0600, NULL), SV_OK);
}

// [pki-13]
static void old_and_new_certificates_count_side_by_side(void **state) {
    (void) state;
    issued("old-1");
    copy("ca.crt", "old-ca.crt");
    SV_DEFER(sv_pki_drop) sv_pki before = SV_PKI_CLOSED;
    assert_int_equal(sv_pki_load(folder, NULL, &before, NULL), SV_OK);
    assert_int_equal(rotated(NULL), SV_OK);
    issued("new-1");

    SV_DEFER(sv_pki_drop) sv_pki after = SV_PKI_CLOSED;
    assert_int_equal(sv_pki_load(folder, NULL, &after, NULL), SV_OK);
    assert_int_not_equal(X509_cmp(after.issuing, before.issuing), 0);
    assert_int_equal(X509_cmp(after.root, before.root), 0);
    assert_int_equal(after.former_count, 1);
    assert_int_equal(X509_cmp(after.former[0], before.issuing), 0);
    assert_int_not_equal(
        X509_NAME_cmp(X509_get_subject_name(after.issuing), X509_get_subject_name(before.issuing)),
        0);
    assert_int_equal(X509_get_pathlen(after.issuing), 0);
    verifies("ca.crt", "old-1.crt");
    verifies("ca.crt", "new-1.crt");
    // A device that has the old file alone: it trusts the root.
    verifies("old-ca.crt", "new-1.crt");
    char path[PATH_MAX];
    struct stat info;
    assert_int_equal(stat(in(path, "ca.key"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_false(sv_disk_exists(in(path, SV_PKI_NEXT_KEY)));
}

/// The lists of crl.pem, each verified with its issuer's key: how many, and how many serials each.
static size_t lists(int serials, const sv_pki *pki) {
    char path[PATH_MAX];
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(in(path, "crl.pem"), "r");
    assert_non_null(bio);
    size_t count = 0;
    for (X509_CRL *crl = NULL; (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL;) {
        X509 *issuer = count == 0 ? pki->issuing : pki->former[count - 1];
        assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(issuer)), 1);
        assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), serials);
        X509_CRL_free(crl);
        count++;
    }
    return count;
}

// [pki-13]
static void every_issuing_certificate_that_counts_has_a_list_of_its_own(void **state) {
    (void) state;
    char path[PATH_MAX];
    issued("old-1");
    assert_int_equal(sv_pki_crl(folder, in(path, "crl.pem"), NULL), SV_OK);
    assert_int_equal(rotated(NULL), SV_OK);
    issued("new-1");
    assert_int_equal(sv_pki_revoke(folder, "OLD-1", NULL), SV_OK); // one id [standing-1]
    assert_int_equal(sv_pki_revoke(folder, "new-1", NULL), SV_OK);
    assert_int_equal(rotated(NULL), SV_OK); // and the lists are made anew
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    assert_int_equal(sv_pki_load(folder, NULL, &pki, NULL), SV_OK);
    assert_int_equal(pki.former_count, 2);
    assert_int_equal(lists(2, &pki), 3);
    uint64_t number = 0;
    assert_int_equal(sv_pki_crl_number(folder, &number, NULL), SV_OK);
    assert_int_equal(number, 3);

    char serial[SV_PKI_SERIAL_ROOM], name[80];
    assert_int_equal(sv_pki_serial(pki.former[0], serial, NULL), SV_OK);
    (void) snprintf(name, sizeof name, "former/%s.key", serial);
    assert_int_equal(unlink(in(path, name)), 0);
    sv_why why = { 0 };
    assert_int_equal(sv_pki_crl(folder, in(path, "crl.pem"), &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "take its certificate out of ca.crt"));
}

// [pki-13]
static void whenever_the_power_goes_there_is_a_pair_that_fits(void **state) {
    (void) state;
    copy("ca.crt", "old.crt");
    copy("ca.key", "old.key");
    assert_int_equal(rotated(NULL), SV_OK);
    copy("ca.crt", "new.crt");
    copy("ca.key", "new.key");
    static const struct {
        const char *crt, *key;
        bool has_next;
    } cuts[] = {
        { "old.crt", "old.key", false }, // before anything
        { "old.crt", "old.key", true },  // the new key is there
        { "new.crt", "old.key", true },  // and counts
        { "new.crt", "new.key", false }, // done
    };
    for (size_t i = 0; i < SV_COUNT(cuts); i++) {
        copy(cuts[i].crt, "ca.crt");
        copy(cuts[i].key, "ca.key");
        if (cuts[i].has_next) {
            copy("new.key", SV_PKI_NEXT_KEY);
        }
        char id[32];
        (void) snprintf(id, sizeof id, "cut-%zu", i);
        issued(id);
        char path[PATH_MAX];
        (void) snprintf(id, sizeof id, "cut-%zu.crt", i);
        verifies("new.crt", id);
        assert_true(i != 2 || !sv_disk_exists(in(path, SV_PKI_NEXT_KEY)));
        assert_int_equal(rotated(NULL), SV_OK);
        assert_false(sv_disk_exists(in(path, SV_PKI_NEXT_KEY)));
    }
}

// [pki-13]
static void without_the_roots_key_nothing_changes(void **state) {
    (void) state;
    char path[PATH_MAX], moved[PATH_MAX];
    copy("ca.crt", "before.crt");
    sv_why why = { 0 };
    assert_int_equal(
        sv_disk_replace(in(path, "wrong"), SV_TEXT("not the passphrase\n"), 0600, NULL), SV_OK);
    assert_int_equal(
        sv_pki_rotate(&(sv_pki_rotation){ .dir = folder, .passphrase_file = path }, &why),
        SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "the passphrase is wrong"));
    assert_int_equal(rename(in(path, "root"), in(moved, "away")), 0);
    assert_int_not_equal(rotated(&why), SV_OK);
    assert_non_null(strstr(why.text, "--root"));
    copy("ca.crt", "after.crt");
    SV_DEFER(sv_textbuf_drop) sv_textbuf one = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf two = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    assert_int_equal(sv_disk_read(in(path, "before.crt"), &one, NULL), SV_OK);
    assert_int_equal(sv_disk_read(in(path, "after.crt"), &two, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&one), sv_textbuf_text(&two)));
    // Where it was brought to.
    const sv_pki_rotation rotation = { .dir = folder, .root = moved };
    for (int i = 0; i < SV_PKI_FORMER_MAX; i++) {
        assert_int_equal(sv_pki_rotate(&rotation, NULL), SV_OK);
    }
    assert_int_equal(sv_pki_rotate(&rotation, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "8 former issuing certificates"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_and_new_certificates_count_side_by_side, make, drop),
        cmocka_unit_test_setup_teardown(every_issuing_certificate_that_counts_has_a_list_of_its_own,
                                        make, drop),
        cmocka_unit_test_setup_teardown(whenever_the_power_goes_there_is_a_pair_that_fits, make,
                                        drop),
        cmocka_unit_test_setup_teardown(without_the_roots_key_nothing_changes, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
