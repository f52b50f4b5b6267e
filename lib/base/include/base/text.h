// Text as pointer + length. `sv_text` borrows and never owns; `sv_textbuf` writes into storage its
// owner provides, or into memory that grows up to a stated limit, and remembers, instead of
// hiding, that something did not fit.
#ifndef SV_BASE_TEXT_H
#define SV_BASE_TEXT_H

#include <base/attr.h>
#include <base/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sv_text {
    const char *at;
    size_t len;
} sv_text;

#define SV_TEXT(literal) ((sv_text){ .at = "" literal "", .len = sizeof(literal) - 1 })
#define SV_TEXT_FMT "%.*s"
#define SV_TEXT_ARG(text) (int) (text).len, (text).at

/// NULL gives the empty text.
sv_text sv_text_of(const char *nul_terminated);
bool sv_text_eq(sv_text left, sv_text right);
bool sv_text_is(sv_text left, const char *right);
bool sv_text_starts(sv_text text, sv_text prefix);
/// Without the ASCII white space around it.
sv_text sv_text_trim(sv_text text);

/// Cut `rest` at the first `mark`: returns what came before, leaves what comes after.
/// Without a `mark` the whole of `rest` is returned and `rest` becomes empty.
sv_text sv_text_cut(sv_text *rest, char mark);

/// Copy into `room` with a NUL. SV_ERR_NO_SPACE (and `room` empty) when it does not fit,
/// SV_ERR_INVALID when the text holds a NUL itself.
sv_err sv_text_copy(sv_text text, char *room, size_t room_bytes);

/// How many letters are changed, added, left out or swapped with the next between two short texts;
/// one over 64 bytes is far from every other.
size_t sv_text_distance(sv_text a, sv_text b);

/// A decimal number without sign, spaces or leading '+', at most `max`.
sv_err sv_text_u64(sv_text text, uint64_t max, uint64_t *out);

typedef struct sv_textbuf {
    char *at;
    size_t len;
    size_t cap;
    size_t cap_max;  ///< 0: storage belongs to the owner and never grows
    bool overflowed; ///< set once something did not fit; later appends change nothing
} sv_textbuf;

/// A buffer over a caller's array.
#define SV_TEXTBUF(array) ((sv_textbuf){ .at = (array), .cap = sizeof(array) })
/// A buffer that grows on the heap up to `max` bytes; end it with sv_textbuf_drop.
#define SV_TEXTBUF_HEAP(max) ((sv_textbuf){ .cap_max = (max) })

void sv_textbuf_add(sv_textbuf *buf, sv_text text);
/// Room for `bytes` more, which count as written; NULL when they do not fit.
char *sv_textbuf_grow(sv_textbuf *buf, size_t bytes);
void sv_textbuf_add_str(sv_textbuf *buf, const char *nul_terminated);
void sv_textbuf_add_char(sv_textbuf *buf, char c);
SV_PRINTF(2, 3) void sv_textbuf_addf(sv_textbuf *buf, const char *fmt, ...);

/// Terminate with NUL; SV_ERR_NO_SPACE if any earlier append (or the NUL) did not fit.
sv_err sv_textbuf_end(sv_textbuf *buf);
/// What has been written so far.
sv_text sv_textbuf_text(const sv_textbuf *buf);
/// Forget the content, keep the storage.
void sv_textbuf_clear(sv_textbuf *buf);
/// Free a heap buffer; harmless on the others.
void sv_textbuf_drop(sv_textbuf *buf);

#endif
