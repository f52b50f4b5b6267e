#include "tree_walk.h"

#include <base/fd.h>
#include <base/mem.h>
#include <codec/expand.h>
#include <crypto/digest.h>
#include <errno.h>
#include <fcntl.h>
#include <slot/tree.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 32 * 1024,
    FLUSH_BYTES = 16 * 1024 * 1024, ///< written, then flushed: no flush takes very long
    FOLDER_MODE = 0755,
    PROGRAM_MODE = 0755,
    FILE_MODE = 0644,
};

typedef struct tree {
    const sv_tree_archive *archive;
    sv_tree_walk walk;
    int file; ///< that is written or compared; -1: none
    bool from_medium;
    uint64_t at;    ///< of the file
    uint64_t dirty; ///< written since the last flush
    sv_tar_entry entry;
    uint64_t entries;
    uint8_t there[PIECE_BYTES];
} tree;

static void drop(tree **t) {
    if (*t != NULL) {
        sv_fd_drop(&(*t)->file);
        sv_tree_walk_drop(&(*t)->walk);
        sv_mem_drop(t);
    }
}

static tree *new_tree(const sv_tree_archive *archive, int folder, bool from_medium) {
    tree *t = sv_mem_new(sizeof *t);
    t->archive = archive;
    t->walk = (sv_tree_walk){ .root = folder, .fd = -1 };
    t->file = -1;
    t->from_medium = from_medium;
    return t;
}

static void tick(const tree *t) {
    if (t->archive->tick != NULL) {
        t->archive->tick(t->archive->tick_arg);
    }
}

// ---- the archive's bytes ------------------------------------------------------------------------

static sv_err push_to_tar(void *arg, sv_text bytes, sv_why *why) {
    return sv_tar_push(arg, bytes, why);
}

static sv_err read_pieces(const sv_tree_archive *archive, sv_tar *tar, sv_digest *digest,
                          sv_expander **expander, sv_why *why) {
    char piece[PIECE_BYTES];
    const sv_image_bytes *image = archive->image;
    for (uint64_t at = 0; at < image->length;) {
        uint64_t left = image->length - at;
        sv_text bytes = { .at = piece, .len = left < sizeof piece ? (size_t) left : sizeof piece };
        SV_TRY(image->read(image->arg, at, (uint8_t *) piece, bytes.len, why));
        sv_digest_add(digest, bytes);
        if (at == 0 && sv_expander_is_for(bytes)) {
            *expander = sv_expander_new();
        }
        at += bytes.len;
        SV_TRY(*expander != NULL ? sv_expander_push(*expander, bytes, push_to_tar, tar, why)
                                 : sv_tar_push(tar, bytes, why));
    }
    return SV_OK;
}

/// All of it, to who takes its entries; at the end it is the one that was signed.
static sv_err read_archive(const sv_tree_archive *archive, sv_tar_taker taker, sv_why *why) {
    SV_DEFER(sv_digest_drop) sv_digest *digest = sv_digest_new(SV_DIGEST_SHA256);
    SV_DEFER(sv_expander_drop) sv_expander *expander = NULL;
    SV_DEFER(sv_mem_drop) sv_tar *tar = sv_mem_new(sizeof *tar);
    uint8_t there[SV_TARGET_HASH_BYTES];
    sv_tar_begin(tar, taker, archive->bytes_max);
    SV_TRY(read_pieces(archive, tar, digest, &expander, why));
    if (expander != NULL) {
        SV_TRY(sv_expander_end(expander, why));
    }
    SV_TRY(sv_tar_end(tar, why));
    sv_digest_end(digest, there);
    return memcmp(there, archive->digest, sizeof there) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED, "the archive is not the one that was signed");
}

// ---- unpacking ----------------------------------------------------------------------------------

static sv_err fail_to_make(const char *path, sv_why *why) {
    return errno == EEXIST ? sv_fail(why, SV_ERR_INVALID, "the archive has '%.200s' twice", path)
                           : sv_tree_fail("make", path, why);
}

static sv_err make_folder(int at, const char *name, const char *path, sv_why *why) {
    if (mkdirat(at, name, FOLDER_MODE) != 0) {
        return fail_to_make(path, why);
    }
    SV_DEFER(sv_fd_drop)
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && fchmod(fd, FOLDER_MODE) == 0 ? SV_OK
                                                   : sv_tree_fail("make a folder of", path, why);
}

static sv_err make_entry(void *arg, const sv_tar_entry *entry, sv_why *why) {
    tree *t = arg;
    int at = -1;
    const char *name = NULL;
    t->entry = *entry;
    t->at = 0;
    SV_TRY(sv_tree_walk_to(&t->walk, entry->path, &at, &name, why));
    if (entry->kind == SV_TAR_FOLDER) {
        return make_folder(at, name, entry->path, why);
    }
    if (entry->kind == SV_TAR_LINK) {
        return symlinkat(entry->target, at, name) == 0 ? SV_OK : fail_to_make(entry->path, why);
    }
    t->file = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return t->file >= 0 ? SV_OK : fail_to_make(entry->path, why);
}

/// The whole file system: a file and a folder at a time would take a flush for each of thousands.
static sv_err flush(tree *t, sv_why *why) {
    t->dirty = 0;
    tick(t);
    return syncfs(t->walk.root) == 0 ? SV_OK : sv_tree_fail("flush", ".", why);
}

static sv_err make_bytes(void *arg, sv_text bytes, sv_why *why) {
    tree *t = arg;
    tick(t);
    t->dirty += bytes.len;
    while (bytes.len > 0) {
        ssize_t put = pwrite(t->file, bytes.at, bytes.len, (off_t) t->at);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return sv_tree_fail("write", t->entry.path, why);
        }
        t->at += (uint64_t) put;
        bytes.at += put;
        bytes.len -= (size_t) put;
    }
    return t->dirty >= FLUSH_BYTES ? flush(t, why) : SV_OK;
}

static sv_err make_end(void *arg, sv_why *why) {
    tree *t = arg;
    if (t->entry.kind != SV_TAR_FILE) {
        return SV_OK;
    }
    bool good = fchmod(t->file, t->entry.executable ? PROGRAM_MODE : FILE_MODE) == 0;
    good = close(sv_fd_take(&t->file)) == 0 && good;
    return good ? SV_OK : sv_tree_fail("write", t->entry.path, why);
}

sv_err sv_tree_unpack(const sv_tree_archive *archive, int folder, sv_why *why) {
    SV_DEFER(drop) tree *t = new_tree(archive, folder, false);
    const sv_tar_taker maker = {
        .arg = t, .entry = make_entry, .bytes = make_bytes, .end = make_end
    };
    SV_TRY(read_archive(archive, maker, why));
    return flush(t, why);
}

// ---- comparing ----------------------------------------------------------------------------------

static sv_err is_another(const char *path, sv_why *why) {
    return sv_fail(why, SV_ERR_UNTRUSTED, "'%.200s' is not what the archive has", path);
}

static sv_err fail_to_look(const char *path, sv_why *why) {
    return errno == ENOENT || errno == ELOOP || errno == ENOTDIR ? is_another(path, why)
                                                                 : sv_tree_fail("read", path, why);
}

static sv_err compare_link(int at, const char *name, const sv_tar_entry *entry, sv_why *why) {
    char there[SV_TAR_PATH_MAX + 1];
    ssize_t len = readlinkat(at, name, there, sizeof there);
    if (len < 0) {
        return errno == EINVAL ? is_another(entry->path, why) : fail_to_look(entry->path, why);
    }
    return sv_text_is((sv_text){ .at = there, .len = (size_t) len }, entry->target)
               ? SV_OK
               : is_another(entry->path, why);
}

static bool is_as_made(const struct stat *info, const sv_tar_entry *entry) {
    mode_t mode = entry->kind == SV_TAR_FOLDER ? S_IFDIR | FOLDER_MODE
                  : entry->executable          ? S_IFREG | PROGRAM_MODE
                                               : S_IFREG | FILE_MODE;
    return info->st_mode == mode && info->st_uid == geteuid()
           && (entry->kind == SV_TAR_FOLDER
               || (info->st_nlink == 1 && (uint64_t) info->st_size == entry->bytes));
}

static sv_err compare_entry(void *arg, const sv_tar_entry *entry, sv_why *why) {
    tree *t = arg;
    int at = -1;
    const char *name = NULL;
    struct stat info;
    t->entry = *entry;
    t->at = 0;
    t->entries++;
    sv_err err = sv_tree_walk_to(&t->walk, entry->path, &at, &name, why);
    if (err == SV_ERR_INVALID) {
        return is_another(entry->path, why);
    }
    SV_TRY(err);
    if (entry->kind == SV_TAR_LINK) {
        return compare_link(at, name, entry, why);
    }
    // Without waiting for what a pipe would give.
    t->file = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (t->file < 0 || fstat(t->file, &info) != 0) {
        return fail_to_look(entry->path, why);
    }
    if (!is_as_made(&info, entry)) {
        return is_another(entry->path, why);
    }
    int number = t->from_medium && entry->kind == SV_TAR_FILE
                     ? posix_fadvise(t->file, 0, 0, POSIX_FADV_DONTNEED)
                     : 0;
    errno = number;
    return number == 0 ? SV_OK : sv_tree_fail("empty the cache of", entry->path, why);
}

static sv_err compare_bytes(void *arg, sv_text bytes, sv_why *why) {
    tree *t = arg;
    tick(t);
    while (bytes.len > 0) {
        size_t most = bytes.len < sizeof t->there ? bytes.len : sizeof t->there;
        ssize_t got = pread(t->file, t->there, most, (off_t) t->at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return sv_tree_fail("read", t->entry.path, why);
        }
        if (got == 0 || memcmp(t->there, bytes.at, (size_t) got) != 0) {
            return is_another(t->entry.path, why);
        }
        t->at += (uint64_t) got;
        bytes.at += got;
        bytes.len -= (size_t) got;
    }
    return SV_OK;
}

static sv_err compare_end(void *arg, sv_why *why) {
    tree *t = arg;
    (void) why;
    sv_fd_drop(&t->file);
    t->file = -1;
    return SV_OK;
}

sv_err sv_tree_compare(const sv_tree_archive *archive, int folder, bool from_medium, sv_why *why) {
    SV_DEFER(drop) tree *t = new_tree(archive, folder, from_medium);
    const sv_tar_taker comparer = {
        .arg = t, .entry = compare_entry, .bytes = compare_bytes, .end = compare_end
    };
    uint64_t entries = 0;
    SV_TRY(read_archive(archive, comparer, why));
    SV_TRY(sv_tree_count(folder, &entries, why));
    return entries == t->entries
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED, "the tree has %llu entries, its archive %llu",
                         (unsigned long long) entries, (unsigned long long) t->entries);
}
