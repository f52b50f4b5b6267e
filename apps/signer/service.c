#include "service.h"

#include <base/time.h>
#include <string.h>
#include <sys/log.h>

enum { RECORD_MAX = 512 };

crl_draft crl_draft_new(void) {
    return (crl_draft){ .records = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX),
                        .der = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX) };
}

void crl_draft_drop(crl_draft *draft) {
    sv_textbuf_drop(&draft->records);
    sv_textbuf_drop(&draft->der);
    *draft = crl_draft_new();
}

static void say(sv_signer_answer *answer, sv_err err, const sv_why *why) {
    answer->err = err;
    answer->bytes = 0;
    answer->total = 0;
    (void) sv_text_copy(sv_text_of(why->text), answer->sentence, sizeof answer->sentence);
}

// ---- certificates -------------------------------------------------------------------------------

/// What this signer makes certificates for, whoever asks.
static sv_err check_policy(const signer_config *config, const sv_issue *issue, sv_why *why) {
    SV_TRY(sv_issue_check(issue, why));
    if ((config->roles & 1U << issue->role) == 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "this signer makes no certificates for a %s (roles: in its configuration)",
                       sv_role_name((sv_role) issue->role));
    }
    int64_t longest_s = config->lifetime_max_us / SV_TIME_SECOND_US;
    if (issue->lifetime_s > longest_s) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "a certificate for %lld seconds is asked for; this signer makes none for "
                       "longer than %lld (lifetime_max: in its configuration)",
                       (long long) issue->lifetime_s, (long long) longest_s);
    }
    return SV_OK;
}

static sv_err issue(signer_service *service, const sv_issue *wanted, sv_signer_answer *answer,
                    sv_textbuf *lines, sv_why *why) {
    SV_TRY(check_policy(service->config, wanted, why));
    sv_textbuf der = { .at = (char *) answer->data, .cap = sizeof answer->data };
    sv_pki_record record;
    SV_TRY(sv_authority_issue(service->authority, wanted, service->now_us(), &der, &record, why));
    sv_pki_record_add(lines, &record);
    sv_textbuf_add_char(lines, '\n');
    answer->bytes = (uint32_t) der.len;
    answer->total = der.len;
    return SV_OK;
}

static sv_err sign_standing(const signer_service *service, const sv_signer_request *request,
                            sv_signer_answer *answer, sv_why *why) {
    sv_standing_head head = { .version = request->standing.version,
                              .at_us = request->standing.at_us };
    memcpy(head.hash, request->standing.hash, sizeof head.hash);
    if (head.version < 0 || head.at_us < 0) {
        return sv_fail(why, SV_ERR_INVALID, "a head of version %lld at %lld is none",
                       (long long) head.version, (long long) head.at_us);
    }
    SV_TRY(sv_authority_standing(service->authority, &head, why));
    memcpy(answer->data, head.signature, head.signature_bytes);
    answer->bytes = (uint32_t) head.signature_bytes;
    answer->total = head.signature_bytes;
    return SV_OK;
}

// ---- the audit log ------------------------------------------------------------------------------

/// Nobody who asks all the time keeps the key busy. [signer-11]
static sv_err count_audit(signer_service *service, sv_why *why) {
    int64_t minute = service->now_us() / SV_TIME_MINUTE_US;
    if (minute != service->audit_minute) {
        service->audit_minute = minute;
        service->audit_count = 0;
    }
    if (service->audit_count == AUDIT_A_MINUTE) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "%d statements about the audit log were signed in this minute; ask again in "
                       "the next",
                       AUDIT_A_MINUTE);
    }
    service->audit_count++;
    return SV_OK;
}

static sv_err sign_checkpoint(const signer_service *service, const sv_signer_statement *asked,
                              sv_audit_seal *out, sv_why *why) {
    sv_audit_checkpoint checkpoint = { .seq = asked->last, .seal = { .at_us = asked->at_us } };
    memcpy(checkpoint.hash, asked->hash, sizeof checkpoint.hash);
    SV_TRY(sv_authority_checkpoint(service->authority, &checkpoint, why));
    SV_TRY(journal_keep_checkpoint(&service->journal, &checkpoint, why));
    *out = checkpoint.seal;
    return SV_OK;
}

static sv_err sign_gap(const signer_service *service, const sv_signer_statement *asked,
                       sv_audit_seal *out, sv_why *why) {
    sv_audit_gap gap = { .first = asked->first,
                         .last = asked->last,
                         .seal = { .at_us = asked->at_us } };
    memcpy(gap.prev, asked->prev, sizeof gap.prev);
    memcpy(gap.hash, asked->hash, sizeof gap.hash);
    SV_TRY(sv_authority_gap(service->authority, &gap, why));
    *out = gap.seal;
    return SV_OK;
}

static sv_err sign_audit(signer_service *service, const sv_signer_statement *asked,
                         sv_signer_answer *answer, sv_why *why) {
    sv_textbuf out = { .at = (char *) answer->data, .cap = sizeof answer->data };
    sv_audit_seal seal;
    if (asked->first < 0 || asked->last < 1 || asked->first > asked->last || asked->at_us < 0) {
        return sv_fail(why, SV_ERR_INVALID, "lines %lld to %lld at %lld are none",
                       (long long) asked->first, (long long) asked->last, (long long) asked->at_us);
    }
    SV_TRY(count_audit(service, why));
    SV_TRY(asked->first == 0 ? sign_checkpoint(service, asked, &seal, why)
                             : sign_gap(service, asked, &seal, why));
    sv_textbuf_add_str(&out, seal.domain);
    sv_textbuf_add_char(&out, '\n');
    sv_textbuf_add(&out, (sv_text){ (const char *) seal.signature, seal.signature_bytes });
    answer->bytes = (uint32_t) out.len;
    answer->total = out.len;
    return SV_OK;
}

// ---- the director's documents -------------------------------------------------------------------

static sv_err sign_direct(const signer_service *service, const sv_direct *direct,
                          sv_signer_answer *answer, sv_why *why) {
    sv_textbuf out = { .at = (char *) answer->data, .cap = sizeof answer->data };
    SV_TRY(director_sign(service->director, direct, service->now_us(), &out, why));
    answer->bytes = (uint32_t) out.len;
    answer->total = out.len;
    return SV_OK;
}

/// 0: the first, as a fleet server asks that knows of no others. Nothing: none has followed the
/// newest.
static sv_err give_director_root(const signer_service *service, uint64_t version,
                                 sv_signer_answer *answer, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf root = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    int64_t asked = version == 0 ? 1 : (int64_t) (version & INT64_MAX);
    if (asked == service->director->version + 1) {
        return SV_OK;
    }
    SV_TRY(director_root(service->director, asked, &root, why));
    if (root.len > sizeof answer->data) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the director's root has %zu bytes", root.len);
    }
    memcpy(answer->data, root.at, root.len);
    answer->bytes = (uint32_t) root.len;
    answer->total = root.len;
    return SV_OK;
}

// ---- revocation lists ---------------------------------------------------------------------------

static sv_err give_part(const crl_draft *draft, uint64_t offset, sv_signer_answer *answer,
                        sv_why *why) {
    if (offset >= draft->der.len) {
        return sv_fail(why, SV_ERR_INVALID, "the list has %zu bytes, none at %llu", draft->der.len,
                       (unsigned long long) offset);
    }
    size_t left = draft->der.len - (size_t) offset;
    answer->bytes = (uint32_t) (left < SV_SIGNER_PART_MAX ? left : SV_SIGNER_PART_MAX);
    answer->total = draft->der.len;
    memcpy(answer->data, draft->der.at + offset, answer->bytes);
    return SV_OK;
}

static sv_err take_records(crl_draft *draft, const sv_signer_request *request, sv_why *why) {
    uint64_t count = request->records.count;
    if (!draft->begun) {
        return sv_fail(why, SV_ERR_STATE, "records come before the list was begun");
    }
    if (count > SV_SIGNER_RECORDS_MAX || draft->count + count > SV_SIGNER_CRL_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%llu records at once, at most %d are taken, and %d in all",
                       (unsigned long long) count, SV_SIGNER_RECORDS_MAX, SV_SIGNER_CRL_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const sv_signer_record *record = &request->records.at[i];
        size_t bytes = record->bytes <= SV_SIGNER_SERIAL_MAX ? record->bytes : 0;
        SV_TRY(sv_crl_add(&draft->records, record->serial, bytes, record->revoked_at_s, why));
    }
    draft->count += count;
    return SV_OK;
}

static sv_err finish_crl(const signer_service *service, crl_draft *draft, sv_signer_answer *answer,
                         sv_why *why) {
    if (!draft->begun) {
        return sv_fail(why, SV_ERR_STATE, "the list ends before it was begun");
    }
    uint64_t floor = 0;
    sv_crl_frame frame = { .from_us = service->now_us() };
    frame.until_us = frame.from_us + service->config->crl_valid_us;
    SV_TRY(sv_pki_crl_number(service->config->pki, &floor, why));
    SV_TRY(journal_next_crl(&service->journal, floor, &frame.number, why));
    SV_TRY(sv_authority_crl(service->authority, &frame, sv_textbuf_text(&draft->records),
                            &draft->der, why));
    draft->begun = false;
    sv_textbuf_drop(&draft->records);
    draft->records = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX);
    SV_LOG(info, "crl.signed", "number %llu, %llu records", (unsigned long long) frame.number,
           (unsigned long long) draft->count);
    return give_part(draft, 0, answer, why);
}

// ---- one request --------------------------------------------------------------------------------

static sv_err answer_one(signer_service *service, crl_draft *draft,
                         const sv_signer_request *request, sv_signer_answer *answer,
                         sv_textbuf *lines, sv_why *why) {
    switch (request->head.verb) {
    case SV_SIGNER_ISSUE:
        return issue(service, &request->issue, answer, lines, why);
    case SV_SIGNER_STANDING:
        return sign_standing(service, request, answer, why);
    case SV_SIGNER_AUDIT:
        return sign_audit(service, &request->audit, answer, why);
    case SV_SIGNER_DIRECT:
        return sign_direct(service, &request->direct, answer, why);
    case SV_SIGNER_DIRECTOR_ROOT:
        return give_director_root(service, request->offset, answer, why);
    case SV_SIGNER_CRL_BEGIN:
        crl_draft_drop(draft);
        draft->begun = true;
        return SV_OK;
    case SV_SIGNER_CRL_RECORDS:
        return take_records(draft, request, why);
    case SV_SIGNER_CRL_END:
        return finish_crl(service, draft, answer, why);
    case SV_SIGNER_CRL_PART:
        return give_part(draft, request->offset, answer, why);
    default:
        return sv_fail(why, SV_ERR_INVALID, "%u is nothing to ask for",
                       (unsigned) request->head.verb);
    }
}

static void note(signer_service *service, const sv_signer_request *request, sv_err err,
                 const sv_why *why) {
    if (err != SV_OK) {
        service->refused++;
        SV_LOG(warn, "signer.refused", "%s", why->text);
    } else if (request->head.verb == SV_SIGNER_ISSUE) {
        service->issued++;
        SV_LOG(info, "signer.issued", "%s '%s' for %lld s",
               sv_role_name((sv_role) request->issue.role), request->issue.id,
               (long long) request->issue.lifetime_s);
    }
}

/// What was made but is recorded nowhere is given to nobody.
static void take_back(const sv_signer_request *requests, size_t count, sv_signer_answer *answers,
                      sv_err err, const sv_why *why) {
    for (size_t i = 0; i < count; i++) {
        if (requests[i].head.verb == SV_SIGNER_ISSUE && answers[i].err == SV_OK) {
            memset(answers[i].data, 0, sizeof answers[i].data);
            say(&answers[i], err, why);
        }
    }
}

sv_err service_answer(signer_service *service, crl_draft *draft, const sv_signer_request *requests,
                      size_t count, sv_signer_answer *answers, sv_why *why) {
    char room[SV_SIGNER_WINDOW * RECORD_MAX];
    sv_textbuf lines = SV_TEXTBUF(room);
    for (size_t i = 0; i < count; i++) {
        sv_why refusal = { 0 };
        answers[i] = (sv_signer_answer){ .head = requests[i].head };
        sv_err err = answer_one(service, draft, &requests[i], &answers[i], &lines, &refusal);
        if (err != SV_OK) {
            say(&answers[i], err, &refusal);
        }
    }
    sv_why reason = { 0 };
    sv_err kept = SV_OK;
    if (lines.overflowed) {
        kept = sv_fail(&reason, SV_ERR_STATE, "%zu requests at once are too many", count);
    } else if (lines.len > 0) {
        kept = journal_append(&service->journal, sv_textbuf_text(&lines), &reason);
    }
    if (kept != SV_OK) {
        take_back(requests, count, answers, kept, &reason);
    }
    for (size_t i = 0; i < count; i++) {
        sv_why outcome = { 0 };
        (void) sv_text_copy(sv_text_of(answers[i].sentence), outcome.text, sizeof outcome.text);
        note(service, &requests[i], (sv_err) answers[i].err, &outcome);
    }
    return kept == SV_ERR_STATE ? sv_fail(why, kept, "%s", reason.text) : SV_OK;
}
