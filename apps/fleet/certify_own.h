// What the files of EST share: one question on its way.
#ifndef SV_FLEET_CERTIFY_OWN_H
#define SV_FLEET_CERTIFY_OWN_H

#include "audit_log.h"
#include "certify.h"

#include <crypto/issue.h>

typedef struct certify_job {
    struct certify_job *next;
    sv_certify *certify;
    sv_certify_answered *answered;
    void *arg;
    sv_certify_caller caller;
    bool again, grace;
    bool proved; ///< the old key has signed for the new one
    bool has_pass, guessed;
    sv_enrol_pass pass;
    sv_issue issue;
    char id[SV_ID_ROOM];   ///< whom it is about, as far as it is known
    char said[SV_ID_ROOM]; ///< who it says it is
    char key_hash[SV_KEY_HASH_ROOM];
    int status; ///< 0: not settled
    sv_why why;
    sv_cert_facts facts;
    sv_textbuf certificate;
} certify_job;

/// Refuse: the status stays with the job. Returns the error, so that it is one statement.
SV_PRINTF(3, 4) sv_err certify_refuse(certify_job *job, int status, const char *fmt, ...);

/// Everything but the signature: may it, and what is the certificate to say? With the job's status
/// when it may not.
sv_err certify_judge(sv_fleet *fleet, sv_guess *guess, certify_job *job,
                     const sv_certify_question *question);

/// Nobody who is out, or set aside, has a new certificate, nor who is vouched for by one that
/// counts no more. Asked again when the signer has answered: somebody may have decided meanwhile.
/// [enrol-15]
sv_err certify_judge_standing(sv_fleet *fleet, certify_job *job);

/// The name under which it stands in the event log.
const char *certify_what(const certify_job *job);
const char *certify_how(const certify_job *job);

#endif
