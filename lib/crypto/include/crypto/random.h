// Random bytes fit for keys, tokens and serial numbers (OpenSSL's generator).
#ifndef SV_CRYPTO_RANDOM_H
#define SV_CRYPTO_RANDOM_H

#include <base/text.h>

/// Ends the process if the system has no randomness: there is nothing safe to go on with.
void sv_random(void *out, size_t bytes);
/// 32 hexadecimal digits, 128 bits.
void sv_random_hex(char out[33]);
/// 43 base64url characters, 256 bits: tokens.
void sv_random_token(char out[44]);
/// SHA-256.
void sv_sha256(sv_text data, uint8_t out[32]);
/// SHA-512.
void sv_sha512(sv_text data, uint8_t out[64]);
/// HMAC-SHA-256 (RFC 2104) over the parts, one after the other.
void sv_hmac_sha256(sv_text key, const sv_text *parts, size_t count, uint8_t out[32]);
/// Equal in constant time.
bool sv_same_secret(const void *left, const void *right, size_t bytes);

#endif
