#include "key_token.h"
#include "key_hard.h"
#include <base/mem.h>
#include <crypto/random.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { POINT_BYTES = 1 + 2 * SV_P256_BYTES, POINT_ROOM = 256, MADE_ID_BYTES = 16 };

static const uint8_t P256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

typedef struct token_key {
    sv_token_uri uri;
    pthread_mutex_t turn;     ///< a session does one thing at a time
    sv_token_session session; ///< guarded by `turn`, as `object` is
    CK_OBJECT_HANDLE object;
} token_key;

static sv_err connect_key(token_key *key, sv_why *why) {
    if (sv_token_session_is_open(&key->session)) {
        return SV_OK;
    }
    SV_DEFER(sv_token_session_drop) sv_token_session session = { 0 };
    SV_TRY(sv_token_session_open(&key->uri, false, &session, why));
    SV_TRY(sv_token_find(&session, &key->uri, CKO_PRIVATE_KEY, &key->object, why));
    key->session = session;
    session = (sv_token_session){ 0 };
    return SV_OK;
}

static sv_err read_bytes(const sv_token_session *session, CK_OBJECT_HANDLE object,
                         CK_ATTRIBUTE_TYPE type, void *room, size_t room_bytes, size_t *len,
                         sv_why *why) {
    CK_ATTRIBUTE asked = { type, room, room_bytes };
    SV_TRY(sv_token_judge(session->call->C_GetAttributeValue(session->at, object, &asked, 1),
                          "describe the key", why));
    *len = asked.ulValueLen;
    return SV_OK;
}

static sv_err sign_once(token_key *key, const uint8_t digest[SV_P256_BYTES], sv_p256_pair *out,
                        sv_why *why) {
    SV_TRY(connect_key(key, why));
    CK_FUNCTION_LIST *call = key->session.call;
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    uint8_t asked[SV_P256_BYTES];
    uint8_t made[2 * SV_P256_BYTES];
    CK_ULONG len = sizeof made;
    memcpy(asked, digest, sizeof asked);
    CK_RV code = call->C_SignInit(key->session.at, &mechanism, key->object);
    if (code == CKR_OK) {
        code = call->C_Sign(key->session.at, asked, sizeof asked, made, &len);
    }
    SV_TRY(sv_token_judge(code, "sign", why));
    if (len != sizeof made) {
        return sv_fail(why, SV_ERR_INVALID, "the token's signature is not of P-256");
    }
    memcpy(out->first, made, SV_P256_BYTES);
    memcpy(out->second, made + SV_P256_BYTES, SV_P256_BYTES);
    return SV_OK;
}

typedef struct signing {
    token_key *key;
    const uint8_t *digest;
    sv_p256_pair *out;
} signing;

/// A session that fails is not used again.
static sv_err sign_job(void *arg, sv_why *why) {
    const signing *asked = arg;
    token_key *key = asked->key;
    (void) pthread_mutex_lock(&key->turn);
    sv_err err = sign_once(key, asked->digest, asked->out, why);
    if (err != SV_OK) {
        sv_token_session_drop(&key->session);
    }
    (void) pthread_mutex_unlock(&key->turn);
    return err;
}

static sv_err token_sign(void *of, const uint8_t digest[SV_P256_BYTES], sv_p256_pair *out,
                         sv_why *why) {
    token_key *key = of;
    signing asked = { .key = key, .digest = digest, .out = out };
    return sv_token_do(&key->uri, sign_job, &asked, why);
}

// ---- agreeing

/// The shared secret is a key of the session, which is read and forgotten.
static sv_err read_secret(token_key *key, CK_OBJECT_HANDLE secret, uint8_t out[SV_P256_BYTES],
                          sv_why *why) {
    size_t len = 0;
    sv_err err = read_bytes(&key->session, secret, CKA_VALUE, out, SV_P256_BYTES, &len, why);
    (void) key->session.call->C_DestroyObject(key->session.at, secret);
    if (err == SV_OK && len != SV_P256_BYTES) {
        return sv_fail(why, SV_ERR_INVALID, "the token's secret is not of P-256");
    }
    return err;
}

static sv_err agree_once(token_key *key, const sv_p256_pair *with, uint8_t out[SV_P256_BYTES],
                         sv_why *why) {
    SV_TRY(connect_key(key, why));
    uint8_t point[POINT_BYTES] = { 0x04 };
    memcpy(point + 1, with->first, SV_P256_BYTES);
    memcpy(point + 1 + SV_P256_BYTES, with->second, SV_P256_BYTES);
    CK_ECDH1_DERIVE_PARAMS how = { .kdf = CKD_NULL,
                                   .public_data_len = sizeof point,
                                   .public_data = point };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &how, sizeof how };
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ULONG bytes = SV_P256_BYTES;
    CK_ATTRIBUTE wanted[] = {
        { CKA_CLASS, &class, sizeof class },   { CKA_KEY_TYPE, &type, sizeof type },
        { CKA_TOKEN, &no, sizeof no },         { CKA_SENSITIVE, &no, sizeof no },
        { CKA_EXTRACTABLE, &yes, sizeof yes }, { CKA_VALUE_LEN, &bytes, sizeof bytes },
    };
    CK_OBJECT_HANDLE secret = 0;
    CK_RV code = key->session.call->C_DeriveKey(key->session.at, &mechanism, key->object, wanted,
                                                SV_COUNT(wanted), &secret);
    if (code == CKR_KEY_FUNCTION_NOT_PERMITTED || code == CKR_KEY_TYPE_INCONSISTENT) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the token's key may not be used to agree on a secret (CKA_DERIVE), so it "
                       "receives no sealed images; enrol with a new key");
    }
    SV_TRY(sv_token_judge(code, "agree on a secret", why));
    return read_secret(key, secret, out, why);
}

typedef struct agreeing {
    token_key *key;
    const sv_p256_pair *with;
    uint8_t *out;
} agreeing;

static sv_err agree_job(void *arg, sv_why *why) {
    const agreeing *asked = arg;
    token_key *key = asked->key;
    (void) pthread_mutex_lock(&key->turn);
    sv_err err = agree_once(key, asked->with, asked->out, why);
    if (err != SV_OK) {
        sv_token_session_drop(&key->session);
    }
    (void) pthread_mutex_unlock(&key->turn);
    return err;
}

static sv_err token_agree(void *of, const sv_p256_pair *with, uint8_t out[SV_P256_BYTES],
                          sv_why *why) {
    token_key *key = of;
    agreeing asked = { .key = key, .with = with, .out = out };
    return sv_token_do(&key->uri, agree_job, &asked, why);
}

static sv_err close_job(void *arg, sv_why *why) {
    (void) why;
    token_key *key = arg;
    sv_token_session_drop(&key->session);
    return SV_OK;
}

static void token_drop(void *of) {
    token_key *key = of;
    if (sv_token_do(&key->uri, close_job, key, NULL) == SV_OK) {
        (void) pthread_mutex_destroy(&key->turn);
    }
    free(key);
}

static const sv_hard_kind TOKEN = {
    .name = "token", .sign = token_sign, .agree = token_agree, .drop = token_drop
};

static sv_err check_curve(const sv_token_session *session, CK_OBJECT_HANDLE object, sv_why *why) {
    uint8_t curve[64];
    size_t len = 0;
    CK_KEY_TYPE type = 0;
    SV_TRY(read_bytes(session, object, CKA_KEY_TYPE, &type, sizeof type, &len, why));
    if (type != CKK_EC
        || read_bytes(session, object, CKA_EC_PARAMS, curve, sizeof curve, &len, NULL) != SV_OK
        || len != sizeof P256 || memcmp(curve, P256, len) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the token's key is not EC P-256, and no other kind is used from a token");
    }
    return SV_OK;
}

/// The point, by the book inside an OCTET STRING; some tokens leave that away.
static bool point_of(const uint8_t *bytes, size_t len, sv_p256_pair *out) {
    if (len == POINT_BYTES + 2 && bytes[0] == 0x04 && bytes[1] == POINT_BYTES) {
        bytes += 2;
        len -= 2;
    }
    if (len != POINT_BYTES || bytes[0] != 0x04) {
        return false;
    }
    memcpy(out->first, bytes + 1, SV_P256_BYTES);
    memcpy(out->second, bytes + 1 + SV_P256_BYTES, SV_P256_BYTES);
    return true;
}

/// The public half beside the private key, by its id where it has one.
static sv_err read_point(const token_key *key, sv_p256_pair *out, sv_why *why) {
    sv_token_uri open = key->uri;
    CK_OBJECT_HANDLE half = 0;
    uint8_t bytes[POINT_ROOM];
    size_t len = 0;
    if (open.id_len == 0) {
        SV_TRY(read_bytes(&key->session, key->object, CKA_ID, open.id, sizeof open.id, &open.id_len,
                          why));
    }
    if (open.id_len > 0) {
        open.object[0] = '\0'; // whose label may be another
    }
    sv_err err = sv_token_find(&key->session, &open, CKO_PUBLIC_KEY, &half, why);
    if (err == SV_OK) {
        err = read_bytes(&key->session, half, CKA_EC_POINT, bytes, sizeof bytes, &len, why);
    }
    if (err != SV_OK || !point_of(bytes, len, out)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the token holds the private key, but not its public half with the same "
                       "id; import that too");
    }
    return SV_OK;
}

typedef struct describing {
    token_key *key;
    sv_p256_pair *point;
} describing;

static sv_err describe_job(void *arg, sv_why *why) {
    const describing *asked = arg;
    token_key *key = asked->key;
    SV_TRY(connect_key(key, why));
    SV_TRY(check_curve(&key->session, key->object, why));
    return read_point(key, asked->point, why);
}

static sv_err open_uri(const sv_token_uri *uri, EVP_PKEY **out, sv_why *why) {
    token_key *key = sv_mem_new(sizeof *key);
    key->uri = *uri;
    (void) pthread_mutex_init(&key->turn, NULL);
    sv_p256_pair point;
    sv_err err = sv_token_do(uri, describe_job, &(describing){ key, &point }, why);
    if (err != SV_OK) {
        token_drop(key);
        return err;
    }
    return sv_hard_key(&TOKEN, key, &point, out, why);
}

sv_err sv_key_token_open(const char *where, EVP_PKEY **out, sv_why *why) {
    sv_token_uri uri;
    SV_TRY(sv_token_uri_parse(sv_text_of(where), &uri, why));
    return open_uri(&uri, out, why);
}

static sv_err generate(const sv_token_session *session, const sv_token_uri *uri, sv_why *why) {
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE label = { CKA_LABEL, (void *) (uintptr_t) uri->object, strlen(uri->object) };
    CK_ATTRIBUTE id = { CKA_ID, (void *) (uintptr_t) uri->id, uri->id_len };
    CK_ATTRIBUTE open[] = {
        { CKA_TOKEN, &yes, sizeof yes },
        { CKA_VERIFY, &yes, sizeof yes },
        { CKA_DERIVE, &yes, sizeof yes },
        { CKA_EC_PARAMS, (void *) (uintptr_t) P256, sizeof P256 },
        label,
        id,
    };
    CK_ATTRIBUTE secret[] = {
        { CKA_TOKEN, &yes, sizeof yes },
        { CKA_PRIVATE, &yes, sizeof yes },
        { CKA_SENSITIVE, &yes, sizeof yes },
        { CKA_SIGN, &yes, sizeof yes },
        { CKA_DERIVE, &yes, sizeof yes },
        { CKA_EXTRACTABLE, &no, sizeof no },
        label,
        id,
    };
    CK_OBJECT_HANDLE made_open = 0;
    CK_OBJECT_HANDLE made_secret = 0;
    CK_RV code =
        session->call->C_GenerateKeyPair(session->at, &mechanism, open, SV_COUNT(open), secret,
                                         SV_COUNT(secret), &made_open, &made_secret);
    return sv_token_judge(code, "make a key", why);
}

static sv_err check_absent(const sv_token_session *session, const sv_token_uri *uri, sv_why *why) {
    CK_OBJECT_HANDLE there = 0;
    if (sv_token_find(session, uri, CKO_PRIVATE_KEY, &there, NULL) != SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_STATE,
                       "the token holds a key '%s' already; name another, or go on with that one",
                       uri->object);
    }
    return SV_OK;
}

/// The id ties both halves together.
static void give_id(sv_token_uri *uri) {
    if (uri->id_len == 0) {
        sv_random(uri->id, MADE_ID_BYTES);
        uri->id_len = MADE_ID_BYTES;
    }
}

static sv_err make_job(void *arg, sv_why *why) {
    sv_token_uri *uri = arg;
    SV_DEFER(sv_token_session_drop) sv_token_session session = { 0 };
    SV_TRY(sv_token_session_open(uri, true, &session, why));
    SV_TRY(check_absent(&session, uri, why));
    give_id(uri);
    return generate(&session, uri, why);
}

sv_err sv_key_token_make(const char *where, sv_key_kind kind, EVP_PKEY **out, sv_why *why) {
    sv_token_uri uri;
    SV_TRY(sv_token_uri_parse(sv_text_of(where), &uri, why));
    if (kind != SV_KEY_EC) {
        return sv_fail(why, SV_ERR_INVALID, "a token makes P-256 keys here, no others; ask for ec");
    }
    SV_TRY(sv_token_do(&uri, make_job, &uri, why));
    return open_uri(&uri, out, why);
}
