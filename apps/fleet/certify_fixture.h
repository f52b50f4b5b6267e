// A fleet server that certifies: a PKI in the fixture's folder, keys, requests, and a signer that
// answers when the test says so.
#ifndef SV_FLEET_CERTIFY_FIXTURE_H
#define SV_FLEET_CERTIFY_FIXTURE_H

#include "fleet_fixture.h"

#include "certify.h"

#include <crypto/cert_facts.h>
#include <crypto/est.h>
#include <crypto/issue.h>
#include <crypto/key_store.h>
#include <crypto/pki.h>
#include <crypto/request.h>
#include <string.h>

enum { CERTIFY_ASKED_MAX = 128, CERTIFY_KEYS = 4, CERTIFY_BODY_MAX = 8192 };

/// What became of one question.
typedef struct certify_end {
    int status; ///< 0: not answered yet
    char sentence[SV_WHY_MAX];
    sv_cert_facts facts;
    char der_room[SV_CERTIFICATE_MAX];
    sv_textbuf der;
} certify_end;

/// At the signer.
typedef struct certify_asked {
    sv_issue issue;
    sv_signer_done *done;
    void *arg;
} certify_asked;

typedef struct certify_signer {
    certify_asked asked[CERTIFY_ASKED_MAX];
    size_t count;
    bool away;
    sv_certs ca;
    struct evp_pkey_st *key;
} certify_signer;

// Made once; a folder and keys for all tests of the process.
static char certify_dir[64];
static struct evp_pkey_st *certify_keys[CERTIFY_KEYS];
static certify_signer certify_it;

static inline void certify_path(char room[SV_PATH_MAX], const char *name) {
    assert_int_equal(sv_disk_join(room, SV_PATH_MAX, certify_dir, name), SV_OK);
}

static inline int certify_group_setup(void **state) {
    (void) state;
    char path[SV_PATH_MAX];
    (void) snprintf(certify_dir, sizeof certify_dir, "/tmp/selvedge-certify-test-XXXXXX");
    assert_non_null(mkdtemp(certify_dir));
    const sv_pki_setup pki = { .dir = certify_dir, .root_passphrase = "only for tests" };
    assert_int_equal(sv_pki_init(&pki, NULL), SV_OK);
    certify_path(path, "ca.crt");
    assert_int_equal(sv_certs_read(path, &certify_it.ca, NULL), SV_OK);
    certify_path(path, "ca.key");
    assert_int_equal(sv_key_open(path, &certify_it.key, NULL), SV_OK);
    for (int i = 0; i < CERTIFY_KEYS; i++) {
        char name[16];
        (void) snprintf(name, sizeof name, "key-%d", i);
        certify_path(path, name);
        assert_int_equal(sv_key_make(path, SV_KEY_EC, &certify_keys[i], NULL), SV_OK);
    }
    return 0;
}

static inline int certify_group_teardown(void **state) {
    (void) state;
    sv_certs_drop(&certify_it.ca);
    return sv_disk_remove_tree(certify_dir, NULL) == SV_OK ? 0 : -1;
}

static inline sv_err certify_sign(void *arg, const sv_issue *issue, sv_signer_done *done,
                                  void *done_arg, sv_why *why) {
    certify_signer *signer = arg;
    if (signer->away) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the signer is not there");
    }
    assert_true(signer->count < CERTIFY_ASKED_MAX);
    signer->asked[signer->count++] =
        (certify_asked){ .issue = *issue, .done = done, .arg = done_arg };
    return SV_OK;
}

static inline void certify_start(fixture *f) {
    certify_it.count = 0;
    certify_it.away = false;
    sv_certify_sign_with(f->fleet.certify, certify_sign, &certify_it);
}

/// The signer answers all that it was asked; `now_us` is its clock's.
static inline void certify_answer(int64_t now_us) {
    const sv_issuer issuer = { .certificate = certify_it.ca.at[0],
                               .key = certify_it.key,
                               .domain = "selvedge.local" };
    for (size_t i = 0; i < certify_it.count; i++) {
        certify_asked *asked = &certify_it.asked[i];
        SV_DEFER(sv_certs_drop) sv_certs made = { .count = 1 };
        char room[SV_CERTIFICATE_MAX];
        sv_textbuf der = SV_TEXTBUF(room);
        sv_why why = { 0 };
        if (sv_issue_certify(&issuer, &asked->issue, now_us, &made.at[0], &why) != SV_OK) {
            fail_msg("%s", why.text);
        }
        assert_int_equal(sv_cert_der(made.at[0], &der, NULL), SV_OK);
        asked->done(asked->arg, SV_OK, sv_textbuf_text(&der), NULL);
    }
    certify_it.count = 0;
}

static inline void certify_ended(void *arg, int status, const char *sentence, sv_text der) {
    certify_end *end = arg;
    assert_int_equal(end->status, 0);
    end->status = status;
    (void) snprintf(end->sentence, sizeof end->sentence, "%s", sentence);
    if (status == 200) {
        end->der = SV_TEXTBUF(end->der_room);
        sv_textbuf_add(&end->der, der);
        assert_int_equal(sv_cert_facts_of_der(der, &end->facts, NULL), SV_OK);
    } else {
        assert_true(sentence[0] != '\0' && der.len == 0);
    }
}

/// A request for `id` by key number `key`, as a body.
static inline void certify_body(const char *id, int key, sv_textbuf *body) {
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    const sv_applicant applicant = { .id = id };
    assert_int_equal(sv_request_new(certify_keys[key], &applicant, &der, NULL), SV_OK);
    sv_est_base64_add(body, sv_textbuf_text(&der));
}

/// One to follow the certificate of `old`, whose key is number `old_key` and vouches for the next.
static inline void certify_following(const certify_end *old, int old_key, int key,
                                     sv_textbuf *body) {
    char room[SV_CERTIFICATE_MAX];
    char path[SV_PATH_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(CERTIFY_BODY_MAX);
    sv_textbuf_add_str(&pem, "-----BEGIN CERTIFICATE-----\n");
    sv_est_base64_add(&pem, sv_textbuf_text(&old->der));
    sv_textbuf_add_str(&pem, "-----END CERTIFICATE-----\n");
    certify_path(path, "followed.crt");
    assert_int_equal(sv_disk_replace(path, sv_textbuf_text(&pem), 0600, NULL), SV_OK);
    assert_int_equal(sv_request_follow(certify_keys[key], certify_keys[old_key], path, &der, NULL),
                     SV_OK);
    sv_est_base64_add(body, sv_textbuf_text(&der));
}

// ---- questions, as tests ask them ---------------------------------------------------------------

static inline int certify_setup(void **state) {
    int code = fixture_setup(state);
    certify_start(*state);
    return code;
}

static inline sv_enrol_grant added(fixture *f, const char *id, const char *site) {
    sv_enrol_wish wish = { 0 };
    sv_enrol_grant grant;
    sv_why why = { 0 };
    (void) snprintf(wish.id, sizeof wish.id, "%s", id);
    (void) snprintf(wish.site, sizeof wish.site, "%s", site);
    const sv_enrol_order order = { .wishes = &wish, .count = 1, .minutes = 60, .user = "ada" };
    if (sv_enrol_add(&f->fleet, &order, &grant, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return grant;
}

static inline sv_certify_caller nobody(void) {
    sv_certify_caller caller = { .from = "192.0.2.7" };
    return caller;
}

/// simpleenroll with a token.
static inline void enrol_as(fixture *f, sv_certify_caller caller, const char *user,
                            const char *token, const char *cn, int key, certify_end *end) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CERTIFY_BODY_MAX);
    certify_body(cn, key, &body);
    const sv_certify_question question = { .caller = &caller,
                                           .credentials = token != NULL,
                                           .user = sv_text_of(user),
                                           .token = sv_text_of(token),
                                           .body = sv_textbuf_text(&body) };
    *end = (certify_end){ 0 };
    sv_certify_ask(f->fleet.certify, &question, certify_ended, end);
}

static inline void enrol(fixture *f, const char *id, const char *token, int key, certify_end *end) {
    enrol_as(f, nobody(), id, token, id, key, end);
}

static inline void finish(fixture *f) {
    certify_answer(fixture_now_us);
    sv_certify_commit(f->fleet.certify);
}

/// Every refusal begins with the step at which it came up. [enrol-19]
static inline bool names_a_step(const char *sentence) {
    static const char *const STEPS[] = { "token: ",  "request: ", "key: ",  "certificate: ",
                                         "signer: ", "storing: ", "clock: " };
    for (size_t i = 0; i < SV_COUNT(STEPS); i++) {
        if (sv_text_starts(sv_text_of(sentence), sv_text_of(STEPS[i]))) {
            return true;
        }
    }
    return false;
}

static inline void expect(const certify_end *end, int status, const char *sentence) {
    if (status != 200 && !names_a_step(end->sentence)) {
        fail_msg("no step: %s", end->sentence);
    }
    if (end->status != status || (sentence != NULL && strcmp(end->sentence, sentence) != 0)) {
        fail_msg("%d: %s", end->status, end->sentence);
    }
}

/// A device with a certificate of the key.
static inline void certified(fixture *f, const char *id, int key, certify_end *end) {
    sv_enrol_grant grant = added(f, id, "north");
    enrol(f, id, grant.token, key, end);
    finish(f);
    expect(end, 200, NULL);
}

static inline sv_certify_caller caller_of(const certify_end *end, sv_certify_kind kind) {
    sv_certify_caller caller = { .kind = kind,
                                 .from = "192.0.2.7",
                                 .certificate = SV_TEXTBUF_HEAP(SV_CERTIFICATE_MAX) };
    memcpy(caller.identity.id, end->facts.id, sizeof caller.identity.id);
    caller.identity.role = SV_ROLE_DEVICE;
    caller.identity.not_before_us = end->facts.not_before_us;
    caller.identity.not_after_us = end->facts.not_after_us;
    sv_textbuf_add(&caller.certificate, sv_textbuf_text(&end->der));
    return caller;
}

static inline void renew_by(fixture *f, sv_certify_caller caller, const sv_textbuf *body,
                            certify_end *end) {
    const sv_certify_question question = { .caller = &caller,
                                           .again = true,
                                           .body = sv_textbuf_text(body) };
    *end = (certify_end){ 0 };
    sv_certify_ask(f->fleet.certify, &question, certify_ended, end);
    finish(f);
}

/// simplereenroll by the certificate `old`.
static inline void renew(fixture *f, sv_certify_caller caller, const char *cn, int key,
                         certify_end *end) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CERTIFY_BODY_MAX);
    certify_body(cn, key, &body);
    renew_by(f, caller, &body, end);
}

static inline int64_t lines(fixture *f, const char *what, const char *outcome) {
    sv_stmt *stmt;
    int64_t count = 0;
    assert_int_equal(sv_db_stmt(f->fleet.db, "SELECT what, outcome FROM event_log", &stmt, NULL),
                     SV_OK);
    while (sv_stmt_next(stmt, NULL) == SV_OK) {
        count +=
            sv_text_is(sv_stmt_text(stmt, 0), what) && sv_text_is(sv_stmt_text(stmt, 1), outcome);
    }
    return count;
}

static inline int64_t open_tokens(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM enrolment_token WHERE used_us IS NULL"
                            " AND withdrawn_us IS NULL");
}

static inline int64_t certificates(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM certificate");
}

#endif
