// What an updater needs whose releases are trees (slot/files.h): the archive and the boot header of
// the tree that runs, the link to it, and room for the next one. The other slot may have anything
// or nothing: it is what an update is written to.
#include "doctor.h"

#include <boot/header.h>
#include <ftw.h>
#include <slot/files.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    MIB = 1024 * 1024,
    OPEN_FOLDERS = 16,
    STAT_BLOCK = 512,
};

// ---- what runs ----------------------------------------------------------------------------------

/// A file's length; as long as a boot header, it is read too. [doctor-11]
static sv_err length_of(const sv_slot_disk *disk, const char *name, uint64_t *bytes, sv_why *why) {
    int file = -1;
    uint8_t header[SV_BOOT_HEADER_BYTES];
    SV_TRY(disk->open(disk->arg, name, 0, &file, why));
    sv_err err = disk->length(disk->arg, file, bytes, why);
    err = err == SV_OK && *bytes == sizeof header
              ? disk->read(disk->arg, file, 0, header, sizeof header, why)
              : err;
    disk->close(disk->arg, file);
    return err;
}

/// The archive's bytes, when it and its header are there.
static sv_err look_at_archive(const char *dir, unsigned slot, uint64_t *bytes, sv_why *why) {
    SV_DEFER(sv_slot_folder_drop) sv_slot_folder *folder = NULL;
    char name[SV_SLOT_NAME_MAX];
    uint64_t header = 0;
    SV_TRY(sv_slot_folder_open(dir, &folder, why));
    (void) snprintf(name, sizeof name, "slot-%s", sv_slot_letter(slot));
    SV_TRY(length_of(sv_slot_folder_disk(folder), name, bytes, why));
    (void) snprintf(name, sizeof name, "slot-%s.boot", sv_slot_letter(slot));
    SV_TRY(length_of(sv_slot_folder_disk(folder), name, &header, why));
    return header == SV_BOOT_HEADER_BYTES
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%s' has %llu bytes, and a boot header has %d", name,
                         (unsigned long long) header, SV_BOOT_HEADER_BYTES);
}

/// The slot that runs; where none does, the one that a device is made with.
static unsigned look_at_link(const char *dir, const char *of, doctor_report *report) {
    SV_DEFER(sv_files_drop) sv_files files = { .folder = -1 };
    unsigned slot = SV_BOOT_NO_SLOT;
    sv_why why = { .text = "" };
    sv_err err = sv_files_open(&files, dir, &why);
    if (err == SV_OK) {
        err = sv_files_current(&files, &slot, &why);
    }
    struct stat info;
    bool there = slot < SV_BOOT_SLOTS && fstatat(files.folder, "current/", &info, 0) == 0;
    if (err != SV_OK || !there) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "have `selvedge-updater --config FILE --choose` run at each start, before "
                   "anything of a tree: selvedge-tree.service does it",
                   "'%s/current' leads to no tree%s%s", dir, err != SV_OK ? ": " : "", why.text);
    }
    return slot < SV_BOOT_SLOTS ? slot : 0;
}

static void judge_archive(const char *dir, unsigned slot, const char *of, doctor_report *report) {
    uint64_t bytes = 0;
    sv_why why = { .text = "" };
    sv_err err = look_at_archive(dir, slot, &bytes, &why);
    if (err == SV_ERR_UNTRUSTED && bytes == 0) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "give the folder and the archives to root alone (chmod go-w), as plain files "
                   "with one name: who may write there decides what this device runs",
                   "%s", why.text);
    } else if (err != SV_OK) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "copy the signed archive and its boot header there, as slot-a and slot-a.boot; "
                   "without them the tree that runs is not started again",
                   "slot %s in '%s': %s", sv_slot_letter(slot), dir, why.text);
    } else {
        doctor_good(report, DOCTOR_SLOTS, of,
                    "the archive and the boot header of tree-%s are there, %llu MiB",
                    sv_slot_letter(slot), (unsigned long long) (bytes / MIB));
    }
}

// ---- room for the next one ----------------------------------------------------------------------

static uint64_t found_bytes;

static int add_bytes(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void) path;
    (void) at;
    found_bytes += kind == FTW_NS ? 0 : (uint64_t) info->st_blocks * STAT_BLOCK;
    return 0;
}

/// What the next update is written over.
static uint64_t bytes_of_slot(const char *dir, unsigned slot) {
    static const char *const KINDS[] = { "slot", "tree" };
    found_bytes = 0;
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        char path[SV_PATH_MAX];
        int len = snprintf(path, sizeof path, "%s/%s-%s", dir, KINDS[i], sv_slot_letter(slot));
        if (len > 0 && (size_t) len < sizeof path) {
            (void) nftw(path, add_bytes, OPEN_FOLDERS, FTW_PHYS);
        }
    }
    return found_bytes;
}

static void judge_trees_room(const doctor_updater *updater, unsigned running, const char *of,
                             doctor_report *report) {
    struct statvfs disk;
    uint64_t wanted = 2 * (uint64_t) updater->room;
    if (statvfs(updater->slots, &disk) != 0) {
        return; // which was said
    }
    uint64_t has = (uint64_t) disk.f_bavail * disk.f_frsize
                   + bytes_of_slot(updater->slots, running == 0 ? 1 : 0);
    if ((disk.f_flag & ST_RDONLY) != 0) {
        doctor_bad(report, DOCTOR_DISK, of, "mount it writable: archives and trees are written",
                   "the disk of '%s' is read-only", updater->slots);
    } else if (has < wanted) {
        doctor_bad(report, DOCTOR_DISK, of,
                   "make room there, or lower `room:`: an archive and its tree may have that much "
                   "each",
                   "'%s' has room for %llu MiB, and the next update takes up to %llu",
                   updater->slots, (unsigned long long) (has / MIB),
                   (unsigned long long) (wanted / MIB));
    } else {
        doctor_good(report, DOCTOR_DISK, of, "'%s' has room for %llu MiB", updater->slots,
                    (unsigned long long) (has / MIB));
    }
}

uint64_t doctor_look_at_trees(const doctor_updater *updater, const char *of,
                              doctor_report *report) {
    unsigned running = look_at_link(updater->slots, of, report);
    judge_archive(updater->slots, running, of, report);
    judge_trees_room(updater, running, of, report);
    return (uint64_t) updater->room;
}
