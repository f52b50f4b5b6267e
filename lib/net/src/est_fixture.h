// An EST door for tests, in this process: a PKI folder's authority that certifies whoever asks, for
// as many seconds as the test wants, and remembers what it was asked.
#ifndef SV_NET_EST_FIXTURE_H
#define SV_NET_EST_FIXTURE_H

#include <base/mem.h>
#include <base/test.h>
#include <codec/encode.h>
#include <crypto/est.h>
#include <crypto/issue.h>
#include <net/http_server.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>

#define EST_PATIENCE_US INT64_C(20000000)

enum { EST_TURN_US = 20000, EST_ROOM = 256 };

typedef struct est_door {
    char folder[EST_ROOM]; ///< pki/ and leaves/ in it
    sv_loop *loop;
    sv_tls *tls;
    sv_http_server *server;
    uint16_t port;
    sv_certs authorities; ///< issuing, root
    EVP_PKEY *key;
    // what it does
    int refuse;        ///< a status, in place of a certificate; 0: certifies
    const char *words; ///< of the refusal
    size_t flood;      ///< so many bytes in place of the authorities; 0: they
    const char *date;  ///< in place of the true one
    int64_t lifetime_s;
    int64_t at_us; ///< when it certifies; 0: now
    // what it was asked
    unsigned certified, asked_for_authorities;
    char authorization[EST_ROOM], path[EST_ROOM], who[EST_ROOM];
    sv_public_key last_key;
} est_door;

static inline const char *est_path(const est_door *door, const char *name) {
    static char rooms[8][EST_ROOM + 64];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, sizeof rooms[0], door->folder, name), SV_OK);
    return room;
}

static inline void est_leaf(const est_door *door, const char *id, sv_role role) {
    sv_pki_leaf leaf = { .id = id, .role = role, .out = est_path(door, "leaves") };
    leaf.ip[0] = role == SV_ROLE_DEVICE ? NULL : "127.0.0.1";
    assert_int_equal(sv_pki_issue(est_path(door, "pki"), &leaf, NULL), SV_OK);
}

/// Certifies a request.
static inline X509 *est_certify(est_door *door, const sv_issue *issue) {
    X509 *made = NULL;
    int64_t at_us = door->at_us != 0 ? door->at_us : sv_clock_wall_us();
    const sv_issuer issuer = { door->authorities.at[0], door->key, "selvedge.local" };
    assert_int_equal(sv_issue_certify(&issuer, issue, at_us, &made, NULL), SV_OK);
    return made;
}

static inline void est_send(sv_http_request *request, X509 *const *certs, size_t count) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    assert_int_equal(sv_est_certs_add(&body, certs, count, NULL), SV_OK);
    sv_http_reply_header(request, "Content-Transfer-Encoding", "base64");
    sv_http_reply(request, 200, "application/pkcs7-mime; smime-type=certs-only",
                  sv_textbuf_text(&body));
}

static inline void est_enrol(est_door *door, sv_http_request *request) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    static sv_issue issue;
    assert_int_equal(sv_est_base64_parse(sv_http_body(request), &der, NULL), SV_OK);
    assert_int_equal(sv_issue_from_csr(sv_textbuf_text(&der), &issue, NULL), SV_OK);
    door->last_key = issue.key;
    if (door->refuse != 0) {
        sv_http_reply(request, door->refuse, "text/plain", sv_text_of(door->words));
        return;
    }
    issue.lifetime_s = door->lifetime_s;
    X509 *certs[] = { est_certify(door, &issue), door->authorities.at[0] };
    door->certified++;
    est_send(request, certs, 2);
    X509_free(certs[0]);
}

static inline void est_note(char room[EST_ROOM], const char *text) {
    (void) snprintf(room, EST_ROOM, "%s", text == NULL ? "" : text);
}

static inline void est_handle(sv_http_request *request, void *arg) {
    est_door *door = arg;
    const sv_identity *known = sv_http_identity(request);
    const sv_newcomer *newcomer = sv_http_newcomer(request);
    bool ended = newcomer != NULL && newcomer->kind == SV_NEWCOMER_EXPIRED;
    if (door->date != NULL) {
        sv_http_reply_header(request, "Date", door->date);
    }
    if (sv_text_is(sv_http_path(request), "/.well-known/est/cacerts")) {
        door->asked_for_authorities++;
        if (door->flood > 0) {
            SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(door->flood + 1);
            memset(sv_textbuf_grow(&body, door->flood), 'A', door->flood);
            sv_http_reply(request, 200, "application/pkcs7-mime", sv_textbuf_text(&body));
            return;
        }
        est_send(request, door->authorities.at, door->authorities.count);
        return;
    }
    est_note(door->path, sv_http_raw_path(request).at);
    est_note(door->authorization, sv_http_header(request, "Authorization"));
    est_note(door->who, known != NULL ? known->id : ended ? newcomer->identity.id : "");
    est_enrol(door, request);
}

static inline void est_load(est_door *door) {
    BIO *in = BIO_new_file(est_path(door, "pki/ca.crt"), "r");
    for (X509 *one = NULL; (one = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL;) {
        door->authorities.at[door->authorities.count++] = one;
    }
    BIO_free(in);
    in = BIO_new_file(est_path(door, "pki/ca.key"), "r");
    door->key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    BIO_free(in);
    assert_int_equal(door->authorities.count, 2);
    assert_non_null(door->key);
}

static inline void est_open(est_door *door) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .tls = door->tls,
                                             .port = door->port,
                                             .body_max = 65536,
                                             .connections_max = 8 };
    assert_int_equal(
        sv_http_server_open(door->loop, &options, est_handle, door, &door->server, NULL), SV_OK);
    door->port = sv_http_server_port(door->server);
}

static inline est_door *est_door_new(void) {
    est_door *door = sv_mem_new(sizeof *door);
    (void) snprintf(door->folder, sizeof door->folder, "/tmp/sv-est-XXXXXX");
    assert_non_null(mkdtemp(door->folder));
    door->lifetime_s = 3600;
    const sv_pki_setup setup = { .dir = est_path(door, "pki"), .root_passphrase = "for tests" };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
    est_leaf(door, "door", SV_ROLE_SERVER);
    est_leaf(door, "press-1", SV_ROLE_DEVICE);
    est_load(door);
    const sv_tls_files files = { .ca = est_path(door, "pki/ca.crt"),
                                 .cert = est_path(door, "leaves/door.crt"),
                                 .key = est_path(door, "leaves/door.key") };
    assert_int_equal(sv_tls_server(&files, SV_TLS_CLIENTS_NEWCOMERS, false, &door->tls, NULL),
                     SV_OK);
    assert_int_equal(sv_loop_open(&door->loop, NULL), SV_OK);
    est_open(door);
    return door;
}

static inline void est_door_drop(est_door *door) {
    sv_http_server_drop(&door->server);
    sv_loop_drop(&door->loop);
    sv_tls_drop(&door->tls);
    sv_certs_drop(&door->authorities);
    EVP_PKEY_free(door->key);
    assert_int_equal(sv_disk_remove_tree(door->folder, NULL), SV_OK);
    free(door);
}

/// Turns the loop until `*ready`; false when that takes too long.
static inline bool est_until(const est_door *door, const bool *ready) {
    int64_t end_us = sv_clock_monotonic_us() + EST_PATIENCE_US;
    while (!*ready && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(door->loop, EST_TURN_US);
    }
    return *ready;
}

#endif
