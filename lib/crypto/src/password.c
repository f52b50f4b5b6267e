#include <codec/encode.h>
#include <crypto/password.h>
#include <crypto/random.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum { SALT_BYTES = 16, HASH_BYTES = 32, LN_MAX = 20, R_MAX = 16, P_MAX = 4, FIELD_ROOM = 64 };

typedef struct kept {
    uint64_t ln, r, p;
    uint8_t salt[SALT_BYTES];
    uint8_t hash[HASH_BYTES];
} kept;

// ---- which ones are taken -----------------------------------------------------------------------

static size_t different_bytes(sv_text text) {
    bool seen[256] = { false };
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char) text.at[i];
        count += !seen[byte];
        seen[byte] = true;
    }
    return count;
}

sv_err sv_password_judge(sv_text password, sv_text user, sv_why *why) {
    if (password.len < SV_PASSWORD_MIN || password.len > SV_PASSWORD_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a password has %d to %d bytes; this one has %zu",
                       SV_PASSWORD_MIN, SV_PASSWORD_MAX, password.len);
    }
    if (!sv_utf8_is_valid(password) || memchr(password.at, '\0', password.len) != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "a password is text (UTF-8)");
    }
    if (different_bytes(password) < SV_PASSWORD_DIFFERENT) {
        return sv_fail(why, SV_ERR_INVALID, "a password has at least %d different characters",
                       SV_PASSWORD_DIFFERENT);
    }
    if (user.len >= 3 && memmem(password.at, password.len, user.at, user.len) != NULL
        && password.len < user.len + SV_PASSWORD_MIN) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the user's name does not count: %d bytes are needed beside it",
                       SV_PASSWORD_MIN);
    }
    return SV_OK;
}

// ---- the string ---------------------------------------------------------------------------------

static void put_base64(sv_textbuf *out, const uint8_t *bytes, size_t len) {
    char room[FIELD_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_base64_add(&text, (sv_text){ .at = (const char *) bytes, .len = len });
    sv_text padded = sv_textbuf_text(&text);
    while (padded.len > 0 && padded.at[padded.len - 1] == '=') {
        padded.len--;
    }
    sv_textbuf_add(out, padded);
}

static bool take_base64(sv_text field, uint8_t *out, size_t bytes) {
    char padded[FIELD_ROOM];
    char plain[FIELD_ROOM] = "";
    sv_textbuf text = SV_TEXTBUF(padded);
    sv_textbuf decoded = SV_TEXTBUF(plain);
    sv_textbuf_add(&text, field);
    for (size_t i = field.len; i % 4 != 0; i++) {
        sv_textbuf_add_char(&text, '=');
    }
    if (sv_textbuf_end(&text) != SV_OK || sv_base64_parse(sv_textbuf_text(&text), &decoded) != SV_OK
        || decoded.len != bytes) {
        return false;
    }
    memcpy(out, plain, bytes);
    return true;
}

static void write_kept(const kept *k, char out[SV_PASSWORD_HASH_ROOM]) {
    sv_textbuf text = { .at = out, .cap = SV_PASSWORD_HASH_ROOM };
    sv_textbuf_addf(&text, "$scrypt$ln=%u,r=%u,p=%u$", (unsigned) k->ln, (unsigned) k->r,
                    (unsigned) k->p);
    put_base64(&text, k->salt, sizeof k->salt);
    sv_textbuf_add_char(&text, '$');
    put_base64(&text, k->hash, sizeof k->hash);
    (void) sv_textbuf_end(&text); // 43 + 22 + 27 bytes at most
}

static bool take_number(sv_text *rest, const char *name, uint64_t max, uint64_t *out) {
    sv_text value = sv_text_cut(rest, ',');
    sv_text key = sv_text_cut(&value, '=');
    return sv_text_is(key, name) && sv_text_u64(value, max, out) == SV_OK && *out > 0;
}

static bool read_kept(sv_text text, kept *out) {
    sv_text before = sv_text_cut(&text, '$');
    sv_text kind = sv_text_cut(&text, '$');
    sv_text cost = sv_text_cut(&text, '$');
    sv_text salt = sv_text_cut(&text, '$');
    return before.len == 0 && sv_text_is(kind, "scrypt")
           && take_number(&cost, "ln", LN_MAX, &out->ln) && take_number(&cost, "r", R_MAX, &out->r)
           && take_number(&cost, "p", P_MAX, &out->p) && cost.len == 0
           && (128 * out->r) << out->ln <= SV_PASSWORD_BYTES_MAX
           && take_base64(salt, out->salt, sizeof out->salt)
           && take_base64(text, out->hash, sizeof out->hash);
}

// ---- the work -----------------------------------------------------------------------------------

static sv_err derive(sv_text password, const kept *k, uint8_t out[HASH_BYTES], sv_why *why) {
    int done = EVP_PBE_scrypt(password.len > 0 ? password.at : "", password.len, k->salt,
                              sizeof k->salt, UINT64_C(1) << k->ln, k->r, k->p,
                              UINT64_C(2) * SV_PASSWORD_BYTES_MAX, out, HASH_BYTES);
    return done == 1 ? SV_OK
                     : sv_fail(why, SV_ERR_NO_SPACE, "there is no memory to judge a password");
}

sv_err sv_password_hash(sv_text password, char out[SV_PASSWORD_HASH_ROOM], sv_why *why) {
    kept k = { .ln = SV_PASSWORD_LN, .r = SV_PASSWORD_R, .p = SV_PASSWORD_P };
    sv_random(k.salt, sizeof k.salt);
    SV_TRY(derive(password, &k, k.hash, why));
    write_kept(&k, out);
    OPENSSL_cleanse(&k, sizeof k);
    return SV_OK;
}

sv_err sv_password_check(sv_text password, const char *hash, sv_why *why) {
    kept k;
    uint8_t derived[HASH_BYTES];
    if (!read_kept(sv_text_of(hash), &k)) {
        return sv_fail(why, SV_ERR_INVALID, "a kept password is damaged: it must be set anew");
    }
    SV_TRY(derive(password, &k, derived, why));
    bool same = sv_same_secret(derived, k.hash, sizeof derived);
    OPENSSL_cleanse(derived, sizeof derived);
    return same ? SV_OK : sv_fail(why, SV_ERR_UNTRUSTED, "the password is another");
}

void sv_password_nobody(char out[SV_PASSWORD_HASH_ROOM]) {
    kept k = { .ln = SV_PASSWORD_LN, .r = SV_PASSWORD_R, .p = SV_PASSWORD_P };
    sv_random(k.salt, sizeof k.salt);
    sv_random(k.hash, sizeof k.hash);
    write_kept(&k, out);
}
