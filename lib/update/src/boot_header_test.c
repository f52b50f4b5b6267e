#include <base/test.h>
#include <boot/verify.h>
#include <crypto/key_store.h>
#include <crypto/p256.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <update/boot_header.h>

static char folder[] = "/tmp/selvedge-boot-XXXXXX";

static int make_folder(void **state) {
    (void) state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static struct evp_pkey_st *new_key(sv_key_kind kind, const char *name) {
    char path[SV_PATH_MAX];
    struct evp_pkey_st *key = NULL;
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(sv_key_make(path, kind, &key, NULL), SV_OK);
    return key;
}

static sv_boot_header release(void) {
    return (sv_boot_header){
        .image_bytes = 4096,
        .counter = 3,
        .hardware_count = 1,
        .digest = { 1, 2, 3 },
        .product = "lathe-ctl",
        .version = "2.1.0",
        .slot = "rootfs",
        .hardware = { "rev-b" },
    };
}

/// OpenSSL signs, BearSSL judges.
static void a_boot_loader_takes_what_was_signed_here(void **state) { // [boot-7]
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = new_key(SV_KEY_EC, "release.key");
    uint8_t spki[SV_P256_SPKI_BYTES];
    sv_boot_key own;
    assert_int_equal(sv_p256_spki(key, spki, NULL), SV_OK);
    assert_true(sv_boot_key_read(spki, sizeof spki, &own));
    const sv_boot_keys keys = { .trusted = &own, .trusted_count = 1 };
    for (uint32_t counter = 1; counter <= 64; counter++) { // r and s with zeros before them as well
        uint8_t bytes[SV_BOOT_HEADER_BYTES];
        sv_boot_header said = release();
        said.counter = counter;
        assert_int_equal(sv_boot_header_sign(&said, key, bytes, NULL), SV_OK);
        const sv_boot_device device = {
            .product = "lathe-ctl", .hardware = "rev-b", .slot = "rootfs", .counter = counter
        };
        sv_boot_header read;
        assert_int_equal(sv_boot_header_judge(bytes, sizeof bytes, &keys, &device, &read),
                         SV_BOOT_GOOD);
        assert_memory_equal(read.key_id, said.key_id, sizeof said.key_id);
        assert_memory_equal(read.signature, said.signature, sizeof said.signature);
    }
}

static void what_cannot_be_signed_is_refused_by_its_name(void **state) { // [boot-7]
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = new_key(SV_KEY_EC, "named.key");
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header bad[5] = { release(), release(), release(), release(), release() };
    static const char *const SENTENCES[] = {
        "a release counter begins at 1",
        "an image of 0 bytes has no boot header",
        "an image is for 1 to 8 hardware ids, not for 9",
        "product \"lathe ctl\", version",
        "slot class \"\"",
    };
    bad[0].counter = 0;
    bad[1].image_bytes = 0;
    bad[2].hardware_count = 9;
    bad[3].product[5] = ' ';
    bad[4].slot[0] = '\0';
    for (size_t i = 0; i < SV_COUNT(bad); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_boot_header_sign(&bad[i], key, bytes, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, SENTENCES[i]));
    }
}

static void a_key_that_no_boot_loader_takes_signs_nothing(void **state) { // [boot-7]
    (void) state;
    static const sv_key_kind KINDS[] = { SV_KEY_RSA, SV_KEY_ED25519 };
    static const char *const NAMES[] = { "rsa.key", "ed25519.key" };
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        SV_DEFER(sv_key_drop) struct evp_pkey_st *key = new_key(KINDS[i], NAMES[i]);
        uint8_t bytes[SV_BOOT_HEADER_BYTES];
        sv_boot_header said = release();
        sv_why why = { 0 };
        assert_int_equal(sv_boot_header_sign(&said, key, bytes, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, "this is not a P-256 key; a boot loader takes no other");
    }
}

/// A release of which target entry and boot header say the same, or not.
static void a_header_says_what_its_target_entry_says(void **state) { // [boot-17]
    (void) state;
    static const char *const MEMBERS[] = { "length",   "digest",   "product",    "version",
                                           "hardware", "hardware", "slot class", "counter" };
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = new_key(SV_KEY_EC, "entry.key");
    sv_boot_header said = release();
    sv_boot_header read;
    sv_target good = { .length = 4096,
                       .digest = { 1, 2, 3 },
                       .product = "lathe-ctl",
                       .version = "2.1.0",
                       .hardware = { "rev-b" },
                       .hardware_count = 1,
                       .slot = "rootfs",
                       .counter = 3 };
    assert_int_equal(sv_boot_header_of(&good, &read, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_boot_header_sign(&said, key, good.boot, NULL), SV_OK);
    good.boot_len = SV_BOOT_HEADER_BYTES;
    assert_int_equal(sv_boot_header_of(&good, &read, NULL), SV_OK);
    assert_string_equal(read.version, "2.1.0");
    for (size_t i = 0; i < SV_COUNT(MEMBERS); i++) {
        static sv_target bent;
        bent = good;
        bent.length += i == 0;
        bent.digest[31] ^= i == 1;
        bent.product[0] ^= i == 2;
        bent.version[0] ^= i == 3;
        bent.hardware[0][0] ^= i == 4;
        bent.hardware_count += i == 5;
        bent.slot[0] ^= i == 6;
        bent.counter -= i == 7;
        sv_why why = { 0 };
        assert_int_equal(sv_boot_header_of(&bent, &read, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, MEMBERS[i]));
    }
    good.boot_len--;
    assert_int_equal(sv_boot_header_of(&good, &read, NULL), SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_loader_takes_what_was_signed_here),
        cmocka_unit_test(what_cannot_be_signed_is_refused_by_its_name),
        cmocka_unit_test(a_key_that_no_boot_loader_takes_signs_nothing),
        cmocka_unit_test(a_header_says_what_its_target_entry_says),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
