// Private keys, wherever they are kept. A configuration names one by where it is:
//
//   /etc/selvedge/press-17.key           a PEM file, not encrypted
//   tpm2:/etc/selvedge/press-17.tpm      P-256 in a TPM 2.0 that alone can use this file [keys-3]
//   tpm2:handle=0x81000001               P-256 that a TPM 2.0 itself keeps
//   pkcs11:token=hall;object=press-17?module-path=/usr/lib/softhsm/libsofthsm2.so
//     &pin-source=file:/etc/selvedge/pin P-256 in a token (RFC 7512, one line) [keys-6]
//
// A file may also hold such a line, `tpm2:…` or `pkcs11:…`, in place of a key: so a PKI folder's
// ca.key says where the issuing key is. [keys-9]
//
// A file is taken when it belongs to us or to root, its group cannot write and nobody else can read
// it. That a group may read it (0640 root:ssl-cert, as Debian keeps such keys) is its owner's
// decision and no fault. [keys-1]
//
// Which TPM: SELVEDGE_TPM, else TPM2TOOLS_TCTI of the environment ("device:/dev/tpm0",
// "swtpm:host=127.0.0.1,port=2321"), else the kernel's at /dev/tpmrm0.
//
// A key is an EVP_PKEY that its owner frees with EVP_PKEY_free. Several threads may use it; what is
// in hardware waits there for its turn, and fails when the hardware is away. [keys-5]
#ifndef SV_CRYPTO_KEY_STORE_H
#define SV_CRYPTO_KEY_STORE_H

#include <base/err.h>
#include <crypto/pki.h>
#include <stdbool.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY

enum {
    SV_KEY_FILE_MAX = 16 * 1024, ///< bytes
    SV_KEY_PLACE_ROOM = 1024,    ///< of where a key is
};

/// Does it say that the key is in a TPM or a token?
bool sv_key_is_hard(sv_text where);
/// The same of where the key really is: of a file, what the line in it says.
bool sv_key_leads_to_hardware(const char *where);

/// The key that is there. SV_ERR_NOT_FOUND when there is none, SV_ERR_IO when it cannot be read,
/// SV_ERR_INVALID when it is no key or not kept as it must be, SV_ERR_UNTRUSTED when it is another
/// TPM's or the PIN is wrong, SV_ERR_UNAVAILABLE when its hardware does not answer; the sentence
/// says what to do.
sv_err sv_key_open(const char *where, struct evp_pkey_st **out, sv_why *why);
/// EVP_PKEY_free, for who does not see OpenSSL's headers.
void sv_key_drop(struct evp_pkey_st **key);

/// Make a key and keep it there (a file: 0600, on disk when this returns; in hardware SV_KEY_EC
/// alone). SV_ERR_STATE when
/// something is there already: no key is ever written over. [keys-2]
sv_err sv_key_make(const char *where, sv_key_kind kind, struct evp_pkey_st **out, sv_why *why);

#endif
