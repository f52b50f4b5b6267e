// A repository of one image, made and signed here, and how it comes to a fleet server, for tests.
#ifndef SV_FLEET_IMAGES_FIXTURE_H
#define SV_FLEET_IMAGES_FIXTURE_H

#include "fleet_fixture.h"
#include "images_store.h"

#include <codec/encode.h>
#include <crypto/key_store.h>
#include <string.h>
#include <update/image_encode.h>
#include <update/writer.h>

enum { REPO_IMAGE_BYTES = 200000, REPO_FILE_MAX = 512 * 1024 };

typedef struct repo {
    char dir[40];
    struct evp_pkey_st *key;
    sv_tuf_public who;
    const char *path; ///< of the image
    char sha256[SV_IMAGE_HEX_ROOM];
    uint8_t image[REPO_IMAGE_BYTES];
    sv_target target;
    sv_image_key content_key;
    sv_textbuf stored[2], index[2]; ///< raw and zstd
    sv_textbuf root, targets, snapshot, timestamp;
    int64_t version;    ///< of the three
    int64_t expires_us; ///< of all
} repo;

static const char *const REPO_ENCODINGS[] = { "raw", "zstd" };

static inline sv_err repo_read(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    (void) why;
    memcpy(out, (const uint8_t *) arg + at, bytes);
    return SV_OK;
}

static inline sv_err repo_store(void *arg, sv_text stored, sv_why *why) {
    (void) why;
    sv_textbuf_add(arg, stored);
    return SV_OK;
}

static inline void repo_encode(repo *r) {
    const sv_image_bytes image = { .arg = r->image, .length = REPO_IMAGE_BYTES, .read = repo_read };
    assert_int_equal(sv_image_digest(&image, r->target.digest, NULL), SV_OK);
    sv_image_key_make(r->target.digest, &r->content_key);
    for (size_t i = 0; i < 2; i++) {
        r->stored[i] = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
        r->index[i] = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
        const sv_image_encoding what = { .image = &image,
                                         .digest = r->target.digest,
                                         .kind = i == 0 ? SV_ENCODING_RAW : SV_ENCODING_ZSTD,
                                         .key = r->target.sealed ? &r->content_key : NULL,
                                         .sink = { .arg = &r->stored[i], .put = repo_store } };
        assert_int_equal(sv_image_encode(&what, &r->target.encodings[i], &r->index[i], NULL),
                         SV_OK);
    }
    r->target.encoding_count = 2;
    sv_textbuf hex = SV_TEXTBUF(r->sha256);
    sv_hex_add(&hex, r->target.digest, sizeof r->target.digest);
    assert_int_equal(sv_textbuf_end(&hex), SV_OK);
}

static inline void repo_new_key(repo *r, const char *name) {
    char place[SV_PATH_MAX];
    sv_key_drop(&r->key);
    assert_int_equal(sv_disk_join(place, sizeof place, r->dir, name), SV_OK);
    assert_int_equal(sv_key_make(place, SV_KEY_EC, &r->key, NULL), SV_OK);
    assert_int_equal(sv_tuf_public_of(r->key, &r->who, NULL), SV_OK);
}

static inline void repo_sign(const repo *r, sv_tuf_type type, const sv_textbuf *bare,
                             sv_textbuf *out) {
    sv_textbuf_drop(out);
    *out = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
    assert_int_equal(sv_tuf_sign(sv_textbuf_text(bare), type, r->key, out, NULL), SV_OK);
}

static inline void repo_root(repo *r) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bare = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
    SV_DEFER(sv_mem_drop)
    sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
    const sv_tuf_head head = { .version = 1, .expires_us = r->expires_us };
    for (size_t i = 0; i < SV_TUF_TYPE__COUNT; i++) {
        roles[i] = (sv_tuf_holders){ .keys = { r->who }, .count = 1, .threshold = 1 };
    }
    assert_int_equal(sv_tuf_root_make(&head, roles, &bare, NULL), SV_OK);
    repo_sign(r, SV_TUF_ROOT, &bare, &r->root);
}

/// Targets, snapshot and timestamp of r->version, with the image as r->target says.
static inline void repo_publish(repo *r) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf entry = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf targets = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf snapshot = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf timestamp = SV_TEXTBUF_HEAP(REPO_FILE_MAX);
    const sv_tuf_head head = { .version = r->version, .expires_us = r->expires_us };
    sv_json_out out = SV_JSON_OUT(&entry);
    sv_target_write(&r->target, &out);
    const sv_tuf_change change = { .path = sv_text_of(r->path), .entry = sv_textbuf_text(&entry) };
    assert_int_equal(sv_tuf_targets_make(&head, NULL, &change, &targets, NULL), SV_OK);
    repo_sign(r, SV_TUF_TARGETS, &targets, &r->targets);
    const sv_tuf_announced announced = { .name = "targets.json",
                                         .version = r->version,
                                         .bytes = sv_textbuf_text(&r->targets) };
    assert_int_equal(sv_tuf_snapshot_make(&head, &announced, 1, &snapshot, NULL), SV_OK);
    repo_sign(r, SV_TUF_SNAPSHOT, &snapshot, &r->snapshot);
    const sv_tuf_announced newest = { .name = "snapshot.json",
                                      .version = r->version,
                                      .bytes = sv_textbuf_text(&r->snapshot) };
    assert_int_equal(sv_tuf_timestamp_make(&head, &newest, &timestamp, NULL), SV_OK);
    repo_sign(r, SV_TUF_TIMESTAMP, &timestamp, &r->timestamp);
}

/// `fill` makes one image another than the next.
static inline repo *repo_new(bool sealed, uint8_t fill) {
    repo *r = sv_mem_new(sizeof *r);
    (void) snprintf(r->dir, sizeof r->dir, "/tmp/selvedge-fleet-repo-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    repo_new_key(r, "one.key");
    for (size_t i = 0; i < sizeof r->image; i++) {
        r->image[i] = (uint8_t) (fill + i * 7 + i / 251);
    }
    r->path = "lathe/1.img";
    r->version = 1;
    r->expires_us = fixture_now_us + 30 * SV_TIME_DAY_US;
    r->target = (sv_target){ .length = REPO_IMAGE_BYTES,
                             .product = "lathe",
                             .version = "1.0",
                             .hardware = { "rev-a", "rev-b" },
                             .hardware_count = 2,
                             .slot = "rootfs",
                             .counter = 7,
                             .sealed = sealed,
                             .notes = "stalls no more" };
    repo_encode(r);
    repo_root(r);
    repo_publish(r);
    return r;
}

static inline void repo_drop(repo **r) {
    if (*r == NULL) {
        return;
    }
    sv_key_drop(&(*r)->key);
    sv_image_key_wipe(&(*r)->content_key);
    sv_textbuf *const all[] = { &(*r)->stored[0], &(*r)->stored[1], &(*r)->index[0],
                                &(*r)->index[1],  &(*r)->root,      &(*r)->targets,
                                &(*r)->snapshot,  &(*r)->timestamp };
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        sv_textbuf_drop(all[i]);
    }
    assert_int_equal(sv_disk_remove_tree((*r)->dir, NULL), SV_OK);
    free(*r);
    *r = NULL;
}

/// In parts of 100,000 bytes; what is here is not sent again.
static inline void repo_put(sv_fleet *fleet, const char *sha256, const char *name, sv_text bytes) {
    sv_images_part part;
    sv_why why = { 0 };
    assert_int_equal(sv_images_part_read(sv_text_of(sha256), sv_text_of(name), &part, NULL), SV_OK);
    uint64_t now = 0;
    bool judged = false;
    assert_int_equal(
        sv_images_part_state(sv_images_folder_of(fleet->images), 0, &part, &now, &judged, NULL),
        SV_OK);
    for (uint64_t at = judged ? bytes.len : 0; at < bytes.len;) {
        sv_text piece = { .at = bytes.at + at,
                          .len = bytes.len - at < 100000 ? bytes.len - at : 100000 };
        if (sv_images_put(fleet, &part, at, piece, &at, &why) != SV_OK) {
            fail_msg("%s: %s", name, why.text);
        }
    }
}

static inline void repo_put_version(sv_fleet *fleet, const repo *r, const char *role,
                                    const sv_textbuf *bytes) {
    char name[64];
    (void) snprintf(name, sizeof name, "%lld.%s.json", (long long) r->version, role);
    repo_put(fleet, "", name, sv_textbuf_text(bytes));
}

static inline void repo_stage_metadata(sv_fleet *fleet, const repo *r) {
    repo_put(fleet, "", "1.root.json", sv_textbuf_text(&r->root));
    repo_put_version(fleet, r, "targets", &r->targets);
    repo_put_version(fleet, r, "snapshot", &r->snapshot);
    repo_put(fleet, "", "timestamp.json", sv_textbuf_text(&r->timestamp));
}

static inline void repo_stage_bytes(sv_fleet *fleet, const repo *r) {
    for (size_t i = 0; i < 2; i++) {
        char index[16];
        (void) snprintf(index, sizeof index, "%s.index", REPO_ENCODINGS[i]);
        repo_put(fleet, r->sha256, REPO_ENCODINGS[i], sv_textbuf_text(&r->stored[i]));
        // A NUL stands behind an index.
        sv_text whole = { .at = r->index[i].at,
                          .len = (size_t) sv_image_index_bytes(REPO_IMAGE_BYTES) };
        repo_put(fleet, r->sha256, index, whole);
    }
}

static inline void repo_upload(sv_fleet *fleet, const repo *r) {
    sv_images_progress progress;
    sv_why why = { 0 };
    repo_stage_metadata(fleet, r);
    repo_stage_bytes(fleet, r);
    if (sv_images_publish(fleet, "ann", &progress, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_false(progress.busy);
}

#endif
