#include "tree_walk.h"

#include <base/fd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

sv_err sv_tree_fail(const char *what, const char *path, sv_why *why) {
    sv_err code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? SV_ERR_NO_SPACE
                  : errno == ENOENT                                    ? SV_ERR_NOT_FOUND
                                                                       : SV_ERR_IO;
    return sv_fail(why, code, "cannot %s '%.200s': %m", what, path);
}

static int open_folder(int at, const char *name) {
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/// Name by name, so that no link on the way is followed.
static sv_err open_parts(sv_tree_walk *walk, sv_text folder, const char *path, sv_why *why) {
    char part[SV_TAR_PART_MAX + 1];
    sv_text rest = folder;
    sv_tree_walk_drop(walk);
    SV_DEFER(sv_fd_drop) int fd = open_folder(walk->root, ".");
    while (fd >= 0 && rest.len > 0) {
        SV_TRY(sv_text_copy(sv_text_cut(&rest, '/'), part, sizeof part));
        int next = open_folder(fd, part);
        int number = errno;
        sv_fd_drop(&fd);
        fd = next;
        errno = number;
    }
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? sv_fail(why, SV_ERR_INVALID,
                             "the folder that '%.200s' is in does not come before it", path)
                   : sv_tree_fail("open the folder of", path, why);
    }
    walk->fd = sv_fd_take(&fd);
    return sv_text_copy(folder, walk->folder, sizeof walk->folder);
}

sv_err sv_tree_walk_to(sv_tree_walk *walk, const char *path, int *folder, const char **name,
                       sv_why *why) {
    const char *slash = strrchr(path, '/');
    const sv_text above = { .at = path, .len = slash != NULL ? (size_t) (slash - path) : 0 };
    if (walk->fd < 0 || !sv_text_is(above, walk->folder)) {
        SV_TRY(open_parts(walk, above, path, why));
    }
    *folder = walk->fd;
    *name = slash != NULL ? slash + 1 : path;
    return SV_OK;
}

void sv_tree_walk_drop(sv_tree_walk *walk) {
    sv_fd_drop(&walk->fd);
    walk->fd = -1;
}

static void close_folder(DIR **dir) {
    if (*dir != NULL) {
        (void) closedir(*dir);
    }
}

static sv_err count_in(int at, const char *name, unsigned depth, uint64_t *entries, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open_folder(at, name);
    SV_DEFER(close_folder) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        return errno == ENOTDIR || errno == ELOOP ? SV_OK : sv_tree_fail("open", name, why);
    }
    (void) sv_fd_take(&fd);
    if (depth > SV_TAR_DEPTH_MAX) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the tree is deeper than %d folders",
                       SV_TAR_DEPTH_MAX);
    }
    for (const struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) {
            continue;
        }
        if (++*entries > SV_TAR_ENTRIES_MAX) {
            return sv_fail(why, SV_ERR_UNTRUSTED, "the tree has more than %d entries",
                           SV_TAR_ENTRIES_MAX);
        }
        if (item->d_type == DT_DIR || item->d_type == DT_UNKNOWN) {
            SV_TRY(count_in(dirfd(dir), item->d_name, depth + 1, entries, why));
        }
    }
    return SV_OK;
}

sv_err sv_tree_count(int folder, uint64_t *entries, sv_why *why) {
    *entries = 0;
    return count_in(folder, ".", 0, entries, why);
}
