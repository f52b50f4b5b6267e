// For tests: a device with two slots on a medium, a boot loader that is sv_boot_pick, and releases
// that its release engineer has signed.
#ifndef SV_SLOT_TEST_DEVICE_H
#define SV_SLOT_TEST_DEVICE_H

#include "test_medium.h"
#include <boot/pick.h>
#include <crypto/key_store.h>
#include <crypto/p256.h>
#include <slot/engine.h>
#include <sys/disk.h>
#include <update/boot_header.h>
#include <update/image.h>

enum { IMAGE_BYTES = 2500, PIECE_BYTES = 1000, FLUSH_BYTES = 2000, SLOT_BYTES = 8192 };

typedef struct release {
    uint8_t image[IMAGE_BYTES];
    uint8_t header[SV_BOOT_HEADER_BYTES];
    sv_boot_header said;
} release;

typedef struct device {
    medium *m;
    sv_boot_file file;
    sv_boot_control boot;
    sv_native native;
    sv_installer installer;
    sv_counter counter;
    sv_engine engine;
} device;

static sv_boot_key BOOT_KEY;
static const sv_boot_keys BOOT_KEYS = { .trusted = &BOOT_KEY, .trusted_count = 1 };

static inline struct evp_pkey_st *make_boot_key(void) {
    char folder[] = "/tmp/selvedge-slot-XXXXXX";
    char path[SV_PATH_MAX];
    uint8_t spki[SV_P256_SPKI_BYTES];
    struct evp_pkey_st *key = NULL;
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/key", folder);
    assert_int_equal(sv_key_make(path, SV_KEY_EC, &key, NULL), SV_OK);
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
    assert_int_equal(sv_p256_spki(key, spki, NULL), SV_OK);
    assert_true(sv_boot_key_read(spki, sizeof spki, &BOOT_KEY));
    return key;
}

static inline sv_err read_memory(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    (void) why;
    memcpy(out, (const uint8_t *) arg + at, bytes);
    return SV_OK;
}

static inline void make_release(struct evp_pkey_st *key, uint32_t counter, release *out) {
    sv_prng prng = { .state = counter };
    for (size_t i = 0; i < IMAGE_BYTES; i++) {
        out->image[i] = (uint8_t) sv_prng_next(&prng);
    }
    out->said = (sv_boot_header){ .image_bytes = IMAGE_BYTES,
                                  .counter = counter,
                                  .hardware_count = 1,
                                  .product = "lathe-ctl",
                                  .slot = "rootfs",
                                  .hardware = { "rev-b" } };
    (void) snprintf(out->said.version, sizeof out->said.version, "%u.0", counter);
    const sv_image_bytes image = { .arg = out->image, .length = IMAGE_BYTES, .read = read_memory };
    assert_int_equal(sv_image_digest(&image, out->said.digest, NULL), SV_OK);
    assert_int_equal(sv_boot_header_sign(&out->said, key, out->header, NULL), SV_OK);
}

/// As it leaves the factory: two slots, this release in slot a, nothing remembered.
static inline void factory(platter *p, const release *first) {
    memset(p, 0, sizeof *p);
    platter_add(p, "slot-a", SLOT_BYTES);
    platter_add(p, "slot-b", SLOT_BYTES);
    memcpy(p->files[0].data, first->image, IMAGE_BYTES);
    memcpy(p->files[0].data + SLOT_BYTES - SV_BOOT_TRAILER_BYTES, first->header,
           SV_BOOT_HEADER_BYTES);
}

/// `d` must not move afterwards.
static inline void device_on(device *d, medium *m) {
    *d = (device){ .m = m };
    d->file = (sv_boot_file){ .disk = &m->disk, .running = SV_BOOT_NO_SLOT };
    d->boot = sv_boot_file_control(&d->file);
    d->native = (sv_native){ .disk = &m->disk, .names = { "slot-a", "slot-b" }, .file = -1 };
    d->installer = sv_native_installer(&d->native);
    d->counter = (sv_counter){ .arg = m, .read = medium_ticks, .raise = medium_raise };
    d->engine =
        (sv_engine){ .disk = &m->disk,
                     .counter = &d->counter,
                     .boot = &d->boot,
                     .installer = &d->installer,
                     .keys = &BOOT_KEYS,
                     .device = { .product = "lathe-ctl", .hardware = "rev-b", .slot = "rootfs" },
                     .flush_bytes = FLUSH_BYTES };
}

static inline bool read_slot(void *arg, uint64_t offset, uint8_t *out, size_t len) {
    memcpy(out, (const uint8_t *) arg + offset, len);
    return true;
}

/// What a boot loader chooses of a platter, with the state that is remembered there.
static inline void pick_on(const platter *p, const sv_boot_state *state, bool can_keep,
                           sv_boot_choice *out) {
    uint8_t block[512];
    sv_boot_place places[SV_BOOT_SLOTS];
    const sv_boot_device who = { .product = "lathe-ctl", .hardware = "rev-b", .slot = "rootfs" };
    for (int i = 0; i < SV_BOOT_SLOTS; i++) {
        uint8_t *data = (uint8_t *) (uintptr_t) p->files[i].data;
        places[i] = (sv_boot_place){ data + SLOT_BYTES - SV_BOOT_TRAILER_BYTES,
                                     SLOT_BYTES - SV_BOOT_TRAILER_BYTES,
                                     { data, read_slot } };
    }
    sv_boot_pick(state, places, &BOOT_KEYS, &who, can_keep, block, sizeof block, out);
}

/// A start: choose, keep, run. `forgets`: a boot loader that does not count the tries.
static inline sv_err device_start(device *d, bool forgets, sv_why *why) {
    sv_boot_state state;
    sv_boot_choice choice;
    d->file.running = SV_BOOT_NO_SLOT;
    SV_TRY(sv_boot_file_read(&d->file, &state, NULL, why));
    pick_on(&d->m->now, &state, true, &choice);
    if (choice.slot == SV_BOOT_NO_SLOT) {
        return sv_fail(why, SV_ERR_STATE, "nothing may be started");
    }
    if (forgets && choice.trial) {
        choice.after.slots[choice.slot].tries_left++;
    }
    if (memcmp(choice.after.slots, state.slots, sizeof state.slots) != 0) {
        SV_TRY(sv_boot_file_keep(&d->file, &choice.after, why));
    }
    d->file.running = choice.slot;
    return SV_OK;
}

/// Push an image from where it is wanted, to its end.
static inline sv_err push_image(sv_engine *engine, const uint8_t *image, sv_why *why) {
    while (sv_engine_next(engine) == SV_TRIAL_WRITE) {
        uint64_t at = sv_engine_wanted(engine);
        size_t left = (size_t) (IMAGE_BYTES - at);
        SV_TRY(sv_engine_write(engine, image + at, left < PIECE_BYTES ? left : PIECE_BYTES, why));
    }
    return SV_OK;
}

static inline sv_err install(sv_engine *engine, const release *r, sv_why *why) {
    SV_TRY(sv_engine_offer(engine, r->header, sizeof r->header, "raw", why));
    SV_TRY(push_image(engine, r->image, why));
    return sv_engine_install(engine, why);
}

/// Somebody else writes over a slot: this release, or (NULL) something that nobody signed.
static inline void write_over(medium *m, unsigned slot, const release *r) {
    uint8_t *data = m->now.files[platter_find(&m->now, slot == 0 ? "slot-a" : "slot-b")].data;
    memset(data, 0x5a, SLOT_BYTES);
    if (r != NULL) {
        memcpy(data, r->image, sizeof r->image);
        memcpy(data + SLOT_BYTES - SV_BOOT_TRAILER_BYTES, r->header, sizeof r->header);
    }
}

/// That is said of its update, and its image may come again. [slot-43]
static inline void is_written_over(const device *d, const release *r) {
    const sv_journal *journal = &d->engine.journal;
    bool said = false;
    for (size_t i = 0; i < journal->report_count; i++) {
        const sv_journal_report *report = &journal->reports[i];
        assert_false(report->counter == r->said.counter && report->state == SV_TRIAL_CONFIRMED);
        said = said
               || (report->state == SV_TRIAL_FAILED && report->counter == r->said.counter
                   && strcmp(report->why, "somebody else has written over it in slot b") == 0);
    }
    assert_true(said);
    assert_false(sv_journal_is_bad(journal, r->said.digest));
}

#endif
