#include "listener_internal.h"

#include <base/fd.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATH_MODE = 0660 };

static int stream_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/// True, with the path free, unless somebody may be listening there.
static sv_err replace_stale(const struct sockaddr_un *at, sv_why *why) {
    SV_DEFER(sv_fd_drop) int probe = stream_socket();
    if (probe < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot make a socket: %m");
    }
    if (connect(probe, (const struct sockaddr *) at, sizeof *at) == 0 || errno == EAGAIN) {
        return sv_fail(why, SV_ERR_STATE, "somebody listens on '%s' already", at->sun_path);
    }
    if (errno != ECONNREFUSED) {
        return sv_fail(why, SV_ERR_IO, "cannot tell whether somebody listens on '%s': %m",
                       at->sun_path);
    }
    if (unlink(at->sun_path) != 0 && errno != ENOENT) {
        return sv_fail(why, SV_ERR_IO, "cannot replace the socket '%s': %m", at->sun_path);
    }
    return SV_OK;
}

static sv_err clear_path(const struct sockaddr_un *at, sv_why *why) {
    struct stat info;
    if (lstat(at->sun_path, &info) != 0) {
        return SV_OK; // nothing is there, or bind says what is wrong
    }
    if (!S_ISSOCK(info.st_mode)) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is there already and is no socket", at->sun_path);
    }
    return replace_stale(at, why);
}

sv_err sv_listen_path(const char *path, int *out, sv_why *why) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (path[0] == '\0'
        || sv_text_copy(sv_text_of(path), at.sun_path, sizeof at.sun_path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the socket path '%s' has %zu bytes; 1 to %zu are taken", path, strlen(path),
                       sizeof at.sun_path - 1);
    }
    SV_TRY(clear_path(&at, why));
    SV_DEFER(sv_fd_drop) int fd = stream_socket();
    // Before the file is there, so that it never has more rights; after it for those that the
    // umask took.
    if (fd < 0 || fchmod(fd, PATH_MODE) != 0
        || bind(fd, (const struct sockaddr *) &at, sizeof at) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot listen on '%s': %m", path);
    }
    if (chmod(path, PATH_MODE) != 0 || listen(fd, SV_LISTENER_BACKLOG) != 0) {
        int number = errno;
        (void) unlink(path);
        return sv_fail(why, SV_ERR_IO, "cannot listen on '%s': %s", path, sv_errno_text(number));
    }
    *out = sv_fd_take(&fd);
    return SV_OK;
}
