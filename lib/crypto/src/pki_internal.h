// What the files of the PKI share: the open folder, its index, and how a certificate is built.
#ifndef SV_CRYPTO_PKI_INTERNAL_H
#define SV_CRYPTO_PKI_INTERNAL_H

#include "own.h"
#include <base/time.h>
#include <codec/json.h>
#include <crypto/issue.h>
#include <limits.h>

enum {
    SV_PKI_DOMAIN_ROOM = 254,
    SV_PKI_FILE_MAX = 64 * 1024,
    SV_PKI_REVOKED_MAX = 1 << 20, ///< ids
    SV_PKI_LOCK_WAIT_MS = 10000,
    SV_PKI_FORMER_MAX = 8,
    SV_PKI_SERIAL_ROOM = 41,
};
/// The issuing key while `ca.crt` is being replaced.
#define SV_PKI_NEXT_KEY "ca.key.next"

/// An open PKI folder, locked against other processes while it lives.
typedef struct sv_pki {
    const char *dir;
    char domain[SV_PKI_DOMAIN_ROOM];
    X509 *issuing;
    X509 *root;
    X509 *former[SV_PKI_FORMER_MAX]; ///< were issuing before, the newest first
    size_t former_count;
    EVP_PKEY *key;
    bool key_is_next;               ///< found as SV_PKI_NEXT_KEY
    struct sv_pki_revoked *revoked; ///< NULL until somebody asks
    int lock_fd;
} sv_pki;

#define SV_PKI_CLOSED ((sv_pki){ .lock_fd = -1 })

sv_err sv_pki_open(const char *dir, sv_pki *out, sv_why *why);
/// The same without the lock, for whoever writes nothing into the folder; `key` NULL: its ca.key.
sv_err sv_pki_load(const char *dir, const char *key, sv_pki *out, sv_why *why);
/// SV_PKI_NEXT_KEY becomes ca.key, durable.
sv_err sv_pki_take_next_key(const char *dir, sv_why *why);
/// As the index and file names have it.
sv_err sv_pki_serial(const X509 *certificate, char out[SV_PKI_SERIAL_ROOM], sv_why *why);
sv_err sv_pki_record_of(const char *id, sv_role role, const X509 *certificate, sv_pki_record *out,
                        sv_why *why);
void sv_pki_drop(sv_pki *pki);

sv_err sv_pki_path(char room[PATH_MAX], const char *dir, const char *name, sv_why *why);
/// A new file with `mode`, on disk when this returns; SV_ERR_STATE when the path exists already.
sv_err sv_new_file(const char *path, sv_text content, unsigned mode, sv_why *why);
sv_err sv_pem_cert_add(sv_textbuf *out, const X509 *certificate, sv_why *why);
sv_err sv_pem_key_add(sv_textbuf *out, const EVP_PKEY *key, const char *passphrase, sv_why *why);
/// Empties a buffer that held a key, then frees it.
void sv_secret_drop(sv_textbuf *buf);

/// Version 3, random serial, validity from now, public key; the caller adds names and extensions
/// and signs.
sv_err sv_cert_begin(EVP_PKEY *key, int days, X509 **out, sv_why *why);
/// `value` is in the language of OpenSSL's configuration; nothing in it may come from outside.
sv_err sv_cert_extend(X509 *certificate, X509 *issuer, int nid, const char *value, sv_why *why);
sv_err sv_cert_sign(X509 *certificate, EVP_PKEY *key, sv_why *why);
/// A certificate authority: the root by itself (`by` NULL), or an issuing one (path length 0) by
/// the root. Valid from now. [pki-2]
typedef struct sv_ca {
    const char *org;
    const char *name; ///< CN
    int days;
    EVP_PKEY *key;
} sv_ca;
sv_err sv_ca_make(const sv_ca *ca, const sv_issuer *by, X509 **out, sv_why *why);
sv_err sv_name_put(X509_NAME *name, int nid, sv_text value, sv_why *why);

/// Certify and enter into the index; the caller has asked sv_pki_index_check. [pki-4] [pki-6]
sv_err sv_pki_certify(sv_pki *pki, const sv_issue *issue, X509 **out, sv_why *why);
/// Leaf, then issuing, as PEM.
sv_err sv_pki_chain_add(sv_textbuf *out, const sv_pki *pki, const X509 *leaf, sv_why *why);

/// A request as PEM or DER; `path` is for the sentence.
sv_err sv_request_parse(sv_text bytes, const char *path, X509_REQ **out, sv_why *why);
/// SV_ERR_INVALID when another role holds one of the ids already. One pass over the index.
sv_err sv_pki_index_check(const char *dir, const char *const *ids, size_t count, sv_role role,
                          sv_why *why);
sv_err sv_pki_index_add(const char *dir, const char *id, sv_role role, const X509 *certificate,
                        sv_why *why);

/// One line of the index; its inverse is sv_pki_record_add.
sv_err sv_pki_record_parse(const sv_json *line, sv_pki_record *out);

/// For every id that was revoked, the moment before which its certificates do not count.
typedef struct sv_pki_revoked sv_pki_revoked;
sv_err sv_pki_revoked_load(const char *dir, sv_pki_revoked **out, sv_why *why);
void sv_pki_revoked_drop(sv_pki_revoked **revoked);
/// INT64_MIN when `id` was never revoked.
int64_t sv_pki_revoked_before_us(const sv_pki_revoked *revoked, const char *id);

#endif
