// The boot header of a release (docs/spec/boot.md): how the release engineer makes it, and what it
// has to do with the release's target entry. The header itself, and how it is read, is
// boot/header.h.
#ifndef SV_UPDATE_BOOT_HEADER_H
#define SV_UPDATE_BOOT_HEADER_H

#include <boot/header.h>
#include <update/target.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY, of crypto/key_store.h

/// Sign what `header` says with a P-256 key and write it as it is stored; key id and signature of
/// `header` are filled in. What comes out has been judged as a boot loader will. SV_ERR_INVALID
/// with the member that no header can have, or when the key is not P-256. [boot-7]
sv_err sv_boot_header_sign(sv_boot_header *header, struct evp_pkey_st *key,
                           uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why);

/// The boot header in a target entry, when both say the same of the image: an updater that does not
/// ask writes what its boot loader would not start. SV_ERR_NOT_FOUND when there is none,
/// SV_ERR_INVALID with what they do not agree on. Whose signature it is remains to be judged
/// (boot/verify.h). [boot-17]
sv_err sv_boot_header_of(const sv_target *target, sv_boot_header *out, sv_why *why);

#endif
