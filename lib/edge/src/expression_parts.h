// The program of an expression, its words and its state; private to the files of expression.
#ifndef SV_EDGE_EXPRESSION_PARTS_H
#define SV_EDGE_EXPRESSION_PARTS_H

#include <edge/expression.h>
#include <edge/window.h>
#include <model/id.h>

/// A program is a list of steps on a stack of doubles; an unknown number or truth is not-a-number,
/// true is 1 and false is 0. The order of the operators is that of their names in
/// expression_words.c.
typedef enum step_op {
    OP_NUMBER, ///< of `numbers`
    OP_RAW,    ///< of a sensor, as the next three
    OP_AVERAGE,
    OP_AGE,
    OP_CHANGED,
    OP_WINDOW,
    OP_NEGATE,
    OP_ABS,
    OP_NOT,
    OP_MIN,
    OP_MAX,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_AND,
    OP_OR,
} step_op;

typedef struct step {
    uint8_t op;
    uint8_t arg; ///< of those that push: the index of the number, sensor or window
} step;

typedef struct window_use {
    sv_window_spec spec;
    int64_t per_us;    ///< of a rate: the change in this time; else 0
    uint32_t state_at; ///< bytes into the state
    uint32_t sensor;
} window_use;

struct sv_expression {
    uint32_t bytes, state_bytes;
    uint8_t step_count, number_count, sensor_count, window_count;
    int64_t hold_us, stale_us;
    // In the same allocation:
    double *numbers;
    window_use *windows;
    step *steps;
    char *names; ///< each after a byte with its length
};

/// What a parser has read so far.
typedef struct draft {
    unsigned step_count, number_count, sensor_count, window_count;
    int64_t hold_us, stale_us;
    step steps[SV_EXPRESSION_STEPS_MAX];
    double numbers[SV_EXPRESSION_STEPS_MAX];
    sv_text sensors[SV_EXPRESSION_SENSORS_MAX];
    window_use windows[SV_EXPRESSION_WINDOWS_MAX];
} draft;

typedef struct sensor_state {
    double raw, before, average; ///< `before`: not-a-number until there are two
    int64_t at_us;               ///< INT64_MIN: it has never spoken
} sensor_state;

// A state is a sensor_state per sensor, then the windows, each where its use says.

// Words

typedef enum token_kind {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_DURATION,
    TOKEN_WORD,   ///< a name, a keyword or a function
    TOKEN_QUOTED, ///< a name
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_TIMES,
    TOKEN_OVER,
    TOKEN_COMPARE,
} token_kind;

typedef struct token {
    token_kind kind;
    size_t offset;
    sv_text text; ///< of a QUOTED: without the quotes
    double number;
    int64_t duration_us;
    step_op compare;
} token;

typedef struct words {
    sv_text text;
    size_t at;
    token next;
    token_kind before;          ///< of the token before `next`
    sv_expression_fault *fault; ///< never NULL
} words;

SV_PRINTF(3, 4)
sv_err words_fail(words *from, size_t offset, const char *fmt, ...);
/// Read the next token into `next`.
sv_err words_advance(words *from);
bool words_is_keyword(sv_text word);
/// The next token is this keyword.
bool words_next_is(const words *from, const char *keyword);
/// The next token stands where `wanted` should.
sv_err words_fail_unexpected(words *from, const char *wanted);

// Functions

typedef enum function_kind {
    FUNCTION_ABS,
    FUNCTION_PAIR,   ///< of two numbers, or of a window
    FUNCTION_WINDOW, ///< of a window
    FUNCTION_SENSOR, ///< of a sensor
} function_kind;

typedef struct function_word {
    const char *name;
    function_kind kind;
    step_op op;                ///< ABS, PAIR, SENSOR
    sv_window_function window; ///< PAIR, WINDOW
} function_word;

/// NULL and a fault with a suggestion when there is none.
const function_word *words_function(words *from, const token *name);

bool op_is_pushing(step_op op);
/// "<", "and"; NULL for those that are not written between two operands.
const char *op_infix(step_op op);
/// All of it in one allocation.
sv_expression *expression_build(draft *of);
bool window_use_same(const window_use *a, const window_use *b);
sv_text expression_name(const sv_expression *expression, unsigned sensor);

#endif
