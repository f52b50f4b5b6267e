#include "merkle.h"
#include <base/test.h>
#include <codec/encode.h>

/// The leaves and roots that implementations of RFC 6962 test themselves with.
static void roots_are_those_of_certificate_transparency(void **state) { // [image-5]
    (void) state;
    static const sv_text LEAVES[] = {
        { .at = "", .len = 0 },
        { .at = "\0", .len = 1 },
        { .at = "\x10", .len = 1 },
        { .at = "\x20\x21", .len = 2 },
        { .at = "\x30\x31", .len = 2 },
        { .at = "\x40\x41\x42\x43", .len = 4 },
        { .at = "\x50\x51\x52\x53\x54\x55\x56\x57", .len = 8 },
        { .at = "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", .len = 16 },
    };
    static const char *const ROOTS[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    for (size_t count = 1; count <= SV_COUNT(ROOTS); count++) {
        SV_DEFER(sv_merkle_drop) sv_merkle *tree = sv_merkle_new();
        uint8_t hash[SV_MERKLE_HASH_BYTES];
        uint8_t wanted[SV_MERKLE_HASH_BYTES];
        for (size_t i = 0; i < count; i++) {
            sv_merkle_leaf(tree, LEAVES[i], hash);
            sv_merkle_add(tree, hash);
        }
        sv_merkle_root(tree, hash);
        assert_int_equal(sv_hex_parse(sv_text_of(ROOTS[count - 1]), wanted, sizeof wanted), SV_OK);
        assert_memory_equal(hash, wanted, sizeof wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_those_of_certificate_transparency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
