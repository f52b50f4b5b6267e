#include <codec/encode.h>
#include <codec/json.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT_INTEGER_MAX 9007199254740992.0 // 2^53

static sv_json_fault fault_of(const json_error_t *error) {
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return SV_JSON_DUPLICATE_KEY;
    case json_error_invalid_utf8:
        return SV_JSON_BAD_UTF8;
    case json_error_numeric_overflow:
        return SV_JSON_NOT_FINITE;
    case json_error_stack_overflow:
        return SV_JSON_TOO_DEEP;
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_premature_end_of_input:
    case json_error_end_of_input_expected:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_character:
    case json_error_null_value:
    case json_error_null_byte_in_key:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
    default:
        return SV_JSON_SYNTAX;
    }
}

sv_err sv_json_parse(sv_text text, sv_json **out, sv_json_fault *fault, sv_why *why) {
    // jansson takes a NUL for the end and would not look at what follows.
    const char *nul = text.len > 0 ? memchr(text.at, '\0', text.len) : NULL;
    if (nul != NULL) {
        if (fault != NULL) {
            *fault = SV_JSON_SYNTAX;
        }
        return sv_fail(why, SV_ERR_INVALID, "not JSON: byte %zu is NUL",
                       (size_t) (nul - text.at) + 1);
    }
    json_error_t error = { .line = 0 };
    json_t *root =
        json_loadb(text.at == NULL ? "" : text.at, text.len,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY, &error);
    if (fault != NULL) {
        *fault = root == NULL ? fault_of(&error) : SV_JSON_FINE;
    }
    if (root == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "not JSON at line %d, column %d: %s", error.line,
                       error.column, error.text);
    }
    *out = root;
    return SV_OK;
}

void sv_json_drop(sv_json **root) {
    json_decref(*root);
    *root = NULL;
}

bool sv_json_is_object(const sv_json *value) {
    return json_is_object(value);
}

bool sv_json_is_array(const sv_json *value) {
    return json_is_array(value);
}

bool sv_json_is_null(const sv_json *value) {
    return json_is_null(value);
}

const sv_json *sv_json_get(const sv_json *object, const char *key) {
    return json_object_get(object, key);
}

bool sv_json_text(const sv_json *value, sv_text *out) {
    if (!json_is_string(value)) {
        return false;
    }
    *out = (sv_text){ .at = json_string_value(value), .len = json_string_length(value) };
    return true;
}

bool sv_json_number(const sv_json *value, double *out) {
    if (!json_is_number(value)) {
        return false;
    }
    *out = json_number_value(value);
    return true;
}

bool sv_json_int(const sv_json *value, int64_t *out) {
    double number = 0;
    if (!sv_json_number(value, &number) || fabs(number) > EXACT_INTEGER_MAX
        || trunc(number) != number) {
        return false;
    }
    *out = (int64_t) number;
    return true;
}

bool sv_json_bool(const sv_json *value, bool *out) {
    if (!json_is_boolean(value)) {
        return false;
    }
    *out = json_is_true(value);
    return true;
}

size_t sv_json_count(const sv_json *array) {
    return json_array_size(array);
}

const sv_json *sv_json_at(const sv_json *array, size_t index) {
    return json_array_get(array, index);
}

size_t sv_json_size(const sv_json *object) {
    return json_object_size(object);
}

sv_err sv_json_each(const sv_json *object, sv_json_visit *visit, void *arg) {
    union { // jansson's iterators can change what they walk over; here they do not
        const sv_json *seen;
        sv_json *walked;
    } both = { .seen = object };
    for (void *at = json_object_iter(both.walked); at != NULL;
         at = json_object_iter_next(both.walked, at)) {
        SV_TRY(visit(arg, sv_text_of(json_object_iter_key(at)), json_object_iter_value(at)));
    }
    return SV_OK;
}

static void before_value(sv_json_out *out) {
    if (out->need_comma) {
        sv_textbuf_add_char(out->buf, ',');
    }
    out->need_comma = true;
}

static void open_with(sv_json_out *out, char mark) {
    before_value(out);
    sv_textbuf_add_char(out->buf, mark);
    out->need_comma = false;
}

static void close_with(sv_json_out *out, char mark) {
    sv_textbuf_add_char(out->buf, mark);
    out->need_comma = true;
}

void sv_json_open_object(sv_json_out *out) {
    open_with(out, '{');
}

void sv_json_close_object(sv_json_out *out) {
    close_with(out, '}');
}

void sv_json_open_array(sv_json_out *out) {
    open_with(out, '[');
}

void sv_json_close_array(sv_json_out *out) {
    close_with(out, ']');
}

static void add_escaped(sv_textbuf *buf, unsigned char c) {
    static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof SHORT; i += 2) {
        if (c == (unsigned char) SHORT[i]) {
            sv_textbuf_add_char(buf, '\\');
            sv_textbuf_add_char(buf, SHORT[i + 1]);
            return;
        }
    }
    sv_textbuf_addf(buf, "\\u%04x", c);
}

/// The bytes from `at` that need no escape.
static size_t plain_run(sv_text rest) {
    size_t len = 0;
    while (len < rest.len && (unsigned char) rest.at[len] >= 0x20 && rest.at[len] != '"'
           && rest.at[len] != '\\' && rest.at[len] != 0x7f) {
        len++;
    }
    return len;
}

static void add_string(sv_textbuf *buf, sv_text value) {
    sv_textbuf_add_char(buf, '"');
    sv_text rest = value;
    while (rest.len > 0) {
        size_t run = plain_run(rest);
        sv_textbuf_add(buf, (sv_text){ .at = rest.at, .len = run });
        if (run < rest.len) {
            add_escaped(buf, (unsigned char) rest.at[run]);
            run++;
        }
        rest = (sv_text){ .at = rest.at + run, .len = rest.len - run };
    }
    sv_textbuf_add_char(buf, '"');
}

/// U+FFFD for every byte that belongs to no valid sequence.
static void add_repaired(sv_textbuf *buf, sv_text value) {
    sv_textbuf_add_char(buf, '"');
    for (size_t i = 0; i < value.len;) {
        size_t len = 1;
        while (len <= 4 && i + len <= value.len
               && !sv_utf8_is_valid((sv_text){ value.at + i, len })) {
            len++;
        }
        if (len > 4 || i + len > value.len) {
            sv_textbuf_add_str(buf, "\xef\xbf\xbd");
            i++;
        } else if (len == 1 && plain_run((sv_text){ value.at + i, 1 }) == 0) {
            add_escaped(buf, (unsigned char) value.at[i]);
            i++;
        } else {
            sv_textbuf_add(buf, (sv_text){ value.at + i, len });
            i += len;
        }
    }
    sv_textbuf_add_char(buf, '"');
}

void sv_json_key(sv_json_out *out, const char *key) {
    before_value(out);
    add_string(out->buf, sv_text_of(key));
    sv_textbuf_add_char(out->buf, ':');
    out->need_comma = false;
}

void sv_json_put_text(sv_json_out *out, sv_text value) {
    before_value(out);
    if (sv_utf8_is_valid(value)) {
        add_string(out->buf, value);
    } else {
        add_repaired(out->buf, value);
    }
}

void sv_json_put_str(sv_json_out *out, const char *value) {
    if (value == NULL) {
        sv_json_put_null(out);
    } else {
        sv_json_put_text(out, sv_text_of(value));
    }
}

void sv_json_put_number(sv_json_out *out, double value) {
    before_value(out);
    sv_num_add(out->buf, value);
}

void sv_json_put_int(sv_json_out *out, int64_t value) {
    before_value(out);
    sv_textbuf_addf(out->buf, "%lld", (long long) value);
}

void sv_json_put_bool(sv_json_out *out, bool value) {
    before_value(out);
    sv_textbuf_add_str(out->buf, value ? "true" : "false");
}

void sv_json_put_null(sv_json_out *out) {
    before_value(out);
    sv_textbuf_add_str(out->buf, "null");
}

void sv_json_put_raw(sv_json_out *out, sv_text json) {
    before_value(out);
    sv_textbuf_add(out->buf, json);
}

static void put_object(sv_json_out *out, const sv_json *value) {
    sv_json_open_object(out);
    // jansson's iterators do not change the object, but its interface does not say so.
    json_t *object = json_copy((json_t *) (uintptr_t) value);
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        sv_json_key(out, json_object_iter_key(at));
        sv_json_put_value(out, json_object_iter_value(at));
    }
    json_decref(object);
    sv_json_close_object(out);
}

void sv_json_put_value(sv_json_out *out, const sv_json *value) {
    sv_text text = SV_TEXT("");
    double number = 0;
    bool truth = false;
    if (sv_json_is_object(value)) {
        put_object(out, value);
    } else if (sv_json_is_array(value)) {
        sv_json_open_array(out);
        for (size_t i = 0; i < sv_json_count(value); i++) {
            sv_json_put_value(out, sv_json_at(value, i));
        }
        sv_json_close_array(out);
    } else if (sv_json_text(value, &text)) {
        sv_json_put_text(out, text);
    } else if (sv_json_number(value, &number)) {
        sv_json_put_number(out, number);
    } else if (sv_json_bool(value, &truth)) {
        sv_json_put_bool(out, truth);
    } else {
        sv_json_put_null(out);
    }
}

void sv_json_add_text(sv_json_out *out, const char *key, sv_text value) {
    sv_json_key(out, key);
    sv_json_put_text(out, value);
}

void sv_json_add_str(sv_json_out *out, const char *key, const char *value) {
    sv_json_key(out, key);
    sv_json_put_str(out, value);
}

void sv_json_add_number(sv_json_out *out, const char *key, double value) {
    sv_json_key(out, key);
    sv_json_put_number(out, value);
}

void sv_json_add_int(sv_json_out *out, const char *key, int64_t value) {
    sv_json_key(out, key);
    sv_json_put_int(out, value);
}

void sv_json_add_bool(sv_json_out *out, const char *key, bool value) {
    sv_json_key(out, key);
    sv_json_put_bool(out, value);
}

void sv_json_add_null(sv_json_out *out, const char *key) {
    sv_json_key(out, key);
    sv_json_put_null(out);
}
