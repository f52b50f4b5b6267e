#include "state.h"
#include <base/crc.h>
#include <math.h>

void sv_state_put(sv_textbuf *out, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put_double(out, values[i]);
    }
}

size_t sv_state_seal(sv_textbuf *out) {
    put_u32(out, sv_crc32(sv_textbuf_text(out)));
    return out->overflowed ? 0 : out->len;
}

sv_err sv_state_open(const uint8_t *bytes, size_t len, uint32_t version, const char *what,
                     sv_cursor *out, sv_why *why) {
    size_t inside = len < SV_STATE_SUM_BYTES ? 0 : len - SV_STATE_SUM_BYTES;
    sv_text text = { .at = (const char *) bytes, .len = inside };
    if (inside == 0 || sv_crc32(text) != le32_at(bytes + inside)) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a %s was cut or has changed", what);
    }
    *out = (sv_cursor){ .at = bytes, .left = inside };
    uint32_t found = cursor_u32(out);
    if (found != version) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a %s is of version %#x, not %#x", what,
                       found, version);
    }
    return SV_OK;
}

void sv_state_get(sv_cursor *in, double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = cursor_double(in);
        if (!isfinite(values[i])) {
            in->failed = true;
            values[i] = 0;
        }
    }
}

sv_err sv_state_close(const sv_cursor *in, const char *what, sv_why *why) {
    if (in->failed || in->left > 0) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a %s makes no sense", what);
    }
    return SV_OK;
}
