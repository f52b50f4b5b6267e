// The slots of an updater: that both are there, alike, and can be read where their boot headers
// lie.
#include "doctor.h"

#include <base/fd.h>
#include <boot/header.h>
#include <errno.h>
#include <fcntl.h>
#include <slot/disk.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1024 * 1024 };

/// [doctor-11]
static void say_unread(const char *slot, const char *why, const char *of, doctor_report *report) {
    doctor_bad(
        report, DOCTOR_SLOTS, of,
        "look after its disk (`dmesg`). The next update writes a slot anew that does not run; "
        "in one that runs nothing is confirmed until it can be read",
        "the boot header in '%s' cannot be read: %s", slot, why);
}

/// Bytes of a block device; 0: it is none, and that was said.
static uint64_t judge_device(const char *path, const char *of, doctor_report *report) {
    struct stat info = { .st_mode = 0 };
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t bytes = fd >= 0 && fstat(fd, &info) == 0 ? lseek(fd, 0, SEEK_END) : -1;
    if (fd < 0) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   errno == EACCES ? "run this as root, as the updater runs"
                                   : "name the partition that is the slot (`lsblk`); one that udev "
                                     "names by its label stays the same",
                   "the slot '%s': %m", path);
    } else if (!S_ISBLK(info.st_mode)) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "name a block device; slots that are files are a folder: `slots: DIR`",
                   "the slot '%s' is no block device", path);
    }
    bool is_slot = fd >= 0 && S_ISBLK(info.st_mode) && bytes > 0;
    uint8_t header[SV_BOOT_HEADER_BYTES];
    if (is_slot && bytes >= SV_BOOT_TRAILER_BYTES
        && pread(fd, header, sizeof header, bytes - SV_BOOT_TRAILER_BYTES) < 0) {
        say_unread(path, sv_errno_text(errno), of, report);
    }
    return is_slot ? (uint64_t) bytes : 0;
}

static uint64_t judge_file(const sv_slot_disk *disk, const char *dir, const char *name,
                           const char *of, doctor_report *report) {
    uint64_t bytes = 0;
    int file = -1;
    uint8_t header[SV_BOOT_HEADER_BYTES];
    sv_why why = { .text = "" };
    sv_err err = disk->open(disk->arg, name, 0, &file, &why);
    if (err == SV_OK) {
        err = disk->length(disk->arg, file, &bytes, &why);
        if (err == SV_OK && bytes >= SV_BOOT_TRAILER_BYTES
            && disk->read(disk->arg, file, bytes - SV_BOOT_TRAILER_BYTES, header, sizeof header,
                          &why)
                   != SV_OK) {
            say_unread(name, why.text, of, report);
        }
        disk->close(disk->arg, file);
    }
    if (err != SV_OK) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "make the slots with the first image: `selvedge firmware install IMAGE --slots "
                   "DIR`; they are plain files with one name",
                   "%s in '%s': %s", name, dir, why.text);
    }
    return err == SV_OK ? bytes : 0;
}

static bool find_sizes(const doctor_updater *updater, const char *of, uint64_t bytes[2],
                       doctor_report *report) {
    sv_slot_folder *folder = NULL;
    sv_why why = { .text = "" };
    if (updater->slots[0] == '\0') {
        bytes[0] = judge_device(updater->a, of, report);
        bytes[1] = judge_device(updater->b, of, report);
    } else if (sv_slot_folder_open(updater->slots, &folder, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "make the folder for root alone (chmod go-w): who may write there decides what "
                   "this device runs",
                   "%s", why.text);
        bytes[0] = bytes[1] = 0;
    } else {
        const sv_slot_disk *disk = sv_slot_folder_disk(folder);
        bytes[0] = judge_file(disk, updater->slots, "slot-a", of, report);
        bytes[1] = judge_file(disk, updater->slots, "slot-b", of, report);
    }
    sv_slot_folder_drop(&folder);
    return bytes[0] > 0 && bytes[1] > 0;
}

uint64_t doctor_look_at_slots(const doctor_updater *updater, const char *of,
                              doctor_report *report) {
    uint64_t bytes[2] = { 0, 0 };
    if (updater->is_rauc) {
        doctor_skip(report, DOCTOR_SLOTS, of, "they are RAUC's: `rauc status` shows them");
        return 0;
    }
    if (updater->is_files) {
        return doctor_look_at_trees(updater, of, report);
    }
    if (!find_sizes(updater, of, bytes, report)) {
        return 0;
    }
    if (bytes[0] != bytes[1]) {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "make both alike, or keep images below the smaller one: what fits one of them "
                   "alone is refused every other time",
                   "slot a has %llu bytes and slot b %llu", (unsigned long long) bytes[0],
                   (unsigned long long) bytes[1]);
    } else {
        doctor_good(report, DOCTOR_SLOTS, of, "both slots have %llu MiB",
                    (unsigned long long) (bytes[0] / MIB));
    }
    return bytes[0] > bytes[1] ? bytes[0] : bytes[1];
}
