// JSON (RFC 8259) in and out. Reading goes through jansson with duplicate keys, non-finite numbers,
// NUL characters and broken UTF-8 refused; writing appends to a sv_textbuf, numbers in their
// shortest form (base/num.h).
#ifndef SV_CODEC_JSON_H
#define SV_CODEC_JSON_H

#include <base/err.h>
#include <base/num.h>
#include <base/text.h>

/// A value inside a document; jansson's json_t. Borrowed from the document's root.
typedef struct json_t sv_json;

/// Why a text is not JSON, for counting.
typedef enum sv_json_fault {
    SV_JSON_FINE = 0,
    SV_JSON_SYNTAX,
    SV_JSON_DUPLICATE_KEY,
    SV_JSON_BAD_UTF8,
    SV_JSON_NOT_FINITE, ///< 1e999 and the like
    SV_JSON_TOO_DEEP,
} sv_json_fault;

/// Parse one whole document. Numbers become doubles, integers up to 2^53 exactly. `fault` may be
/// NULL. SV_ERR_INVALID with line and column in `why`.
sv_err sv_json_parse(sv_text text, sv_json **out, sv_json_fault *fault, sv_why *why);
/// Ends the document; every borrowed text of it with it. For SV_DEFER.
void sv_json_drop(sv_json **root);

bool sv_json_is_object(const sv_json *value); ///< NULL is no object; so for all of these
bool sv_json_is_array(const sv_json *value);
bool sv_json_is_null(const sv_json *value);
/// NULL when `object` is not an object or has no such member.
const sv_json *sv_json_get(const sv_json *object, const char *key);
/// False, and *out untouched, when the value is of another type.
bool sv_json_text(const sv_json *value, sv_text *out);
bool sv_json_number(const sv_json *value, double *out);
/// A number that is whole and within ±2^53.
bool sv_json_int(const sv_json *value, int64_t *out);
bool sv_json_bool(const sv_json *value, bool *out);
/// Items of an array, or 0.
size_t sv_json_count(const sv_json *array);
const sv_json *sv_json_at(const sv_json *array, size_t index);
/// Members of an object, or 0.
size_t sv_json_size(const sv_json *object);
/// Calls `visit` for each member of an object, in the order of the document, until it fails.
typedef sv_err sv_json_visit(void *arg, sv_text key, const sv_json *value);
sv_err sv_json_each(const sv_json *object, sv_json_visit *visit, void *arg);

/// Writes commas by itself. Keys and values must alternate inside objects as JSON wants it.
typedef struct sv_json_out {
    sv_textbuf *buf;
    bool need_comma;
} sv_json_out;

#define SV_JSON_OUT(textbuf) ((sv_json_out){ .buf = (textbuf) })

void sv_json_open_object(sv_json_out *out);
void sv_json_close_object(sv_json_out *out);
void sv_json_open_array(sv_json_out *out);
void sv_json_close_array(sv_json_out *out);
void sv_json_key(sv_json_out *out, const char *key);
void sv_json_put_text(sv_json_out *out, sv_text value);    ///< escapes; broken UTF-8 becomes U+FFFD
void sv_json_put_str(sv_json_out *out, const char *value); ///< NULL is written null
void sv_json_put_number(sv_json_out *out, double value);
void sv_json_put_int(sv_json_out *out, int64_t value);
void sv_json_put_bool(sv_json_out *out, bool value);
void sv_json_put_null(sv_json_out *out);
/// `json` must be a whole JSON value already.
void sv_json_put_raw(sv_json_out *out, sv_text json);
/// A whole value of a parsed document, compact.
void sv_json_put_value(sv_json_out *out, const sv_json *value);

/// Key and value in one call.
void sv_json_add_text(sv_json_out *out, const char *key, sv_text value);
void sv_json_add_str(sv_json_out *out, const char *key, const char *value);
void sv_json_add_number(sv_json_out *out, const char *key, double value);
void sv_json_add_int(sv_json_out *out, const char *key, int64_t value);
void sv_json_add_bool(sv_json_out *out, const char *key, bool value);
void sv_json_add_null(sv_json_out *out, const char *key);

#endif
