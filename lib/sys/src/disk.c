#include <base/fd.h>
#include <base/mem.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 16384 };

static sv_err fail_io(sv_why *why, const char *what, const char *path) {
    sv_err code = errno == ENOSPC || errno == EDQUOT ? SV_ERR_NO_SPACE
                  : errno == ENOENT                  ? SV_ERR_NOT_FOUND
                                                     : SV_ERR_IO;
    return sv_fail(why, code, "cannot %s '%s': %m", what, path);
}

sv_err sv_disk_read(const char *path, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail_io(why, "open", path);
    }
    char block[READ_BYTES];
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_io(why, "read", path);
        }
        if (got == 0) {
            break;
        }
        sv_textbuf_add(out, (sv_text){ .at = block, .len = (size_t) got });
    }
    if (sv_textbuf_end(out) != SV_OK) {
        return sv_fail(why, SV_ERR_NO_SPACE, "'%s' is larger than %zu bytes", path,
                       out->cap_max > 0 ? out->cap_max : out->cap);
    }
    return SV_OK;
}

static bool write_all(int fd, sv_text content) {
    while (content.len > 0) {
        ssize_t put = write(fd, content.at, content.len);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        if (put > 0) {
            content = (sv_text){ .at = content.at + put, .len = content.len - (size_t) put };
        }
    }
    return true;
}

static bool sync_folder_of(const char *path) {
    char folder[SV_PATH_MAX];
    const char *slash = strrchr(path, '/');
    sv_text name = slash == NULL   ? SV_TEXT(".")
                   : slash == path ? SV_TEXT("/")
                                   : (sv_text){ .at = path, .len = (size_t) (slash - path) };
    if (sv_text_copy(name, folder, sizeof folder) != SV_OK) {
        return false;
    }
    SV_DEFER(sv_fd_drop) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

struct sv_disk_draft {
    int fd;
    char path[SV_PATH_MAX];
    char temporary[SV_PATH_MAX]; ///< "": there is none
};

sv_err sv_disk_may_replace(const char *path, sv_why *why) {
    struct stat there;
    if (lstat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) {
        return sv_fail(why, SV_ERR_IO, "cannot write '%s': it is no ordinary file", path);
    }
    return SV_OK;
}

sv_err sv_disk_draft_open(const char *path, mode_t mode, sv_disk_draft **out, sv_why *why) {
    SV_DEFER(sv_disk_draft_drop) sv_disk_draft *draft = sv_mem_new(sizeof *draft);
    char temporary[SV_PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.%d.new", path, (int) getpid());
    draft->fd = -1;
    if (len < 0 || (size_t) len >= sizeof temporary) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the path '%s' is too long", path);
    }
    SV_TRY(sv_disk_may_replace(path, why));
    (void) snprintf(draft->path, sizeof draft->path, "%s", path);
    (void) unlink(temporary);
    draft->fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (draft->fd < 0) {
        return fail_io(why, "create", temporary);
    }
    (void) snprintf(draft->temporary, sizeof draft->temporary, "%s", temporary);
    if (fchmod(draft->fd, mode) != 0) {
        return fail_io(why, "write", path);
    }
    *out = draft;
    draft = NULL;
    return SV_OK;
}

sv_err sv_disk_draft_add(sv_disk_draft *draft, sv_text piece, sv_why *why) {
    return write_all(draft->fd, piece) ? SV_OK : fail_io(why, "write", draft->path);
}

sv_err sv_disk_draft_keep(sv_disk_draft *draft, sv_why *why) {
    if (fsync(draft->fd) != 0 || rename(draft->temporary, draft->path) != 0) {
        return fail_io(why, "write", draft->path);
    }
    draft->temporary[0] = '\0';
    return sync_folder_of(draft->path) ? SV_OK : fail_io(why, "write", draft->path);
}

void sv_disk_draft_drop(sv_disk_draft **draft) {
    if (*draft != NULL) {
        if ((*draft)->temporary[0] != '\0') {
            (void) unlink((*draft)->temporary);
        }
        sv_fd_drop(&(*draft)->fd);
        free(*draft);
        *draft = NULL;
    }
}

sv_err sv_disk_replace(const char *path, sv_text content, mode_t mode, sv_why *why) {
    SV_DEFER(sv_disk_draft_drop) sv_disk_draft *draft = NULL;
    SV_TRY(sv_disk_draft_open(path, mode, &draft, why));
    SV_TRY(sv_disk_draft_add(draft, content, why));
    return sv_disk_draft_keep(draft, why);
}

sv_err sv_disk_append(const char *path, sv_text record, mode_t mode, sv_why *why) {
    SV_DEFER(sv_fd_drop)
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return fail_io(why, "open", path);
    }
    if (!write_all(fd, record) || fsync(fd) != 0) {
        return fail_io(why, "append to", path);
    }
    return SV_OK;
}

static sv_err make_one(const char *path, mode_t mode, sv_why *why) {
    if (mkdir(path, mode) == 0) {
        return SV_OK;
    }
    struct stat info;
    if (errno != EEXIST || stat(path, &info) != 0) {
        return fail_io(why, "make the folder", path);
    }
    return S_ISDIR(info.st_mode)
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "'%s' is a file, not a folder; name another", path);
}

sv_err sv_disk_make_folder(const char *path, mode_t mode, sv_why *why) {
    char partial[SV_PATH_MAX];
    if (sv_text_copy(sv_text_of(path), partial, sizeof partial) != SV_OK || partial[0] == '\0') {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is no path for a folder", path);
    }
    for (char *at = partial + 1;; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char mark = *at;
        *at = '\0';
        SV_TRY(make_one(partial, mark == '\0' ? mode : 0755, why));
        *at = mark;
        if (mark == '\0') {
            return SV_OK;
        }
    }
}

sv_err sv_disk_sync_folder_of(const char *path, sv_why *why) {
    return sync_folder_of(path) ? SV_OK : fail_io(why, "sync the folder of", path);
}

static bool remove_at(int folder, const char *name) {
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) {
        return true;
    }
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        sv_fd_drop(&fd);
        return false;
    }
    bool all = true;
    for (struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) {
            all = remove_at(dirfd(dir), item->d_name) && all;
        }
    }
    (void) closedir(dir);
    return all && unlinkat(folder, name, AT_REMOVEDIR) == 0;
}

sv_err sv_disk_remove_tree(const char *path, sv_why *why) {
    return remove_at(AT_FDCWD, path) ? SV_OK : fail_io(why, "remove", path);
}

bool sv_disk_exists(const char *path) {
    return access(path, F_OK) == 0;
}

sv_err sv_disk_join(char *room, size_t room_bytes, const char *folder, const char *name) {
    int len = snprintf(room, room_bytes, "%s/%s", folder, name);
    return len >= 0 && (size_t) len < room_bytes ? SV_OK : SV_ERR_NO_SPACE;
}

sv_err sv_disk_lock(const char *path, int *out_fd, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_io(why, "open the lock", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? sv_fail(why, SV_ERR_STATE, "'%s' is held by another process", path)
                   : fail_io(why, "lock", path);
    }
    *out_fd = sv_fd_take(&fd);
    return SV_OK;
}
