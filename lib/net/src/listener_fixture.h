// For the tests of the listener: a PKI in a folder, a listener on a loop, and callers on the same
// thread that speak TLS, or plainly, and let the loop turn while they wait.
#ifndef SV_NET_LISTENER_FIXTURE_H
#define SV_NET_LISTENER_FIXTURE_H

#include "listener_internal.h"

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/mem.h>
#include <base/test.h>
#include <crypto/pki.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    PATIENCE_US = 20 * 1000 * 1000,
    TURN_US = 1000,
    OWNERS_MAX = 32,
    HEARD_MAX = 1024 * 1024,
    ARRIVED_MAX = 256 * 1024,
    PATH_ROOM = 128,
};

static char folder[] = "/tmp/sv-listener-XXXXXX";

static inline const char *in_folder(const char *name) {
    static char rooms[8][PATH_ROOM];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, PATH_ROOM, folder, name), SV_OK);
    return room;
}

static inline const char *leaf_file(const char *id, const char *end) {
    char name[PATH_ROOM];
    (void) snprintf(name, sizeof name, "leaves/%s.%s", id, end);
    return in_folder(name);
}

static inline void issue(const char *pki, const char *id, sv_role role) {
    sv_pki_leaf leaf = { .id = id, .role = role, .out = in_folder("leaves") };
    leaf.ip[0] = role == SV_ROLE_SERVER ? "127.0.0.1" : NULL;
    assert_int_equal(sv_pki_issue(in_folder(pki), &leaf, NULL), SV_OK);
}

static inline int make_certificates(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sv_disk_make_folder(in_folder("leaves"), 0700, NULL), SV_OK);
    static const char *const NAMES[] = { "site", "stranger" };
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        sv_pki_setup setup = { .dir = in_folder(NAMES[i]), .root_passphrase = "only for tests" };
        assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
    }
    issue("site", "hub", SV_ROLE_SERVER);
    issue("site", "press-1", SV_ROLE_DEVICE);
    issue("stranger", "intruder", SV_ROLE_DEVICE);
    return 0;
}

static inline int remove_certificates(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

struct site;

/// What the listener's user keeps of a link.
typedef struct owner {
    struct site *site;
    sv_link *link;
    sv_identity identity;
    char peer[SV_LISTENER_PEER_ROOM];
    char *heard;
    size_t heard_len;
    size_t shown_len; ///< of the newest `bytes`
    int drained, downs, unwelcome, slowed;
    char why[SV_WHY_MAX];
} owner;

typedef struct site {
    sv_loop *loop;
    sv_tls *tls;
    sv_listener *listener;
    owner owners[OWNERS_MAX];
    size_t count;
    char refused[SV_WHY_MAX]; ///< the newest
    char refused_peer[SV_LISTENER_PEER_ROOM];
    int refusals;
    int answered, unanswered; ///< links that parted
    char parted_peer[SV_LISTENER_PEER_ROOM];
    // what the user does
    size_t take_at_least; ///< `bytes` takes nothing before so much is shown
    size_t take_at_most;  ///< of one showing; 0: all
    bool reject;          ///< no room for new links
    const char *stranger; ///< an id that is not welcome
    void (*in_up)(owner *o);
    void (*in_bytes)(owner *o);
    void (*in_down)(owner *o);
    void (*in_unwelcome)(owner *o);
    void (*in_refused)(struct site *s);
} site;

static inline void *on_up(void *arg, sv_link *link, const sv_identity *identity) {
    site *s = arg;
    if (s->reject) {
        return NULL;
    }
    assert_true(s->count < OWNERS_MAX);
    owner *o = &s->owners[s->count++];
    *o = (owner){ .site = s, .link = link, .heard = sv_mem_new(HEARD_MAX) };
    (void) snprintf(o->peer, sizeof o->peer, "%s", sv_link_peer(link));
    if (identity != NULL) {
        o->identity = *identity;
    }
    if (s->in_up != NULL) {
        s->in_up(o);
    }
    return o;
}

static inline size_t on_bytes(void *arg, sv_text arrived) {
    owner *o = arg;
    const site *s = o->site;
    o->shown_len = arrived.len;
    if (s->in_bytes != NULL) {
        s->in_bytes(o);
    }
    if (arrived.len < s->take_at_least) {
        return 0;
    }
    size_t len =
        s->take_at_most > 0 && arrived.len > s->take_at_most ? s->take_at_most : arrived.len;
    assert_true(o->heard_len + len <= HEARD_MAX);
    memcpy(o->heard + o->heard_len, arrived.at, len);
    o->heard_len += len;
    return len;
}

static inline void on_drained(void *arg) {
    owner *o = arg;
    o->drained++;
}

static inline void on_slowed(void *arg) {
    owner *o = arg;
    o->slowed++;
}

static inline void on_down(void *arg, const sv_why *why) {
    owner *o = arg;
    o->downs++;
    (void) snprintf(o->why, sizeof o->why, "%s", why->text);
    if (o->site->in_down != NULL) {
        o->site->in_down(o);
    }
    o->link = NULL;
}

static inline void on_unwelcome(void *arg, const sv_why *why) {
    owner *o = arg;
    o->unwelcome++;
    (void) snprintf(o->why, sizeof o->why, "%s", why->text);
    if (o->site->in_unwelcome != NULL) {
        o->site->in_unwelcome(o);
    } else {
        sv_link_close(o->link, true);
    }
    o->link = NULL;
}

static inline void on_refused(void *arg, const char *peer, const sv_why *why) {
    site *s = arg;
    s->refusals++;
    (void) snprintf(s->refused, sizeof s->refused, "%s", why->text);
    (void) snprintf(s->refused_peer, sizeof s->refused_peer, "%s", peer);
    if (s->in_refused != NULL) {
        s->in_refused(s);
    }
}

static inline sv_err on_welcome(void *arg, const char *peer, const sv_identity *identity,
                                sv_why *why) {
    const site *s = arg;
    assert_memory_equal(peer, "127.0.0.1:", 10);
    bool may = s->stranger == NULL || strcmp(s->stranger, identity->id) != 0;
    return may ? SV_OK : sv_fail(why, SV_ERR_UNTRUSTED, "revoked (%s)", identity->id);
}

static inline void on_parted(void *arg, const char *peer, bool answered) {
    site *s = arg;
    s->answered += answered ? 1 : 0;
    s->unanswered += answered ? 0 : 1;
    (void) snprintf(s->parted_peer, sizeof s->parted_peer, "%s", peer);
}

static const sv_listener_events EVENTS = {
    .welcome = on_welcome,
    .up = on_up,
    .bytes = on_bytes,
    .drained = on_drained,
    .slowed = on_slowed,
    .down = on_down,
    .unwelcome = on_unwelcome,
    .refused = on_refused,
    .parted = on_parted,
};

/// `crl` may be NULL.
static inline sv_tls *hub_tls_with(const char *ca, const char *crl) {
    sv_tls_files files = {
        .ca = ca, .cert = leaf_file("hub", "crt"), .key = leaf_file("hub", "key"), .crl = crl
    };
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_server(&files, SV_TLS_CLIENTS_TRUSTED, false, &tls, NULL), SV_OK);
    return tls;
}

static inline sv_tls *hub_tls(void) {
    return hub_tls_with(in_folder("site/ca.crt"), NULL);
}

/// From now on, as a reload does it; takes the context.
static inline void site_tls(site *s, sv_tls *tls) {
    sv_listener_tls(s->listener, tls);
    sv_tls_drop(&s->tls);
    s->tls = tls;
}

/// On TCP with TLS when `path` is NULL.
static inline site *site_open(const char *path, size_t links_max, size_t handshakes_max) {
    site *s = sv_mem_new(sizeof *s);
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    s->tls = path == NULL ? hub_tls() : NULL;
    sv_listener_options options = { .bind = path == NULL ? "127.0.0.1" : NULL,
                                    .path = path,
                                    .tls = s->tls,
                                    .links_max = links_max,
                                    .handshakes_max = handshakes_max,
                                    .arrived_max = ARRIVED_MAX };
    sv_why why;
    if (sv_listener_open(s->loop, &options, &EVENTS, s, &s->listener, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return s;
}

static inline void site_drop(site **s) {
    sv_listener_drop(&(*s)->listener);
    sv_tls_drop(&(*s)->tls);
    sv_loop_drop(&(*s)->loop);
    for (size_t i = 0; i < (*s)->count; i++) {
        free((*s)->owners[i].heard);
    }
    free(*s);
}

static inline void turn_for(site *s, int64_t us) {
    int64_t end_us = sv_clock_monotonic_us() + us;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
}

/// Lets the loop turn until `condition` holds; fails when it does not come to hold.
#define TURN_UNTIL(s, condition)                                                                   \
    do {                                                                                           \
        int64_t end_us_ = sv_clock_monotonic_us() + PATIENCE_US;                                   \
        while (!(condition) && sv_clock_monotonic_us() < end_us_) {                                \
            sv_loop_turn((s)->loop, TURN_US);                                                      \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

typedef struct caller {
    site *at;
    int fd;
    SSL *ssl;
} caller;

/// From 127.0.0.`host`.
static inline int call_port_from(uint16_t port, uint8_t host) {
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *) &from, sizeof from), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *) &to, sizeof to), 0);
    int on = 1;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    evutil_make_socket_nonblocking(fd);
    return fd;
}

static inline int call_port(uint16_t port) {
    return call_port_from(port, 1);
}

static inline int call_path(const char *path) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    assert_int_equal(sv_text_copy(sv_text_of(path), to.sun_path, sizeof to.sun_path), SV_OK);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *) &to, sizeof to), 0);
    evutil_make_socket_nonblocking(fd);
    return fd;
}

/// A client's context that trusts the site and shows `cert`, which may be NULL.
static inline SSL_CTX *client_ctx(const char *cert, const char *key) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_file(ctx, in_folder("site/ca.crt")), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (cert != NULL) {
        assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
    }
    return ctx;
}

static inline caller caller_begin(site *s, SSL_CTX *ctx) {
    caller c = { .at = s, .fd = call_port(sv_listener_port(s->listener)), .ssl = SSL_new(ctx) };
    assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
    return c;
}

/// True: try it again.
static inline bool caller_waits(const caller *c, int result, int64_t end_us) {
    int fault = SSL_get_error(c->ssl, result);
    if ((fault != SSL_ERROR_WANT_READ && fault != SSL_ERROR_WANT_WRITE)
        || sv_clock_monotonic_us() > end_us) {
        return false;
    }
    sv_loop_turn(c->at->loop, TURN_US);
    return true;
}

static inline bool caller_shake(caller *c) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    int result = 0;
    do {
        ERR_clear_error();
        result = SSL_connect(c->ssl);
    } while (result != 1 && caller_waits(c, result, end_us));
    return result == 1;
}

static inline caller caller_open_as(site *s, const char *id) {
    SSL_CTX *ctx = client_ctx(leaf_file(id, "crt"), leaf_file(id, "key"));
    caller c = caller_begin(s, ctx);
    SSL_CTX_free(ctx);
    size_t before = s->count;
    assert_true(caller_shake(&c));
    TURN_UNTIL(s, s->count > before);
    return c;
}

static inline caller caller_open(site *s) {
    return caller_open_as(s, "press-1");
}

/// Bytes read, at most what is asked for; fewer at the end.
static inline size_t caller_read(caller *c, char *room, size_t len) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    size_t got = 0;
    while (got < len) {
        size_t more = 0;
        ERR_clear_error();
        int result = SSL_read_ex(c->ssl, room + got, len - got, &more);
        got += more;
        if (result != 1 && !caller_waits(c, result, end_us)) {
            break;
        }
    }
    return got;
}

static inline void caller_write(caller *c, const char *at, size_t len) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    size_t done = 0;
    int result = 0;
    do {
        ERR_clear_error();
        result = SSL_write_ex(c->ssl, at, len, &done);
    } while (result != 1 && caller_waits(c, result, end_us));
    assert_int_equal(result, 1);
}

static inline void caller_drop(caller *c) {
    SSL_free(c->ssl);
    c->ssl = NULL;
    sv_fd_drop(&c->fd);
}

#endif
