// The second factor: a secret that an authenticator app has as well (crypto/totp.h), sealed in the
// database with a key that lies beside it, so that a copy of the database alone opens nothing.
// [people-10]
#ifndef SV_FLEET_FACTOR_H
#define SV_FLEET_FACTOR_H

#include "people.h"

#include <crypto/aead.h>
#include <crypto/totp.h>

#define SV_FACTOR_KEY_FILE "people.key"

/// The key beside the database `store`; made (0600) when there is none.
sv_err sv_factor_open(const char *store, sv_aead **out, sv_why *why);

/// Each of these in the caller's transaction.

/// A new secret that waits until a code of it is shown; its URL goes to `url`. SV_ERR_STATE when
/// there is a second factor already.
sv_err sv_factor_begin(sv_db *db, sv_aead *key, const char *user, sv_textbuf *url, sv_why *why);
/// From now on it is asked for. SV_ERR_INVALID when the code does not fit, SV_ERR_STATE when none
/// waits.
sv_err sv_factor_confirm(sv_db *db, sv_aead *key, const char *user, sv_text code, int64_t now_us,
                         sv_why *why);
/// SV_ERR_UNTRUSTED when the code does not fit or was shown before. SV_OK without any when the user
/// has no second factor.
sv_err sv_factor_check(sv_db *db, sv_aead *key, const char *user, sv_text code, int64_t now_us,
                       sv_why *why);

#endif
