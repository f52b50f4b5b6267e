// An archive of a tree (tar: ustar and pax, and GNU's long names), read as it comes, in pieces of
// any length. What is read is a small part of what tar can say, all that a tree of a release needs:
// folders, files, and links that stay in the tree. Everything else is refused, with its name: hard
// links, devices, pipes, sparse files, set-user-ID bits, absolute paths, `..`. Owners and times are
// not read. It opens nothing and keeps no bytes. [slot-30]
#ifndef SV_SLOT_TAR_H
#define SV_SLOT_TAR_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_TAR_BLOCK_BYTES = 512,
    SV_TAR_PATH_MAX = 1024, ///< bytes of a path, and of a link's target
    SV_TAR_PART_MAX = 255,  ///< of a part between '/'
    SV_TAR_DEPTH_MAX = 32,  ///< parts of a path
    SV_TAR_EXTENDED_MAX = 8192,
    SV_TAR_ENTRIES_MAX = 65536,
};

typedef enum sv_tar_kind { SV_TAR_FOLDER, SV_TAR_FILE, SV_TAR_LINK } sv_tar_kind;

/// Paths have parts that are neither empty nor `.` or `..`, without control characters, between
/// single '/'.
typedef struct sv_tar_entry {
    sv_tar_kind kind;
    bool executable;                  ///< a file
    uint64_t bytes;                   ///< of a file, which follow
    char path[SV_TAR_PATH_MAX + 1];   ///< from the tree's own folder
    char target[SV_TAR_PATH_MAX + 1]; ///< of a link, from the folder that it is in; it ends in
                                      ///< the tree
} sv_tar_entry;

/// Who takes what is read, in its order.
typedef struct sv_tar_taker {
    void *arg;
    sv_err (*entry)(void *arg, const sv_tar_entry *entry, sv_why *why);
    /// Of the file that came last.
    sv_err (*bytes)(void *arg, sv_text bytes, sv_why *why);
    /// All of an entry has come.
    sv_err (*end)(void *arg, sv_why *why);
} sv_tar_taker;

typedef struct sv_tar {
    sv_tar_taker taker;
    uint64_t bytes_max; ///< of all files together
    // From here on its own.
    uint64_t bytes; ///< of all files so far
    uint32_t entries;
    uint8_t state;
    uint64_t left;    ///< of what follows a header
    unsigned padding; ///< behind that, up to the next block
    size_t have;      ///< of the block
    uint8_t block[SV_TAR_BLOCK_BYTES];
    char extended[SV_TAR_EXTENDED_MAX]; ///< what follows a header that is about the next one
    size_t extended_len;
    bool has_path, has_target, has_size;
    uint64_t size;
    sv_tar_entry entry;
} sv_tar;

void sv_tar_begin(sv_tar *tar, sv_tar_taker taker, uint64_t bytes_max);
/// SV_ERR_INVALID for what is no such archive, or is too large; or what the taker said.
sv_err sv_tar_push(sv_tar *tar, sv_text bytes, sv_why *why);
/// Everything was pushed: it ended the way an archive ends.
sv_err sv_tar_end(const sv_tar *tar, sv_why *why);

#endif
