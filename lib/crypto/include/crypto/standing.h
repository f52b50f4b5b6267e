// The log of standing (model/standing.h) as something that can be relied on: each change is hashed
// onto those before it, and the issuing certificate's key signs how far the log has come
// (docs/spec/standing.md). Neither allocates for a change nor reads a clock.
#ifndef SV_CRYPTO_STANDING_H
#define SV_CRYPTO_STANDING_H

#include <base/err.h>
#include <model/standing.h>

enum { SV_STANDING_MESSAGE_MAX = 512 }; ///< bytes of what is signed

/// `hash` of what came before becomes that with `change` behind it; it begins with zeroes.
/// [standing-4]
sv_err sv_standing_chain(uint8_t hash[SV_STANDING_HASH_BYTES], const sv_standing_change *change,
                         sv_why *why);

/// The bytes that are signed for a head. [standing-5]
void sv_standing_message(const char *domain, const sv_standing_head *head, sv_textbuf *out);

struct evp_pkey_st;
/// Fill the signature of `head`; what the signer does. [standing-5]
sv_err sv_standing_sign(struct evp_pkey_st *key, const char *domain, sv_standing_head *head,
                        sv_why *why);

/// Whose signature counts for a head: the CA certificates of a file, for one domain.
typedef struct sv_standing_trust sv_standing_trust;

/// The CA certificates of `ca_path` (PEM); the domain is that of the role URI in the first
/// certificate of `own_path`, the reader's own. SV_ERR_INVALID when either names none.
sv_err sv_standing_trust_open(const char *ca_path, const char *own_path, sv_standing_trust **out,
                              sv_why *why);
void sv_standing_trust_drop(sv_standing_trust **trust);
/// SV_ERR_UNTRUSTED: no certificate of the file, that has not ended by `now_us`, signed it.
/// [standing-5]
sv_err sv_standing_verify(const sv_standing_trust *trust, const sv_standing_head *head,
                          int64_t now_us, sv_why *why);

/// Does `page` continue what `hash` stands for, up to a signed head? Then `hash` becomes the
/// head's; otherwise it stays, and the sentence says whether the page is out of step
/// (SV_ERR_STATE: its `from` is not `version`) or not to be believed (SV_ERR_UNTRUSTED).
/// [standing-7]
sv_err sv_standing_follow(const sv_standing_trust *trust, const sv_standing_page *page,
                          int64_t version, uint8_t hash[SV_STANDING_HASH_BYTES], int64_t now_us,
                          sv_why *why);

#endif
