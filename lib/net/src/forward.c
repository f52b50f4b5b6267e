#include <arpa/inet.h>
#include <base/mem.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <net/forward.h>
#include <stdlib.h>
#include <string.h>

typedef struct pair {
    sv_forward *of;
    struct bufferevent *ends[2]; ///< who came, and where that goes on to
    struct pair *next;
} pair;

struct sv_forward {
    struct event_base *base;
    struct evconnlistener *listener;
    uint16_t port, target;
    bool cut;
    pair *pairs;
    unsigned count;
};

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void pair_end(pair *one) {
    bufferevent_free(one->ends[0]);
    bufferevent_free(one->ends[1]);
    free(one);
}

static void pair_drop(pair *one) {
    pair **at = &one->of->pairs;
    while (*at != one) {
        at = &(*at)->next;
    }
    *at = one->next;
    one->of->count--;
    pair_end(one);
}

static struct bufferevent *other_end(const pair *one, const struct bufferevent *end) {
    return one->ends[end == one->ends[0] ? 1 : 0];
}

static void on_read(struct bufferevent *end, void *arg) {
    struct bufferevent *other = other_end(arg, end);
    struct evbuffer *out = bufferevent_get_output(other);
    (void) evbuffer_add_buffer(out, bufferevent_get_input(end));
    if (evbuffer_get_length(out) > SV_FORWARD_BEHIND_MAX) {
        (void) bufferevent_disable(end, EV_READ);
    }
}

/// All that was ahead has gone: go on, or end what is over.
static void on_written(struct bufferevent *end, void *arg) {
    pair *one = arg;
    struct bufferevent *from = other_end(one, end);
    if (bufferevent_getfd(from) < 0) {
        pair_drop(one);
    } else {
        (void) bufferevent_enable(from, EV_READ);
    }
}

static void on_event(struct bufferevent *end, short what, void *arg) {
    pair *one = arg;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        return;
    }
    struct bufferevent *other = other_end(one, end);
    bool more = evbuffer_get_length(bufferevent_get_output(other)) > 0;
    if (!more || (what & BEV_EVENT_ERROR) != 0) {
        pair_drop(one);
        return;
    }
    // What it said last is on its way still.
    evutil_socket_t fd = bufferevent_getfd(end);
    (void) bufferevent_disable(end, EV_READ | EV_WRITE);
    (void) bufferevent_setfd(end, -1);
    (void) evutil_closesocket(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int len, void *arg) {
    sv_forward *f = arg;
    (void) listener;
    (void) from;
    (void) len;
    if (f->cut || f->count == SV_FORWARD_PAIRS_MAX) {
        (void) evutil_closesocket(fd);
        return;
    }
    pair *one = sv_mem_new(sizeof *one);
    struct sockaddr_in target = loopback(f->target);
    *one = (pair){ .of = f, .next = f->pairs };
    one->ends[0] = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
    one->ends[1] = bufferevent_socket_new(f->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (one->ends[0] == NULL || one->ends[1] == NULL) {
        abort(); // out of memory, as in base/mem.h
    }
    f->pairs = one;
    f->count++;
    for (int i = 0; i < 2; i++) {
        bufferevent_setcb(one->ends[i], on_read, on_written, on_event, one);
        (void) bufferevent_enable(one->ends[i], EV_READ | EV_WRITE);
    }
    if (bufferevent_socket_connect(one->ends[1], (struct sockaddr *) &target, sizeof target) != 0) {
        pair_drop(one);
    }
}

sv_err sv_forward_open(sv_loop *loop, uint16_t port, sv_forward **out, sv_why *why) {
    sv_forward *f = sv_mem_new(sizeof *f);
    struct sockaddr_in any = loopback(0);
    socklen_t len = sizeof any;
    *f = (sv_forward){ .base = sv_loop_base(loop), .target = port };
    f->listener = evconnlistener_new_bind(f->base, on_accept, f,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, -1,
                                          (struct sockaddr *) &any, sizeof any);
    if (f->listener == NULL
        || getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *) &any, &len) != 0) {
        sv_forward_drop(&f);
        return sv_fail(why, SV_ERR_IO, "cannot listen on a port of 127.0.0.1: %m");
    }
    f->port = ntohs(any.sin_port);
    *out = f;
    return SV_OK;
}

static void end_all(sv_forward *f) {
    pair *next = f->pairs;
    f->pairs = NULL;
    f->count = 0;
    while (next != NULL) {
        pair *one = next;
        next = one->next;
        pair_end(one);
    }
}

void sv_forward_drop(sv_forward **forward) {
    if (*forward == NULL) {
        return;
    }
    end_all(*forward);
    if ((*forward)->listener != NULL) {
        evconnlistener_free((*forward)->listener);
    }
    free(*forward);
    *forward = NULL;
}

uint16_t sv_forward_port(const sv_forward *forward) {
    return forward->port;
}

void sv_forward_cut(sv_forward *forward, bool cut) {
    forward->cut = cut;
    if (cut) {
        end_all(forward);
    }
}
