#include "own.h"
#include <crypto/identity.h>

/// The one spiffe URI among the subject alternative names: its domain, and "<role>/<id>".
static sv_err role_path(const GENERAL_NAMES *names, sv_text *domain, sv_text *out, sv_why *why) {
    size_t found = 0;
    sv_text path = { 0 };
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI) {
            continue;
        }
        const ASN1_STRING *uri = name->d.uniformResourceIdentifier;
        sv_text text = { .at = (const char *) ASN1_STRING_get0_data(uri),
                         .len = (size_t) ASN1_STRING_length(uri) };
        if (!sv_text_starts(text, SV_TEXT("spiffe://"))) {
            continue;
        }
        text.at += sizeof "spiffe://" - 1;
        text.len -= sizeof "spiffe://" - 1;
        *domain = sv_text_cut(&text, '/');
        if (domain->len == 0) {
            return sv_fail(why, SV_ERR_UNTRUSTED, "the role URI names no domain");
        }
        path = text;
        found++;
    }
    if (found != 1) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the certificate carries %zu role URIs (spiffe://<domain>/<role>/<id>); "
                       "one is needed",
                       found);
    }
    *out = path;
    return SV_OK;
}

static sv_err check_role(const X509 *certificate, const char *id, sv_role *out, sv_why *why) {
    SV_DEFER(sv_names_drop)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (names == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the certificate of '%s' names no role", id);
    }
    sv_text domain = { 0 };
    sv_text rest = { 0 };
    SV_TRY(role_path(names, &domain, &rest, why));
    sv_text role = sv_text_cut(&rest, '/');
    if (sv_role_parse(role, out, NULL) != SV_OK) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the role URI of '%s' names no role we know", id);
    }
    if (!sv_text_is(rest, id)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the role URI names another id than the CN '%s'", id);
    }
    return SV_OK;
}

sv_err sv_identity_domain(const X509 *certificate, char *out, size_t room, sv_why *why) {
    SV_DEFER(sv_names_drop)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    sv_text domain = { 0 };
    sv_text rest = { 0 };
    SV_TRY(role_path(names, &domain, &rest, why));
    return sv_text_copy(domain, out, room) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the role URI names a domain of %zu bytes",
                         domain.len);
}

static bool has_usage(const EXTENDED_KEY_USAGE *usages, int nid) {
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i)) == nid) {
            return true;
        }
    }
    return false;
}

static sv_err check_usage(const X509 *certificate, const char *id, sv_role role, sv_why *why) {
    SV_DEFER(sv_eku_drop)
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    if (sv_role_is_client(role) && !has_usage(usages, NID_client_auth)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the certificate of %s '%s' lacks clientAuth",
                       sv_role_name(role), id);
    }
    if (sv_role_is_server(role) && !has_usage(usages, NID_server_auth)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the certificate of %s '%s' lacks serverAuth",
                       sv_role_name(role), id);
    }
    return SV_OK;
}

static bool is_authority(const X509 *certificate) {
    SV_DEFER(sv_constraints_drop)
    BASIC_CONSTRAINTS *constraints =
        X509_get_ext_d2i(certificate, NID_basic_constraints, NULL, NULL);
    return constraints != NULL && constraints->ca != 0;
}

static sv_err check_leaf(const X509 *certificate, const char *id, sv_why *why) {
    if (is_authority(certificate)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is a CA; a CA speaks for nobody", id);
    }
    return SV_OK;
}

sv_err sv_identity_of(const X509 *certificate, bool allow_classic, sv_identity *out, sv_why *why) {
    sv_identity found = {
        .not_before_us = sv_asn1_time_us(X509_get0_notBefore(certificate)),
        .not_after_us = sv_asn1_time_us(X509_get0_notAfter(certificate)),
    };
    sv_err err = sv_name_id(X509_get_subject_name(certificate), found.id, why);
    if (err != SV_OK) {
        if (why != NULL) {
            why->code = SV_ERR_UNTRUSTED;
        }
        return SV_ERR_UNTRUSTED;
    }
    found.classic = X509_get_ext_count(certificate) == 0;
    if (found.classic && !allow_classic) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the certificate of '%s' has no role (plain X.509 v1); set "
                       "classic_certificates: allow to take it as a device",
                       found.id);
    }
    if (!found.classic) {
        SV_TRY(check_leaf(certificate, found.id, why));
        SV_TRY(check_role(certificate, found.id, &found.role, why));
        SV_TRY(check_usage(certificate, found.id, found.role, why));
    }
    *out = found;
    return SV_OK;
}

sv_err sv_identity_cn_of_file(const char *path, char out[SV_ID_ROOM], sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_cert_of_file(path, &certificate, why));
    return sv_name_id(X509_get_subject_name(certificate), out, why);
}

sv_err sv_identity_is_authority(const char *path, bool *out, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_cert_of_file(path, &certificate, why));
    *out = is_authority(certificate);
    return SV_OK;
}

sv_err sv_validity_of_file(const char *path, sv_validity *out, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_cert_of_file(path, &certificate, why));
    *out = (sv_validity){
        .begin_us = sv_asn1_time_us(X509_get0_notBefore(certificate)),
        .end_us = sv_asn1_time_us(X509_get0_notAfter(certificate)),
    };
    return SV_OK;
}
