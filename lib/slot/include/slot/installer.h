// How an image comes into a slot, and from there to what is started: two tables, so that another
// kind of slot is another file. Nothing here decides whether that is right; slot/engine.h does, in
// the order of update/trial.h.
//
//   image ── sv_installer ─▶ in the slot, sealed, read back ── sv_placer ─▶ what is started
//
// Where the image itself is what is started there is no placer. Where it is not (an archive of a
// tree, a bundle of RAUC or SWUpdate) it lies in a plain file, and the placer makes of it what is.
#ifndef SV_SLOT_INSTALLER_H
#define SV_SLOT_INSTALLER_H

#include <boot/header.h>
#include <slot/disk.h>
#include <stdbool.h>
#include <update/image.h>

/// The image that lies in a slot, to be read. As long as its header says, which nobody has judged.
typedef struct sv_slot_image {
    const sv_slot_disk *disk; ///< NULL: nothing is open
    int file;
    void (*tick)(void *arg);
    void *tick_arg;
    sv_image_bytes bytes;
} sv_slot_image;

void sv_slot_image_drop(sv_slot_image *image);

/// What becomes of an image that was read back. `slot` is never the one that runs, and nothing in
/// it counts. [slot-23]
typedef struct sv_placer {
    void *arg;
    /// Make of it what is started: durable, and read back where that can be, when this returns
    /// SV_OK. It does not start it, and does not make it the one that starts next: that is the boot
    /// control's, which is asked afterwards. Cut, it is called again, from the beginning. The image
    /// was read back a while ago: its hash is `header`'s, or nothing of it may count.
    /// SV_ERR_UNTRUSTED, SV_ERR_INVALID: it never can be placed here; the update has failed, with
    /// this reason. Any other error: it may be tried again.
    sv_err (*place)(void *arg, unsigned slot, const sv_boot_header *header,
                    const sv_image_bytes *image, sv_why *why);
    /// Before a slot that has proved itself is gone back to by hand: is what was placed still
    /// there? Any error says why not.
    sv_err (*check)(void *arg, unsigned slot, const sv_boot_header *header, sv_why *why);
    /// At a start: is what lies in the slot what was placed there, the image of this digest? As far
    /// as whoever keeps the slots says. SV_ERR_UNTRUSTED: somebody else has placed something over
    /// it; SV_ERR_NOT_FOUND: nobody knows. Either says so in a sentence for a report. NULL: the
    /// boot header in the slot says it. [slot-43]
    sv_err (*holds)(void *arg, unsigned slot, const uint8_t digest[SV_BOOT_DIGEST_BYTES],
                    sv_why *why);
    /// The image is needed after it was placed; else its room is given back, and there is none that
    /// a delta could start from.
    bool keeps_image;
} sv_placer;

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
    /// The image in a slot that is not being written: what is placed, what a delta starts from.
    /// SV_ERR_NOT_FOUND when there is none. `out` must not move until it is dropped.
    sv_err (*image)(void *arg, unsigned slot, sv_slot_image *out, sv_why *why);
    /// The image's room is given back, its header stays: it was placed, and is not needed there.
    sv_err (*drop_image)(void *arg, unsigned slot, sv_why *why);
    void (*end)(void *arg);  ///< harmless when nothing began
    const sv_placer *placer; ///< NULL: what lies in the slot is what is started
} sv_installer;

/// Installer `native`: the image from the beginning of the slot, its header at the beginning of the
/// last SV_BOOT_TRAILER_BYTES (docs/spec/boot.md). A slot is a plain file or a block device, which
/// is as long as it was made. [slot-6]
///
/// `apart`: the slot is a plain file with the image and nothing else, made and as long as it has to
/// be, and its header the file of the same name and ".boot". Whoever reads the image by its path
/// reads it as it was published. [slot-24]
typedef struct sv_native {
    const sv_slot_disk *disk;
    const char *names[2]; ///< of the slots in the disk's folder
    bool devices;         ///< they are block devices
    bool apart;
    uint64_t image_max; ///< with `apart`: of an image
    int file;           ///< what is being written; -1: nothing
    unsigned slot;      ///< which that is
    uint64_t room;      ///< for its image
    /// Called before each read and write of an image, which may take long; may be NULL.
    void (*tick)(void *arg);
    void *tick_arg;
} sv_native;

/// A slot as a file of so many bytes, unless it is there; it has its name when it is that long.
sv_err sv_native_make(const sv_slot_disk *disk, const char *name, uint64_t bytes, sv_why *why);

/// `native` is borrowed; its `file` is to be -1. Without a placer, which whoever has one adds.
sv_installer sv_native_installer(sv_native *native);

#endif
