#include "pki_internal.h"
#include <crypto/key_store.h>
#include <crypto/random.h>
#include <string.h>
#include <sys/disk.h>

sv_err sv_key_kind_parse(sv_text text, sv_key_kind *out, sv_why *why) {
    static const char *const names[] = { "ec", "rsa", "ed25519" };
    for (size_t i = 0; i < SV_COUNT(names); i++) {
        if (sv_text_is(text, names[i])) {
            *out = (sv_key_kind) i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "'" SV_TEXT_FMT "' is no key type; use ec, rsa or ed25519",
                   SV_TEXT_ARG(text));
}

static sv_err check_domain(const char *domain, sv_why *why) {
    size_t len = strlen(domain);
    if (len == 0 || len >= SV_PKI_DOMAIN_ROOM
        || strspn(domain, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.64s' is no domain; use lower-case letters, digits, '.' and '-'", domain);
    }
    return SV_OK;
}

sv_err sv_ca_make(const sv_ca *ca, const sv_issuer *by, X509 **out, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_cert_begin(ca->key, ca->days, &certificate, why));
    X509_NAME *name = X509_get_subject_name(certificate);
    SV_TRY(sv_name_put(name, NID_organizationName, sv_text_of(ca->org), why));
    SV_TRY(sv_name_put(name, NID_commonName, sv_text_of(ca->name), why));
    X509 *signer = by != NULL ? by->certificate : certificate;
    if (X509_set_issuer_name(certificate, X509_get_subject_name(signer)) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot name a certificate");
    }
    SV_TRY(sv_cert_extend(certificate, signer, NID_basic_constraints,
                          by != NULL ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE", why));
    SV_TRY(sv_cert_extend(certificate, signer, NID_key_usage, "critical,keyCertSign,cRLSign", why));
    SV_TRY(sv_cert_extend(certificate, signer, NID_subject_key_identifier, "hash", why));
    SV_TRY(sv_cert_extend(certificate, signer, NID_authority_key_identifier, "keyid:always", why));
    SV_TRY(sv_cert_sign(certificate, by != NULL ? by->key : ca->key, why));
    *out = certificate;
    certificate = NULL;
    return SV_OK;
}

static sv_err write_new(const char *dir, const char *name, sv_text content, unsigned mode,
                        sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, name, why));
    return sv_new_file(path, content, mode, why);
}

static sv_err write_key(const char *dir, const char *name, const EVP_PKEY *key,
                        const char *passphrase, sv_why *why) {
    SV_DEFER(sv_secret_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pem_key_add(&pem, key, passphrase, why));
    return write_new(dir, name, sv_textbuf_text(&pem), 0600, why);
}

static sv_err write_root(const sv_pki_setup *setup, const X509 *root, const EVP_PKEY *key,
                         sv_why *why) {
    char random[44];
    const char *passphrase = setup->root_passphrase;
    if (passphrase == NULL) {
        sv_random_token(random);
        passphrase = random;
        SV_TRY(write_new(setup->dir, "root/passphrase", sv_text_of(random), 0600, why));
    }
    sv_err err = write_key(setup->dir, "root/root.key", key, passphrase, why);
    OPENSSL_cleanse(random, sizeof random);
    SV_TRY(err);
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pem_cert_add(&pem, root, why));
    return write_new(setup->dir, "root/root.crt", sv_textbuf_text(&pem), 0644, why);
}

static sv_err make_folders(const char *dir, sv_why *why) {
    SV_TRY(sv_disk_make_folder(dir, 0755, why));
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, "ca.crt", why));
    if (sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_STATE, "'%s' holds a PKI already", dir);
    }
    SV_TRY(sv_pki_path(path, dir, "root", why));
    SV_TRY(sv_disk_make_folder(path, 0700, why));
    SV_TRY(sv_pki_path(path, dir, "issued", why));
    return sv_disk_make_folder(path, 0755, why);
}

/// The issuing key, on disk in ca.key, or where ca.key says that it is. [keys-9]
static sv_err make_issuing_key(const sv_pki_setup *setup, EVP_PKEY **out, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, setup->dir, "ca.key", why));
    if (setup->ca_key == NULL) {
        return sv_key_make(path, setup->key, out, why);
    }
    sv_text place = sv_text_of(setup->ca_key);
    if (!sv_key_is_hard(place) || place.len >= SV_KEY_PLACE_ROOM) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' is no place in a TPM or a token; write tpm2:PATH, tpm2:handle=… or "
                       "pkcs11:…, or leave it out: then the key is in ca.key",
                       setup->ca_key);
    }
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_TRY(sv_key_make(setup->ca_key, setup->key, &key, why));
    SV_TRY(sv_new_file(path, place, 0600, why));
    *out = key;
    key = NULL;
    return SV_OK;
}

static sv_err write_folder(const sv_pki_setup *setup, const char *domain, const sv_pki *pki,
                           const EVP_PKEY *root_key, sv_why *why) {
    SV_TRY(write_root(setup, pki->root, root_key, why));
    SV_TRY(write_new(setup->dir, "domain", sv_text_of(domain), 0644, why));
    // ca.crt comes last: a folder with it is whole.
    SV_DEFER(sv_textbuf_drop) sv_textbuf chain = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pki_chain_add(&chain, &(sv_pki){ .issuing = pki->root }, pki->issuing, why));
    return write_new(setup->dir, "ca.crt", sv_textbuf_text(&chain), 0644, why);
}

sv_err sv_pki_init(const sv_pki_setup *setup, sv_why *why) {
    const char *org = setup->org != NULL ? setup->org : "Selvedge";
    const char *domain = setup->domain != NULL ? setup->domain : "selvedge.local";
    SV_TRY(check_domain(domain, why));
    if (setup->root_passphrase != NULL && strlen(setup->root_passphrase) < 8) {
        return sv_fail(why, SV_ERR_INVALID, "the root passphrase has fewer than 8 characters");
    }
    SV_DEFER(sv_pkey_drop) EVP_PKEY *root_key = NULL;
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(make_folders(setup->dir, why));
    SV_TRY(sv_pkey_make(setup->key, &root_key, why));
    SV_TRY(make_issuing_key(setup, &pki.key, why));
    const sv_ca root = { org, "Selvedge root CA", SV_PKI_ROOT_DAYS, root_key };
    SV_TRY(sv_ca_make(&root, NULL, &pki.root, why));
    const sv_ca issuing = { org, "Selvedge issuing CA", SV_PKI_ISSUING_DAYS, pki.key };
    const sv_issuer by_root = { .certificate = pki.root, .key = root_key };
    SV_TRY(sv_ca_make(&issuing, &by_root, &pki.issuing, why));
    return write_folder(setup, domain, &pki, root_key, why);
}
