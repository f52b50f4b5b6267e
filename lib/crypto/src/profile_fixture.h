// Chains forged from a root and an issuing certificate, and what the profile says of them.
#ifndef SV_PROFILE_FIXTURE_H
#define SV_PROFILE_FIXTURE_H

#include "own.h"

#include <base/mem.h>
#include <crypto/profile.h>
#include <crypto/test.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>

typedef STACK_OF(X509) stack;

static inline void stack_drop(stack **owned) {
    sk_X509_pop_free(*owned, X509_free);
}

static sv_forged root, issuing;

static const sv_forgery ROOT = { .cn = "root",
                                 .extensions = { { NID_basic_constraints, "critical,CA:TRUE" },
                                                 { NID_key_usage, "critical,keyCertSign" } } };

#define LEAF_EXTENSIONS                                                                            \
    { NID_basic_constraints, "critical,CA:FALSE" },                                                \
        { NID_key_usage, "critical,digitalSignature" }, {                                          \
        NID_ext_key_usage, "clientAuth"                                                            \
    }

static const sv_forgery LEAF = { .cn = "press-1", .extensions = { LEAF_EXTENSIONS } };

static inline sv_forgery issuing_forgery(void) {
    sv_forgery forgery = ROOT;
    forgery.cn = "issuing";
    forgery.extensions[0].value = "critical,CA:TRUE,pathlen:0";
    return forgery;
}

static inline int make_chain(void **state) {
    (void) state;
    root = sv_forge(&ROOT, NULL);
    const sv_forgery forgery = issuing_forgery();
    issuing = sv_forge(&forgery, &root);
    return 0;
}

static inline int drop_chain(void **state) {
    (void) state;
    sv_forged_drop(&root);
    sv_forged_drop(&issuing);
    return 0;
}

/// OpenSSL alone, and with the profile, about leaf, between and anchor.
static inline sv_err judge(X509 *leaf, X509 *between, X509 *anchor, const sv_profile *profile,
                           sv_why *why) {
    SV_DEFER(sv_trust_drop) X509_STORE *store = X509_STORE_new();
    SV_DEFER(sv_trust_ctx_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    SV_DEFER(stack_drop) stack *sent = sk_X509_new_null();
    if (between != NULL) {
        assert_true(X509_up_ref(between) == 1 && sk_X509_push(sent, between) > 0);
    }
    assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, leaf, sent), 1);
    return sv_profile_verify(context, profile, why);
}

static const sv_profile CLIENT = { .use = SV_PROFILE_CLIENT };

typedef struct odd {
    const char *what;
    sv_forgery forgery;
    const char *said;
    sv_profile profile;
} odd;

static inline void must_refuse(const odd *o, X509 *leaf, X509 *between, X509 *anchor) {
    sv_why why = { 0 };
    if (judge(leaf, between, anchor, NULL, &why) != SV_OK) {
        fail_msg("%s: OpenSSL refuses it by itself: %s", o->what, why.text);
    }
    if (judge(leaf, between, anchor, &o->profile, &why) != SV_ERR_UNTRUSTED) {
        fail_msg("%s is taken", o->what);
    }
    if (strstr(why.text, o->said) == NULL
        || (strstr(why.text, "wanted") == NULL && strstr(why.text, "accepted") == NULL)) {
        fail_msg("%s: %s", o->what, why.text);
    }
}

static inline EVP_PKEY *key_of(const char *kind) {
    EVP_PKEY *key = NULL;
    if (strcmp(kind, "rsa") == 0) {
        key = EVP_RSA_gen(1024);
    } else {
        key = EVP_EC_gen(kind);
    }
    assert_non_null(key);
    return key;
}

#endif
