#include "key_store_internal.h"
#include <string.h>

typedef struct store {
    const char *scheme;
    sv_err (*open)(const char *place, EVP_PKEY **out, sv_why *why);
    sv_err (*make)(const char *place, sv_key_kind kind, EVP_PKEY **out, sv_why *why);
} store;

static const store STORES[] = {
    { "tpm2:", sv_key_tpm_open, sv_key_tpm_make },
    { "pkcs11:", sv_key_token_open, sv_key_token_make },
    { "", sv_key_file_open, sv_key_file_make },
};

static const store *store_of(const char *where, const char **place) {
    const store *it = STORES;
    while (strncmp(where, it->scheme, strlen(it->scheme)) != 0) {
        it++; // the last one takes everything
    }
    *place = where + strlen(it->scheme);
    return it;
}

bool sv_key_is_hard(sv_text where) {
    return sv_text_starts(where, SV_TEXT("tpm2:")) || sv_text_starts(where, SV_TEXT("pkcs11:"));
}

sv_err sv_key_open(const char *where, EVP_PKEY **out, sv_why *why) {
    const char *place = NULL;
    return store_of(where, &place)->open(place, out, why);
}

sv_err sv_key_make(const char *where, sv_key_kind kind, EVP_PKEY **out, sv_why *why) {
    const char *place = NULL;
    return store_of(where, &place)->make(place, kind, out, why);
}

void sv_key_drop(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
    *key = NULL;
}
