#include "listen_socket.h"
#include <arpa/inet.h>
#include <base/fd.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sv_err place_of(const char *bind, uint16_t port, net_place *out, socklen_t *len,
                       sv_why *why) {
    *out = (net_place){ .any = { 0 } };
    if (inet_pton(AF_INET, bind, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        *len = sizeof out->v4;
        return SV_OK;
    }
    if (inet_pton(AF_INET6, bind, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        *len = sizeof out->v6;
        return SV_OK;
    }
    return sv_fail(why, SV_ERR_INVALID, "'%s' is no address to listen on", bind);
}

sv_err net_listen_tcp(const char *bind_to, uint16_t port, int backlog, int *out_fd, sv_why *why) {
    net_place at;
    socklen_t len = 0;
    int on = 1;
    SV_TRY(place_of(bind_to, port, &at, &len, why));
    SV_DEFER(sv_fd_drop)
    int fd = socket(at.head.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // Accepted sockets inherit TCP_NODELAY.
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0
        || bind(fd, &at.head, len) != 0 || listen(fd, backlog) != 0) {
        int number = errno;
        bool taken = number == EADDRINUSE;
        return sv_fail(why, taken ? SV_ERR_STATE : SV_ERR_IO, "cannot listen on %s:%u: %s", bind_to,
                       port, taken ? "the port is taken" : sv_errno_text(number));
    }
    *out_fd = sv_fd_take(&fd);
    return SV_OK;
}

/// Takes a socket away that nobody listens on any more.
static sv_err make_way(const char *path, const net_place *at, sv_why *why) {
    struct stat info;
    if (lstat(path, &info) != 0) {
        return SV_OK;
    }
    if (!S_ISSOCK(info.st_mode)) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is there already and is no socket", path);
    }
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &at->head, sizeof at->local) == 0) {
        return sv_fail(why, SV_ERR_STATE, "somebody listens on '%s' already", path);
    }
    return unlink(path) == 0 ? SV_OK
                             : sv_fail(why, SV_ERR_IO, "cannot replace the socket '%s': %m", path);
}

sv_err net_listen_local(const char *path, int backlog, int *out_fd, sv_why *why) {
    net_place at = { .any = { 0 } };
    at.local.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof at.local.sun_path) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the path of the socket '%s' is longer than %zu bytes; choose a shorter one",
                       path, sizeof at.local.sun_path - 1);
    }
    (void) snprintf(at.local.sun_path, sizeof at.local.sun_path, "%s", path);
    SV_TRY(make_way(path, &at, why));
    SV_DEFER(sv_fd_drop)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // Nobody can connect between bind and chmod: it does not listen yet.
    if (fd < 0 || bind(fd, &at.head, sizeof at.local) != 0 || chmod(path, 0660) != 0
        || listen(fd, backlog) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot listen on '%s': %m", path);
    }
    *out_fd = sv_fd_take(&fd);
    return SV_OK;
}

uint16_t net_port_of(int fd) {
    net_place at = { .any = { 0 } };
    socklen_t len = sizeof at;
    if (getsockname(fd, &at.head, &len) != 0) {
        return 0;
    }
    if (at.head.sa_family == AF_INET6) {
        return ntohs(at.v6.sin6_port);
    }
    return at.head.sa_family == AF_INET ? ntohs(at.v4.sin_port) : 0;
}
