#include <base/test.h>
#include <crypto/firmware.h>
#include <crypto/identity.h>
#include <crypto/pki.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

static char folder[] = "/tmp/sv-pki-XXXXXX";

static const char *in(char room[PATH_MAX], const char *name) {
    assert_int_equal(sv_disk_join(room, PATH_MAX, folder, name), SV_OK);
    return room;
}

static int make(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    return sv_pki_init(&(sv_pki_setup){ .dir = folder }, NULL) == SV_OK ? 0 : -1;
}

static int drop(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

// [pki-4]
static void every_kind_of_key_gives_a_leaf_of_its_role(void **state) {
    (void) state;
    static const char *const ids[] = { "leaf-ec", "leaf-rsa", "leaf-ed" };
    char ca[PATH_MAX];
    for (size_t i = 0; i < SV_COUNT(ids); i++) {
        sv_pki_leaf leaf = {
            .id = ids[i], .role = (sv_role) i, .key = (sv_key_kind) i, .out = folder
        };
        assert_int_equal(sv_pki_issue(folder, &leaf, NULL), SV_OK);
        char name[80];
        char path[PATH_MAX];
        (void) snprintf(name, sizeof name, "%s.crt", ids[i]);
        sv_identity who;
        assert_int_equal(sv_pki_verify(in(ca, "ca.crt"), in(path, name), &who, NULL), SV_OK);
        assert_string_equal(who.id, ids[i]);
        assert_int_equal(who.role, (sv_role) i);
    }
}

// [pki-3] [pki-5]
static void a_leaf_that_may_not_be_is_refused_with_its_reason(void **state) {
    (void) state;
    static const struct {
        sv_pki_leaf leaf;
        const char *reason;
    } cases[] = {
        { { .id = "a/b" }, "a/b" },
        { { .id = "" }, "id" },
        { { .id = "ca" }, "CA's own files" },
        { { .id = "leaf-ec", .role = SV_ROLE_APP }, "is a device already" },
        { { .id = "s", .role = SV_ROLE_SERVER, .dns = { "a b" } }, "not a DNS name" },
        { { .id = "s", .role = SV_ROLE_SERVER, .ip = { "1.2.3" } }, "not an IP address" },
        { { .id = "d", .dns = { "a" } }, "has no DNS names" },
        { { .id = "d", .days = SV_PKI_DAYS_MAX + 1 }, "days" },
        { { .id = "leaf-ec" }, "exists already" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_pki_leaf leaf = cases[i].leaf;
        leaf.out = folder;
        sv_why why = { 0 };
        assert_int_not_equal(sv_pki_issue(folder, &leaf, &why), SV_OK);
        assert_non_null(strstr(why.text, cases[i].reason));
    }
    char path[PATH_MAX];
    assert_false(sv_disk_exists(in(path, "s.key")));
}

static void many_leaves_are_issued_at_once_up_to_the_first_that_may_not_be(void **state) {
    (void) state;
    static const char *const good[] = { "many-1", "many-2", "many-3" };
    static const char *const taken[] = { "many-4", "LEAF-rsa" }; // leaf-rsa is a gateway
    static const char *const twice[] = { "many-5", "many-1", "many-6" };
    const sv_pki_leaf like = { .role = SV_ROLE_DEVICE, .out = folder };
    assert_int_equal(sv_pki_issue_many(folder, &like, good, SV_COUNT(good), NULL), SV_OK);
    char ca[PATH_MAX], path[PATH_MAX];
    sv_identity who;
    assert_int_equal(sv_pki_verify(in(ca, "ca.crt"), in(path, "many-3.crt"), &who, NULL), SV_OK);
    assert_string_equal(who.id, "many-3");

    sv_why why = { 0 };
    assert_int_equal(sv_pki_issue_many(folder, &like, taken, SV_COUNT(taken), &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "'LEAF-rsa' is a gateway already"));
    assert_false(sv_disk_exists(in(path, "many-4.key")));
    assert_int_equal(sv_pki_issue_many(folder, &like, twice, SV_COUNT(twice), &why), SV_ERR_STATE);
    assert_true(sv_disk_exists(in(path, "many-5.crt")));
    assert_false(sv_disk_exists(in(path, "many-6.key")));
}

static void the_cn_of_a_file_is_read_and_nothing_else_judged(void **state) {
    (void) state;
    char path[PATH_MAX], id[SV_ID_ROOM];
    sv_why why = { 0 };
    assert_int_equal(sv_identity_cn_of_file(in(path, "leaf-rsa.crt"), id, &why), SV_OK);
    assert_string_equal(id, "leaf-rsa");
    assert_int_equal(sv_identity_cn_of_file(in(path, "leaf-rsa.key"), id, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "holds no certificate"));
    assert_int_equal(sv_identity_cn_of_file(in(path, "absent"), id, &why), SV_ERR_NOT_FOUND);
}

static void no_changed_byte_of_a_signature_passes(void **state) {
    (void) state;
    char key[PATH_MAX], pub[PATH_MAX], sig[PATH_MAX], file[PATH_MAX];
    assert_int_equal(sv_firmware_keygen(folder, SV_KEY_EC, NULL), SV_OK);
    (void) in(key, "firmware.key"), (void) in(pub, "firmware.pub"), (void) in(sig, "sig");
    assert_int_equal(sv_firmware_sign(in(file, "ca.crt"), key, sig, NULL), SV_OK);
    assert_int_equal(sv_firmware_verify(file, sig, pub, NULL), SV_OK);
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(1024);
    assert_int_equal(sv_disk_read(sig, &bytes, NULL), SV_OK);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.at[i] = (char) (bytes.at[i] ^ 1);
        assert_int_equal(sv_disk_replace(sig, sv_textbuf_text(&bytes), 0644, NULL), SV_OK);
        assert_int_equal(sv_firmware_verify(file, sig, pub, NULL), SV_ERR_UNTRUSTED);
        bytes.at[i] = (char) (bytes.at[i] ^ 1);
    }
    static const char long_one[2000] = { 0 };
    sv_text too_long = { .at = long_one, .len = sizeof long_one };
    assert_int_equal(sv_disk_replace(sig, too_long, 0644, NULL), SV_OK);
    assert_int_equal(sv_firmware_verify(file, sig, pub, NULL), SV_ERR_UNTRUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_gives_a_leaf_of_its_role),
        cmocka_unit_test(a_leaf_that_may_not_be_is_refused_with_its_reason),
        cmocka_unit_test(many_leaves_are_issued_at_once_up_to_the_first_that_may_not_be),
        cmocka_unit_test(the_cn_of_a_file_is_read_and_nothing_else_judged),
        cmocka_unit_test(no_changed_byte_of_a_signature_passes),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
