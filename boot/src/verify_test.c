#include "test_release.h"

static const sv_boot_device DEVICE = {
    .product = "lathe-ctl", .hardware = "rev-b", .slot = "rootfs", .counter = 7
};

/// Keys 1 and 2 are trusted, 3 is trusted and revoked, 4 revoked alone.
typedef struct ring {
    sv_boot_key trusted[3];
    uint8_t revoked[2][SV_BOOT_KEY_ID_BYTES];
    sv_boot_keys keys;
} ring;

static void ring_make(ring *out) {
    sv_boot_key key;
    for (uint8_t i = 0; i < 3; i++) {
        key_number((uint8_t) (i + 1), &out->trusted[i]);
    }
    for (uint8_t i = 0; i < 2; i++) {
        key_number((uint8_t) (i + 3), &key);
        memcpy(out->revoked[i], key.id, sizeof key.id);
    }
    out->keys = (sv_boot_keys){ out->trusted, 3, out->revoked, 2 };
}

static sv_boot_verdict judge(const uint8_t *bytes, const sv_boot_device *device) {
    static ring r;
    sv_boot_header header;
    if (r.keys.trusted_count == 0) {
        ring_make(&r);
    }
    return sv_boot_header_judge(bytes, SV_BOOT_HEADER_BYTES, &r.keys, device, &header);
}

static void who_signed_decides(void **state) { // [boot-5] attacks row 22
    (void) state;
    static const sv_boot_verdict BY_KEY[] = {
        SV_BOOT_GOOD, SV_BOOT_GOOD, SV_BOOT_REVOKED_KEY, SV_BOOT_REVOKED_KEY, SV_BOOT_UNKNOWN_KEY,
    };
    for (size_t i = 0; i < SV_COUNT(BY_KEY); i++) {
        uint8_t bytes[SV_BOOT_HEADER_BYTES];
        (void) release_of((uint8_t) (i + 1), bytes);
        assert_int_equal(judge(bytes, &DEVICE), BY_KEY[i]);
    }
}

static void the_named_key_has_to_be_the_one_that_signed(void **state) { // [boot-5] attacks row 22
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    (void) release_of(1, bytes);
    sign_header(2, bytes); // key 2 is trusted as well, and is not the one that is named
    assert_int_equal(judge(bytes, &DEVICE), SV_BOOT_WRONG_SIGNATURE);
    sign_header(5, bytes);
    assert_int_equal(judge(bytes, &DEVICE), SV_BOOT_WRONG_SIGNATURE);
    memset(bytes + SV_BOOT_SIGNED_BYTES, 0, SV_BOOT_SIGNATURE_BYTES);
    assert_int_equal(judge(bytes, &DEVICE), SV_BOOT_WRONG_SIGNATURE);
}

/// Also those that would make it malformed: the signature is judged before they are looked at.
static void no_bit_is_changed_under_a_signature(void **state) { // [boot-3] [boot-5] attacks row 21
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    (void) release_of(1, bytes);
    for (size_t at = 0; at < sizeof bytes; at++) {
        bytes[at] ^= (uint8_t) (1U << (at % 8));
        sv_boot_verdict expected = at < 4    ? SV_BOOT_NO_HEADER
                                   : at < 12 ? SV_BOOT_OTHER_FORMAT
                                             : SV_BOOT_WRONG_SIGNATURE;
        if (at >= 928 && at < 960) {
            expected = SV_BOOT_UNKNOWN_KEY;
        }
        assert_int_equal(judge(bytes, &DEVICE), expected);
        bytes[at] ^= (uint8_t) (1U << (at % 8));
    }
}

static void a_malformed_header_is_refused_although_it_is_signed(void **state) { // [boot-2] [boot-3]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    (void) release_of(1, bytes);
    bytes[12] = 1;
    sign_header(1, bytes);
    assert_int_equal(judge(bytes, &DEVICE), SV_BOOT_MALFORMED);
}

static void
a_good_signature_for_something_else_is_refused(void **state) { // [boot-6] attacks row 23
    (void) state;
    static const struct {
        sv_boot_device device;
        sv_boot_verdict verdict;
    } CASES[] = {
        { { .product = "lathe-ctl", .hardware = "rev-c", .slot = "rootfs" }, SV_BOOT_GOOD },
        { { .product = "lathe-ct", .hardware = "rev-b", .slot = "rootfs" }, SV_BOOT_OTHER_PRODUCT },
        { { .product = "lathe-ctl2", .hardware = "rev-b", .slot = "rootfs" },
          SV_BOOT_OTHER_PRODUCT },
        { { .product = "", .hardware = "rev-b", .slot = "rootfs" }, SV_BOOT_OTHER_PRODUCT },
        { { .product = "lathe-ctl", .hardware = "rev-a", .slot = "rootfs" },
          SV_BOOT_OTHER_HARDWARE },
        { { .product = "lathe-ctl", .hardware = "", .slot = "rootfs" }, SV_BOOT_OTHER_HARDWARE },
        { { .product = "lathe-ctl", .hardware = "rev-b", .slot = "kernel" }, SV_BOOT_OTHER_SLOT },
        { { .version = "2.1.0+b~1" }, SV_BOOT_GOOD },
        { { .version = "2.1.0" }, SV_BOOT_OTHER_VERSION },
    };
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    (void) release_of(1, bytes);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(judge(bytes, &CASES[i].device), CASES[i].verdict);
    }
}

static void
an_older_release_is_refused_and_the_same_one_is_not(void **state) { // [boot-6] attacks row 24
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    (void) release_of(1, bytes); // counter 7
    for (uint32_t counter = 0; counter < 12; counter++) {
        sv_boot_device device = DEVICE;
        device.counter = counter;
        assert_int_equal(judge(bytes, &device), counter <= 7 ? SV_BOOT_GOOD : SV_BOOT_OLDER);
    }
}

static void a_refused_header_still_says_what_was_signed(void **state) { // [boot-3]
    (void) state;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    ring r;
    ring_make(&r);
    (void) release_of(1, bytes);
    sv_boot_header header = { .counter = 0 };
    const sv_boot_device device = { .counter = 8 };
    assert_int_equal(sv_boot_header_judge(bytes, sizeof bytes, &r.keys, &device, &header),
                     SV_BOOT_OLDER);
    assert_int_equal(header.counter, 7);
    bytes[24] = 9; // and says nothing when nobody signed it
    header.counter = 0;
    assert_int_equal(sv_boot_header_judge(bytes, sizeof bytes, &r.keys, &device, &header),
                     SV_BOOT_WRONG_SIGNATURE);
    assert_int_equal(header.counter, 0);
}

enum { IMAGE_BYTES = 1000 };

/// An image in memory, that remembers how far it was read.
typedef struct medium {
    uint8_t bytes[IMAGE_BYTES + 100];
    uint64_t end, fails_at;
} medium;

static bool read_medium(void *arg, uint64_t offset, uint8_t *out, size_t len) {
    medium *m = arg;
    if (offset + len > m->fails_at) {
        return false;
    }
    memcpy(out, m->bytes + offset, len);
    m->end = offset + len > m->end ? offset + len : m->end;
    return true;
}

static void medium_make(medium *out, sv_boot_header *header) {
    memset(out, 0, sizeof *out);
    out->fails_at = sizeof out->bytes;
    for (size_t i = 0; i < sizeof out->bytes; i++) {
        out->bytes[i] = (uint8_t) (i * 31 >> 3);
    }
    sv_boot_digest digest;
    sv_boot_digest_begin(&digest);
    sv_boot_digest_add(&digest, out->bytes, IMAGE_BYTES);
    memset(header, 0, sizeof *header);
    header->image_bytes = IMAGE_BYTES;
    sv_boot_digest_end(&digest, header->digest);
}

static void an_image_is_judged_in_pieces_of_any_size_and_no_further(void **state) { // [boot-6]
    (void) state;
    static medium m;
    sv_boot_header header;
    uint8_t block[2 * IMAGE_BYTES];
    medium_make(&m, &header);
    const sv_boot_source source = { .arg = &m, .read = read_medium };
    for (size_t size = 1; size <= sizeof block; size += 13) {
        assert_int_equal(sv_boot_image_judge(&header, &source, block, size), SV_BOOT_GOOD);
        assert_int_equal(m.end, IMAGE_BYTES);
    }
    assert_int_equal(sv_boot_image_judge(&header, &source, block, 0), SV_BOOT_UNREADABLE);
}

static void another_image_is_refused(void **state) { // [boot-6] attacks row 21
    (void) state;
    static medium m;
    sv_boot_header header;
    uint8_t block[64];
    medium_make(&m, &header);
    const sv_boot_source source = { .arg = &m, .read = read_medium };
    for (size_t at = 0; at < IMAGE_BYTES; at++) {
        m.bytes[at] ^= 1;
        assert_int_equal(sv_boot_image_judge(&header, &source, block, sizeof block),
                         SV_BOOT_OTHER_DIGEST);
        m.bytes[at] ^= 1;
    }
    header.image_bytes = IMAGE_BYTES - 1; // cut
    assert_int_equal(sv_boot_image_judge(&header, &source, block, sizeof block),
                     SV_BOOT_OTHER_DIGEST);
    header.image_bytes = IMAGE_BYTES + 1; // appended
    assert_int_equal(sv_boot_image_judge(&header, &source, block, sizeof block),
                     SV_BOOT_OTHER_DIGEST);
    header.image_bytes = IMAGE_BYTES;
    m.fails_at = IMAGE_BYTES - 1;
    assert_int_equal(sv_boot_image_judge(&header, &source, block, sizeof block),
                     SV_BOOT_UNREADABLE);
}

static void every_verdict_has_its_own_words(void **state) { // [boot-3]
    (void) state;
    for (int i = 0; i < SV_BOOT_VERDICT__COUNT; i++) {
        assert_true(strlen(sv_boot_verdict_text((sv_boot_verdict) i)) > 10);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(sv_boot_verdict_text((sv_boot_verdict) i),
                                    sv_boot_verdict_text((sv_boot_verdict) k));
        }
    }
    assert_string_equal(sv_boot_verdict_text(SV_BOOT_VERDICT__COUNT), "no verdict");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_signed_decides),
        cmocka_unit_test(the_named_key_has_to_be_the_one_that_signed),
        cmocka_unit_test(no_bit_is_changed_under_a_signature),
        cmocka_unit_test(a_malformed_header_is_refused_although_it_is_signed),
        cmocka_unit_test(a_good_signature_for_something_else_is_refused),
        cmocka_unit_test(an_older_release_is_refused_and_the_same_one_is_not),
        cmocka_unit_test(a_refused_header_still_says_what_was_signed),
        cmocka_unit_test(an_image_is_judged_in_pieces_of_any_size_and_no_further),
        cmocka_unit_test(another_image_is_refused),
        cmocka_unit_test(every_verdict_has_its_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
