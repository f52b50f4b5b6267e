#include "medium.h"
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_missing(int number) {
    return number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG;
}

sv_err verify_medium_open(const char *path, verify_medium *out, sv_why *why) {
    // Without waiting for what a pipe or a terminal would give.
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return sv_fail(why, is_missing(errno) ? SV_ERR_NOT_FOUND : SV_ERR_IO,
                       "cannot open '%.200s': %m", path);
    }
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot look at '%.200s': %m", path);
    }
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "'%.200s' is neither a file nor a block device",
                       path);
    }
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot find the end of '%.200s': %m", path);
    }
    *out = (verify_medium){ .path = path,
                            .bytes = (uint64_t) end,
                            .device = S_ISBLK(info.st_mode),
                            .fd = sv_fd_take(&fd) };
    return SV_OK;
}

void verify_medium_drop(verify_medium *medium) {
    sv_fd_drop(&medium->fd);
}

bool verify_medium_read(void *medium, uint64_t offset, uint8_t *out, size_t len) {
    verify_medium *m = medium;
    for (size_t done = 0; done < len;) {
        ssize_t got = pread(m->fd, out + done, len - done, (off_t) (offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) { // the end came too early: somebody cuts it while it is read
            m->failed = got < 0 ? errno : EIO;
            return false;
        }
        done += (size_t) got;
    }
    return true;
}

sv_err verify_medium_small(const char *path, uint8_t *out, size_t room, size_t *len, sv_why *why) {
    SV_DEFER(verify_medium_drop) verify_medium medium = VERIFY_MEDIUM_NONE;
    SV_TRY(verify_medium_open(path, &medium, why));
    *len = medium.bytes < room ? (size_t) medium.bytes : room;
    if (!verify_medium_read(&medium, 0, out, *len)) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%.200s': %s", path,
                       sv_errno_text(medium.failed));
    }
    return SV_OK;
}
