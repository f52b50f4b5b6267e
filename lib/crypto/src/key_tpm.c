#include "key_tpm.h"
#include "key_hard.h"
#include "pki_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDLE_FIRST = 0x81000000U, ///< what the owner may make persistent
    HANDLE_LAST = 0x817fffffU,
};

typedef struct tpm_key {
    TPM2_HANDLE handle;     ///< of a persistent key; 0: the key is `wrapped`
    sv_tpm_wrapped wrapped; ///< of which a persistent key has the open half alone
    TPMS_CONTEXT *loaded;   ///< as this TPM loaded it last; touched with a connection open alone
    const sv_tpm_functions *call;
} tpm_key;

static const TPM2B_PUBLIC STORAGE_KEY = {
    .publicArea = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM
                            | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN
                            | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
        .parameters.eccDetail = {
            .symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
            .scheme.scheme = TPM2_ALG_NULL,
            .curveID = TPM2_ECC_NIST_P256,
            .kdf.scheme = TPM2_ALG_NULL,
        },
    },
};

/// It signs, and receives the keys of sealed images.
static const TPM2B_PUBLIC DEVICE_KEY = {
    .publicArea = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM
                            | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN
                            | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
        .parameters.eccDetail = {
            .symmetric.algorithm = TPM2_ALG_NULL,
            .scheme.scheme = TPM2_ALG_NULL,
            .curveID = TPM2_ECC_NIST_P256,
            .kdf.scheme = TPM2_ALG_NULL,
        },
    },
};

static const TPM2B_SENSITIVE_CREATE NO_PASSWORD;
static const TPM2B_DATA NO_DATA;
static const TPML_PCR_SELECTION NO_PCRS;

static void flush(const sv_tpm *tpm, ESYS_TR object) {
    if (object != ESYS_TR_NONE) {
        (void) tpm->call->Esys_FlushContext(tpm->esys, object);
    }
}

/// The same key in the same TPM each time: it is derived, and kept nowhere.
static sv_err make_storage_key(const sv_tpm *tpm, ESYS_TR *out, sv_why *why) {
    TSS2_RC code = tpm->call->Esys_CreatePrimary(
        tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &NO_PASSWORD,
        &STORAGE_KEY, &NO_DATA, &NO_PCRS, out, NULL, NULL, NULL, NULL);
    return sv_tpm_judge(code, "make its storage key", why);
}

static sv_err load_below(const sv_tpm *tpm, ESYS_TR parent, const sv_tpm_wrapped *wrapped,
                         ESYS_TR *out, sv_why *why) {
    TSS2_RC code = tpm->call->Esys_Load(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &wrapped->sealed, &wrapped->open, out);
    return sv_tpm_judge(code, "load the key", why);
}

static sv_err load_wrapped(const sv_tpm *tpm, const sv_tpm_wrapped *wrapped, ESYS_TR *out,
                           sv_why *why) {
    ESYS_TR parent = ESYS_TR_NONE;
    SV_TRY(make_storage_key(tpm, &parent, why));
    sv_err err = load_below(tpm, parent, wrapped, out, why);
    flush(tpm, parent);
    return err;
}

/// Loading anew costs the TPM a storage key each time; what it saved of the loaded key does not.
/// After a restart of the TPM that is void.
static sv_err bring(const sv_tpm *tpm, tpm_key *key, ESYS_TR *out, sv_why *why) {
    if (key->handle != 0) {
        TSS2_RC code = tpm->call->Esys_TR_FromTPMPublic(tpm->esys, key->handle, ESYS_TR_NONE,
                                                        ESYS_TR_NONE, ESYS_TR_NONE, out);
        return sv_tpm_judge(code, "find the key at its handle", why);
    }
    if (key->loaded != NULL
        && tpm->call->Esys_ContextLoad(tpm->esys, key->loaded, out) == TSS2_RC_SUCCESS) {
        return SV_OK;
    }
    tpm->call->Esys_Free(key->loaded);
    key->loaded = NULL;
    SV_TRY(load_wrapped(tpm, &key->wrapped, out, why));
    (void) tpm->call->Esys_ContextSave(tpm->esys, *out, &key->loaded);
    return SV_OK;
}

static void put_away(const sv_tpm *tpm, const tpm_key *key, ESYS_TR object) {
    if (key->handle == 0) {
        flush(tpm, object);
    }
}

/// Right-aligned: a TPM may leave out leading zeros.
static bool number(const TPM2B_ECC_PARAMETER *from, uint8_t out[SV_P256_BYTES]) {
    if (from->size > SV_P256_BYTES) {
        return false;
    }
    memset(out, 0, (size_t) SV_P256_BYTES - from->size);
    memcpy(out + SV_P256_BYTES - from->size, from->buffer, from->size);
    return true;
}

static sv_err sign_loaded(const sv_tpm *tpm, ESYS_TR object, const uint8_t digest[SV_P256_BYTES],
                          sv_p256_pair *out, sv_why *why) {
    static const TPMT_SIG_SCHEME SCHEME = { .scheme = TPM2_ALG_ECDSA,
                                            .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
    static const TPMT_TK_HASHCHECK UNCHECKED = { .tag = TPM2_ST_HASHCHECK,
                                                 .hierarchy = TPM2_RH_NULL };
    TPM2B_DIGEST fitted = { .size = SV_P256_BYTES };
    memcpy(fitted.buffer, digest, SV_P256_BYTES);
    TPMT_SIGNATURE *made = NULL;
    SV_TRY(sv_tpm_judge(tpm->call->Esys_Sign(tpm->esys, object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                             ESYS_TR_NONE, &fitted, &SCHEME, &UNCHECKED, &made),
                        "sign", why));
    bool good = made->sigAlg == TPM2_ALG_ECDSA
                && number(&made->signature.ecdsa.signatureR, out->first)
                && number(&made->signature.ecdsa.signatureS, out->second);
    tpm->call->Esys_Free(made);
    return good ? SV_OK : sv_fail(why, SV_ERR_INVALID, "the TPM's signature is not of P-256");
}

typedef struct signing {
    tpm_key *key;
    const uint8_t *digest;
    sv_p256_pair *out;
} signing;

static sv_err sign_job(const sv_tpm *tpm, void *arg, sv_why *why) {
    const signing *asked = arg;
    ESYS_TR object = ESYS_TR_NONE;
    SV_TRY(bring(tpm, asked->key, &object, why));
    sv_err err = sign_loaded(tpm, object, asked->digest, asked->out, why);
    put_away(tpm, asked->key, object);
    return err;
}

static sv_err tpm_sign(void *key, const uint8_t digest[SV_P256_BYTES], sv_p256_pair *out,
                       sv_why *why) {
    return sv_tpm_do(sign_job, &(signing){ .key = key, .digest = digest, .out = out }, why);
}

static sv_err agree_loaded(const sv_tpm *tpm, const tpm_key *key, ESYS_TR object,
                           const sv_p256_pair *with, uint8_t out[SV_P256_BYTES], sv_why *why) {
    TPM2B_ECC_POINT point = { .size = 0 }; // counted by the library
    TPM2B_ECC_POINT *shared = NULL;
    if ((key->wrapped.open.publicArea.objectAttributes & TPMA_OBJECT_DECRYPT) == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the TPM's key was made for signing alone, so it receives no sealed images; "
                       "enrol with a new key");
    }
    point.point.x.size = SV_P256_BYTES;
    point.point.y.size = SV_P256_BYTES;
    memcpy(point.point.x.buffer, with->first, SV_P256_BYTES);
    memcpy(point.point.y.buffer, with->second, SV_P256_BYTES);
    TSS2_RC code = tpm->call->Esys_ECDH_ZGen(tpm->esys, object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                             ESYS_TR_NONE, &point, &shared);
    SV_TRY(sv_tpm_judge(code, "agree on a secret", why));
    bool good = number(&shared->point.x, out);
    explicit_bzero(shared, sizeof *shared);
    tpm->call->Esys_Free(shared);
    return good ? SV_OK : sv_fail(why, SV_ERR_INVALID, "the TPM's secret is not of P-256");
}

typedef struct agreeing {
    tpm_key *key;
    const sv_p256_pair *with;
    uint8_t *out;
} agreeing;

static sv_err agree_job(const sv_tpm *tpm, void *arg, sv_why *why) {
    const agreeing *asked = arg;
    ESYS_TR object = ESYS_TR_NONE;
    SV_TRY(bring(tpm, asked->key, &object, why));
    sv_err err = agree_loaded(tpm, asked->key, object, asked->with, asked->out, why);
    put_away(tpm, asked->key, object);
    return err;
}

static sv_err tpm_agree(void *key, const sv_p256_pair *with, uint8_t out[SV_P256_BYTES],
                        sv_why *why) {
    return sv_tpm_do(agree_job, &(agreeing){ .key = key, .with = with, .out = out }, why);
}

static void tpm_drop(void *of) {
    tpm_key *key = of;
    if (key->loaded != NULL) {
        key->call->Esys_Free(key->loaded);
    }
    free(key);
}

static const sv_hard_kind TPM = {
    .name = "TPM", .sign = tpm_sign, .agree = tpm_agree, .drop = tpm_drop
};

/// Owns `key` from here on. The TPM is asked for it now, so that what is wrong is told at the
/// start.
static sv_err wrap(const sv_tpm *tpm, tpm_key *key, EVP_PKEY **out, sv_why *why) {
    key->call = tpm->call;
    ESYS_TR object = ESYS_TR_NONE;
    sv_p256_pair point;
    const TPMS_ECC_POINT *at = &key->wrapped.open.publicArea.unique.ecc;
    sv_err err = bring(tpm, key, &object, why);
    if (err == SV_OK) {
        put_away(tpm, key, object);
        if (!number(&at->x, point.first) || !number(&at->y, point.second)) {
            err = sv_fail(why, SV_ERR_INVALID, "the TPM's key is not of P-256");
        }
    }
    if (err != SV_OK) {
        tpm_drop(key);
        return err;
    }
    return sv_hard_key(&TPM, key, &point, out, why);
}

static tpm_key *key_new(TPM2_HANDLE handle, const sv_tpm_wrapped *wrapped) {
    tpm_key *key = sv_mem_new(sizeof *key);
    key->handle = handle;
    key->wrapped = *wrapped;
    return key;
}

sv_err sv_tpm_is_taken(const sv_tpm *tpm, TPM2_HANDLE handle, bool *out, sv_why *why) {
    TPMS_CAPABILITY_DATA *found = NULL;
    SV_TRY(sv_tpm_judge(tpm->call->Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE,
                                                      ESYS_TR_NONE, TPM2_CAP_HANDLES, handle, 1,
                                                      NULL, &found),
                        "list what it holds", why));
    *out = found->data.handles.count > 0 && found->data.handles.handle[0] == handle;
    tpm->call->Esys_Free(found);
    return SV_OK;
}

static sv_err read_open_half(const sv_tpm *tpm, TPM2_HANDLE handle, TPM2B_PUBLIC *out,
                             sv_why *why) {
    ESYS_TR object = ESYS_TR_NONE;
    SV_TRY(bring(tpm, &(tpm_key){ .handle = handle }, &object, why));
    TPM2B_PUBLIC *read = NULL;
    SV_TRY(sv_tpm_judge(tpm->call->Esys_ReadPublic(tpm->esys, object, ESYS_TR_NONE, ESYS_TR_NONE,
                                                   ESYS_TR_NONE, &read, NULL, NULL),
                        "read the key", why));
    const TPMT_PUBLIC *key = &read->publicArea;
    bool usable = key->type == TPM2_ALG_ECC
                  && key->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256
                  && (key->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) != 0
                  && (key->objectAttributes & TPMA_OBJECT_RESTRICTED) == 0;
    *out = *read;
    tpm->call->Esys_Free(read);
    return usable ? SV_OK
                  : sv_fail(why, SV_ERR_INVALID,
                            "tpm2:handle=0x%08x is no P-256 key that signs; make one with: "
                            "tpm2_create -G ecc256 and tpm2_evictcontrol",
                            (unsigned) handle);
}

static sv_err open_handle(const sv_tpm *tpm, TPM2_HANDLE handle, EVP_PKEY **out, sv_why *why) {
    bool taken = false;
    SV_TRY(sv_tpm_is_taken(tpm, handle, &taken, why));
    if (!taken) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "this TPM holds no key at the handle 0x%08x; another machine's, or the TPM "
                       "was cleared: enrol again",
                       (unsigned) handle);
    }
    sv_tpm_wrapped half = { 0 };
    SV_TRY(read_open_half(tpm, handle, &half.open, why));
    return wrap(tpm, key_new(handle, &half), out, why);
}

static sv_err read_file(const sv_tpm *tpm, const char *path, sv_tpm_wrapped *out, sv_why *why) {
    SV_DEFER(sv_secret_drop) sv_textbuf pem = { 0 };
    SV_TRY(sv_secret_read("TPM key", path, &pem, why));
    sv_why reason = { 0 };
    sv_err err = sv_tpm_wrapped_parse(tpm->call, sv_textbuf_text(&pem), out, &reason);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "'%s' %s", path, reason.text);
}

static sv_err create(const sv_tpm *tpm, ESYS_TR parent, sv_tpm_wrapped *out, sv_why *why) {
    TPM2B_PRIVATE *sealed = NULL;
    TPM2B_PUBLIC *open = NULL;
    SV_TRY(sv_tpm_judge(tpm->call->Esys_Create(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                               ESYS_TR_NONE, &NO_PASSWORD, &DEVICE_KEY, &NO_DATA,
                                               &NO_PCRS, &sealed, &open, NULL, NULL, NULL),
                        "make a key", why));
    *out = (sv_tpm_wrapped){ .open = *open, .sealed = *sealed };
    tpm->call->Esys_Free(sealed);
    tpm->call->Esys_Free(open);
    return SV_OK;
}

static sv_err create_wrapped(const sv_tpm *tpm, sv_tpm_wrapped *out, sv_why *why) {
    ESYS_TR parent = ESYS_TR_NONE;
    SV_TRY(make_storage_key(tpm, &parent, why));
    sv_err err = create(tpm, parent, out, why);
    flush(tpm, parent);
    return err;
}

static sv_err make_file(const sv_tpm *tpm, const char *path, sv_why *why) {
    sv_tpm_wrapped wrapped = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    SV_TRY(create_wrapped(tpm, &wrapped, why));
    SV_TRY(sv_tpm_wrapped_add(tpm->call, &wrapped, &pem, why));
    return sv_new_file(path, sv_textbuf_text(&pem), 0600, why);
}

static sv_err keep_at(const sv_tpm *tpm, TPM2_HANDLE handle, const sv_tpm_wrapped *wrapped,
                      sv_why *why) {
    ESYS_TR object = ESYS_TR_NONE;
    ESYS_TR kept = ESYS_TR_NONE;
    SV_TRY(load_wrapped(tpm, wrapped, &object, why));
    TSS2_RC code =
        tpm->call->Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD,
                                     ESYS_TR_NONE, ESYS_TR_NONE, handle, &kept);
    flush(tpm, object);
    return sv_tpm_judge(code, "keep the key", why);
}

static sv_err make_handle(const sv_tpm *tpm, TPM2_HANDLE handle, sv_why *why) {
    bool taken = false;
    sv_tpm_wrapped wrapped = { 0 };
    SV_TRY(sv_tpm_is_taken(tpm, handle, &taken, why));
    if (taken) {
        return sv_fail(why, SV_ERR_STATE,
                       "the TPM holds a key at the handle 0x%08x already; name another",
                       (unsigned) handle);
    }
    SV_TRY(create_wrapped(tpm, &wrapped, why));
    return keep_at(tpm, handle, &wrapped, why);
}

typedef struct place {
    const char *path;
    TPM2_HANDLE handle; ///< 0: the path counts
    EVP_PKEY **out;
} place;

static sv_err place_parse(const char *text, place *out, sv_why *why) {
    static const char PREFIX[] = "handle=";
    if (strncmp(text, PREFIX, sizeof PREFIX - 1) != 0) {
        out->path = text;
        return text[0] != '\0' ? SV_OK
                               : sv_fail(why, SV_ERR_INVALID,
                                         "'tpm2:' names no key; write tpm2:PATH or "
                                         "tpm2:handle=0x81000001");
    }
    char *end = NULL;
    const char *digits = text + sizeof PREFIX - 1;
    unsigned long value = strtoul(digits, &end, 16);
    if (end == digits || *end != '\0' || value < HANDLE_FIRST || value > HANDLE_LAST) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'tpm2:%s' is no handle of a kept key; they are 0x%x to 0x%x", text,
                       HANDLE_FIRST, HANDLE_LAST);
    }
    out->handle = (TPM2_HANDLE) value;
    return SV_OK;
}

static sv_err open_job(const sv_tpm *tpm, void *arg, sv_why *why) {
    const place *asked = arg;
    if (asked->handle != 0) {
        return open_handle(tpm, asked->handle, asked->out, why);
    }
    sv_tpm_wrapped wrapped = { 0 };
    SV_TRY(read_file(tpm, asked->path, &wrapped, why));
    return wrap(tpm, key_new(0, &wrapped), asked->out, why);
}

static sv_err make_job(const sv_tpm *tpm, void *arg, sv_why *why) {
    const place *asked = arg;
    return asked->handle != 0 ? make_handle(tpm, asked->handle, why)
                              : make_file(tpm, asked->path, why);
}

sv_err sv_key_tpm_open(const char *where, EVP_PKEY **out, sv_why *why) {
    place asked = { .out = out };
    SV_TRY(place_parse(where, &asked, why));
    return sv_tpm_do(open_job, &asked, why);
}

sv_err sv_key_tpm_make(const char *where, sv_key_kind kind, EVP_PKEY **out, sv_why *why) {
    place asked = { .out = out };
    SV_TRY(place_parse(where, &asked, why));
    if (kind != SV_KEY_EC) {
        return sv_fail(why, SV_ERR_INVALID, "a TPM makes P-256 keys here, no others; ask for ec");
    }
    SV_TRY(sv_tpm_do(make_job, &asked, why));
    return sv_tpm_do(open_job, &asked, why);
}
