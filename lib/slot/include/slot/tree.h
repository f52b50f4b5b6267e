// A tree of files on a disk, and the archive it is of (slot/tar.h): unpacked into a folder that is
// empty, or held against it entry by entry and byte by byte. Everything is opened from that folder
// on, name by name, and no link is followed. Folders come before what is in them; files are 0644 or
// 0755, folders 0755, all of them the user's that runs this. [slot-30] [slot-31]
#ifndef SV_SLOT_TREE_H
#define SV_SLOT_TREE_H

#include <slot/tar.h>
#include <update/image.h>

/// An archive, plain or as zstd (codec/expand.h), with the SHA-256 that its bytes have to have.
typedef struct sv_tree_archive {
    const sv_image_bytes *image;
    const uint8_t *digest;
    uint64_t bytes_max; ///< of all its files together
    /// Called before each piece of a file, however little of the archive that is, and before each
    /// flush; may be NULL.
    void (*tick)(void *arg);
    void *tick_arg;
} sv_tree_archive;

/// `folder` is an open one. It is flushed when this returns SV_OK. SV_ERR_INVALID for what is no
/// such archive, SV_ERR_UNTRUSTED for another one, and then what was made of it is to be thrown
/// away; SV_ERR_NO_SPACE, SV_ERR_IO.
sv_err sv_tree_unpack(const sv_tree_archive *archive, int folder, sv_why *why);
/// Is it that tree and nothing else? SV_ERR_UNTRUSTED with what is another. `from_medium`: read
/// from there, not from memory; everything has been flushed.
sv_err sv_tree_compare(const sv_tree_archive *archive, int folder, bool from_medium, sv_why *why);

#endif
