// Public keys and who vouches for a role.
#include <base/mem.h>
#include <codec/canonical.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <crypto/signing.h>
#include <crypto/verifier.h>
#include <string.h>
#include <update/writer.h>

enum { FORM_MAX = 4096, HASH_BYTES = 32 };

void sv_tuf_public_write(const sv_tuf_public *key, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "keytype", key->type);
    sv_json_key(out, "keyval");
    sv_json_open_object(out);
    sv_json_add_str(out, "public", key->text);
    sv_json_close_object(out);
    sv_json_add_str(out, "scheme", key->scheme);
    sv_json_close_object(out);
}

/// The id, as securesystemslib gives it.
static sv_err name_key(sv_tuf_public *key, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *parsed = NULL;
    char written[FORM_MAX];
    char canonical[FORM_MAX];
    uint8_t hash[HASH_BYTES];
    sv_textbuf json = SV_TEXTBUF(written);
    sv_textbuf form = SV_TEXTBUF(canonical);
    sv_textbuf id = SV_TEXTBUF(key->id);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_tuf_public_write(key, &out);
    SV_TRY(sv_json_parse(sv_textbuf_text(&json), &parsed, NULL, why));
    SV_TRY(sv_canonical_add(parsed, &form, why));
    sv_sha256(sv_textbuf_text(&form), hash);
    sv_hex_add(&id, hash, sizeof hash);
    return sv_textbuf_end(&id);
}

/// A key that nobody can check with is found out now, and not when it is missed.
static sv_err finish_key(sv_tuf_public *key, sv_why *why) {
    SV_DEFER(sv_verifier_drop) sv_verifier *verifier = NULL;
    SV_TRY(sv_verifier_open(sv_text_of(key->scheme), sv_text_of(key->text), &verifier, why));
    return name_key(key, why);
}

sv_err sv_tuf_public_of(struct evp_pkey_st *key, sv_tuf_public *out, sv_why *why) {
    sv_tuf_public made = { .id = "" };
    sv_signing_scheme scheme;
    sv_textbuf text = SV_TEXTBUF(made.text);
    SV_TRY(sv_signing_scheme_of(key, &scheme, why));
    SV_TRY(sv_signing_public_add(key, &text, why));
    SV_TRY(sv_textbuf_end(&text));
    SV_TRY(sv_text_copy(sv_text_of(scheme.type), made.type, sizeof made.type));
    SV_TRY(sv_text_copy(sv_text_of(scheme.name), made.scheme, sizeof made.scheme));
    SV_TRY(finish_key(&made, why));
    *out = made;
    return SV_OK;
}

sv_err sv_tuf_public_read(const sv_json *value, sv_tuf_public *out, sv_why *why) {
    sv_tuf_public made = { .id = "" };
    sv_text type;
    sv_text scheme;
    sv_text text;
    if (!sv_json_text(sv_json_get(value, "keytype"), &type)
        || !sv_json_text(sv_json_get(value, "scheme"), &scheme)
        || !sv_json_text(sv_json_get(sv_json_get(value, "keyval"), "public"), &text)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "it is not a public key: keytype, scheme and keyval.public are wanted");
    }
    if (sv_text_copy(type, made.type, sizeof made.type) != SV_OK
        || sv_text_copy(scheme, made.scheme, sizeof made.scheme) != SV_OK
        || sv_text_copy(text, made.text, sizeof made.text) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "it is no public key that we know: too long");
    }
    SV_TRY(finish_key(&made, why));
    *out = made;
    return SV_OK;
}

// ---- holders ------------------------------------------------------------------------------------

typedef struct wanted {
    sv_text id;
    sv_tuf_public *out;
    bool found;
    sv_why *why;
} wanted;

static sv_err take_key(void *arg, sv_text id, const sv_json *value) {
    wanted *key = arg;
    if (!sv_text_eq(id, key->id)) {
        return SV_OK;
    }
    SV_TRY(sv_tuf_public_read(value, key->out, key->why));
    if (!sv_text_is(id, key->out->id)) { // others name keys in other ways
        SV_TRY(sv_text_copy(id, key->out->id, sizeof key->out->id));
    }
    key->found = true;
    return SV_OK;
}

sv_err sv_tuf_holders_read(const sv_tuf_voucher *by, sv_tuf_holders *out, sv_why *why) {
    size_t count = sv_json_count(by->keyids);
    if (count > SV_TUF_HOLDERS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a role has %zu keys; at most %d are handled", count,
                       SV_TUF_HOLDERS_MAX);
    }
    SV_DEFER(sv_mem_drop) sv_tuf_holders *made = sv_mem_new(sizeof *made);
    for (size_t i = 0; i < count; i++) {
        wanted key = { .out = &made->keys[i], .why = why };
        (void) sv_json_text(sv_json_at(by->keyids, i), &key.id);
        SV_TRY(sv_json_each(by->keys, take_key, &key));
        if (!key.found) {
            return sv_fail(why, SV_ERR_INVALID, "key " SV_TEXT_FMT " is named and not there",
                           SV_TEXT_ARG(key.id));
        }
    }
    made->count = count;
    made->threshold = by->threshold;
    *out = *made;
    return SV_OK;
}

sv_err sv_tuf_holders_check(const sv_tuf_holders *holders, const char *role, sv_why *why) {
    if (holders->threshold < 1 || holders->threshold > (int64_t) holders->count) {
        return sv_fail(why, SV_ERR_INVALID,
                       "role %s would take %lld signatures and have %zu keys: the threshold is "
                       "from 1 to the number of keys",
                       role, (long long) holders->threshold, holders->count);
    }
    for (size_t i = 0; i < holders->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(holders->keys[i].text, holders->keys[k].text) == 0) {
                return sv_fail(why, SV_ERR_INVALID,
                               "key %s stands twice for role %s; it counts once",
                               holders->keys[i].id, role);
            }
        }
    }
    return SV_OK;
}
