#include "door.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/local_socket.h>
#include <sys/log.h>
#include <sys/socket.h>
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
    int64_t allowed = d->service->config->allow_uid;
    if (sv_local_socket_may_ask(fd, allowed)) {
        return true;
    }
    SV_LOG(warn, "signer.stranger", "user %lld may not ask; allow_uid is %lld",
           (long long) sv_local_socket_peer(fd),
           (long long) (allowed >= 0 ? allowed : (int64_t) geteuid()));
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

sv_err door_open(sv_loop *loop, signer_service *service, sv_loop_fn *stop, void *arg,
                 signer_door **out, sv_why *why) {
    int listener = -1;
    const sv_local_socket socket = { .path = service->config->socket,
                                     .who = "signer",
                                     .allow_uid = service->config->allow_uid,
                                     .socket_group = service->config->socket_group,
                                     .backlog = DOOR_CONNECTIONS_MAX };
    SV_TRY(sv_local_socket_listen(&socket, &listener, why));
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
