// Storage, in the few calls that an update needs: a table, so that the real one (a folder), one in
// memory that loses power, and one that fails at the n-th call are the same to whoever writes.
//
// Names are single: no '/', no link is followed, and what is opened is a plain file with one name
// or, where that is asked for, a block device. Nothing else is ever read or written. [slot-1]
#ifndef SV_SLOT_DISK_H
#define SV_SLOT_DISK_H

#include <base/err.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SV_SLOT_NAME_MAX = 64, ///< of a file in the folder
    SV_SLOT_FILES_MAX = 8, ///< open at a time
};

/// How to open. 0: a plain file that is there, for reading.
enum {
    SV_SLOT_WRITE = 1,  ///< for reading and writing
    SV_SLOT_MAKE = 2,   ///< a new one, 0600; one that is there is an error
    SV_SLOT_DEVICE = 4, ///< a block device, and not a plain file
};

/// Files are numbers, from 0. All reads and writes are whole or an error. SV_ERR_NOT_FOUND,
/// SV_ERR_UNTRUSTED (a link, a device, a pipe in the place of a file), SV_ERR_NO_SPACE, SV_ERR_IO.
typedef struct sv_slot_disk {
    void *arg;
    sv_err (*open)(void *arg, const char *name, unsigned how, int *file, sv_why *why);
    void (*close)(void *arg, int file);
    sv_err (*length)(void *arg, int file, uint64_t *bytes, sv_why *why);
    sv_err (*set_length)(void *arg, int file, uint64_t bytes, sv_why *why);
    sv_err (*read)(void *arg, int file, uint64_t at, uint8_t *out, size_t len, sv_why *why);
    sv_err (*write)(void *arg, int file, uint64_t at, const uint8_t *bytes, size_t len,
                    sv_why *why);
    /// What was written to it is on the medium when this returns; its name need not be.
    sv_err (*sync)(void *arg, int file, sv_why *why);
    /// What is read from now on comes from the medium, not from memory.
    sv_err (*forget)(void *arg, int file, sv_why *why);
    sv_err (*rename)(void *arg, const char *from, const char *to, sv_why *why);
    sv_err (*unlink)(void *arg, const char *name, sv_why *why); ///< absent is fine
    /// Names that were made, changed and removed are so on the medium.
    sv_err (*sync_folder)(void *arg, sv_why *why);
} sv_slot_disk;

/// A folder of the machine's. It belongs to who runs this or to root, and not everybody may write
/// into it.
typedef struct sv_slot_folder sv_slot_folder;

sv_err sv_slot_folder_open(const char *path, sv_slot_folder **out, sv_why *why);
void sv_slot_folder_drop(sv_slot_folder **folder);
/// Lives as long as the folder.
const sv_slot_disk *sv_slot_folder_disk(sv_slot_folder *folder);

#endif
