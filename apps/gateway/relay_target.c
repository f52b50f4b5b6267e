// Which addresses a device may ask its gateway for, and how they are written to the fleet server.
#include "relay.h"
#include "relay_est.h"

#include <codec/encode.h>
#include <model/id.h>
#include <string.h>

static bool is_plain(sv_text segment) {
    for (size_t i = 0; i < segment.len; i++) {
        unsigned char c = (unsigned char) segment.at[i];
        if (c < ' ' || c == 0x7f || c == '/' || c == '\\') {
            return false;
        }
    }
    return segment.len > 0 && !sv_text_is(segment, ".") && !sv_text_is(segment, "..");
}

/// "/" and the segment, encoded in the one way that we encode.
static sv_err add_segment(sv_text raw, sv_textbuf *out) {
    char room[GW_RELAY_TARGET_MAX];
    sv_textbuf decoded = SV_TEXTBUF(room);
    SV_TRY(sv_percent_decode(raw, false, &decoded));
    if (!is_plain(sv_textbuf_text(&decoded))) {
        return SV_ERR_INVALID;
    }
    sv_textbuf_add_char(out, '/');
    sv_percent_add(out, sv_textbuf_text(&decoded));
    return SV_OK;
}

static sv_err add_path(sv_text raw, sv_textbuf *out) {
    sv_text rest = raw;
    if (sv_text_cut(&rest, '/').len > 0 || raw.len == 0 || raw.at[raw.len - 1] == '/') {
        return SV_ERR_INVALID;
    }
    while (rest.len > 0) {
        SV_TRY(add_segment(sv_text_cut(&rest, '/'), out));
    }
    return SV_OK;
}

/// `{tenant}/controller/v1/{id}` and what is below it.
static bool is_controller(sv_text path) {
    sv_text rest = path;
    (void) sv_text_cut(&rest, '/');
    sv_text tenant = sv_text_cut(&rest, '/');
    sv_text controller = sv_text_cut(&rest, '/');
    sv_text version = sv_text_cut(&rest, '/');
    sv_text id = sv_text_cut(&rest, '/');
    return sv_id_is_valid(tenant) && sv_text_is(controller, "controller")
           && sv_text_is(version, "v1") && sv_id_is_valid(id);
}

static bool is_below(sv_text path, const char *folder) {
    return sv_text_starts(path, sv_text_of(folder)) && path.len > strlen(folder);
}

static bool is_passed_on(sv_text path) {
    return gw_est_of(path) != GW_EST_NONE || is_below(path, "/tuf/")
           || is_below(path, "/artifacts/") || sv_text_is(path, "/v1/self") || is_controller(path);
}

static bool is_query(sv_text raw) {
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.at[i] <= ' ' || raw.at[i] > '~' || raw.at[i] == '#') {
            return false;
        }
    }
    return true;
}

sv_err gw_relay_target(sv_text raw_path, sv_text raw_query, sv_textbuf *out, sv_why *why) {
    if (raw_path.len + raw_query.len >= GW_RELAY_TARGET_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "path and query are longer than %d bytes",
                       GW_RELAY_TARGET_MAX);
    }
    size_t start = out->len;
    if (add_path(raw_path, out) != SV_OK || !is_query(raw_query)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a path has no empty, \".\" or \"..\" part, no encoded slash and no control "
                       "character");
    }
    sv_text path = { .at = out->at + start, .len = out->len - start };
    if (!out->overflowed && !is_passed_on(path)) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "the gateway passes on nothing for " SV_TEXT_FMT,
                       SV_TEXT_ARG(path));
    }
    if (raw_query.len > 0) {
        sv_textbuf_add_char(out, '?');
        sv_textbuf_add(out, raw_query);
    }
    return sv_textbuf_end(out);
}
