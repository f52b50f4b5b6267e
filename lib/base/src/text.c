#include <base/mem.h>
#include <base/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTBUF_FIRST_BYTES = 256 };

sv_text sv_text_of(const char *nul_terminated) {
    if (nul_terminated == NULL) {
        return SV_TEXT("");
    }
    return (sv_text){ .at = nul_terminated, .len = strlen(nul_terminated) };
}

bool sv_text_eq(sv_text left, sv_text right) {
    return left.len == right.len && (left.len == 0 || memcmp(left.at, right.at, left.len) == 0);
}

bool sv_text_is(sv_text left, const char *right) {
    return sv_text_eq(left, sv_text_of(right));
}

bool sv_text_starts(sv_text text, sv_text prefix) {
    return text.len >= prefix.len
           && (prefix.len == 0 || memcmp(text.at, prefix.at, prefix.len) == 0);
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

sv_text sv_text_trim(sv_text text) {
    while (text.len > 0 && is_space(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.at[text.len - 1])) {
        text.len--;
    }
    return text;
}

sv_text sv_text_cut(sv_text *rest, char mark) {
    sv_text all = *rest;
    const char *found = all.len > 0 ? memchr(all.at, mark, all.len) : NULL;
    if (found == NULL) {
        *rest = (sv_text){ .at = all.at == NULL ? "" : all.at + all.len, .len = 0 };
        return all;
    }
    size_t before = (size_t) (found - all.at);
    *rest = (sv_text){ .at = found + 1, .len = all.len - before - 1 };
    return (sv_text){ .at = all.at, .len = before };
}

sv_err sv_text_copy(sv_text text, char *room, size_t room_bytes) {
    if (room_bytes > 0) {
        room[0] = '\0';
    }
    if (text.len >= room_bytes) {
        return SV_ERR_NO_SPACE;
    }
    if (text.len > 0) {
        if (memchr(text.at, '\0', text.len) != NULL) {
            return SV_ERR_INVALID;
        }
        memcpy(room, text.at, text.len);
    }
    room[text.len] = '\0';
    return SV_OK;
}

enum { DISTANCE_BYTES_MAX = 64 };

static size_t least_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/// Row `i` of the table of distances between beginnings of both texts, from the two rows above it.
static void distance_row(sv_text a, sv_text b, size_t i, size_t rows[3][DISTANCE_BYTES_MAX + 1]) {
    size_t *row = rows[i % 3];
    const size_t *above = rows[(i + 2) % 3];
    const size_t *two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
        size_t changed = above[j - 1] + (a.at[i - 1] == b.at[j - 1] ? 0 : 1);
        row[j] = least_of(changed, least_of(row[j - 1], above[j]) + 1);
        if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1]) {
            row[j] = least_of(row[j], two_above[j - 2] + 1);
        }
    }
}

size_t sv_text_distance(sv_text a, sv_text b) {
    if (a.len > DISTANCE_BYTES_MAX || b.len > DISTANCE_BYTES_MAX) {
        return DISTANCE_BYTES_MAX;
    }
    size_t rows[3][DISTANCE_BYTES_MAX + 1] = { { 0 } };
    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        distance_row(a, b, i, rows);
    }
    return rows[a.len % 3][b.len];
}

sv_err sv_text_u64(sv_text text, uint64_t max, uint64_t *out) {
    if (text.len == 0) {
        return SV_ERR_INVALID;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return SV_ERR_INVALID;
        }
        uint64_t digit = (uint64_t) (text.at[i] - '0');
        if (value > (max - digit) / 10 || digit > max) {
            return SV_ERR_INVALID;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return SV_OK;
}

/// Room for `more` bytes and a NUL.
static bool make_room(sv_textbuf *buf, size_t more) {
    if (buf->overflowed) {
        return false;
    }
    if (more < buf->cap - buf->len) {
        return true;
    }
    if (buf->cap_max == 0 || more >= buf->cap_max - buf->len) {
        buf->overflowed = true;
        return false;
    }
    size_t first = buf->cap_max < TEXTBUF_FIRST_BYTES ? buf->cap_max : TEXTBUF_FIRST_BYTES;
    size_t cap = buf->cap == 0 ? first : buf->cap;
    while (more >= cap - buf->len) {
        cap = cap > buf->cap_max / 2 ? buf->cap_max : cap * 2;
    }
    buf->at = sv_mem_resize(buf->at, cap);
    buf->cap = cap;
    return true;
}

void sv_textbuf_add(sv_textbuf *buf, sv_text text) {
    if (!make_room(buf, text.len)) {
        return;
    }
    if (text.len > 0) {
        memcpy(buf->at + buf->len, text.at, text.len);
    }
    buf->len += text.len;
    buf->at[buf->len] = '\0';
}

char *sv_textbuf_grow(sv_textbuf *buf, size_t bytes) {
    if (!make_room(buf, bytes)) {
        return NULL;
    }
    char *room = buf->at + buf->len;
    buf->len += bytes;
    buf->at[buf->len] = '\0';
    return room;
}

void sv_textbuf_add_str(sv_textbuf *buf, const char *nul_terminated) {
    sv_textbuf_add(buf, sv_text_of(nul_terminated));
}

void sv_textbuf_add_char(sv_textbuf *buf, char c) {
    sv_textbuf_add(buf, (sv_text){ .at = &c, .len = 1 });
}

void sv_textbuf_addf(sv_textbuf *buf, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0 && make_room(buf, (size_t) len)) {
        (void) vsnprintf(buf->at + buf->len, (size_t) len + 1, fmt, again);
        buf->len += (size_t) len;
    }
    va_end(again);
}

sv_err sv_textbuf_end(sv_textbuf *buf) {
    if (!make_room(buf, 0)) {
        return SV_ERR_NO_SPACE;
    }
    buf->at[buf->len] = '\0';
    return SV_OK;
}

sv_text sv_textbuf_text(const sv_textbuf *buf) {
    return (sv_text){ .at = buf->at == NULL ? "" : buf->at, .len = buf->len };
}

void sv_textbuf_clear(sv_textbuf *buf) {
    buf->len = 0;
    buf->overflowed = false;
    if (buf->cap > 0) {
        buf->at[0] = '\0';
    }
}

void sv_textbuf_drop(sv_textbuf *buf) {
    if (buf->cap_max > 0) {
        free(buf->at);
        *buf = (sv_textbuf){ .cap_max = buf->cap_max };
    }
}
