// A site's public key infrastructure in a folder: offline root, issuing CA, leaves by role.
//
//   ca.crt      issuing certificate, then root      ca.key   issuing key (0600)
//   root/       root.crt, root.key (encrypted)      issued/  <serial>.crt, index.ndjson
//   revoked.ndjson  (id, issued before T) and known serials      crl.pem  the newest CRLs
//   signer/  journal.ndjson: what selvedge-signer issued         former/  issuing keys of before
//
// X.509 v3, pathlen 0 below the root, 128-bit random serials; leaves carry CN = id, SAN URI
// spiffe://<domain>/<role>/<id>, the EKU of their role, DNS and IP names for servers and gateways
// (docs/spec/pki.md). Signing takes public key, proof of possession, CN and O/OU/L/ST/C from a
// request and nothing else. Not thread-safe; issuing takes a lock file, so several processes may
// issue.
#ifndef SV_CRYPTO_PKI_H
#define SV_CRYPTO_PKI_H

#include <base/err.h>
#include <base/text.h>
#include <model/id.h>

enum {
    SV_PKI_DNS_MAX = 16,
    SV_PKI_DAYS_MAX = 3650,
    SV_PKI_LEAF_DAYS = 365,
    SV_PKI_ISSUING_DAYS = 1825,
    SV_PKI_ROOT_DAYS = 7300,
    SV_PKI_CSR_MAX = 16 * 1024,
};

typedef enum sv_key_kind { SV_KEY_EC, SV_KEY_RSA, SV_KEY_ED25519 } sv_key_kind;
/// "ec" (P-256), "rsa" (3072), "ed25519".
sv_err sv_key_kind_parse(sv_text text, sv_key_kind *out, sv_why *why);

typedef struct sv_pki_setup {
    const char *dir;
    const char *org;    ///< O of the CA names; NULL: "Selvedge"
    const char *domain; ///< of the SPIFFE ids; NULL: "selvedge.local"
    sv_key_kind key;
    const char *ca_key; ///< where the issuing key is made (tpm2:, pkcs11:); NULL: in ca.key
    const char *root_passphrase; ///< NULL: a random one is written to root/passphrase (0600)
} sv_pki_setup;

/// SV_ERR_STATE when the folder holds a PKI already.
sv_err sv_pki_init(const sv_pki_setup *setup, sv_why *why);

typedef struct sv_pki_leaf {
    const char *id;
    sv_role role;
    const char *dns[SV_PKI_DNS_MAX]; ///< NULL-terminated unless full
    const char *ip[SV_PKI_DNS_MAX];
    sv_key_kind key;
    int days;        ///< 0: SV_PKI_LEAF_DAYS
    const char *out; ///< folder for <id>.key, <id>.crt (leaf, then issuing), ca.crt
} sv_pki_leaf;

/// Make a key, certify it, write the three files. SV_ERR_INVALID for an id outside the grammar or
/// one that another role holds already.
sv_err sv_pki_issue(const char *dir, const sv_pki_leaf *leaf, sv_why *why);

enum { SV_PKI_MANY_MAX = 1000 };
/// `count` leaves that differ in nothing but their id (`like->id` is not used): the folder is
/// opened and its index read once for all of them, and stays locked so long. Stops at the first
/// fault; what was issued until then stays.
sv_err sv_pki_issue_many(const char *dir, const sv_pki_leaf *like, const char *const *ids,
                         size_t count, sv_why *why);

/// Certify a PEM or DER request as a device. Writes leaf, then issuing, to `out_path`.
sv_err sv_pki_sign(const char *dir, const char *csr_path, const char *out_path, int days,
                   sv_why *why);

/// Does `cert_path` chain to `ca_path`, now? SV_ERR_UNTRUSTED with OpenSSL's reason.
sv_err sv_pki_verify(const char *ca_path, const char *cert_path, sv_identity *out, sv_why *why);

/// Everything issued to `id` until now is revoked; known serials enter the CRL.
sv_err sv_pki_revoke(const char *dir, const char *id, sv_why *why);
/// Write CRLs (PEM), number rising, valid 30 days: one by the issuing certificate and one by each
/// former one in ca.crt, for a CRL counts for its own issuer's certificates. Each lists every
/// revoked serial number there is.
sv_err sv_pki_crl(const char *dir, const char *out_path, sv_why *why);
/// The number of the newest CRL anybody made in this folder; 0: none.
sv_err sv_pki_crl_number(const char *dir, uint64_t *out, sv_why *why);

/// From when until when a CRL (DER) counts. SV_ERR_INVALID when it is none, or has no end.
sv_err sv_crl_times(sv_text der, int64_t *from_us, int64_t *until_us, sv_why *why);

typedef struct sv_pki_rotation {
    const char *dir;
    const char *root;            ///< folder of root.key; NULL: `dir`/root
    const char *passphrase_file; ///< NULL: `passphrase` beside root.key
} sv_pki_rotation;

/// A new issuing certificate and key under the same root; the old pair moves to former/. Whole or
/// not at all, whenever the power goes. [pki-13]
sv_err sv_pki_rotate(const sv_pki_rotation *rotation, sv_why *why);

/// One line of issued/index.ndjson.
typedef struct sv_pki_record {
    char id[SV_ID_ROOM];
    sv_role role;
    char serial[41];
    int64_t not_before_us, not_after_us;
    bool revoked;
} sv_pki_record;

typedef void sv_pki_revoked_visit(void *arg, sv_text id, int64_t before_us);
/// Every id that was revoked in the folder, once, and before when its certificates do not count.
sv_err sv_pki_revocations(const char *dir, sv_pki_revoked_visit *visit, void *arg, sv_why *why);

/// The line, without its end.
void sv_pki_record_add(sv_textbuf *out, const sv_pki_record *record);

typedef void sv_pki_visit(void *arg, const sv_pki_record *record);
/// Every certificate the folder knows: the index, then the signer's journal, oldest first in each.
/// A last line that is still being written is left out.
sv_err sv_pki_list(const char *dir, sv_pki_visit *visit, void *arg, sv_why *why);
/// As before, and `*journal_from` moves to the end of what was visited. Where it was not 0 already,
/// only what the signer has issued since then is visited.
sv_err sv_pki_list_from(const char *dir, int64_t *journal_from, sv_pki_visit *visit, void *arg,
                        sv_why *why);

#endif
