// How an image comes into a slot: a table, so that another kind of slot is another file. Nothing
// here decides whether that is right; slot/engine.h does, in the order of update/trial.h.
#ifndef SV_SLOT_INSTALLER_H
#define SV_SLOT_INSTALLER_H

#include <boot/header.h>
#include <slot/disk.h>
#include <stdbool.h>
#include <update/image.h>

typedef struct sv_installer {
    void *arg;
    /// The boot header in the slot as it lies there, for whoever judges it; zeros when there is no
    /// such slot.
    sv_err (*header)(void *arg, unsigned slot, uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why);
    /// The slot will be written. SV_ERR_NO_SPACE when such an image does not fit. One at a time.
    sv_err (*begin)(void *arg, unsigned slot, uint64_t image_bytes, sv_why *why);
    sv_err (*write)(void *arg, uint64_t at, const uint8_t *bytes, size_t len, sv_why *why);
    /// What lies in the slot that is being written.
    sv_err (*read)(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why);
    sv_err (*flush)(void *arg, sv_why *why);
    /// Behind the image that is flushed, and flushed itself.
    sv_err (*seal)(void *arg, const uint8_t header[SV_BOOT_HEADER_BYTES], sv_why *why);
    /// From the medium: SV_ERR_UNTRUSTED when the image is not the one that its header is about, or
    /// the header another.
    sv_err (*read_back)(void *arg, const uint8_t header[SV_BOOT_HEADER_BYTES], sv_why *why);
    void (*end)(void *arg); ///< harmless when nothing began
} sv_installer;

/// Installer `native`: the image from the beginning of the slot, its header at the beginning of the
/// last SV_BOOT_TRAILER_BYTES (docs/spec/boot.md). A slot is a plain file or a block device, which
/// is as long as it was made. [slot-6]
typedef struct sv_native {
    const sv_slot_disk *disk;
    const char *names[2]; ///< of the slots in the disk's folder
    bool devices;         ///< they are block devices
    int file;             ///< what is being written; -1: nothing
    uint64_t slot_bytes;
} sv_native;

/// A slot as a file of so many bytes, unless it is there; it has its name when it is that long.
sv_err sv_native_make(const sv_slot_disk *disk, const char *name, uint64_t bytes, sv_why *why);

/// `native` is borrowed; its `file` is to be -1.
sv_installer sv_native_installer(sv_native *native);

/// The image that lies in a slot, to be read: what a delta starts from. As long as its header says,
/// which nobody has judged: SV_ERR_NOT_FOUND when there is none.
typedef struct sv_native_image {
    const sv_slot_disk *disk; ///< NULL: nothing is open
    int file;
    sv_image_bytes bytes;
} sv_native_image;

/// `out` must not move until it is dropped.
sv_err sv_native_image_open(const sv_native *native, unsigned slot, sv_native_image *out,
                            sv_why *why);
void sv_native_image_drop(sv_native_image *image);

#endif
