#include <codec/encode.h>
#include <inttypes.h>
#include <model/audit.h>
#include <string.h>

#define EXPORT_WORDS "audit export 1"

static const char *const TEXTS[] = { "who",     "from",   "what",   "about",
                                     "outcome", "detail", "before", "after" };

/// The fields of a line in the order of TEXTS.
static void gather(const sv_audit_line *line, sv_text out[SV_COUNT(TEXTS)]) {
    const sv_text fields[SV_COUNT(TEXTS)] = { line->who,    line->from,    line->what,
                                              line->about,  line->outcome, line->detail,
                                              line->before, line->after };
    memcpy(out, fields, sizeof fields);
}

static void field_add(sv_textbuf *out, sv_text field) {
    sv_textbuf_addf(out, "%zu:", field.len);
    sv_textbuf_add(out, field);
    sv_textbuf_add_char(out, '\n');
}

static void number_add(sv_textbuf *out, int64_t number) {
    char room[24];
    sv_textbuf digits = SV_TEXTBUF(room);
    sv_textbuf_addf(&digits, "%" PRId64, number);
    field_add(out, sv_textbuf_text(&digits));
}

void sv_audit_canonical_add(sv_textbuf *out, const sv_audit_line *line) {
    sv_text fields[SV_COUNT(TEXTS)];
    gather(line, fields);
    sv_textbuf_add_str(out, "selvedge event 1\n");
    number_add(out, line->seq);
    number_add(out, line->at_us);
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        field_add(out, fields[i]);
    }
}

// ---- out ----------------------------------------------------------------------------------------

static void hash_add(sv_json_out *out, const char *key, const uint8_t hash[SV_AUDIT_HASH_BYTES]) {
    char room[2 * SV_AUDIT_HASH_BYTES + 1];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_hex_add(&hex, hash, SV_AUDIT_HASH_BYTES);
    sv_json_add_text(out, key, sv_textbuf_text(&hex));
}

static void seal_add(sv_json_out *out, const sv_audit_seal *seal) {
    char room[4 * (SV_AUDIT_SIGNATURE_MAX / 3 + 1) + 1];
    sv_textbuf signature = SV_TEXTBUF(room);
    sv_base64_add(&signature, (sv_text){ (const char *) seal->signature, seal->signature_bytes });
    sv_json_add_int(out, "at_us", seal->at_us);
    sv_json_add_str(out, "domain", seal->domain);
    sv_json_add_text(out, "signature", sv_textbuf_text(&signature));
}

static void line_add(sv_json_out *out, const sv_audit_line *line) {
    sv_text fields[SV_COUNT(TEXTS)];
    gather(line, fields);
    sv_json_add_int(out, "seq", line->seq);
    sv_json_add_int(out, "at_us", line->at_us);
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        sv_json_add_text(out, TEXTS[i], fields[i]);
    }
    hash_add(out, "prev", line->prev);
    hash_add(out, "hash", line->hash);
}

static void checkpoint_add(sv_json_out *out, const sv_audit_checkpoint *checkpoint) {
    sv_json_add_int(out, "checkpoint", checkpoint->seq);
    hash_add(out, "hash", checkpoint->hash);
    seal_add(out, &checkpoint->seal);
}

static void gap_add(sv_json_out *out, const sv_audit_gap *gap) {
    sv_json_add_int(out, "pruned", gap->first);
    sv_json_add_int(out, "to", gap->last);
    hash_add(out, "prev", gap->prev);
    hash_add(out, "hash", gap->hash);
    seal_add(out, &gap->seal);
}

static void head_add(sv_json_out *out, const sv_audit_head *head) {
    sv_json_add_str(out, "selvedge", EXPORT_WORDS);
    sv_json_add_text(out, "server", head->server);
    sv_json_add_int(out, "after", head->after);
    sv_json_add_text(out, "filter", head->filter);
}

static void end_add(sv_json_out *out, const sv_audit_end *end) {
    sv_json_add_int(out, "end", end->last);
    sv_json_add_bool(out, "more", end->more);
}

void sv_audit_record_add(sv_textbuf *out, const sv_audit_record *record) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    switch (record->kind) {
    case SV_AUDIT_HEAD:
        head_add(&json, &record->head);
        break;
    case SV_AUDIT_LINE:
        line_add(&json, &record->line);
        break;
    case SV_AUDIT_CHECKPOINT:
        checkpoint_add(&json, &record->checkpoint);
        break;
    case SV_AUDIT_GAP:
        gap_add(&json, &record->gap);
        break;
    case SV_AUDIT_END:
        end_add(&json, &record->end);
        break;
    }
    sv_json_close_object(&json);
}

// ---- in -----------------------------------------------------------------------------------------

static sv_err number_of(const sv_json *root, const char *key, int64_t *out, sv_why *why) {
    return sv_json_int(sv_json_get(root, key), out)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "\"%s\" is not a whole number", key);
}

static sv_err text_of(const sv_json *root, const char *key, sv_text *out, sv_why *why) {
    return sv_json_text(sv_json_get(root, key), out)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "\"%s\" is not a text", key);
}

static sv_err hash_of(const sv_json *root, const char *key, uint8_t out[SV_AUDIT_HASH_BYTES],
                      sv_why *why) {
    sv_text hex;
    SV_TRY(text_of(root, key, &hex, why));
    return sv_hex_parse(hex, out, SV_AUDIT_HASH_BYTES) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "\"%s\" is not 64 hexadecimal digits", key);
}

static sv_err seal_of(const sv_json *root, sv_audit_seal *out, sv_why *why) {
    sv_text domain;
    sv_text text;
    sv_textbuf signature = { .at = (char *) out->signature, .cap = sizeof out->signature };
    SV_TRY(number_of(root, "at_us", &out->at_us, why));
    SV_TRY(text_of(root, "domain", &domain, why));
    SV_TRY(text_of(root, "signature", &text, why));
    if (sv_text_copy(domain, out->domain, sizeof out->domain) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "\"domain\" is longer than %d bytes",
                       SV_AUDIT_DOMAIN_ROOM - 1);
    }
    if (sv_base64_parse(text, &signature) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "\"signature\" is not base64 of up to %d bytes",
                       SV_AUDIT_SIGNATURE_MAX);
    }
    out->signature_bytes = signature.len;
    return SV_OK;
}

static sv_err line_of(const sv_json *root, sv_audit_line *out, sv_why *why) {
    sv_text *const fields[SV_COUNT(TEXTS)] = { &out->who,    &out->from,    &out->what,
                                               &out->about,  &out->outcome, &out->detail,
                                               &out->before, &out->after };
    SV_TRY(number_of(root, "seq", &out->seq, why));
    SV_TRY(number_of(root, "at_us", &out->at_us, why));
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        SV_TRY(text_of(root, TEXTS[i], fields[i], why));
    }
    SV_TRY(hash_of(root, "prev", out->prev, why));
    return hash_of(root, "hash", out->hash, why);
}

static sv_err checkpoint_of(const sv_json *root, sv_audit_checkpoint *out, sv_why *why) {
    SV_TRY(number_of(root, "checkpoint", &out->seq, why));
    SV_TRY(hash_of(root, "hash", out->hash, why));
    return seal_of(root, &out->seal, why);
}

static sv_err gap_of(const sv_json *root, sv_audit_gap *out, sv_why *why) {
    SV_TRY(number_of(root, "pruned", &out->first, why));
    SV_TRY(number_of(root, "to", &out->last, why));
    SV_TRY(hash_of(root, "prev", out->prev, why));
    SV_TRY(hash_of(root, "hash", out->hash, why));
    return seal_of(root, &out->seal, why);
}

static sv_err head_of(const sv_json *root, sv_audit_head *out, sv_why *why) {
    sv_text words;
    SV_TRY(text_of(root, "selvedge", &words, why));
    if (!sv_text_is(words, EXPORT_WORDS)) {
        return sv_fail(why, SV_ERR_INVALID, "it is not an \"" EXPORT_WORDS "\"");
    }
    SV_TRY(text_of(root, "server", &out->server, why));
    SV_TRY(number_of(root, "after", &out->after, why));
    return text_of(root, "filter", &out->filter, why);
}

static sv_err end_of(const sv_json *root, sv_audit_end *out, sv_why *why) {
    SV_TRY(number_of(root, "end", &out->last, why));
    return sv_json_bool(sv_json_get(root, "more"), &out->more)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "\"more\" is neither true nor false");
}

static sv_err read_record(const sv_json *root, sv_audit_record *out, sv_why *why) {
    if (sv_json_get(root, "seq") != NULL) {
        out->kind = SV_AUDIT_LINE;
        return line_of(root, &out->line, why);
    }
    if (sv_json_get(root, "checkpoint") != NULL) {
        out->kind = SV_AUDIT_CHECKPOINT;
        return checkpoint_of(root, &out->checkpoint, why);
    }
    if (sv_json_get(root, "pruned") != NULL) {
        out->kind = SV_AUDIT_GAP;
        return gap_of(root, &out->gap, why);
    }
    if (sv_json_get(root, "selvedge") != NULL) {
        out->kind = SV_AUDIT_HEAD;
        return head_of(root, &out->head, why);
    }
    if (sv_json_get(root, "end") != NULL) {
        out->kind = SV_AUDIT_END;
        return end_of(root, &out->end, why);
    }
    return sv_fail(why, SV_ERR_INVALID, "it is no record of an audit log");
}

/// One record has one spelling.
static sv_err check_spelling(sv_text text, const sv_audit_record *record, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_AUDIT_RECORD_MAX);
    sv_audit_record_add(&again, record);
    return sv_text_eq(sv_textbuf_text(&again), text)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "it is not written as an export writes it");
}

sv_err sv_audit_record_parse(sv_text text, sv_json **root, sv_audit_record *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *read = NULL;
    sv_audit_record record = { .kind = SV_AUDIT_HEAD };
    if (text.len > SV_AUDIT_RECORD_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "it is longer than %d bytes", SV_AUDIT_RECORD_MAX);
    }
    SV_TRY(sv_json_parse(text, &read, NULL, why));
    SV_TRY(read_record(read, &record, why));
    SV_TRY(check_spelling(text, &record, why));
    *out = record;
    *root = read;
    read = NULL;
    return SV_OK;
}
