#include "factor.h"

#include "beside_key.h"

#include <crypto/random.h>
#include <string.h>

enum { SEALED_BYTES = SV_AEAD_NONCE_BYTES + SV_TOTP_SECRET_BYTES + SV_AEAD_TAG_BYTES };

typedef struct factor {
    bool set, waits;
    uint8_t secret[SEALED_BYTES]; ///< sealed: nonce, secret, tag
    uint8_t fresh[SEALED_BYTES];
    int64_t last_step;
} factor;

sv_err sv_factor_open(const char *store, sv_aead **out, sv_why *why) {
    return sv_beside_key_open(store, SV_FACTOR_KEY_FILE,
                              "nobody's second factor can be read (move it away, and recover those "
                              "who have one)",
                              out, why);
}

static void seal(sv_aead *key, const char *user, const uint8_t secret[SV_TOTP_SECRET_BYTES],
                 uint8_t out[SEALED_BYTES]) {
    sv_random(out, SV_AEAD_NONCE_BYTES);
    sv_aead_seal(key, out, sv_text_of(user),
                 (sv_text){ .at = (const char *) secret, .len = SV_TOTP_SECRET_BYTES },
                 out + SV_AEAD_NONCE_BYTES);
}

static sv_err unseal(sv_aead *key, const char *user, const uint8_t sealed[SEALED_BYTES],
                     uint8_t out[SV_TOTP_SECRET_BYTES], sv_why *why) {
    sv_text rest = { .at = (const char *) sealed + SV_AEAD_NONCE_BYTES,
                     .len = SEALED_BYTES - SV_AEAD_NONCE_BYTES };
    return sv_aead_open(key, sealed, sv_text_of(user), rest, out, NULL) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_IO,
                         "the second factor of %s is sealed with another key than '%s' holds: "
                         "recover the user",
                         user, SV_FACTOR_KEY_FILE);
}

// ---- rows ---------------------------------------------------------------------------------------

static bool take(sv_stmt *row, int column, uint8_t out[SEALED_BYTES]) {
    sv_text bytes = sv_stmt_bytes(row, column);
    bool whole = bytes.len == SEALED_BYTES;
    if (whole) {
        memcpy(out, bytes.at, SEALED_BYTES);
    }
    return whole;
}

static sv_err load(sv_db *db, const char *user, factor *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT totp_secret, totp_new, totp_last_step, totp_secret IS NOT NULL"
                      " FROM user WHERE name = ?1",
                      &row, why));
    sv_stmt_bind_str(row, 1, user);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_STATE, "there is no user %s", user);
    }
    SV_TRY(err);
    bool whole = take(row, 0, out->secret);
    out->waits = take(row, 1, out->fresh);
    out->last_step = sv_stmt_int(row, 2);
    out->set = sv_stmt_int(row, 3) != 0;
    sv_stmt_reset(row);
    return whole || !out->set
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "the second factor of %s is damaged: recover the user",
                         user);
}

sv_err sv_factor_begin(sv_db *db, sv_aead *key, const char *user, sv_textbuf *url, sv_why *why) {
    uint8_t secret[SV_TOTP_SECRET_BYTES];
    uint8_t sealed[SEALED_BYTES];
    factor now = { 0 };
    sv_stmt *stmt;
    SV_TRY(load(db, user, &now, why));
    if (now.set) {
        return sv_fail(why, SV_ERR_STATE, "there is a second factor already; take it away first");
    }
    sv_random(secret, sizeof secret);
    seal(key, user, secret, sealed);
    sv_totp_url(secret, user, url);
    explicit_bzero(secret, sizeof secret);
    SV_TRY(sv_db_stmt(db, "UPDATE user SET totp_new = ?2 WHERE name = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    sv_stmt_bind_bytes(stmt, 2, (sv_text){ .at = (const char *) sealed, .len = sizeof sealed });
    return sv_stmt_run(stmt, why);
}

/// Whether the code fits the sealed secret; *step is the one it is of.
static sv_err fits(sv_aead *key, const char *user, const uint8_t sealed[SEALED_BYTES], sv_text code,
                   int64_t now_us, int64_t last_step, int64_t *step, sv_why *why) {
    uint8_t secret[SV_TOTP_SECRET_BYTES];
    SV_TRY(unseal(key, user, sealed, secret, why));
    bool good = sv_totp_fits(secret, code, now_us, last_step, step);
    explicit_bzero(secret, sizeof secret);
    return good ? SV_OK
                : sv_fail(why, SV_ERR_UNTRUSTED,
                          "the code does not fit; it is the one that the app shows now, and each "
                          "counts once");
}

sv_err sv_factor_confirm(sv_db *db, sv_aead *key, const char *user, sv_text code, int64_t now_us,
                         sv_why *why) {
    factor now = { 0 };
    int64_t step = 0;
    sv_stmt *stmt;
    SV_TRY(load(db, user, &now, why));
    if (now.set || !now.waits) {
        return sv_fail(why, SV_ERR_STATE, "no second factor waits for its first code");
    }
    sv_err err = fits(key, user, now.fresh, code, now_us, 0, &step, why);
    if (err != SV_OK) {
        return err == SV_ERR_UNTRUSTED ? SV_ERR_INVALID : err;
    }
    SV_TRY(sv_db_stmt(db,
                      "UPDATE user SET totp_secret = totp_new, totp_new = NULL,"
                      " totp_last_step = ?2 WHERE name = ?1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    sv_stmt_bind_int(stmt, 2, step);
    return sv_stmt_run(stmt, why);
}

sv_err sv_factor_check(sv_db *db, sv_aead *key, const char *user, sv_text code, int64_t now_us,
                       sv_why *why) {
    factor now = { 0 };
    int64_t step = 0;
    sv_stmt *stmt;
    SV_TRY(load(db, user, &now, why));
    if (!now.set) {
        return SV_OK;
    }
    SV_TRY(fits(key, user, now.secret, code, now_us, now.last_step, &step, why));
    SV_TRY(sv_db_stmt(db, "UPDATE user SET totp_last_step = ?2 WHERE name = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    sv_stmt_bind_int(stmt, 2, step);
    return sv_stmt_run(stmt, why);
}
