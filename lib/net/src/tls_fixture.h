// A folder of certificates for servers and clients that meet.
#ifndef SV_TLS_FIXTURE_H
#define SV_TLS_FIXTURE_H

#include "tls_internal.h"

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/mem.h>
#include <base/test.h>
#include <crypto/pki.h>
#include <net/conn.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/loop.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_US = 5000000, PATH_ROOM = 128 };

static char folder[] = "/tmp/sv-tls-XXXXXX";

static const char *in_folder(const char *name) {
    static char rooms[8][PATH_ROOM];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, PATH_ROOM, folder, name), SV_OK);
    return room;
}

static inline void make_pki(const char *name) {
    sv_pki_setup setup = { .dir = in_folder(name), .root_passphrase = "only for tests" };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
}

static inline void issue(const char *pki, const char *id, sv_role role, const char *dns,
                         const char *ip) {
    sv_pki_leaf leaf = { .id = id, .role = role, .out = in_folder("leaves") };
    leaf.dns[0] = dns;
    leaf.ip[0] = ip;
    sv_why why = { .code = SV_OK };
    if (sv_pki_issue(in_folder(pki), &leaf, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline int make_certificates(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sv_disk_make_folder(in_folder("leaves"), 0700, NULL), SV_OK);
    make_pki("site");
    make_pki("stranger");
    issue("stranger", "intruder", SV_ROLE_DEVICE, NULL, NULL);
    issue("site", "hub", SV_ROLE_SERVER, "localhost", "127.0.0.1");
    issue("site", "other-hub", SV_ROLE_SERVER, "other.example", NULL);
    issue("site", "dev-1", SV_ROLE_DEVICE, NULL, NULL);
    issue("site", "dev-2", SV_ROLE_DEVICE, NULL, NULL);
    assert_int_equal(sv_pki_revoke(in_folder("site"), "dev-2", NULL), SV_OK);
    assert_int_equal(sv_pki_crl(in_folder("site"), in_folder("crl.pem"), NULL), SV_OK);
    return 0;
}

static inline int remove_certificates(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

typedef struct names {
    char cert[PATH_ROOM], key[PATH_ROOM];
} names;

static inline names leaf_files(const char *id) {
    names n;
    (void) snprintf(n.cert, sizeof n.cert, "%s/leaves/%s.crt", folder, id);
    (void) snprintf(n.key, sizeof n.key, "%s/leaves/%s.key", folder, id);
    return n;
}

/// One question over TLS, and what both sides saw of it.
typedef struct meeting {
    const char *server;  ///< ids of the leaves
    const char *client;  ///< NULL: no certificate
    const char *trusted; ///< the PKI whose CA the client trusts
    const char *host;
    bool open_door; ///< the server asks for no certificate
    bool with_crl;
    bool ca_tells_time;
    bool oldest; ///< the client speaks nothing newer than TLS 1.2
    // what happened
    int status;
    bool done;
    char who[128];
    char why[SV_WHY_MAX];
} meeting;

static inline void handle(sv_http_request *request, void *arg) {
    meeting *m = arg;
    const sv_identity *who = sv_http_identity(request);
    (void) snprintf(m->who, sizeof m->who, "%s %s", who != NULL ? sv_role_name(who->role) : "no",
                    who != NULL ? who->id : "body");
    sv_http_reply(request, 200, "text/plain", SV_TEXT("ok"));
}

static inline void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    meeting *m = arg;
    m->done = true;
    m->status = reply->status;
    (void) snprintf(m->why, sizeof m->why, "%s", why != NULL ? why->text : "");
}

static inline sv_tls *server_tls(const meeting *m) {
    names own = leaf_files(m->server);
    sv_tls_files files = { .ca = in_folder("site/ca.crt"), .cert = own.cert, .key = own.key };
    files.crl = m->with_crl ? in_folder("crl.pem") : NULL;
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_server(&files,
                                   m->open_door ? SV_TLS_CLIENTS_NONE : SV_TLS_CLIENTS_TRUSTED,
                                   false, &tls, NULL),
                     SV_OK);
    return tls;
}

static inline sv_tls *client_tls(const meeting *m) {
    char ca[PATH_ROOM];
    (void) snprintf(ca, sizeof ca, "%s/%s/ca.crt", folder, m->trusted);
    sv_tls_files files = { .ca = ca, .ca_tells_time = m->ca_tells_time };
    names own;
    if (m->client != NULL) {
        own = leaf_files(m->client);
        files.cert = own.cert;
        files.key = own.key;
    }
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_client(&files, &tls, NULL), SV_OK);
    if (m->oldest) {
        assert_int_equal(SSL_CTX_set_max_proto_version(tls->ctx, TLS1_2_VERSION), 1);
    }
    return tls;
}

static inline meeting meet(meeting m) {
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(sv_tls_drop) sv_tls *served = server_tls(&m);
    SV_DEFER(sv_tls_drop) sv_tls *asked = client_tls(&m);
    sv_http_server_options options = {
        .bind = "127.0.0.1", .tls = served, .body_max = 1024, .connections_max = 8
    };
    SV_DEFER(sv_http_server_drop) sv_http_server *server = NULL;
    assert_int_equal(sv_http_server_open(loop, &options, handle, &m, &server, NULL), SV_OK);
    char origin[64];
    (void) snprintf(origin, sizeof origin, "https://%s:%u", m.host, sv_http_server_port(server));
    SV_DEFER(sv_http_client_drop) sv_http_client *client = NULL;
    assert_int_equal(sv_http_client_open(loop, origin, asked, PATIENCE_US, &client, NULL), SV_OK);
    for (int question = 0; question < 2; question++) {
        m.done = false;
        assert_int_equal(
            sv_http_client_send(client, "GET", "/", NULL, NULL, SV_TEXT(""), answered, &m), SV_OK);
        int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US * INT64_C(2);
        while (!m.done && sv_clock_monotonic_us() < end_us) {
            sv_loop_turn(loop, 20000);
        }
        assert_true(m.done);
    }
    return m;
}

static const meeting usual = {
    .server = "hub", .client = "dev-1", .trusted = "site", .host = "127.0.0.1"
};

#endif
