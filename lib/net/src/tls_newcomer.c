#include "tls_newcomer.h"

#include "tls_refusal.h"
#include "tls_verify.h"

#include <crypto/identity.h>
#include <crypto/shown.h>
#include <stdio.h>
#include <string.h>

sv_err sv_newcomer_expired(const X509 *leaf, bool allow_classic, sv_newcomer *out, sv_why *why) {
    sv_newcomer found = { .kind = SV_NEWCOMER_EXPIRED };
    SV_TRY(sv_identity_of(leaf, allow_classic, &found.identity, why));
    if (!sv_tls_has_ended(leaf)) {
        return sv_fail(why, SV_ERR_STATE, "the certificate of '%s' has not expired",
                       found.identity.id);
    }
    (void) snprintf(found.name, sizeof found.name, "%s", found.identity.id);
    *out = found;
    return SV_OK;
}

/// The one entry of the subject that is `nid`; "" when there is none.
static sv_err one_entry(const X509_NAME *subject, int nid, char *room, sv_why *why) {
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    room[0] = '\0';
    if (at < 0) {
        return SV_OK;
    }
    if (X509_NAME_get_index_by_NID(subject, nid, at) >= 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the manufacturer's certificate has more than one %s",
                       OBJ_nid2ln(nid));
    }
    if (!sv_asn1_escape(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), room,
                        SV_NEWCOMER_NAME_ROOM)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the manufacturer's certificate has a %s that is no text or longer than %d "
                       "characters: %s",
                       OBJ_nid2ln(nid), SV_NEWCOMER_NAME_ROOM - 1, room);
    }
    return SV_OK;
}

sv_err sv_newcomer_manufactured(const X509 *leaf, sv_newcomer *out, sv_why *why) {
    const X509_NAME *subject = X509_get_subject_name(leaf);
    sv_newcomer found = { .kind = SV_NEWCOMER_MANUFACTURER };
    SV_TRY(one_entry(subject, NID_commonName, found.name, why));
    SV_TRY(one_entry(subject, NID_serialNumber, found.serial, why));
    if (found.name[0] == '\0' && found.serial[0] == '\0') {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the manufacturer's certificate has neither a CN nor a serialNumber");
    }
    *out = found;
    return SV_OK;
}

static sv_err meet_newcomer(const X509 *leaf, sv_tls_standing standing, const sv_tls_rules *rules,
                            sv_tls_guest *out, sv_why *why) {
    sv_tls_guest guest = { .kind = SV_TLS_NEWCOMER };
    if (standing == SV_TLS_EXPIRED) {
        SV_TRY(sv_newcomer_expired(leaf, rules->allow_classic, &guest.newcomer, why));
    } else if (standing == SV_TLS_MANUFACTURED) {
        SV_TRY(sv_newcomer_manufactured(leaf, &guest.newcomer, why));
    }
    *out = guest;
    return SV_OK;
}

sv_err sv_tls_meet(const SSL *ssl, sv_tls_guest *out, sv_why *why) {
    const sv_tls_rules *rules = sv_tls_rules_of(SSL_get_SSL_CTX(ssl));
    const X509 *leaf = SSL_get0_peer_certificate(ssl);
    sv_tls_standing standing = sv_tls_standing_of(ssl);
    if (rules->clients == SV_TLS_CLIENTS_NONE) {
        *out = (sv_tls_guest){ .kind = SV_TLS_NOBODY };
        return SV_OK;
    }
    bool newcomer = leaf == NULL || standing == SV_TLS_EXPIRED || standing == SV_TLS_MANUFACTURED;
    if (newcomer && rules->clients == SV_TLS_CLIENTS_NEWCOMERS) {
        return meet_newcomer(leaf, standing, rules, out, why);
    }
    sv_tls_guest guest = { .kind = SV_TLS_KNOWN };
    SV_TRY(sv_tls_peer_identity(ssl, &guest.identity, why));
    *out = guest;
    return SV_OK;
}
