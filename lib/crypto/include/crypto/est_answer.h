// What an EST server's answers must show before anything of them is kept: that the authority is the
// pinned one, and that a certificate is for our key, in our name, from that authority. No dates are
// judged: a device that has no certificate yet may have no clock either.
#ifndef SV_CRYPTO_EST_ANSWER_H
#define SV_CRYPTO_EST_ANSWER_H

#include <crypto/est.h>
#include <model/id.h>

struct evp_pkey_st;

/// The SHA-256 of an authority's own certificate (DER), by which a person hands on whom to trust.
typedef struct sv_pin {
    uint8_t sha256[32];
} sv_pin;
/// `sha256:` and 64 hexadecimal digits, with colons between the bytes or without.
sv_err sv_pin_parse(sv_text text, sv_pin *out, sv_why *why);
void sv_pin_add(sv_textbuf *out, const sv_pin *pin);

/// The authorities that the pinned one vouches for, then itself, as PEM; others stay behind.
/// SV_ERR_UNTRUSTED with what the server showed in its place. [est-2]
sv_err sv_est_anchor(const sv_certs *certs, const sv_pin *pin, sv_textbuf *pem, sv_why *why);

/// The certificate for `key` and `id`, then what leads from it to the authorities in the PEM file
/// `ca_path`, as PEM. SV_ERR_UNTRUSTED when it is not there, or is in another's name. [est-3]
sv_err sv_est_leaf(const sv_certs *certs, struct evp_pkey_st *key, const char *id,
                   const char *ca_path, sv_textbuf *pem, sv_why *why);

#endif
