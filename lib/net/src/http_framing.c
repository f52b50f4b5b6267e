#include "http_internal.h"

#include <string.h>
#include <strings.h>

enum { DIGITS_MAX = 18 };

size_t sv_http_count_header(const struct evkeyvalq *headers, const char *name) {
    size_t count = 0;
    const struct evkeyval *header = NULL;
    TAILQ_FOREACH(header, headers, next) {
        count += strcasecmp(header->key, name) == 0;
    }
    return count;
}

/// RFC 9110 §5.6.2. "Content-Length " would be another header to us and the same to others.
static bool is_token(const char *name) {
    static const char CHARACTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "!#$%&'*+-.^_`|~";
    size_t len = strlen(name);
    return len > 0 && strspn(name, CHARACTERS) == len;
}

static bool is_number(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len <= DIGITS_MAX && strspn(text, "0123456789") == len;
}

bool sv_http_framing_is_plain(const struct evkeyvalq *headers) {
    const struct evkeyval *header = NULL;
    size_t lengths = 0;
    size_t encodings = 0;
    TAILQ_FOREACH(header, headers, next) {
        bool is_length = strcasecmp(header->key, "Content-Length") == 0;
        bool is_encoding = strcasecmp(header->key, "Transfer-Encoding") == 0;
        lengths += is_length;
        encodings += is_encoding;
        if (!is_token(header->key) || (is_length && !is_number(header->value))
            || (is_encoding && strcasecmp(header->value, "chunked") != 0)) {
            return false;
        }
    }
    return lengths + encodings <= 1;
}
