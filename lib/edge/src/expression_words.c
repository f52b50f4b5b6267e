// The words of an expression: tokens, keywords, names of functions.
#include "expression_parts.h"
#include <base/num.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SUGGEST_DISTANCE_MAX = 2 };

static const char *const KEYWORDS[] = { "and", "or",  "not",  "for",   "each",
                                        "gap", "per", "true", "false", NULL };
static const char *const UNITS[] = { "ms", "s", "m", "h", "d", NULL };

static const function_word FUNCTIONS[] = {
    { .name = "abs", .kind = FUNCTION_ABS, .op = OP_ABS },
    { .name = "min", .kind = FUNCTION_PAIR, .op = OP_MIN, .window = SV_WINDOW_MIN },
    { .name = "max", .kind = FUNCTION_PAIR, .op = OP_MAX, .window = SV_WINDOW_MAX },
    { .name = "mean", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_MEAN },
    { .name = "sum", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_SUM },
    { .name = "count", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_COUNT },
    { .name = "p50", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_P50 },
    { .name = "p95", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_P95 },
    { .name = "p99", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_P99 },
    { .name = "first", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_FIRST },
    { .name = "last", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_LAST },
    { .name = "rate", .kind = FUNCTION_WINDOW, .window = SV_WINDOW_RATE },
    { .name = "average", .kind = FUNCTION_SENSOR, .op = OP_AVERAGE },
    { .name = "age", .kind = FUNCTION_SENSOR, .op = OP_AGE },
    { .name = "changed", .kind = FUNCTION_SENSOR, .op = OP_CHANGED },
};

static const char *const INFIX[] = {
    [OP_ADD] = "+",    [OP_SUBTRACT] = "-",    [OP_MULTIPLY] = "*", [OP_DIVIDE] = "/",
    [OP_LESS] = "<",   [OP_LESS_EQUAL] = "<=", [OP_GREATER] = ">",  [OP_GREATER_EQUAL] = ">=",
    [OP_EQUAL] = "==", [OP_NOT_EQUAL] = "!=",  [OP_AND] = "and",    [OP_OR] = "or",
};

bool op_is_pushing(step_op op) {
    return op <= OP_WINDOW;
}

const char *op_infix(step_op op) {
    return INFIX[op];
}

sv_err words_fail(words *from, size_t offset, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(from->fault->text, sizeof from->fault->text, fmt, args);
    va_end(args);
    from->fault->offset = offset;
    return SV_ERR_INVALID;
}

static bool is_one_of(sv_text word, const char *const names[]) {
    for (size_t i = 0; names[i] != NULL; i++) {
        if (sv_text_is(word, names[i])) {
            return true;
        }
    }
    return false;
}

bool words_is_keyword(sv_text word) {
    return is_one_of(word, KEYWORDS);
}

/// What people write who come from other languages, or from their own.
static const struct foreign {
    const char *word, *ours;
} FOREIGN_WORDS[] = {
    { "above", ">" },     { "over", ">" },      { "greater", ">" },       { "exceeds", ">" },
    { "below", "<" },     { "under", "<" },     { "less", "<" },          { "is", "==" },
    { "equals", "==" },   { "isnt", "!=" },     { "during", "for" },      { "avg", "mean" },
    { "median", "p50" },  { "total", "sum" },   { "derivative", "rate" }, { "slope", "rate" },
    { "minimum", "min" }, { "maximum", "max" }, { "absolute", "abs" },
};

static void to_lower(sv_text word, char room[SV_ID_MAX], sv_text *out) {
    *out = (sv_text){ .at = room, .len = word.len < SV_ID_MAX ? word.len : SV_ID_MAX };
    for (size_t i = 0; i < out->len; i++) {
        room[i] = (char) (word.at[i] >= 'A' && word.at[i] <= 'Z' ? word.at[i] + 32 : word.at[i]);
    }
}

static const char *foreign_word(sv_text lower) {
    for (size_t i = 0; i < SV_COUNT(FOREIGN_WORDS); i++) {
        if (sv_text_is(lower, FOREIGN_WORDS[i].word)) {
            return FOREIGN_WORDS[i].ours;
        }
    }
    return NULL;
}

/// How near the nearest name is; more than SUGGEST_DISTANCE_MAX: none is.
static size_t nearest(sv_text lower, const char *const names[]) {
    size_t best = SUGGEST_DISTANCE_MAX + 1;
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t far = sv_text_distance(lower, sv_text_of(names[i]));
        best = far < best && far < lower.len ? far : best;
    }
    return best;
}

/// "; did you mean mean?", with every name that is as near as the nearest. False: there is none.
static bool suggest(sv_textbuf *out, sv_text word, const char *const names[]) {
    char room[SV_ID_MAX];
    sv_text lower;
    to_lower(word, room, &lower);
    const char *ours = foreign_word(lower);
    size_t best = nearest(lower, names);
    if (ours == NULL && best > SUGGEST_DISTANCE_MAX) {
        return false;
    }
    sv_textbuf_add_str(out, "; did you mean ");
    if (ours != NULL) {
        sv_textbuf_addf(out, "%s?", ours);
        return true;
    }
    bool first = true;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (sv_text_distance(lower, sv_text_of(names[i])) == best) {
            sv_textbuf_addf(out, "%s%s", first ? "" : " or ", names[i]);
            first = false;
        }
    }
    sv_textbuf_add_char(out, '?');
    return true;
}

/// What may be meant by a word that does not belong here.
static void hint(const words *from, sv_textbuf *out) {
    const token *at = &from->next;
    if (at->kind != TOKEN_WORD || words_is_keyword(at->text) || suggest(out, at->text, KEYWORDS)) {
        return;
    }
    if (from->before == TOKEN_NUMBER) {
        sv_textbuf_add_str(out, "; numbers stand without a unit");
    } else if (from->before == TOKEN_WORD) {
        sv_textbuf_add_str(out, "; if it belongs to the word before it: names have no spaces");
    }
}

sv_err words_fail_unexpected(words *from, const char *wanted) {
    const token *at = &from->next;
    char room[96];
    sv_textbuf hinted = SV_TEXTBUF(room);
    if (at->kind == TOKEN_END) {
        return words_fail(from, at->offset, "the text ends where %s is wanted", wanted);
    }
    hint(from, &hinted);
    return words_fail(from, at->offset, "%.*s stands where %s is wanted%.*s",
                      (int) (at->text.len < SV_ID_MAX ? at->text.len : SV_ID_MAX), at->text.at,
                      wanted, SV_TEXT_ARG(sv_textbuf_text(&hinted)));
}

bool words_next_is(const words *from, const char *keyword) {
    return from->next.kind == TOKEN_WORD && sv_text_is(from->next.text, keyword);
}

const function_word *words_function(words *from, const token *name) {
    const char *names[SV_COUNT(FUNCTIONS) + 1] = { NULL };
    for (size_t i = 0; i < SV_COUNT(FUNCTIONS); i++) {
        if (sv_text_is(name->text, FUNCTIONS[i].name)) {
            return &FUNCTIONS[i];
        }
        names[i] = FUNCTIONS[i].name;
    }
    char room[160];
    sv_textbuf suggestion = SV_TEXTBUF(room);
    if (!suggest(&suggestion, name->text, names)) {
        sv_textbuf_add_str(&suggestion, "; there are");
        for (size_t i = 0; names[i] != NULL; i++) {
            sv_textbuf_addf(&suggestion, "%s %s", i == 0 ? "" : ",", names[i]);
        }
    }
    (void) words_fail(from, name->offset, "there is no function %.*s%.*s",
                      (int) (name->text.len < SV_ID_MAX ? name->text.len : SV_ID_MAX),
                      name->text.at, SV_TEXT_ARG(sv_textbuf_text(&suggestion)));
    return NULL;
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word_char(char c) {
    return is_letter(c) || is_digit(c);
}

/// The character `ahead` of where we stand; NUL behind the end.
static char peek(const words *from, size_t ahead) {
    return from->at + ahead < from->text.len ? from->text.at[from->at + ahead] : '\0';
}

static sv_text rest_of(const words *from) {
    return (sv_text){ .at = from->text.at + from->at, .len = from->text.len - from->at };
}

/// How many characters of `text`, from `at` on, are digits (or, with `letters`, of a word).
static size_t run_of(sv_text text, size_t at, bool letters) {
    size_t end = at;
    while (end < text.len && (letters ? is_word_char(text.at[end]) : is_digit(text.at[end]))) {
        end++;
    }
    return end - at;
}

/// Is `zone-5` a name or a difference? Nobody should have to guess.
static sv_err refuse_tight_minus(words *from, size_t start, size_t len) {
    if (peek(from, 0) != '-' || !is_word_char(peek(from, 1))) {
        return SV_OK;
    }
    bool number_before = is_digit(from->text.at[start]) && run_of(from->text, start, false) == len;
    size_t after = run_of(from->text, from->at + 1, true);
    if (number_before && is_digit(peek(from, 1))) {
        return SV_OK;
    }
    enum { SHOWN_MAX = 2 * SV_ID_MAX };
    int all = (int) (len + 1 + after < SHOWN_MAX ? len + 1 + after : SHOWN_MAX);
    const char *at = from->text.at + start;
    return words_fail(from, start,
                      "is %.*s one name or a difference? Write '%.*s' in quotes for the name, "
                      "or spaces around the minus",
                      all, at, all, at);
}

/// Digits, then perhaps a fraction and an exponent.
static size_t number_len(sv_text text, size_t at) {
    size_t end = at + run_of(text, at, false);
    if (end < text.len && text.at[end] == '.') {
        end += 1 + run_of(text, end + 1, false);
    }
    if (end < text.len && (text.at[end] == 'e' || text.at[end] == 'E')) {
        size_t sign = end + 1 < text.len && (text.at[end + 1] == '+' || text.at[end + 1] == '-');
        size_t digits = run_of(text, end + 1 + sign, false);
        end += digits > 0 ? 1 + sign + digits : 0;
    }
    return end - at;
}

static sv_err take_duration(words *from, size_t start, sv_text text) {
    from->next.kind = TOKEN_DURATION;
    from->next.text = text;
    if (sv_duration_parse(text, &from->next.duration_us) == SV_OK) {
        return SV_OK;
    }
    return words_fail(
        from, start,
        "\"%.*s\" is neither a number nor a duration such as 500ms, 30s, 5m or 1h30m; "
        "a sensor whose name begins with a digit is written in quotes",
        (int) (text.len < SV_ID_MAX ? text.len : SV_ID_MAX), text.at);
}

/// `10 s`: a number, spaces, and a word that is a unit. The length of all of it; 0 when it is not.
static size_t spaced_duration_len(sv_text text, size_t at, size_t digits) {
    size_t unit = at + digits;
    while (unit < text.len && text.at[unit] == ' ') {
        unit++;
    }
    size_t len = run_of(text, unit, true);
    sv_text word = { .at = text.at + unit, .len = len };
    return unit > at + digits && is_one_of(word, UNITS) ? unit + len - at : 0;
}

static sv_err take_spaced_duration(words *from, size_t start, size_t digits, size_t len) {
    char room[SV_ID_MAX];
    sv_textbuf joined = SV_TEXTBUF(room);
    sv_text text = { .at = from->text.at + start, .len = len };
    sv_text unit = { .at = text.at + digits, .len = len - digits };
    sv_textbuf_add(&joined, (sv_text){ .at = text.at, .len = digits });
    sv_textbuf_add(&joined, sv_text_trim(unit));
    from->at += len;
    SV_TRY(take_duration(from, start, joined.overflowed ? text : sv_textbuf_text(&joined)));
    from->next.text = text;
    return SV_OK;
}

static sv_err take_number(words *from) {
    size_t start = from->at;
    size_t len = number_len(from->text, start);
    size_t tail = run_of(from->text, start + len, true);
    if (tail > 0) {
        from->at += len + tail;
        SV_TRY(refuse_tight_minus(from, start, len + tail));
        return take_duration(from, start,
                             (sv_text){ .at = from->text.at + start, .len = len + tail });
    }
    size_t spaced = spaced_duration_len(from->text, start, len);
    if (spaced > 0) {
        return take_spaced_duration(from, start, len, spaced);
    }
    from->at += len;
    SV_TRY(refuse_tight_minus(from, start, len));
    from->next.kind = TOKEN_NUMBER;
    from->next.text = (sv_text){ .at = from->text.at + start, .len = len };
    if (sv_num_parse(from->next.text, &from->next.number) != SV_OK) {
        return words_fail(from, start, "\"%.*s\" is not a number",
                          (int) (len < SV_ID_MAX ? len : SV_ID_MAX), from->next.text.at);
    }
    return SV_OK;
}

static sv_err take_word(words *from) {
    size_t start = from->at;
    from->next.kind = TOKEN_WORD;
    from->next.text =
        (sv_text){ .at = from->text.at + start, .len = run_of(from->text, start, true) };
    from->at += from->next.text.len;
    return refuse_tight_minus(from, start, from->next.text.len);
}

static sv_err take_quoted(words *from) {
    size_t start = from->at;
    sv_text rest = rest_of(from);
    const char *end = memchr(rest.at + 1, rest.at[0], rest.len - 1);
    if (end == NULL) {
        return words_fail(from, start, "the quote is not closed");
    }
    from->next.kind = TOKEN_QUOTED;
    from->next.text = (sv_text){ .at = rest.at + 1, .len = (size_t) (end - rest.at) - 1 };
    from->at += from->next.text.len + 2;
    sv_why why = { 0 };
    return sv_id_check("sensor", from->next.text, &why) == SV_OK
               ? SV_OK
               : words_fail(from, start, "%.*s", SV_EXPRESSION_FAULT_MAX - 1, why.text);
}

static const struct sign {
    const char *text;
    token_kind kind;
    step_op compare;
} SIGNS[] = {
    // The longer ones first.
    { "<=", TOKEN_COMPARE, OP_LESS_EQUAL }, { ">=", TOKEN_COMPARE, OP_GREATER_EQUAL },
    { "==", TOKEN_COMPARE, OP_EQUAL },      { "!=", TOKEN_COMPARE, OP_NOT_EQUAL },
    { "<", TOKEN_COMPARE, OP_LESS },        { ">", TOKEN_COMPARE, OP_GREATER },
    { "(", TOKEN_OPEN, OP_NUMBER },         { ")", TOKEN_CLOSE, OP_NUMBER },
    { ",", TOKEN_COMMA, OP_NUMBER },        { "+", TOKEN_PLUS, OP_NUMBER },
    { "-", TOKEN_MINUS, OP_NUMBER },        { "*", TOKEN_TIMES, OP_NUMBER },
    { "/", TOKEN_OVER, OP_NUMBER },
};

/// Signs of other languages. The longer ones first.
static const struct foreign FOREIGN_SIGNS[] = {
    { "=>", ">=" },
    { "=<", "<=" },
    { "&&", "and" },
    { "||", "or" },
    { "&", "and" },
    { "|", "or" },
    { "=", "==" },
    { "!", "not" },
    { ".", "a number such as 0.5" },
    { ";", "and" },
    { "[", "(" },
    { "{", "(" },
    { "^", "a product" },
    { "%", "the number without its unit" },
    { "\u00b0", "the number without its unit" },
    { "\u2265", ">=" },
    { "\u2264", "<=" },
    { "\u2260", "!=" },
    { "\u00d7", "*" },
    { "\u00f7", "/" },
    { "\u2212", "-" },
};

static sv_err take_sign(words *from) {
    sv_text rest = rest_of(from);
    for (size_t i = 0; i < SV_COUNT(SIGNS); i++) {
        sv_text sign = sv_text_of(SIGNS[i].text);
        if (sv_text_starts(rest, sign)) {
            from->next.kind = SIGNS[i].kind;
            from->next.compare = SIGNS[i].compare;
            from->next.text = (sv_text){ .at = rest.at, .len = sign.len };
            from->at += sign.len;
            return SV_OK;
        }
    }
    for (size_t i = 0; i < SV_COUNT(FOREIGN_SIGNS); i++) {
        const struct foreign *sign = &FOREIGN_SIGNS[i];
        if (sv_text_starts(rest, sv_text_of(sign->word))) {
            return words_fail(from, from->at, "%s has no meaning here; write %s", sign->word,
                              sign->ours);
        }
    }
    unsigned char c = (unsigned char) rest.at[0];
    return c > ' ' && c < 0x7f
               ? words_fail(from, from->at, "%c has no meaning here", c)
               : words_fail(from, from->at, "the character 0x%02x has no meaning here", c);
}

sv_err words_advance(words *from) {
    while (peek(from, 0) == ' ' || peek(from, 0) == '\t' || peek(from, 0) == '\n'
           || peek(from, 0) == '\r') {
        from->at++;
    }
    from->before = from->next.kind;
    from->next = (token){ .kind = TOKEN_END, .offset = from->at };
    if (from->at == from->text.len) {
        return SV_OK;
    }
    char c = peek(from, 0);
    if (is_digit(c)) {
        return take_number(from);
    }
    if (is_letter(c)) {
        return take_word(from);
    }
    return c == '\'' || c == '"' ? take_quoted(from) : take_sign(from);
}
