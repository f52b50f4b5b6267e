#include "key_store_internal.h"
#include "pki_internal.h"
#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 4096 };

static sv_err check_kept(const char *what, const char *path, const struct stat *info, sv_why *why) {
    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%s '%s' belongs to user %u, who could change it; chown it to root or to "
                       "user %u, who runs this",
                       what, path, (unsigned) info->st_uid, (unsigned) geteuid());
    }
    if ((info->st_mode & (S_IRWXO | S_IWGRP)) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "%s '%s' is open to others (mode %04o); chmod 600 it",
                       what, path, (unsigned) info->st_mode & 07777);
    }
    return SV_OK;
}

static sv_err read_all(int fd, const char *what, const char *path, sv_textbuf *out, sv_why *why) {
    char block[READ_BYTES];
    ssize_t got = 0;
    do {
        got = read(fd, block, sizeof block);
        if (got > 0) {
            sv_textbuf_add(out, (sv_text){ .at = block, .len = (size_t) got });
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    sv_err err = got == 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", path);
    OPENSSL_cleanse(block, sizeof block);
    SV_TRY(err);
    if (sv_textbuf_end(out) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "%s '%s' has more than %d bytes", what, path,
                       SV_KEY_FILE_MAX);
    }
    return SV_OK;
}

/// The buffer never moves, so that no copy of the secret stays behind.
static sv_textbuf secret_room(void) {
    return (sv_textbuf){ .at = sv_mem_new(SV_KEY_FILE_MAX),
                         .cap = SV_KEY_FILE_MAX,
                         .cap_max = SV_KEY_FILE_MAX };
}

/// `unkept`: what is wrong with how it is kept; its code is SV_OK when nothing is.
static sv_err read_and_judge(const char *what, const char *path, sv_textbuf *out, sv_why *unkept,
                             sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return sv_fail(why, errno == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO, "cannot read '%s': %m",
                       path);
    }
    if (!S_ISREG(info.st_mode)) {
        return sv_fail(why, SV_ERR_INVALID, "%s '%s' is not a file", what, path);
    }
    *out = secret_room();
    SV_TRY(read_all(fd, what, path, out, why));
    unkept->code = check_kept(what, path, &info, unkept);
    return SV_OK;
}

static sv_err fail_as(const sv_why *told, sv_why *why) {
    return told->code == SV_OK ? SV_OK : sv_fail(why, told->code, "%s", told->text);
}

sv_err sv_secret_read(const char *what, const char *path, sv_textbuf *out, sv_why *why) {
    sv_why unkept = { 0 };
    SV_TRY(read_and_judge(what, path, out, &unkept, why));
    return fail_as(&unkept, why);
}

/// OpenSSL would ask on the terminal otherwise.
static int no_passphrase(char *room, int bytes, int writing, void *arg) {
    (void) room, (void) bytes, (void) writing, (void) arg;
    return -1;
}

static sv_err parse(const char *path, sv_text pem, EVP_PKEY **out, sv_why *why) {
    ERR_clear_error();
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_mem_buf(pem.at, (int) pem.len);
    *out = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    if (*out != NULL) {
        return SV_OK;
    }
    ERR_clear_error();
    bool encrypted = memmem(pem.at, pem.len, "ENCRYPTED", 9) != NULL;
    return sv_fail(why, SV_ERR_INVALID,
                   encrypted ? "key '%s' is encrypted, and nobody is here to give the passphrase; "
                               "keep it in the clear with mode 0600, or in a TPM or a token"
                             : "'%s' holds no private key (PEM)",
                   path);
}

/// A line that says where the key is, in place of the key.
static bool is_signpost(sv_text content, char place[SV_KEY_PLACE_ROOM]) {
    sv_text line = sv_text_trim(content);
    return sv_key_is_hard(line) && memchr(line.at, '\n', line.len) == NULL
           && sv_text_copy(line, place, SV_KEY_PLACE_ROOM) == SV_OK;
}

bool sv_key_leads_to_hardware(const char *where) {
    SV_DEFER(sv_secret_drop) sv_textbuf content = { 0 };
    char place[SV_KEY_PLACE_ROOM];
    return sv_key_is_hard(sv_text_of(where))
           || (sv_secret_read("key", where, &content, NULL) == SV_OK
               && is_signpost(sv_textbuf_text(&content), place));
}

sv_err sv_key_file_open(const char *path, EVP_PKEY **out, sv_why *why) {
    SV_DEFER(sv_secret_drop) sv_textbuf pem = { 0 };
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    sv_why unkept = { 0 };
    char place[SV_KEY_PLACE_ROOM];
    SV_TRY(read_and_judge("key", path, &pem, &unkept, why));
    if (is_signpost(sv_textbuf_text(&pem), place)) {
        SV_TRY(fail_as(&unkept, why));
        return sv_key_open(place, out, why);
    }
    // Of the wrong file nobody needs to hear its mode.
    SV_TRY(parse(path, sv_textbuf_text(&pem), &key, why));
    SV_TRY(fail_as(&unkept, why));
    *out = key;
    key = NULL;
    return SV_OK;
}

sv_err sv_key_file_make(const char *path, sv_key_kind kind, EVP_PKEY **out, sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_secret_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    SV_TRY(sv_pkey_make(kind, &key, why));
    SV_TRY(sv_pem_key_add(&pem, key, NULL, why));
    SV_TRY(sv_new_file(path, sv_textbuf_text(&pem), 0600, why));
    *out = key;
    key = NULL;
    return SV_OK;
}
