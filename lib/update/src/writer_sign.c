// Signatures are put to a document.
#include <codec/canonical.h>
#include <crypto/signing.h>
#include <update/writer.h>

enum { FORM_MAX = 8 * 1024 * 1024, HEX_MAX = 2 * SV_SIGNING_BYTES_MAX + 1 };

static sv_text keyid_of(const sv_json *signature) {
    sv_text id = { 0 };
    (void) sv_json_text(sv_json_get(signature, "keyid"), &id);
    return id;
}

static bool has_signature(const sv_json *signatures, sv_text id) {
    for (size_t i = 0; i < sv_json_count(signatures); i++) {
        if (sv_text_eq(keyid_of(sv_json_at(signatures, i)), id)) {
            return true;
        }
    }
    return false;
}

static void put_others(sv_json_out *out, const sv_json *signatures, sv_text but) {
    for (size_t i = 0; i < sv_json_count(signatures); i++) {
        if (!sv_text_eq(keyid_of(sv_json_at(signatures, i)), but)) {
            sv_json_put_value(out, sv_json_at(signatures, i));
        }
    }
}

static void open_document(sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_key(out, "signatures");
    sv_json_open_array(out);
}

static sv_err close_document(sv_json_out *out, const sv_tuf_metadata *metadata, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *read = NULL;
    sv_json_close_array(out);
    sv_json_key(out, "signed");
    sv_json_put_value(out, metadata->content);
    sv_json_close_object(out);
    if (sv_textbuf_end(out->buf) != SV_OK) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the signed document is too long");
    }
    return sv_tuf_read(sv_textbuf_text(out->buf), metadata->type, &read, why);
}

sv_err sv_tuf_sign_as(sv_text document, sv_tuf_type type, const char *keyid,
                      sv_tuf_signature_of *sign, void *arg, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *metadata = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf form = SV_TEXTBUF_HEAP(FORM_MAX);
    char hex[HEX_MAX];
    sv_textbuf signature = SV_TEXTBUF(hex);
    SV_TRY(sv_tuf_read(document, type, &metadata, why));
    SV_TRY(sv_canonical_add(metadata->content, &form, why));
    SV_TRY(sign(arg, sv_textbuf_text(&form), &signature, why));
    sv_json_out json = SV_JSON_OUT(out);
    open_document(&json);
    put_others(&json, sv_json_get(metadata->document, "signatures"), sv_text_of(keyid));
    sv_json_open_object(&json);
    sv_json_add_str(&json, "keyid", keyid);
    sv_json_add_text(&json, "sig", sv_textbuf_text(&signature));
    sv_json_close_object(&json);
    return close_document(&json, metadata, why);
}

static sv_err sign_with_key(void *key, sv_text message, sv_textbuf *hex, sv_why *why) {
    return sv_signing_add(key, message, hex, why);
}

sv_err sv_tuf_sign(sv_text document, sv_tuf_type type, struct evp_pkey_st *key, sv_textbuf *out,
                   sv_why *why) {
    sv_tuf_public who;
    SV_TRY(sv_tuf_public_of(key, &who, why));
    return sv_tuf_sign_as(document, type, who.id, sign_with_key, key, out, why);
}

static sv_err check_same(const sv_tuf_metadata *left, const sv_tuf_metadata *right, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf one = SV_TEXTBUF_HEAP(FORM_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf two = SV_TEXTBUF_HEAP(FORM_MAX);
    SV_TRY(sv_canonical_add(left->content, &one, why));
    SV_TRY(sv_canonical_add(right->content, &two, why));
    if (!sv_text_eq(sv_textbuf_text(&one), sv_textbuf_text(&two))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the two say different things (version %lld and %lld): signatures of one do "
                       "not count for the other",
                       (long long) left->version, (long long) right->version);
    }
    return SV_OK;
}

sv_err sv_tuf_signatures_join(sv_text document, sv_text other, sv_tuf_type type, sv_textbuf *out,
                              sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *ours = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *theirs = NULL;
    SV_TRY(sv_tuf_read(document, type, &ours, why));
    SV_TRY(sv_tuf_read(other, type, &theirs, why));
    SV_TRY(check_same(ours, theirs, why));
    const sv_json *present = sv_json_get(ours->document, "signatures");
    const sv_json *more = sv_json_get(theirs->document, "signatures");
    sv_json_out json = SV_JSON_OUT(out);
    open_document(&json);
    put_others(&json, present, SV_TEXT(""));
    for (size_t i = 0; i < sv_json_count(more); i++) {
        if (!has_signature(present, keyid_of(sv_json_at(more, i)))) {
            sv_json_put_value(&json, sv_json_at(more, i));
        }
    }
    return close_document(&json, ours, why);
}
