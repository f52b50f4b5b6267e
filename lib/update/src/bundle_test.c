#include "tar.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <update/bundle.h>

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

enum { ARCHIVE_MAX = 64 * 1024, TYPE_AT = 156, SUM_AT = 148 };

/// A bundle that a test bends.
typedef struct archive {
    uint8_t bytes[ARCHIVE_MAX];
    size_t len;
    size_t heads[32]; ///< where each header begins
    size_t count;
} archive;

static void add(archive *a, const char *name, const char *content) {
    size_t bytes = strlen(content);
    sv_tar_member member = { .bytes = bytes };
    assert_int_equal(sv_text_copy(sv_text_of(name), member.name, sizeof member.name), SV_OK);
    assert_int_equal(sv_tar_write(&member, a->bytes + a->len, NULL), SV_OK);
    a->heads[a->count++] = a->len;
    memcpy(a->bytes + a->len + SV_TAR_BLOCK_BYTES, content, bytes);
    a->len += SV_TAR_BLOCK_BYTES + bytes + sv_tar_padding(bytes);
}

static void finish(archive *a) {
    a->len += (size_t) 2 * SV_TAR_BLOCK_BYTES;
}

static archive *whole(void) {
    archive *a = sv_mem_new(sizeof *a);
    add(a, "target", "lathe-ctl/2.1.0.img");
    add(a, "metadata/1.root.json", "root");
    add(a, "metadata/2.root.json", "root");
    add(a, "metadata/timestamp.json", "timestamp");
    add(a, "metadata/3.snapshot.json", "snapshot");
    add(a, "metadata/7.targets.json", "targets");
    add(a, "metadata/2.acme.json", "acme");
    add(a, "artifacts/" DIGEST "/delta-" OTHER ".index", "index");
    add(a, "artifacts/" DIGEST "/delta-" OTHER, "chunks");
    add(a, "keys/press-1.cms", "key");
    add(a, "keys/press-2.cms", "key");
    finish(a);
    return a;
}

static sv_err read_at(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const archive *a = arg;
    (void) why;
    assert_true(at <= a->len && bytes <= a->len - at);
    memcpy(out, a->bytes + at, bytes);
    return SV_OK;
}

static sv_err open_it(const archive *a, sv_why *why) {
    union {
        const archive *seen;
        void *read;
    } both = { .seen = a };
    const sv_image_bytes file = { .arg = both.read, .length = a->len, .read = read_at };
    SV_DEFER(sv_bundle_drop) sv_bundle *bundle = NULL;
    return sv_bundle_open(&file, &bundle, why);
}

static void refused(const archive *a, sv_err err, const char *sentence) {
    sv_why why = { 0 };
    assert_int_equal(open_it(a, &why), err);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why.text, sentence);
    }
}

static void what_is_in_a_bundle_is_found_by_its_name(void **state) {
    (void) state; // [repo-10]
    SV_DEFER(sv_mem_drop) archive *a = whole();
    const sv_image_bytes file = { .arg = a, .length = a->len, .read = read_at };
    SV_DEFER(sv_bundle_drop) sv_bundle *bundle = NULL;
    char room[64];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_int_equal(sv_bundle_open(&file, &bundle, NULL), SV_OK);
    assert_string_equal(sv_bundle_target(bundle), "lathe-ctl/2.1.0.img");
    assert_int_equal(sv_bundle_fetch(bundle, "7.targets.json", 64, &out, NULL), SV_OK);
    assert_memory_equal(room, "targets", 7);
    assert_int_equal(sv_bundle_fetch(bundle, "7.targets.json", 6, &out, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_bundle_fetch(bundle, "8.targets.json", 64, &out, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_bundle_fetch(bundle, "../target", 64, &out, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_bundle_key(bundle, "press-2", &out, NULL), SV_OK);
    assert_int_equal(sv_bundle_key(bundle, "press-3", &out, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_bundle_key_count(bundle), 2);
}

static void names_that_a_bundle_does_not_have_are_refused(void **state) {
    (void) state; // [repo-11] attack row 29
    static const char *const NAMES[] = {
        "../etc/passwd",
        "/etc/passwd",
        "metadata/../../x",
        "metadata/./1.root.json",
        "metadata//1.root.json",
        "metadata/1.root.json/x",
        "metadata/01.root.json",
        "metadata/.root.json",
        "metadata/1..json",
        "metadata/1.a/b.json",
        "metadata/1.timestamp.json",
        "metadata/root.json",
        "artifacts/AAAA/raw",
        "artifacts/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/raw/x",
        "artifacts/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/../raw",
        "artifacts/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/delta-x",
        "artifacts/raw",
        "keys/../a.cms",
        "keys/.cms",
        "keys/a.b.cms",
        "target/x",
        "Target",
        "",
    };
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        SV_DEFER(sv_mem_drop) archive *a = sv_mem_new(sizeof *a);
        uint8_t head[SV_BUNDLE_BLOCK_BYTES];
        size_t padding = 0;
        assert_int_equal(sv_bundle_head(NAMES[i], 1, head, &padding, NULL), SV_ERR_INVALID);
        if (NAMES[i][0] != '\0') {
            add(a, "target", "x");
            add(a, NAMES[i], "x");
            finish(a);
            refused(a, SV_ERR_INVALID, "has no place in a bundle");
        }
    }
}

/// The checksum over the header, as if nothing had been bent.
static void mend(uint8_t *head) {
    unsigned sum = 0;
    memset(head + SUM_AT, ' ', 8);
    for (size_t i = 0; i < SV_TAR_BLOCK_BYTES; i++) {
        sum += head[i];
    }
    (void) snprintf((char *) head + SUM_AT, 8, "%06o", sum);
    head[SUM_AT + 7] = ' ';
}

static void links_devices_folders_and_set_id_bits_are_refused(void **state) {
    (void) state; // [repo-11] attack row 29
    static const struct {
        size_t at;
        const char *bytes, *sentence;
    } BENDS[] = {
        { TYPE_AT, "1", "is a hard link" },
        { TYPE_AT, "2", "is a symbolic link" },
        { TYPE_AT, "3", "is a device" },
        { TYPE_AT, "4", "is a device" },
        { TYPE_AT, "5", "is a folder" },
        { TYPE_AT, "6", "is a pipe" },
        { TYPE_AT, "7", "is no plain file" },
        { TYPE_AT, "x", "is no plain file" },
        { TYPE_AT, "g", "is no plain file" },
        { TYPE_AT, "L", "is no plain file" },
        { TYPE_AT, "S", "is no plain file" },
        { 100, "0004755", "another mode" },
        { 100, "0002755", "another mode" },
        { 100, "0000777", "another mode" },
        { 108, "0001750", "not as bundles have it" }, // owner
        { 116, "0001750", "not as bundles have it" }, // group
        { 136, "00000000001", "not as bundles have it" },
        { 157, "/etc/passwd", "not as bundles have it" },
        { 265, "root", "not as bundles have it" },
        { 345, "..", "not as bundles have it" }, // ../metadata/2.root.json
        { 500, "x", "not as bundles have it" },
        { 124, "\x80", "no octal number" },
        { 124, "0000000009x", "no octal number" },
        { 257, "ustar  ", "no ustar archive" },
    };
    for (size_t i = 0; i < SV_COUNT(BENDS); i++) {
        SV_DEFER(sv_mem_drop) archive *a = whole();
        uint8_t *head = a->bytes + a->heads[2];
        memcpy(head + BENDS[i].at, BENDS[i].bytes, strlen(BENDS[i].bytes));
        mend(head);
        if (BENDS[i].at == 345) { // a name that is another then
            sv_why why = { 0 };
            assert_int_equal(open_it(a, &why), SV_ERR_INVALID);
            continue;
        }
        refused(a, SV_ERR_INVALID, BENDS[i].sentence);
    }
    SV_DEFER(sv_mem_drop) archive *a = whole();
    a->bytes[a->heads[2] + SUM_AT] ^= 1; // of a header that is not what its sum says
    refused(a, SV_ERR_INVALID, "checksum");
}

static void every_file_stands_once_and_in_its_place(void **state) {
    (void) state; // [repo-11]
    static const char *const ORDERS[][4] = {
        { "metadata/1.root.json" },
        { "target", "target" },
        { "target", "metadata/1.root.json", "metadata/1.root.json" },
        { "target", "metadata/timestamp.json", "metadata/1.root.json" },
        { "target", "metadata/1.snapshot.json", "metadata/2.snapshot.json" },
        { "target", "metadata/1.a.json", "metadata/1.b.json", "metadata/1.a.json" },
        { "target", "artifacts/" DIGEST "/raw", "artifacts/" DIGEST "/raw.index" },
        { "target", "artifacts/" DIGEST "/raw", "artifacts/" OTHER "/raw" },
        { "target", "keys/a.cms", "artifacts/" DIGEST "/raw" },
        { "target", "keys/a.cms", "keys/b.cms", "keys/a.cms" },
    };
    for (size_t i = 0; i < SV_COUNT(ORDERS); i++) {
        SV_DEFER(sv_mem_drop) archive *a = sv_mem_new(sizeof *a);
        for (size_t k = 0; k < SV_COUNT(ORDERS[i]) && ORDERS[i][k] != NULL; k++) {
            add(a, ORDERS[i][k], "x");
        }
        finish(a);
        sv_why why = { 0 };
        assert_int_equal(open_it(a, &why), SV_ERR_INVALID);
        assert_true(strstr(why.text, "twice") != NULL || strstr(why.text, "in its place") != NULL);
    }
}

static void a_bundle_that_is_cut_anywhere_is_known_for_it(void **state) {
    (void) state; // [repo-11]
    SV_DEFER(sv_mem_drop) archive *a = whole();
    size_t len = a->len;
    for (a->len = 0; a->len < len; a->len++) {
        sv_why why = { 0 };
        assert_int_equal(open_it(a, &why), SV_ERR_UNAVAILABLE);
        assert_non_null(strstr(why.text, "copy it again"));
    }
    assert_int_equal(open_it(a, NULL), SV_OK);
}

static void nothing_stands_behind_a_file_or_the_end(void **state) {
    (void) state; // [repo-11]
    SV_DEFER(sv_mem_drop) archive *a = whole();
    a->len += SV_TAR_BLOCK_BYTES;
    refused(a, SV_ERR_INVALID, "stand behind the bundle's end");
    a->len -= SV_TAR_BLOCK_BYTES;
    a->bytes[a->len - 1] = 1;
    refused(a, SV_ERR_INVALID, "stands behind");
    a->bytes[a->len - 1] = 0;
    a->bytes[a->heads[3] - 1] = 1; // in the padding
    refused(a, SV_ERR_INVALID, "stands behind 'metadata/2.root.json'");
}

static void sizes_beyond_what_a_part_may_have_are_refused(void **state) {
    (void) state; // [repo-11]
    SV_DEFER(sv_mem_drop) archive *a = whole();
    sv_tar_member member = { .name = "metadata/2.root.json", .bytes = SV_TUF_ROOT_MAX + 1 };
    assert_int_equal(sv_tar_write(&member, a->bytes + a->heads[2], NULL), SV_OK);
    refused(a, SV_ERR_INVALID, "it may have 1 to 524288");
    member.bytes = 0;
    assert_int_equal(sv_tar_write(&member, a->bytes + a->heads[2], NULL), SV_OK);
    refused(a, SV_ERR_INVALID, "it may have 1 to 524288");
    member.bytes = SV_TAR_FILE_MAX + 1;
    assert_int_equal(sv_tar_write(&member, a->bytes, NULL), SV_ERR_INVALID);
}

static void the_image_is_the_one_that_is_trusted_and_as_long_as_announced(void **state) {
    (void) state; // [repo-10]
    SV_DEFER(sv_mem_drop) archive *a = sv_mem_new(sizeof *a);
    char index[16 + 36 + 1];
    memset(index, 'i', sizeof index - 1);
    index[sizeof index - 1] = '\0';
    add(a, "target", "x");
    add(a, "artifacts/" DIGEST "/raw.index", index);
    add(a, "artifacts/" DIGEST "/raw", "chunks");
    finish(a);
    const sv_image_bytes file = { .arg = a, .length = a->len, .read = read_at };
    SV_DEFER(sv_bundle_drop) sv_bundle *bundle = NULL;
    char room[128];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_bundle_image image;
    sv_target target = { .length = 6, .encoding_count = 1 };
    target.encodings[0] = (sv_encoding){ .kind = SV_ENCODING_RAW, .length = 6 };
    memset(target.digest, 0xaa, sizeof target.digest);
    assert_int_equal(sv_bundle_open(&file, &bundle, NULL), SV_OK);
    assert_int_equal(sv_bundle_image_of(bundle, &target, &image, &out, NULL), SV_OK);
    assert_ptr_equal(image.encoding, &target.encodings[0]);
    assert_memory_equal(a->bytes + image.at, "chunks", 6);
    target.encodings[0].length = 5;
    assert_int_equal(sv_bundle_image_of(bundle, &target, &image, &out, NULL), SV_ERR_UNTRUSTED);
    target.encodings[0].length = 6;
    target.encodings[0].kind = SV_ENCODING_ZSTD;
    assert_int_equal(sv_bundle_image_of(bundle, &target, &image, &out, NULL), SV_ERR_UNTRUSTED);
    target.encodings[0].kind = SV_ENCODING_RAW;
    target.digest[0] ^= 1;
    assert_int_equal(sv_bundle_image_of(bundle, &target, &image, &out, NULL), SV_ERR_UNTRUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_a_bundle_is_found_by_its_name),
        cmocka_unit_test(names_that_a_bundle_does_not_have_are_refused),
        cmocka_unit_test(links_devices_folders_and_set_id_bits_are_refused),
        cmocka_unit_test(every_file_stands_once_and_in_its_place),
        cmocka_unit_test(a_bundle_that_is_cut_anywhere_is_known_for_it),
        cmocka_unit_test(nothing_stands_behind_a_file_or_the_end),
        cmocka_unit_test(sizes_beyond_what_a_part_may_have_are_refused),
        cmocka_unit_test(the_image_is_the_one_that_is_trusted_and_as_long_as_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
