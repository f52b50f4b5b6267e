// A program back into its text.
#include "expression_parts.h"
#include <base/num.h>
#include <string.h>

/// How tightly an operator binds.
typedef enum strength {
    BIND_OR,
    BIND_AND,
    BIND_NOT,
    BIND_COMPARE,
    BIND_SUM,
    BIND_PRODUCT,
    BIND_MINUS,
    BIND_PRIMARY,
} strength;

static strength strength_of(step_op op) {
    switch (op) {
    case OP_OR:
        return BIND_OR;
    case OP_AND:
        return BIND_AND;
    case OP_NOT:
        return BIND_NOT;
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
    case OP_EQUAL:
    case OP_NOT_EQUAL:
        return BIND_COMPARE;
    case OP_ADD:
    case OP_SUBTRACT:
        return BIND_SUM;
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return BIND_PRODUCT;
    case OP_NEGATE:
        return BIND_MINUS;
    case OP_NUMBER:
    case OP_RAW:
    case OP_AVERAGE:
    case OP_AGE:
    case OP_CHANGED:
    case OP_WINDOW:
    case OP_ABS:
    case OP_MIN:
    case OP_MAX:
        break;
    }
    return BIND_PRIMARY;
}

static bool needs_quotes(sv_text name) {
    bool begins_with_letter = (name.at[0] | 0x20) >= 'a' && (name.at[0] | 0x20) <= 'z';
    return !begins_with_letter || memchr(name.at, '-', name.len) != NULL || words_is_keyword(name);
}

static void add_name(sv_textbuf *out, sv_text name) {
    bool quoted = needs_quotes(name);
    sv_textbuf_add_str(out, quoted ? "'" : "");
    sv_textbuf_add(out, name);
    sv_textbuf_add_str(out, quoted ? "'" : "");
}

static void add_window(const sv_expression *e, sv_textbuf *out, const window_use *window) {
    static const char *const KINDS[] = {
        [SV_WINDOW_SLIDING] = "", [SV_WINDOW_TUMBLING] = "each ", [SV_WINDOW_SESSION] = "gap "
    };
    sv_textbuf_addf(out, "%s(", sv_window_function_name(window->spec.function));
    add_name(out, expression_name(e, window->sensor));
    sv_textbuf_addf(out, ", %s", KINDS[window->spec.kind]);
    sv_duration_add(out, window->spec.span_us);
    if (window->per_us != 0 && window->per_us != SV_TIME_SECOND_US) {
        sv_textbuf_add_str(out, ", per ");
        sv_duration_add(out, window->per_us);
    }
    sv_textbuf_add_char(out, ')');
}

static void add_pushed(const sv_expression *e, sv_textbuf *out, step s) {
    if (s.op == OP_NUMBER) {
        sv_num_add(out, e->numbers[s.arg]);
    } else if (s.op == OP_RAW) {
        add_name(out, expression_name(e, s.arg));
    } else if (s.op == OP_WINDOW) {
        add_window(e, out, &e->windows[s.arg]);
    } else {
        sv_textbuf_add_str(out, s.op == OP_AVERAGE ? "average("
                                : s.op == OP_AGE   ? "age("
                                                   : "changed(");
        add_name(out, expression_name(e, s.arg));
        sv_textbuf_add_char(out, ')');
    }
}

static bool has_one_operand(step_op op) {
    return op == OP_NEGATE || op == OP_ABS || op == OP_NOT;
}

/// The first step of the value that step `last` completes.
static unsigned first_of(const sv_expression *e, unsigned last) {
    unsigned wanted = 1;
    for (unsigned i = last;; i--) {
        step_op op = (step_op) e->steps[i].op;
        wanted += op_is_pushing(op) ? 0 : has_one_operand(op) ? 1 : 2;
        if (--wanted == 0) {
            return i;
        }
    }
}

static void add_value(const sv_expression *e, sv_textbuf *out, unsigned last, strength least);

static void add_call(const sv_expression *e, sv_textbuf *out, unsigned last) {
    step_op op = (step_op) e->steps[last].op;
    sv_textbuf_add_str(out, op == OP_ABS ? "abs(" : op == OP_MIN ? "min(" : "max(");
    if (op != OP_ABS) {
        add_value(e, out, first_of(e, last - 1) - 1, BIND_OR);
        sv_textbuf_add_str(out, ", ");
    }
    add_value(e, out, last - 1, BIND_OR);
    sv_textbuf_add_char(out, ')');
}

static void add_operator(const sv_expression *e, sv_textbuf *out, unsigned last) {
    step_op op = (step_op) e->steps[last].op;
    strength binds = strength_of(op);
    if (has_one_operand(op)) {
        sv_textbuf_add_str(out, op == OP_NOT ? "not " : "-");
        add_value(e, out, last - 1, binds);
        return;
    }
    bool compares = binds == BIND_COMPARE;
    add_value(e, out, first_of(e, last - 1) - 1, compares ? BIND_SUM : binds);
    sv_textbuf_addf(out, " %s ", op_infix(op));
    // From left to right: an operand on the right that binds no tighter stands in parentheses.
    add_value(e, out, last - 1, (strength) (binds + 1));
}

/// The value that step `last` completes, in parentheses if it binds less than `least`.
static void add_value(const sv_expression *e, sv_textbuf *out, unsigned last, strength least) {
    step_op op = (step_op) e->steps[last].op;
    bool inside = strength_of(op) < least;
    sv_textbuf_add_str(out, inside ? "(" : "");
    if (op_is_pushing(op)) {
        add_pushed(e, out, e->steps[last]);
    } else if (strength_of(op) == BIND_PRIMARY) {
        add_call(e, out, last);
    } else {
        add_operator(e, out, last);
    }
    sv_textbuf_add_str(out, inside ? ")" : "");
}

void sv_expression_format(const sv_expression *expression, sv_textbuf *out) {
    add_value(expression, out, expression->step_count - 1U, BIND_OR);
    if (expression->hold_us > 0) {
        sv_textbuf_add_str(out, " for ");
        sv_duration_add(out, expression->hold_us);
    }
}
