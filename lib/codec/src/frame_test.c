#include <base/test.h>
#include <codec/frame.h>

enum { PLAIN_BYTES = 3000 };

static uint8_t plain[PLAIN_BYTES];
static uint8_t packed[SV_FRAME_ROOM];

static sv_text text_of(const uint8_t *bytes, size_t len) {
    return (sv_text){ .at = (const char *) bytes, .len = len };
}

static size_t pack(sv_text prefix) {
    SV_DEFER(sv_packer_drop) sv_packer *packer = sv_packer_new(3);
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof plain; i++) {
        state = state * 1664525U + 1013904223U;
        plain[i] = (uint8_t) (state >> 24);
    }
    return sv_packer_pack(packer, text_of(plain, sizeof plain), prefix, packed);
}

/// What lies behind the room it was given shows whether somebody wrote there.
static sv_err unpack(size_t packed_len, sv_text prefix, size_t bytes, sv_why *why) {
    static uint8_t out[PLAIN_BYTES + 16];
    SV_DEFER(sv_unpacker_drop) sv_unpacker *unpacker = sv_unpacker_new();
    memset(out, 0xaa, sizeof out);
    sv_err err = sv_unpacker_unpack(unpacker, text_of(packed, packed_len), prefix, out, bytes, why);
    for (size_t i = bytes; i < sizeof out; i++) {
        assert_int_equal(out[i], 0xaa);
    }
    if (err == SV_OK) {
        assert_memory_equal(out, plain, bytes);
    }
    return err;
}

static void a_frame_holds_what_was_packed(void **state) {
    (void) state;
    size_t len = pack((sv_text){ 0 });
    assert_int_equal(unpack(len, (sv_text){ 0 }, PLAIN_BYTES, NULL), SV_OK);
}

static void a_prefix_that_both_have_is_not_sent(void **state) {
    (void) state;
    size_t alone = pack((sv_text){ 0 });
    assert_true(alone > PLAIN_BYTES);
    uint8_t before[PLAIN_BYTES];
    memcpy(before, plain, sizeof before);
    size_t len = pack(text_of(before, sizeof before));
    assert_true(len < 40);
    assert_int_equal(unpack(len, text_of(before, sizeof before), PLAIN_BYTES, NULL), SV_OK);
    assert_int_equal(unpack(len, (sv_text){ 0 }, PLAIN_BYTES, NULL), SV_ERR_INVALID);
}

static void it_stops_at_the_size_that_was_told(void **state) {
    (void) state;
    size_t len = pack((sv_text){ 0 });
    sv_why why = { 0 };
    assert_int_equal(unpack(len, (sv_text){ 0 }, PLAIN_BYTES - 1, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "more than the 2999 bytes"));
    assert_int_equal(unpack(len, (sv_text){ 0 }, PLAIN_BYTES + 1, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "3000 bytes instead of 3001"));
}

static void it_is_one_whole_frame(void **state) {
    (void) state;
    size_t len = pack((sv_text){ 0 });
    sv_why why = { 0 };
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(unpack(cut, (sv_text){ 0 }, PLAIN_BYTES, &why), SV_ERR_INVALID);
    }
    packed[len] = 0;
    assert_int_equal(unpack(len + 1, (sv_text){ 0 }, PLAIN_BYTES, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "not one zstd frame"));
    memcpy(packed, "\x50\x2a\x4d\x18\x00\x00\x00\x00", 8); // one that is to be skipped
    assert_int_equal(unpack(8, (sv_text){ 0 }, PLAIN_BYTES, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "not one zstd frame"));
}

/// One object serves thousands of frames, and some of them come from strangers.
static void a_broken_frame_spoils_no_other(void **state) {
    (void) state;
    static uint8_t out[PLAIN_BYTES];
    uint8_t before[PLAIN_BYTES];
    SV_DEFER(sv_unpacker_drop) sv_unpacker *unpacker = sv_unpacker_new();
    (void) pack((sv_text){ 0 });
    memcpy(before, plain, sizeof before);
    const sv_text prefix = text_of(before, sizeof before);
    for (size_t turn = 0; turn < 3; turn++) {
        size_t len = pack(prefix);
        const sv_text frame = text_of(packed, len);
        assert_int_equal(sv_unpacker_unpack(unpacker, frame, (sv_text){ 0 }, out, sizeof out, NULL),
                         SV_ERR_INVALID);
        assert_int_equal(sv_unpacker_unpack(unpacker, frame, prefix, out, 10, NULL),
                         SV_ERR_INVALID);
        packed[len - 1] ^= 0x55;
        (void) (sv_unpacker_unpack(unpacker, frame, prefix, out, sizeof out, NULL) == SV_OK);
        packed[len - 1] ^= 0x55;
        assert_int_equal(sv_unpacker_unpack(unpacker, frame, prefix, out, sizeof out, NULL), SV_OK);
        assert_memory_equal(out, plain, sizeof out);
        len = pack((sv_text){ 0 }); // a prefix is for one frame
        assert_int_equal(sv_unpacker_unpack(unpacker, text_of(packed, len), (sv_text){ 0 }, out,
                                            sizeof out, NULL),
                         SV_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_holds_what_was_packed),
        cmocka_unit_test(a_prefix_that_both_have_is_not_sent),
        cmocka_unit_test(it_stops_at_the_size_that_was_told),
        cmocka_unit_test(it_is_one_whole_frame),
        cmocka_unit_test(a_broken_frame_spoils_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
