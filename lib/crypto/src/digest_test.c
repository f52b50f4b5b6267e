#include <base/test.h>
#include <crypto/digest.h>
#include <crypto/random.h>

static void pieces_give_what_the_whole_gives(void **state) {
    (void) state;
    static const char TEXT[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    const sv_text whole = { .at = TEXT, .len = sizeof TEXT - 1 };
    for (sv_digest_kind kind = SV_DIGEST_SHA256; kind <= SV_DIGEST_SHA512; kind++) {
        uint8_t wanted[64] = { 0 };
        size_t bytes = kind == SV_DIGEST_SHA256 ? 32 : 64;
        (kind == SV_DIGEST_SHA256 ? sv_sha256 : sv_sha512)(whole, wanted);
        SV_DEFER(sv_digest_drop) sv_digest *digest = sv_digest_new(kind);
        // One object serves one text after the other.
        for (size_t cut = 0; cut <= whole.len; cut++) {
            uint8_t found[64] = { 0 };
            sv_digest_add(digest, (sv_text){ .at = TEXT, .len = cut });
            sv_digest_add(digest, (sv_text){ .at = TEXT + cut, .len = whole.len - cut });
            sv_digest_end(digest, found);
            assert_memory_equal(found, wanted, bytes);
        }
        uint8_t none[64] = { 0 };
        uint8_t of_nothing[64] = { 0 };
        (kind == SV_DIGEST_SHA256 ? sv_sha256 : sv_sha512)((sv_text){ 0 }, of_nothing);
        sv_digest_end(digest, none);
        assert_memory_equal(none, of_nothing, bytes);
    }
}

// FIPS 180 and RFC 1321, "abc".
static void old_digests_are_what_others_expect(void **state) {
    (void) state;
    static const uint8_t SHA1[20] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
                                      0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
    static const uint8_t MD5[16] = { 0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0,
                                     0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72 };
    uint8_t found[64];
    SV_DEFER(sv_digest_drop) sv_digest *sha1 = sv_digest_new(SV_DIGEST_SHA1);
    SV_DEFER(sv_digest_drop) sv_digest *md5 = sv_digest_new(SV_DIGEST_MD5);
    sv_digest_add(sha1, SV_TEXT("abc"));
    sv_digest_end(sha1, found);
    assert_memory_equal(found, SHA1, sizeof SHA1);
    sv_digest_add(md5, SV_TEXT("a"));
    sv_digest_add(md5, SV_TEXT("bc"));
    sv_digest_end(md5, found);
    assert_memory_equal(found, MD5, sizeof MD5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_give_what_the_whole_gives),
        cmocka_unit_test(old_digests_are_what_others_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
