// From the text of a query to its steps, in one pass: each rule of the grammar is a function that
// emits the steps of what it has read.
#include "query_words.h"

#include <stdio.h>
#include <string.h>

static const char *const FIELDS[SV_QUERY_FIELD__COUNT + 1] = {
    [SV_QUERY_ID] = "id",           [SV_QUERY_SITE] = "site",
    [SV_QUERY_TYPE] = "type",       [SV_QUERY_PRODUCT] = "product",
    [SV_QUERY_VERSION] = "version", [SV_QUERY_HARDWARE] = "hardware",
    [SV_QUERY_SLOT] = "slot",       [SV_QUERY_GATEWAY] = "gateway",
    [SV_QUERY_HEALTH] = "health",   [SV_QUERY_GROUP] = "group",
    [SV_QUERY_TAG] = "tag",
};
/// What a condition can begin with: for who mistypes one.
static const char *const BEGINNINGS[] = { "id",       "site",     "type", "product",
                                          "version",  "hardware", "slot", "gateway",
                                          "health",   "group",    "tag",  "online",
                                          "diverges", "not",      "all",  NULL };
static const char *const JOINTS[] = { "and", "or", NULL };
static const char *const HEALTHS[] = { "healthy", "warning", "critical", "unknown", NULL };
static const char *const OPS[SV_QUERY_OP__COUNT] = {
    [SV_QUERY_ALL] = "all",  [SV_QUERY_ONLINE] = "online", [SV_QUERY_DIVERGES] = "diverges",
    [SV_QUERY_IS] = "=",     [SV_QUERY_IS_NOT] = "!=",     [SV_QUERY_BELOW] = "<",
    [SV_QUERY_UP_TO] = "<=", [SV_QUERY_ABOVE] = ">",       [SV_QUERY_FROM] = ">=",
    [SV_QUERY_LIKE] = "~",   [SV_QUERY_UNLIKE] = "!~",     [SV_QUERY_NOT] = "",
    [SV_QUERY_AND] = "",     [SV_QUERY_OR] = "",
};

typedef struct parser {
    query_words w;
    unsigned depth;
    sv_query *q;
} parser;

sv_text sv_query_value(const sv_query *query, const sv_query_step *step) {
    return (sv_text){ .at = query->texts + step->value, .len = step->value_bytes };
}

static sv_err emit(parser *p, const sv_query_step *step) {
    if (p->q->step_count == SV_QUERY_STEPS_MAX) {
        return query_fail(&p->w, p->w.next.offset, "more than %d steps; make groups of it",
                          SV_QUERY_STEPS_MAX);
    }
    p->q->steps[p->q->step_count++] = *step;
    return SV_OK;
}

static bool next_is(const parser *p, const char *word) {
    return p->w.next.kind == QUERY_WORD && sv_text_is(p->w.next.text, word);
}

static sv_err enter(parser *p) {
    return ++p->depth <= SV_QUERY_DEPTH_MAX
               ? SV_OK
               : query_fail(&p->w, p->w.next.offset, "nested more than %d deep",
                            SV_QUERY_DEPTH_MAX);
}

// ---- a comparison -------------------------------------------------------------------------------

static int index_of(sv_text word, const char *const names[]) {
    for (int i = 0; names[i] != NULL; i++) {
        if (sv_text_is(word, names[i])) {
            return i;
        }
    }
    return -1;
}

static sv_err take_op(parser *p, sv_query_field field, sv_query_op *out) {
    sv_query_op op = SV_QUERY_IS;
    if (p->w.next.kind != QUERY_OP) {
        return query_fail_unexpected(&p->w, "a comparison such as =");
    }
    while (op < SV_QUERY_NOT && !sv_text_is(p->w.next.text, OPS[op])) {
        op++;
    }
    if (op == SV_QUERY_NOT) {
        return query_fail(&p->w, p->w.next.offset, "'!' alone compares nothing; != is \"is not\"");
    }
    bool orders = op >= SV_QUERY_BELOW && op <= SV_QUERY_FROM;
    if (orders && field != SV_QUERY_VERSION) {
        return query_fail(&p->w, p->w.next.offset, "%s has no order; < <= > >= compare versions",
                          FIELDS[field]);
    }
    if (op >= SV_QUERY_LIKE && (field == SV_QUERY_GROUP || field == SV_QUERY_TAG)) {
        return query_fail(&p->w, p->w.next.offset,
                          "a %s is named whole, with = or !=", FIELDS[field]);
    }
    *out = op;
    return query_advance(&p->w);
}

/// The value into the query, without its escapes.
static sv_err take_value(parser *p, sv_query_step *step) {
    sv_query *q = p->q;
    sv_text text = p->w.next.text;
    bool quoted = p->w.next.kind == QUERY_QUOTED;
    if (!quoted && p->w.next.kind != QUERY_WORD) {
        return query_fail_unexpected(&p->w, "a value");
    }
    step->value = q->text_bytes;
    for (size_t i = 0; i < text.len; i++) {
        i += quoted && text.at[i] == '\\';
        q->texts[q->text_bytes++] = text.at[i]; // no longer than the text they came from
    }
    step->value_bytes = (uint16_t) (q->text_bytes - step->value);
    if (step->value_bytes == 0 || step->value_bytes > SV_QUERY_VALUE_MAX) {
        return query_fail(&p->w, p->w.next.offset, "a value has 1 to %d bytes, this one %u",
                          SV_QUERY_VALUE_MAX, step->value_bytes);
    }
    sv_text value = sv_query_value(q, step);
    if (step->field == SV_QUERY_HEALTH && step->op < SV_QUERY_LIKE
        && index_of(value, HEALTHS) < 0) {
        char near[48];
        query_suggest(value, HEALTHS, near, sizeof near);
        return query_fail(&p->w, p->w.next.offset,
                          "'%.*s' is no health (healthy, warning, critical, unknown)%s",
                          (int) (value.len < 32 ? value.len : 32), value.at, near);
    }
    return query_advance(&p->w);
}

static sv_err parse_test(parser *p) {
    sv_text word = p->w.next.text;
    size_t offset = p->w.next.offset;
    if (p->w.next.kind != QUERY_WORD) {
        return query_fail_unexpected(&p->w, "a condition such as site = plant-1");
    }
    for (int op = SV_QUERY_ALL; op <= SV_QUERY_DIVERGES; op++) {
        if (next_is(p, OPS[op])) {
            SV_TRY(query_advance(&p->w));
            return emit(p, &(sv_query_step){ .op = (uint8_t) op });
        }
    }
    int field = index_of(word, FIELDS);
    if (field < 0) {
        char near[48];
        query_suggest(word, BEGINNINGS, near, sizeof near);
        return query_fail(&p->w, offset, "'%.*s' is nothing that can be asked of a device%s",
                          (int) (word.len < 32 ? word.len : 32), word.at, near);
    }
    sv_query_op op = SV_QUERY_IS;
    sv_query_step step = { .field = (uint8_t) field };
    SV_TRY(query_advance(&p->w));
    SV_TRY(take_op(p, (sv_query_field) field, &op));
    step.op = (uint8_t) op;
    SV_TRY(take_value(p, &step));
    return emit(p, &step);
}

// ---- what joins them ----------------------------------------------------------------------------

static sv_err parse_or(parser *p);

static sv_err parse_not(parser *p) {
    SV_TRY(enter(p));
    if (next_is(p, "not")) {
        SV_TRY(query_advance(&p->w));
        SV_TRY(parse_not(p));
        SV_TRY(emit(p, &(sv_query_step){ .op = SV_QUERY_NOT }));
    } else if (p->w.next.kind == QUERY_OPEN) {
        SV_TRY(query_advance(&p->w));
        SV_TRY(parse_or(p));
        if (p->w.next.kind != QUERY_CLOSE) {
            return query_fail_unexpected(&p->w, "and, or, or )");
        }
        SV_TRY(query_advance(&p->w));
    } else {
        SV_TRY(parse_test(p));
    }
    p->depth--;
    return SV_OK;
}

static sv_err parse_and(parser *p) {
    SV_TRY(parse_not(p));
    while (next_is(p, "and")) {
        SV_TRY(query_advance(&p->w));
        SV_TRY(parse_not(p));
        SV_TRY(emit(p, &(sv_query_step){ .op = SV_QUERY_AND }));
    }
    return SV_OK;
}

static sv_err parse_or(parser *p) {
    SV_TRY(parse_and(p));
    while (next_is(p, "or")) {
        SV_TRY(query_advance(&p->w));
        SV_TRY(parse_and(p));
        SV_TRY(emit(p, &(sv_query_step){ .op = SV_QUERY_OR }));
    }
    return SV_OK;
}

static sv_err parse_whole(parser *p) {
    if (p->w.from.len > SV_QUERY_BYTES_MAX) {
        return query_fail(&p->w, SV_QUERY_BYTES_MAX, "longer than %d bytes; make groups of it",
                          SV_QUERY_BYTES_MAX);
    }
    SV_TRY(query_advance(&p->w));
    SV_TRY(parse_or(p));
    if (p->w.next.kind == QUERY_WORD) {
        char near[48];
        query_suggest(p->w.next.text, JOINTS, near, sizeof near);
        sv_text word = p->w.next.text;
        return query_fail(&p->w, p->w.next.offset,
                          "'%.*s' stands where and, or, or the end is wanted%s",
                          (int) (word.len < 32 ? word.len : 32), word.at, near);
    }
    return p->w.next.kind == QUERY_END ? SV_OK
                                       : query_fail_unexpected(&p->w, "and, or, or the end");
}

sv_err sv_query_parse(sv_text text, sv_query *out, sv_query_fault *fault) {
    sv_query query = { 0 };
    parser p = { .w = { .from = text, .fault = fault }, .q = &query };
    SV_TRY(parse_whole(&p));
    char room[SV_QUERY_BYTES_MAX];
    sv_textbuf usual = SV_TEXTBUF(room);
    sv_query_format(&query, &usual);
    if (usual.overflowed) {
        return query_fail(&p.w, text.len,
                          "longer than %d bytes in its usual form; make groups of it",
                          SV_QUERY_BYTES_MAX);
    }
    *out = query;
    return SV_OK;
}

sv_err sv_query_read(sv_text text, sv_query *out, sv_why *why) {
    sv_query_fault fault = { 0 };
    if (sv_query_parse(text, out, &fault) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "query, line %zu, column %zu: %s", fault.line,
                       fault.column, fault.text);
    }
    return SV_OK;
}

// ---- its usual form -----------------------------------------------------------------------------

static bool is_plain(sv_text value) {
    query_words w = { .from = value };
    return query_advance(&w) == SV_OK && w.next.kind == QUERY_WORD && w.at == value.len
           && w.next.text.len == value.len;
}

static void add_value(sv_text value, sv_textbuf *out) {
    if (is_plain(value)) {
        sv_textbuf_add(out, value);
        return;
    }
    sv_textbuf_add_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\') {
            sv_textbuf_add_char(out, '\\');
        }
        sv_textbuf_add_char(out, value.at[i]);
    }
    sv_textbuf_add_char(out, '"');
}

/// Where the steps begin whose value the step `end - 1` gives.
static size_t begin_of(const sv_query *q, size_t end) {
    size_t wanted = 1;
    while (wanted > 0) {
        uint8_t op = q->steps[--end].op;
        wanted = op == SV_QUERY_AND || op == SV_QUERY_OR ? wanted + 1
                 : op == SV_QUERY_NOT                    ? wanted
                                                         : wanted - 1;
    }
    return end;
}

/// How closely a step holds what it joins; what is held less closely stands in parentheses.
static int tightness(uint8_t op) {
    return op == SV_QUERY_OR ? 0 : op == SV_QUERY_AND ? 1 : op == SV_QUERY_NOT ? 2 : 3;
}

static void format_part(const sv_query *q, size_t end, int least, sv_textbuf *out) {
    const sv_query_step *step = &q->steps[end - 1];
    int own = tightness(step->op);
    if (own < least) {
        sv_textbuf_add_char(out, '(');
    }
    if (step->op == SV_QUERY_AND || step->op == SV_QUERY_OR) {
        format_part(q, begin_of(q, end - 1), own, out);
        sv_textbuf_add_str(out, step->op == SV_QUERY_AND ? " and " : " or ");
        format_part(q, end - 1, own + 1, out);
    } else if (step->op == SV_QUERY_NOT) {
        sv_textbuf_add_str(out, "not ");
        format_part(q, end - 1, own, out);
    } else if (step->op <= SV_QUERY_DIVERGES) {
        sv_textbuf_add_str(out, OPS[step->op]);
    } else {
        sv_textbuf_addf(out, "%s %s ", FIELDS[step->field], OPS[step->op]);
        add_value(sv_query_value(q, step), out);
    }
    if (own < least) {
        sv_textbuf_add_char(out, ')');
    }
}

void sv_query_format(const sv_query *query, sv_textbuf *out) {
    format_part(query, query->step_count, 0, out);
}
