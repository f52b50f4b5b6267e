// Codes of six digits that change every thirty seconds (TOTP, RFC 6238, HMAC-SHA-1 as every
// authenticator app speaks it).
#ifndef SV_CRYPTO_TOTP_H
#define SV_CRYPTO_TOTP_H

#include <base/err.h>
#include <base/text.h>
#include <base/time.h>

enum {
    SV_TOTP_SECRET_BYTES = 20,
    SV_TOTP_DIGITS = 6,
    SV_TOTP_SLACK = 1, ///< steps that a phone's clock may be ahead or behind
    SV_TOTP_URL_ROOM = 512,
};
#define SV_TOTP_STEP_US (30 * SV_TIME_SECOND_US)

/// Whether `code` fits at `now_us`; *step becomes the step that it is of, which is later than
/// `last_step`, so that no code counts twice.
bool sv_totp_fits(const uint8_t secret[SV_TOTP_SECRET_BYTES], sv_text code, int64_t now_us,
                  int64_t last_step, int64_t *step);
/// The code of one step.
void sv_totp_code(const uint8_t secret[SV_TOTP_SECRET_BYTES], int64_t step,
                  char out[SV_TOTP_DIGITS + 1]);
/// `otpauth://totp/…`, what an app reads from a QR code. `user` is an id.
void sv_totp_url(const uint8_t secret[SV_TOTP_SECRET_BYTES], const char *user, sv_textbuf *out);

#endif
