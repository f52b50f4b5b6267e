#include <base/mem.h>
#include <codec/encode.h>
#include <inttypes.h>
#include <model/standing.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX (UINT64_C(1) << 53) // what a JSON number carries exactly

static const char *const STATES[SV_STANDING__COUNT] = {
    [SV_STANDING_ACTIVE] = "active",
    [SV_STANDING_QUARANTINED] = "quarantined",
    [SV_STANDING_REVOKED] = "revoked",
    [SV_STANDING_RETIRED] = "retired",
};

const char *sv_standing_state_name(sv_standing_state state) {
    return (unsigned) state < SV_STANDING__COUNT ? STATES[state] : "unknown";
}

sv_err sv_standing_state_parse(sv_text text, sv_standing_state *out, sv_why *why) {
    for (unsigned i = 0; i < SV_STANDING__COUNT; i++) {
        if (sv_text_is(text, STATES[i])) {
            *out = (sv_standing_state) i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID,
                   "there is no state \"%.*s\": active, quarantined, revoked or retired",
                   (int) (text.len < 40 ? text.len : 40), text.at);
}

sv_standing_verdict sv_standing_judge(const sv_standing *standing, int64_t not_before_us) {
    if (standing == NULL) {
        return SV_STANDING_COUNTS;
    }
    if (not_before_us < standing->before_us) {
        return SV_STANDING_REFUSED;
    }
    return standing->state == SV_STANDING_QUARANTINED ? SV_STANDING_SET_ASIDE : SV_STANDING_COUNTS;
}

// ---- a line -------------------------------------------------------------------------------------

void sv_standing_line_add(sv_textbuf *out, const sv_standing_change *change) {
    sv_textbuf_addf(out, "%" PRId64 " %s %s %" PRId64 "\n", change->version, change->id,
                    sv_standing_state_name(change->state), change->before_us);
}

static sv_err read_words(sv_text line, sv_standing_change *out, sv_why *why) {
    sv_text rest = line;
    uint64_t version = 0;
    uint64_t before_us = 0;
    if (sv_text_u64(sv_text_cut(&rest, ' '), NUMBER_MAX, &version) != SV_OK || version == 0) {
        return sv_fail(why, SV_ERR_INVALID, "a line begins with its number, from 1");
    }
    sv_text id = sv_text_cut(&rest, ' ');
    sv_standing_change read = { .version = (int64_t) version };
    SV_TRY(sv_id_check("id", id, why));
    SV_TRY(sv_text_copy(id, read.id, sizeof read.id));
    SV_TRY(sv_standing_state_parse(sv_text_cut(&rest, ' '), &read.state, why));
    if (sv_text_u64(rest, NUMBER_MAX, &before_us) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "a line ends with a moment in microseconds");
    }
    read.before_us = (int64_t) before_us;
    *out = read;
    return SV_OK;
}

sv_err sv_standing_line_parse(sv_text line, sv_standing_change *out, sv_why *why) {
    sv_standing_change read;
    if (line.len > 0 && line.at[line.len - 1] == '\n') {
        line.len--;
    }
    SV_TRY(read_words(line, &read, why));
    char room[SV_STANDING_LINE_ROOM];
    sv_textbuf again = SV_TEXTBUF(room);
    sv_standing_line_add(&again, &read);
    again.len--; // its end
    if (!sv_text_eq(sv_textbuf_text(&again), line)) {
        return sv_fail(why, SV_ERR_INVALID, "a line's numbers have no zero in front");
    }
    *out = read;
    return SV_OK;
}

// ---- a page -------------------------------------------------------------------------------------

void sv_standing_page_drop(sv_standing_page *page) {
    free(page->changes);
    *page = (sv_standing_page){ 0 };
}

static void add_head(sv_json_out *out, const sv_standing_head *head) {
    char room[2 * SV_STANDING_SIGNATURE_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_open_object(out);
    sv_json_add_int(out, "version", head->version);
    sv_hex_add(&text, head->hash, sizeof head->hash);
    sv_json_add_text(out, "hash", sv_textbuf_text(&text));
    sv_json_add_int(out, "at", head->at_us);
    sv_textbuf_clear(&text);
    sv_base64_add(&text, (sv_text){ (const char *) head->signature, head->signature_bytes });
    sv_json_add_text(out, "signature", sv_textbuf_text(&text));
    sv_json_close_object(out);
}

void sv_standing_page_add(sv_json_out *out, const sv_standing_page *page) {
    sv_json_open_object(out);
    sv_json_add_int(out, "from", page->from);
    sv_json_key(out, "lines");
    sv_json_open_array(out);
    for (size_t i = 0; i < page->count; i++) {
        char room[SV_STANDING_LINE_ROOM];
        sv_textbuf line = SV_TEXTBUF(room);
        sv_standing_line_add(&line, &page->changes[i]);
        line.len--; // without its end
        sv_json_put_text(out, sv_textbuf_text(&line));
    }
    sv_json_close_array(out);
    sv_json_key(out, "head");
    add_head(out, &page->head);
    if (page->newest > 0) {
        sv_json_add_int(out, "newest", page->newest);
    }
    sv_json_close_object(out);
}

static sv_err read_signature(const sv_json *value, sv_standing_head *out, sv_why *why) {
    sv_text text;
    char room[SV_STANDING_SIGNATURE_MAX + 1];
    sv_textbuf bytes = SV_TEXTBUF(room);
    if (!sv_json_text(value, &text) || text.len == 0 || sv_base64_parse(text, &bytes) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "head.signature is no base64 of 1 to %d bytes",
                       SV_STANDING_SIGNATURE_MAX);
    }
    memcpy(out->signature, bytes.at, bytes.len);
    out->signature_bytes = bytes.len;
    return SV_OK;
}

static sv_err read_head(const sv_json *head, sv_standing_head *out, sv_why *why) {
    sv_text hash;
    if (!sv_json_int(sv_json_get(head, "version"), &out->version) || out->version < 0) {
        return sv_fail(why, SV_ERR_INVALID, "head.version is no whole number from 0");
    }
    if (!sv_json_text(sv_json_get(head, "hash"), &hash)
        || sv_hex_parse(hash, out->hash, sizeof out->hash) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "head.hash is not %d hexadecimal digits",
                       2 * SV_STANDING_HASH_BYTES);
    }
    if (!sv_json_int(sv_json_get(head, "at"), &out->at_us) || out->at_us < 0) {
        return sv_fail(why, SV_ERR_INVALID, "head.at is no moment in microseconds");
    }
    return read_signature(sv_json_get(head, "signature"), out, why);
}

static sv_err read_lines(const sv_json *lines, sv_standing_page *out, sv_why *why) {
    out->count = sv_json_count(lines);
    if (!sv_json_is_array(lines) || out->count > SV_STANDING_LINES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "lines is no array of at most %d",
                       SV_STANDING_LINES_MAX);
    }
    out->changes = sv_mem_array(out->count + 1, sizeof *out->changes);
    for (size_t i = 0; i < out->count; i++) {
        sv_text line;
        if (!sv_json_text(sv_json_at(lines, i), &line)
            || (line.len > 0 && line.at[line.len - 1] == '\n')) {
            return sv_fail(why, SV_ERR_INVALID, "lines[%zu] is no line", i);
        }
        SV_TRY(sv_standing_line_parse(line, &out->changes[i], why));
        if (out->changes[i].version != out->from + (int64_t) i + 1) {
            return sv_fail(why, SV_ERR_INVALID, "lines[%zu] is change %" PRId64 ", not %" PRId64, i,
                           out->changes[i].version, out->from + (int64_t) i + 1);
        }
    }
    return SV_OK;
}

static sv_err read_members(const sv_json *root, sv_standing_page *out, sv_why *why) {
    if (!sv_json_int(sv_json_get(root, "from"), &out->from) || out->from < 0) {
        return sv_fail(why, SV_ERR_INVALID, "from is no whole number from 0");
    }
    SV_TRY(read_lines(sv_json_get(root, "lines"), out, why));
    SV_TRY(read_head(sv_json_get(root, "head"), &out->head, why));
    if (out->head.version != out->from + (int64_t) out->count) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the head is of version %" PRId64 ", the lines end at %" PRId64,
                       out->head.version, out->from + (int64_t) out->count);
    }
    const sv_json *newest = sv_json_get(root, "newest");
    if (newest != NULL && (!sv_json_int(newest, &out->newest) || out->newest < out->head.version)) {
        return sv_fail(why, SV_ERR_INVALID, "newest is below the head's version");
    }
    return SV_OK;
}

sv_err sv_standing_page_parse(sv_text json, sv_standing_page *out, sv_why *why) {
    if (json.len > SV_STANDING_PAGE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes are more than %d", json.len,
                       SV_STANDING_PAGE_MAX);
    }
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(json, &root, NULL, why));
    SV_DEFER(sv_standing_page_drop) sv_standing_page read = { .from = 0 };
    SV_TRY(read_members(root, &read, why));
    *out = read;
    read.changes = NULL;
    return SV_OK;
}
