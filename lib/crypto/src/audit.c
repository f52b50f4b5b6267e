#include "signers.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/audit.h>
#include <crypto/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHAT_ROOM = 80 };

struct sv_audit_trust {
    sv_signers signers;
};

sv_err sv_audit_hash(const sv_audit_line *line, uint8_t out[SV_AUDIT_HASH_BYTES], sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf both = SV_TEXTBUF_HEAP(SV_AUDIT_CANONICAL_MAX);
    sv_textbuf_add(&both, (sv_text){ (const char *) line->prev, SV_AUDIT_HASH_BYTES });
    sv_audit_canonical_add(&both, line);
    if (both.overflowed) {
        return sv_fail(why, SV_ERR_NO_SPACE, "line %" PRId64 " is longer than %d bytes", line->seq,
                       SV_AUDIT_CANONICAL_MAX);
    }
    sv_sha256(sv_textbuf_text(&both), out);
    return SV_OK;
}

// ---- what is signed -----------------------------------------------------------------------------

void sv_audit_checkpoint_message(const sv_audit_checkpoint *checkpoint, sv_textbuf *out) {
    sv_textbuf_addf(out, "selvedge audit 1\n%s\n%" PRId64 " ", checkpoint->seal.domain,
                    checkpoint->seq);
    sv_hex_add(out, checkpoint->hash, sizeof checkpoint->hash);
    sv_textbuf_addf(out, " %" PRId64 "\n", checkpoint->seal.at_us);
}

void sv_audit_gap_message(const sv_audit_gap *gap, sv_textbuf *out) {
    sv_textbuf_addf(out, "selvedge audit pruned 1\n%s\n%" PRId64 " %" PRId64 " ", gap->seal.domain,
                    gap->first, gap->last);
    sv_hex_add(out, gap->prev, sizeof gap->prev);
    sv_textbuf_add_char(out, ' ');
    sv_hex_add(out, gap->hash, sizeof gap->hash);
    sv_textbuf_addf(out, " %" PRId64 "\n", gap->seal.at_us);
}

static sv_err sign(EVP_PKEY *key, const sv_textbuf *message, sv_audit_seal *seal, const char *what,
                   sv_why *why) {
    if (message->overflowed) {
        return sv_fail(why, SV_ERR_INVALID, "the domain '%.64s' is too long", seal->domain);
    }
    return sv_signers_sign(key, sv_textbuf_text(message), seal->signature, sizeof seal->signature,
                           &seal->signature_bytes, what, why);
}

static void name_checkpoint(const sv_audit_checkpoint *checkpoint, char what[WHAT_ROOM]) {
    (void) snprintf(what, WHAT_ROOM, "the checkpoint at line %" PRId64, checkpoint->seq);
}

static void name_gap(const sv_audit_gap *gap, char what[WHAT_ROOM]) {
    (void) snprintf(what, WHAT_ROOM, "the pruning of lines %" PRId64 " to %" PRId64, gap->first,
                    gap->last);
}

sv_err sv_audit_checkpoint_sign(EVP_PKEY *key, sv_audit_checkpoint *checkpoint, sv_why *why) {
    char room[SV_AUDIT_MESSAGE_MAX];
    char what[WHAT_ROOM];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_audit_checkpoint_message(checkpoint, &message);
    name_checkpoint(checkpoint, what);
    return sign(key, &message, &checkpoint->seal, what, why);
}

sv_err sv_audit_gap_sign(EVP_PKEY *key, sv_audit_gap *gap, sv_why *why) {
    char room[SV_AUDIT_MESSAGE_MAX];
    char what[WHAT_ROOM];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_audit_gap_message(gap, &message);
    name_gap(gap, what);
    return sign(key, &message, &gap->seal, what, why);
}

// ---- whose signature counts ---------------------------------------------------------------------

void sv_audit_trust_drop(sv_audit_trust **trust) {
    if (*trust != NULL) {
        sv_signers_drop(&(*trust)->signers);
        free(*trust);
        *trust = NULL;
    }
}

sv_err sv_audit_trust_open(const char *ca_path, sv_audit_trust **out, sv_why *why) {
    SV_DEFER(sv_audit_trust_drop) sv_audit_trust *trust = sv_mem_new(sizeof *trust);
    SV_TRY(sv_signers_read(ca_path, &trust->signers, why));
    *out = trust;
    trust = NULL;
    return SV_OK;
}

/// A domain that brings a line of its own could make one statement look like another.
static bool is_domain(const char *domain) {
    return domain[0] != '\0'
           && strspn(domain, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == strlen(domain);
}

static sv_err verify(const sv_audit_trust *trust, const sv_textbuf *message,
                     const sv_audit_seal *seal, const char *what, sv_why *why) {
    sv_text signature = { (const char *) seal->signature, seal->signature_bytes };
    if (trust != NULL && !message->overflowed && is_domain(seal->domain)
        && sv_signers_verify(&trust->signers, sv_textbuf_text(message), signature, seal->at_us,
                             seal->at_us)) {
        return SV_OK;
    }
    return sv_fail(why, SV_ERR_UNTRUSTED,
                   "%s is signed by none of the %zu CA certificates that count here", what,
                   trust != NULL ? trust->signers.count : 0);
}

sv_err sv_audit_checkpoint_verify(const sv_audit_trust *trust,
                                  const sv_audit_checkpoint *checkpoint, sv_why *why) {
    char room[SV_AUDIT_MESSAGE_MAX];
    char what[WHAT_ROOM];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_audit_checkpoint_message(checkpoint, &message);
    name_checkpoint(checkpoint, what);
    return verify(trust, &message, &checkpoint->seal, what, why);
}

sv_err sv_audit_gap_verify(const sv_audit_trust *trust, const sv_audit_gap *gap, sv_why *why) {
    char room[SV_AUDIT_MESSAGE_MAX];
    char what[WHAT_ROOM];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_audit_gap_message(gap, &message);
    name_gap(gap, what);
    return verify(trust, &message, &gap->seal, what, why);
}
