#include "query_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 32, NEAR_MAX = 2 };

static sv_text shown(sv_text text) {
    return (sv_text){ .at = text.at, .len = text.len < SHOWN_MAX ? text.len : SHOWN_MAX };
}

sv_err query_fail(query_words *w, size_t offset, const char *fmt, ...) {
    va_list args;
    if (w->fault == NULL) {
        return SV_ERR_INVALID;
    }
    *w->fault = (sv_query_fault){ .offset = offset, .line = 1, .column = 1 };
    for (size_t i = 0; i < offset; i++) {
        w->fault->column = w->from.at[i] == '\n' ? 1 : w->fault->column + 1;
        w->fault->line += w->from.at[i] == '\n';
    }
    va_start(args, fmt);
    (void) vsnprintf(w->fault->text, sizeof w->fault->text, fmt, args);
    va_end(args);
    return SV_ERR_INVALID;
}

sv_err query_fail_unexpected(query_words *w, const char *wanted) {
    sv_text found = shown(w->next.text);
    return w->next.kind == QUERY_END
               ? query_fail(w, w->next.offset, "the text ends where %s is wanted", wanted)
               : query_fail(w, w->next.offset, "'" SV_TEXT_FMT "' stands where %s is wanted",
                            SV_TEXT_ARG(found), wanted);
}

void query_suggest(sv_text word, const char *const names[], char *room, size_t bytes) {
    size_t best = NEAR_MAX + 1;
    room[0] = '\0';
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t far = sv_text_distance(word, sv_text_of(names[i]));
        if (far < best && far < word.len) {
            best = far;
            (void) snprintf(room, bytes, "; did you mean %s?", names[i]);
        }
    }
}

static bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || memchr("_.:+*/-", c, sizeof "_.:+*/-" - 1) != NULL;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_operator(char c) {
    return c == '=' || c == '!' || c == '<' || c == '>' || c == '~';
}

static sv_err finish(query_words *w, query_kind kind, size_t from, size_t to, size_t next) {
    w->next = (query_token){ .kind = kind,
                             .offset = from,
                             .text = { .at = w->from.at + from, .len = to - from } };
    w->at = next;
    return SV_OK;
}

static sv_err take_quoted(query_words *w, size_t from) {
    size_t at = from + 1;
    for (; at < w->from.len && w->from.at[at] != '"'; at++) {
        unsigned char c = (unsigned char) w->from.at[at];
        if (c < ' ' || c == 0x7f) {
            return query_fail(w, at, "a control character stands inside quotation marks");
        }
        at += c == '\\';
    }
    if (at >= w->from.len) {
        return query_fail(w, from, "the quotation mark here is not closed");
    }
    SV_TRY(finish(w, QUERY_QUOTED, from + 1, at, at + 1));
    w->next.offset = from;
    return SV_OK;
}

sv_err query_advance(query_words *w) {
    sv_text text = w->from;
    size_t from = w->at;
    while (from < text.len && is_space(text.at[from])) {
        from++;
    }
    if (from == text.len) {
        return finish(w, QUERY_END, from, from, from);
    }
    char c = text.at[from];
    size_t to = from + 1;
    if (c == '(' || c == ')') {
        return finish(w, c == '(' ? QUERY_OPEN : QUERY_CLOSE, from, to, to);
    }
    if (c == '"') {
        return take_quoted(w, from);
    }
    if (is_operator(c)) {
        to += to < text.len && c != '=' && c != '~'
              && (text.at[to] == '=' || (c == '!' && text.at[to] == '~'));
        return finish(w, QUERY_OP, from, to, to);
    }
    while (to <= text.len && is_bare(text.at[to - 1])) {
        to++;
    }
    if (--to == from) {
        return (unsigned char) c >= ' ' && (unsigned char) c < 0x7f
                   ? query_fail(w, from, "'%c' must stand inside quotation marks", c)
                   : query_fail(w, from, "byte 0x%02x must stand inside quotation marks",
                                (unsigned char) c);
    }
    return finish(w, QUERY_WORD, from, to, to);
}
