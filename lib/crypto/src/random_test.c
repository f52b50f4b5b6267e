#include <base/test.h>
#include <codec/encode.h>
#include <crypto/random.h>

static const char *hmac_of(sv_text key, const sv_text *parts, size_t count) {
    static char room[80];
    uint8_t mac[32];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_hmac_sha256(key, parts, count, mac);
    sv_hex_add(&out, mac, sizeof mac);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    return room;
}

/// RFC 4231, cases 1, 2 and 6.
static void hmac_agrees_with_the_rfc(void **state) {
    (void) state;
    static const char LONG_KEY[131] = { [0 ... 130] = (char) 0xaa };
    const sv_text hi[] = { SV_TEXT("Hi There") };
    assert_string_equal(hmac_of(SV_TEXT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                                        "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
                                hi, 1),
                        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    const sv_text larger[] = { SV_TEXT("Test Using Larger Than Block-Size Key - Hash Key First") };
    assert_string_equal(hmac_of((sv_text){ .at = LONG_KEY, .len = sizeof LONG_KEY }, larger, 1),
                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_takes_a_text_in_parts(void **state) {
    (void) state;
    const sv_text parts[] = { SV_TEXT("what do ya "), SV_TEXT(""), SV_TEXT("want for nothing?") };
    assert_string_equal(hmac_of(SV_TEXT("Jefe"), parts, SV_COUNT(parts)),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_agrees_with_the_rfc),
        cmocka_unit_test(hmac_takes_a_text_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
