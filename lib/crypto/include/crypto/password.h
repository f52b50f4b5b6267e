// Passwords as they are kept: scrypt (RFC 7914) in a PHC string that says its own cost,
// `$scrypt$ln=15,r=8,p=1$<salt>$<hash>` in base64 without padding. [people-6]
//
// Each call below takes about a tenth of a second and 32 MiB: never on a loop's thread.
#ifndef SV_CRYPTO_PASSWORD_H
#define SV_CRYPTO_PASSWORD_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_PASSWORD_MIN = 12,      ///< bytes
    SV_PASSWORD_MAX = 256,     ///< and at most
    SV_PASSWORD_DIFFERENT = 5, ///< different bytes at least
    SV_PASSWORD_HASH_ROOM = 128,
    SV_PASSWORD_LN = 15, ///< log2 of scrypt's N
    SV_PASSWORD_R = 8,
    SV_PASSWORD_P = 1,
    SV_PASSWORD_BYTES_MAX = 64 * 1024 * 1024, ///< a kept hash that wants more memory is damaged
};

/// Whether somebody called `user` may choose it; quick. SV_ERR_INVALID with the rule that it
/// breaks.
sv_err sv_password_judge(sv_text password, sv_text user, sv_why *why);

/// With a salt of its own.
sv_err sv_password_hash(sv_text password, char out[SV_PASSWORD_HASH_ROOM], sv_why *why);
/// SV_ERR_UNTRUSTED when it is another, SV_ERR_INVALID when `hash` is no such string.
sv_err sv_password_check(sv_text password, const char *hash, sv_why *why);
/// A string that no password fits, and that costs as much as any: for who does not exist. Quick.
void sv_password_nobody(char out[SV_PASSWORD_HASH_ROOM]);

#endif
