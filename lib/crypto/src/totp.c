#include <crypto/random.h>
#include <crypto/totp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

enum { CODES = 1000000, MAC_BYTES = 20, BASE32_BITS = 5 };

void sv_totp_code(const uint8_t secret[SV_TOTP_SECRET_BYTES], int64_t step,
                  char out[SV_TOTP_DIGITS + 1]) {
    uint8_t message[8];
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t) ((uint64_t) step >> (56 - 8 * i));
    }
    if (HMAC(EVP_sha1(), secret, SV_TOTP_SECRET_BYTES, message, sizeof message, mac, &len) == NULL
        || len != MAC_BYTES) {
        abort();
    }
    const uint8_t *at = mac + (mac[MAC_BYTES - 1] & 0x0F);
    uint32_t number =
        (uint32_t) (at[0] & 0x7F) << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
    (void) snprintf(out, SV_TOTP_DIGITS + 1, "%06u", number % CODES);
}

// Every step of the window is computed, whichever fits.
bool sv_totp_fits(const uint8_t secret[SV_TOTP_SECRET_BYTES], sv_text code, int64_t now_us,
                  int64_t last_step, int64_t *step) {
    int64_t now = now_us / SV_TOTP_STEP_US;
    int64_t found = 0;
    bool fits = false;
    if (code.len != SV_TOTP_DIGITS) {
        return false;
    }
    for (int64_t at = now - SV_TOTP_SLACK; at <= now + SV_TOTP_SLACK; at++) {
        char want[SV_TOTP_DIGITS + 1];
        sv_totp_code(secret, at, want);
        if (sv_same_secret(want, code.at, SV_TOTP_DIGITS) && at > last_step) {
            found = at;
            fits = true;
        }
    }
    if (fits) {
        *step = found;
    }
    return fits;
}

static void put_base32(const uint8_t *bytes, size_t len, sv_textbuf *out) {
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        held = held << 8 | bytes[i];
        for (bits += 8; bits >= BASE32_BITS; bits -= BASE32_BITS) {
            sv_textbuf_add_char(out, ALPHABET[held >> (bits - BASE32_BITS) & 31]);
        }
    }
}

void sv_totp_url(const uint8_t secret[SV_TOTP_SECRET_BYTES], const char *user, sv_textbuf *out) {
    sv_textbuf_addf(out, "otpauth://totp/Selvedge:%s?secret=", user);
    put_base32(secret, SV_TOTP_SECRET_BYTES, out);
    sv_textbuf_add_str(out, "&issuer=Selvedge&algorithm=SHA1&digits=6&period=30");
}
