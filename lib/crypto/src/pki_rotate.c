#include "pki_internal.h"
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/clock.h>
#include <sys/disk.h>

static sv_err read_secret(const char *path, sv_textbuf *out, sv_why *why) {
    sv_why reason = { 0 };
    sv_err err = sv_disk_read(path, out, &reason);
    if (err != SV_OK) {
        return sv_fail(why, err,
                       "%s; bring the root back to this machine, or say where it is (--root, "
                       "--passphrase-file)",
                       reason.text);
    }
    return SV_OK;
}

/// The root's key, and that it is the root of this folder.
static sv_err load_root_key(const sv_pki_rotation *rotation, const sv_pki *pki, EVP_PKEY **out,
                            sv_why *why) {
    char folder[PATH_MAX];
    char key_path[PATH_MAX];
    char secret_path[PATH_MAX];
    SV_TRY(sv_pki_path(folder, rotation->dir, "root", why));
    const char *root = rotation->root != NULL ? rotation->root : folder;
    SV_TRY(sv_pki_path(key_path, root, "root.key", why));
    SV_TRY(sv_pki_path(secret_path, root, "passphrase", why));
    SV_DEFER(sv_secret_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_DEFER(sv_secret_drop) sv_textbuf secret = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(read_secret(key_path, &pem, why));
    SV_TRY(read_secret(rotation->passphrase_file != NULL ? rotation->passphrase_file : secret_path,
                       &secret, why));
    while (secret.len > 0 && secret.at[secret.len - 1] == '\n') {
        secret.len--;
    }
    SV_TRY(sv_textbuf_end(&secret));
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_mem_buf(pem.at, (int) pem.len);
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, secret.at);
    if (key == NULL || X509_check_private_key(pki->root, key) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID,
                           "'%s' is not the key of this folder's root, or the passphrase is wrong",
                           key_path);
    }
    *out = key;
    key = NULL;
    return SV_OK;
}

static sv_key_kind kind_of(const EVP_PKEY *key) {
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return SV_KEY_RSA;
    case EVP_PKEY_ED25519:
        return SV_KEY_ED25519;
    default:
        return SV_KEY_EC;
    }
}

/// The organisation of the old one, a name that tells them apart, a fresh key of the same kind.
static sv_err make_issuing(const sv_pki *pki, EVP_PKEY *root_key, EVP_PKEY **key, X509 **out,
                           sv_why *why) {
    char org[SV_ISSUE_TEXT_MAX + 1] = "";
    char name[64];
    (void) X509_NAME_get_text_by_NID(X509_get_subject_name(pki->issuing), NID_organizationName, org,
                                     sizeof org);
    char when[32];
    sv_textbuf day = SV_TEXTBUF(when);
    sv_time_add(&day, sv_clock_wall_us());
    (void) snprintf(name, sizeof name, "Selvedge issuing CA " SV_TEXT_FMT,
                    SV_TEXT_ARG(sv_textbuf_text(&day)));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *fresh = NULL;
    SV_TRY(sv_pkey_make(kind_of(pki->key), &fresh, why));
    const sv_ca ca = { org, name, SV_PKI_ISSUING_DAYS, fresh };
    const sv_issuer by_root = { .certificate = pki->root, .key = root_key };
    SV_TRY(sv_ca_make(&ca, &by_root, out, why));
    *key = fresh;
    fresh = NULL;
    return SV_OK;
}

/// `former/<serial of the certificate>.crt` and `.key`: its leaves are still out there, and its
/// revocation list needs its key.
static sv_err keep_former(const sv_pki *pki, sv_why *why) {
    char path[PATH_MAX];
    char serial[SV_PKI_SERIAL_ROOM];
    char name[SV_PKI_SERIAL_ROOM + 16];
    SV_TRY(sv_pki_serial(pki->issuing, serial, why));
    SV_TRY(sv_pki_path(path, pki->dir, "former", why));
    SV_TRY(sv_disk_make_folder(path, 0700, why));
    SV_DEFER(sv_secret_drop) sv_textbuf key = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf certificate = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pem_key_add(&key, pki->key, NULL, why));
    SV_TRY(sv_pem_cert_add(&certificate, pki->issuing, why));
    (void) snprintf(name, sizeof name, "former/%s.key", serial);
    SV_TRY(sv_pki_path(path, pki->dir, name, why));
    SV_TRY(sv_disk_replace(path, sv_textbuf_text(&key), 0600, why));
    (void) snprintf(name, sizeof name, "former/%s.crt", serial);
    SV_TRY(sv_pki_path(path, pki->dir, name, why));
    return sv_disk_replace(path, sv_textbuf_text(&certificate), 0644, why);
}

/// New issuing, root, the one that was issuing until now, and those before it that have not ended.
static sv_err write_chain(const sv_pki *pki, const X509 *issuing, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, pki->dir, "ca.crt", why));
    SV_DEFER(sv_textbuf_drop) sv_textbuf chain = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pem_cert_add(&chain, issuing, why));
    SV_TRY(sv_pem_cert_add(&chain, pki->root, why));
    SV_TRY(sv_pem_cert_add(&chain, pki->issuing, why));
    for (size_t i = 0; i < pki->former_count; i++) {
        if (X509_cmp_current_time(X509_get0_notAfter(pki->former[i])) > 0) {
            SV_TRY(sv_pem_cert_add(&chain, pki->former[i], why));
        }
    }
    return sv_disk_replace(path, sv_textbuf_text(&chain), 0644, why);
}

static sv_err replace_issuing(const sv_pki *pki, const X509 *issuing, const EVP_PKEY *key,
                              sv_why *why) {
    char path[PATH_MAX];
    SV_DEFER(sv_secret_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pem_key_add(&pem, key, NULL, why));
    SV_TRY(sv_pki_path(path, pki->dir, SV_PKI_NEXT_KEY, why));
    SV_TRY(sv_disk_replace(path, sv_textbuf_text(&pem), 0600, why));
    // The moment it counts: a power cut before leaves the old pair, one after it the new key under
    // its first name, where whoever opens the folder finds it.
    SV_TRY(write_chain(pki, issuing, why));
    return sv_pki_take_next_key(pki->dir, why);
}

static sv_err rotate(const sv_pki_rotation *rotation, sv_why *why) {
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(rotation->dir, &pki, why));
    if (pki.former_count >= SV_PKI_FORMER_MAX) {
        return sv_fail(why, SV_ERR_STATE,
                       "ca.crt holds %zu former issuing certificates already; take those out whose "
                       "leaves have ended",
                       pki.former_count);
    }
    SV_DEFER(sv_pkey_drop) EVP_PKEY *root_key = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_x509_drop) X509 *issuing = NULL;
    SV_TRY(load_root_key(rotation, &pki, &root_key, why));
    SV_TRY(make_issuing(&pki, root_key, &key, &issuing, why));
    SV_TRY(keep_former(&pki, why));
    return replace_issuing(&pki, issuing, key, why);
}

sv_err sv_pki_rotate(const sv_pki_rotation *rotation, sv_why *why) {
    SV_TRY(rotate(rotation, why));
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, rotation->dir, "crl.pem", why));
    // Whoever checks revocation takes nobody whose issuer has no list.
    return sv_disk_exists(path) ? sv_pki_crl(rotation->dir, path, why) : SV_OK;
}
