// zstd (RFC 8878) for bodies that travel: whole texts, small windows, so that a gateway needs
// little memory for it and a hostile frame can make nobody allocate much.
#ifndef SV_CODEC_COMPRESS_H
#define SV_CODEC_COMPRESS_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_COMPRESS_LEVEL = 3,
    SV_COMPRESS_WINDOW_LOG = 17,     ///< 128 KiB looked back while compressing
    SV_COMPRESS_WINDOW_LOG_MAX = 20, ///< a frame that wants more is refused
};

/// Appends one frame. SV_ERR_NO_SPACE when `out` does not take it.
sv_err sv_compress(sv_text plain, sv_textbuf *out);
/// Appends the content of one frame. SV_ERR_NO_SPACE when it is larger than `out` may grow,
/// whatever the frame says of itself; SV_ERR_INVALID for anything but exactly one whole frame.
sv_err sv_expand(sv_text packed, sv_textbuf *out, sv_why *why);

#endif
