#include "test_release.h"
#include <stdio.h>

/// Key 1, the base point of the curve, as others write it.
static const char PEM[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
                          "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
                          "-----END PUBLIC KEY-----\n";
/// openssl pkey -pubin -outform DER | sha256sum
static const char ID[] = "5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3";

/// What stands before the point.
static const uint8_t SPKI[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

static bool read_text(const char *text, sv_boot_key *out) {
    return sv_boot_key_read((const uint8_t *) text, strlen(text), out);
}

static void a_key_is_the_same_as_point_der_and_pem(void **state) { // [boot-4]
    (void) state;
    sv_boot_key point;
    sv_boot_key pem;
    sv_boot_key der;
    key_number(1, &point);
    assert_true(read_text(PEM, &pem));
    assert_memory_equal(&pem, &point, sizeof point);
    uint8_t spki[91];
    memcpy(spki, SPKI, sizeof SPKI);
    memcpy(spki + 26, point.point, sizeof point.point);
    assert_true(sv_boot_key_read(spki, sizeof spki, &der));
    assert_memory_equal(&der, &point, sizeof point);
    for (size_t i = 0; i < sizeof point.id; i++) {
        char hex[3];
        (void) snprintf(hex, sizeof hex, "%02x", point.id[i]);
        assert_memory_equal(hex, ID + 2 * i, 2);
    }
    for (size_t i = 0; i < 26; i++) {
        spki[i] ^= 1;
        assert_false(sv_boot_key_read(spki, sizeof spki, &der));
        spki[i] ^= 1;
    }
}

static void lines_of_pem_may_end_as_they_like(void **state) { // [boot-4]
    (void) state;
    char text[2 * sizeof PEM] = "";
    for (size_t i = 0, at = 0; PEM[i] != '\0'; i++) {
        if (PEM[i] == '\n') {
            text[at++] = '\r';
        }
        text[at++] = PEM[i];
        text[at] = '\0';
    }
    sv_boot_key key;
    assert_true(read_text(text, &key));
    assert_true(sv_boot_key_read((const uint8_t *) PEM, sizeof PEM - 2, &key)); // no end of line
}

static void what_is_no_key_is_not_taken(void **state) { // [boot-4]
    (void) state;
    sv_boot_key key;
    uint8_t point[SV_BOOT_POINT_BYTES];
    key_number(1, &key);
    memcpy(point, key.point, sizeof point);
    for (size_t at = 0; at < sizeof point; at++) {
        point[at] ^= 1; // off the curve, or not uncompressed
        assert_false(sv_boot_key_read(point, sizeof point, &key));
        point[at] ^= 1;
    }
    point[0] = 2; // compressed
    assert_false(sv_boot_key_read(point, 33, &key));
    memset(point, 0, sizeof point);
    assert_false(sv_boot_key_read(point, 1, &key)); // infinity
    assert_false(sv_boot_key_read(point, sizeof point, &key));
    memset(point, 0xff, sizeof point); // coordinates beyond the field
    point[0] = 4;
    assert_false(sv_boot_key_read(point, sizeof point, &key));
    assert_false(read_text("", &key));
}

/// Each letter of the file left out, doubled, or another.
static void a_bent_pem_file_is_another_key_or_none(void **state) { // [boot-4]
    (void) state;
    sv_boot_key good;
    sv_boot_key key;
    key_number(1, &good);
    for (size_t at = 0; at < sizeof PEM - 2; at++) {
        char text[sizeof PEM + 1];
        memcpy(text, PEM, sizeof PEM);
        text[at] = '#';
        assert_false(read_text(text, &key));
        if (PEM[at] == '\n') {
            continue;
        }
        text[at] = PEM[at] == 'A' ? 'B' : 'A';
        assert_false(read_text(text, &key));
        memmove(text + at, PEM + at + 1, sizeof PEM - at - 1);
        assert_false(read_text(text, &key));
        memcpy(text, PEM, at + 1);
        memcpy(text + at + 1, PEM + at, sizeof PEM - at);
        assert_false(read_text(text, &key));
    }
    char text[sizeof PEM];
    memcpy(text, PEM, sizeof PEM);
    char *last = strstr(text, "9Q==");
    assert_non_null(last);
    last[1] = 'R'; // the same 91 bytes, with a bit behind them
    assert_false(read_text(text, &key));
}

static void a_signature_is_one_key_s_over_one_message(void **state) { // [boot-5]
    (void) state;
    static const uint8_t MESSAGE[] = "what was signed";
    sv_boot_key one;
    sv_boot_key two;
    uint8_t signature[SV_BOOT_SIGNATURE_BYTES];
    key_number(1, &one);
    key_number(2, &two);
    sign_bytes(1, MESSAGE, sizeof MESSAGE, signature);
    assert_true(sv_boot_key_signed(&one, MESSAGE, sizeof MESSAGE, signature));
    assert_false(sv_boot_key_signed(&two, MESSAGE, sizeof MESSAGE, signature));
    assert_false(sv_boot_key_signed(&one, MESSAGE, sizeof MESSAGE - 1, signature));
    for (size_t bit = 0; bit < sizeof signature * 8; bit += 7) {
        signature[bit / 8] ^= (uint8_t) (1U << (bit % 8));
        assert_false(sv_boot_key_signed(&one, MESSAGE, sizeof MESSAGE, signature));
        signature[bit / 8] ^= (uint8_t) (1U << (bit % 8));
    }
}

/// The values that broken verifiers took ("psychic signatures"), and r and s beyond the order.
static void numbers_outside_the_order_sign_nothing(void **state) { // [boot-5]
    (void) state;
    static const uint8_t MESSAGE[] = "what nobody signed";
    static const uint8_t ORDER[32] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    };
    uint8_t values[5][32] = { { 0 }, { [31] = 1 }, { 0 }, { 0 }, { 0 } };
    memcpy(values[2], ORDER, 32);
    memcpy(values[3], ORDER, 32);
    values[3][31]++;
    memset(values[4], 0xff, 32);
    sv_boot_key key;
    key_number(1, &key);
    for (size_t r = 0; r < SV_COUNT(values); r++) {
        for (size_t s = 0; s < SV_COUNT(values); s++) {
            uint8_t signature[SV_BOOT_SIGNATURE_BYTES];
            memcpy(signature, values[r], 32);
            memcpy(signature + 32, values[s], 32);
            assert_false(sv_boot_key_signed(&key, MESSAGE, sizeof MESSAGE, signature));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_the_same_as_point_der_and_pem),
        cmocka_unit_test(lines_of_pem_may_end_as_they_like),
        cmocka_unit_test(what_is_no_key_is_not_taken),
        cmocka_unit_test(a_bent_pem_file_is_another_key_or_none),
        cmocka_unit_test(a_signature_is_one_key_s_over_one_message),
        cmocka_unit_test(numbers_outside_the_order_sign_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
