#include "listener_internal.h"

#include <base/fd.h>
#include <base/mem.h>
#include <crypto/random.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    // Tells us of a silent peer that has gone without a word. No TCP_USER_TIMEOUT: it would also
    // end who reads slowly, and how long that may be is for the owner to say.
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_EVERY_S = 15,
    KEEPALIVE_TRIES = 4,
};

/// Accepted sockets inherit all of it.
static void set_tcp(int fd) {
    static const struct {
        int level, name, value;
    } OPTIONS[] = {
        { SOL_SOCKET, SO_REUSEADDR, 1 },
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_NODELAY, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_TRIES },
    };
    for (size_t i = 0; i < SV_COUNT(OPTIONS); i++) {
        (void) setsockopt(fd, OPTIONS[i].level, OPTIONS[i].name, &OPTIONS[i].value,
                          sizeof OPTIONS[i].value);
    }
}

static sv_err listen_tcp(const sv_listener_options *options, int *out, sv_why *why) {
    sv_place at;
    socklen_t len = 0;
    SV_TRY(sv_place_parse(options->bind, options->port, &at, &len, why));
    if (options->tls == NULL && !sv_place_is_loopback(&at)) {
        return sv_fail(why, SV_ERR_INVALID, "a listener on %s:%u needs TLS", options->bind,
                       options->port);
    }
    SV_DEFER(sv_fd_drop)
    int fd = socket(at.head.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return sv_place_refused(options->bind, options->port, errno, why);
    }
    set_tcp(fd);
    if (bind(fd, &at.head, len) != 0 || listen(fd, SV_LISTENER_BACKLOG) != 0) {
        return sv_place_refused(options->bind, options->port, errno, why);
    }
    *out = sv_fd_take(&fd);
    return SV_OK;
}

void sv_listener_consider(sv_listener *listener) {
    bool accept = !listener->dropped && !sv_timer_is_set(listener->rest)
                  && listener->ready_count < SV_LISTENER_READY_MAX;
    if (accept != listener->accepting) {
        (void) (accept ? event_add(&listener->door, NULL) : event_del(&listener->door));
        listener->accepting = accept;
    }
}

static void rest_for(sv_listener *listener, int64_t us) {
    sv_timer_once(listener->rest, us);
    sv_listener_consider(listener);
}

static void rested(void *arg) {
    sv_listener_consider(arg);
}

/// Out of descriptors or memory: whoever waits is taken in later. Told once, until accepting has
/// worked again.
static void accept_failed(sv_listener *listener, int number) {
    if (number != EMFILE && number != ENFILE && number != ENOBUFS && number != ENOMEM) {
        return; // nobody is waiting, or who was has left
    }
    rest_for(listener, SV_LISTENER_REST_US);
    if (!listener->starved) {
        listener->starved = true;
        listener->shed++;
        sv_why why;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "new links must wait: %s", sv_errno_text(number));
        if (listener->events.refused != NULL) {
            listener->events.refused(listener->arg, "", &why);
        }
    }
}

static void take_in(sv_listener *listener, int fd, const sv_place *from) {
    sv_link *link = sv_link_new(listener, fd, from);
    if (listener->count[SV_LINK_UP] >= listener->links_max) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "%zu links are up, the most there may be",
                       listener->count[SV_LINK_UP]);
        sv_link_shed(link, &why);
    } else if (listener->tls == NULL) {
        sv_link_up(link, NULL);
    } else if (!sv_timer_is_set(listener->deadline)) {
        sv_timer_once(listener->deadline, listener->handshake_us);
    }
}

/// False: enough for now.
static bool accept_one(sv_listener *listener, bool first) {
    bool full =
        listener->tls != NULL && listener->count[SV_LINK_HALF_OPEN] >= listener->handshakes_max;
    // Only the first is sure to be there, and worth shedding another for.
    if (full && (!first || !sv_handshake_room(listener))) {
        return false;
    }
    sv_place from = { .any = { 0 } };
    socklen_t len = sizeof from;
    int fd = accept4(listener->fd, &from.head, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        accept_failed(listener, errno);
        return false;
    }
    listener->starved = false;
    listener->accepted++;
    take_in(listener, fd, &from);
    return !listener->dropped;
}

static void door_opens(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_listener *listener = arg;
    sv_listener_enter(listener);
    for (int i = 0; i < SV_LISTENER_ACCEPTS && accept_one(listener, i == 0); i++) {
    }
    sv_listener_leave(listener);
}

static void flush_due(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_links_flush(arg);
}

static void set_up(sv_listener *listener) {
    sv_loop *loop = listener->loop;
    struct event_base *base = sv_loop_base(loop);
    for (int state = 0; state < SV_LINK__STATES; state++) {
        TAILQ_INIT(&listener->links[state]);
    }
    TAILQ_INIT(&listener->sources);
    TAILQ_INIT(&listener->idle);
    TAILQ_INIT(&listener->finished);
    for (size_t i = 0; i < SV_LISTENER_SHAKES; i++) {
        listener->shakes[i] = (sv_shake){ .listener = listener, .fd = -1 };
        TAILQ_INSERT_TAIL(&listener->idle, &listener->shakes[i], place);
    }
    listener->review = (sv_review){ .listener = listener };
    TAILQ_INIT(&listener->again);
    TAILQ_INIT(&listener->dirty);
    TAILQ_INIT(&listener->slowed);
    listener->rest = sv_timer_new(loop, rested, listener);
    listener->deadline = sv_timer_new(loop, sv_handshake_deadline, listener);
    listener->parting = sv_timer_new(loop, sv_links_parting, listener);
    listener->work = sv_timer_new(loop, sv_handshake_work, listener);
    listener->more = sv_timer_new(loop, sv_links_more, listener);
    listener->pay = sv_timer_new(loop, sv_links_pay, listener);
    if (event_assign(&listener->door, base, listener->fd, EV_READ | EV_PERSIST, door_opens,
                     listener)
            != 0
        || event_assign(&listener->flush, base, -1, 0, flush_due, listener) != 0) {
        abort();
    }
    sv_listener_consider(listener);
}

/// Who shakes hands costs a step of public-key arithmetic, which is not to hold up the loop.
static sv_err hire(sv_listener *listener, sv_why *why) {
    if (listener->tls == NULL) {
        return SV_OK;
    }
    uint8_t key[16];
    sv_random(key, sizeof key);
    SV_TRY(sv_worker_open(listener->loop, SV_LISTENER_SHAKES + 2, &listener->worker, why));
    sv_worker_nice(listener->worker, SV_LISTENER_NICE);
    listener->by_address = sv_map_new(listener->handshakes_max + 1, key);
    return SV_OK;
}

static void note_path(sv_listener *listener, const char *path) {
    struct stat info;
    if (lstat(path, &info) == 0) {
        listener->path = sv_mem_copy_str(path, strlen(path));
        listener->path_dev = info.st_dev;
        listener->path_ino = info.st_ino;
    }
}

/// Another's socket may have taken the place of ours.
static void remove_path(const sv_listener *listener) {
    struct stat info;
    if (listener->path != NULL && lstat(listener->path, &info) == 0
        && info.st_dev == listener->path_dev && info.st_ino == listener->path_ino) {
        (void) unlink(listener->path);
    }
}

sv_err sv_listener_open(sv_loop *loop, const sv_listener_options *options,
                        const sv_listener_events *events, void *arg, sv_listener **out,
                        sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = -1;
    if (options->bind == NULL && options->path == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "a listener needs an address or a path");
    }
    if (options->bind == NULL) {
        SV_TRY(sv_listen_path(options->path, &fd, why));
    } else {
        SV_TRY(listen_tcp(options, &fd, why));
    }
    sv_listener *listener = sv_mem_new(sizeof *listener);
    *listener = (sv_listener){ .loop = loop, .events = *events, .arg = arg };
    listener->tls = options->bind != NULL ? options->tls : NULL;
    listener->links_max = options->links_max;
    listener->handshakes_max = options->handshakes_max > 0 ? options->handshakes_max : 1;
    listener->arrived_max = options->arrived_max;
    listener->bytes_per_s = (int64_t) options->bytes_per_s;
    listener->handshake_us = SV_LISTENER_HANDSHAKE_US;
    listener->fd = sv_fd_take(&fd);
    sv_err err = hire(listener, why);
    if (err != SV_OK) {
        sv_fd_drop(&listener->fd);
        free(listener);
        return err;
    }
    if (options->bind == NULL) {
        note_path(listener, options->path);
    }
    set_up(listener);
    *out = listener;
    return SV_OK;
}

uint16_t sv_listener_port(const sv_listener *listener) {
    return sv_place_port(listener->fd);
}

void sv_listener_tls(sv_listener *listener, sv_tls *tls) {
    if (listener->tls != NULL) {
        listener->tls = tls;
        sv_review_begin(listener);
    }
}

sv_listener_counts sv_listener_count(const sv_listener *listener) {
    return (sv_listener_counts){ .links = listener->count[SV_LINK_UP],
                                 .handshakes = listener->count[SV_LINK_HALF_OPEN],
                                 .accepted = listener->accepted,
                                 .refused = listener->refused,
                                 .shed = listener->shed,
                                 .slowed = listener->slowed_count,
                                 .slowed_total = listener->slowed_total };
}

static void free_listener(sv_listener *listener) {
    sv_timer_drop(&listener->rest);
    sv_timer_drop(&listener->deadline);
    sv_timer_drop(&listener->parting);
    sv_timer_drop(&listener->work);
    sv_timer_drop(&listener->more);
    sv_timer_drop(&listener->pay);
    sv_map_drop(&listener->by_address);
    free(listener->path);
    free(listener);
}

void sv_listener_look(sv_listener *listener) {
    if (!listener->dropped && !sv_timer_is_set(listener->work)) {
        sv_timer_once(listener->work, 0);
    }
}

void sv_listener_enter(sv_listener *listener) {
    listener->inside++;
}

void sv_listener_leave(sv_listener *listener) {
    listener->inside--;
    if (listener->inside > 0) {
        return;
    }
    sv_link_list *gone = &listener->links[SV_LINK_GONE];
    for (sv_link *link = TAILQ_FIRST(gone); link != NULL; link = TAILQ_FIRST(gone)) {
        TAILQ_REMOVE(gone, link, place);
        listener->count[SV_LINK_GONE]--;
        sv_link_free(link);
    }
    if (listener->dropped) {
        free_listener(listener);
    } else {
        sv_listener_consider(listener);
    }
}

static void close_all(sv_listener *listener) {
    for (int state = 0; state < SV_LINK_GONE; state++) {
        sv_link_list *links = &listener->links[state];
        for (sv_link *link = TAILQ_FIRST(links); link != NULL; link = TAILQ_FIRST(links)) {
            sv_link_last_try(link);
            sv_link_part(link);
        }
    }
}

void sv_listener_drop(sv_listener **listener) {
    sv_listener *gone = *listener;
    if (gone == NULL) {
        return;
    }
    *listener = NULL;
    sv_listener_enter(gone);
    (void) event_del(&gone->door);
    remove_path(gone);
    sv_fd_drop(&gone->fd);
    gone->dropped = true;
    close_all(gone);
    sv_worker_drop(&gone->worker);
    sv_handshake_take_back(gone);
    sv_review_clear(&gone->review);
    (void) event_del(&gone->flush);
    sv_timer_stop(gone->rest);
    sv_timer_stop(gone->deadline);
    sv_timer_stop(gone->parting);
    sv_timer_stop(gone->work);
    sv_timer_stop(gone->more);
    sv_timer_stop(gone->pay);
    sv_listener_leave(gone);
}
