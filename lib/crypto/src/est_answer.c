#include "pki_internal.h"
#include <codec/encode.h>
#include <crypto/est_answer.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

typedef STACK_OF(X509) x509_stack;

static void stack_drop(x509_stack **stack) {
    sk_X509_free(*stack); // of borrowed ones
}

sv_err sv_pin_parse(sv_text text, sv_pin *out, sv_why *why) {
    char digits[2 * sizeof out->sha256 + 1];
    sv_textbuf buf = SV_TEXTBUF(digits);
    sv_text rest = text;
    bool named = sv_text_is(sv_text_cut(&rest, ':'), "sha256");
    while (rest.len > 0) {
        sv_textbuf_add(&buf, sv_text_cut(&rest, ':'));
    }
    if (!named || sv_textbuf_end(&buf) != SV_OK
        || sv_hex_parse(sv_textbuf_text(&buf), out->sha256, sizeof out->sha256) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the pin \"%.*s\" is not sha256: and 64 hexadecimal digits",
                       text.len > 80 ? 80 : SV_TEXT_ARG(text));
    }
    return SV_OK;
}

void sv_pin_add(sv_textbuf *out, const sv_pin *pin) {
    sv_textbuf_add_str(out, "sha256:");
    sv_hex_add(out, pin->sha256, sizeof pin->sha256);
}

static bool pin_of(const X509 *certificate, sv_pin *out) {
    unsigned int len = sizeof out->sha256;
    return X509_digest(certificate, EVP_sha256(), out->sha256, &len) == 1;
}

static x509_stack *stack_of(const sv_certs *certs) {
    x509_stack *stack = sk_X509_new_null();
    for (size_t i = 0; stack != NULL && i < certs->count; i++) {
        if (sk_X509_push(stack, certs->at[i]) == 0) {
            sk_X509_free(stack);
            return NULL;
        }
    }
    return stack;
}

/// Whether `store` vouches for it, whatever the time is; its chain then is in `context`.
static bool vouched(X509_STORE_CTX *context, X509_STORE *store, X509 *leaf, x509_stack *others) {
    X509_STORE_CTX_cleanup(context);
    if (X509_STORE_CTX_init(context, store, leaf, others) != 1) {
        return false;
    }
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
    bool good = X509_verify_cert(context) == 1;
    ERR_clear_error();
    return good;
}

static sv_err find_pinned(const sv_certs *certs, const sv_pin *pin, X509 **out, sv_why *why) {
    char room[SV_WHY_MAX];
    sv_textbuf shown = SV_TEXTBUF(room);
    for (size_t i = 0; i < certs->count; i++) {
        sv_pin found;
        bool counts = pin_of(certs->at[i], &found);
        if (counts && memcmp(found.sha256, pin->sha256, sizeof pin->sha256) == 0) {
            *out = certs->at[i];
            return SV_OK;
        }
        // The root's is the one a person can compare.
        if (counts && X509_self_signed(certs->at[i], 0) == 1) {
            shown.len = 0;
            sv_pin_add(&shown, &found);
        }
    }
    sv_text authority = shown.len > 0 ? sv_textbuf_text(&shown) : SV_TEXT("none");
    return sv_fail(why, SV_ERR_UNTRUSTED,
                   "the server's root is " SV_TEXT_FMT ", not the pinned one",
                   SV_TEXT_ARG(authority));
}

sv_err sv_est_anchor(const sv_certs *certs, const sv_pin *pin, sv_textbuf *pem, sv_why *why) {
    X509 *root = NULL;
    SV_TRY(find_pinned(certs, pin, &root, why));
    if (X509_self_signed(root, 1) != 1 || X509_check_ca(root) != 1) {
        ERR_clear_error();
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the pinned certificate is not a root authority's; pin the root");
    }
    SV_DEFER(sv_trust_drop) X509_STORE *store = X509_STORE_new();
    SV_DEFER(sv_trust_ctx_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    SV_DEFER(stack_drop) x509_stack *others = stack_of(certs);
    if (store == NULL || context == NULL || others == NULL
        || X509_STORE_add_cert(store, root) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot judge the server's authorities");
    }
    for (size_t i = 0; i < certs->count; i++) {
        X509 *authority = certs->at[i];
        if (authority != root && X509_check_ca(authority) == 1
            && vouched(context, store, authority, others)) {
            SV_TRY(sv_pem_cert_add(pem, authority, why));
        }
    }
    return sv_pem_cert_add(pem, root, why);
}

static sv_err find_for_key(const sv_certs *certs, const EVP_PKEY *key, X509 **out, sv_why *why) {
    for (size_t i = 0; i < certs->count; i++) {
        if (EVP_PKEY_eq(X509_get0_pubkey(certs->at[i]), key) == 1) {
            *out = certs->at[i];
            return SV_OK;
        }
    }
    ERR_clear_error();
    return sv_fail(why, SV_ERR_UNTRUSTED,
                   "none of the %zu certificates in the answer is for this device's key",
                   certs->count);
}

/// Leaf and what follows, without the root: peers have that one.
static sv_err add_chain(const X509_STORE_CTX *context, sv_textbuf *pem, sv_why *why) {
    x509_stack *chain = X509_STORE_CTX_get0_chain(context);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *certificate = sk_X509_value(chain, i);
        if (i == 0 || X509_self_signed(certificate, 0) != 1) {
            SV_TRY(sv_pem_cert_add(pem, certificate, why));
        }
    }
    return SV_OK;
}

sv_err sv_est_leaf(const sv_certs *certs, EVP_PKEY *key, const char *id, const char *ca_path,
                   sv_textbuf *pem, sv_why *why) {
    X509 *leaf = NULL;
    char named[SV_ID_ROOM];
    SV_TRY(find_for_key(certs, key, &leaf, why));
    SV_TRY(sv_name_id(X509_get_subject_name(leaf), named, why));
    if (strcmp(named, id) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the certificate is for '%s', not '%s'", named, id);
    }
    SV_DEFER(sv_trust_drop) X509_STORE *store = X509_STORE_new();
    SV_DEFER(sv_trust_ctx_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    SV_DEFER(stack_drop) x509_stack *others = stack_of(certs);
    if (store == NULL || context == NULL || others == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot judge the certificate");
    }
    if (X509_STORE_load_file(store, ca_path) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot use '%s'", ca_path);
    }
    if (!vouched(context, store, leaf, others)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the certificate does not chain to '%s': %s", ca_path,
                       X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    }
    return add_chain(context, pem, why);
}
