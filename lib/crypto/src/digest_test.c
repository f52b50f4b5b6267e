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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_give_what_the_whole_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
