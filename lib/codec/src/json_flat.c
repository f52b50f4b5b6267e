#include <codec/encode.h>
#include <codec/json_flat.h>

sv_json_flat sv_json_flat_of(sv_text text) {
    const char *at = text.at == NULL ? "" : text.at;
    return (sv_json_flat){ .at = at, .end = at + text.len };
}

static void skip_space(sv_json_flat *flat) {
    while (flat->at < flat->end
           && (*flat->at == ' ' || *flat->at == '\n' || *flat->at == '\t' || *flat->at == '\r')) {
        flat->at++;
    }
}

bool sv_json_flat_mark(sv_json_flat *flat, char mark) {
    skip_space(flat);
    if (flat->at == flat->end || *flat->at != mark) {
        return false;
    }
    flat->at++;
    return true;
}

bool sv_json_flat_text(sv_json_flat *flat, sv_text *out) {
    if (!sv_json_flat_mark(flat, '"')) {
        return false;
    }
    const char *start = flat->at;
    const char *at = start;
    unsigned char all = 0;
    while (at < flat->end && *at != '"' && *at != '\\' && (unsigned char) *at >= 0x20) {
        all |= (unsigned char) *at++;
    }
    flat->at = at;
    sv_text text = { .at = start, .len = (size_t) (at - start) };
    if (at == flat->end || *at != '"' || (all >= 0x80 && !sv_utf8_is_valid(text))) {
        return false;
    }
    flat->at++;
    *out = text;
    return true;
}

static bool is_of_number(char at) {
    return (at >= '0' && at <= '9') || at == '-' || at == '+' || at == '.' || at == 'e'
           || at == 'E';
}

bool sv_json_flat_number(sv_json_flat *flat, sv_text *out) {
    skip_space(flat);
    const char *start = flat->at;
    while (flat->at < flat->end && is_of_number(*flat->at)) {
        flat->at++;
    }
    *out = (sv_text){ .at = start, .len = (size_t) (flat->at - start) };
    return out->len > 0;
}

bool sv_json_flat_bool(sv_json_flat *flat, bool *out) {
    skip_space(flat);
    sv_text rest = { .at = flat->at, .len = (size_t) (flat->end - flat->at) };
    bool is_true = sv_text_starts(rest, SV_TEXT("true"));
    if (!is_true && !sv_text_starts(rest, SV_TEXT("false"))) {
        return false;
    }
    flat->at += is_true ? sizeof "true" - 1 : sizeof "false" - 1;
    *out = is_true;
    return true;
}

bool sv_json_flat_end(sv_json_flat *flat) {
    skip_space(flat);
    return flat->at == flat->end;
}
