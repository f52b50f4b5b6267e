#include "audit_fixture.h"

#include <codec/encode.h>

static plant here, other, rsa, ed25519;

static int make(void **state) {
    (void) state;
    plant_make(&here, SV_KEY_EC);
    plant_make(&other, SV_KEY_EC);
    plant_make(&rsa, SV_KEY_RSA);
    plant_make(&ed25519, SV_KEY_ED25519);
    return 0;
}

static int drop(void **state) {
    (void) state;
    plant_drop(&here);
    plant_drop(&other);
    plant_drop(&rsa);
    plant_drop(&ed25519);
    return 0;
}

// ---- what is hashed and signed ------------------------------------------------------------------

// [audit-6]
static void anybody_can_make_the_hash_of_a_line_again(void **state) {
    (void) state;
    const sv_audit_line line = { .seq = 7,
                                 .at_us = INT64_C(1800000000000000),
                                 .who = SV_TEXT("ada"),
                                 .from = SV_TEXT("192.0.2.7"),
                                 .what = SV_TEXT("device.edit"),
                                 .about = SV_TEXT("press-1"),
                                 .outcome = SV_TEXT("done"),
                                 .detail = SV_TEXT(""),
                                 .before = SV_TEXT("a"),
                                 .after = SV_TEXT("\xc3\xa4") };
    char room[256];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_audit_canonical_add(&text, &line);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, "selvedge event 1\n1:7\n16:1800000000000000\n3:ada\n9:192.0.2.7\n"
                              "11:device.edit\n7:press-1\n4:done\n0:\n1:a\n2:\xc3\xa4\n");
    // { head -c 32 /dev/zero; printf '<the text above>'; } | sha256sum
    uint8_t hash[SV_AUDIT_HASH_BYTES];
    char hex[2 * SV_AUDIT_HASH_BYTES + 1];
    sv_textbuf digits = SV_TEXTBUF(hex);
    assert_int_equal(sv_audit_hash(&line, hash, NULL), SV_OK);
    sv_hex_add(&digits, hash, sizeof hash);
    assert_int_equal(sv_textbuf_end(&digits), SV_OK);
    assert_string_equal(hex, "25b2774c3a0368bf7205bf5ffe9f1bdcc54f88d21747cb8c464974b0a3561d14");
}

// [audit-6]
static void no_two_lines_are_hashed_as_the_same_bytes(void **state) {
    (void) state;
    sv_audit_line one = { .seq = 1, .who = SV_TEXT("a\n1:b"), .from = SV_TEXT("") };
    sv_audit_line two = { .seq = 1, .who = SV_TEXT("a"), .from = SV_TEXT("b\n0:") };
    uint8_t left[SV_AUDIT_HASH_BYTES];
    uint8_t right[SV_AUDIT_HASH_BYTES];
    assert_int_equal(sv_audit_hash(&one, left, NULL), SV_OK);
    assert_int_equal(sv_audit_hash(&two, right, NULL), SV_OK);
    assert_memory_not_equal(left, right, sizeof left);
}

// [audit-7]
static void what_is_signed_is_said_in_words_of_its_own(void **state) {
    (void) state;
    char room[SV_AUDIT_MESSAGE_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_audit_checkpoint checkpoint = { .seq = 7,
                                       .hash = { 0xAB },
                                       .seal = { .at_us = 9, .domain = "plant.example" } };
    sv_audit_checkpoint_message(&checkpoint, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, "selvedge audit 1\nplant.example\n7 "
                              "ab00000000000000000000000000000000000000000000000000000000000000"
                              " 9\n");
    sv_audit_gap gap = { .first = 3, .last = 7, .seal = { .at_us = 9, .domain = "plant.example" } };
    text = SV_TEXTBUF(room);
    sv_audit_gap_message(&gap, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, "selvedge audit pruned 1\nplant.example\n3 7 "
                              "0000000000000000000000000000000000000000000000000000000000000000 "
                              "0000000000000000000000000000000000000000000000000000000000000000"
                              " 9\n");
}

static sv_audit_checkpoint signed_by(const plant *p, int64_t at_us) {
    sv_audit_checkpoint checkpoint = { .seq = 7,
                                       .seal = { .at_us = at_us, .domain = "plant.example" } };
    assert_int_equal(sv_audit_checkpoint_sign(p->key, &checkpoint, NULL), SV_OK);
    return checkpoint;
}

// [audit-8]
static void a_signature_counts_from_a_ca_that_was_valid_when_it_was_made(void **state) {
    (void) state;
    const plant *const kinds[] = { &here, &rsa, &ed25519 };
    for (size_t i = 0; i < SV_COUNT(kinds); i++) {
        sv_audit_checkpoint good = signed_by(kinds[i], plant_now_us());
        assert_int_equal(sv_audit_checkpoint_verify(kinds[i]->trust, &good, NULL), SV_OK);
    }
    sv_why why = { 0 };
    sv_audit_checkpoint foreign = signed_by(&other, plant_now_us());
    assert_int_equal(sv_audit_checkpoint_verify(here.trust, &foreign, &why), SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, "the checkpoint at line 7 is signed by none of the 2 CA "
                                  "certificates that count here");
    sv_audit_checkpoint early = signed_by(&here, SV_CLOCK_PAST_US);
    assert_int_equal(sv_audit_checkpoint_verify(here.trust, &early, NULL), SV_ERR_UNTRUSTED);
    sv_audit_checkpoint late = signed_by(&here, plant_now_us() + INT64_C(36500) * SV_TIME_DAY_US);
    assert_int_equal(sv_audit_checkpoint_verify(here.trust, &late, NULL), SV_ERR_UNTRUSTED);
    sv_audit_checkpoint odd = signed_by(&here, plant_now_us());
    (void) snprintf(odd.seal.domain, sizeof odd.seal.domain, "a\nb");
    assert_int_equal(sv_audit_checkpoint_sign(here.key, &odd, NULL), SV_OK);
    assert_int_equal(sv_audit_checkpoint_verify(here.trust, &odd, NULL), SV_ERR_UNTRUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anybody_can_make_the_hash_of_a_line_again),
        cmocka_unit_test(no_two_lines_are_hashed_as_the_same_bytes),
        cmocka_unit_test(what_is_signed_is_said_in_words_of_its_own),
        cmocka_unit_test(a_signature_counts_from_a_ca_that_was_valid_when_it_was_made),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
