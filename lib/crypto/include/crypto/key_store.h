// Private keys, wherever they are kept. A configuration names one by where it is:
//
//   /etc/selvedge/press-17.key    a PEM file, not encrypted
//
// A file is taken when it belongs to us or to root, its group cannot write and nobody else can read
// it. That a group may read it (0640 root:ssl-cert, as Debian keeps such keys) is its owner's
// decision and no fault. [keys-1]
//
// A key is an EVP_PKEY that its owner frees with EVP_PKEY_free. It may be used by several threads.
#ifndef SV_CRYPTO_KEY_STORE_H
#define SV_CRYPTO_KEY_STORE_H

#include <base/err.h>
#include <crypto/pki.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY

enum { SV_KEY_FILE_MAX = 16 * 1024 }; ///< bytes

/// The key that is there. SV_ERR_IO when it cannot be read, SV_ERR_INVALID when it is no key or not
/// kept as it must be; the sentence says what to do.
sv_err sv_key_open(const char *where, struct evp_pkey_st **out, sv_why *why);

/// Make a key and keep it there (a file: 0600, on disk when this returns). SV_ERR_STATE when
/// something is there already: no key is ever written over. [keys-2]
sv_err sv_key_make(const char *where, sv_key_kind kind, struct evp_pkey_st **out, sv_why *why);

#endif
