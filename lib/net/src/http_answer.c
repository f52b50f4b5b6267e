#include "http_answer.h"

#include <string.h>
#include <strings.h>

void http_answer_start(http_answer *answer, bool to_head, size_t body_max) {
    // One byte more for the buffer's NUL: a body of just the limit fits.
    *answer = (http_answer){ .to_head = to_head,
                             .body_max = body_max,
                             .head = SV_TEXTBUF_HEAP(HTTP_ANSWER_HEAD_MAX),
                             .body = SV_TEXTBUF_HEAP(body_max + 1) };
}

void http_answer_drop(http_answer *answer) {
    sv_textbuf_drop(&answer->head);
    sv_textbuf_drop(&answer->body);
}

static bool is_word(sv_text text, const char *word) {
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static sv_err parse_status(http_answer *answer, sv_text line, sv_why *why) {
    sv_text rest = line;
    sv_text version = sv_text_cut(&rest, ' ');
    sv_text status = sv_text_cut(&rest, ' ');
    uint64_t number = 0;
    bool newest = sv_text_eq(version, SV_TEXT("HTTP/1.1"));
    if ((!newest && !sv_text_eq(version, SV_TEXT("HTTP/1.0"))) || status.len != 3
        || sv_text_u64(status, 599, &number) != SV_OK || number < 100) {
        return sv_fail(why, SV_ERR_INVALID, "what came back is no HTTP/1.1 answer");
    }
    answer->status = (int) number;
    answer->keeps = newest;
    answer->step = HTTP_ANSWER_HEADERS;
    return SV_OK;
}

static sv_err take_length(http_answer *answer, sv_text value, sv_why *why) {
    uint64_t length = 0;
    if (sv_text_u64(value, UINT32_MAX, &length) != SV_OK
        || (answer->has_length && answer->left != length)) {
        return sv_fail(why, SV_ERR_INVALID, "the answer has a broken Content-Length");
    }
    answer->has_length = true;
    answer->left = length;
    return SV_OK;
}

static sv_err take_header(http_answer *answer, sv_text name, sv_text value, sv_why *why) {
    if (is_word(name, "content-length")) {
        return take_length(answer, value, why);
    }
    if (is_word(name, "transfer-encoding")) {
        if (!is_word(value, "chunked")) {
            return sv_fail(why, SV_ERR_INVALID, "the answer has an unknown Transfer-Encoding");
        }
        answer->chunked = true;
    } else if (is_word(name, "connection")) {
        answer->keeps = is_word(value, "close") ? false : answer->keeps;
    } else if (is_word(name, "content-type")) {
        sv_text rest = value;
        answer->has_events = is_word(sv_text_trim(sv_text_cut(&rest, ';')), "text/event-stream");
    } else if (is_word(name, "location")) {
        answer->has_location =
            sv_text_copy(value, answer->location, sizeof answer->location) == SV_OK;
    }
    return SV_OK;
}

static sv_err check_size(const http_answer *answer, size_t more, sv_why *why) {
    if (more > answer->body_max || answer->body.len > answer->body_max - more) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the answer is larger than %zu bytes",
                       answer->body_max);
    }
    return SV_OK;
}

static sv_err headers_over(http_answer *answer, sv_why *why) {
    if (answer->status < 200) {
        // An interim answer; the real one follows. Nobody asked for another protocol.
        if (answer->status == 101) {
            return sv_fail(why, SV_ERR_INVALID, "the server wants to switch protocols");
        }
        answer->step = HTTP_ANSWER_STATUS;
        answer->has_length = answer->chunked = answer->has_location = false;
        sv_textbuf_clear(&answer->head);
        return SV_OK;
    }
    if (answer->to_head || answer->status == 204 || answer->status == 304) {
        answer->step = HTTP_ANSWER_DONE;
    } else if (answer->chunked) {
        answer->step = HTTP_ANSWER_CHUNK_SIZE;
    } else if (answer->has_length) {
        SV_TRY(check_size(answer, answer->left, why));
        answer->step = answer->left > 0 ? HTTP_ANSWER_LENGTH : HTTP_ANSWER_DONE;
    } else {
        answer->keeps = false;
        answer->step = HTTP_ANSWER_UNTIL_END;
    }
    return SV_OK;
}

static sv_err parse_header(http_answer *answer, sv_text line, sv_why *why) {
    if (line.len == 0) {
        return headers_over(answer, why);
    }
    if (memchr(line.at, ':', line.len) == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "the answer has a broken header");
    }
    sv_text rest = line;
    sv_text name = sv_text_cut(&rest, ':');
    sv_textbuf_add(&answer->head, line);
    sv_textbuf_add_char(&answer->head, '\n');
    return take_header(answer, name, sv_text_trim(rest), why);
}

static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
    return at != NULL ? (int) (at - digits) : -1;
}

static sv_err parse_chunk_size(http_answer *answer, sv_text line, sv_why *why) {
    sv_text rest = line;
    sv_text size = sv_text_trim(sv_text_cut(&rest, ';'));
    size_t value = 0;
    for (size_t i = 0; i < size.len; i++) {
        int digit = hex_digit(size.at[i]);
        if (digit < 0 || i >= 8) {
            return sv_fail(why, SV_ERR_INVALID, "the answer has a broken chunk size");
        }
        value = value * 16 + (size_t) digit;
    }
    if (size.len == 0) {
        return sv_fail(why, SV_ERR_INVALID, "the answer has a broken chunk size");
    }
    SV_TRY(check_size(answer, value, why));
    answer->left = value;
    answer->step = value > 0 ? HTTP_ANSWER_CHUNK : HTTP_ANSWER_TRAILERS;
    return SV_OK;
}

static sv_err parse_line(http_answer *answer, sv_text line, sv_why *why) {
    switch (answer->step) {
    case HTTP_ANSWER_STATUS:
        return parse_status(answer, line, why);
    case HTTP_ANSWER_HEADERS:
        return parse_header(answer, line, why);
    case HTTP_ANSWER_CHUNK_SIZE:
        return parse_chunk_size(answer, line, why);
    case HTTP_ANSWER_CHUNK_END:
        if (line.len != 0) {
            return sv_fail(why, SV_ERR_INVALID, "a chunk of the answer does not end");
        }
        answer->step = HTTP_ANSWER_CHUNK_SIZE;
        return SV_OK;
    case HTTP_ANSWER_TRAILERS:
        answer->step = line.len == 0 ? HTTP_ANSWER_DONE : HTTP_ANSWER_TRAILERS;
        return SV_OK;
    case HTTP_ANSWER_LENGTH:
    case HTTP_ANSWER_CHUNK:
    case HTTP_ANSWER_UNTIL_END:
    case HTTP_ANSWER_DONE:
        break;
    }
    return SV_OK;
}

/// *took stays 0 while the line is not whole.
static sv_err read_line(http_answer *answer, sv_text arrived, size_t *took, sv_why *why) {
    const char *end = memchr(arrived.at, '\n', arrived.len);
    size_t len = end != NULL ? (size_t) (end - arrived.at) + 1 : arrived.len;
    bool is_head = answer->step <= HTTP_ANSWER_HEADERS || answer->step == HTTP_ANSWER_TRAILERS;
    if (len > HTTP_ANSWER_HEAD_MAX
        || (is_head && answer->head_bytes + len > HTTP_ANSWER_HEAD_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "the answer's headers are larger than %d bytes",
                       HTTP_ANSWER_HEAD_MAX);
    }
    if (end == NULL) {
        *took = 0;
        return SV_OK;
    }
    *took = len;
    answer->head_bytes += is_head ? len : 0;
    sv_text line = { .at = arrived.at, .len = len - 1 };
    if (line.len > 0 && line.at[line.len - 1] == '\r') {
        line.len--;
    }
    return parse_line(answer, line, why);
}

static sv_err read_body(http_answer *answer, sv_text arrived, size_t *took, sv_why *why) {
    bool counted = answer->step != HTTP_ANSWER_UNTIL_END;
    size_t len = counted && answer->left < arrived.len ? answer->left : arrived.len;
    SV_TRY(check_size(answer, len, why));
    sv_textbuf_add(&answer->body, (sv_text){ .at = arrived.at, .len = len });
    *took = len;
    if (counted) {
        answer->left -= len;
        if (answer->left == 0) {
            answer->step =
                answer->step == HTTP_ANSWER_LENGTH ? HTTP_ANSWER_DONE : HTTP_ANSWER_CHUNK_END;
        }
    }
    return SV_OK;
}

static bool in_body(const http_answer *answer) {
    return answer->step == HTTP_ANSWER_LENGTH || answer->step == HTTP_ANSWER_CHUNK
           || answer->step == HTTP_ANSWER_UNTIL_END;
}

sv_err http_answer_read(http_answer *answer, sv_text arrived, size_t *took, sv_why *why) {
    *took = 0;
    while (answer->step != HTTP_ANSWER_DONE && *took < arrived.len) {
        sv_text rest = { .at = arrived.at + *took, .len = arrived.len - *took };
        size_t step = 0;
        SV_TRY(in_body(answer) ? read_body(answer, rest, &step, why)
                               : read_line(answer, rest, &step, why));
        if (step == 0) {
            break;
        }
        *took += step;
    }
    return SV_OK;
}

bool http_answer_end(http_answer *answer) {
    if (answer->step == HTTP_ANSWER_UNTIL_END) {
        answer->step = HTTP_ANSWER_DONE;
    }
    return answer->step == HTTP_ANSWER_DONE;
}
