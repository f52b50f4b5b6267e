// What is announced of a file, held against its bytes as they come.
#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/digest.h>
#include <stdlib.h>
#include <string.h>
#include <update/metadata.h>

enum { HASH_MAX = 64 };

/// How a hash that is named here is made.
static const struct {
    const char *name;
    size_t bytes;
    sv_digest_kind kind;
} HASHES[] = { { "sha256", 32, SV_DIGEST_SHA256 }, { "sha512", 64, SV_DIGEST_SHA512 } };

struct sv_tuf_judge {
    int64_t length; ///< -1: not said
    int64_t have;
    sv_digest *digests[SV_COUNT(HASHES)]; ///< NULL: not announced
    uint8_t wanted[SV_COUNT(HASHES)][HASH_MAX];
};

sv_err sv_tuf_judge_open(const sv_tuf_file *file, sv_tuf_judge **out, sv_why *why) {
    SV_DEFER(sv_tuf_judge_drop) sv_tuf_judge *judge = sv_mem_new(sizeof *judge);
    size_t known = 0;
    judge->length = file->length;
    for (size_t i = 0; i < SV_COUNT(HASHES); i++) {
        sv_text hex;
        if (!sv_json_text(sv_json_get(file->hashes, HASHES[i].name), &hex)) {
            continue;
        }
        if (sv_hex_parse(hex, judge->wanted[i], HASHES[i].bytes) != SV_OK) {
            return sv_fail(why, SV_ERR_UNTRUSTED, "\"" SV_TEXT_FMT "\" is no %s", SV_TEXT_ARG(hex),
                           HASHES[i].name);
        }
        judge->digests[i] = sv_digest_new(HASHES[i].kind);
        known++;
    }
    if (file->hashes != NULL && known == 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "none of its hashes is a sha256 or sha512");
    }
    *out = judge;
    judge = NULL;
    return SV_OK;
}

sv_err sv_tuf_judge_add(sv_tuf_judge *judge, sv_text piece, sv_why *why) {
    if (judge->length >= 0 && (int64_t) piece.len > judge->length - judge->have) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "it has more than the announced %lld bytes",
                       (long long) judge->length);
    }
    judge->have += (int64_t) piece.len;
    for (size_t i = 0; i < SV_COUNT(HASHES); i++) {
        if (judge->digests[i] != NULL) {
            sv_digest_add(judge->digests[i], piece);
        }
    }
    return SV_OK;
}

sv_err sv_tuf_judge_end(sv_tuf_judge *judge, sv_why *why) {
    if (judge->length >= 0 && judge->have != judge->length) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "it has %lld bytes instead of %lld",
                       (long long) judge->have, (long long) judge->length);
    }
    for (size_t i = 0; i < SV_COUNT(HASHES); i++) {
        uint8_t found[HASH_MAX];
        if (judge->digests[i] == NULL) {
            continue;
        }
        sv_digest_end(judge->digests[i], found);
        if (memcmp(judge->wanted[i], found, HASHES[i].bytes) != 0) {
            char room[2 * HASH_MAX + 1];
            sv_textbuf hex = SV_TEXTBUF(room);
            sv_hex_add(&hex, judge->wanted[i], HASHES[i].bytes);
            return sv_fail(why, SV_ERR_UNTRUSTED, "its %s is not %s", HASHES[i].name, room);
        }
    }
    return SV_OK;
}

void sv_tuf_judge_drop(sv_tuf_judge **judge) {
    if (*judge != NULL) {
        for (size_t i = 0; i < SV_COUNT(HASHES); i++) {
            sv_digest_drop(&(*judge)->digests[i]);
        }
        free(*judge);
        *judge = NULL;
    }
}

sv_err sv_tuf_file_check(const sv_tuf_file *file, sv_text bytes, sv_why *why) {
    SV_DEFER(sv_tuf_judge_drop) sv_tuf_judge *judge = NULL;
    SV_TRY(sv_tuf_judge_open(file, &judge, why));
    SV_TRY(sv_tuf_judge_add(judge, bytes, why));
    return sv_tuf_judge_end(judge, why);
}
