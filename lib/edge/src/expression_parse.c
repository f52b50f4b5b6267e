// From the text of an expression to its program, in one pass: each rule of the grammar is a
// function that emits the steps of what it has read. docs/spec/expression.md
#include "expression_parts.h"

#define HOLD_MAX_US SV_WINDOW_SPAN_MAX_US

typedef enum value_kind { VALUE_NUMBER, VALUE_TRUTH } value_kind;

typedef struct parser {
    words from;
    unsigned depth;
    draft draft;
} parser;

typedef sv_err parse_rule(parser *p, value_kind *out);

static parse_rule parse_truth;
static parse_rule parse_unary;

static sv_err emit(parser *p, step_op op, unsigned arg) {
    if (p->draft.step_count == SV_EXPRESSION_STEPS_MAX) {
        return words_fail(&p->from, p->from.next.offset, "more than %d steps; make two rules of it",
                          SV_EXPRESSION_STEPS_MAX);
    }
    p->draft.steps[p->draft.step_count++] = (step){ .op = (uint8_t) op, .arg = (uint8_t) arg };
    return SV_OK;
}

static sv_err enter(parser *p) {
    if (++p->depth > SV_EXPRESSION_DEPTH_MAX) {
        return words_fail(&p->from, p->from.next.offset, "nested more than %d deep",
                          SV_EXPRESSION_DEPTH_MAX);
    }
    return SV_OK;
}

static sv_err want(parser *p, value_kind is, value_kind wanted, size_t offset) {
    if (is == wanted) {
        return SV_OK;
    }
    return wanted == VALUE_TRUTH
               ? words_fail(&p->from, offset,
                            "a number stands where a condition is wanted; compare it with another, "
                            "as in pressure < 2")
               : words_fail(&p->from, offset, "a condition stands where a number is wanted");
}

static sv_err take(parser *p, token_kind kind, const char *wanted) {
    return p->from.next.kind == kind ? words_advance(&p->from)
                                     : words_fail_unexpected(&p->from, wanted);
}

static sv_err add_sensor(parser *p, const token *name, unsigned *out) {
    sv_why why = { 0 };
    if (sv_id_check("sensor", name->text, &why) != SV_OK) {
        return words_fail(&p->from, name->offset, "%.*s", SV_EXPRESSION_FAULT_MAX - 1, why.text);
    }
    for (unsigned i = 0; i < p->draft.sensor_count; i++) {
        if (sv_text_eq(p->draft.sensors[i], name->text)) {
            *out = i;
            return SV_OK;
        }
    }
    if (p->draft.sensor_count == SV_EXPRESSION_SENSORS_MAX) {
        return words_fail(&p->from, name->offset, "more than %d sensors; make two rules of it",
                          SV_EXPRESSION_SENSORS_MAX);
    }
    p->draft.sensors[p->draft.sensor_count] = name->text;
    *out = p->draft.sensor_count++;
    return SV_OK;
}

static sv_err add_window(parser *p, const window_use *window, size_t offset) {
    unsigned i = 0;
    while (i < p->draft.window_count && !window_use_same(&p->draft.windows[i], window)) {
        i++;
    }
    if (i == SV_EXPRESSION_WINDOWS_MAX) {
        return words_fail(&p->from, offset, "more than %d windows; make two rules of it",
                          SV_EXPRESSION_WINDOWS_MAX);
    }
    p->draft.windows[i] = *window;
    p->draft.window_count += i == p->draft.window_count ? 1 : 0;
    return emit(p, OP_WINDOW, i);
}

/// The argument whose steps begin at `first` is a sensor and nothing else: take it back.
static sv_err take_back_sensor(parser *p, unsigned first, const token *function, size_t offset,
                               unsigned *out) {
    if (p->draft.step_count != first + 1 || p->draft.steps[first].op != OP_RAW) {
        return words_fail(&p->from, offset,
                          "%.*s looks at one sensor; its name is wanted here, and no more",
                          SV_TEXT_ARG(function->text));
    }
    *out = p->draft.steps[first].arg;
    p->draft.step_count = first;
    return SV_OK;
}

static sv_err take_span(parser *p, int64_t max_us, int64_t *out) {
    token at = p->from.next;
    SV_TRY(take(p, TOKEN_DURATION, "a duration such as 30s or 5m"));
    if (at.duration_us < SV_WINDOW_SPAN_MIN_US || at.duration_us > max_us) {
        return words_fail(&p->from, at.offset, "%.*s is not between 100ms and %lldd",
                          (int) (at.text.len < SV_ID_MAX ? at.text.len : SV_ID_MAX), at.text.at,
                          (long long) (max_us / SV_TIME_DAY_US));
    }
    *out = at.duration_us;
    return SV_OK;
}

/// `5m`, `each 1h` or `gap 30s`, and for a rate perhaps `, per 1h`.
static sv_err parse_window(parser *p, window_use *window) {
    int64_t max_us = SV_WINDOW_SPAN_MAX_US;
    window->spec.kind = SV_WINDOW_SLIDING;
    if (words_next_is(&p->from, "each")) {
        window->spec.kind = SV_WINDOW_TUMBLING;
        SV_TRY(words_advance(&p->from));
    } else if (words_next_is(&p->from, "gap")) {
        window->spec.kind = SV_WINDOW_SESSION;
        max_us = SV_WINDOW_SESSION_MAX_US;
        SV_TRY(words_advance(&p->from));
    }
    SV_TRY(take_span(p, max_us, &window->spec.span_us));
    if (window->spec.function != SV_WINDOW_RATE) {
        return SV_OK;
    }
    window->per_us = SV_TIME_SECOND_US;
    if (p->from.next.kind != TOKEN_COMMA) {
        return SV_OK;
    }
    SV_TRY(words_advance(&p->from));
    if (!words_next_is(&p->from, "per")) {
        return words_fail_unexpected(&p->from, "per, as in rate(temperature, 10m, per 1h),");
    }
    SV_TRY(words_advance(&p->from));
    return take_span(p, SV_WINDOW_SPAN_MAX_US, &window->per_us);
}

static bool begins_window(const parser *p) {
    return p->from.next.kind == TOKEN_DURATION || words_next_is(&p->from, "each")
           || words_next_is(&p->from, "gap");
}

/// Behind the first argument of a function that takes a window, which stands at `offset`.
static sv_err call_window(parser *p, const function_word *function, const token *name,
                          unsigned first, size_t offset) {
    window_use window = { .spec = { .function = function->window } };
    if (!begins_window(p)) {
        char wanted[96];
        sv_textbuf text = SV_TEXTBUF(wanted);
        sv_textbuf_addf(&text, "a window such as 5m, each 1h or gap 30s for %s", function->name);
        return sv_textbuf_end(&text) == SV_OK ? words_fail_unexpected(&p->from, wanted)
                                              : SV_ERR_INVALID;
    }
    SV_TRY(take_back_sensor(p, first, name, offset, &window.sensor));
    SV_TRY(parse_window(p, &window));
    return add_window(p, &window, name->offset);
}

static sv_err call_pair(parser *p, const function_word *function, const token *name, unsigned first,
                        size_t offset) {
    SV_TRY(take(p, TOKEN_COMMA, "a comma"));
    if (begins_window(p)) {
        return call_window(p, function, name, first, offset);
    }
    value_kind kind = VALUE_NUMBER;
    size_t second = p->from.next.offset;
    SV_TRY(parse_truth(p, &kind));
    SV_TRY(want(p, kind, VALUE_NUMBER, second));
    return emit(p, function->op, 0);
}

/// The name and the opening parenthesis are read.
static sv_err parse_call(parser *p, const token *name, value_kind *out) {
    const function_word *function = words_function(&p->from, name);
    if (function == NULL) {
        return SV_ERR_INVALID;
    }
    unsigned first = p->draft.step_count;
    unsigned sensor = 0;
    value_kind kind = VALUE_NUMBER;
    SV_TRY(enter(p));
    SV_TRY(words_advance(&p->from));
    size_t offset = p->from.next.offset;
    SV_TRY(parse_truth(p, &kind));
    SV_TRY(want(p, kind, VALUE_NUMBER, offset));
    switch (function->kind) {
    case FUNCTION_ABS:
        SV_TRY(emit(p, OP_ABS, 0));
        break;
    case FUNCTION_SENSOR:
        SV_TRY(take_back_sensor(p, first, name, offset, &sensor));
        SV_TRY(emit(p, function->op, sensor));
        if (p->from.next.kind == TOKEN_COMMA) {
            return words_fail(&p->from, p->from.next.offset,
                              "%s looks at a sensor and nothing else; over a time there are "
                              "functions such as mean(%.*s, 5m)",
                              function->name, SV_TEXT_ARG(p->draft.sensors[sensor]));
        }
        break;
    case FUNCTION_PAIR:
        SV_TRY(call_pair(p, function, name, first, offset));
        break;
    case FUNCTION_WINDOW:
        if (p->from.next.kind == TOKEN_COMMA) {
            SV_TRY(words_advance(&p->from));
        }
        SV_TRY(call_window(p, function, name, first, offset));
        break;
    }
    p->depth--;
    *out = function->op == OP_CHANGED ? VALUE_TRUTH : VALUE_NUMBER;
    return take(p, TOKEN_CLOSE, "a closing parenthesis");
}

static sv_err parse_name(parser *p, value_kind *out) {
    token name = p->from.next;
    unsigned sensor = 0;
    if (name.kind == TOKEN_WORD
        && (sv_text_is(name.text, "true") || sv_text_is(name.text, "false"))) {
        return words_fail(&p->from, name.offset,
                          "%.*s is no value: readings are numbers, compare with 1 or 0",
                          SV_TEXT_ARG(name.text));
    }
    if (name.kind == TOKEN_WORD && words_is_keyword(name.text)) {
        return words_fail(&p->from, name.offset,
                          "%.*s stands where a number or a sensor is wanted; a sensor of this name "
                          "is written '%.*s'",
                          SV_TEXT_ARG(name.text), SV_TEXT_ARG(name.text));
    }
    SV_TRY(words_advance(&p->from));
    if (name.kind == TOKEN_WORD && p->from.next.kind == TOKEN_OPEN) {
        return parse_call(p, &name, out);
    }
    *out = VALUE_NUMBER;
    SV_TRY(add_sensor(p, &name, &sensor));
    return emit(p, OP_RAW, sensor);
}

static sv_err parse_number(parser *p, value_kind *out) {
    unsigned number = p->draft.number_count;
    SV_TRY(emit(p, OP_NUMBER, number));
    p->draft.numbers[p->draft.number_count++] = p->from.next.number;
    *out = VALUE_NUMBER;
    return words_advance(&p->from);
}

static sv_err parse_primary(parser *p, value_kind *out) {
    const token *next = &p->from.next;
    switch (next->kind) {
    case TOKEN_NUMBER:
        return parse_number(p, out);
    case TOKEN_WORD:
    case TOKEN_QUOTED:
        return parse_name(p, out);
    case TOKEN_OPEN:
        SV_TRY(enter(p));
        SV_TRY(words_advance(&p->from));
        SV_TRY(parse_truth(p, out));
        p->depth--;
        return take(p, TOKEN_CLOSE, "a closing parenthesis");
    case TOKEN_DURATION:
        return words_fail(&p->from, next->offset,
                          "a duration stands only in a window, as in mean(pressure, 5m), and after "
                          "for; age and the other numbers of time are in seconds");
    case TOKEN_END:
    case TOKEN_CLOSE:
    case TOKEN_COMMA:
    case TOKEN_PLUS:
    case TOKEN_MINUS:
    case TOKEN_TIMES:
    case TOKEN_OVER:
    case TOKEN_COMPARE:
        break;
    }
    return words_fail_unexpected(&p->from, "a number or a sensor");
}

/// A minus before a written number makes it negative; otherwise it is a step.
static sv_err parse_unary(parser *p, value_kind *out) {
    if (p->from.next.kind != TOKEN_MINUS) {
        return parse_primary(p, out);
    }
    SV_TRY(enter(p));
    SV_TRY(words_advance(&p->from));
    size_t offset = p->from.next.offset;
    unsigned first = p->draft.step_count;
    SV_TRY(parse_unary(p, out));
    SV_TRY(want(p, *out, VALUE_NUMBER, offset));
    p->depth--;
    if (p->draft.step_count == first + 1 && p->draft.steps[first].op == OP_NUMBER) {
        double *number = &p->draft.numbers[p->draft.steps[first].arg];
        *number = *number == 0 ? 0 : -*number;
        return SV_OK;
    }
    return emit(p, OP_NEGATE, 0);
}

/// Operands that `rule` reads, between them `left` or `right`, taken from left to right.
static sv_err parse_sum_of(parser *p, value_kind *out, parse_rule *rule, token_kind left,
                           step_op left_op, token_kind right, step_op right_op) {
    size_t offset = p->from.next.offset;
    SV_TRY(rule(p, out));
    while (p->from.next.kind == left || p->from.next.kind == right) {
        step_op op = p->from.next.kind == left ? left_op : right_op;
        SV_TRY(want(p, *out, VALUE_NUMBER, offset));
        SV_TRY(words_advance(&p->from));
        offset = p->from.next.offset;
        SV_TRY(rule(p, out));
        SV_TRY(want(p, *out, VALUE_NUMBER, offset));
        SV_TRY(emit(p, op, 0));
    }
    return SV_OK;
}

static sv_err parse_product(parser *p, value_kind *out) {
    return parse_sum_of(p, out, parse_unary, TOKEN_TIMES, OP_MULTIPLY, TOKEN_OVER, OP_DIVIDE);
}

static sv_err parse_sum(parser *p, value_kind *out) {
    return parse_sum_of(p, out, parse_product, TOKEN_PLUS, OP_ADD, TOKEN_MINUS, OP_SUBTRACT);
}

static sv_err parse_comparison(parser *p, value_kind *out) {
    size_t offset = p->from.next.offset;
    SV_TRY(parse_sum(p, out));
    if (p->from.next.kind != TOKEN_COMPARE) {
        return SV_OK;
    }
    step_op op = p->from.next.compare;
    SV_TRY(want(p, *out, VALUE_NUMBER, offset));
    SV_TRY(words_advance(&p->from));
    offset = p->from.next.offset;
    SV_TRY(parse_sum(p, out));
    SV_TRY(want(p, *out, VALUE_NUMBER, offset));
    SV_TRY(emit(p, op, 0));
    *out = VALUE_TRUTH;
    if (p->from.next.kind == TOKEN_COMPARE) {
        return words_fail(&p->from, p->from.next.offset,
                          "comparisons do not stand in a row; write a < b and b < c for a < b < c");
    }
    return SV_OK;
}

static sv_err parse_not(parser *p, value_kind *out) {
    if (!words_next_is(&p->from, "not")) {
        return parse_comparison(p, out);
    }
    SV_TRY(enter(p));
    SV_TRY(words_advance(&p->from));
    size_t offset = p->from.next.offset;
    SV_TRY(parse_not(p, out));
    SV_TRY(want(p, *out, VALUE_TRUTH, offset));
    p->depth--;
    return emit(p, OP_NOT, 0);
}

static sv_err parse_joined(parser *p, value_kind *out, parse_rule *rule, const char *keyword,
                           step_op op) {
    size_t offset = p->from.next.offset;
    SV_TRY(rule(p, out));
    while (words_next_is(&p->from, keyword)) {
        SV_TRY(want(p, *out, VALUE_TRUTH, offset));
        SV_TRY(words_advance(&p->from));
        offset = p->from.next.offset;
        SV_TRY(rule(p, out));
        SV_TRY(want(p, *out, VALUE_TRUTH, offset));
        SV_TRY(emit(p, op, 0));
    }
    return SV_OK;
}

static sv_err parse_and(parser *p, value_kind *out) {
    return parse_joined(p, out, parse_not, "and", OP_AND);
}

/// Or a number, as everything below it.
static sv_err parse_truth(parser *p, value_kind *out) {
    return parse_joined(p, out, parse_and, "or", OP_OR);
}

static sv_err parse_rule_text(parser *p) {
    value_kind kind = VALUE_TRUTH;
    SV_TRY(words_advance(&p->from));
    size_t offset = p->from.next.offset;
    SV_TRY(parse_truth(p, &kind));
    if (p->from.next.kind != TOKEN_END && !words_next_is(&p->from, "for")) {
        return words_fail_unexpected(&p->from, "and, or, for or the end");
    }
    SV_TRY(want(p, kind, VALUE_TRUTH, offset));
    if (p->draft.sensor_count == 0) {
        return words_fail(&p->from, offset,
                          "no sensor is asked about; name one, as in pressure < 2");
    }
    if (p->from.next.kind == TOKEN_END) {
        return SV_OK;
    }
    SV_TRY(words_advance(&p->from));
    SV_TRY(take_span(p, HOLD_MAX_US, &p->draft.hold_us));
    if (words_next_is(&p->from, "and") || words_next_is(&p->from, "or")) {
        return words_fail(&p->from, p->from.next.offset,
                          "for is about the whole condition and stands at its end");
    }
    return p->from.next.kind == TOKEN_END ? SV_OK : words_fail_unexpected(&p->from, "the end");
}

/// The usual form may be longer than the text; it must be as readable as that.
static bool formats(const sv_expression *e) {
    char room[SV_EXPRESSION_BYTES_MAX + 1];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_expression_format(e, &text);
    return !text.overflowed && text.len <= SV_EXPRESSION_BYTES_MAX;
}

sv_err sv_expression_parse(sv_text text, const sv_expression_options *options, sv_expression **out,
                           sv_expression_fault *fault) {
    sv_expression_fault unseen = { 0 };
    parser p = { .from = { .text = text, .fault = fault == NULL ? &unseen : fault } };
    p.draft.stale_us = options == NULL || options->stale_us <= 0 ? SV_EXPRESSION_STALE_DEFAULT_US
                                                                 : options->stale_us;
    if (text.len > SV_EXPRESSION_BYTES_MAX) {
        return words_fail(&p.from, SV_EXPRESSION_BYTES_MAX, "%zu bytes long; at most %d are read",
                          text.len, SV_EXPRESSION_BYTES_MAX);
    }
    SV_TRY(parse_rule_text(&p));
    sv_expression *built = expression_build(&p.draft);
    if (!formats(built)) {
        sv_expression_drop(&built);
        return words_fail(&p.from, 0, "longer than %d bytes when written out",
                          SV_EXPRESSION_BYTES_MAX);
    }
    *out = built;
    return SV_OK;
}

sv_err sv_expression_read(const sv_config_node *node, const sv_expression_options *options,
                          sv_expression **out, sv_config_faults *faults) {
    sv_expression_fault fault = { 0 };
    if (sv_config_node_kind(node) != SV_CONFIG_SCALAR) {
        sv_config_fault(faults, node, "a condition is wanted here, such as pressure < 2 for 10s");
        return SV_ERR_INVALID;
    }
    sv_err err = sv_expression_parse(sv_config_node_text(node), options, out, &fault);
    if (err != SV_OK) {
        sv_config_fault_inside(faults, node, fault.offset, "%s", fault.text);
    }
    return err;
}
