// A device door between devices, which are TLS clients of this process, and a fleet server that
// does what the test wants.
#ifndef SELVEDGE_GATEWAY_RELAY_FIXTURE_H
#define SELVEDGE_GATEWAY_RELAY_FIXTURE_H

#include "relay.h"

#include <base/mem.h>
#include <base/test.h>
#include <codec/encode.h>
#include <crypto/pki.h>
#include <net/http_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>

enum {
    DEVICES = 5,
    SEEN_ROOM = 16384,
    PATIENCE_US = 20 * 1000000,
    TURN_US = 20000,
    KEPT_MAX = GW_RELAY_AT_ONCE,
};

static char folder[] = "/tmp/sv-relay-XXXXXX";

static inline const char *in_folder(const char *name) {
    static char rooms[8][SV_PATH_MAX];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, SV_PATH_MAX, folder, name), SV_OK);
    return room;
}

static inline sv_tls_files files_of(const char *id) {
    char name[SV_ID_ROOM + 16];
    sv_tls_files files = { .ca = in_folder("pki/ca.crt"), .crl = in_folder("crl.pem") };
    (void) snprintf(name, sizeof name, "leaves/%s.crt", id);
    files.cert = in_folder(name);
    (void) snprintf(name, sizeof name, "leaves/%s.key", id);
    files.key = in_folder(name);
    return files;
}

static inline void issue(const char *id, sv_role role) {
    sv_pki_leaf leaf = { .id = id, .role = role, .out = in_folder("leaves") };
    leaf.ip[0] = role == SV_ROLE_GATEWAY ? "127.0.0.1" : NULL;
    assert_int_equal(sv_pki_issue(in_folder("pki"), &leaf, NULL), SV_OK);
}

static inline int make_certificates(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    const sv_pki_setup setup = { .dir = in_folder("pki"), .root_passphrase = "only for tests" };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
    assert_int_equal(sv_disk_make_folder(in_folder("leaves"), 0700, NULL), SV_OK);
    issue("gw", SV_ROLE_GATEWAY);
    issue("hmi", SV_ROLE_APP);
    for (int i = 1; i <= DEVICES; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%d", i);
        issue(id, SV_ROLE_DEVICE);
    }
    assert_int_equal(sv_pki_crl(in_folder("pki"), in_folder("crl.pem"), NULL), SV_OK);
    return 0;
}

static inline int remove_certificates(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

typedef struct site {
    sv_loop *loop;
    sv_http_server *fleet;
    gw_relay *relay;
    char origin[64]; ///< of the relay
    sv_http_request *kept[KEPT_MAX];
    size_t kept_count;
    size_t asked;
    bool slow_est;        ///< every answer waits
    char seen[SEEN_ROOM]; ///< what the fleet server was asked last
    char authorization[64];
} site;

/// A header of the request, "-" when it is absent.
static inline const char *shown(const sv_http_request *request, const char *name) {
    const char *value = sv_http_header(request, name);
    return value != NULL ? value : "-";
}

static inline void fleet_handle(sv_http_request *request, void *arg) {
    site *s = arg;
    s->asked++;
    sv_textbuf seen = SV_TEXTBUF(s->seen);
    sv_textbuf_addf(&seen, "%s " SV_TEXT_FMT "?" SV_TEXT_FMT " %zu %s|%s|%s|%s|%s " SV_TEXT_FMT,
                    sv_http_method(request), SV_TEXT_ARG(sv_http_raw_path(request)),
                    SV_TEXT_ARG(sv_http_raw_query(request)),
                    sv_http_header_count(request, "Client-Cert"), shown(request, "Range"),
                    shown(request, "Cookie"), shown(request, "Forwarded"),
                    shown(request, "Client-Cert-Chain"), shown(request, "Content-Type"),
                    SV_TEXT_ARG(sv_http_body(request)));
    assert_int_equal(sv_textbuf_end(&seen), SV_OK);
    (void) snprintf(s->authorization, sizeof s->authorization, "%s",
                    shown(request, "Authorization"));
    if (sv_text_is(sv_http_path(request), "/tuf/slow") || s->slow_est) {
        assert_true(s->kept_count < KEPT_MAX);
        s->kept[s->kept_count++] = request;
        return;
    }
    sv_http_reply_header(request, "ETag", "\"7\"");
    sv_http_reply_header(request, "Set-Cookie", "a=b");
    sv_http_reply_header(request, "X-Secret", "x");
    sv_http_reply(request, 206, "text/plain", SV_TEXT("hello"));
}

static inline site *site_open(int64_t deadline_us) {
    site *s = sv_mem_new(sizeof *s);
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = GW_RELAY_UPLOAD_MAX,
                                             .connections_max = KEPT_MAX };
    assert_int_equal(sv_http_server_open(s->loop, &options, fleet_handle, s, &s->fleet, NULL),
                     SV_OK);
    char fleet[64];
    (void) snprintf(fleet, sizeof fleet, "http://127.0.0.1:%u", sv_http_server_port(s->fleet));
    const gw_relay_options relay = {
        .bind = "127.0.0.1", .tls = files_of("gw"), .fleet_url = fleet, .deadline_us = deadline_us
    };
    sv_why why;
    if (gw_relay_open(s->loop, &relay, &s->relay, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    (void) snprintf(s->origin, sizeof s->origin, "https://127.0.0.1:%u", gw_relay_port(s->relay));
    return s;
}

static inline void release(site *s) {
    for (size_t i = 0; i < s->kept_count; i++) {
        sv_http_reply(s->kept[i], 200, NULL, SV_TEXT("late"));
    }
    s->kept_count = 0;
}

static inline void site_drop(site **s) {
    gw_relay_drop(&(*s)->relay);
    release(*s);
    sv_http_server_drop(&(*s)->fleet);
    sv_loop_drop(&(*s)->loop);
    free(*s);
}

/// A device's connection, and the answer to its last question.
typedef struct device {
    sv_tls *tls;
    sv_http_client *http;
    bool done;
    int status;
    char body[4096], etag[16], type[48], retry_after[16];
    bool told_secret;
} device;

static inline void header_of(const sv_http_reply_view *reply, const char *name, char *room,
                             size_t room_bytes) {
    if (sv_http_reply_field(reply, name, room, room_bytes) != SV_OK) {
        room[0] = '\0';
    }
}

static inline void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    device *d = arg;
    char room[16];
    d->done = true;
    d->status = reply->status;
    (void) snprintf(d->body, sizeof d->body, SV_TEXT_FMT "%s", SV_TEXT_ARG(reply->body),
                    why != NULL ? why->text : "");
    header_of(reply, "etag", d->etag, sizeof d->etag);
    header_of(reply, "Content-Type", d->type, sizeof d->type);
    header_of(reply, "Retry-After", d->retry_after, sizeof d->retry_after);
    d->told_secret = sv_http_reply_field(reply, "X-Secret", room, sizeof room) == SV_OK
                     || sv_http_reply_field(reply, "Set-Cookie", room, sizeof room) == SV_OK;
}

static inline void device_open(const site *s, const char *id, device *d) {
    const sv_tls_files files = files_of(id);
    sv_tls_files own = files;
    own.crl = NULL;
    *d = (device){ 0 };
    assert_int_equal(sv_tls_client(&own, &d->tls, NULL), SV_OK);
    assert_int_equal(sv_http_client_open(s->loop, s->origin, d->tls, PATIENCE_US, &d->http, NULL),
                     SV_OK);
}

/// Somebody without a certificate.
static inline void stranger_open(const site *s, device *d) {
    const sv_tls_files own = { .ca = in_folder("pki/ca.crt") };
    *d = (device){ 0 };
    assert_int_equal(sv_tls_client(&own, &d->tls, NULL), SV_OK);
    assert_int_equal(sv_http_client_open(s->loop, s->origin, d->tls, PATIENCE_US, &d->http, NULL),
                     SV_OK);
}

static inline void device_drop(device *d) {
    sv_http_client_drop(&d->http);
    sv_tls_drop(&d->tls);
}

static inline void ask(device *d, const char *path) {
    d->done = false;
    assert_int_equal(
        sv_http_client_send(d->http, "GET", path, NULL, NULL, SV_TEXT(""), answered, d), SV_OK);
}

static inline void turn_until(const site *s, const bool *done) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!*done && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_true(*done);
}

static inline void turn_until_kept(const site *s, size_t count) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (s->kept_count < count && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_int_equal(s->kept_count, count);
}

#endif
