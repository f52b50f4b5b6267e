#include <base/test.h>
#include <crypto/cert_facts.h>
#include <crypto/pki.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>

static char dir[64];

static const char *in(const char *name) {
    static char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, dir, name), SV_OK);
    return path;
}

static int setup(void **state) {
    (void) state;
    (void) snprintf(dir, sizeof dir, "/tmp/selvedge-facts-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    const sv_pki_setup pki = { .dir = dir, .org = "Acme", .root_passphrase = "only for tests" };
    return sv_pki_init(&pki, NULL) == SV_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void) state;
    return sv_disk_remove_tree(dir, NULL) == SV_OK ? 0 : -1;
}

typedef struct seen {
    sv_pki_record record;
} seen;

static void take(void *arg, const sv_pki_record *record) {
    ((seen *) arg)->record = *record;
}

// [enrol-30]
static void a_certificate_says_what_the_folder_says_of_it(void **state) {
    (void) state;
    const sv_pki_leaf leaf = { .id = "press-1", .role = SV_ROLE_DEVICE, .out = dir };
    seen last = { 0 };
    sv_cert_facts facts;
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    assert_int_equal(sv_pki_issue(dir, &leaf, NULL), SV_OK);
    assert_int_equal(sv_pki_list(dir, take, &last, NULL), SV_OK);
    assert_int_equal(sv_certs_read(in("press-1.crt"), &certs, NULL), SV_OK);
    assert_int_equal(certs.count, 2); // leaf, then issuing
    assert_int_equal(sv_cert_facts_of(certs.at[0], &facts, NULL), SV_OK);
    assert_string_equal(facts.id, "press-1");
    assert_string_equal(facts.serial, last.record.serial);
    assert_true(facts.not_before_us == last.record.not_before_us);
    assert_true(facts.not_after_us == last.record.not_after_us);
    assert_true(facts.issuer[0] != 0);
    assert_int_equal(strlen(facts.key_hash), SV_KEY_HASH_ROOM - 1);
}

// [enrol-4]
static void the_pin_is_the_roots(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs both = { 0 };
    SV_DEFER(sv_certs_drop) sv_certs root = { 0 };
    char pin[SV_PIN_TEXT_ROOM];
    char same[SV_PIN_TEXT_ROOM];
    sv_why why = { 0 };
    assert_int_equal(sv_certs_read(in("ca.crt"), &both, NULL), SV_OK);
    assert_int_equal(sv_certs_read(in("root/root.crt"), &root, NULL), SV_OK);
    assert_int_equal(sv_certs_pin(&both, pin, NULL), SV_OK);
    assert_int_equal(sv_certs_pin(&root, same, NULL), SV_OK);
    assert_string_equal(pin, same);
    assert_int_equal(strlen(pin), SV_PIN_TEXT_ROOM - 1);
    const sv_certs issuing = { .at = { both.at[0] }, .count = 1 };
    assert_int_equal(sv_certs_pin(&issuing, pin, &why), SV_ERR_NOT_FOUND);
    assert_string_equal(why.text, "no root (a certificate that signed itself) among 1");
}

static void what_is_no_certificate_is_said_so(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    sv_cert_facts facts;
    sv_why why = { 0 };
    assert_int_equal(sv_certs_read(in("nowhere.pem"), &certs, &why), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_disk_replace(in("empty.pem"), SV_TEXT("nothing\n"), 0600, NULL), SV_OK);
    assert_int_equal(sv_certs_read(in("empty.pem"), &certs, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "does not hold certificates in PEM"));
    assert_int_equal(sv_cert_facts_of_der(SV_TEXT("0"), &facts, &why), SV_ERR_INVALID);
    assert_int_equal(sv_certs_push_der(&certs, SV_TEXT(""), &why), SV_ERR_INVALID);
    assert_int_equal(certs.count, 0);
    // A CA is no device: its name is outside the grammar.
    assert_int_equal(sv_certs_read(in("ca.crt"), &certs, NULL), SV_OK);
    assert_int_equal(sv_cert_facts_of(certs.at[0], &facts, &why), SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_says_what_the_folder_says_of_it),
        cmocka_unit_test(the_pin_is_the_roots),
        cmocka_unit_test(what_is_no_certificate_is_said_so),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
