// A firmware file and its detached signature: RSA-PSS with SHA-256 and MGF1-SHA-256 (RFC 8017; the
// salt as long as it fits when signing; that length or 32 when verifying, never "auto"), ECDSA
// P-256 or Ed25519 by the key's type.
#ifndef SV_CRYPTO_FIRMWARE_H
#define SV_CRYPTO_FIRMWARE_H

#include <base/err.h>
#include <crypto/pki.h>

/// Writes firmware.key (0600) and firmware.pub into `dir`; never over an existing file.
sv_err sv_firmware_keygen(const char *dir, sv_key_kind kind, sv_why *why);
sv_err sv_firmware_sign(const char *file, const char *key_pem, const char *signature_out,
                        sv_why *why);
/// SV_ERR_UNTRUSTED: the signature says no, with why; other errors: the check could not be made.
sv_err sv_firmware_verify(const char *file, const char *signature, const char *public_pem,
                          sv_why *why);
/// The same, and the SHA-256 of the very bytes that were judged, whatever becomes of the file. Not
/// with an Ed25519 key, whose signature is over the file itself: SV_ERR_INVALID.
sv_err sv_firmware_verify_digest(const char *file, const char *signature, const char *public_pem,
                                 uint8_t digest[32], sv_why *why);

#endif
