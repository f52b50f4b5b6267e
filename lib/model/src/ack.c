#include <codec/json.h>
#include <model/ack.h>

void sv_ack_drop(sv_ack *ack) {
    sv_ranges_drop(&ack->also);
}

static bool has_gaps(const sv_ranges *seen) {
    return seen->count > 1 || seen->floor != INT64_MIN
           || (seen->count == 1 && seen->at[0].from != 1);
}

void sv_ack_format(sv_text epoch, const sv_ranges *seen, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_text(&json, "epoch", epoch);
    sv_json_add_int(&json, "seq", sv_ranges_prefix(seen, 1));
    if (has_gaps(seen)) {
        char room[SV_ACK_BYTES_MAX];
        sv_textbuf numbers = SV_TEXTBUF(room);
        sv_ranges_format(seen, &numbers);
        sv_json_add_text(&json, "numbers", sv_textbuf_text(&numbers));
    }
    sv_json_close_object(&json);
}

static sv_err read_members(const sv_json *root, sv_ack *out, sv_why *why) {
    sv_text epoch = SV_TEXT("");
    if (!sv_json_text(sv_json_get(root, "epoch"), &epoch) || epoch.len == 0
        || sv_text_copy(epoch, out->epoch, sizeof out->epoch) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "epoch is no text of 1 to %d bytes", SV_EPOCH_MAX);
    }
    if (!sv_json_int(sv_json_get(root, "seq"), &out->seq) || out->seq < 0) {
        return sv_fail(why, SV_ERR_INVALID, "seq is no whole number from 0");
    }
    const sv_json *numbers = sv_json_get(root, "numbers");
    sv_text text;
    if (numbers != NULL
        && (!sv_json_text(numbers, &text) || sv_ranges_parse(text, &out->also) != SV_OK)) {
        return sv_fail(why, SV_ERR_INVALID, "numbers are no ranges like \"1-90,95\"");
    }
    return SV_OK;
}

sv_err sv_ack_parse(sv_text payload, sv_ack *out, sv_why *why) {
    if (payload.len > SV_ACK_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes are more than %d", payload.len,
                       SV_ACK_BYTES_MAX);
    }
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(payload, &root, NULL, why));
    SV_DEFER(sv_ack_drop) sv_ack read = { .also = SV_RANGES_EMPTY };
    SV_TRY(read_members(root, &read, why));
    *out = read;
    read.also = SV_RANGES_EMPTY;
    return SV_OK;
}

bool sv_ack_covers(const sv_ack *ack, sv_text epoch, int64_t seq) {
    return sv_text_is(epoch, ack->epoch)
           && ((seq >= 1 && seq <= ack->seq) || sv_ranges_has(&ack->also, seq));
}
