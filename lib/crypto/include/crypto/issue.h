// What a certificate is to say, as plain numbers and texts, and the one way a leaf comes to be.
//
// A request (CSR) is parsed once, by whoever meets the stranger; what is left is an sv_issue, of
// fixed size and with nothing in it that has to be parsed again. It may cross a process border:
// every field is judged anew by sv_issue_certify, which builds the key from its numbers and
// everything else itself (docs/spec/pki.md, docs/spec/signer.md).
#ifndef SV_CRYPTO_ISSUE_H
#define SV_CRYPTO_ISSUE_H

#include <base/err.h>
#include <base/text.h>
#include <crypto/pki.h>
#include <model/id.h>

struct x509_st;
struct evp_pkey_st;

enum {
    SV_PUBLIC_KEY_MAX = 512, ///< bytes: the modulus of RSA 4096
    SV_PUBLIC_EXPONENT_MIN = 65537,
    SV_ISSUE_TEXTS_MAX = 8, ///< of the subject, beside the CN
    SV_ISSUE_TEXT_MAX = 255,
    SV_ISSUE_DNS_MAX = 253,
    SV_ISSUE_AHEAD_MAX_S = 5, ///< how far behind a wanted beginning the clock may be
};
#define SV_ISSUE_LIFETIME_DEVICE_S (INT64_C(90) * 86400)
#define SV_ISSUE_LIFETIME_MAX_S (INT64_C(86400) * SV_PKI_DAYS_MAX)

typedef enum sv_public_kind {
    SV_PUBLIC_P256 = 1, ///< raw: the uncompressed point, 65 bytes
    SV_PUBLIC_P384,     ///< 97 bytes
    SV_PUBLIC_RSA,      ///< the modulus, big-endian, its first byte not 0
    SV_PUBLIC_ED25519,  ///< 32 bytes
} sv_public_kind;

/// A public key as its numbers.
typedef struct sv_public_key {
    uint32_t kind; ///< sv_public_kind
    uint32_t bytes;
    uint32_t exponent; ///< RSA; else 0
    uint8_t raw[SV_PUBLIC_KEY_MAX];
} sv_public_key;

/// SV_ERR_INVALID, with the reason, for a key that is none of the four. [pki-7]
sv_err sv_public_key_of(const struct evp_pkey_st *key, sv_public_key *out, sv_why *why);
/// The key behind the numbers: a point off its curve, a modulus that is even, prime, has a small
/// factor or the pattern of CVE-2017-15361, and a small exponent are refused. [pki-7]
sv_err sv_public_key_build(const sv_public_key *key, struct evp_pkey_st **out, sv_why *why);
/// SHA-256 of its SubjectPublicKeyInfo (DER, points uncompressed): two keys are the same if this
/// is.
sv_err sv_public_key_hash(const sv_public_key *key, uint8_t out[32], sv_why *why);

/// In the order in which they stand in a subject.
typedef enum sv_subject_part {
    SV_SUBJECT_C,
    SV_SUBJECT_ST,
    SV_SUBJECT_L,
    SV_SUBJECT_O,
    SV_SUBJECT_OU,
    SV_SUBJECT__COUNT
} sv_subject_part;

typedef struct sv_issue_text {
    uint32_t part; ///< sv_subject_part
    char text[SV_ISSUE_TEXT_MAX + 1];
} sv_issue_text;

typedef struct sv_issue_ip {
    uint32_t bytes; ///< 4 or 16
    uint8_t raw[16];
} sv_issue_ip;

typedef struct sv_issue {
    int64_t lifetime_s;    ///< cut at the end of the issuing certificate
    int64_t not_before_us; ///< it begins no earlier; 0: now
    uint32_t role;         ///< sv_role
    uint32_t texts, dns_names, ips;
    sv_public_key key;
    char id[SV_ID_ROOM + 11]; ///< up to here and in all a multiple of eight: there are no holes
    sv_issue_text subject[SV_ISSUE_TEXTS_MAX];
    sv_issue_ip ip[SV_PKI_DNS_MAX];
    char dns[SV_PKI_DNS_MAX][SV_ISSUE_DNS_MAX + 1];
} sv_issue;

/// Appends a name or an address; only gateways and servers may have some. [pki-5]
sv_err sv_issue_add_dns(sv_issue *issue, sv_text name, sv_why *why);
sv_err sv_issue_add_ip(sv_issue *issue, sv_text address, sv_why *why);
/// Appends the DNS names and addresses that a certificate carries: a gateway or server that renews
/// keeps them, whatever its request asks for.
sv_err sv_issue_add_names_of(sv_issue *issue, const struct x509_st *certificate, sv_why *why);
sv_err sv_issue_add_text(sv_issue *issue, sv_subject_part part, sv_text text, sv_why *why);

/// A request (DER) as it comes from the network: proof of possession, key, the one CN and the
/// subject's texts; a device for SV_ISSUE_LIFETIME_DEVICE_S until the caller says otherwise. One
/// that asks for a CA, or for a name other than its own `spiffe://<domain>/<role>/<id>`, is refused
/// rather than answered with less. SV_ERR_UNTRUSTED: the proof does not hold. [pki-7] [pki-8]
/// [pki-11]
sv_err sv_issue_from_csr(sv_text der, sv_issue *out, sv_why *why);

/// Is every field what it may be? The key is judged by sv_public_key_build. [pki-12]
sv_err sv_issue_check(const sv_issue *issue, sv_why *why);

/// Who certifies.
typedef struct sv_issuer {
    struct x509_st *certificate;
    struct evp_pkey_st *key;
    const char *domain; ///< of the SPIFFE ids
} sv_issuer;

/// Judge `issue` and certify it: names, role extensions, serial number, signature. SV_ERR_STATE
/// when `now_us` lies outside the issuing certificate's time, or before the wanted beginning by
/// more than SV_ISSUE_AHEAD_MAX_S. [pki-4] [pki-12]
sv_err sv_issue_certify(const sv_issuer *issuer, const sv_issue *issue, int64_t now_us,
                        struct x509_st **out, sv_why *why);

#endif
