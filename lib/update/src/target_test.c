#include <base/test.h>
#include <stdio.h>
#include <update/chunk.h>

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define FROM "00000000000000000000000000000000000000000000000000000000000000ff"
#define SELVEDGE(members)                                                                          \
    "{\"length\":100000,\"hashes\":{\"sha256\":\"" HASH "\"},\"custom\":{\"selvedge\":{" members   \
    "}}}"
#define NAMES "\"product\":\"lathe-ctl\",\"version\":\"2.1.0~rc1+b7\","
#define HARDWARE "\"hardware\":[\"rev-b\",\"rev-c\"],"
#define REST "\"counter\":7,\"slot\":\"rootfs\",\"sealed\":true,"
#define RAW "{\"name\":\"raw\",\"length\":100032,\"root\":\"" HASH "\"}"
#define DELTA "{\"name\":\"delta:" FROM "\",\"length\":50,\"root\":\"" FROM "\"}"
#define ENCODINGS "\"encodings\":[" RAW "," DELTA "]"
#define WHOLE SELVEDGE(NAMES HARDWARE REST ENCODINGS ",\"boot\":\"U3ZCdA==\",\"notes\":\"spindle\"")

static void an_entry_says_what_the_image_is(void **state) { // [image-1]
    (void) state;
    sv_target t;
    sv_why why = { 0 };
    assert_int_equal(sv_target_parse(SV_TEXT(WHOLE), &t, &why), SV_OK);
    assert_int_equal(t.length, 100000);
    assert_int_equal(t.digest[0], 0xba);
    assert_string_equal(t.product, "lathe-ctl");
    assert_string_equal(t.version, "2.1.0~rc1+b7");
    assert_int_equal(t.hardware_count, 2);
    assert_string_equal(t.hardware[1], "rev-c");
    assert_string_equal(t.slot, "rootfs");
    assert_int_equal(t.counter, 7);
    assert_true(t.sealed);
    assert_int_equal(t.encoding_count, 2);
    assert_int_equal(t.boot_len, 4);
    assert_memory_equal(t.boot, "SvBt", 4);
    assert_string_equal(t.notes, "spindle");
    const sv_encoding *delta = sv_target_encoding(&t, SV_TEXT("delta:" FROM));
    char file[SV_ENCODING_NAME_ROOM];
    assert_non_null(delta);
    assert_int_equal(delta->from[31], 0xff);
    assert_int_equal(delta->length, 50);
    sv_encoding_file(delta, file);
    assert_string_equal(file, "delta-" FROM);
    assert_null(sv_target_encoding(&t, SV_TEXT("zstd")));
}

static void what_is_written_is_what_was_read(void **state) { // [image-1]
    (void) state;
    char room[4096];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_target t;
    assert_int_equal(sv_target_parse(SV_TEXT(WHOLE), &t, NULL), SV_OK);
    sv_target_write(&t, &out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, WHOLE);
}

/// Of somebody who has other tools, or newer ones.
static void members_that_nobody_knows_are_no_fault(void **state) { // [image-1]
    (void) state;
    sv_target t;
    assert_int_equal(
        sv_target_parse(SV_TEXT(SELVEDGE(NAMES HARDWARE REST ENCODINGS ",\"new\":[1]")), &t, NULL),
        SV_OK);
    assert_int_equal(t.boot_len, 0);
    assert_string_equal(t.notes, "");
}

static void somebody_elses_target_is_told_from_a_broken_one(void **state) { // [image-1]
    (void) state;
    sv_target t;
    assert_int_equal(
        sv_target_parse(SV_TEXT("{\"length\":9,\"hashes\":{\"sha256\":\"" HASH "\"}}"), &t, NULL),
        SV_ERR_NOT_FOUND);
    assert_int_equal(sv_target_parse(SV_TEXT("{\"length\":9,\"hashes\":{\"sha256\":\"" HASH
                                             "\"},\"custom\":{\"other\":{}}}"),
                                     &t, NULL),
                     SV_ERR_NOT_FOUND);
    assert_int_equal(sv_target_parse(SV_TEXT("[]"), &t, NULL), SV_ERR_INVALID);
}

#define ENTRY(length, hash, rest)                                                                  \
    "{\"length\":" length ",\"hashes\":{\"sha256\":\"" hash "\"},\"custom\":{\"selvedge\":{" rest  \
    "}}}"
#define NAME_65 "a1234567890123456789012345678901234567890123456789012345678901234"

static void what_is_wrong_is_said(void **state) { // [image-1] [image-2]
    (void) state;
    static const struct {
        const char *json, *sentence;
    } CASES[] = {
        { SELVEDGE(HARDWARE REST ENCODINGS), "product" },
        { SELVEDGE("\"product\":\"../x\",\"version\":\"1\"," HARDWARE REST ENCODINGS), "product" },
        { SELVEDGE("\"product\":\"" NAME_65 "\",\"version\":\"1\"," HARDWARE REST ENCODINGS),
          "product" },
        { SELVEDGE("\"product\":\"a+b\",\"version\":\"1\"," HARDWARE REST ENCODINGS), "product" },
        { SELVEDGE("\"product\":\"a\",\"version\":\"-1\"," HARDWARE REST ENCODINGS), "version" },
        { SELVEDGE("\"product\":\"a\",\"version\":\"1/2\"," HARDWARE REST ENCODINGS), "version" },
        { SELVEDGE(NAMES "\"hardware\":[]," REST ENCODINGS), "1 to 8" },
        { SELVEDGE(NAMES
                   "\"hardware\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]," REST
                       ENCODINGS),
          "1 to 8" },
        { SELVEDGE(NAMES "\"hardware\":\"rev-b\"," REST ENCODINGS), "1 to 8" },
        { SELVEDGE(NAMES "\"hardware\":[\"a\",\"b\",\"a\"]," REST ENCODINGS), "twice" },
        { SELVEDGE(NAMES "\"hardware\":[\"a b\"]," REST ENCODINGS), "a b" },
        { SELVEDGE(NAMES HARDWARE "\"counter\":0,\"slot\":\"a\",\"sealed\":true," ENCODINGS),
          "counter" },
        { SELVEDGE(NAMES HARDWARE
                   "\"counter\":4294967296,\"slot\":\"a\",\"sealed\":true," ENCODINGS),
          "counter" },
        { SELVEDGE(NAMES HARDWARE "\"counter\":1.5,\"slot\":\"a\",\"sealed\":true," ENCODINGS),
          "counter" },
        { SELVEDGE(NAMES HARDWARE "\"counter\":1,\"slot\":\"\",\"sealed\":true," ENCODINGS),
          "slot" },
        { SELVEDGE(NAMES HARDWARE "\"counter\":1,\"slot\":\"a\",\"sealed\":1," ENCODINGS),
          "sealed" },
        { SELVEDGE(NAMES HARDWARE REST "\"encodings\":[]"), "1 to 16" },
        { SELVEDGE(NAMES HARDWARE REST "\"encodings\":[" RAW "," RAW "]"), "twice" },
        { SELVEDGE(NAMES HARDWARE REST "\"encodings\":[{\"name\":\"gzip\"}]"), "gzip" },
        { SELVEDGE(NAMES HARDWARE REST "\"encodings\":[{\"name\":\"delta:00\"}]"), "delta:00" },
        { SELVEDGE(NAMES HARDWARE REST "\"encodings\":[{\"name\":\"raw\",\"length\":100032}]"),
          "root" },
        { SELVEDGE(NAMES HARDWARE REST ENCODINGS ",\"boot\":\"U3ZCdA=\""), "boot" },
        { SELVEDGE(NAMES HARDWARE REST ENCODINGS ",\"boot\":\"\""), "boot" },
        { SELVEDGE(NAMES HARDWARE REST ENCODINGS ",\"notes\":[]"), "notes" },
        { ENTRY("0", HASH, NAMES HARDWARE REST ENCODINGS), "1 to 1099511627776 bytes" },
        { ENTRY("1099511627777", HASH, NAMES HARDWARE REST ENCODINGS), "1 to 1099511627776 bytes" },
        { ENTRY("100000", "ba78", NAMES HARDWARE REST ENCODINGS), "sha256" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_target t = { .counter = 99 };
        sv_why why = { 0 };
        sv_err err = sv_target_parse(sv_text_of(CASES[i].json), &t, &why);
        if (err != SV_ERR_INVALID || strstr(why.text, CASES[i].sentence) == NULL
            || t.counter != 99) {
            fail_msg("%s: %d \"%s\", without \"%s\"", CASES[i].json, (int) err, why.text,
                     CASES[i].sentence);
        }
    }
}

static bool takes(bool sealed, uint64_t image, const char *name, uint64_t bytes) {
    char json[1024];
    sv_target t;
    (void) snprintf(json, sizeof json,
                    "{\"length\":%llu,\"hashes\":{\"sha256\":\"" HASH
                    "\"},\"custom\":{\"selvedge\":{" NAMES HARDWARE
                    "\"counter\":1,\"slot\":\"a\",\"sealed\":%s,\"encodings\":[{\"name\":\"%s\","
                    "\"length\":%llu,\"root\":\"" HASH "\"}]}}}",
                    (unsigned long long) image, sealed ? "true" : "false", name,
                    (unsigned long long) bytes);
    return sv_target_parse(sv_text_of(json), &t, NULL) == SV_OK;
}

/// Up to an image of 2^40 bytes: 2^24 chunks.
static void no_encoding_can_be_of_a_length_that_its_image_cannot_give(void **state) { // [image-2]
    (void) state;
    const uint64_t largest = SV_IMAGE_BYTES_MAX;
    const uint64_t chunks = UINT64_C(1) << 24;
    assert_true(takes(false, largest, "raw", largest));
    assert_false(takes(false, largest, "raw", largest - 1));
    assert_true(takes(true, largest, "raw", largest + 16 * chunks));
    assert_false(takes(true, largest, "raw", largest));
    assert_true(takes(true, largest, "zstd", 17 * chunks));
    assert_false(takes(true, largest, "zstd", 17 * chunks - 1));
    assert_true(takes(false, largest, "zstd", SV_CHUNK_STORED_MAX * chunks));
    assert_false(takes(false, largest, "zstd", SV_CHUNK_STORED_MAX * chunks + 1));
    assert_true(takes(false, 1, "zstd", 1));
    assert_false(takes(false, 1, "zstd", 0));
    assert_false(takes(false, 65537, "zstd", 1));
}

static void chunks_are_counted_in_64_bits(void **state) { // [image-3]
    (void) state;
    static const struct {
        uint64_t image, count;
        uint32_t last;
    } CASES[] = {
        { 1, 1, 1 },
        { 65535, 1, 65535 },
        { 65536, 1, 65536 },
        { 65537, 2, 1 },
        { (UINT64_C(1) << 32) - 1, UINT64_C(1) << 16, 65535 },
        { UINT64_C(1) << 32, UINT64_C(1) << 16, 65536 },
        { (UINT64_C(1) << 32) + 1, (UINT64_C(1) << 16) + 1, 1 },
        { UINT64_C(1) << 40, UINT64_C(1) << 24, 65536 },
        { (UINT64_C(1) << 40) - 65535, UINT64_C(1) << 24, 1 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(sv_chunk_count(CASES[i].image), CASES[i].count);
        assert_int_equal(sv_chunk_bytes(CASES[i].image, CASES[i].count - 1), CASES[i].last);
        if (CASES[i].count > 1) {
            assert_int_equal(sv_chunk_bytes(CASES[i].image, 0), SV_CHUNK_BYTES);
        }
    }
}

static void one_encoding_has_one_name(void **state) { // [image-4]
    (void) state;
    static const char *const WRONG[] = {
        "",
        "RAW",
        "raw ",
        "zst",
        "delta",
        "delta:",
        "delta-" FROM,
        "raw:" FROM,
        "delta:" FROM "0",
        "delta:0X" FROM,
        "delta:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    };
    static const char *const RIGHT[] = { "raw", "zstd", ("delta:" HASH) };
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        sv_encoding e = { .length = 5 };
        sv_why why = { 0 };
        assert_int_equal(sv_encoding_parse(sv_text_of(WRONG[i]), &e, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "delta:<SHA-256"));
    }
    for (size_t i = 0; i < SV_COUNT(RIGHT); i++) {
        sv_encoding e = { .length = 5 };
        char name[SV_ENCODING_NAME_ROOM];
        assert_int_equal(sv_encoding_parse(sv_text_of(RIGHT[i]), &e, NULL), SV_OK);
        sv_encoding_name(&e, name);
        assert_string_equal(name, RIGHT[i]);
        assert_int_equal(e.length, 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_says_what_the_image_is),
        cmocka_unit_test(what_is_written_is_what_was_read),
        cmocka_unit_test(members_that_nobody_knows_are_no_fault),
        cmocka_unit_test(somebody_elses_target_is_told_from_a_broken_one),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(no_encoding_can_be_of_a_length_that_its_image_cannot_give),
        cmocka_unit_test(chunks_are_counted_in_64_bits),
        cmocka_unit_test(one_encoding_has_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
