#include "delta_make.h"
#include "image_trial.h"
#include <base/little.h>

enum { OLD_BYTES = 3 * 1024 * 1024 };

static trial_image old; // incompressible

static int make_old(void **state) {
    (void) state;
    trial_image_make(&old, OLD_BYTES, 7);
    return 0;
}

static int drop_old(void **state) {
    (void) state;
    trial_image_drop(&old);
    return 0;
}

typedef struct both {
    sv_packer *packer;
    sv_delta_maker *maker;
    sv_delta_old reader;
    uint8_t made[SV_DELTA_ROOM];
    size_t bytes;
} both;

static void both_drop(both *b) {
    sv_delta_maker_drop(&b->maker);
    sv_packer_drop(&b->packer);
    sv_unpacker_drop(&b->reader.unpacker);
    free(b->reader.prefix);
}

static void both_make(both *b) {
    *b = (both){ .packer = sv_packer_new(3) };
    b->reader = (sv_delta_old){ .image = &old.bytes,
                                .prefix = sv_mem_new(SV_IMAGE_PREFIX_MAX),
                                .unpacker = sv_unpacker_new() };
    assert_int_equal(sv_delta_maker_new(&old.bytes, b->packer, &b->maker, NULL), SV_OK);
}

/// Makes it and takes it again; gives the method.
static int method_of(both *b, uint64_t at, const uint8_t *chunk, size_t bytes) {
    static uint8_t out[SV_CHUNK_BYTES];
    sv_text plain = { .at = (const char *) chunk, .len = bytes };
    assert_int_equal(sv_delta_make(b->maker, at, plain, b->made, &b->bytes, NULL), SV_OK);
    sv_text made = { .at = (const char *) b->made, .len = b->bytes };
    assert_int_equal(sv_delta_expand(&b->reader, made, out, bytes, NULL), SV_OK);
    assert_memory_equal(out, chunk, bytes);
    return b->made[0];
}

static void what_stayed_or_moved_is_copied_wherever_it_went(void **state) { // [image-10]
    (void) state;
    static const uint64_t PLACES[] = { 0,      65536,   4096, // by whole blocks
                                       123457, 2000001, OLD_BYTES - SV_CHUNK_BYTES }; // by bytes
    SV_DEFER(both_drop) both b;
    both_make(&b);
    for (size_t i = 0; i < SV_COUNT(PLACES); i++) {
        for (uint64_t at = 0; at < UINT64_C(3) * SV_CHUNK_BYTES; at += SV_CHUNK_BYTES) {
            assert_int_equal(method_of(&b, at, old.at + PLACES[i], SV_CHUNK_BYTES), SV_DELTA_COPY);
            assert_int_equal(b.bytes, SV_DELTA_COPY_BYTES);
            assert_int_equal(sv_little_get((const char *) b.made + 1, 8), PLACES[i]);
        }
    }
    assert_int_equal(method_of(&b, 0, old.at + 20480, 5000), SV_DELTA_COPY); // a short last one
}

static void what_changed_a_little_leans_on_what_was(void **state) { // [image-10]
    (void) state;
    static uint8_t chunk[SV_CHUNK_BYTES];
    SV_DEFER(both_drop) both b;
    both_make(&b);
    memcpy(chunk, old.at + 1000000, sizeof chunk); // moved, and changed here and there
    chunk[17] ^= 1;
    chunk[40000] ^= 1;
    assert_int_equal(method_of(&b, 0, chunk, sizeof chunk), SV_DELTA_LEAN);
    assert_true(b.bytes < 200);

    memcpy(chunk, old.at + 65536, sizeof chunk); // unmoved, and no whole block is left of it
    for (size_t i = 0; i < sizeof chunk; i += 1000) {
        chunk[i] ^= 1;
    }
    assert_int_equal(method_of(&b, 65536, chunk, sizeof chunk), SV_DELTA_LEAN);
    assert_true(b.bytes < 2000);

    // two halves from places that are far from each other: one of them is found
    memcpy(chunk, old.at + 4096, sizeof chunk / 2);
    memcpy(chunk + sizeof chunk / 2, old.at + 2500000, sizeof chunk / 2);
    assert_int_equal(method_of(&b, 0, chunk, sizeof chunk), SV_DELTA_LEAN);
    assert_true(b.bytes < SV_CHUNK_BYTES / 2 + 1000);
}

static void what_is_new_is_packed_alone(void **state) { // [image-10]
    (void) state;
    static uint8_t chunk[SV_CHUNK_BYTES];
    SV_DEFER(both_drop) both b;
    both_make(&b);
    memset(chunk, 0, sizeof chunk);
    assert_int_equal(method_of(&b, 0, chunk, sizeof chunk), SV_DELTA_PACK);
    assert_true(b.bytes < 40);
    trial_fill(chunk, sizeof chunk, 99); // and behind the end of the old image
    assert_int_equal(method_of(&b, UINT64_C(1) << 39, chunk, sizeof chunk), SV_DELTA_PACK);
    assert_true(b.bytes <= 1 + SV_FRAME_ROOM);
}

/// An old image whose every block is the same makes nobody slow: one entry, one look.
static void an_old_image_of_equal_blocks_costs_no_more(void **state) { // [image-10]
    (void) state;
    enum { BLOCKS = 256 };
    static uint8_t chunk[SV_CHUNK_BYTES];
    SV_DEFER(trial_image_drop) trial_image same = { 0 };
    trial_image_make(&same, (size_t) BLOCKS * SV_DELTA_BLOCK_BYTES, 3);
    for (size_t i = 1; i < BLOCKS; i++) {
        memcpy(same.at + i * SV_DELTA_BLOCK_BYTES, same.at, SV_DELTA_BLOCK_BYTES);
    }
    trial_fill(chunk, sizeof chunk, 4);
    memcpy(chunk + 100, same.at, SV_DELTA_BLOCK_BYTES);
    SV_DEFER(sv_delta_finder_drop) sv_delta_finder *finder = NULL;
    sv_delta_match matches[SV_DELTA_MATCHES_MAX];
    size_t count = 0;
    assert_int_equal(sv_delta_finder_new(&same.bytes, &finder, NULL), SV_OK);
    same.reads = 0;
    sv_text text = { .at = (const char *) chunk, .len = sizeof chunk };
    assert_int_equal(sv_delta_find(finder, text, matches, &count, NULL), SV_OK);
    assert_int_equal(count, 1);
    assert_int_equal(matches[0].chunk_at, 100);
    assert_true(same.reads <= 2);
}

static void the_table_has_one_size_whatever_the_image(void **state) { // [image-10]
    (void) state;
    assert_int_equal(sv_delta_stride(1), 1);
    assert_int_equal(sv_delta_stride(UINT64_C(1) << 32), 1);
    assert_int_equal(sv_delta_stride((UINT64_C(1) << 32) + SV_DELTA_BLOCK_BYTES), 2);
    assert_int_equal(sv_delta_stride(UINT64_C(1) << 40), 256);
}

// ---- what comes from outside

typedef struct wrong {
    const char *what, *sentence;
    const char *at;
    size_t len;
} wrong;

static void wrong_chunks_are_refused(void **state) { // [image-10] [image-11]
    (void) state;
    static const wrong WRONG[] = {
        { "empty", "0 is no method", "", 0 },
        { "method 0", "0 is no method", "\0\0\0\0\0\0\0\0\0", 9 },
        { "method 4", "4 is no method", "\4\0\0\0\0\0\0\0\0", 9 },
        { "short copy", "copy has 8 bytes", "\1\0\0\0\0\0\0\0", 8 },
        { "long copy", "copy has 10 bytes", "\1\0\0\0\0\0\0\0\0\0", 10 },
        { "copy one byte too far", "65536 bytes at 3080193 of the old image, which has 3145728",
          "\1\1\0\x2f\0\0\0\0\0", 9 },
        { "copy whose end overflows", "bytes at 18446744073709551615",
          "\1\xff\xff\xff\xff\xff\xff\xff\xff", 9 },
        { "no frame", "not one zstd frame", "\2", 1 },
        { "no frame behind the prefix", "ends before", "\3\0\0\0\0\0\0\0\0\1\0\0\0", 13 },
        { "an empty prefix", "leans on 0 bytes", "\3\0\0\0\0\0\0\0\0\0\0\0\0x", 14 },
        { "a large prefix", "leans on 1048577 bytes", "\3\0\0\0\0\0\0\0\0\1\0\x10\0x", 14 },
        { "the largest prefix", "leans on 4294967295 bytes", "\3\0\0\0\0\0\0\0\0\xff\xff\xff\xffx",
          14 },
        { "a prefix too far", "16 bytes at 3145713", "\3\xf1\xff\x2f\0\0\0\0\0\x10\0\0\0x", 14 },
        { "a prefix whose end overflows", "16 bytes at 18446744073709551600",
          "\3\xf0\xff\xff\xff\xff\xff\xff\xff\x10\0\0\0x", 14 },
    };
    static uint8_t out[SV_CHUNK_BYTES];
    SV_DEFER(both_drop) both b;
    both_make(&b);
    old.reads = 0;
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        sv_why why = { 0 };
        sv_text chunk = { .at = WRONG[i].at, .len = WRONG[i].len };
        sv_err err = sv_delta_expand(&b.reader, chunk, out, sizeof out, &why);
        if (err != SV_ERR_INVALID || strstr(why.text, WRONG[i].sentence) == NULL) {
            fail_msg("%s: %d \"%s\", without \"%s\"", WRONG[i].what, (int) err, why.text,
                     WRONG[i].sentence);
        }
    }
    assert_int_equal(old.reads, 0);
}

static void the_edge_of_the_old_image_can_be_copied(void **state) { // [image-11]
    (void) state;
    static uint8_t out[SV_CHUNK_BYTES];
    SV_DEFER(both_drop) both b;
    both_make(&b);
    sv_text last = { .at = "\1\0\0\x2f\0\0\0\0\0", .len = 9 };
    assert_int_equal(sv_delta_expand(&b.reader, last, out, sizeof out, NULL), SV_OK);
    assert_memory_equal(out, old.at + OLD_BYTES - SV_CHUNK_BYTES, sizeof out);
    sv_why why = { 0 };
    b.reader.image = &(sv_image_bytes){ .length = 100 }; // shorter than any chunk
    assert_int_equal(sv_delta_expand(&b.reader, (sv_text){ .at = "\1\0\0\0\0\0\0\0\0", .len = 9 },
                                     out, sizeof out, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "which has 100"));
}

static void a_delta_is_for_the_image_it_starts_from_alone(void **state) { // [image-11]
    (void) state;
    SV_DEFER(trial_image_drop) trial_image image = { 0 };
    SV_DEFER(trial_image_drop) trial_image other = { 0 };
    SV_DEFER(trial_release_drop) trial_release release;
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    trial_image_make(&image, TRIAL_BYTES, 1);
    trial_image_make(&other, OLD_BYTES, 8);
    assert_int_equal(trial_encode(&image, SV_ENCODING_DELTA, &old, NULL, &release, NULL), SV_OK);
    assert_memory_equal(release.target.encodings[0].from, old.digest, sizeof old.digest);
    sv_why why = { 0 };
    assert_int_equal(trial_open(&release, NULL, &other, &reader, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "another image"));
    assert_int_equal(trial_open(&release, NULL, NULL, &reader, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "needs the image"));
    assert_int_equal(
        trial_encode(&image, SV_ENCODING_DELTA, NULL, NULL, &(trial_release){ 0 }, NULL),
        SV_ERR_STATE);
}

/// Whoever lies about what is in the old slot gets an image that the last check refuses.
static void an_old_image_with_a_false_name_gives_no_image(void **state) { // [image-11] [image-13]
    (void) state;
    SV_DEFER(trial_image_drop) trial_image image = { 0 };
    SV_DEFER(trial_image_drop) trial_image other = { 0 };
    SV_DEFER(trial_release_drop) trial_release release;
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    trial_image_make(&image, SV_CHUNK_BYTES, 1);
    trial_image_make(&other, OLD_BYTES, 8);
    memcpy(image.at, old.at, SV_CHUNK_BYTES);
    trial_settle(&image);
    assert_int_equal(trial_encode(&image, SV_ENCODING_DELTA, &old, NULL, &release, NULL), SV_OK);
    memcpy(other.digest, old.digest, sizeof old.digest);
    assert_int_equal(trial_open(&release, NULL, &other, &reader, NULL), SV_OK);
    size_t bytes = 0;
    assert_int_equal(
        sv_image_chunk_open(reader, 0, trial_chunk(&release, reader, 0), image.at, &bytes, NULL),
        SV_OK);
    assert_int_equal(sv_image_check(&image.bytes, &release.target, NULL), SV_ERR_UNTRUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stayed_or_moved_is_copied_wherever_it_went),
        cmocka_unit_test(what_changed_a_little_leans_on_what_was),
        cmocka_unit_test(what_is_new_is_packed_alone),
        cmocka_unit_test(an_old_image_of_equal_blocks_costs_no_more),
        cmocka_unit_test(the_table_has_one_size_whatever_the_image),
        cmocka_unit_test(wrong_chunks_are_refused),
        cmocka_unit_test(the_edge_of_the_old_image_can_be_copied),
        cmocka_unit_test(a_delta_is_for_the_image_it_starts_from_alone),
        cmocka_unit_test(an_old_image_with_a_false_name_gives_no_image),
    };
    return cmocka_run_group_tests(tests, make_old, drop_old);
}
