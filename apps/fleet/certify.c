#include "certify.h"

#include "certify_own.h"
#include "issued.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

struct sv_certify {
    sv_fleet *fleet;
    sv_guess guess;
    sv_certify_sign *sign;
    void *sign_arg;
    sv_timer *turn;       ///< at the end of the loop's turn; NULL without a loop
    certify_job *signing; ///< at the signer
    certify_job *settled; ///< to be stored, the newest first
    size_t count;
};

void sv_certify_caller_drop(sv_certify_caller *caller) {
    sv_textbuf_drop(&caller->certificate);
}

static sv_err sign_by_signer(void *arg, const sv_issue *issue, sv_signer_done *done, void *done_arg,
                             sv_why *why) {
    const sv_fleet *fleet = arg;
    return sv_signer_issue(fleet->signer, issue, done, done_arg, why);
}

static void turn_over(void *arg) {
    sv_certify_commit(arg);
}

sv_certify *sv_certify_new(sv_fleet *fleet) {
    sv_certify *certify = sv_mem_new(sizeof *certify);
    sv_why why = { 0 };
    *certify = (sv_certify){ .fleet = fleet, .sign = sign_by_signer, .sign_arg = fleet };
    certify->turn = fleet->loop != NULL ? sv_timer_new(fleet->loop, turn_over, certify) : NULL;
    if (sv_guess_load(fleet, &certify->guess, &why) != SV_OK) {
        SV_LOG(warn, "enrolment.unread", "%s", why.text);
    }
    return certify;
}

void sv_certify_sign_with(sv_certify *certify, sv_certify_sign *sign, void *arg) {
    certify->sign = sign;
    certify->sign_arg = arg;
}

void sv_certify_turn(sv_certify *certify) {
    sv_guess_turn(certify->fleet, &certify->guess);
}

// ---- a job's end --------------------------------------------------------------------------------

static void drop_job(certify_job *job) {
    job->certify->count--;
    sv_certify_caller_drop(&job->caller);
    sv_textbuf_drop(&job->certificate);
    free(job);
}

static void answer(certify_job *job) {
    sv_text none = SV_TEXT("");
    bool given = job->status == 200;
    if (given) {
        SV_LOG(info, "certificate.given", "%s: %s, serial %s, from %s", job->id, certify_how(job),
               job->facts.serial, job->caller.from);
    } else if (job->status != 401 || job->guessed) {
        SV_LOG(warn, "certificate.refused", "%s at %s: %s",
               job->id[0] != '\0' ? job->id : job->said, job->caller.from, job->why.text);
    }
    job->answered(job->arg, job->status, job->why.text,
                  given ? sv_textbuf_text(&job->certificate) : none);
    drop_job(job);
}

/// It is answered when what became of it is stored, at the end of the turn.
static void settle(certify_job *job) {
    sv_certify *certify = job->certify;
    job->next = certify->settled;
    certify->settled = job;
    if (certify->turn != NULL && !sv_timer_is_set(certify->turn)) {
        sv_timer_once(certify->turn, 0);
    }
}

// ---- signing ------------------------------------------------------------------------------------

static void leave_signing(certify_job *job) {
    certify_job **at = &job->certify->signing;
    while (*at != NULL && *at != job) {
        at = &(*at)->next;
    }
    if (*at == job) {
        *at = job->next;
    }
}

static sv_err take_certificate(certify_job *job, sv_text der) {
    sv_why why = { 0 };
    if (sv_cert_facts_of_der(der, &job->facts, &why) != SV_OK
        || strcmp(job->facts.id, job->id) != 0) {
        return certify_refuse(job, 503, "signer: what came back is no certificate for %s", job->id);
    }
    job->certificate = SV_TEXTBUF_HEAP(SV_CERTIFICATE_MAX);
    sv_textbuf_add(&job->certificate, der);
    job->status = 200;
    return SV_OK;
}

static void signed_or_not(void *arg, sv_err err, sv_text der, const sv_why *why) {
    certify_job *job = arg;
    leave_signing(job);
    if (err != SV_OK) {
        int status = err == SV_ERR_INVALID || err == SV_ERR_UNTRUSTED ? 403 : 503;
        (void) certify_refuse(job, status, "signer: %s", why->text);
    } else {
        (void) take_certificate(job, der);
    }
    settle(job);
}

/// Is a certificate being made for the same token? It is not signed for twice.
static bool is_under_way(const sv_certify *certify, const certify_job *job) {
    const certify_job *const lists[] = { certify->signing, certify->settled };
    for (size_t i = 0; i < SV_COUNT(lists); i++) {
        for (const certify_job *other = lists[i]; other != NULL; other = other->next) {
            bool counts = other->status == 0 || other->status == 200;
            if (counts && other->has_pass && other->pass.seq == job->pass.seq) {
                return true;
            }
        }
    }
    return false;
}

static sv_err start_signing(certify_job *job) {
    sv_certify *certify = job->certify;
    sv_why why = { 0 };
    if (job->has_pass && is_under_way(certify, job)) {
        return certify_refuse(job, 409, "token: it is being used at this moment by somebody else");
    }
    job->next = certify->signing;
    certify->signing = job;
    if (certify->sign(certify->sign_arg, &job->issue, signed_or_not, job, &why) != SV_OK) {
        leave_signing(job);
        return certify_refuse(job, 503, "signer: %s", why.text);
    }
    return SV_OK;
}

// ---- storing ------------------------------------------------------------------------------------

static sv_err note(certify_job *job, sv_why *why) {
    sv_fleet *fleet = job->certify->fleet;
    bool given = job->status == 200;
    char detail[SV_AUDIT_DETAIL_MAX];
    (void) snprintf(detail, sizeof detail, given ? "serial %s" : "%s",
                    given ? job->facts.serial : job->why.text);
    const sv_audit_event event = {
        .at_us = fleet->wall_us(),
        .who = job->said[0] != '\0' ? job->said : job->id,
        .from = job->caller.from,
        .what = certify_what(job),
        .about = job->id[0] != '\0' ? job->id : job->said,
        .outcome = given                ? SV_AUDIT_DONE
                   : job->status >= 500 ? SV_AUDIT_FAILED
                                        : SV_AUDIT_REFUSED,
        .detail = detail,
    };
    if (job->has_pass) {
        SV_TRY(sv_enrol_note(fleet->db, &job->pass, job->caller.from,
                             given ? "certificate given" : job->why.text, fleet->wall_us(), why));
    }
    return sv_audit_add(fleet->db, &event, why);
}

/// SV_ERR_UNTRUSTED, SV_ERR_STATE: not this one, and nothing of it is written.
static sv_err keep(certify_job *job, sv_why *why) {
    sv_fleet *fleet = job->certify->fleet;
    int64_t now_us = fleet->believed_us();
    const sv_issued one = { .facts = &job->facts,
                            .role = (sv_role) job->issue.role,
                            .how = certify_how(job),
                            .proved = job->proved };
    SV_TRY(sv_issued_check_key(fleet, job->id, job->key_hash, why));
    if (job->has_pass) {
        SV_TRY(sv_enrol_burn(fleet->db, &job->pass, job->facts.serial, now_us, why));
    }
    return sv_issued_add(fleet->db, &one, now_us, why);
}

static sv_err store(certify_job *job, sv_why *why) {
    if (job->status == 200 && certify_judge_standing(job->certify->fleet, job) == SV_OK) {
        sv_err err = keep(job, why);
        if (err == SV_ERR_UNTRUSTED || err == SV_ERR_STATE) {
            (void) certify_refuse(job, err == SV_ERR_STATE ? 409 : 403, "%s: %s",
                                  err == SV_ERR_STATE ? "key" : "token", why->text);
        } else {
            SV_TRY(err);
        }
    }
    return note(job, why);
}

static sv_err store_all(sv_fleet *fleet, certify_job *jobs, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    for (certify_job *job = jobs; job != NULL; job = job->next) {
        sv_err err = store(job, why);
        if (err != SV_OK) {
            sv_db_rollback(fleet->db);
            return err;
        }
    }
    return sv_db_commit(fleet->db, why);
}

void sv_certify_commit(sv_certify *certify) {
    certify_job *jobs = NULL;
    sv_why why = { 0 };
    while (certify->settled != NULL) { // the oldest first
        certify_job *job = certify->settled;
        certify->settled = job->next;
        job->next = jobs;
        jobs = job;
    }
    if (jobs == NULL) {
        return;
    }
    bool stored = store_all(certify->fleet, jobs, &why) == SV_OK;
    if (!stored) {
        SV_LOG(error, "enrolment.unstored", "%s", why.text);
    }
    while (jobs != NULL) {
        certify_job *job = jobs;
        jobs = job->next;
        if (!stored && job->status == 200) {
            (void) certify_refuse(job, 503, "storing: %s; nothing was issued, try again", why.text);
        }
        answer(job);
    }
}

// ---- asking -------------------------------------------------------------------------------------

static certify_job *new_job(sv_certify *certify, const sv_certify_question *question,
                            sv_certify_answered *answered, void *arg) {
    certify_job *job = sv_mem_new(sizeof *job);
    *job = (certify_job){ .certify = certify,
                          .answered = answered,
                          .arg = arg,
                          .caller = *question->caller,
                          .again = question->again };
    question->caller->certificate = (sv_textbuf){ 0 };
    certify->count++;
    if (question->credentials) {
        (void) sv_text_copy(question->user, job->said, sizeof job->said);
    }
    return job;
}

/// Who brings nothing to be judged by, and who has to wait, leaves no line: anybody could fill the
/// log.
static bool leaves_no_line(const certify_job *job) {
    return (job->status == 401 && !job->guessed) || job->status == 429;
}

void sv_certify_ask(sv_certify *certify, const sv_certify_question *question,
                    sv_certify_answered *answered, void *arg) {
    if (certify->count >= SV_CERTIFY_JOBS_MAX) {
        sv_certify_caller_drop(question->caller);
        answered(arg, 503, "the fleet server has too many to certify at once; try again",
                 SV_TEXT(""));
        return;
    }
    certify_job *job = new_job(certify, question, answered, arg);
    sv_err err = certify_judge(certify->fleet, &certify->guess, job, question);
    if (err == SV_OK) {
        err = start_signing(job);
    }
    if (err == SV_OK) {
        return;
    }
    if (leaves_no_line(job)) {
        answer(job);
    } else {
        settle(job);
    }
}

void sv_certify_drop(sv_certify **certify) {
    sv_certify *old = *certify;
    *certify = NULL;
    if (old == NULL) {
        return;
    }
    sv_certify_commit(old);
    while (old->signing != NULL) {
        certify_job *job = old->signing;
        old->signing = job->next;
        sv_signer_forget(old->fleet->signer, job);
        (void) certify_refuse(job, 503, "storing: the fleet server ends; nothing was issued");
        answer(job);
    }
    sv_timer_drop(&old->turn);
    free(old);
}
