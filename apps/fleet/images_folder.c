#include "images_folder.h"

#include "images_name.h"

#include <base/fd.h>
#include <base/time.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <update/target.h>

enum { DEPTH_MAX = 4, NUMBER_ROOM = 64 };

static const char STAGED[] = "metadata";

sv_err sv_images_path(const char *dir, const char *sub, const char *a, const char *b,
                      char room[SV_PATH_MAX], sv_why *why) {
    int len = snprintf(room, SV_PATH_MAX, "%s/%s%s%s%s%s", dir, sub, a[0] != '\0' ? "/" : "", a,
                       b[0] != '\0' ? "/" : "", b);
    return len > 0 && len < SV_PATH_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", dir);
}

sv_err sv_images_set_path(const char *dir, int64_t number, const char *what, const char *name,
                          char room[SV_PATH_MAX], sv_why *why) {
    char set[NUMBER_ROOM];
    (void) snprintf(set, sizeof set, "sets/%" PRId64 "/%s", number, what);
    return sv_images_path(dir, set, name, "", room, why);
}

// ---- counting -----------------------------------------------------------------------------------

typedef struct walk {
    sv_images_folder *folder;
    int64_t older_than_us; ///< parts from before it go; 0: none
    bool in_metadata;
} walk;

static bool ends_so(const char *name, const char *end) {
    size_t len = strlen(name);
    return len > strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

static void count_file(const walk *w, const char *path, const struct stat *info) {
    bool part = w->in_metadata || ends_so(path, SV_IMAGES_PART_END);
    if (part && w->older_than_us > 0 && info->st_mtime < w->older_than_us / SV_TIME_SECOND_US
        && unlink(path) == 0) {
        return;
    }
    w->folder->used += (uint64_t) info->st_size;
    w->folder->parts += part;
}

/// A folder of an image that has nothing left goes as well.
static void count_in(const walk *w, const char *path, int depth) {
    DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
    const struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        char below[SV_PATH_MAX];
        struct stat info;
        if (entry->d_name[0] == '.'
            || sv_disk_join(below, sizeof below, path, entry->d_name) != SV_OK
            || lstat(below, &info) != 0) {
            continue;
        }
        if (S_ISDIR(info.st_mode)) {
            walk deeper = *w;
            deeper.in_metadata |= depth == 0 && strcmp(entry->d_name, STAGED) == 0;
            count_in(&deeper, below, depth + 1);
            if (depth == 1 && ends_so(path, "/artifacts")) {
                (void) rmdir(below);
            }
        } else {
            count_file(w, below, &info);
        }
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
}

void sv_images_folder_sweep(sv_images_folder *folder, int64_t now_us) {
    const walk w = { .folder = folder,
                     .older_than_us =
                         now_us > SV_IMAGES_PART_AGE_US ? now_us - SV_IMAGES_PART_AGE_US : 0 };
    folder->used = 0;
    folder->parts = 0;
    count_in(&w, folder->dir, 0);
}

static sv_err make(const char *dir, const char *sub, const char *a, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_images_path(dir, sub, a, "", path, why));
    return sv_disk_make_folder(path, 0700, why);
}

sv_err sv_images_folder_open(const char *dir, uint64_t room, sv_images_folder *out, sv_why *why) {
    char path[SV_PATH_MAX];
    sv_images_folder opened = { .room = room };
    SV_TRY(sv_text_copy(sv_text_of(dir), opened.dir, sizeof opened.dir));
    SV_TRY(make(dir, "sets", "", why));
    SV_TRY(make(dir, "artifacts", "", why));
    SV_TRY(make(dir, STAGED, "", why));
    SV_TRY(sv_images_path(dir, "sets", ".next", "", path, why));
    SV_TRY(sv_disk_remove_tree(path, why));
    sv_images_folder_sweep(&opened, 0);
    *out = opened;
    return SV_OK;
}

bool sv_images_has_staged(const sv_images_folder *folder) {
    char path[SV_PATH_MAX];
    return sv_images_path(folder->dir, STAGED, "timestamp.json", "", path, NULL) == SV_OK
           && sv_disk_exists(path);
}

// ---- parts --------------------------------------------------------------------------------------

sv_err sv_images_part_read(sv_text sha256, sv_text name, sv_images_part *out, sv_why *why) {
    bool known = sha256.len == 0 ? sv_images_is_metadata(name)
                                 : sv_images_is_sha256(sha256)
                                       && (sv_images_is_artifact(name) || sv_images_is_file(name));
    if (!known || sv_text_copy(sha256, out->sha256, sizeof out->sha256) != SV_OK
        || sv_text_copy(name, out->name, sizeof out->name) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'" SV_TEXT_FMT "%s" SV_TEXT_FMT
                       "' is no file of a repository: metadata/<version>.<role>.json, "
                       "metadata/timestamp.json, artifacts/<sha256>/{raw|zstd|delta-<sha256>}, the "
                       "same with .index, or artifacts/<sha256>/<file name> are",
                       SV_TEXT_ARG(sha256), sha256.len > 0 ? "/" : "", SV_TEXT_ARG(name));
    }
    return SV_OK;
}

sv_err sv_images_part_path(const char *dir, const sv_images_part *part, char room[SV_PATH_MAX],
                           sv_why *why) {
    char name[SV_IMAGES_NAME_ROOM + sizeof SV_IMAGES_PART_END];
    if (part->sha256[0] == '\0') {
        return sv_images_path(dir, STAGED, part->name, "", room, why);
    }
    (void) snprintf(name, sizeof name, "%s" SV_IMAGES_PART_END, part->name);
    return sv_images_path(dir, "artifacts", part->sha256, name, room, why);
}

/// Under one name, metadata is the same for good, save for the timestamp.
static bool is_judged(const sv_images_folder *folder, int64_t number, const sv_images_part *part) {
    char path[SV_PATH_MAX];
    if (strcmp(part->name, "timestamp.json") == 0 && part->sha256[0] == '\0') {
        return false;
    }
    sv_err err =
        part->sha256[0] == '\0'
            ? sv_images_set_path(folder->dir, number, "metadata", part->name, path, NULL)
            : sv_images_path(folder->dir, "artifacts", part->sha256, part->name, path, NULL);
    return err == SV_OK && sv_disk_exists(path);
}

sv_err sv_images_part_state(const sv_images_folder *folder, int64_t number,
                            const sv_images_part *part, uint64_t *bytes, bool *judged,
                            sv_why *why) {
    char path[SV_PATH_MAX];
    struct stat info;
    SV_TRY(sv_images_part_path(folder->dir, part, path, why));
    *judged = is_judged(folder, number, part);
    *bytes = lstat(path, &info) == 0 ? (uint64_t) info.st_size : 0;
    return SV_OK;
}

static uint64_t longest(const sv_images_part *part) {
    return part->sha256[0] == '\0' ? SV_TUF_TARGETS_MAX
                                   : SV_IMAGE_BYTES_MAX + SV_IMAGE_BYTES_MAX / 8;
}

/// Is there room for so many more bytes? The disk is the database's as well.
static sv_err check_room(const sv_images_folder *folder, uint64_t more, sv_why *why) {
    struct statvfs disk;
    if (folder->used + more > folder->room) {
        return sv_fail(why, SV_ERR_NO_SPACE,
                       "the images' folder has %" PRIu64 " of %" PRIu64
                       " bytes: remove images, or set images: {room: …}",
                       folder->used, folder->room);
    }
    if (statvfs(folder->dir, &disk) == 0
        && (uint64_t) disk.f_bavail * disk.f_frsize < more + SV_IMAGES_FREE_BYTES) {
        return sv_fail(why, SV_ERR_NO_SPACE,
                       "the disk of '%.160s' is nearly full; %" PRIu64
                       " MiB stay free for everything else",
                       folder->dir, SV_IMAGES_FREE_BYTES >> 20);
    }
    return SV_OK;
}

static sv_err write_all(int fd, uint64_t offset, sv_text bytes, sv_why *why) {
    while (bytes.len > 0) {
        ssize_t wrote = pwrite(fd, bytes.at, bytes.len, (off_t) offset);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return sv_fail(why, errno == ENOSPC || errno == EDQUOT ? SV_ERR_NO_SPACE : SV_ERR_IO,
                           "the part cannot be written: %m");
        }
        offset += (uint64_t) wrote;
        bytes.at += wrote;
        bytes.len -= (size_t) wrote;
    }
    return SV_OK;
}

static sv_err open_part(const char *path, int *fd, uint64_t *bytes, sv_why *why) {
    struct stat info;
    *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*fd < 0 || fstat(*fd, &info) != 0) {
        return sv_fail(why, errno == ENOSPC ? SV_ERR_NO_SPACE : SV_ERR_IO,
                       "the part cannot be opened: %m");
    }
    *bytes = (uint64_t) info.st_size;
    return SV_OK;
}

static sv_err put(sv_images_folder *folder, const char *path, uint64_t offset, sv_text bytes,
                  uint64_t *now, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = -1;
    bool is_new = !sv_disk_exists(path);
    if (is_new && folder->parts >= SV_IMAGES_PARTS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE,
                       "%d files wait to be judged; publish, or let them rest for 7 days",
                       SV_IMAGES_PARTS_MAX);
    }
    if (is_new && offset > 0) {
        return sv_fail(why, SV_ERR_STATE, "nothing of it is here; begin at offset 0");
    }
    SV_TRY(open_part(path, &fd, now, why));
    folder->parts += is_new;
    if (offset > *now) {
        return sv_fail(why, SV_ERR_STATE, "%" PRIu64 " bytes of it are here; go on from there",
                       *now);
    }
    sv_err err = write_all(fd, offset, bytes, why);
    uint64_t end = err == SV_OK ? offset + bytes.len : offset;
    if (ftruncate(fd, (off_t) end) != 0 && err == SV_OK) {
        err = sv_fail(why, SV_ERR_IO, "the part cannot be cut: %m");
    }
    folder->used = folder->used - *now + end;
    *now = end;
    return err;
}

sv_err sv_images_part_put(sv_images_folder *folder, const sv_images_part *part, uint64_t offset,
                          sv_text bytes, uint64_t *now, sv_why *why) {
    char path[SV_PATH_MAX];
    bool judged = false;
    *now = 0;
    SV_TRY(sv_images_part_state(folder, 0, part, now, &judged, why));
    if (judged) {
        return sv_fail(why, SV_ERR_STATE, "it is here already, judged");
    }
    if (offset > longest(part) || bytes.len > longest(part) - offset) {
        return sv_fail(why, SV_ERR_INVALID, "%s has at most %" PRIu64 " bytes", part->name,
                       longest(part));
    }
    SV_TRY(check_room(folder, bytes.len, why));
    if (part->sha256[0] != '\0') {
        SV_TRY(make(folder->dir, "artifacts", part->sha256, why));
    }
    SV_TRY(sv_images_part_path(folder->dir, part, path, why));
    return put(folder, path, offset, bytes, now, why);
}

static sv_err flush_file(const char *path, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && fdatasync(fd) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "'%.160s' cannot be kept: %m", path);
}

sv_err sv_images_settle(const char *from, const char *to, sv_why *why) {
    char folder[SV_PATH_MAX];
    (void) snprintf(folder, sizeof folder, "%s", to);
    *strrchr(folder, '/') = '\0';
    SV_TRY(flush_file(from, why));
    if (rename(from, to) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot move '%.160s': %m", from);
    }
    SV_TRY(sv_disk_sync_folder_of(to, why));
    return sv_disk_sync_folder_of(folder, why); // it may have been made for this file
}
