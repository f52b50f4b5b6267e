#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <slot/disk.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EARLY_BYTES = 1024 * 1024 };

typedef struct open_file {
    int fd;                  ///< -1: free
    uint64_t begun, written; ///< up to where the medium was told to begin, and what was written
    uint64_t read, wanted;   ///< up to where was read in a row, and what the medium was told of
    bool device;
    char name[SV_SLOT_NAME_MAX + 1];
} open_file;

struct sv_slot_folder {
    sv_slot_disk disk;
    int fd;
    char *path;
    open_file files[SV_SLOT_FILES_MAX];
};

static sv_err fail_at(const sv_slot_folder *folder, const char *what, const char *name,
                      sv_why *why) {
    sv_err code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? SV_ERR_NO_SPACE
                  : errno == ENOENT                                    ? SV_ERR_NOT_FOUND
                                                                       : SV_ERR_IO;
    return sv_fail(why, code, "cannot %s '%.200s/%s': %m", what, folder->path, name);
}

static sv_err check_name(const char *name, sv_why *why) {
    size_t len = strlen(name);
    if (len == 0 || len > SV_SLOT_NAME_MAX || strchr(name, '/') != NULL || name[0] == '.') {
        return sv_fail(why, SV_ERR_INVALID, "'%.80s' is no name of a file in a folder of slots",
                       name);
    }
    return SV_OK;
}

/// A kernel or a sandbox without openat2 has O_NOFOLLOW, which does for names without a '/'.
static int open_beneath(int folder, const char *name, int flags) {
    struct open_how how = { .flags = (uint64_t) (unsigned) flags,
                            .mode = (flags & O_CREAT) != 0 ? 0600 : 0,
                            .resolve =
                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    long fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
    return fd >= 0 || (errno != ENOSYS && errno != EPERM) ? (int) fd
                                                          : openat(folder, name, flags, 0600);
}

/// Is it what was asked for, and known by this name alone?
static sv_err check_kind(const sv_slot_folder *folder, const char *name, int fd, bool device,
                         sv_why *why) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return fail_at(folder, "look at", name, why);
    }
    if (device ? !S_ISBLK(info.st_mode) : !S_ISREG(info.st_mode)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%.200s/%s' is no %s: nothing is written to it",
                       folder->path, name, device ? "block device" : "plain file");
    }
    if (!device && info.st_nlink != 1) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "'%.200s/%s' has other names too (hard links): nothing is written to it",
                       folder->path, name);
    }
    return SV_OK;
}

static sv_err file_open(void *arg, const char *name, unsigned how, int *file, sv_why *why) {
    sv_slot_folder *folder = arg;
    int free_place = 0;
    SV_TRY(check_name(name, why));
    while (free_place < SV_SLOT_FILES_MAX && folder->files[free_place].fd >= 0) {
        free_place++;
    }
    if (free_place == SV_SLOT_FILES_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d files are open", SV_SLOT_FILES_MAX);
    }
    // Without waiting for what a pipe would give, and without a terminal becoming ours.
    int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
                | ((how & SV_SLOT_WRITE) != 0 ? O_RDWR : O_RDONLY)
                | ((how & SV_SLOT_MAKE) != 0 ? O_CREAT | O_EXCL : 0);
    SV_DEFER(sv_fd_drop) int fd = open_beneath(folder->fd, name, flags);
    if (fd < 0 && (errno == ELOOP || errno == EXDEV)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%.200s/%s' is a link: it is not followed",
                       folder->path, name);
    }
    if (fd < 0) {
        return fail_at(folder, "open", name, why);
    }
    bool device = (how & SV_SLOT_DEVICE) != 0;
    SV_TRY(check_kind(folder, name, fd, device, why));
    open_file *place = &folder->files[free_place];
    *place = (open_file){ .fd = sv_fd_take(&fd), .device = device };
    (void) snprintf(place->name, sizeof place->name, "%s", name);
    *file = free_place;
    return SV_OK;
}

static void file_close(void *arg, int file) {
    sv_slot_folder *folder = arg;
    sv_fd_drop(&folder->files[file].fd);
}

static sv_err file_length(void *arg, int file, uint64_t *bytes, sv_why *why) {
    const sv_slot_folder *folder = arg;
    off_t end = lseek(folder->files[file].fd, 0, SEEK_END);
    if (end < 0) {
        return fail_at(folder, "find the end of", folder->files[file].name, why);
    }
    *bytes = (uint64_t) end;
    return SV_OK;
}

static sv_err file_set_length(void *arg, int file, uint64_t bytes, sv_why *why) {
    const sv_slot_folder *folder = arg;
    return ftruncate(folder->files[file].fd, (off_t) bytes) == 0
               ? SV_OK
               : fail_at(folder, "make room in", folder->files[file].name, why);
}

/// Who reads one piece after the other wants the next ones too: the medium works meanwhile.
static void begin_read(open_file *of, uint64_t at, size_t len) {
    bool goes_on = at == of->read;
    of->read = at + len;
    if (!goes_on) {
        of->wanted = of->read;
    } else if (of->read + EARLY_BYTES > of->wanted) {
        (void) posix_fadvise(of->fd, (off_t) of->wanted, (off_t) 2 * EARLY_BYTES,
                             POSIX_FADV_WILLNEED);
        of->wanted += (uint64_t) 2 * EARLY_BYTES;
    }
}

static sv_err file_read(void *arg, int file, uint64_t at, uint8_t *out, size_t len, sv_why *why) {
    sv_slot_folder *folder = arg;
    open_file *of = &folder->files[file];
    begin_read(of, at, len);
    for (size_t done = 0; done < len;) {
        ssize_t got = pread(of->fd, out + done, len - done, (off_t) (at + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_at(folder, "read", of->name, why);
        }
        if (got == 0) {
            return sv_fail(why, SV_ERR_IO, "'%.200s/%s' ends at byte %llu, too soon", folder->path,
                           of->name, (unsigned long long) (at + done));
        }
        done += (size_t) got;
    }
    return SV_OK;
}

/// Let the medium begin with what it will be asked to flush, so that it works while the next bytes
/// are made. Only that: whether it can is what the flush says.
static void begin_flush(open_file *of, uint64_t at, size_t len) {
    if (at != of->written) {
        of->begun = at;
    }
    of->written = at + len;
    if (of->written - of->begun >= EARLY_BYTES) {
        (void) sync_file_range(of->fd, (off_t) of->begun, (off_t) (of->written - of->begun),
                               SYNC_FILE_RANGE_WRITE);
        of->begun = of->written;
    }
}

static sv_err file_write(void *arg, int file, uint64_t at, const uint8_t *bytes, size_t len,
                         sv_why *why) {
    sv_slot_folder *folder = arg;
    open_file *of = &folder->files[file];
    for (size_t done = 0; done < len;) {
        ssize_t put = pwrite(of->fd, bytes + done, len - done, (off_t) (at + done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            errno = put == 0 ? ENOSPC : errno; // the end of a device
            return fail_at(folder, "write", of->name, why);
        }
        done += (size_t) put;
    }
    begin_flush(of, at, len);
    return SV_OK;
}

static sv_err file_sync(void *arg, int file, sv_why *why) {
    const sv_slot_folder *folder = arg;
    return fdatasync(folder->files[file].fd) == 0
               ? SV_OK
               : fail_at(folder, "flush", folder->files[file].name, why);
}

static sv_err file_forget(void *arg, int file, sv_why *why) {
    const sv_slot_folder *folder = arg;
    const open_file *of = &folder->files[file];
    if (of->device && ioctl(of->fd, BLKFLSBUF, 0) != 0) {
        return fail_at(folder, "empty the cache of", of->name, why);
    }
    int number = posix_fadvise(of->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (number != 0) {
        errno = number;
        return fail_at(folder, "empty the cache of", of->name, why);
    }
    return SV_OK;
}

static sv_err name_change(void *arg, const char *from, const char *to, sv_why *why) {
    const sv_slot_folder *folder = arg;
    SV_TRY(check_name(from, why));
    SV_TRY(check_name(to, why));
    return renameat(folder->fd, from, folder->fd, to) == 0 ? SV_OK
                                                           : fail_at(folder, "write", to, why);
}

static sv_err name_remove(void *arg, const char *name, sv_why *why) {
    const sv_slot_folder *folder = arg;
    SV_TRY(check_name(name, why));
    return unlinkat(folder->fd, name, 0) == 0 || errno == ENOENT
               ? SV_OK
               : fail_at(folder, "remove", name, why);
}

static sv_err names_sync(void *arg, sv_why *why) {
    const sv_slot_folder *folder = arg;
    return fsync(folder->fd) == 0 ? SV_OK : fail_at(folder, "flush", ".", why);
}

sv_err sv_slot_folder_open(const char *path, sv_slot_folder **out, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return sv_fail(why, errno == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO,
                       "cannot open the folder '%.200s': %m", path);
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0
        || (info.st_uid != geteuid() && info.st_uid != 0)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "others may change what is in '%.200s': give it to the user that runs this, "
                       "mode 0755 or less",
                       path);
    }
    sv_slot_folder *folder = sv_mem_new(sizeof *folder);
    folder->path = sv_mem_copy_str(path, strlen(path));
    folder->fd = sv_fd_take(&fd);
    for (size_t i = 0; i < SV_SLOT_FILES_MAX; i++) {
        folder->files[i].fd = -1;
    }
    folder->disk = (sv_slot_disk){
        .arg = folder,
        .open = file_open,
        .close = file_close,
        .length = file_length,
        .set_length = file_set_length,
        .read = file_read,
        .write = file_write,
        .sync = file_sync,
        .forget = file_forget,
        .rename = name_change,
        .unlink = name_remove,
        .sync_folder = names_sync,
    };
    *out = folder;
    return SV_OK;
}

void sv_slot_folder_drop(sv_slot_folder **folder) {
    if (*folder != NULL) {
        for (size_t i = 0; i < SV_SLOT_FILES_MAX; i++) {
            sv_fd_drop(&(*folder)->files[i].fd);
        }
        sv_fd_drop(&(*folder)->fd);
        free((*folder)->path);
        free(*folder);
        *folder = NULL;
    }
}

const sv_slot_disk *sv_slot_folder_disk(sv_slot_folder *folder) {
    return &folder->disk;
}
