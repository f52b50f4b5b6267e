// zstd (RFC 8878) of any length, expanded as it comes: a file of one frame or several. What a frame
// may look back is bounded, and with it the memory; nothing is believed about sizes. For bodies
// that travel whole: compress.h.
#ifndef SV_CODEC_EXPAND_H
#define SV_CODEC_EXPAND_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_EXPAND_WINDOW_LOG_MAX = 23
}; ///< 8 MiB: all levels up to 19; `--long` and `--ultra` ask more

typedef struct sv_expander sv_expander;
typedef sv_err sv_expander_take(void *arg, sv_text bytes, sv_why *why);

SV_NOT_NULL sv_expander *sv_expander_new(void);
void sv_expander_drop(sv_expander **expander);
/// Does a file that begins so (4 bytes at least) hold frames?
bool sv_expander_is_for(sv_text begin);
/// What is expanded goes to `take`, in pieces. SV_ERR_INVALID for what is no such file.
sv_err sv_expander_push(sv_expander *expander, sv_text packed, sv_expander_take *take, void *arg,
                        sv_why *why);
/// Everything was pushed: the last frame is whole.
sv_err sv_expander_end(const sv_expander *expander, sv_why *why);

#endif
