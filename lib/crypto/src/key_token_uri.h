// The URI that names a key in a token (RFC 7512), as far as it is understood here.
#ifndef SV_CRYPTO_KEY_TOKEN_URI_H
#define SV_CRYPTO_KEY_TOKEN_URI_H

#include "key_store_internal.h"
#include <stdint.h>

enum {
    SV_TOKEN_LABEL_ROOM = 65,
    SV_TOKEN_ID_MAX = 64,
    SV_TOKEN_PATH_ROOM = 512,
};

/// What is empty was not given.
typedef struct sv_token_uri {
    char token[SV_TOKEN_LABEL_ROOM], serial[SV_TOKEN_LABEL_ROOM], object[SV_TOKEN_LABEL_ROOM];
    uint8_t id[SV_TOKEN_ID_MAX];
    size_t id_len;
    char module[SV_TOKEN_PATH_ROOM], pin_file[SV_TOKEN_PATH_ROOM];
} sv_token_uri;

/// What stands behind "pkcs11:" (RFC 7512): `token`, `serial`, `object`, `id` and `type=private`,
/// then `module-path` and `pin-source`. A PIN itself is refused. [keys-6]
sv_err sv_token_uri_parse(sv_text text, sv_token_uri *out, sv_why *why);

#endif
