// May somebody have a certificate, and what is it to say?
#include "certify_own.h"

#include "enrol_own.h"
#include "issued.h"
#include "standing.h"

#include <crypto/est.h>
#include <crypto/reissue.h>

#include <codec/encode.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sv_err certify_refuse(certify_job *job, int status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(job->why.text, sizeof job->why.text, fmt, args);
    va_end(args);
    job->why.code = status >= 500 ? SV_ERR_UNAVAILABLE : SV_ERR_UNTRUSTED;
    job->status = status;
    return job->why.code;
}

/// A sentence that is there already, behind the step at which it came up.
static sv_err fail_at(certify_job *job, int status, const char *step, const sv_why *why) {
    return certify_refuse(job, status, "%s: %s", step, why->text);
}

static sv_err no_database(certify_job *job, const sv_why *why) {
    return fail_at(job, 503, "the fleet server cannot read its database", why);
}

// ---- by token -----------------------------------------------------------------------------------

/// Whose guesses are counted together.
static void guess_key(const certify_job *job, char out[SV_GUESS_KEY_ROOM]) {
    if (job->caller.gateway == NULL) {
        (void) snprintf(out, SV_GUESS_KEY_ROOM, "%.63s", job->caller.from);
        return;
    }
    char both[2 * SV_ID_ROOM];
    char hash[SV_ENROL_HASH_ROOM];
    (void) snprintf(both, sizeof both, "%s/%s", job->caller.gateway->id, job->said);
    sv_enrol_hash(sv_text_of(both), hash); // ids may begin alike for longer than a key is
    (void) snprintf(out, SV_GUESS_KEY_ROOM, "%.63s", hash);
}

static sv_err refuse_guess(sv_fleet *fleet, sv_guess *guess, certify_job *job, const char *key) {
    job->guessed = true;
    sv_guess_failed(fleet, guess, key, job->caller.from);
    return certify_refuse(job, 401, "token: there is no such token for this id; ask for a new one");
}

static sv_err find_by_token(sv_fleet *fleet, sv_guess *guess, certify_job *job,
                            const sv_certify_question *question) {
    char key[SV_GUESS_KEY_ROOM];
    sv_why why = { 0 };
    guess_key(job, key);
    if (!sv_guess_allows(fleet, guess, key)) {
        return certify_refuse(job, 429, "token: too many wrong ones from here; wait a minute");
    }
    sv_err err = sv_enrol_find_token(fleet->db, question->user, question->token,
                                     fleet->believed_us(), &job->pass, &why);
    if (err == SV_ERR_NOT_FOUND) {
        return refuse_guess(fleet, guess, job, key);
    }
    job->has_pass = job->pass.seq != 0;
    if (err == SV_ERR_UNTRUSTED) {
        return fail_at(job, 403, "token", &why);
    }
    return err == SV_OK          ? SV_OK
           : err == SV_ERR_STATE ? fail_at(job, 503, "clock", &why)
                                 : no_database(job, &why);
}

// ---- by a manufacturer's certificate ------------------------------------------------------------

static sv_err find_by_name(sv_fleet *fleet, certify_job *job) {
    sv_err err = SV_ERR_NOT_FOUND;
    sv_why why = { 0 };
    for (size_t i = 0; i < SV_COUNT(job->caller.names) && err == SV_ERR_NOT_FOUND; i++) {
        if (job->caller.names[i][0] != '\0') {
            err = sv_enrol_find_idevid(fleet->db, sv_text_of(job->caller.names[i]),
                                       fleet->believed_us(), &job->pass, &why);
        }
    }
    job->has_pass = job->pass.seq != 0;
    memcpy(job->id, job->pass.id, sizeof job->id);
    if (err == SV_ERR_NOT_FOUND) {
        return certify_refuse(
            job, 403,
            "certificate: nobody has added a device for the manufacturer's certificate '%.60s' "
            "(serial number '%.40s')",
            job->caller.names[0], job->caller.names[1]);
    }
    return err == SV_OK              ? SV_OK
           : err == SV_ERR_UNTRUSTED ? fail_at(job, 403, "certificate", &why)
           : err == SV_ERR_STATE     ? fail_at(job, 503, "clock", &why)
                                     : no_database(job, &why);
}

// ---- what it asks for ---------------------------------------------------------------------------

static sv_err read_key(certify_job *job) {
    uint8_t digest[32];
    sv_why why = { 0 };
    sv_textbuf hex = SV_TEXTBUF(job->key_hash);
    if (sv_public_key_hash(&job->issue.key, digest, &why) != SV_OK) {
        return fail_at(job, 400, "key", &why);
    }
    sv_hex_add(&hex, digest, sizeof digest);
    return sv_textbuf_end(&hex);
}

/// The request as it came, in PEM or DER, into `request`.
static sv_err read_request(certify_job *job, sv_text body, sv_textbuf *request) {
    sv_why why = { 0 };
    sv_err err = SV_OK;
    if (sv_text_starts(body, SV_TEXT("-----BEGIN"))) {
        sv_textbuf_add(request, body); // a file as openssl writes it
    } else {
        err = sv_est_base64_parse(body, request, &why);
    }
    if (err != SV_OK) {
        return fail_at(job, 400, "request", &why);
    }
    err = sv_issue_from_csr(sv_textbuf_text(request), &job->issue, &why);
    if (err != SV_OK) {
        return fail_at(job, err == SV_ERR_UNTRUSTED ? 403 : 400, "request", &why);
    }
    return read_key(job);
}

/// The certificate that vouches counts still. [enrol-15]
static sv_err judge_old(sv_fleet *fleet, certify_job *job) {
    sv_why why = { 0 };
    int64_t began_us = job->caller.identity.not_before_us;
    return !job->again || sv_standing_allows(fleet->standing, job->id, began_us, &why) == SV_OK
               ? SV_OK
               : fail_at(job, 403, "certificate", &why);
}

sv_err certify_judge_standing(sv_fleet *fleet, certify_job *job) {
    sv_standing standing = sv_standing_of(fleet->standing, sv_text_of(job->id));
    if (standing.state == SV_STANDING_ACTIVE) {
        return judge_old(fleet, job);
    }
    return certify_refuse(job, 403, "certificate: %s is %s and gets none; %s", job->id,
                          sv_standing_state_name(standing.state),
                          standing.state == SV_STANDING_QUARANTINED
                              ? "an operator can release it"
                              : "an operator can give its place to a new key (device replace)");
}

/// A gateway speaks for devices of its site alone. [enrol-15]
static sv_err judge_site(const sv_fleet *fleet, certify_job *job, const char *site) {
    const sv_gateway *gateway = job->caller.gateway;
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(job->id));
    const char *of = site != NULL ? site : device != NULL ? device->site->name : "";
    if (gateway == NULL || strcmp(gateway->site->name, of) == 0) {
        return SV_OK;
    }
    return certify_refuse(job, 403, "%s: %s is not of site %s, which gateway %s speaks for",
                          job->again ? "certificate" : "token", job->id, gateway->site->name,
                          gateway->id);
}

static sv_err judge_key(sv_fleet *fleet, certify_job *job) {
    sv_why why = { 0 };
    sv_err err = sv_issued_check_key(fleet, job->id, job->key_hash, &why);
    return err == SV_OK          ? SV_OK
           : err == SV_ERR_STATE ? fail_at(job, 409, "key", &why)
                                 : no_database(job, &why);
}

static sv_err judge_id(certify_job *job) {
    return strcmp(job->issue.id, job->id) == 0
               ? SV_OK
               : certify_refuse(job, 403, "request: it asks for '%s'; this is for '%s' alone",
                                job->issue.id, job->id);
}

/// Of two that were added and are one, who comes first has it.
static sv_err judge_spelling(sv_fleet *fleet, certify_job *job) {
    sv_why why = { 0 };
    sv_err err = sv_issued_check_spelling(fleet, job->id, &why);
    return err == SV_OK          ? SV_OK
           : err == SV_ERR_STATE ? fail_at(job, 409, "request", &why)
                                 : no_database(job, &why);
}

// ---- the first time -----------------------------------------------------------------------------

static sv_err judge_enrol(sv_fleet *fleet, sv_guess *guess, certify_job *job,
                          const sv_certify_question *question) {
    bool by_name = !question->credentials && job->caller.kind == SV_CERTIFY_MANUFACTURED;
    if (!question->credentials && !by_name) {
        return certify_refuse(
            job, 401, "token: simpleenroll needs one; user name is the id, password the token");
    }
    SV_TRY(by_name ? find_by_name(fleet, job) : find_by_token(fleet, guess, job, question));
    memcpy(job->id, job->pass.id, sizeof job->id);
    if (job->caller.kind == SV_CERTIFY_TRUSTED && strcmp(job->caller.identity.id, job->id) != 0) {
        return certify_refuse(job, 403, "token: the connection is %s's; the token is for %s",
                              job->caller.identity.id, job->id);
    }
    SV_TRY(judge_spelling(fleet, job));
    SV_TRY(judge_site(fleet, job, job->pass.site));
    SV_TRY(certify_judge_standing(fleet, job));
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    SV_TRY(read_request(job, question->body, &request));
    SV_TRY(judge_id(job));
    return judge_key(fleet, job);
}

// ---- again --------------------------------------------------------------------------------------

/// After its end: for a while, with the same key, and only the newest. [enrol-18]
static sv_err judge_grace(sv_fleet *fleet, certify_job *job, const sv_cert_facts *old) {
    sv_why why = { 0 };
    bool newest = false;
    char room[64];
    sv_textbuf when = SV_TEXTBUF(room);
    job->grace = true;
    sv_time_add(&when, old->not_after_us);
    if (fleet->believed_us() - old->not_after_us > fleet->config.enrolment.grace_us) {
        return certify_refuse(job, 403,
                              "certificate: it ended on " SV_TEXT_FMT
                              ", longer ago than is forgiven; "
                              "an operator has to add %s anew (device replace)",
                              SV_TEXT_ARG(sv_textbuf_text(&when)), job->id);
    }
    if (sv_issued_is_newest(fleet->db, job->id, old->not_before_us, &newest, &why) != SV_OK) {
        return no_database(job, &why);
    }
    if (!newest) {
        return certify_refuse(
            job, 403, "certificate: %s has a newer one than this, which has ended", job->id);
    }
    return strcmp(old->key_hash, job->key_hash) == 0
               ? SV_OK
               : certify_refuse(job, 403,
                                "key: after its end (" SV_TEXT_FMT
                                ") a certificate is renewed with "
                                "the same key alone",
                                SV_TEXT_ARG(sv_textbuf_text(&when)));
}

/// That a gateway has seen the certificate proves nothing about the key that is to be certified.
/// [enrol-26]
static sv_err judge_vouched(sv_fleet *fleet, certify_job *job, sv_text request) {
    sv_vouched vouched = SV_VOUCHED_NOT;
    sv_why why = { 0 };
    bool able = false;
    sv_text der = sv_textbuf_text(&job->caller.certificate);
    if (sv_request_vouched(request, der, &vouched, &why) != SV_OK) {
        return fail_at(job, 403, "key", &why);
    }
    job->proved = vouched == SV_VOUCHED_SIGNED;
    if (vouched != SV_VOUCHED_NOT || job->caller.gateway == NULL) {
        return SV_OK;
    }
    if (sv_issued_has_proved(fleet->db, job->id, &able, &why) != SV_OK) {
        return no_database(job, &why);
    }
    return fleet->config.enrolment.relayed_renewal == SV_RELAYED_ANY && !able
               ? SV_OK
               : certify_refuse(job, 403,
                                "key: through a gateway %s renews with the key it has, or with one "
                                "that this key has signed for; else at the fleet server's own door",
                                job->id);
}

static sv_err judge_again(sv_fleet *fleet, certify_job *job, sv_text body) {
    const sv_certify_caller *caller = &job->caller;
    sv_cert_facts old;
    sv_why why = { 0 };
    if (caller->kind != SV_CERTIFY_TRUSTED && caller->kind != SV_CERTIFY_EXPIRED) {
        return certify_refuse(
            job, 401, "certificate: simplereenroll goes by the one that is renewed; show it%s",
            caller->gateway != NULL ? " (a gateway's own: "
                                      "/.well-known/est/gateway/simplereenroll)"
                                    : "");
    }
    memcpy(job->id, caller->identity.id, sizeof job->id);
    SV_TRY(judge_site(fleet, job, NULL));
    SV_TRY(certify_judge_standing(fleet, job));
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    SV_TRY(read_request(job, body, &request));
    sv_text der = sv_textbuf_text(&caller->certificate);
    if (sv_cert_facts_of_der(der, &old, &why) != SV_OK
        || sv_issue_same_subject(&job->issue, der, &why) != SV_OK) {
        return fail_at(job, 403, "request", &why);
    }
    job->issue.role = caller->identity.role;
    if (caller->identity.role == SV_ROLE_GATEWAY
        && sv_issue_keep_names(&job->issue, der, &why) != SV_OK) {
        return fail_at(job, 403, "certificate", &why);
    }
    SV_TRY(judge_key(fleet, job));
    SV_TRY(judge_vouched(fleet, job, sv_textbuf_text(&request)));
    return caller->kind == SV_CERTIFY_EXPIRED ? judge_grace(fleet, job, &old) : SV_OK;
}

sv_err certify_judge(sv_fleet *fleet, sv_guess *guess, certify_job *job,
                     const sv_certify_question *question) {
    SV_TRY(question->again ? judge_again(fleet, job, question->body)
                           : judge_enrol(fleet, guess, job, question));
    job->issue.lifetime_s = fleet->config.enrolment.lifetime_us / SV_TIME_SECOND_US;
    // Its whole seconds must not lie before the moment until which all was revoked.
    job->issue.not_before_us = sv_standing_floor_us(fleet->standing, sv_text_of(job->id));
    return SV_OK;
}

const char *certify_what(const certify_job *job) {
    return !job->again ? "enrolment.use" : job->grace ? "certificate.grace" : "certificate.renew";
}

const char *certify_how(const certify_job *job) {
    return !job->again ? "enrolled" : job->grace ? "grace" : "renewed";
}
