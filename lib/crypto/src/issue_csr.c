#include "issue_internal.h"
#include "pki_internal.h"
#include <openssl/err.h>
#include <openssl/pem.h>

sv_err sv_request_parse(sv_text bytes, const char *path, X509_REQ **out, sv_why *why) {
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    if (sv_text_starts(bytes, SV_TEXT("-----BEGIN"))) {
        SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_mem_buf(bytes.at, (int) bytes.len);
        request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    } else {
        const unsigned char *at = (const unsigned char *) bytes.at;
        request = d2i_X509_REQ(NULL, &at, (long) bytes.len);
        if (request != NULL && (const char *) at != bytes.at + bytes.len) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' holds more than a request", path);
        }
    }
    if (request == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not a certificate request (PEM or DER)",
                           path);
    }
    *out = request;
    request = NULL;
    return SV_OK;
}

/// The proof is held against the key as it will be certified, built from its numbers.
static sv_err prove(X509_REQ *request, sv_public_key *out, sv_why *why) {
    EVP_PKEY *claimed = X509_REQ_get0_pubkey(request);
    if (claimed == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the request holds no key we can read");
    }
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_TRY(sv_public_key_of(claimed, out, why));
    SV_TRY(sv_public_key_build(out, &key, why));
    if (X509_REQ_verify(request, key) != 1) {
        return sv_fail_ssl(why, SV_ERR_UNTRUSTED,
                           "the request is not signed with its own key (proof of possession)");
    }
    return SV_OK;
}

static sv_err take_text(sv_issue *issue, sv_subject_part part, const ASN1_STRING *value,
                        sv_why *why) {
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    if (len < 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "%s in the subject is not text",
                           OBJ_nid2sn(sv_subject_nid(part)));
    }
    sv_text text = { .at = (const char *) utf8, .len = (size_t) len };
    sv_err err = sv_issue_add_text(issue, part, text, why);
    OPENSSL_free(utf8);
    return err;
}

static sv_err take_subject(const X509_NAME *name, sv_issue *issue, sv_why *why) {
    SV_TRY(sv_name_id(name, issue->id, why));
    SV_TRY(sv_issue_check_id(sv_text_of(issue->id), why));
    for (int part = 0; part < SV_SUBJECT__COUNT; part++) {
        int nid = sv_subject_nid((sv_subject_part) part);
        for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;) {
            const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, at);
            SV_TRY(take_text(issue, (sv_subject_part) part, X509_NAME_ENTRY_get_data(entry), why));
        }
    }
    return SV_OK;
}

sv_err sv_issue_from_request(X509_REQ *request, sv_issue *out, sv_why *why) {
    sv_issue issue = { .role = SV_ROLE_DEVICE, .lifetime_s = SV_ISSUE_LIFETIME_DEVICE_S };
    SV_TRY(take_subject(X509_REQ_get_subject_name(request), &issue, why));
    SV_TRY(prove(request, &issue.key, why));
    *out = issue;
    return SV_OK;
}

typedef STACK_OF(X509_EXTENSION) extension_stack;

static void extensions_drop(extension_stack **stack) {
    sk_X509_EXTENSION_pop_free(*stack, X509_EXTENSION_free);
}

SV_OWN(usage_drop, ASN1_BIT_STRING, ASN1_BIT_STRING_free)

/// Is it `spiffe://<domain>/<role>/<id>`?
static bool is_own_uri(const GENERAL_NAME *name, const char *id) {
    if (name->type != GEN_URI) {
        return false;
    }
    const ASN1_STRING *value = name->d.uniformResourceIdentifier;
    sv_text rest = { .at = (const char *) ASN1_STRING_get0_data(value),
                     .len = (size_t) ASN1_STRING_length(value) };
    const sv_text scheme = SV_TEXT("spiffe://");
    if (!sv_text_starts(rest, scheme)) {
        return false;
    }
    rest = (sv_text){ .at = rest.at + scheme.len, .len = rest.len - scheme.len };
    sv_text domain = sv_text_cut(&rest, '/');
    sv_role role = SV_ROLE_DEVICE;
    return domain.len > 0 && sv_role_parse(sv_text_cut(&rest, '/'), &role, NULL) == SV_OK
           && sv_text_is(rest, id);
}

static sv_err check_names(const extension_stack *asked, const char *id, sv_why *why) {
    int found = -1;
    SV_DEFER(sv_names_drop)
    GENERAL_NAMES *names = X509V3_get_d2i(asked, NID_subject_alt_name, &found, NULL);
    if (names == NULL && found != -1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the names the request asks for cannot be read");
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (!is_own_uri(sk_GENERAL_NAME_value(names, i), id)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "the request of '%s' asks for a name (subjectAltName) that is not its "
                           "own; leave it out",
                           id);
        }
    }
    return SV_OK;
}

static sv_err check_authority(const extension_stack *asked, const char *id, sv_why *why) {
    int found = -1;
    SV_DEFER(sv_constraints_drop)
    BASIC_CONSTRAINTS *basic = X509V3_get_d2i(asked, NID_basic_constraints, &found, NULL);
    bool ca = basic != NULL ? basic->ca != 0 : found != -1;
    SV_DEFER(usage_drop)
    ASN1_BIT_STRING *usage = X509V3_get_d2i(asked, NID_key_usage, &found, NULL);
    enum { KEY_CERT_SIGN_BIT = 5, CRL_SIGN_BIT = 6 };
    bool signs = usage != NULL ? ASN1_BIT_STRING_get_bit(usage, KEY_CERT_SIGN_BIT) != 0
                                     || ASN1_BIT_STRING_get_bit(usage, CRL_SIGN_BIT) != 0
                               : found != -1;
    ERR_clear_error();
    if (ca || signs) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the request of '%s' asks for a certificate authority (%s); leave it out",
                       id, ca ? "CA:TRUE" : "keyCertSign");
    }
    return SV_OK;
}

sv_err sv_request_check_asked(X509_REQ *request, const char *id, sv_why *why) {
    SV_DEFER(extensions_drop) extension_stack *asked = X509_REQ_get_extensions(request);
    if (asked == NULL && X509_REQ_get_attr_by_NID(request, NID_ext_req, -1) >= 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID,
                           "the extensions the request asks for cannot be read");
    }
    SV_TRY(check_authority(asked, id, why));
    return check_names(asked, id, why);
}

sv_err sv_issue_from_csr(sv_text der, sv_issue *out, sv_why *why) {
    if (der.len == 0 || der.len > SV_PKI_CSR_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a certificate request has %zu bytes; 1 to %d are accepted", der.len,
                       SV_PKI_CSR_MAX);
    }
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    SV_TRY(sv_request_parse(der, "the body", &request, why));
    sv_issue issue;
    SV_TRY(sv_issue_from_request(request, &issue, why));
    SV_TRY(sv_request_check_asked(request, issue.id, why));
    *out = issue;
    return SV_OK;
}
