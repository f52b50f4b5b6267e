// For tests: a device whose releases are trees, in a real folder, and releases that its release
// engineer has signed.
#ifndef SV_SLOT_TEST_TREES_H
#define SV_SLOT_TEST_TREES_H

#include "test_device.h"
#include "test_tar.h"

#include <slot/files.h>

enum { MOST = 60 * 1024 };

static struct evp_pkey_st *KEY;
static archive OF[4];
static release SIGNED[4]; ///< the headers of these

static char DIR_NAME[64];
static char TOLD[1024];

typedef struct tree_device {
    sv_slot_folder *folder;
    sv_boot_file file;
    sv_boot_control boot;
    sv_native native;
    sv_installer installer;
    sv_files files;
    sv_placer placer;
    sv_engine engine;
} tree_device;

static inline void hear(void *arg, const char *sentence) {
    (void) arg;
    (void) snprintf(TOLD, sizeof TOLD, "%s", sentence);
}

static inline void close_device(tree_device *d) {
    sv_files_drop(&d->files);
    sv_slot_folder_drop(&d->folder);
}

static inline void open_device(tree_device *d) {
    *d = (tree_device){ .files = { .installer = &d->installer, .bytes_max = MOST, .tell = hear } };
    assert_int_equal(sv_slot_folder_open(DIR_NAME, &d->folder, NULL), SV_OK);
    const sv_slot_disk *disk = sv_slot_folder_disk(d->folder);
    d->native = (sv_native){
        .disk = disk, .names = { "slot-a", "slot-b" }, .apart = true, .image_max = MOST, .file = -1
    };
    d->installer = sv_native_installer(&d->native);
    assert_int_equal(sv_files_open(&d->files, DIR_NAME, NULL), SV_OK);
    d->placer = sv_files_placer(&d->files);
    d->installer.placer = &d->placer;
    d->file = (sv_boot_file){ .disk = disk, .running = SV_BOOT_NO_SLOT };
    d->boot = sv_boot_file_control(&d->file);
    d->engine =
        (sv_engine){ .disk = disk,
                     .boot = &d->boot,
                     .installer = &d->installer,
                     .keys = &BOOT_KEYS,
                     .device = { .product = "lathe-ctl", .hardware = "rev-b", .slot = "tree" } };
}

static const sv_boot_device WHO = { .product = "lathe-ctl", .hardware = "rev-b", .slot = "tree" };

static inline sv_err start_trees(tree_device *d, unsigned *slot, sv_why *why) {
    TOLD[0] = '\0';
    SV_TRY(sv_files_start(&d->files, &d->file, &BOOT_KEYS, &WHO, slot, why));
    unsigned current = SV_BOOT_NO_SLOT;
    assert_int_equal(sv_files_current(&d->files, &current, NULL), SV_OK);
    assert_int_equal(current, *slot);
    d->file.running = *slot;
    assert_int_equal(sv_engine_wake(&d->engine, NULL), SV_OK);
    return SV_OK;
}

static inline unsigned started(tree_device *d) {
    unsigned slot = SV_BOOT_NO_SLOT;
    sv_why why = { 0 };
    if (start_trees(d, &slot, &why) != SV_OK) {
        fail_msg("nothing starts: %s", why.text);
    }
    return slot;
}

static inline sv_err install_tree(tree_device *d, unsigned number, sv_why *why) {
    const release *r = &SIGNED[number];
    SV_TRY(sv_engine_offer(&d->engine, r->header, sizeof r->header, "raw", why));
    while (sv_engine_next(&d->engine) == SV_TRIAL_WRITE) {
        uint64_t at = sv_engine_wanted(&d->engine);
        SV_TRY(sv_engine_write(&d->engine, (const uint8_t *) OF[number].at + at,
                               (size_t) (OF[number].len - at), why));
    }
    return sv_engine_install(&d->engine, why);
}

/// Archives of trees, each larger than the one before.
static inline void make_trees(void) {
    for (uint32_t i = 1; i < SV_COUNT(OF); i++) {
        char text[32];
        (void) snprintf(text, sizeof text, "release %u\n", i);
        tar_folder(&OF[i], "etc");
        tar_file(&OF[i], "etc/release", text);
        tar_folder(&OF[i], "bin");
        (void) tar_add(&OF[i], '0', "bin/run", 0755, "",
                       (sv_text){ .at = "123456789abcdefghijk", .len = (size_t) 4 * i });
        tar_link(&OF[i], "run", "bin/run");
        tar_close(&OF[i]);
        SIGNED[i].said = (sv_boot_header){ .image_bytes = OF[i].len,
                                           .counter = i,
                                           .hardware_count = 1,
                                           .product = "lathe-ctl",
                                           .slot = "tree",
                                           .hardware = { "rev-b" } };
        (void) snprintf(SIGNED[i].said.version, sizeof SIGNED[i].said.version, "%u.0", i);
        memcpy(SIGNED[i].said.digest, OF[i].digest, sizeof OF[i].digest);
        assert_int_equal(sv_boot_header_sign(&SIGNED[i].said, KEY, SIGNED[i].header, NULL), SV_OK);
    }
}

#endif
