#include "own.h"
#include <base/mem.h>
#include <crypto/digest.h>
#include <stdlib.h>

struct sv_digest {
    EVP_MD_CTX *ctx;
};

/// No digest of ours can fail but for want of memory.
static void must(bool done) {
    if (!done) {
        abort();
    }
}

sv_digest *sv_digest_new(sv_digest_kind kind) {
    sv_digest *digest = sv_mem_new(sizeof *digest);
    digest->ctx = EVP_MD_CTX_new();
    const EVP_MD *md = kind == SV_DIGEST_SHA512 ? EVP_sha512()
                       : kind == SV_DIGEST_SHA1 ? EVP_sha1()
                       : kind == SV_DIGEST_MD5  ? EVP_md5()
                                                : EVP_sha256();
    must(digest->ctx != NULL && EVP_DigestInit_ex(digest->ctx, md, NULL) == 1);
    return digest;
}

void sv_digest_drop(sv_digest **digest) {
    if (*digest != NULL) {
        EVP_MD_CTX_free((*digest)->ctx);
        free(*digest);
        *digest = NULL;
    }
}

void sv_digest_add(sv_digest *digest, sv_text piece) {
    must(piece.len == 0 || EVP_DigestUpdate(digest->ctx, piece.at, piece.len) == 1);
}

void sv_digest_end(sv_digest *digest, uint8_t *out) {
    must(EVP_DigestFinal_ex(digest->ctx, out, NULL) == 1
         && EVP_DigestInit_ex(digest->ctx, NULL, NULL) == 1);
}
