#include "lookup.h"
#include "tls_internal.h"

#include <base/mem.h>
#include <ctype.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <fcntl.h>
#include <net/conn.h>
#include <net/reach.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HOST_MAX = 256,
    LAST_WORDS_MAX = 4096,
    LAST_WORDS_PIECES = 16,
    RECORD_MAX = 16 * 1024, ///< content of one TLS record
    TURN_BYTES = 64 * 1024  ///< read from one connection before the others have their turn
};

struct sv_conn {
    sv_loop *loop;
    struct bufferevent *stream;
    struct evdns_base *names; ///< NULL when the host needs no resolving
    sv_timer *patience;
    lookup *lookup;       ///< of a connection to public addresses alone
    sv_tls *starting_tls; ///< to go on under when `bytes` returns
    SSL *ssl;             ///< owned by the stream
    sv_conn_events events;
    void *arg;
    int64_t connect_us;
    char host[HOST_MAX];
    uint16_t port;
    bool up;
    sv_conn_step ended_at;
    bool ended;   ///< `down` has been called
    bool dropped; ///< by its owner, inside one of its events
    bool in_event;
};

static void free_names(evutil_socket_t fd, short what, void *names) {
    (void) fd;
    (void) what;
    evdns_base_free(names, 1);
}

/// The resolver is told about the cancelled question in the loop's next round; it must live so
/// long.
static void drop_names_later(sv_conn *conn) {
    if (conn->names == NULL) {
        return;
    }
    struct timeval soon = { 0 };
    if (event_base_once(sv_loop_base(conn->loop), -1, EV_TIMEOUT, free_names, conn->names, &soon)
        != 0) {
        evdns_base_free(conn->names, 1);
    }
    conn->names = NULL;
}

static void close_stream(sv_conn *conn) {
    sv_timer_drop(&conn->patience);
    lookup_drop(&conn->lookup);
    if (conn->stream != NULL) {
        bufferevent_free(conn->stream);
        conn->stream = NULL;
        conn->ssl = NULL;
    }
    drop_names_later(conn);
}

/// Runs an event of the owner, who may drop the connection in it. False: it is gone.
static bool leave_event(sv_conn *conn) {
    conn->in_event = false;
    if (conn->dropped) {
        free(conn);
        return false;
    }
    return true;
}

static sv_conn_step step_of(const sv_conn *conn) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    int fd = bufferevent_getfd(conn->stream);
    if (conn->up) {
        return SV_CONN_OPEN;
    }
    if (fd < 0 || bufferevent_socket_get_dns_error(conn->stream) != 0) {
        return SV_CONN_NAME;
    }
    return getpeername(fd, (struct sockaddr *) &peer, &len) == 0 ? SV_CONN_TLS : SV_CONN_CONNECT;
}

sv_conn_step sv_conn_at(const sv_conn *conn) {
    return conn->ended ? conn->ended_at : step_of(conn);
}

static void end(sv_conn *conn, const sv_why *why) {
    if (conn->ended) {
        return;
    }
    conn->ended_at = step_of(conn);
    conn->ended = true;
    close_stream(conn);
    conn->in_event = true;
    conn->events.down(conn->arg, why);
    (void) leave_event(conn);
}

static void patience_over(void *arg) {
    sv_conn *conn = arg;
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "not connected within %lld ms (%s:%u)",
                   (long long) (conn->connect_us / 1000), conn->host, conn->port);
    end(conn, &why);
}

static void say_errno(const sv_conn *conn, int number, sv_why *why) {
    const char *sentence = number != 0 ? sv_errno_text(number) : "connection lost";
    (void) sv_fail(why, SV_ERR_UNAVAILABLE, "%c%s (%s:%u)", tolower((unsigned char) sentence[0]),
                   sentence + 1, conn->host, conn->port);
}

/// Who refuses our certificate sends an alert and closes. If that made a write of ours fail first,
/// the alert is still there to be read, and says why.
static unsigned long tls_error(const sv_conn *conn) {
    unsigned long code = bufferevent_get_openssl_error(conn->stream);
    if (ERR_reason_error_string(code) == NULL) {
        char byte = 0;
        ERR_clear_error();
        code = SSL_read(conn->ssl, &byte, 1) <= 0 ? ERR_peek_last_error() : 0;
        ERR_clear_error();
    }
    return code;
}

static void say_closed(const sv_conn *conn, sv_why *why) {
    (void) sv_fail(why, SV_ERR_UNAVAILABLE, "closed by the other side (%s:%u)", conn->host,
                   conn->port);
}

static void say_failure(const sv_conn *conn, short what, int number, sv_why *why) {
    int unresolved = bufferevent_socket_get_dns_error(conn->stream);
    if (!conn->up && unresolved != 0) {
        (void) sv_fail(why, SV_ERR_UNAVAILABLE, "cannot resolve '%s': %s", conn->host,
                       evutil_gai_strerror(unresolved));
        return;
    }
    if (conn->ssl != NULL && sv_tls_fault(conn->ssl, tls_error(conn), conn->up, why)) {
        return;
    }
    if ((what & BEV_EVENT_EOF) == 0) {
        say_errno(conn, number, why);
    } else if (conn->up) {
        say_closed(conn, why);
    } else {
        (void) sv_fail(why, SV_ERR_UNAVAILABLE, "closed during the TLS handshake (%s:%u)",
                       conn->host, conn->port);
    }
}

static void read_again(sv_conn *conn) {
    bufferevent_trigger(conn->stream, EV_READ,
                        BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void connected(sv_conn *conn) {
    int on = 1;
    (void) setsockopt(bufferevent_getfd(conn->stream), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn->up = true;
    sv_timer_stop(conn->patience);
    drop_names_later(conn); // with its sockets to the name servers
    if (conn->ssl != NULL && SSL_has_pending(conn->ssl) == 1) {
        read_again(conn);
    }
    conn->in_event = true;
    conn->events.up(conn->arg);
    (void) leave_event(conn);
}

static void stream_event(struct bufferevent *stream, short what, void *arg) {
    (void) stream;
    int number = EVUTIL_SOCKET_ERROR();
    sv_conn *conn = arg;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        connected(conn);
    } else if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        sv_why why;
        say_failure(conn, what, number, &why);
        end(conn, &why);
    }
}

/// False, with the sentence: the stream is at its end.
static bool goes_on(const sv_conn *conn, int read_result, sv_why *why) {
    int number = errno;
    int fault = SSL_get_error(conn->ssl, read_result);
    if (fault == SSL_ERROR_WANT_READ || fault == SSL_ERROR_WANT_WRITE) {
        return true;
    }
    if (fault == SSL_ERROR_ZERO_RETURN) {
        say_closed(conn, why);
    } else if (!sv_tls_fault(conn->ssl, ERR_get_error(), conn->up, why)) {
        say_errno(conn, number, why);
    }
    return false;
}

/// TLS reads ahead: one system call fetches many records, of which libevent takes one. The socket
/// will not say again that it can be read, so what OpenSSL still holds is taken here.
static bool take_records(sv_conn *conn, sv_why *why) {
    if (conn->ssl == NULL || SSL_has_pending(conn->ssl) == 0) {
        return true;
    }
    char record[RECORD_MAX];
    for (size_t taken = 0; taken < TURN_BYTES;) {
        ERR_clear_error();
        int len = SSL_read(conn->ssl, record, sizeof record);
        if (len <= 0) {
            return goes_on(conn, len, why);
        }
        (void) evbuffer_add(bufferevent_get_input(conn->stream), record, (size_t) len);
        taken += (size_t) len;
    }
    read_again(conn);
    return true;
}

static sv_err stream_over(sv_conn *conn, int fd, const sv_tls *tls, sv_why *why);

/// The plain stream's socket goes on under TLS, and its name is checked anew.
static sv_err change_to_tls(sv_conn *conn, sv_why *why) {
    const sv_tls *tls = conn->starting_tls;
    conn->starting_tls = NULL;
    if (evbuffer_get_length(bufferevent_get_input(conn->stream)) > 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "something was sent in the clear before TLS (%s:%u)",
                       conn->host, conn->port);
    }
    int fd = fcntl(bufferevent_getfd(conn->stream), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return sv_fail(why, SV_ERR_IO, "no descriptor for TLS to %s:%u: %m", conn->host,
                       conn->port);
    }
    bufferevent_free(conn->stream);
    conn->stream = NULL;
    conn->up = false;
    sv_err err = stream_over(conn, fd, tls, why);
    if (err != SV_OK) {
        (void) close(fd);
        return err;
    }
    sv_timer_once(conn->patience, conn->connect_us);
    return SV_OK;
}

/// As it lies in memory, a record at a time, so that nothing is copied into one piece that may be
/// taken in several; more at a time when nothing is taken of that. False: the connection has gone.
static bool hand_over(sv_conn *conn) {
    struct evbuffer *input = bufferevent_get_input(conn->stream);
    size_t wanted = 0;
    for (size_t left = evbuffer_get_length(input); left > 0; left = evbuffer_get_length(input)) {
        size_t piece = evbuffer_get_contiguous_space(input);
        piece = piece < wanted ? wanted : piece;
        piece = piece > left ? left : piece;
        sv_text arrived = { .at = (const char *) evbuffer_pullup(input, (ev_ssize_t) piece),
                            .len = piece };
        conn->in_event = true;
        size_t took = conn->events.bytes(conn->arg, arrived);
        if (!leave_event(conn)) {
            return false;
        }
        (void) evbuffer_drain(input, took < piece ? took : piece);
        if (conn->starting_tls != NULL) {
            sv_why why;
            if (change_to_tls(conn, &why) != SV_OK) {
                end(conn, &why);
                return false;
            }
            return true;
        }
        if (took == 0 && piece == left) {
            return true;
        }
        wanted = took > 0 ? 0 : piece < RECORD_MAX ? RECORD_MAX : 2 * piece;
    }
    return true;
}

static void stream_read(struct bufferevent *stream, void *arg) {
    (void) stream;
    sv_conn *conn = arg;
    sv_why why;
    bool more = take_records(conn, &why);
    if (hand_over(conn) && !more) {
        end(conn, &why);
    }
}

/// Over `fd`, or over one that it will open.
static sv_err stream_over(sv_conn *conn, int fd, const sv_tls *tls, sv_why *why) {
    // Deferred: an event never reaches the owner from within the owner's own call.
    int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
    struct event_base *base = sv_loop_base(conn->loop);
    if (tls == NULL) {
        conn->stream = bufferevent_socket_new(base, fd, options);
    } else {
        conn->ssl = sv_tls_client_ssl(tls, conn->host);
        if (conn->ssl == NULL) {
            return sv_fail(why, SV_ERR_INVALID, "no TLS name can be checked for '%s'", conn->host);
        }
        SSL_set_read_ahead(conn->ssl, 1);
        conn->stream = bufferevent_openssl_socket_new(base, fd, conn->ssl,
                                                      BUFFEREVENT_SSL_CONNECTING, options);
        if (conn->stream == NULL) {
            SSL_free(conn->ssl);
            conn->ssl = NULL;
        }
    }
    if (conn->stream == NULL) {
        return sv_fail(why, SV_ERR_IO, "no stream to %s:%u: %m", conn->host, conn->port);
    }
    bufferevent_setcb(conn->stream, stream_read, NULL, stream_event, conn);
    (void) bufferevent_enable(conn->stream, EV_READ | EV_WRITE);
    return SV_OK;
}

static sv_err start_connecting(sv_conn *conn, sv_why *why) {
    const char *host = host_known(conn->host);
    if (!host_is_numeric(host)) {
        conn->names =
            evdns_base_new(sv_loop_base(conn->loop),
                           EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (conn->names == NULL) {
            return sv_fail(why, SV_ERR_UNAVAILABLE, "cannot resolve '%s': no name server is known",
                           conn->host);
        }
    }
    if (bufferevent_socket_connect_hostname(conn->stream, conn->names, AF_UNSPEC, host, conn->port)
        != 0) {
        say_errno(conn, EVUTIL_SOCKET_ERROR(), why);
        return SV_ERR_UNAVAILABLE;
    }
    return SV_OK;
}

// ---- public addresses only ----------------------------------------------------------------------

/// One address is judged and connected to; nobody is asked a second time in between.
static sv_err connect_found(sv_conn *conn, const struct sockaddr *address, socklen_t len,
                            sv_why *why) {
    sv_why refused;
    if (sv_reach_public(address, &refused) != SV_OK) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is not connected to: %s", conn->host,
                       refused.text);
    }
    if (bufferevent_socket_connect(conn->stream, address, (int) len) != 0) {
        say_errno(conn, EVUTIL_SOCKET_ERROR(), why);
        return SV_ERR_UNAVAILABLE;
    }
    return SV_OK;
}

static void found(void *arg, const struct sockaddr *address, socklen_t len, const sv_why *fault) {
    sv_conn *conn = arg;
    sv_why why;
    if (address == NULL) {
        end(conn, fault);
    } else if (connect_found(conn, address, len, &why) != SV_OK) {
        end(conn, &why);
    }
}

// ---- the connection -----------------------------------------------------------------------------

typedef sv_err conn_way(sv_conn *conn, sv_why *why);

static sv_err start_public(sv_conn *conn, sv_why *why) {
    return lookup_start(conn->loop, conn->host, conn->port, found, conn, &conn->lookup, why);
}

static sv_err open_by(conn_way *way, sv_conn blank, const char *host, const sv_tls *tls,
                      sv_conn **out, sv_why *why) {
    SV_DEFER(sv_conn_drop) sv_conn *conn = sv_mem_new(sizeof *conn);
    *conn = blank;
    if (sv_text_copy(sv_text_of(host), conn->host, sizeof conn->host) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "host name of more than %d characters", HOST_MAX - 1);
    }
    conn->patience = sv_timer_new(conn->loop, patience_over, conn);
    SV_TRY(stream_over(conn, -1, tls, why));
    SV_TRY(way(conn, why));
    sv_timer_once(conn->patience, conn->connect_us);
    *out = conn;
    conn = NULL;
    return SV_OK;
}

sv_err sv_conn_open(sv_loop *loop, const char *host, uint16_t port, sv_tls *tls, int64_t connect_us,
                    const sv_conn_events *events, void *arg, sv_conn **out, sv_why *why) {
    sv_conn blank = {
        .loop = loop, .events = *events, .arg = arg, .port = port, .connect_us = connect_us
    };
    return open_by(start_connecting, blank, host, tls, out, why);
}

sv_err sv_conn_open_public(sv_loop *loop, const char *host, uint16_t port, sv_tls *tls,
                           int64_t connect_us, const sv_conn_events *events, void *arg,
                           sv_conn **out, sv_why *why) {
    sv_conn blank = {
        .loop = loop, .events = *events, .arg = arg, .port = port, .connect_us = connect_us
    };
    return open_by(start_public, blank, host, tls, out, why);
}

void sv_conn_start_tls(sv_conn *conn, sv_tls *tls) {
    conn->starting_tls = tls;
}

void sv_conn_write(sv_conn *conn, sv_text bytes) {
    if (conn->stream != NULL) {
        (void) bufferevent_write(conn->stream, bytes.at, bytes.len);
    }
}

size_t sv_conn_waiting(const sv_conn *conn) {
    return conn->stream != NULL ? evbuffer_get_length(bufferevent_get_output(conn->stream)) : 0;
}

/// One try to hand over what was written just before the drop, such as a goodbye.
static void last_words(sv_conn *conn) {
    size_t waiting = sv_conn_waiting(conn);
    if (!conn->up || conn->stream == NULL || waiting == 0 || waiting > LAST_WORDS_MAX) {
        return;
    }
    // Peeked at, for a plain stream's output cannot be copied out: libevent keeps its front frozen.
    struct evbuffer_iovec pieces[LAST_WORDS_PIECES];
    int count =
        evbuffer_peek(bufferevent_get_output(conn->stream), -1, NULL, pieces, LAST_WORDS_PIECES);
    char words[LAST_WORDS_MAX];
    size_t len = 0;
    for (int i = 0; i < count && i < LAST_WORDS_PIECES; i++) {
        memcpy(words + len, pieces[i].iov_base, pieces[i].iov_len);
        len += pieces[i].iov_len;
    }
    if (conn->ssl != NULL) {
        (void) SSL_write(conn->ssl, words, (int) len);
    } else {
        (void) send(bufferevent_getfd(conn->stream), words, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void sv_conn_drop(sv_conn **conn) {
    sv_conn *gone = *conn;
    if (gone == NULL) {
        return;
    }
    *conn = NULL;
    last_words(gone);
    close_stream(gone);
    if (gone->in_event) {
        gone->dropped = true;
    } else {
        free(gone);
    }
}
