#include <base/fd.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/local_socket.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/// A socket that nobody answers on was left by a process that was killed.
static sv_err clear_path(const struct sockaddr_un *address, const char *who, sv_why *why) {
    struct stat info;
    if (lstat(address->sun_path, &info) != 0) {
        return SV_OK;
    }
    if (!S_ISSOCK(info.st_mode)) {
        return sv_fail(why, SV_ERR_STATE, "'%s' is there and no socket; name another path",
                       address->sun_path);
    }
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *) address, sizeof *address) == 0) {
        return sv_fail(why, SV_ERR_STATE, "a %s answers on '%s' already; stop that one first", who,
                       address->sun_path);
    }
    (void) unlink(address->sun_path);
    return SV_OK;
}

/// The socket is its user's alone, so it has to belong to whoever may ask.
static sv_err give_to_user(const sv_local_socket *s, sv_why *why) {
    if (s->allow_uid < 0 || s->allow_uid == (int64_t) geteuid()) {
        return SV_OK;
    }
    if (chown(s->path, (uid_t) s->allow_uid, (gid_t) -1) != 0) {
        return sv_fail(why, SV_ERR_IO,
                       "cannot give the socket '%s' to user %lld (%m); name a group of that user "
                       "as socket_group, or start the %s with the right to (CAP_CHOWN)",
                       s->path, (long long) s->allow_uid, s->who);
    }
    return SV_OK;
}

/// A socket has the group of a folder with the set-group-ID bit from the start, which takes no
/// right at all. Who of the group asks is judged at each connection.
static sv_err give_to_group(const char *path, gid_t group, sv_why *why) {
    struct stat info;
    if (stat(path, &info) != 0 || (info.st_gid != group && chown(path, (uid_t) -1, group) != 0)) {
        return sv_fail(why, SV_ERR_IO,
                       "cannot give the socket '%s' to group %lld (%m); let its folder have that "
                       "group and the set-group-ID bit (chmod g+s)",
                       path, (long long) group);
    }
    return chmod(path, 0660) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot open the socket '%s' to its group: %m", path);
}

sv_err sv_local_socket_listen(const sv_local_socket *s, int *out, sv_why *why) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    SV_TRY(sv_text_copy(sv_text_of(s->path), address.sun_path, sizeof address.sun_path));
    SV_TRY(clear_path(&address, s->who, why));
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *) &address, sizeof address) == 0;
    (void) umask(before);
    if (!bound || listen(fd, s->backlog) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot listen on '%s': %m", s->path);
    }
    SV_TRY(s->socket_group < 0 ? give_to_user(s, why)
                               : give_to_group(s->path, (gid_t) s->socket_group, why));
    *out = sv_fd_take(&fd);
    return SV_OK;
}

static bool has_option(int fd, int option, int value) {
    int has = -1;
    socklen_t len = sizeof has;
    return getsockopt(fd, SOL_SOCKET, option, &has, &len) == 0 && has == value;
}

sv_err sv_local_socket_inherited(int *out, sv_why *why) {
    enum { FIRST = 3 };
    uint64_t pid = 0;
    uint64_t count = 0;
    *out = -1;
    // NOLINTBEGIN(concurrency-mt-unsafe): nothing changes the environment
    if (sv_text_u64(sv_text_of(getenv("LISTEN_PID")), INT32_MAX, &pid) != SV_OK
        || sv_text_u64(sv_text_of(getenv("LISTEN_FDS")), INT32_MAX, &count) != SV_OK
        || pid != (uint64_t) getpid() || count == 0) {
        return SV_OK;
    }
    // NOLINTEND(concurrency-mt-unsafe)
    if (count != 1 || !has_option(FIRST, SO_DOMAIN, AF_UNIX)
        || !has_option(FIRST, SO_TYPE, SOCK_SEQPACKET) || !has_option(FIRST, SO_ACCEPTCONN, 1)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the service manager passes %llu sockets; one with ListenSequentialPacket= "
                       "is expected",
                       (unsigned long long) count);
    }
    *out = FIRST;
    return SV_OK;
}

int64_t sv_local_socket_peer(int fd) {
    struct ucred peer = { .uid = (uid_t) -1 };
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid != (uid_t) -1
               ? (int64_t) peer.uid
               : -1;
}

bool sv_local_socket_may_ask(int fd, int64_t allow_uid) {
    return sv_local_socket_peer(fd) == (allow_uid >= 0 ? allow_uid : (int64_t) geteuid());
}
