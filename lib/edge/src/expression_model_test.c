// Random conditions, worked out twice: by their program, and plainly along the tree that they were
// written from, by the words of the specification.
#include <base/mem.h>
#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <edge/expression.h>
#include <math.h>
#include <stdio.h>

enum { NODES_MAX = 64, DEPTH_MAX = 5, TEXT_ROOM = 1000, SENSORS = 4, RUNS = 3000, ROUNDS = 40 };

static const int64_t START_US = INT64_C(1795328100000000);

typedef enum kind { NUMBER, SENSOR, AGE, CHANGED, MINUS, ABS, NOT, PAIR, JOINED } kind;

typedef struct node {
    kind kind;
    const char *word; ///< of a PAIR or JOINED
    double number;
    unsigned sensor;
    const struct node *left, *right;
} node;

/// What has been said by a sensor.
typedef struct voice {
    bool spoken, twice;
    double last, before;
    int64_t at_us;
} voice;

static const char *const NAMES[SENSORS] = { "pressure", "'pump-current'", "t", "'and'" };

static struct {
    sv_prng prng;
    node nodes[NODES_MAX];
    unsigned count;
    voice voices[SENSORS];
    int64_t now_us;
} m;

static unsigned pick(unsigned below) {
    return (unsigned) (sv_prng_unit(&m.prng) * below);
}

// ---- made up ------------------------------------------------------------------------------------

static const node *a_number(unsigned depth);

static node *new_node(kind of) {
    assert_true(m.count < NODES_MAX);
    m.nodes[m.count] = (node){ .kind = of };
    return &m.nodes[m.count++];
}

static const node *joined(const char *word, const node *left, const node *right) {
    node *n = new_node(JOINED);
    n->word = word;
    n->left = left;
    n->right = right;
    return n;
}

static const node *a_leaf(void) {
    static const double NUMBERS[] = { 0, 1, 2, 0.5, 3, 1e300, 1e-3 };
    node *n = new_node(pick(4) == 0 ? NUMBER : pick(5) == 0 ? AGE : SENSOR);
    n->number = NUMBERS[pick(SV_COUNT(NUMBERS))];
    n->sensor = pick(SENSORS);
    return n;
}

static bool is_full(unsigned depth) {
    return depth == 0 || m.count > NODES_MAX / 2;
}

static const node *a_number(unsigned depth) {
    static const char *const WORDS[] = { "+", "-", "*", "/" };
    if (is_full(depth) || pick(3) == 0) {
        return a_leaf();
    }
    unsigned what = pick(8);
    if (what < 2) {
        node *n = new_node(what == 0 ? MINUS : ABS);
        n->left = a_number(depth - 1);
        return n;
    }
    if (what == 2) {
        node *n = new_node(PAIR);
        n->word = pick(2) == 0 ? "min" : "max";
        n->left = a_number(depth - 1);
        n->right = a_number(depth - 1);
        return n;
    }
    const node *left = a_number(depth - 1);
    return joined(WORDS[pick(SV_COUNT(WORDS))], left, a_number(depth - 1));
}

static const node *a_condition(unsigned depth) {
    static const char *const WORDS[] = { "<", "<=", ">", ">=", "==", "!=" };
    unsigned what = is_full(depth) ? 9 : pick(10);
    if (what == 0) {
        node *n = new_node(NOT);
        n->left = a_condition(depth - 1);
        return n;
    }
    if (what < 5) {
        const node *left = a_condition(depth - 1);
        return joined(what < 3 ? "and" : "or", left, a_condition(depth - 1));
    }
    if (what == 5) {
        node *n = new_node(CHANGED);
        n->sensor = pick(SENSORS);
        return n;
    }
    unsigned inside = depth == 0 ? 0 : depth - 1;
    const node *left = a_number(inside);
    return joined(WORDS[pick(SV_COUNT(WORDS))], left, a_number(inside));
}

/// With all its parentheses.
static void write(const node *n, sv_textbuf *out) {
    static const char *const OPEN[] = { [MINUS] = "-(", [ABS] = "abs(", [NOT] = "(not (" };
    switch (n->kind) {
    case NUMBER:
        sv_num_add(out, n->number);
        break;
    case SENSOR:
        sv_textbuf_add_str(out, NAMES[n->sensor]);
        break;
    case AGE:
    case CHANGED:
        sv_textbuf_addf(out, "%s(%s)", n->kind == AGE ? "age" : "changed", NAMES[n->sensor]);
        break;
    case MINUS:
    case ABS:
    case NOT:
        sv_textbuf_add_str(out, OPEN[n->kind]);
        write(n->left, out);
        sv_textbuf_add_str(out, n->kind == NOT ? "))" : ")");
        break;
    case PAIR:
    case JOINED:
        sv_textbuf_addf(out, "%s(", n->kind == PAIR ? n->word : "");
        write(n->left, out);
        sv_textbuf_addf(out, " %s ", n->kind == PAIR ? "," : n->word);
        write(n->right, out);
        sv_textbuf_add_char(out, ')');
        break;
    }
}

// ---- worked out ---------------------------------------------------------------------------------

static double finite_or_unknown(double value) {
    return isfinite(value) ? value : SV_NAN;
}

static double number_of(const node *n);

static double sensor_of(const node *n) {
    const voice *v = &m.voices[n->sensor];
    int64_t silent_us = v->at_us > m.now_us ? v->at_us - m.now_us : m.now_us - v->at_us;
    if (!v->spoken) {
        return SV_NAN;
    }
    if (n->kind == AGE) {
        return (double) silent_us / 1e6;
    }
    return silent_us > SV_EXPRESSION_STALE_DEFAULT_US ? SV_NAN : v->last;
}

static double calculated(const node *n) {
    double a = number_of(n->left);
    double b = number_of(n->right);
    if (isnan(a) || isnan(b)) {
        return SV_NAN;
    }
    if (n->kind == PAIR) {
        return strcmp(n->word, "min") == 0 ? fmin(a, b) : fmax(a, b);
    }
    switch (n->word[0]) {
    case '+':
        return finite_or_unknown(a + b);
    case '-':
        return finite_or_unknown(a - b);
    case '*':
        return finite_or_unknown(a * b);
    default:
        return finite_or_unknown(a / b);
    }
}

static double number_of(const node *n) {
    switch ((int) n->kind) {
    case NUMBER:
        return n->number;
    case SENSOR:
    case AGE:
        return sensor_of(n);
    case MINUS:
        return -number_of(n->left);
    case ABS:
        return fabs(number_of(n->left));
    default:
        return calculated(n);
    }
}

static sv_truth truth_of(const node *n);

static sv_truth truth(bool is) {
    return is ? SV_TRUTH_TRUE : SV_TRUTH_FALSE;
}

static sv_truth both_of(const node *n) {
    sv_truth a = truth_of(n->left);
    sv_truth b = truth_of(n->right);
    sv_truth decides = strcmp(n->word, "and") == 0 ? SV_TRUTH_FALSE : SV_TRUTH_TRUE;
    if (a == decides || b == decides) {
        return decides;
    }
    return a == SV_TRUTH_UNKNOWN || b == SV_TRUTH_UNKNOWN ? SV_TRUTH_UNKNOWN : a;
}

static sv_truth compared(const node *n) {
    double a = number_of(n->left);
    double b = number_of(n->right);
    bool or_equal = n->word[1] == '=';
    if (isnan(a) || isnan(b)) {
        return SV_TRUTH_UNKNOWN;
    }
    switch (n->word[0]) {
    case '<':
        return truth(or_equal ? a <= b : a < b);
    case '>':
        return truth(or_equal ? a >= b : a > b);
    case '=':
        return truth(a == b);
    default:
        return truth(a != b);
    }
}

static sv_truth changed(const node *n) {
    const voice *v = &m.voices[n->sensor];
    node now = { .kind = SENSOR, .sensor = n->sensor };
    return !v->twice || isnan(sensor_of(&now)) ? SV_TRUTH_UNKNOWN : truth(v->last != v->before);
}

static sv_truth truth_of(const node *n) {
    if (n->kind == CHANGED) {
        return changed(n);
    }
    if (n->kind == NOT) {
        sv_truth inside = truth_of(n->left);
        return inside == SV_TRUTH_UNKNOWN ? inside : truth(inside == SV_TRUTH_FALSE);
    }
    return n->word[0] == 'a' || n->word[0] == 'o' ? both_of(n) : compared(n);
}

// ---- held against each other --------------------------------------------------------------------

static void say(const sv_expression *e, sv_expression_state *state, unsigned sensor) {
    static const double VALUES[] = { 0, 1, 2, 3, -1, 0.5, 1e308 };
    voice *v = &m.voices[sensor];
    const char *name = NAMES[sensor];
    size_t quotes = name[0] == '\'' ? 1 : 0;
    sv_text bare = { .at = name + quotes, .len = strlen(name) - 2 * quotes };
    sv_expression_input input = { .raw = VALUES[pick(SV_COUNT(VALUES))], .at_us = m.now_us };
    int index = sv_expression_sensor_find(e, bare);
    *v = (voice){
        .spoken = true, .twice = v->spoken, .before = v->last, .last = input.raw, .at_us = m.now_us
    };
    if (index >= 0) {
        sv_expression_take(e, state, (unsigned) index, &input, m.now_us);
    }
}

/// Time goes on by a little, by much, and now and then back.
static void move_on(void) {
    double how = sv_prng_unit(&m.prng);
    double seconds = how < 0.02 ? -600 : how < 0.05 ? 400 : how < 0.2 ? 120 : 1;
    m.now_us += (int64_t) (seconds * sv_prng_unit(&m.prng) * 1e6);
}

static void live(const sv_expression *e, const node *root, const char *text) {
    SV_DEFER(sv_mem_drop) sv_expression_state *state = sv_mem_new(sv_expression_state_bytes(e));
    sv_expression_state_start(e, state);
    for (unsigned round = 0; round < ROUNDS; round++) {
        move_on();
        if (pick(3) > 0) {
            say(e, state, pick(SENSORS));
        }
        sv_truth given = sv_expression_judge(e, state, m.now_us);
        if (given != truth_of(root)) {
            fail_msg("%s: %d is not %d", text, (int) given, (int) truth_of(root));
        }
    }
}

static bool same_again(const sv_expression *e) {
    char room[SV_EXPRESSION_BYTES_MAX + 1];
    sv_textbuf usual = SV_TEXTBUF(room);
    SV_DEFER(sv_expression_drop) sv_expression *again = NULL;
    sv_expression_format(e, &usual);
    return sv_textbuf_end(&usual) == SV_OK
           && sv_expression_parse(sv_text_of(room), NULL, &again, NULL) == SV_OK
           && sv_expression_same(e, again);
}

// [expression-2] [expression-5] [expression-8] [expression-9] [expression-10] [expression-12]
static void any_condition_is_what_it_says(void **state) {
    (void) state;
    unsigned read = 0;
    m.prng = (sv_prng){ .state = 11 };
    for (unsigned i = 0; i < RUNS; i++) {
        char text[TEXT_ROOM];
        sv_textbuf out = SV_TEXTBUF(text);
        SV_DEFER(sv_expression_drop) sv_expression *e = NULL;
        sv_expression_fault fault = { 0 };
        m.count = 0;
        m.now_us = START_US;
        memset(m.voices, 0, sizeof m.voices);
        const node *root = a_condition(DEPTH_MAX);
        write(root, &out);
        if (sv_textbuf_end(&out) != SV_OK
            || sv_expression_parse(sv_text_of(text), NULL, &e, &fault) != SV_OK) {
            // Only what is over a bound, or asks about nothing.
            assert_true(out.overflowed || strstr(fault.text, "nested more than") != NULL
                        || strstr(fault.text, "more than 64 steps") != NULL
                        || strstr(fault.text, "no sensor is asked about") != NULL);
            continue;
        }
        read++;
        assert_true(same_again(e));
        live(e, root, text);
    }
    assert_true(read > RUNS * 3 / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_condition_is_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
