#include "pki_internal.h"
#include <base/test.h>
#include <crypto/key_store.h>
#include <crypto/pair.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- a process that is killed before the N-th change of a folder --------------------------------

static int changes_left = -1; ///< -1: nobody is killed

static void change(void) {
    if (changes_left == 0) {
        _exit(9);
    }
    changes_left -= changes_left > 0 ? 1 : 0;
}

int rename(const char *old, const char *new) {
    change();
    return (int) syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
}

int symlink(const char *from, const char *to) {
    change();
    return (int) syscall(SYS_symlinkat, from, AT_FDCWD, to);
}

int unlink(const char *name) {
    change();
    return (int) syscall(SYS_unlinkat, AT_FDCWD, name, 0);
}

int unlinkat(int fd, const char *name, int flag) {
    change();
    return (int) syscall(SYS_unlinkat, fd, name, flag);
}

int mkdir(const char *path, mode_t mode) {
    change();
    return (int) syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/// The process ends here, not the machine.
int fsync(int fd) {
    return fd < 0 ? -1 : 0;
}

// ---- a folder with a pair in plain files --------------------------------------------------------

typedef struct site {
    char folder[32], keys[48], cert[64], key[80];
} site;

/// A certificate that holds the key; who signed it is no matter here.
static void certify(EVP_PKEY *key, sv_textbuf *pem) {
    SV_DEFER(sv_x509_drop) X509 *made = X509_new();
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), 60));
    assert_int_equal(X509_set_pubkey(made, key), 1);
    assert_true(X509_sign(made, key, sv_pkey_digest(key)) > 0);
    assert_int_equal(sv_pem_cert_add(pem, made, NULL), SV_OK);
}

static void open_site(site *s, sv_key_kind kind, bool apart) {
    *s = (site){ .folder = "/tmp/sv-pair-XXXXXX" };
    assert_non_null(mkdtemp(s->folder));
    (void) snprintf(s->keys, sizeof s->keys, "%s%s", s->folder, apart ? "/private" : "");
    (void) snprintf(s->cert, sizeof s->cert, "%s/press-1.crt", s->folder);
    (void) snprintf(s->key, sizeof s->key, "%s/press-1.key", s->keys);
    assert_int_equal(sv_disk_make_folder(s->keys, 0700, NULL), SV_OK);
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(8192);
    assert_int_equal(sv_key_make(s->key, kind, &key, NULL), SV_OK);
    certify(key, &pem);
    assert_int_equal(sv_disk_replace(s->cert, sv_textbuf_text(&pem), 0644, NULL), SV_OK);
}

static void close_site(const site *s) {
    assert_int_equal(sv_disk_remove_tree(s->folder, NULL), SV_OK);
}

/// Whether what stands at the two paths fits, and is of that kind.
static bool fits(const site *s, int kind) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    return sv_key_open(s->key, &key, NULL) == SV_OK
           && sv_cert_of_file(s->cert, &certificate, NULL) == SV_OK
           && EVP_PKEY_eq(X509_get0_pubkey(certificate), key) == 1
           && EVP_PKEY_get_base_id(key) == kind;
}

static void read_file(const char *path, sv_textbuf *out) {
    assert_int_equal(sv_disk_read(path, out, NULL), SV_OK);
}

/// From wherever the last process came to the next pair in use.
static sv_err renew(const site *s) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(8192);
    static sv_pair pair;
    SV_TRY(sv_pair_open(s->cert, s->key, &pair, NULL));
    if (!sv_pair_has_next(&pair)) {
        SV_TRY(sv_pair_next_key(&pair, false, &key, NULL));
        certify(key, &pem);
        SV_TRY(sv_pair_keep_next(&pair, sv_textbuf_text(&pem), NULL));
    }
    return sv_pair_change(&pair, NULL);
}

/// Renews in a process that is killed before its change number `changes`. True: it came to its end.
static bool renew_until(const site *s, int changes) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        changes_left = changes;
        _exit(renew(s) == SV_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
    return WEXITSTATUS(status) == 0;
}

// [renewal-1]
static void killed_at_any_moment_the_paths_hold_a_pair_that_fits(void **state) {
    (void) state;
    for (int apart = 0; apart < 2; apart++) {
        bool ended = false;
        int changes = 0;
        for (; !ended; changes++) {
            site s;
            open_site(&s, SV_KEY_EC, apart == 1);
            for (int generation = 0; generation < 2; generation++) { // plain files, then links
                SV_DEFER(sv_textbuf_drop) sv_textbuf before = SV_TEXTBUF_HEAP(8192);
                SV_DEFER(sv_textbuf_drop) sv_textbuf after = SV_TEXTBUF_HEAP(8192);
                read_file(s.cert, &before);
                ended = renew_until(&s, changes);
                assert_true(fits(&s, EVP_PKEY_EC));
                assert_int_equal(renew(&s), SV_OK);
                assert_true(fits(&s, EVP_PKEY_EC));
                read_file(s.cert, &after);
                assert_false(sv_text_eq(sv_textbuf_text(&before), sv_textbuf_text(&after)));
            }
            close_site(&s);
        }
        assert_true(changes > 15);
    }
}

static void the_key_that_was_made_is_taken_up_again(void **state) {
    (void) state;
    site s;
    open_site(&s, SV_KEY_ED25519, false);
    static sv_pair pair;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *first = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *second = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *third = NULL;
    assert_int_equal(sv_pair_open(s.cert, s.key, &pair, NULL), SV_OK);
    assert_int_equal(sv_pair_next_key(&pair, false, &first, NULL), SV_OK);
    assert_int_equal(sv_pair_open(s.cert, s.key, &pair, NULL), SV_OK);
    assert_int_equal(sv_pair_next_key(&pair, false, &second, NULL), SV_OK);
    assert_int_equal(EVP_PKEY_eq(first, second), 1);
    assert_int_equal(EVP_PKEY_get_base_id(first), EVP_PKEY_ED25519); // as the one in use
    assert_false(sv_pair_has_next(&pair));
    // Half a key, as a full disk leaves it.
    assert_int_equal(sv_disk_replace(pair.next_key, SV_TEXT("-----BEGIN"), 0600, NULL), SV_OK);
    assert_int_equal(sv_pair_next_key(&pair, false, &third, NULL), SV_OK);
    assert_int_not_equal(EVP_PKEY_eq(first, third), 1);
    close_site(&s);
}

static void the_same_key_goes_on_where_that_is_asked_for(void **state) {
    (void) state;
    site s;
    open_site(&s, SV_KEY_EC, false);
    static sv_pair pair;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *other = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *same = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *used = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(8192);
    assert_int_equal(sv_key_open(s.key, &used, NULL), SV_OK);
    assert_int_equal(sv_pair_open(s.cert, s.key, &pair, NULL), SV_OK);
    assert_int_equal(sv_pair_next_key(&pair, false, &other, NULL), SV_OK);
    assert_int_equal(sv_pair_next_key(&pair, true, &same, NULL), SV_OK);
    assert_int_equal(EVP_PKEY_eq(same, used), 1);
    certify(same, &pem);
    assert_int_equal(sv_pair_keep_next(&pair, sv_textbuf_text(&pem), NULL), SV_OK);
    assert_int_equal(sv_pair_change(&pair, NULL), SV_OK);
    assert_true(fits(&s, EVP_PKEY_EC));
    close_site(&s);
}

static void a_certificate_for_another_key_is_no_next_pair(void **state) {
    (void) state;
    site s;
    open_site(&s, SV_KEY_EC, false);
    static sv_pair pair;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *next = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *used = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(8192);
    assert_int_equal(sv_key_open(s.key, &used, NULL), SV_OK);
    assert_int_equal(sv_pair_open(s.cert, s.key, &pair, NULL), SV_OK);
    assert_int_equal(sv_pair_next_key(&pair, false, &next, NULL), SV_OK);
    certify(used, &pem);
    assert_int_equal(sv_pair_keep_next(&pair, sv_textbuf_text(&pem), NULL), SV_OK);
    assert_false(sv_pair_has_next(&pair));
    assert_int_equal(sv_pair_change(&pair, NULL), SV_ERR_STATE);
    assert_true(fits(&s, EVP_PKEY_EC));
    assert_int_equal(sv_pair_forget_next(&pair, NULL), SV_OK);
    assert_false(sv_disk_exists(pair.next_key));
    close_site(&s);
}

static void keys_stay_secret_and_old_ones_go(void **state) {
    (void) state;
    site s;
    open_site(&s, SV_KEY_EC, false);
    char path[160];
    for (unsigned round = 1; round <= 3; round++) {
        struct stat info;
        assert_int_equal(renew(&s), SV_OK);
        (void) snprintf(path, sizeof path, "%s.d/%u/key.pem", s.cert, round);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        (void) snprintf(path, sizeof path, "%s.d", s.cert);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0700);
        (void) snprintf(path, sizeof path, "%s.d/%u", s.cert, round - 1);
        assert_false(sv_disk_exists(path));
    }
    close_site(&s);
}

static void where_the_key_is_no_file_the_certificate_alone_changes(void **state) {
    (void) state;
    site s;
    open_site(&s, SV_KEY_EC, false);
    static sv_pair pair;
    assert_int_equal(sv_pair_open(s.cert, "tpm2:0x81000001", &pair, NULL), SV_OK);
    assert_true(pair.hard_key);
    assert_string_equal(pair.next_key, "tpm2:0x81000001");
    close_site(&s);
}

static void where_nothing_can_be_written_the_remedy_is_said(void **state) { // [renewal-22]
    (void) state;
    site s;
    sv_why why = { 0 };
    open_site(&s, SV_KEY_EC, false);
    assert_int_equal(sv_pair_may_change(s.cert, NULL), SV_OK);
    assert_int_equal(sv_pair_may_change("here.crt", NULL), SV_OK);
    assert_int_equal(sv_pair_may_change("/nowhere/at/all.crt", &why), SV_ERR_IO);
    assert_non_null(strstr(why.text, "'/nowhere/at/all.crt' cannot be renewed here"));
    assert_non_null(strstr(why.text, "the folder '/nowhere/at'"));
    assert_non_null(strstr(why.text, "give it to the user"));
    close_site(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_nothing_can_be_written_the_remedy_is_said),
        cmocka_unit_test(killed_at_any_moment_the_paths_hold_a_pair_that_fits),
        cmocka_unit_test(the_key_that_was_made_is_taken_up_again),
        cmocka_unit_test(the_same_key_goes_on_where_that_is_asked_for),
        cmocka_unit_test(a_certificate_for_another_key_is_no_next_pair),
        cmocka_unit_test(keys_stay_secret_and_old_ones_go),
        cmocka_unit_test(where_the_key_is_no_file_the_certificate_alone_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
