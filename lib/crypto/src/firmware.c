#include "pki_internal.h"
#include <base/fd.h>
#include <crypto/firmware.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/disk.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIGNATURE_MAX = 1024, BLOCK_BYTES = 64 * 1024 };

typedef struct mapping {
    void *at;
    size_t len;
} mapping;

static void mapping_drop(mapping *map) {
    if (map->at != NULL) {
        (void) munmap(map->at, map->len);
    }
}

static sv_err open_file(const char *path, int *out_fd, uint64_t *out_len, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return sv_fail(why, errno == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO, "cannot open '%s': %m",
                       path);
    }
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is not a regular file", path);
    }
    *out_len = (uint64_t) info.st_size;
    *out_fd = sv_fd_take(&fd);
    return SV_OK;
}

static sv_err digest_file(const char *path, uint8_t out[SV_DIGEST_BYTES], sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = -1;
    uint64_t len = 0;
    SV_TRY(open_file(path, &fd, &len, why));
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot begin a digest");
    }
    uint8_t block[BLOCK_BYTES];
    ssize_t got = 0;
    while ((got = read(fd, block, sizeof block)) > 0) {
        if (EVP_DigestUpdate(ctx, block, (size_t) got) != 1) {
            return sv_fail_ssl(why, SV_ERR_IO, "cannot digest '%s'", path);
        }
    }
    if (got < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", path);
    }
    if (EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot digest '%s'", path);
    }
    return SV_OK;
}

/// Ed25519 signs the bytes themselves, not a digest.
static sv_err map_file(const char *path, mapping *out, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = -1;
    uint64_t len = 0;
    SV_TRY(open_file(path, &fd, &len, why));
    if (len == 0) {
        return SV_OK;
    }
    void *at = mmap(NULL, (size_t) len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) {
        return sv_fail(why, SV_ERR_IO, "cannot map '%s': %m", path);
    }
    *out = (mapping){ .at = at, .len = (size_t) len };
    return SV_OK;
}

static sv_err check_key(const EVP_PKEY *key, const char *path, sv_why *why) {
    SV_TRY(sv_pkey_check(key, why));
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) != 256) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is not a P-256 key", path);
    }
    return SV_OK;
}

static sv_err load_private(const char *path, EVP_PKEY **out, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    SV_DEFER(sv_pkey_drop)
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not a private key (PEM)", path);
    }
    SV_TRY(check_key(key, path, why));
    *out = key;
    key = NULL;
    return SV_OK;
}

static sv_err load_public(const char *path, EVP_PKEY **out, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    SV_DEFER(sv_pkey_drop)
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not a public key (PEM)", path);
    }
    SV_TRY(check_key(key, path, why));
    *out = key;
    key = NULL;
    return SV_OK;
}

static sv_err write_pair(const char *dir, EVP_PKEY *key, sv_why *why) {
    char path[PATH_MAX];
    SV_DEFER(sv_secret_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pki_path(path, dir, "firmware.pub", why));
    if (sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_STATE, "'%s' exists already; move it away first", path);
    }
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_PUBKEY(bio, key) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a key as PEM");
    }
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    char key_path[PATH_MAX];
    SV_TRY(sv_pki_path(key_path, dir, "firmware.key", why));
    SV_TRY(sv_pem_key_add(&pem, key, NULL, why));
    SV_TRY(sv_new_file(key_path, sv_textbuf_text(&pem), 0600, why));
    return sv_new_file(path, (sv_text){ .at = at, .len = (size_t) len }, 0644, why);
}

sv_err sv_firmware_keygen(const char *dir, sv_key_kind kind, sv_why *why) {
    SV_TRY(sv_disk_make_folder(dir, 0755, why));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_TRY(sv_pkey_make(kind, &key, why));
    return write_pair(dir, key, why);
}

static sv_err sign_digest(EVP_PKEY *key, const char *file, uint8_t *signature, size_t *len,
                          sv_why *why) {
    uint8_t digest[SV_DIGEST_BYTES];
    SV_TRY(digest_file(file, digest, why));
    SV_DEFER(sv_pkey_ctx_drop) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1
        || !sv_pkey_scheme(ctx, key, RSA_PSS_SALTLEN_MAX)
        || EVP_PKEY_sign(ctx, signature, len, digest, sizeof digest) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign '%s'", file);
    }
    return SV_OK;
}

static sv_err sign_bytes(EVP_PKEY *key, const char *file, uint8_t *signature, size_t *len,
                         sv_why *why) {
    SV_DEFER(mapping_drop) mapping map = { 0 };
    SV_TRY(map_file(file, &map, why));
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1
        || EVP_DigestSign(ctx, signature, len, map.at, map.len) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign '%s'", file);
    }
    return SV_OK;
}

sv_err sv_firmware_sign(const char *file, const char *key_pem, const char *signature_out,
                        sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_TRY(load_private(key_pem, &key, why));
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof signature;
    bool whole = sv_pkey_digest(key) == NULL;
    SV_TRY(whole ? sign_bytes(key, file, signature, &len, why)
                 : sign_digest(key, file, signature, &len, why));
    return sv_disk_replace(signature_out, (sv_text){ .at = (const char *) signature, .len = len },
                           0644, why);
}

static sv_err verify_bytes(EVP_PKEY *key, const char *file, sv_text signature, sv_why *why) {
    SV_DEFER(mapping_drop) mapping map = { 0 };
    SV_TRY(map_file(file, &map, why));
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1
        || EVP_DigestVerify(ctx, (const uint8_t *) signature.at, signature.len, map.at, map.len)
               != 1) {
        return sv_fail_ssl(why, SV_ERR_UNTRUSTED,
                           "the signature is not this Ed25519 key's over this file");
    }
    return SV_OK;
}

static sv_err read_signature(const char *path, sv_textbuf *out, sv_why *why) {
    sv_err err = sv_disk_read(path, out, why);
    if (err == SV_ERR_NO_SPACE) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the signature '%s' is longer than any of ours (%d)",
                       path, SIGNATURE_MAX);
    }
    SV_TRY(err);
    return out->len > 0 ? SV_OK
                        : sv_fail(why, SV_ERR_UNTRUSTED, "the signature '%s' is empty", path);
}

static sv_err verify_digest(EVP_PKEY *key, const char *file, sv_text signature,
                            uint8_t digest[SV_DIGEST_BYTES], sv_why *why) {
    SV_TRY(digest_file(file, digest, why));
    return sv_pkey_check_digest(key, digest, signature, why);
}

sv_err sv_firmware_verify(const char *file, const char *signature, const char *public_pem,
                          sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SIGNATURE_MAX);
    uint8_t digest[SV_DIGEST_BYTES];
    SV_TRY(load_public(public_pem, &key, why));
    SV_TRY(read_signature(signature, &bytes, why));
    sv_text text = sv_textbuf_text(&bytes);
    return sv_pkey_digest(key) == NULL ? verify_bytes(key, file, text, why)
                                       : verify_digest(key, file, text, digest, why);
}

sv_err sv_firmware_verify_digest(const char *file, const char *signature, const char *public_pem,
                                 uint8_t digest[SV_DIGEST_BYTES], sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SIGNATURE_MAX);
    SV_TRY(load_public(public_pem, &key, why));
    if (sv_pkey_digest(key) == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' is an Ed25519 key, which signs no digest: take an RSA or P-256 key",
                       public_pem);
    }
    SV_TRY(read_signature(signature, &bytes, why));
    return verify_digest(key, file, sv_textbuf_text(&bytes), digest, why);
}
