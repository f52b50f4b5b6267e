// How a release gets its boot header: the release engineer's side of docs/spec/boot.md. The header
// itself, and how it is read, is boot/header.h.
#ifndef SV_UPDATE_BOOT_HEADER_H
#define SV_UPDATE_BOOT_HEADER_H

#include <base/err.h>
#include <boot/header.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY, of crypto/key_store.h

/// Sign what `header` says with a P-256 key and write it as it is stored; key id and signature of
/// `header` are filled in. What comes out has been judged as a boot loader will. SV_ERR_INVALID
/// with the member that no header can have, or when the key is not P-256. [boot-7]
sv_err sv_boot_header_sign(sv_boot_header *header, struct evp_pkey_st *key,
                           uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why);

#endif
