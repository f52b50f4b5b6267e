#include "own.h"

#include <crypto/profile.h>
#include <crypto/shown.h>
#include <openssl/err.h>

enum { SERIAL_OCTETS_MAX = 20 };

/// Where a certificate stands in its chain.
enum { LEAF = 1, CLASSIC = 2, BETWEEN = 4, ANCHOR = 8, ISSUERS = BETWEEN | ANCHOR };

/// One certificate and what its rules look at.
typedef struct place {
    X509 *certificate;
    X509 *issuer; ///< NULL for the last
    unsigned where;
    sv_profile_use use;
    char shown[SV_SHOWN_ROOM];
} place;

#define REFUSE(p, why, fmt, ...)                                                                   \
    sv_fail((why), SV_ERR_UNTRUSTED, "certificate '%s' " fmt, (p)->shown, __VA_ARGS__)

static sv_err check_version(const place *p, sv_why *why) {
    long version = X509_get_version(p->certificate);
    return version == X509_VERSION_3
               ? SV_OK
               : REFUSE(p, why, "is X.509 v%ld%s; v3 is wanted", version + 1,
                        (p->where & LEAF) != 0 && X509_get_ext_count(p->certificate) == 0
                            ? " (classic_certificates: allow takes a device's)"
                            : "");
}

static sv_err check_serial(const place *p, sv_why *why) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(p->certificate);
    SV_DEFER(sv_bn_drop) BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    if (number == NULL || BN_is_zero(number) || BN_is_negative(number)) {
        return REFUSE(p, why, "has a serial number that is %s; a positive one is wanted",
                      number != NULL && BN_is_zero(number) ? "0" : "negative");
    }
    // The sign takes a bit: 2^159 needs 21 octets.
    int octets = BN_num_bits(number) / 8 + 1;
    if (octets > SERIAL_OCTETS_MAX) {
        return REFUSE(p, why, "has a serial number of %d octets; at most %d are wanted", octets,
                      SERIAL_OCTETS_MAX);
    }
    return SV_OK;
}

/// Whose own signature an anchor bears says nothing; all others'.
static sv_err check_signature(const place *p, sv_why *why) {
    int digest = NID_undef;
    int kind = NID_undef;
    if (X509_get_signature_info(p->certificate, &digest, &kind, NULL, NULL) == 1) {
        bool good_digest = digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
        bool good_kind =
            kind == NID_rsaEncryption || kind == NID_rsassaPss || kind == NID_X9_62_id_ecPublicKey;
        if (kind == NID_ED25519 || (good_digest && good_kind)) {
            return SV_OK;
        }
    }
    return REFUSE(p, why,
                  "is signed with %s; SHA-256, SHA-384 or SHA-512 with ECDSA or RSA, or Ed25519, "
                  "is wanted",
                  OBJ_nid2ln(X509_get_signature_nid(p->certificate)));
}

static sv_err check_key(const place *p, sv_why *why) {
    const EVP_PKEY *key = X509_get0_pubkey(p->certificate);
    sv_why fault;
    if (key == NULL) {
        return REFUSE(p, why, "has %s; P-256, P-384, RSA 2048-4096 or Ed25519 is wanted",
                      "a key that cannot be read");
    }
    return sv_pkey_check(key, &fault) == SV_OK ? SV_OK
                                               : REFUSE(p, why, "is refused: %s", fault.text);
}

/// What is critical and not judged, here or by OpenSSL, is not passed over: policies among them.
static bool is_judged(int nid) {
    return nid == NID_basic_constraints || nid == NID_key_usage || nid == NID_ext_key_usage
           || nid == NID_subject_alt_name || nid == NID_name_constraints;
}

static sv_err check_extension(const place *p, int at, sv_why *why) {
    X509_EXTENSION *extension = X509_get_ext(p->certificate, at);
    const ASN1_OBJECT *kind = X509_EXTENSION_get_object(extension);
    char name[64];
    (void) OBJ_obj2txt(name, sizeof name, kind, 0);
    if (X509_get_ext_by_OBJ(p->certificate, kind, at) >= 0) {
        return REFUSE(p, why, "has the extension '%s' twice; once is wanted", name);
    }
    if (X509_EXTENSION_get_critical(extension) != 0 && !is_judged(OBJ_obj2nid(kind))) {
        return REFUSE(p, why,
                      "has the critical extension '%s', which is not judged here; it is "
                      "wanted without",
                      name);
    }
    return SV_OK;
}

static sv_err check_extensions(const place *p, sv_why *why) {
    int count = X509_get_ext_count(p->certificate);
    if (count > SV_PROFILE_EXTENSIONS_MAX) {
        return REFUSE(p, why, "has %d extensions; at most %d are wanted", count,
                      SV_PROFILE_EXTENSIONS_MAX);
    }
    for (int i = 0; i < count; i++) {
        SV_TRY(check_extension(p, i, why));
    }
    if ((X509_get_extension_flags(p->certificate) & EXFLAG_INVALID) != 0) {
        return REFUSE(p, why, "has an extension that %s", "cannot be read");
    }
    return SV_OK;
}

static sv_err check_issuer_kind(const place *p, sv_why *why) {
    uint32_t flags = X509_get_extension_flags(p->certificate);
    if ((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) == 0) {
        return REFUSE(p, why, "signs others and is no CA; %s is wanted", "CA:TRUE");
    }
    uint32_t usage = X509_get_key_usage(p->certificate);
    if ((flags & EXFLAG_KUSAGE) == 0 || (usage & KU_KEY_CERT_SIGN) == 0) {
        return REFUSE(p, why, "is a CA whose key usage %s; keyCertSign is wanted",
                      (flags & EXFLAG_KUSAGE) == 0 ? "is not stated" : "lacks keyCertSign");
    }
    return X509_get0_subject_key_id(p->certificate) != NULL
               ? SV_OK
               : REFUSE(p, why, "is a CA without a %s; one is wanted", "subject key identifier");
}

static sv_err check_leaf_kind(const place *p, sv_why *why) {
    uint32_t flags = X509_get_extension_flags(p->certificate);
    if ((flags & EXFLAG_CA) != 0 || X509_get_pathlen(p->certificate) >= 0) {
        return REFUSE(p, why, "is a CA%s; an end entity (CA:FALSE) is wanted",
                      (flags & EXFLAG_CA) != 0 ? " (CA:TRUE)" : "'s by its path length");
    }
    if (X509_get_ext_by_NID(p->certificate, NID_name_constraints, -1) >= 0) {
        return REFUSE(p, why, "has %s, which are for CAs; none are wanted", "name constraints");
    }
    uint32_t usage = X509_get_key_usage(p->certificate);
    if ((flags & EXFLAG_KUSAGE) == 0) {
        return SV_OK;
    }
    if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0) {
        return REFUSE(p, why, "has the key usage of a CA (%s); digitalSignature is wanted",
                      (usage & KU_KEY_CERT_SIGN) != 0 ? "keyCertSign" : "cRLSign");
    }
    return (usage & KU_DIGITAL_SIGNATURE) != 0
               ? SV_OK
               : REFUSE(p, why, "lacks the key usage %s, which is wanted", "digitalSignature");
}

static sv_err check_extended_usage(const place *p, sv_why *why) {
    static const struct {
        uint32_t any_of;
        const char *name;
    } WANTED[] = {
        [SV_PROFILE_CLIENT] = { XKU_SSL_CLIENT, "clientAuth" },
        [SV_PROFILE_SERVER] = { XKU_SSL_SERVER, "serverAuth" },
        [SV_PROFILE_ROLE] = { XKU_SSL_CLIENT | XKU_SSL_SERVER, "clientAuth or serverAuth" },
        [SV_PROFILE_PATH] = { 0, "" },
    };
    if (WANTED[p->use].any_of == 0) {
        return SV_OK;
    }
    const char *wanted = WANTED[p->use].name;
    if ((X509_get_extension_flags(p->certificate) & EXFLAG_XKUSAGE) == 0) {
        return REFUSE(p, why, "has no extended key usage; %s is wanted", wanted);
    }
    uint32_t usage = X509_get_extended_key_usage(p->certificate);
    if ((usage & XKU_ANYEKU) != 0) {
        return REFUSE(p, why, "is for any extended key usage; %s by name is wanted", wanted);
    }
    return (usage & WANTED[p->use].any_of) != 0
               ? SV_OK
               : REFUSE(p, why, "has an extended key usage without %s, which is wanted", wanted);
}

/// OpenSSL holds the two against each other where both are there.
static sv_err check_authority(const place *p, sv_why *why) {
    const ASN1_OCTET_STRING *named = X509_get0_authority_key_id(p->certificate);
    if (p->issuer == NULL) {
        return REFUSE(p, why, "is its own issuer; one that a CA has signed is %s", "wanted");
    }
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(p->issuer);
    if (named == NULL) {
        return REFUSE(p, why, "has no %s; its issuer's subject key identifier is wanted",
                      "authority key identifier");
    }
    return own != NULL && ASN1_OCTET_STRING_cmp(named, own) == 0
               ? SV_OK
               : REFUSE(p, why, "has an authority key identifier that is not %s; that is wanted",
                        "its issuer's subject key identifier");
}

static const struct {
    unsigned where;
    sv_err (*check)(const place *p, sv_why *why);
} RULES[] = {
    { LEAF | ISSUERS, check_version },
    { LEAF | CLASSIC | BETWEEN, check_serial },
    { LEAF | CLASSIC | BETWEEN, check_signature },
    { LEAF | CLASSIC | ISSUERS, check_key },
    { LEAF | ISSUERS, check_extensions },
    { ISSUERS, check_issuer_kind },
    { LEAF, check_leaf_kind },
    { LEAF, check_extended_usage },
    { LEAF | BETWEEN, check_authority },
};

static bool is_classic(const X509 *leaf, const sv_profile *profile) {
    return profile->allow_classic && X509_get_version(leaf) == X509_VERSION_1
           && X509_get_ext_count(leaf) == 0
           && (profile->use == SV_PROFILE_CLIENT || profile->use == SV_PROFILE_ROLE);
}

sv_err sv_profile_check(const STACK_OF(X509) * chain, const sv_profile *profile, sv_why *why) {
    int count = sk_X509_num(chain);
    for (int i = 0; i < count; i++) {
        place p = { .certificate = sk_X509_value(chain, i),
                    .issuer = i + 1 < count ? sk_X509_value(chain, i + 1) : NULL,
                    .use = profile->use };
        unsigned other = p.issuer != NULL ? BETWEEN : ANCHOR;
        unsigned leaf = is_classic(p.certificate, profile) ? CLASSIC : LEAF;
        p.where = i == 0 ? leaf : other;
        sv_certificate_shown(p.certificate, p.shown, sizeof p.shown);
        for (size_t k = 0; k < SV_COUNT(RULES); k++) {
            if ((RULES[k].where & p.where) != 0) {
                SV_TRY(RULES[k].check(&p, why));
            }
        }
    }
    return SV_OK;
}

bool sv_profile_list_is_whole(const X509_CRL *list) {
    return X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) < 0;
}

sv_err sv_profile_verify(X509_STORE_CTX *context, const sv_profile *profile, sv_why *why) {
    if (X509_verify_cert(context) != 1) {
        int fault = X509_STORE_CTX_get_error(context);
        ERR_clear_error();
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s", X509_verify_cert_error_string(fault));
    }
    sv_err err = profile != NULL
                     ? sv_profile_check(X509_STORE_CTX_get0_chain(context), profile, why)
                     : SV_OK;
    if (err != SV_OK) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
    }
    return err;
}
