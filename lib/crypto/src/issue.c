#include "issue_internal.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

_Static_assert(sizeof(sv_issue) == 7096, "it crosses process borders: no holes");

static const struct {
    int nid;
    const char *name;
} parts[SV_SUBJECT__COUNT] = {
    [SV_SUBJECT_C] = { NID_countryName, "C" },
    [SV_SUBJECT_ST] = { NID_stateOrProvinceName, "ST" },
    [SV_SUBJECT_L] = { NID_localityName, "L" },
    [SV_SUBJECT_O] = { NID_organizationName, "O" },
    [SV_SUBJECT_OU] = { NID_organizationalUnitName, "OU" },
};

int sv_subject_nid(sv_subject_part part) {
    return parts[part].nid;
}

sv_err sv_issue_check_id(sv_text id, sv_why *why) {
    SV_TRY(sv_id_check("id", id, why));
    if (id.len == 2 && strncasecmp(id.at, "ca", 2) == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the id '" SV_TEXT_FMT
                       "' would overwrite the CA's own files; choose another",
                       SV_TEXT_ARG(id));
    }
    return SV_OK;
}

sv_err sv_issue_check_text(const char *what, sv_text text, sv_why *why) {
    if (text.len == 0 || text.len > SV_ISSUE_TEXT_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%s in the subject has %zu bytes; 1 to %d are accepted",
                       what, text.len, SV_ISSUE_TEXT_MAX);
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char) text.at[i];
        unsigned char next = i + 1 < text.len ? (unsigned char) text.at[i + 1] : 0;
        bool is_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
        if (byte < 0x20 || byte == 0x7F || is_c1) {
            return sv_fail(why, SV_ERR_INVALID, "%s in the subject holds control characters", what);
        }
    }
    return SV_OK;
}

sv_err sv_issue_add_text(sv_issue *issue, sv_subject_part part, sv_text text, sv_why *why) {
    SV_TRY(sv_issue_check_text(parts[part].name, text, why));
    if (issue->texts >= SV_ISSUE_TEXTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the subject has more than %d parts beside its CN",
                       SV_ISSUE_TEXTS_MAX);
    }
    sv_issue_text *slot = &issue->subject[issue->texts];
    SV_TRY(sv_text_copy(text, slot->text, sizeof slot->text));
    slot->part = part;
    issue->texts++;
    return SV_OK;
}

bool sv_issue_is_dns_name(sv_text name) {
    if (name.len == 0 || name.len > SV_ISSUE_DNS_MAX || name.at[0] == '.' || name.at[0] == '-') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '-' && c != '.' && c != '_' && c != '*') {
            return false;
        }
    }
    return true;
}

sv_err sv_issue_add_dns(sv_issue *issue, sv_text name, sv_why *why) {
    if (!sv_issue_is_dns_name(name)) {
        return sv_fail(why, SV_ERR_INVALID, "'%.*s' is not a DNS name",
                       (int) (name.len < 64 ? name.len : 64), name.at);
    }
    if (issue->dns_names >= SV_PKI_DNS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "there are more than %d DNS names", SV_PKI_DNS_MAX);
    }
    SV_TRY(sv_text_copy(name, issue->dns[issue->dns_names], sizeof issue->dns[0]));
    issue->dns_names++;
    return SV_OK;
}

static sv_err add_address(sv_issue *issue, const uint8_t *raw, uint32_t bytes, sv_why *why) {
    if (issue->ips >= SV_PKI_DNS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "there are more than %d IP addresses", SV_PKI_DNS_MAX);
    }
    sv_issue_ip *slot = &issue->ip[issue->ips];
    *slot = (sv_issue_ip){ .bytes = bytes };
    memcpy(slot->raw, raw, bytes);
    issue->ips++;
    return SV_OK;
}

sv_err sv_issue_add_ip(sv_issue *issue, sv_text address, sv_why *why) {
    char text[INET6_ADDRSTRLEN];
    uint8_t raw[16];
    if (sv_text_copy(address, text, sizeof text) == SV_OK) {
        if (inet_pton(AF_INET, text, raw) == 1) {
            return add_address(issue, raw, 4, why);
        }
        if (inet_pton(AF_INET6, text, raw) == 1) {
            return add_address(issue, raw, 16, why);
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "'%.*s' is not an IP address",
                   (int) (address.len < 64 ? address.len : 64), address.at);
}

sv_err sv_issue_add_names_of(sv_issue *issue, const X509 *certificate, sv_why *why) {
    SV_DEFER(sv_names_drop)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        int type = 0;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
        size_t len = type == GEN_DNS || type == GEN_IPADD ? (size_t) ASN1_STRING_length(value) : 0;
        const unsigned char *at = len > 0 ? ASN1_STRING_get0_data(value) : NULL;
        if (type == GEN_DNS) {
            SV_TRY(sv_issue_add_dns(issue, (sv_text){ .at = (const char *) at, .len = len }, why));
        } else if (type == GEN_IPADD && (len == 4 || len == 16)) {
            SV_TRY(add_address(issue, at, (uint32_t) len, why));
        }
    }
    return SV_OK;
}

/// A text of fixed room that may have come from anywhere; one without an end is as long as its
/// room.
static sv_text field(const char *at, size_t room) {
    return (sv_text){ .at = at, .len = strnlen(at, room) };
}

static sv_err check_texts(const sv_issue *issue, sv_why *why) {
    if (issue->texts > SV_ISSUE_TEXTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the subject has %u parts; at most %d are accepted",
                       issue->texts, SV_ISSUE_TEXTS_MAX);
    }
    for (size_t i = 0; i < issue->texts; i++) {
        const sv_issue_text *text = &issue->subject[i];
        if (text->part >= SV_SUBJECT__COUNT) {
            return sv_fail(why, SV_ERR_INVALID, "%u is no part of a subject", text->part);
        }
        SV_TRY(
            sv_issue_check_text(parts[text->part].name, field(text->text, sizeof text->text), why));
    }
    return SV_OK;
}

static sv_err check_names(const sv_issue *issue, sv_why *why) {
    bool server = issue->role == SV_ROLE_SERVER || issue->role == SV_ROLE_GATEWAY;
    if ((issue->dns_names > 0 || issue->ips > 0) && !server) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a %s has no DNS names or addresses; they are for servers and gateways",
                       sv_role_name((sv_role) issue->role));
    }
    if (issue->dns_names > SV_PKI_DNS_MAX || issue->ips > SV_PKI_DNS_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%u DNS names and %u addresses; at most %d of each are accepted",
                       issue->dns_names, issue->ips, SV_PKI_DNS_MAX);
    }
    for (size_t i = 0; i < issue->dns_names; i++) {
        sv_text name = field(issue->dns[i], sizeof issue->dns[i]);
        if (!sv_issue_is_dns_name(name)) {
            return sv_fail(why, SV_ERR_INVALID, "DNS name %zu is not a DNS name", i + 1);
        }
    }
    for (size_t i = 0; i < issue->ips; i++) {
        if (issue->ip[i].bytes != 4 && issue->ip[i].bytes != 16) {
            return sv_fail(why, SV_ERR_INVALID, "address %zu has %u bytes", i + 1,
                           issue->ip[i].bytes);
        }
    }
    return SV_OK;
}

sv_err sv_issue_check(const sv_issue *issue, sv_why *why) {
    SV_TRY(sv_issue_check_id(field(issue->id, sizeof issue->id), why));
    if (issue->role >= SV_ROLE__COUNT) {
        return sv_fail(why, SV_ERR_INVALID, "%u is no role", issue->role);
    }
    if (issue->lifetime_s < 1 || issue->lifetime_s > SV_ISSUE_LIFETIME_MAX_S) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a lifetime of %lld seconds is not between 1 second and %d days",
                       (long long) issue->lifetime_s, SV_PKI_DAYS_MAX);
    }
    if (issue->not_before_us < 0) {
        return sv_fail(why, SV_ERR_INVALID, "a certificate cannot begin before 1970");
    }
    SV_TRY(check_texts(issue, why));
    return check_names(issue, why);
}
