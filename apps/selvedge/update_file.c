// Image files.
#include "update_image.h"
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sv_err read_at(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    update_file *file = arg;
    while (bytes > 0) {
        ssize_t got = pread(file->fd, out, bytes, (off_t) at);
        if (got == 0) {
            return sv_fail(why, SV_ERR_IO, "'%s' became shorter while it was read", file->path);
        }
        if (got < 0 && errno != EINTR) {
            return sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", file->path);
        }
        size_t step = got > 0 ? (size_t) got : 0;
        at += step;
        out += step;
        bytes -= step;
    }
    update_progress_tell(&file->progress, at, file->bytes.length);
    return SV_OK;
}

sv_err update_file_open(const char *path, update_file *out, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return sv_fail(why, errno == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO, "cannot open '%s': %m",
                       path);
    }
    if (!S_ISREG(info.st_mode) || info.st_size < 1
        || (uint64_t) info.st_size > SV_IMAGE_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' is no image: a plain file of 1 byte to 1 TiB is wanted", path);
    }
    *out = (update_file){ .fd = sv_fd_take(&fd), .path = path };
    out->bytes = (sv_image_bytes){ .arg = out, .length = (uint64_t) info.st_size, .read = read_at };
    return SV_OK;
}

void update_file_drop(update_file *file) {
    if (file->path != NULL) {
        sv_fd_drop(&file->fd);
        file->path = NULL;
    }
}

sv_err update_file_digest(update_file *file, uint8_t out[SV_TARGET_HASH_BYTES], sv_why *why) {
    update_progress_begin(&file->progress, file->path);
    sv_err err = sv_image_digest(&file->bytes, out, why);
    update_progress_end(&file->progress);
    return err;
}
