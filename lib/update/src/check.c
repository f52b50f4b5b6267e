// Signatures and hashes.
#include "shape.h"
#include <codec/canonical.h>
#include <codec/encode.h>
#include <crypto/verifier.h>
#include <string.h>

enum {
    FORM_MAX = 8 * 1024 * 1024,
    SIGNATURE_MAX = 1024,
};

typedef uint8_t key_hash[SV_VERIFIER_HASH_BYTES];

/// The keys that have signed.
typedef struct tally {
    key_hash seen[SV_TUF_KEYS_MAX];
    size_t count;
} tally;

static bool is_named(const sv_json *keyids, sv_text id) {
    sv_text named;
    for (size_t i = 0; i < sv_json_count(keyids); i++) {
        if (sv_json_text(sv_json_at(keyids, i), &named) && sv_text_eq(named, id)) {
            return true;
        }
    }
    return false;
}

/// A member by a name that need not end with a NUL.
typedef struct wanted {
    sv_text name;
    const sv_json *value;
} wanted;

static sv_err find_member(void *arg, sv_text name, const sv_json *value) {
    wanted *member = arg;
    if (sv_text_eq(name, member->name)) {
        member->value = value;
    }
    return SV_OK;
}

static const sv_json *member_of(const sv_json *object, sv_text name) {
    wanted member = { .name = name };
    (void) (sv_json_each(object, find_member, &member) == SV_OK);
    return member.value;
}

static sv_err open_key(const sv_json *key, sv_verifier **out) {
    sv_text scheme;
    sv_text text;
    if (!sv_json_text(sv_json_get(key, "scheme"), &scheme)
        || !sv_json_text(sv_json_get(sv_json_get(key, "keyval"), "public"), &text)) {
        return SV_ERR_INVALID;
    }
    return sv_verifier_open(scheme, text, out, NULL);
}

static bool is_new(const tally *t, const key_hash hash) {
    for (size_t i = 0; i < t->count; i++) {
        if (memcmp(t->seen[i], hash, SV_VERIFIER_HASH_BYTES) == 0) {
            return false;
        }
    }
    return t->count < SV_TUF_KEYS_MAX;
}

/// Counts a signature that is good and by a key that has not signed yet.
static void count(tally *t, const sv_json *signature, const sv_tuf_voucher *by, sv_text form) {
    uint8_t bytes[SIGNATURE_MAX];
    sv_text id;
    sv_text hex;
    if (!sv_json_text(sv_json_get(signature, "keyid"), &id)
        || !sv_json_text(sv_json_get(signature, "sig"), &hex) || !is_named(by->keyids, id)
        || hex.len / 2 > sizeof bytes || sv_hex_parse(hex, bytes, hex.len / 2) != SV_OK) {
        return;
    }
    SV_DEFER(sv_verifier_drop) sv_verifier *key = NULL;
    if (open_key(member_of(by->keys, id), &key) != SV_OK) {
        return;
    }
    key_hash hash;
    sv_verifier_hash(key, hash);
    sv_text raw = { .at = (const char *) bytes, .len = hex.len / 2 };
    if (is_new(t, hash) && sv_verifier_check(key, form, raw, NULL) == SV_OK) {
        memcpy(t->seen[t->count++], hash, sizeof hash);
    }
}

sv_err sv_tuf_check(const sv_tuf_metadata *metadata, const sv_tuf_voucher *by, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf form = SV_TEXTBUF_HEAP(FORM_MAX);
    const sv_json *signatures = sv_json_get(metadata->document, "signatures");
    SV_TRY(sv_canonical_add(metadata->content, &form, why));
    tally t = { .count = 0 };
    for (size_t i = 0; i < sv_json_count(signatures); i++) {
        count(&t, sv_json_at(signatures, i), by, sv_textbuf_text(&form));
    }
    if (by->threshold < 1 || (int64_t) t.count < by->threshold) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "%zu of the keys that count have signed it; it takes %lld", t.count,
                       (long long) by->threshold);
    }
    return SV_OK;
}

sv_err sv_tuf_signers(const sv_tuf_metadata *metadata, const sv_tuf_voucher *by,
                      sv_tuf_signer_visit *visit, void *arg, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf form = SV_TEXTBUF_HEAP(FORM_MAX);
    const sv_json *signatures = sv_json_get(metadata->document, "signatures");
    SV_TRY(sv_canonical_add(metadata->content, &form, why));
    for (size_t k = 0; k < sv_json_count(by->keyids); k++) {
        tally t = { .count = 0 };
        sv_text named = { 0 };
        sv_text signer;
        (void) sv_json_text(sv_json_at(by->keyids, k), &named);
        for (size_t i = 0; i < sv_json_count(signatures); i++) {
            const sv_json *one = sv_json_at(signatures, i);
            if (sv_json_text(sv_json_get(one, "keyid"), &signer) && sv_text_eq(signer, named)) {
                count(&t, one, by, sv_textbuf_text(&form));
            }
        }
        visit(arg, named, t.count > 0);
    }
    return SV_OK;
}

// ---- files
// ----------------------------------------------------------------------------------------

bool sv_tuf_file_read(const sv_json *entry, sv_tuf_file *out) {
    if (!sv_json_is_object(entry)) {
        return false;
    }
    *out = (sv_tuf_file){ .length = -1,
                          .hashes = sv_json_get(entry, "hashes"),
                          .custom = sv_json_get(entry, "custom") };
    (void) sv_json_int(sv_json_get(entry, "version"), &out->version);
    (void) sv_json_int(sv_json_get(entry, "length"), &out->length);
    return true;
}

bool sv_tuf_file_of(const sv_tuf_metadata *metadata, sv_text name, sv_tuf_file *out) {
    return sv_tuf_file_read(member_of(sv_json_get(metadata->content, "meta"), name), out);
}

bool sv_tuf_target_of(const sv_tuf_metadata *targets, sv_text path, sv_tuf_file *out) {
    return sv_tuf_file_read(member_of(sv_json_get(targets->content, "targets"), path), out);
}
