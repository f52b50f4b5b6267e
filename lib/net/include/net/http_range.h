// Which bytes of something are asked for or answered (RFC 9110 §14): one range of bytes. Whoever
// asks for several at once, or in a way that nobody knows, gets the whole, as the RFC allows. Pure.
#ifndef SV_NET_HTTP_RANGE_H
#define SV_NET_HTTP_RANGE_H

#include <base/err.h>
#include <base/text.h>
#include <stdint.h>

enum { SV_HTTP_CONTENT_RANGE_ROOM = 80 };
/// The largest length that is spoken of.
#define SV_HTTP_LENGTH_MAX (INT64_C(1) << 53)

typedef struct sv_http_range {
    uint64_t from, to; ///< `to` is the first byte after it; from < to <= length
} sv_http_range;

typedef enum sv_http_range_kind {
    SV_HTTP_RANGE_WHOLE, ///< no range, or none that is understood: answer 200
    SV_HTTP_RANGE_PART,  ///< answer 206
    SV_HTTP_RANGE_NONE,  ///< there are no such bytes: answer 416
} sv_http_range_kind;

/// What the header `Range` asks for of `length` bytes; `value` may be NULL. *out is written for
/// WHOLE (all of it) and PART.
sv_http_range_kind sv_http_range_read(const char *value, uint64_t length, sv_http_range *out);

/// "bytes 0-99/1000".
void sv_http_content_range_add(sv_textbuf *out, const sv_http_range *range, uint64_t length);
/// The same, read: SV_ERR_INVALID for anything else, also for an unknown length.
sv_err sv_http_content_range_read(sv_text value, sv_http_range *range, uint64_t *length);

#endif
