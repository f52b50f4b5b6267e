#include "door.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct connection {
    signer_door *door;
    int fd; ///< -1: free
    sv_watch *watch;
    crl_draft draft;
} connection;

struct signer_door {
    sv_loop *loop;
    signer_service *service;
    sv_loop_fn *stop;
    void *stop_arg;
    int listener;
    sv_watch *watch;
    connection connections[DOOR_CONNECTIONS_MAX];
    // Of the one connection that is being served.
    sv_signer_request requests[SV_SIGNER_WINDOW];
    sv_signer_answer answers[SV_SIGNER_WINDOW];
};

static void cut(connection *c) {
    sv_watch_drop(&c->watch);
    sv_fd_drop(&c->fd);
    c->fd = -1;
    crl_draft_drop(&c->draft);
}

/// Requests that wait, up to a window of them. False: the connection ended or broke the rules.
static bool read_window(connection *c, size_t *count) {
    for (*count = 0; *count < SV_SIGNER_WINDOW; (*count)++) {
        sv_signer_request packet;
        ssize_t got = recv(c->fd, &packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (got <= 0) {
            return false;
        }
        sv_why why = { 0 };
        if (sv_signer_request_read(&packet, (size_t) got, &c->door->requests[*count], &why)
            != SV_OK) {
            SV_LOG(warn, "signer.cut", "%s", why.text);
            return false;
        }
    }
    return true;
}

static void on_request(void *arg) {
    connection *c = arg;
    signer_door *d = c->door;
    size_t count = 0;
    bool open = read_window(c, &count);
    sv_why why = { 0 };
    if (count > 0
        && service_answer(d->service, &c->draft, d->requests, count, d->answers, &why) != SV_OK) {
        SV_LOG(error, "signer.end", "%s", why.text);
        cut(c);
        d->stop(d->stop_arg);
        return;
    }
    for (size_t i = 0; i < count && open; i++) {
        // A client that asks within its window reads its answers too; whoever does not is cut.
        open = send(c->fd, &d->answers[i], sizeof d->answers[i], MSG_DONTWAIT | MSG_NOSIGNAL)
               == (ssize_t) sizeof d->answers[i];
    }
    if (!open) {
        cut(c);
    }
}

static bool may_ask(const signer_door *d, int fd) {
    struct ucred peer = { .uid = (uid_t) -1 };
    socklen_t len = sizeof peer;
    int64_t allowed =
        d->service->config->allow_uid >= 0 ? d->service->config->allow_uid : (int64_t) geteuid();
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0
        && (int64_t) peer.uid == allowed) {
        return true;
    }
    SV_LOG(warn, "signer.stranger", "user %u may not ask; allow_uid is %lld", (unsigned) peer.uid,
           (long long) allowed);
    return false;
}

static connection *free_connection(signer_door *d) {
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        if (d->connections[i].fd < 0) {
            return &d->connections[i];
        }
    }
    return NULL;
}

static void on_connection(void *arg) {
    signer_door *d = arg;
    SV_DEFER(sv_fd_drop) int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || !may_ask(d, fd)) {
        return;
    }
    connection *c = free_connection(d);
    if (c == NULL) {
        SV_LOG(warn, "signer.full", "%d connections are open already", DOOR_CONNECTIONS_MAX);
        return;
    }
    c->fd = sv_fd_take(&fd);
    c->draft = crl_draft_new();
    c->watch = sv_watch_readable(d->loop, c->fd, on_request, c);
}

// ---- the socket ---------------------------------------------------------------------------------

/// A socket that nobody answers on was left by a signer that was killed.
static sv_err clear_path(const struct sockaddr_un *address, sv_why *why) {
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
        return sv_fail(why, SV_ERR_STATE, "a signer answers on '%s' already; stop that one first",
                       address->sun_path);
    }
    (void) unlink(address->sun_path);
    return SV_OK;
}

/// The socket is its user's alone, so it has to belong to whoever may ask.
static sv_err give_to_user(const char *path, int64_t uid, sv_why *why) {
    if (uid < 0 || uid == (int64_t) geteuid()) {
        return SV_OK;
    }
    if (chown(path, (uid_t) uid, (gid_t) -1) != 0) {
        return sv_fail(why, SV_ERR_IO,
                       "cannot give the socket '%s' to user %lld (%m); name a group of that user "
                       "as socket_group, or start the signer with the right to (CAP_CHOWN)",
                       path, (long long) uid);
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

static sv_err give_to(const signer_config *config, sv_why *why) {
    return config->socket_group < 0
               ? give_to_user(config->socket, config->allow_uid, why)
               : give_to_group(config->socket, (gid_t) config->socket_group, why);
}

static sv_err bind_socket(const signer_config *config, int *out, sv_why *why) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    SV_TRY(sv_text_copy(sv_text_of(config->socket), address.sun_path, sizeof address.sun_path));
    SV_TRY(clear_path(&address, why));
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *) &address, sizeof address) == 0;
    (void) umask(before);
    if (!bound || listen(fd, DOOR_CONNECTIONS_MAX) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot listen on '%s': %m", config->socket);
    }
    SV_TRY(give_to(config, why));
    *out = sv_fd_take(&fd);
    return SV_OK;
}

sv_err door_open(sv_loop *loop, signer_service *service, sv_loop_fn *stop, void *arg,
                 signer_door **out, sv_why *why) {
    int listener = -1;
    SV_TRY(bind_socket(service->config, &listener, why));
    signer_door *d = sv_mem_new(sizeof *d);
    d->loop = loop;
    d->service = service;
    d->stop = stop;
    d->stop_arg = arg;
    d->listener = listener;
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        d->connections[i] = (connection){ .door = d, .fd = -1, .draft = crl_draft_new() };
    }
    d->watch = sv_watch_readable(loop, listener, on_connection, d);
    *out = d;
    return SV_OK;
}

void door_drop(signer_door **door) {
    if (*door == NULL) {
        return;
    }
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        cut(&(*door)->connections[i]);
    }
    sv_watch_drop(&(*door)->watch);
    sv_fd_drop(&(*door)->listener);
    free(*door);
    *door = NULL;
}
