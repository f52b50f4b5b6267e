// The bytes of a detector's state: a version, numbers in little-endian, a checksum at the end.
#ifndef SV_DETECT_STATE_H
#define SV_DETECT_STATE_H

#include "cursor.h"

enum { SV_STATE_SUM_BYTES = 4 };

static inline sv_textbuf sv_state_room(uint8_t *room, size_t room_bytes) {
    return (sv_textbuf){ .at = (char *) room, .cap = room_bytes };
}

void sv_state_put(sv_textbuf *out, const double *values, size_t count);

/// The checksum, and how many bytes there are with it; 0 when they did not fit.
size_t sv_state_seal(sv_textbuf *out);

/// What stands behind the version of sealed bytes. SV_ERR_INVALID: they were cut or have changed,
/// or come from another version of `what`.
sv_err sv_state_open(const uint8_t *bytes, size_t len, uint32_t version, const char *what,
                     sv_cursor *out, sv_why *why);

/// A value that is not finite fails the cursor.
void sv_state_get(sv_cursor *in, double *values, size_t count);

/// SV_ERR_INVALID when the cursor failed, or something is left over.
sv_err sv_state_close(const sv_cursor *in, const char *what, sv_why *why);

#endif
