#include "image_trial.h"
#include <base/little.h>

static trial_image image; // incompressible but for a stretch of zeroes
static trial_image old;   // most of it, elsewhere

static const sv_encoding_kind KINDS[] = { SV_ENCODING_RAW, SV_ENCODING_ZSTD, SV_ENCODING_DELTA };

static int make_images(void **state) {
    (void) state;
    trial_image_make(&image, TRIAL_BYTES, 1);
    memset(image.at + 70000, 0, 50000);
    trial_settle(&image);
    trial_image_make(&old, TRIAL_BYTES + 100000, 2);
    memcpy(old.at + 100000, image.at, TRIAL_BYTES - 70000);
    trial_settle(&old);
    return 0;
}

static int drop_images(void **state) {
    (void) state;
    trial_image_drop(&image);
    trial_image_drop(&old);
    return 0;
}

/// One sealed or plain release, opened.
typedef struct opened {
    sv_image_key key;
    trial_release release;
    sv_image_reader *reader;
} opened;

static void opened_drop(opened *o) {
    sv_image_reader_drop(&o->reader);
    trial_release_drop(&o->release);
}

static const trial_image *old_of(sv_encoding_kind kind) {
    return kind == SV_ENCODING_DELTA ? &old : NULL;
}

static void open_kind(opened *o, sv_encoding_kind kind, bool sealed) {
    sv_why why = { 0 };
    *o = (opened){ .reader = NULL };
    sv_image_key_make(image.digest, &o->key);
    sv_err err =
        trial_encode(&image, kind, old_of(kind), sealed ? &o->key : NULL, &o->release, &why);
    if (err == SV_OK) {
        err = trial_open(&o->release, o->key.bytes, old_of(kind), &o->reader, &why);
    }
    if (err != SV_OK) {
        fail_msg("encoding %d, sealed %d: %s", (int) kind, sealed, why.text);
    }
}

/// What one chunk gives.
static sv_err chunk_of(opened *o, uint64_t chunk, sv_text stored, sv_why *why) {
    static uint8_t out[SV_CHUNK_BYTES];
    size_t bytes = 0;
    sv_err err = sv_image_chunk_open(o->reader, chunk, stored, out, &bytes, why);
    if (err == SV_OK) {
        assert_int_equal(bytes, sv_chunk_bytes(TRIAL_BYTES, chunk));
        assert_memory_equal(out, image.at + chunk * SV_CHUNK_BYTES, bytes);
    }
    return err;
}

static void every_encoding_gives_the_image_back(void **state) { // [image-8] [image-9] [image-10]
    (void) state;
    for (size_t i = 0; i < 2 * SV_COUNT(KINDS); i++) {
        SV_DEFER(opened_drop) opened o;
        open_kind(&o, KINDS[i / 2], i % 2 == 1);
        for (uint64_t n = 0; n < TRIAL_CHUNKS; n++) { // from the end: any order will do
            uint64_t chunk = TRIAL_CHUNKS - 1 - n;
            assert_int_equal(chunk_of(&o, chunk, trial_chunk(&o.release, o.reader, chunk), NULL),
                             SV_OK);
        }
    }
}

static void nothing_but_the_signed_chunk_is_opened(void **state) { // [image-7]
    (void) state;
    static char room[SV_CHUNK_STORED_MAX + 1];
    for (size_t i = 0; i < 2 * SV_COUNT(KINDS); i++) {
        SV_DEFER(opened_drop) opened o;
        open_kind(&o, KINDS[i / 2], i % 2 == 1);
        sv_why why = { 0 };
        sv_text good = trial_chunk(&o.release, o.reader, 1);
        memcpy(room, good.at, good.len);
        for (size_t at = 0; at < good.len; at += good.len < 100 ? 1 : 997) { // flipped
            room[at] ^= 0x10;
            assert_int_equal(chunk_of(&o, 1, (sv_text){ .at = room, .len = good.len }, &why),
                             SV_ERR_UNTRUSTED);
            assert_non_null(strstr(why.text, "chunk 1 is not what the release engineer signed"));
            room[at] ^= 0x10;
        }
        sv_text cut = { .at = room, .len = good.len - 1 };
        sv_text longer = { .at = room, .len = good.len + 1 };
        assert_int_equal(chunk_of(&o, 1, cut, &why), SV_ERR_UNTRUSTED);
        assert_non_null(strstr(why.text, "instead of"));
        assert_int_equal(chunk_of(&o, 1, longer, NULL), SV_ERR_UNTRUSTED);
        assert_int_equal(chunk_of(&o, 1, (sv_text){ .at = room }, NULL), SV_ERR_UNTRUSTED);
        // another chunk in its place, and it in a place that there is not
        assert_int_equal(chunk_of(&o, 2, good, NULL), SV_ERR_UNTRUSTED);
        assert_int_equal(chunk_of(&o, TRIAL_CHUNKS, good, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "none is number 5"));
        assert_int_equal(chunk_of(&o, UINT64_MAX, good, NULL), SV_ERR_INVALID);
        assert_int_equal(chunk_of(&o, 1, good, NULL), SV_OK);
    }
}

/// Of the same release, and of another release of the same length.
static void a_chunk_of_another_encoding_or_release_is_refused(void **state) { // [image-7]
    (void) state;
    SV_DEFER(trial_image_drop) trial_image later = { 0 };
    trial_image_make(&later, TRIAL_BYTES, 77);
    SV_DEFER(opened_drop) opened o;
    open_kind(&o, SV_ENCODING_RAW, true);
    SV_DEFER(opened_drop) opened zstd;
    open_kind(&zstd, SV_ENCODING_ZSTD, true);
    SV_DEFER(trial_release_drop) trial_release next;
    sv_image_key key;
    sv_image_key_make(later.digest, &key);
    assert_int_equal(trial_encode(&later, SV_ENCODING_RAW, NULL, &key, &next, NULL), SV_OK);
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    assert_int_equal(trial_open(&next, key.bytes, NULL, &reader, NULL), SV_OK);
    assert_int_equal(chunk_of(&o, 0, trial_chunk(&next, reader, 0), NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(chunk_of(&o, 0, trial_chunk(&zstd.release, zstd.reader, 0), NULL),
                     SV_ERR_UNTRUSTED);
}

static void another_content_key_opens_nothing(void **state) { // [image-9]
    (void) state;
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        SV_DEFER(opened_drop) opened o;
        open_kind(&o, KINDS[i], true);
        SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
        sv_why why = { 0 };
        assert_int_equal(trial_open(&o.release, NULL, old_of(KINDS[i]), &reader, &why),
                         SV_ERR_STATE);
        assert_non_null(strstr(why.text, "content key is not here"));
        sv_image_reader_drop(&o.reader);
        o.key.bytes[31] ^= 1;
        assert_int_equal(trial_open(&o.release, o.key.bytes, old_of(KINDS[i]), &o.reader, NULL),
                         SV_OK);
        for (uint64_t chunk = 0; chunk < TRIAL_CHUNKS; chunk++) {
            assert_int_equal(chunk_of(&o, chunk, trial_chunk(&o.release, o.reader, chunk), &why),
                             SV_ERR_UNTRUSTED);
            assert_non_null(strstr(why.text, "does not open with this content key"));
        }
    }
}

/// The frame is signed, and yet holds more than 64 KiB: an engineer's broken tool, or worse.
static void a_bomb_stops_at_the_size_of_its_chunk(void **state) { // [image-8]
    (void) state;
    SV_DEFER(opened_drop) opened o;
    open_kind(&o, SV_ENCODING_ZSTD, false);
    // The same frames for an image that is one byte shorter than they are.
    o.release.target.length--;
    sv_image_reader_drop(&o.reader);
    assert_int_equal(trial_open(&o.release, NULL, NULL, &o.reader, NULL), SV_OK);
    static uint8_t out[SV_CHUNK_BYTES];
    memset(out, 0xaa, sizeof out);
    size_t bytes = 0;
    sv_why why = { 0 };
    sv_text last = trial_chunk(&o.release, o.reader, TRIAL_CHUNKS - 1);
    assert_int_equal(sv_image_chunk_open(o.reader, TRIAL_CHUNKS - 1, last, out, &bytes, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "chunk 4: its zstd frame holds more than the 12344 bytes"));
    for (size_t i = 12344; i < sizeof out; i++) {
        assert_int_equal(out[i], 0xaa);
    }
}

// ---- the index

typedef struct lie {
    const char *what, *sentence;
    uint32_t at;
    uint32_t bytes;
    uint64_t value;
    sv_err err;
} lie;

static sv_err read_index(const opened *o, const sv_textbuf *bytes, sv_why *why) {
    SV_DEFER(sv_image_index_drop) sv_image_index *index = NULL;
    return sv_image_index_read(sv_textbuf_text(bytes), &o->release.target,
                               &o->release.target.encodings[0], &index, why);
}

static void an_index_that_lies_is_refused(void **state) { // [image-5] [image-6]
    (void) state;
    static const lie LIES[] = {
        { "magic", "no chunk index", 0, 1, 'X', SV_ERR_INVALID },
        { "format", "no chunk index", 4, 4, 2, SV_ERR_INVALID },
        { "fewer chunks", "of 4 chunks, the image of 5", 8, 8, 4, SV_ERR_INVALID },
        { "more chunks", "of 6 chunks, the image of 5", 8, 8, 6, SV_ERR_INVALID },
        // times 36, and 16 more, this is the length of the file again on 64 bits
        { "as many as overflow", "of 4611686018427387909 chunks", 8, 8,
          (UINT64_C(1) << 62) + TRIAL_CHUNKS, SV_ERR_INVALID },
        { "all bits", "of 18446744073709551615 chunks", 8, 8, UINT64_MAX, SV_ERR_INVALID },
        { "an empty chunk", "chunk 0 has 0 bytes", 16, 4, 0, SV_ERR_INVALID },
        { "nothing but a tag", "chunk 0 has 16 bytes", 16, 4, 16, SV_ERR_INVALID },
        { "a large chunk", "chunk 1 has 66049 bytes", 16 + 36, 4, SV_CHUNK_STORED_MAX + 1,
          SV_ERR_INVALID },
        { "the largest number", "chunk 1 has 4294967295 bytes", 16 + 36, 4, UINT32_MAX,
          SV_ERR_INVALID },
        { "another sum", "the chunks of the index have", 16, 4, 4711, SV_ERR_INVALID },
        { "another hash", "not the one that the release engineer signed", 20, 1, 1,
          SV_ERR_UNTRUSTED },
        { "another last hash", "not the one that the release engineer signed", 16 + 4 * 36 + 35, 1,
          1, SV_ERR_UNTRUSTED },
    };
    SV_DEFER(opened_drop) opened o;
    open_kind(&o, SV_ENCODING_ZSTD, true);
    for (size_t i = 0; i < SV_COUNT(LIES); i++) {
        const lie *l = &LIES[i];
        SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(1024);
        sv_textbuf_add(&bytes, sv_textbuf_text(&o.release.index));
        uint64_t was = sv_little_get(bytes.at + l->at, l->bytes);
        sv_little_put(l->bytes == 1 ? was ^ l->value : l->value, l->bytes, bytes.at + l->at);
        sv_why why = { 0 };
        sv_err err = read_index(&o, &bytes, &why);
        if (err != l->err || strstr(why.text, l->sentence) == NULL) {
            fail_msg("%s: %d \"%s\", without \"%s\"", l->what, (int) err, why.text, l->sentence);
        }
    }
    assert_int_equal(read_index(&o, &o.release.index, NULL), SV_OK);
}

static void an_index_has_exactly_its_bytes(void **state) { // [image-6]
    (void) state;
    SV_DEFER(opened_drop) opened o;
    open_kind(&o, SV_ENCODING_RAW, true);
    for (size_t len = 0; len < o.release.index.len; len++) {
        sv_textbuf cut = o.release.index;
        cut.len = len;
        assert_int_equal(read_index(&o, &cut, NULL), SV_ERR_INVALID);
    }
    sv_textbuf longer = SV_TEXTBUF_HEAP(1024);
    sv_textbuf_add(&longer, sv_textbuf_text(&o.release.index));
    sv_textbuf_add_char(&longer, '\0');
    sv_why why = { 0 };
    assert_int_equal(read_index(&o, &longer, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "bytes instead of"));
    sv_textbuf_drop(&longer);
}

/// Two lengths that lie with the right sum: the index is taken, and no chunk of it is.
static void lengths_that_are_shifted_give_no_chunk(void **state) { // [image-6] [image-7]
    (void) state;
    SV_DEFER(opened_drop) opened o;
    open_kind(&o, SV_ENCODING_ZSTD, true);
    char *first = o.release.index.at + SV_IMAGE_INDEX_HEAD_BYTES;
    char *second = first + SV_IMAGE_INDEX_ENTRY_BYTES;
    sv_little_put(sv_little_get(first, 4) - 20, 4, first);
    sv_little_put(sv_little_get(second, 4) + 20, 4, second);
    sv_image_reader_drop(&o.reader);
    assert_int_equal(trial_open(&o.release, o.key.bytes, NULL, &o.reader, NULL), SV_OK);
    assert_int_equal(chunk_of(&o, 0, trial_chunk(&o.release, o.reader, 0), NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(chunk_of(&o, 1, trial_chunk(&o.release, o.reader, 1), NULL), SV_ERR_UNTRUSTED);
}

static void the_index_of_another_encoding_is_refused(void **state) { // [image-6]
    (void) state;
    SV_DEFER(opened_drop) opened zstd;
    open_kind(&zstd, SV_ENCODING_ZSTD, true);
    SV_DEFER(opened_drop) opened delta;
    open_kind(&delta, SV_ENCODING_DELTA, true);
    SV_DEFER(opened_drop) opened again; // of the same image, with another key
    open_kind(&again, SV_ENCODING_ZSTD, true);
    assert_int_equal(read_index(&zstd, &delta.release.index, NULL), SV_ERR_INVALID);
    assert_int_equal(read_index(&zstd, &again.release.index, NULL), SV_ERR_UNTRUSTED);
}

/// Without that much data: what an index of an image of 2^40 bytes takes.
static void sizes_are_counted_in_64_bits(void **state) { // [image-5]
    (void) state;
    assert_int_equal(sv_image_index_bytes(1), 16 + 36);
    assert_int_equal(sv_image_index_bytes(SV_IMAGE_BYTES_MAX), 16 + 36 * (UINT64_C(1) << 24));
    sv_target target = { .length = SV_IMAGE_BYTES_MAX };
    const sv_encoding encoding = { .length = SV_IMAGE_BYTES_MAX };
    SV_DEFER(sv_image_index_drop) sv_image_index *index = NULL;
    char head[SV_IMAGE_INDEX_HEAD_BYTES + SV_IMAGE_INDEX_ENTRY_BYTES] = { 'S', 'v', 'I', 'x', 1 };
    sv_little_put(UINT64_C(1) << 24, 8, head + 8);
    sv_why why = { 0 };
    assert_int_equal(sv_image_index_read((sv_text){ .at = head, .len = sizeof head }, &target,
                                         &encoding, &index, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "52 bytes instead of 603979792"));
}

static void the_whole_image_is_held_against_the_entry(void **state) { // [image-13]
    (void) state;
    sv_why why = { 0 };
    sv_target target = { .length = TRIAL_BYTES };
    memcpy(target.digest, image.digest, sizeof target.digest);
    assert_int_equal(sv_image_check(&image.bytes, &target, NULL), SV_OK);
    target.length++;
    assert_int_equal(sv_image_check(&image.bytes, &target, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "instead of 274490"));
    target.length--;
    image.at[TRIAL_BYTES - 1] ^= 1;
    assert_int_equal(sv_image_check(&image.bytes, &target, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "not the one that was signed"));
    image.at[TRIAL_BYTES - 1] ^= 1;
}

static void what_is_there_already_is_known_chunk_by_chunk(void **state) { // [image-16]
    (void) state;
    sv_image_key key;
    sv_image_key other;
    sv_image_key_make(image.digest, &key);
    sv_image_key_make(image.digest, &other);
    for (size_t sealed = 0; sealed < 2; sealed++) {
        trial_release release;
        SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
        SV_DEFER(sv_image_reader_drop) sv_image_reader *stranger = NULL;
        assert_int_equal(
            trial_encode(&image, SV_ENCODING_RAW, NULL, sealed ? &key : NULL, &release, NULL),
            SV_OK);
        assert_int_equal(trial_open(&release, key.bytes, NULL, &reader, NULL), SV_OK);
        assert_int_equal(trial_open(&release, other.bytes, NULL, &stranger, NULL), SV_OK);
        for (uint64_t i = 0; i < TRIAL_CHUNKS; i++) {
            sv_text there = { .at = (const char *) image.at + i * SV_CHUNK_BYTES,
                              .len = sv_chunk_bytes(TRIAL_BYTES, i) };
            assert_true(sv_image_chunk_is(reader, i, there));
            assert_false(sv_image_chunk_is(reader, (i + 1) % TRIAL_CHUNKS, there));
            assert_int_equal(sv_image_chunk_is(stranger, i, there), !sealed);
            image.at[i * SV_CHUNK_BYTES] ^= 1;
            assert_false(sv_image_chunk_is(reader, i, there));
            image.at[i * SV_CHUNK_BYTES] ^= 1;
            there.len--;
            assert_false(sv_image_chunk_is(reader, i, there));
        }
        assert_false(sv_image_chunk_is(reader, TRIAL_CHUNKS, (sv_text){ .at = "" }));
        trial_release_drop(&release);
    }
    trial_release release;
    SV_DEFER(sv_image_reader_drop) sv_image_reader *packed = NULL;
    assert_int_equal(trial_encode(&image, SV_ENCODING_ZSTD, NULL, NULL, &release, NULL), SV_OK);
    assert_int_equal(trial_open(&release, NULL, NULL, &packed, NULL), SV_OK);
    assert_false(sv_image_chunk_is(
        packed, 0, (sv_text){ .at = (const char *) image.at, .len = SV_CHUNK_BYTES }));
    trial_release_drop(&release);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_encoding_gives_the_image_back),
        cmocka_unit_test(nothing_but_the_signed_chunk_is_opened),
        cmocka_unit_test(a_chunk_of_another_encoding_or_release_is_refused),
        cmocka_unit_test(another_content_key_opens_nothing),
        cmocka_unit_test(a_bomb_stops_at_the_size_of_its_chunk),
        cmocka_unit_test(an_index_that_lies_is_refused),
        cmocka_unit_test(an_index_has_exactly_its_bytes),
        cmocka_unit_test(lengths_that_are_shifted_give_no_chunk),
        cmocka_unit_test(the_index_of_another_encoding_is_refused),
        cmocka_unit_test(sizes_are_counted_in_64_bits),
        cmocka_unit_test(what_is_there_already_is_known_chunk_by_chunk),
        cmocka_unit_test(the_whole_image_is_held_against_the_entry),
    };
    return cmocka_run_group_tests(tests, make_images, drop_images);
}
