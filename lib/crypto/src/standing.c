#include "signers.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/identity.h>
#include <crypto/standing.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOMAIN_ROOM = 254 };

struct sv_standing_trust {
    char domain[DOMAIN_ROOM];
    sv_signers signers;
};

// ---- what is hashed and signed ------------------------------------------------------------------

sv_err sv_standing_chain(uint8_t hash[SV_STANDING_HASH_BYTES], const sv_standing_change *change,
                         sv_why *why) {
    char room[SV_STANDING_HASH_BYTES + SV_STANDING_LINE_ROOM];
    sv_textbuf both = SV_TEXTBUF(room);
    sv_textbuf_add(&both, (sv_text){ (const char *) hash, SV_STANDING_HASH_BYTES });
    sv_standing_line_add(&both, change);
    if (SHA256((const unsigned char *) both.at, both.len, hash) == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot hash change %" PRId64, change->version);
    }
    return SV_OK;
}

void sv_standing_message(const char *domain, const sv_standing_head *head, sv_textbuf *out) {
    sv_textbuf_addf(out, "selvedge standing 1\n%s\n%" PRId64 " ", domain, head->version);
    sv_hex_add(out, head->hash, sizeof head->hash);
    sv_textbuf_addf(out, " %" PRId64 "\n", head->at_us);
}

sv_err sv_standing_sign(EVP_PKEY *key, const char *domain, sv_standing_head *head, sv_why *why) {
    char room[SV_STANDING_MESSAGE_MAX];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_standing_message(domain, head, &message);
    if (message.overflowed) {
        return sv_fail(why, SV_ERR_INVALID, "the domain '%.64s' is too long", domain);
    }
    char what[64];
    (void) snprintf(what, sizeof what, "version %" PRId64 " of the standing", head->version);
    return sv_signers_sign(key, sv_textbuf_text(&message), head->signature, sizeof head->signature,
                           &head->signature_bytes, what, why);
}

// ---- whose signature counts ---------------------------------------------------------------------

void sv_standing_trust_drop(sv_standing_trust **trust) {
    sv_standing_trust *old = *trust;
    *trust = NULL;
    if (old != NULL) {
        sv_signers_drop(&old->signers);
        free(old);
    }
}

static sv_err read_domain(const char *path, sv_standing_trust *trust, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    SV_DEFER(sv_x509_drop)
    X509 *own = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (own == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is no certificate (PEM)", path);
    }
    return sv_identity_domain(own, trust->domain, sizeof trust->domain, why);
}

sv_err sv_standing_trust_open(const char *ca_path, const char *own_path, sv_standing_trust **out,
                              sv_why *why) {
    SV_DEFER(sv_standing_trust_drop) sv_standing_trust *trust = sv_mem_new(sizeof *trust);
    SV_TRY(sv_signers_read(ca_path, &trust->signers, why));
    SV_TRY(read_domain(own_path, trust, why));
    *out = trust;
    trust = NULL;
    return SV_OK;
}

sv_err sv_standing_verify(const sv_standing_trust *trust, const sv_standing_head *head,
                          int64_t now_us, sv_why *why) {
    char room[SV_STANDING_MESSAGE_MAX];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_text signature = { (const char *) head->signature, head->signature_bytes };
    sv_standing_message(trust->domain, head, &message);
    return !message.overflowed
                   && sv_signers_verify(&trust->signers, sv_textbuf_text(&message), signature,
                                        now_us, INT64_MAX)
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "version %" PRId64 " of the standing is signed by none of the %zu CA "
                         "certificates that count here, for the domain %s",
                         head->version, trust->signers.count, trust->domain);
}

sv_err sv_standing_follow(const sv_standing_trust *trust, const sv_standing_page *page,
                          int64_t version, uint8_t hash[SV_STANDING_HASH_BYTES], int64_t now_us,
                          sv_why *why) {
    if (page->from != version) {
        return sv_fail(why, SV_ERR_STATE,
                       "the changes follow version %" PRId64 ", held is version %" PRId64,
                       page->from, version);
    }
    SV_TRY(sv_standing_verify(trust, &page->head, now_us, why));
    uint8_t reached[SV_STANDING_HASH_BYTES];
    memcpy(reached, hash, sizeof reached);
    for (size_t i = 0; i < page->count; i++) {
        SV_TRY(sv_standing_chain(reached, &page->changes[i], why));
    }
    if (memcmp(reached, page->head.hash, sizeof reached) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "version %" PRId64 " of the standing does not continue what is held since "
                       "version %" PRId64,
                       page->head.version, version);
    }
    memcpy(hash, reached, sizeof reached);
    return SV_OK;
}
