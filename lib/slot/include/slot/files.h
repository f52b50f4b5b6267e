// Installer `files`: an image is the archive of a tree (slot/tar.h), and what is started is that
// tree. A folder has, for either slot, the archive with its boot header (slot/installer.h, `apart`)
// and the tree, and a link to the one that runs:
//
//   slot-a  slot-a.boot  tree-a/      slot-b  slot-b.boot  tree-b/      current -> tree-a
//
// An archive stays beside its tree: at each start the one is held against the other, so that what
// is started is what was signed, and a tree that was damaged, or is not there at all, is made anew.
// [slot-31] [slot-32]
#ifndef SV_SLOT_FILES_H
#define SV_SLOT_FILES_H

#include <boot/verify.h>
#include <slot/boot_control.h>
#include <slot/installer.h>

enum { SV_FILES_TRIES = 3 }; ///< of unpacking, when other bytes are read than were written

typedef struct sv_files {
    const sv_installer *installer; ///< of the archives
    uint64_t bytes_max;            ///< of a tree's files
    void (*tick)(void *arg);       ///< before each piece of what takes long; may be NULL
    void *tick_arg;
    /// Told what is found at a start, in a sentence; may be NULL.
    void (*tell)(void *arg, const char *sentence);
    void *tell_arg;
    // From here on its own.
    char path[1024];
    int folder; ///< -1: not open
} sv_files;

/// The folder is the one that the archives lie in.
sv_err sv_files_open(sv_files *files, const char *path, sv_why *why);
void sv_files_drop(sv_files *files);

/// `files` is borrowed. A tree is unpacked beside its place, flushed, held against its archive, and
/// then gets its name; the tree that runs, and the link to it, are not touched.
sv_placer sv_files_placer(sv_files *files);

/// Which tree `current` leads to; SV_BOOT_NO_SLOT: none.
sv_err sv_files_current(const sv_files *files, unsigned *slot, sv_why *why);

/// The boot loader's part, before anything of a tree runs: choose (boot/pick.h), make sure that the
/// tree of the choice is whole, keep what was chosen, and only then have `current` lead to it, in
/// one rename. What cannot be started is passed over. A tree that could not be looked at or made
/// anew, by a fault of the machine, is as it was, and on trial it had a try. SV_ERR_UNTRUSTED when
/// nothing may be started, or that fault.
sv_err sv_files_start(sv_files *files, sv_boot_file *boot, const sv_boot_keys *keys,
                      const sv_boot_device *device, unsigned *slot, sv_why *why);

#endif
