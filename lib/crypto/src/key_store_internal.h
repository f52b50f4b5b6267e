// What the key stores share. Each opens and makes keys at places of its own form.
#ifndef SV_CRYPTO_KEY_STORE_INTERNAL_H
#define SV_CRYPTO_KEY_STORE_INTERNAL_H

#include "own.h"
#include <crypto/key_store.h>

/// A file that holds a secret and is kept as one, whole; `what` it is begins the sentence. End
/// `out` with sv_secret_drop. [keys-1]
sv_err sv_secret_read(const char *what, const char *path, sv_textbuf *out, sv_why *why);

sv_err sv_key_file_open(const char *path, EVP_PKEY **out, sv_why *why);
sv_err sv_key_file_make(const char *path, sv_key_kind kind, EVP_PKEY **out, sv_why *why);

/// `where` is what stands behind "tpm2:".
sv_err sv_key_tpm_open(const char *where, EVP_PKEY **out, sv_why *why);
sv_err sv_key_tpm_make(const char *where, sv_key_kind kind, EVP_PKEY **out, sv_why *why);

/// `where` is what stands behind "pkcs11:".
sv_err sv_key_token_open(const char *where, EVP_PKEY **out, sv_why *why);
sv_err sv_key_token_make(const char *where, sv_key_kind kind, EVP_PKEY **out, sv_why *why);

#endif
