// Certificates for who may have one (docs/spec/enrol.md): what somebody asks at the device door is
// judged, signed by selvedge-signer, stored, and only then answered.
//
// Everything that ends in a turn of the loop, issued or refused, is stored in one transaction:
// token burnt, certificate, line of the event log. So hundreds a second are durable, and nobody has
// a certificate that is not stored. [enrol-13] [enrol-23]
#ifndef SV_FLEET_CERTIFY_H
#define SV_FLEET_CERTIFY_H

#include "enrol.h"
#include "guess.h"
#include "signer.h"

enum {
    SV_CERTIFY_JOBS_MAX = 512, ///< under way at once
    SV_CERTIFY_RETRY_S = 5,    ///< after which who is answered 503 may come again
};

/// Who asks, as TLS or the gateway that passes it on has proved.
typedef enum sv_certify_kind {
    SV_CERTIFY_NOBODY,       ///< shows no certificate
    SV_CERTIFY_TRUSTED,      ///< one of ours that is good
    SV_CERTIFY_EXPIRED,      ///< one of ours that has ended, all else good
    SV_CERTIFY_MANUFACTURED, ///< one of a manufacturer's CA
} sv_certify_kind;

typedef struct sv_certify_caller {
    sv_certify_kind kind;
    const sv_gateway *gateway;                 ///< that passes it on; NULL: it came itself
    sv_identity identity;                      ///< TRUSTED, EXPIRED
    char names[2][SV_ENROL_IDEVID_MAX + 1];    ///< MANUFACTURED: CN and serial number, "" without
    char from[SV_ENROL_FROM_MAX + SV_ID_ROOM]; ///< address, or the gateway's id
    sv_textbuf certificate;                    ///< DER; empty: NOBODY
} sv_certify_caller;

void sv_certify_caller_drop(sv_certify_caller *caller);

typedef struct sv_certify_question {
    sv_certify_caller *caller; ///< its certificate is taken over
    bool again;                ///< simplereenroll
    bool credentials;          ///< HTTP Basic came; then
    sv_text user, token;
    sv_text body;
} sv_certify_question;

/// `status` as in HTTP. 200: `certificate` is the new one (DER), else `sentence` says why not.
typedef void sv_certify_answered(void *arg, int status, const char *sentence, sv_text certificate);

typedef struct sv_certify sv_certify;

/// How something is signed: sv_signer_issue, or what a test puts there.
typedef sv_err sv_certify_sign(void *arg, const sv_issue *issue, sv_signer_done *done,
                               void *done_arg, sv_why *why);

sv_certify *sv_certify_new(sv_fleet *fleet);
/// Whoever still waits is answered 503. Before the database goes.
void sv_certify_drop(sv_certify **certify);
void sv_certify_sign_with(sv_certify *certify, sv_certify_sign *sign, void *arg);
/// `answered` is called once: from within, or later.
void sv_certify_ask(sv_certify *certify, const sv_certify_question *question,
                    sv_certify_answered *answered, void *arg);
/// Store what waits, now: what the loop's turn does at its end.
void sv_certify_commit(sv_certify *certify);
/// Once a second: an alert about guesses ends.
void sv_certify_turn(sv_certify *certify);

#endif
