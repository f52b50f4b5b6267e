#include "key_store_internal.h"
#include "pki_internal.h"
#include <base/test.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sv-keys-XXXXXX";
static char key_path[PATH_MAX];

static const char *in(char room[PATH_MAX], const char *name) {
    assert_int_equal(sv_disk_join(room, PATH_MAX, folder, name), SV_OK);
    return room;
}

static int make(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    return sv_key_make(in(key_path, "a.key"), SV_KEY_EC, &key, NULL) == SV_OK ? 0 : -1;
}

static int drop(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static sv_why refused(const char *where) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    assert_int_not_equal(sv_key_open(where, &key, &why), SV_OK);
    assert_null(key);
    return why;
}

// [keys-1]
static void a_key_is_taken_only_when_nobody_else_can_read_or_write_it(void **state) {
    (void) state;
    for (unsigned mode = 0400; mode <= 0777; mode++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
        sv_why why = { 0 };
        assert_int_equal(chmod(key_path, mode), 0);
        sv_err err = sv_key_open(key_path, &key, &why);
        if ((mode & 027) == 0) {
            assert_int_equal(err, SV_OK);
            assert_int_equal(sv_pkey_check(key, NULL), SV_OK);
        } else {
            assert_int_equal(err, SV_ERR_INVALID);
            assert_null(key);
            assert_non_null(strstr(why.text, "chmod 600 it"));
            assert_non_null(strstr(why.text, key_path));
        }
    }
    assert_int_equal(chmod(key_path, 0600), 0);
}

// [keys-1]
static void a_key_of_somebody_else_is_refused(void **state) {
    (void) state;
    if (geteuid() != 0) {
        skip(); // nobody but root can give a file away
    }
    assert_int_equal(chown(key_path, 65534, 0), 0);
    sv_why why = refused(key_path);
    assert_int_equal(chown(key_path, 0, 0), 0);
    assert_int_equal(why.code, SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "belongs to user 65534"));
}

static void write_file(const char *path, sv_text content) {
    assert_int_equal(sv_disk_replace(path, content, 0644, NULL), SV_OK);
}

static void what_is_no_key_is_named(void **state) {
    (void) state;
    char path[PATH_MAX];
    (void) in(path, "thing");
    sv_why none = refused(path);
    assert_int_equal(none.code, SV_ERR_NOT_FOUND); // then one may be made
    assert_non_null(strstr(none.text, "No such file"));
    assert_non_null(strstr(refused(folder).text, "is not a file"));
    write_file(path, SV_TEXT("-----BEGIN CERTIFICATE-----\n"));
    assert_non_null(strstr(refused(path).text, "holds no private key"));

    static char big[SV_KEY_FILE_MAX + 1];
    write_file(path, (sv_text){ .at = big, .len = sizeof big });
    assert_non_null(strstr(refused(path).text, "more than 16384 bytes"));

    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_secret_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &key, NULL), SV_OK);
    assert_int_equal(sv_pem_key_add(&pem, key, "correct horse", NULL), SV_OK);
    write_file(path, sv_textbuf_text(&pem));
    assert_non_null(strstr(refused(path).text, "is encrypted"));
}

// [keys-2]
static void no_key_is_written_over(void **state) {
    (void) state;
    char path[PATH_MAX];
    (void) in(path, "new.key");
    for (sv_key_kind kind = SV_KEY_EC; kind <= SV_KEY_ED25519; kind++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *made = NULL;
        SV_DEFER(sv_pkey_drop) EVP_PKEY *again = NULL;
        SV_DEFER(sv_pkey_drop) EVP_PKEY *opened = NULL;
        sv_why why = { 0 };
        assert_int_equal(sv_key_make(path, kind, &made, NULL), SV_OK);
        assert_int_equal(sv_key_make(path, kind, &again, &why), SV_ERR_STATE);
        assert_null(again);
        assert_non_null(strstr(why.text, "exists already"));
        assert_int_equal(sv_key_open(path, &opened, NULL), SV_OK);
        assert_int_equal(EVP_PKEY_eq(made, opened), 1);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        assert_int_equal(unlink(path), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_taken_only_when_nobody_else_can_read_or_write_it),
        cmocka_unit_test(a_key_of_somebody_else_is_refused),
        cmocka_unit_test(what_is_no_key_is_named),
        cmocka_unit_test(no_key_is_written_over),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
