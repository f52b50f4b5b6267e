#include "pki_internal.h"
#include <base/fd.h>
#include <crypto/key_store.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <unistd.h>

sv_err sv_pki_path(char room[PATH_MAX], const char *dir, const char *name, sv_why *why) {
    if (sv_disk_join(room, PATH_MAX, dir, name) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", dir);
    }
    return SV_OK;
}

static sv_err write_all(int fd, const char *path, sv_text content, sv_why *why) {
    while (content.len > 0) {
        ssize_t wrote = write(fd, content.at, content.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return sv_fail(why, SV_ERR_IO, "cannot write '%s': %m", path);
        }
        content.at += wrote;
        content.len -= (size_t) wrote;
    }
    return fsync(fd) == 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot write '%s': %m", path);
}

sv_err sv_new_file(const char *path, sv_text content, unsigned mode, sv_why *why) {
    SV_DEFER(sv_fd_drop)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t) mode);
    if (fd < 0 && errno == EEXIST) {
        return sv_fail(why, SV_ERR_STATE, "'%s' exists already; move it away first", path);
    }
    if (fd < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot create '%s': %m", path);
    }
    sv_err err = write_all(fd, path, content, why);
    if (err != SV_OK) {
        (void) unlink(path);
    }
    return err;
}

void sv_secret_drop(sv_textbuf *buf) {
    if (buf->at != NULL) {
        OPENSSL_cleanse(buf->at, buf->cap);
    }
    sv_textbuf_drop(buf);
}

static void add_bio(sv_textbuf *out, BIO *bio) {
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    sv_textbuf_add(out, (sv_text){ .at = at, .len = (size_t) len });
}

sv_err sv_pem_cert_add(sv_textbuf *out, const X509 *certificate, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a certificate as PEM");
    }
    add_bio(out, bio);
    return SV_OK;
}

sv_err sv_pem_key_add(sv_textbuf *out, const EVP_PKEY *key, const char *passphrase, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_secmem());
    const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_256_cbc() : NULL;
    int len = passphrase != NULL ? (int) strlen(passphrase) : 0;
    if (bio == NULL
        || PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, passphrase, len, NULL, NULL) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a key as PEM");
    }
    add_bio(out, bio);
    return SV_OK;
}

/// What comes behind the root was issuing before.
static sv_err load_former(sv_pki *pki, BIO *bio, sv_why *why) {
    X509 *certificate = NULL;
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (pki->former_count >= SV_PKI_FORMER_MAX) {
            X509_free(certificate);
            return sv_fail(why, SV_ERR_INVALID,
                           "ca.crt holds more than %d former issuing certificates",
                           SV_PKI_FORMER_MAX);
        }
        pki->former[pki->former_count++] = certificate;
    }
    ERR_clear_error();
    return SV_OK;
}

static sv_err load_chain(sv_pki *pki, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, pki->dir, "ca.crt", why));
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    if (bio == NULL) {
        return sv_fail_ssl(why, SV_ERR_NOT_FOUND,
                           "'%s' is no PKI folder (no ca.crt); make one with: selvedge pki init "
                           "--dir '%s'",
                           pki->dir, pki->dir);
    }
    pki->issuing = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    pki->root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (pki->issuing == NULL || pki->root == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' must hold the issuing certificate, then root",
                           path);
    }
    return load_former(pki, bio, why);
}

/// A rotation that lost power after it counted has left the key under its first name.
static sv_err load_next_key(sv_pki *pki, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, pki->dir, SV_PKI_NEXT_KEY, why));
    if (!sv_disk_exists(path)) {
        return SV_ERR_NOT_FOUND;
    }
    SV_DEFER(sv_pkey_drop) EVP_PKEY *next = NULL;
    SV_TRY(sv_key_open(path, &next, why));
    if (X509_check_private_key(pki->issuing, next) != 1) {
        return SV_ERR_NOT_FOUND;
    }
    EVP_PKEY_free(pki->key);
    pki->key = next;
    pki->key_is_next = true;
    next = NULL;
    return SV_OK;
}

static sv_err load_key(sv_pki *pki, const char *where, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, pki->dir, "ca.key", why));
    const char *from = where != NULL ? where : path;
    SV_TRY(sv_key_open(from, &pki->key, why));
    if (X509_check_private_key(pki->issuing, pki->key) != 1
        && (where != NULL || load_next_key(pki, why) != SV_OK)) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not the key of ca.crt", from);
    }
    ERR_clear_error();
    return SV_OK;
}

sv_err sv_pki_take_next_key(const char *dir, sv_why *why) {
    char from[PATH_MAX];
    char to[PATH_MAX];
    char target[PATH_MAX];
    SV_TRY(sv_pki_path(from, dir, SV_PKI_NEXT_KEY, why));
    SV_TRY(sv_pki_path(to, dir, "ca.key", why));
    // Where ca.key is a link, to a folder that the signer alone reads, the key goes there.
    // [sandbox-8]
    const char *at = realpath(to, target) != NULL ? target : to;
    SV_DEFER(sv_fd_drop) int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rename(from, at) != 0 || folder < 0 || fsync(folder) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot rename '%s' to '%s': %m", from, at);
    }
    return at == to ? SV_OK : sv_disk_sync_folder_of(at, why);
}

static sv_err load_domain(sv_pki *pki, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, pki->dir, "domain", why));
    SV_DEFER(sv_textbuf_drop) sv_textbuf content = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_disk_read(path, &content, why));
    sv_text domain = sv_text_trim(sv_textbuf_text(&content));
    if (domain.len == 0 || sv_text_copy(domain, pki->domain, sizeof pki->domain) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' names no domain", path);
    }
    return SV_OK;
}

/// Others who issue hold the lock for milliseconds.
static sv_err lock(sv_pki *pki, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, pki->dir, ".lock", why));
    sv_err err = sv_disk_lock(path, &pki->lock_fd, why);
    for (int waited_ms = 0; err == SV_ERR_STATE && waited_ms < SV_PKI_LOCK_WAIT_MS;
         waited_ms += 10) {
        (void) usleep(10000);
        err = sv_disk_lock(path, &pki->lock_fd, why);
    }
    return err;
}

sv_err sv_pki_load(const char *dir, const char *key, sv_pki *out, sv_why *why) {
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    pki.dir = dir;
    SV_TRY(load_chain(&pki, why));
    SV_TRY(load_key(&pki, key, why));
    SV_TRY(load_domain(&pki, why));
    *out = pki;
    pki = SV_PKI_CLOSED;
    return SV_OK;
}

sv_err sv_pki_open(const char *dir, sv_pki *out, sv_why *why) {
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_load(dir, NULL, &pki, why));
    SV_TRY(lock(&pki, why));
    if (pki.key_is_next) {
        SV_TRY(sv_pki_take_next_key(dir, why));
    }
    *out = pki;
    pki = SV_PKI_CLOSED;
    return SV_OK;
}

void sv_pki_drop(sv_pki *pki) {
    X509_free(pki->issuing);
    X509_free(pki->root);
    for (size_t i = 0; i < pki->former_count; i++) {
        X509_free(pki->former[i]);
    }
    EVP_PKEY_free(pki->key);
    sv_pki_revoked_drop(&pki->revoked);
    sv_fd_drop(&pki->lock_fd);
    *pki = SV_PKI_CLOSED;
}
