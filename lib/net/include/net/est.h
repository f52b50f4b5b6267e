// An EST client (RFC 7030, RFC 8951) on the loop, for one server: which authority, a first
// certificate, the next one. One question at a time; answers and waiting are bounded. What it hands
// over has been parsed and nothing more: whom to believe is for crypto/est_answer.h.
#ifndef SV_NET_EST_H
#define SV_NET_EST_H

#include <crypto/est.h>
#include <net/conn.h>

#define SV_EST_PATIENCE_US INT64_C(20000000) ///< for one question, from the name to the answer

enum { SV_EST_SENTENCE_MAX = 240 }; ///< bytes of a server's own words that are repeated

typedef struct sv_est sv_est;

typedef struct sv_est_reply {
    const sv_certs *certs; ///< NULL: none; `why` says what came in their place
    int status;            ///< of HTTP; 0: there was no answer
    sv_conn_step step;     ///< without an answer: where it failed
    int64_t server_us;     ///< what the server's clock says; 0: it was not told
    int64_t again_us;      ///< how long the server asks to wait; 0: it does not
} sv_est_reply;

/// Called once per question, on the loop's thread; `why` is NULL with certificates.
/// SV_ERR_UNTRUSTED: the server refused us (401, 403), SV_ERR_NOT_FOUND: it does not offer this
/// (404), SV_ERR_STATE: 409, SV_ERR_UNAVAILABLE: later (202, 429, 5xx, no answer), SV_ERR_INVALID:
/// all else.
typedef void sv_est_done(void *arg, const sv_est_reply *reply, const sv_why *why);

sv_err sv_est_open(sv_loop *loop, const char *host, uint16_t port, sv_tls *tls, sv_est **out,
                   sv_why *why);
/// The authorities: `cacerts`.
sv_err sv_est_authorities(sv_est *est, sv_est_done *done, void *arg);

typedef struct sv_est_ask {
    sv_text request;   ///< the certificate request, DER
    bool again;        ///< simplereenroll, by the certificate of the connection
    const char *label; ///< between /.well-known/est/ and the rest (RFC 7030 §3.2.2); NULL: none
    const char *id;    ///< simpleenroll with a token; NULL: by the certificate
    const char *token; ///< travels as the password of that id, and is kept nowhere
} sv_est_ask;

/// SV_ERR_STATE while a question is open; SV_ERR_INVALID for texts that do not fit.
sv_err sv_est_enrol(sv_est *est, const sv_est_ask *question, sv_est_done *done, void *arg);
/// Allowed inside `done`; a question that is open is not called back.
void sv_est_drop(sv_est **est);

#endif
