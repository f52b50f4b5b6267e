// For tests: a device in memory with a release that runs and is confirmed, a newer one that is
// published and assigned, and an agent that does what a script says.
#ifndef SV_UPDATER_SESSION_FIXTURE_H
#define SV_UPDATER_SESSION_FIXTURE_H

#include "fake_disk.h"
#include "shelf.h"
#include "updater.h"

#include <base/time.h>
#include <codec/encode.h>
#include <crypto/key_store.h>
#include <crypto/p256.h>
#include <unistd.h>
#include <update/boot_header.h>
#include <update/image_encode.h>
#include <update/writer.h>

enum {
    FIXTURE_IMAGE_BYTES = 2 * SV_CHUNK_BYTES + 4321,
    FIXTURE_SLOT_BYTES = 4 * SV_CHUNK_BYTES,
    FIXTURE_RELEASES = 2,
    FIXTURE_FILES = 16,
    FIXTURE_TEXT_MAX = 1 << 20,
};

#define FIXTURE_NOW_US (100 * SV_TIME_DAY_US)

#define FIXTURE_CHECK(truth)                                                                       \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            (void) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

// ---- signatures of boot headers, judged once each -----------------------------------------------

typedef struct known_signature {
    uint8_t bytes[SV_BOOT_SIGNED_BYTES];
    uint8_t signature[SV_BOOT_SIGNATURE_BYTES];
    bool good;
} known_signature;

static known_signature known[16];
static size_t known_count;

bool judge_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                  const uint8_t *signature) __asm__("__real_sv_boot_key_signed");
bool recall_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                   const uint8_t *signature) __asm__("__wrap_sv_boot_key_signed");

bool recall_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                   const uint8_t *signature) {
    for (size_t i = 0; i < known_count; i++) {
        if (memcmp(known[i].signature, signature, SV_BOOT_SIGNATURE_BYTES) == 0
            && memcmp(known[i].bytes, bytes, len) == 0) {
            return known[i].good;
        }
    }
    bool good = judge_signed(key, bytes, len, signature);
    if (known_count < SV_COUNT(known) && len == SV_BOOT_SIGNED_BYTES) {
        known_signature *fresh = &known[known_count++];
        memcpy(fresh->bytes, bytes, len);
        memcpy(fresh->signature, signature, SV_BOOT_SIGNATURE_BYTES);
        fresh->good = good;
    }
    return good;
}

// ---- the door -----------------------------------------------------------------------------------

/// One file of the device door.
typedef struct fixture_file {
    char path[SV_UPDATER_PATH_ROOM];
    sv_textbuf bytes;
} fixture_file;

/// What is made once: keys, releases, and what the door has of them. The second one is assigned.
typedef struct fixture_door {
    struct evp_pkey_st *key; ///< of everybody
    sv_boot_key boot_key;
    sv_textbuf root;
    sv_target targets[FIXTURE_RELEASES];
    uint8_t images[FIXTURE_RELEASES][FIXTURE_IMAGE_BYTES];
    sv_image_key content_key;
    fixture_file files[FIXTURE_FILES];
    size_t count;
} fixture_door;

static inline sv_textbuf *fixture_put(fixture_door *door, const char *path) {
    FIXTURE_CHECK(door->count < FIXTURE_FILES);
    fixture_file *file = &door->files[door->count++];
    (void) snprintf(file->path, sizeof file->path, "%s", path);
    file->bytes = SV_TEXTBUF_HEAP(FIXTURE_TEXT_MAX);
    return &file->bytes;
}

static inline const sv_textbuf *fixture_get(const fixture_door *door, const char *path) {
    for (size_t i = 0; i < door->count; i++) {
        if (strcmp(door->files[i].path, path) == 0) {
            return &door->files[i].bytes;
        }
    }
    return NULL;
}

static inline sv_err fixture_read(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    (void) why;
    memcpy(out, (const uint8_t *) arg + at, bytes);
    return SV_OK;
}

static inline sv_err fixture_store(void *arg, sv_text stored, sv_why *why) {
    (void) why;
    sv_textbuf_add(arg, stored);
    return SV_OK;
}

/// One encoding of release `which`, and its entry.
static inline void fixture_encode(fixture_door *door, size_t which, sv_encoding_kind kind) {
    sv_target *target = &door->targets[which];
    const sv_image_bytes image = { .arg = door->images[which],
                                   .length = FIXTURE_IMAGE_BYTES,
                                   .read = fixture_read };
    const sv_image_bytes old = { .arg = door->images[0],
                                 .length = FIXTURE_IMAGE_BYTES,
                                 .read = fixture_read };
    char path[SV_UPDATER_PATH_ROOM];
    char name[SV_ENCODING_NAME_ROOM];
    char hex[2 * SV_TARGET_HASH_BYTES + 1] = "";
    sv_textbuf digits = SV_TEXTBUF(hex);
    sv_hex_add(&digits, target->digest, sizeof target->digest);
    FIXTURE_CHECK(sv_textbuf_end(&digits) == SV_OK);
    sv_encoding *encoding = &target->encodings[target->encoding_count++];
    encoding->kind = kind;
    memcpy(encoding->from, door->targets[0].digest, sizeof encoding->from);
    sv_encoding_file(encoding, name);
    (void) snprintf(path, sizeof path, "/artifacts/%s/%s", hex, name);
    sv_textbuf *stored = fixture_put(door, path);
    (void) snprintf(path, sizeof path, "/artifacts/%s/%s.index", hex, name);
    sv_textbuf *index = fixture_put(door, path);
    const sv_image_encoding what = {
        .image = &image,
        .digest = target->digest,
        .kind = kind,
        .key = target->sealed ? &door->content_key : NULL,
        .old = kind == SV_ENCODING_DELTA ? &old : NULL,
        .old_digest = kind == SV_ENCODING_DELTA ? door->targets[0].digest : NULL,
        .sink = { .arg = stored, .put = fixture_store },
    };
    FIXTURE_CHECK(sv_image_encode(&what, encoding, index, NULL) == SV_OK);
}

static inline void fixture_release(fixture_door *door, size_t which, const char *version,
                                   bool sealed) {
    sv_target *target = &door->targets[which];
    const sv_image_bytes image = { .arg = door->images[which],
                                   .length = FIXTURE_IMAGE_BYTES,
                                   .read = fixture_read };
    *target = (sv_target){ .length = FIXTURE_IMAGE_BYTES,
                           .product = "lathe-ctl",
                           .hardware = { "rev-b" },
                           .hardware_count = 1,
                           .slot = "rootfs",
                           .counter = (uint32_t) which + 1,
                           .sealed = sealed,
                           .boot_len = SV_BOOT_HEADER_BYTES };
    (void) snprintf(target->version, sizeof target->version, "%s", version);
    FIXTURE_CHECK(sv_image_digest(&image, target->digest, NULL) == SV_OK);
    sv_image_key_make(target->digest, &door->content_key);
    sv_boot_header header = { .image_bytes = FIXTURE_IMAGE_BYTES,
                              .counter = target->counter,
                              .hardware_count = 1,
                              .product = "lathe-ctl",
                              .slot = "rootfs",
                              .hardware = { "rev-b" } };
    memcpy(header.digest, target->digest, sizeof header.digest);
    memcpy(header.version, target->version, sizeof header.version);
    FIXTURE_CHECK(sv_boot_header_sign(&header, door->key, target->boot, NULL) == SV_OK);
    fixture_encode(door, which, SV_ENCODING_RAW);
    fixture_encode(door, which, which > 0 ? SV_ENCODING_DELTA : SV_ENCODING_ZSTD);
}

// ---- metadata -----------------------------------------------------------------------------------

static const sv_tuf_head FIXTURE_HEAD = { .version = 1, .expires_us = 200 * SV_TIME_DAY_US };

/// Signed, and put where `prefix` and `name` say; NULL: nowhere but into `out`.
static inline void fixture_sign(fixture_door *door, sv_text document, sv_tuf_type type,
                                sv_textbuf *out) {
    FIXTURE_CHECK(sv_tuf_sign(document, type, door->key, out, NULL) == SV_OK);
}

static inline sv_textbuf *fixture_name(fixture_door *door, const char *prefix, const char *name) {
    char path[SV_UPDATER_PATH_ROOM];
    (void) snprintf(path, sizeof path, "%s%s", prefix, name);
    return fixture_put(door, path);
}

/// Targets with one entry, and what announces them.
static inline void fixture_repository(fixture_door *door, const char *prefix, sv_text entry) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf draft = SV_TEXTBUF_HEAP(FIXTURE_TEXT_MAX);
    const sv_tuf_change change = { .path = SV_TEXT("lathe-ctl/2.img"), .entry = entry };
    FIXTURE_CHECK(sv_tuf_targets_make(&FIXTURE_HEAD, NULL, &change, &draft, NULL) == SV_OK);
    sv_textbuf *targets = fixture_name(door, prefix, "1.targets.json");
    fixture_sign(door, sv_textbuf_text(&draft), SV_TUF_TARGETS, targets);
    const sv_tuf_announced targets_file = { "targets.json", 1, sv_textbuf_text(targets) };
    sv_textbuf_clear(&draft);
    FIXTURE_CHECK(sv_tuf_snapshot_make(&FIXTURE_HEAD, &targets_file, 1, &draft, NULL) == SV_OK);
    sv_textbuf *snapshot = fixture_name(door, prefix, "1.snapshot.json");
    fixture_sign(door, sv_textbuf_text(&draft), SV_TUF_SNAPSHOT, snapshot);
    const sv_tuf_announced snapshot_file = { "snapshot.json", 1, sv_textbuf_text(snapshot) };
    sv_textbuf_clear(&draft);
    FIXTURE_CHECK(sv_tuf_timestamp_make(&FIXTURE_HEAD, &snapshot_file, &draft, NULL) == SV_OK);
    fixture_sign(door, sv_textbuf_text(&draft), SV_TUF_TIMESTAMP,
                 fixture_name(door, prefix, "timestamp.json"));
}

static inline void fixture_root(fixture_door *door) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf draft = SV_TEXTBUF_HEAP(FIXTURE_TEXT_MAX);
    SV_DEFER(sv_mem_drop)
    sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
    for (size_t i = 0; i < SV_TUF_TYPE__COUNT; i++) {
        roles[i].count = 1;
        roles[i].threshold = 1;
        FIXTURE_CHECK(sv_tuf_public_of(door->key, &roles[i].keys[0], NULL) == SV_OK);
    }
    door->root = SV_TEXTBUF_HEAP(FIXTURE_TEXT_MAX);
    FIXTURE_CHECK(sv_tuf_root_make(&FIXTURE_HEAD, roles, &draft, NULL) == SV_OK);
    fixture_sign(door, sv_textbuf_text(&draft), SV_TUF_ROOT, &door->root);
}

static inline void fixture_metadata(fixture_door *door) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf entry = SV_TEXTBUF_HEAP(FIXTURE_TEXT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf assigned = SV_TEXTBUF_HEAP(FIXTURE_TEXT_MAX);
    sv_json_out out = SV_JSON_OUT(&entry);
    sv_target_write(&door->targets[1], &out);
    sv_textbuf_addf(&assigned, "{\"length\":%d,\"hashes\":{\"sha256\":\"", FIXTURE_IMAGE_BYTES);
    sv_hex_add(&assigned, door->targets[1].digest, sizeof door->targets[1].digest);
    sv_textbuf_add_str(&assigned, "\"},\"custom\":{\"selvedge\":{\"device\":\"press-17\"}}}");
    fixture_root(door);
    fixture_repository(door, "/tuf/image/metadata/", sv_textbuf_text(&entry));
    fixture_repository(door, "/tuf/director/press-17/metadata/", sv_textbuf_text(&assigned));
}

static inline void fixture_door_make(fixture_door *door) {
    char folder[] = "/tmp/sv-session-XXXXXX";
    char path[64];
    uint8_t spki[SV_P256_SPKI_BYTES];
    FIXTURE_CHECK(mkdtemp(folder) != NULL);
    (void) snprintf(path, sizeof path, "%s/key", folder);
    FIXTURE_CHECK(sv_key_make(path, SV_KEY_EC, &door->key, NULL) == SV_OK);
    FIXTURE_CHECK(unlink(path) == 0 && rmdir(folder) == 0);
    FIXTURE_CHECK(sv_p256_spki(door->key, spki, NULL) == SV_OK);
    FIXTURE_CHECK(sv_boot_key_read(spki, sizeof spki, &door->boot_key));
    uint32_t state = 1;
    for (size_t i = 0; i < FIXTURE_IMAGE_BYTES; i++) {
        state = state * 1664525U + 1013904223U;
        door->images[0][i] = (uint8_t) (state >> 24);
        door->images[1][i] = i > 100000 && i < 101000 ? 7 : door->images[0][i];
    }
    fixture_release(door, 0, "1.0.0", false);
    fixture_release(door, 1, "2.0.0", true);
    fixture_metadata(door);
}

static inline void fixture_door_drop(fixture_door *door) {
    for (size_t i = 0; i < door->count; i++) {
        sv_textbuf_drop(&door->files[i].bytes);
    }
    sv_textbuf_drop(&door->root);
    sv_key_drop(&door->key);
}

// ---- the device ---------------------------------------------------------------------------------

typedef struct fixture {
    const fixture_door *door;
    fake_disk state, slots;
    updater_config config;
    sv_boot_keys keys;
    sv_boot_file boot_file;
    sv_boot_control boot;
    sv_native native;
    sv_installer installer;
    sv_engine engine;
    updater u;
    updater_peer peer;
    // the agent
    sv_updater_message want; ///< the last one
    uint64_t given;          ///< bytes of it
    int64_t now_us;
    size_t wants;
    /// What the agent does instead of giving the next piece; NULL: gives it. False: gives it.
    bool (*instead)(void *arg, struct fixture *f, sv_updater_message *out, sv_err *err);
    void *instead_arg;
    bool gone;          ///< it has closed the connection after it gave the last piece
    size_t asked_there; ///< whether it is there
    size_t gone_at;     ///< from this question on; 0: none
} fixture;

static inline int64_t fixture_believed(void) {
    return FIXTURE_NOW_US;
}

static inline void fixture_signed(int64_t at_us) {
    (void) at_us;
}

static inline sv_err fixture_send(void *arg, const sv_updater_message *message, sv_why *why) {
    fixture *f = arg;
    (void) why;
    if (message->verb == SV_UPDATER_WANT) {
        FIXTURE_CHECK(sv_updater_want_check(&message->want, SV_TEXT("press-17"), NULL) == SV_OK);
        f->want = *message;
        f->given = 0;
        f->wants++;
    }
    return SV_OK;
}

static inline sv_text fixture_wanted(const fixture *f) {
    const sv_updater_want *want = &f->want.want;
    const sv_textbuf *file = fixture_get(f->door, want->path);
    if (want->kind == SV_UPDATER_KEY) {
        return (sv_text){ .at = (const char *) f->door->content_key.bytes,
                          .len = SV_UPDATER_KEY_BYTES };
    }
    sv_text all = file != NULL ? sv_textbuf_text(file) : (sv_text){ 0 };
    if (want->kind == SV_UPDATER_CHUNKS) {
        FIXTURE_CHECK(want->offset + want->bytes <= all.len);
        all = (sv_text){ .at = all.at + want->offset, .len = (size_t) want->bytes };
    }
    return all;
}

static inline sv_err fixture_receive(void *arg, int64_t until_us, sv_updater_message *out,
                                     sv_why *why) {
    fixture *f = arg;
    sv_err err = SV_OK;
    sv_text all = fixture_wanted(f);
    *out = (sv_updater_message){ .verb = SV_UPDATER_ABSENT, .number = f->want.number };
    if (f->now_us >= until_us) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "late");
    }
    if (f->instead != NULL && f->instead(f->instead_arg, f, out, &err)) {
        return err == SV_OK ? SV_OK : sv_fail(why, err, "the script says so");
    }
    if (all.at == NULL) {
        return SV_OK;
    }
    size_t left = all.len - (size_t) f->given;
    size_t take = left < SV_UPDATER_PIECE_MAX ? left : SV_UPDATER_PIECE_MAX;
    out->verb = SV_UPDATER_GIVE;
    out->give = (sv_updater_give){ .offset = f->given,
                                   .last = take == left,
                                   .bytes = { .at = all.at + f->given, .len = take } };
    f->given += take;
    return SV_OK;
}

static inline sv_err fixture_is_there(void *arg, sv_why *why) {
    fixture *f = arg;
    f->asked_there++;
    return f->gone || (f->gone_at != 0 && f->asked_there >= f->gone_at)
               ? sv_fail(why, SV_ERR_UNAVAILABLE, "gone")
               : SV_OK;
}

static inline void fixture_wipe(void *arg) {
    (void) arg;
}

static inline int64_t fixture_now(void *arg) {
    return ((fixture *) arg)->now_us;
}

static inline void fixture_wire(fixture *f) {
    f->keys = (sv_boot_keys){ .trusted = &f->door->boot_key, .trusted_count = 1 };
    f->boot_file = (sv_boot_file){ .disk = &f->state.disk, .running = 0 };
    f->boot = sv_boot_file_control(&f->boot_file);
    f->native = (sv_native){ .disk = &f->slots.disk, .names = { "slot-a", "slot-b" }, .file = -1 };
    f->installer = sv_native_installer(&f->native);
    f->engine =
        (sv_engine){ .disk = &f->state.disk,
                     .boot = &f->boot,
                     .installer = &f->installer,
                     .keys = &f->keys,
                     .flush_bytes = SV_CHUNK_BYTES,
                     .device = { .product = "lathe-ctl", .hardware = "rev-b", .slot = "rootfs" } };
    f->config = (updater_config){ .id = "press-17",
                                  .product = "lathe-ctl",
                                  .hardware = "rev-b",
                                  .slot = "rootfs",
                                  .patience_us = 1000,
                                  .trial_deadline_us = 1000 };
    f->u = (updater){ .config = &f->config,
                      .state = &f->state.disk,
                      .engine = &f->engine,
                      .believed_us = fixture_believed,
                      .signed_us = fixture_signed,
                      .start = f->u.start + 1,
                      .started_us = f->now_us };
    f->peer = (updater_peer){ .arg = f,
                              .send = fixture_send,
                              .receive = fixture_receive,
                              .is_there = fixture_is_there,
                              .wipe = fixture_wipe,
                              .now_us = fixture_now };
}

/// A device in whose slot a the first release runs.
static inline void fixture_begin(fixture *f, const fixture_door *door) {
    *f = (fixture){ .door = door };
    fake_begin(&f->state);
    fake_begin(&f->slots);
    fake_file *a = fake_make(&f->slots, "slot-a", FIXTURE_SLOT_BYTES);
    (void) fake_make(&f->slots, "slot-b", FIXTURE_SLOT_BYTES);
    memcpy(a->data, door->images[0], FIXTURE_IMAGE_BYTES);
    memcpy(a->data + FIXTURE_SLOT_BYTES - SV_BOOT_TRAILER_BYTES, door->targets[0].boot,
           SV_BOOT_HEADER_BYTES);
    fixture_wire(f);
    const sv_boot_state boot = { .slots = { { .state = SV_BOOT_SLOT_CONFIRMED } }, .counter = 1 };
    FIXTURE_CHECK(sv_boot_file_keep(&f->boot_file, &boot, NULL) == SV_OK);
    FIXTURE_CHECK(shelf_keep(&f->state.disk, "image.root.json", sv_textbuf_text(&door->root), NULL)
                  == SV_OK);
    FIXTURE_CHECK(
        shelf_keep(&f->state.disk, "director.root.json", sv_textbuf_text(&door->root), NULL)
        == SV_OK);
    FIXTURE_CHECK(updater_wake(&f->u, NULL) == SV_OK);
}

static inline void fixture_end(fixture *f) {
    sv_engine_end(&f->engine);
    fake_end(&f->state);
    fake_end(&f->slots);
}

static inline void fixture_do(fixture *f, const sv_updater_message *asked,
                              sv_updater_message *answer) {
    updater_do(&f->u, asked, f->now_us, &f->peer, answer);
}

static inline uint8_t fixture_check(fixture *f, sv_updater_message *answer) {
    const sv_updater_message asked = { .verb = SV_UPDATER_CHECK, .number = 3 };
    fixture_do(f, &asked, answer);
    return answer->verb;
}

// ---- starting -----------------------------------------------------------------------------------

/// Which release lies there, whole, with the header that was signed; FIXTURE_RELEASES: none.
static inline size_t fixture_lies(fixture *f, unsigned slot) {
    const fake_file *there = fake_find(&f->slots, f->native.names[slot]);
    const uint8_t *header = there->data + FIXTURE_SLOT_BYTES - SV_BOOT_TRAILER_BYTES;
    size_t i = 0;
    while (i < FIXTURE_RELEASES
           && (memcmp(there->data, f->door->images[i], FIXTURE_IMAGE_BYTES) != 0
               || memcmp(header, f->door->targets[i].boot, SV_BOOT_HEADER_BYTES) != 0)) {
        i++;
    }
    return i;
}

/// Which slot the boot loader's own code starts, and what it remembers then. Signatures are not
/// judged again: nothing but the bytes of the two releases counts.
static inline unsigned fixture_pick(fixture *f, sv_boot_state *after) {
    sv_boot_candidate slots[SV_BOOT_SLOTS];
    sv_boot_state state;
    sv_boot_choice choice;
    size_t fail_at = f->state.fail_at;
    f->state.fail_at = 0;
    FIXTURE_CHECK(sv_boot_file_read(&f->boot_file, &state, NULL, NULL) == SV_OK);
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        size_t release = fixture_lies(f, i);
        slots[i] = (sv_boot_candidate){ release < FIXTURE_RELEASES, (uint32_t) release + 1 };
        // What may be started is one of them: a boot loader may look at the header alone first.
        FIXTURE_CHECK(slots[i].good
                      || (state.slots[i].state != SV_BOOT_SLOT_TRIAL
                          && state.slots[i].state != SV_BOOT_SLOT_CONFIRMED));
    }
    sv_boot_choose(&state, slots, true, &choice);
    f->state.fail_at = fail_at;
    *after = choice.after;
    return choice.slot;
}

/// The power goes, and the machine starts; nothing in memory is left.
static inline void fixture_start(fixture *f) {
    sv_boot_state after;
    f->state.fail_at = 0;
    f->slots.fail_at = 0;
    unsigned slot = fixture_pick(f, &after);
    FIXTURE_CHECK(slot < SV_BOOT_SLOTS);
    sv_engine_end(&f->engine);
    fixture_wire(f);
    f->boot_file.running = slot;
    FIXTURE_CHECK(sv_boot_file_keep(&f->boot_file, &after, NULL) == SV_OK);
    FIXTURE_CHECK(updater_wake(&f->u, NULL) == SV_OK);
    updater_wait_for_health(&f->u, f->now_us);
}

/// What holds whatever happened: something good starts, and nothing is armed or confirmed that is
/// not, to the byte, a release that was signed; nothing older than what was confirmed starts.
static inline void fixture_holds(fixture *f) {
    sv_boot_state after;
    unsigned slot = fixture_pick(f, &after);
    FIXTURE_CHECK(slot < SV_BOOT_SLOTS);
    FIXTURE_CHECK(after.counter <= fixture_lies(f, slot) + 1);
}

/// That of a program's tests, made before the first and gone after the last.
static fixture_door door;

static inline int make_door(void **state) {
    (void) state;
    fixture_door_make(&door);
    return 0;
}

static inline int drop_door(void **state) {
    (void) state;
    fixture_door_drop(&door);
    return 0;
}

#endif
