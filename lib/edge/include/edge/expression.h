// A condition over the sensors of one device, as operators write it in a rule:
//
//   pressure < 2 and pump_current > 5 for 10 s
//
// The grammar is docs/spec/expression.md. A text is parsed once, when configuration is loaded, into
// a small immutable program that all devices share; what is remembered of one device is a state of
// known size. Pure: time comes with the readings and as `now_us`; nothing here allocates but the
// parser. Truth has three values: what is not known raises no alert and clears none.
#ifndef SV_EDGE_EXPRESSION_H
#define SV_EDGE_EXPRESSION_H

#include <base/time.h>
#include <codec/config.h>
#include <edge/condition.h>

enum {
    SV_EXPRESSION_BYTES_MAX = 1000, ///< of the text, also as sv_expression_format writes it
    SV_EXPRESSION_STEPS_MAX = 64,
    SV_EXPRESSION_DEPTH_MAX = 16, ///< parentheses, functions, `not` and minus inside each other
    SV_EXPRESSION_SENSORS_MAX = 8,
    SV_EXPRESSION_WINDOWS_MAX = 8,
    SV_EXPRESSION_FAULT_MAX = 256,
    SV_EXPRESSION_MESSAGE_MAX = 1000, ///< of a template
};

#define SV_EXPRESSION_STALE_DEFAULT_US (5 * SV_TIME_MINUTE_US)

typedef struct sv_expression sv_expression;

typedef struct sv_expression_options {
    int64_t stale_us; ///< a sensor silent for longer is unknown; 0: the default
} sv_expression_options;

/// What is wrong with a text, and where.
typedef struct sv_expression_fault {
    size_t offset; ///< bytes from the start of the text; at most its length
    char text[SV_EXPRESSION_FAULT_MAX];
} sv_expression_fault;

/// Parse; `options` and `fault` may be NULL. SV_ERR_INVALID with the first fault.
sv_err sv_expression_parse(sv_text text, const sv_expression_options *options, sv_expression **out,
                           sv_expression_fault *fault);
/// The same for a scalar of a configuration file: the fault is added with its line and column.
sv_err sv_expression_read(const sv_config_node *node, const sv_expression_options *options,
                          sv_expression **out, sv_config_faults *faults);
void sv_expression_drop(sv_expression **expression);

/// The text in its usual form; parsing it gives the same program.
void sv_expression_format(const sv_expression *expression, sv_textbuf *out);
/// The same program, `for` and bounds included.
bool sv_expression_same(const sv_expression *a, const sv_expression *b);
/// Memory of the program.
size_t sv_expression_bytes(const sv_expression *expression);

/// `for`: how long it must be true before an alert is raised, a life's hold; 0 without.
int64_t sv_expression_hold_us(const sv_expression *expression);
/// The sensors it asks about, in order of first mention.
unsigned sv_expression_sensor_count(const sv_expression *expression);
sv_text sv_expression_sensor(const sv_expression *expression, unsigned index);
/// The index of a sensor; -1: not asked about.
int sv_expression_sensor_find(const sv_expression *expression, sv_text name);

/// Time alone may change what it says: it asks about a window or a sensor's age. That sensors fall
/// silent is apart from it.
bool sv_expression_is_timed(const sv_expression *expression);

/// What is remembered of one device: plain bytes without pointers, aligned as an int64_t is, which
/// may be copied, stored and moved.
typedef struct sv_expression_state sv_expression_state;

size_t sv_expression_state_bytes(const sv_expression *expression);
void sv_expression_state_start(const sv_expression *expression, sv_expression_state *state);
/// Begin the state of `to` with what is remembered for `from`: the sensors and the windows that
/// both have. What a changed condition shares with the one before it is not learnt anew.
void sv_expression_state_carry(const sv_expression *from, const sv_expression_state *old,
                               const sv_expression *to, sv_expression_state *state);

typedef struct sv_expression_input {
    double raw;     ///< finite
    double average; ///< of the last ten, sv_stream's; what average(sensor) gives
    int64_t at_us;  ///< the reading's own time; one from the future counts as now
} sv_expression_input;

/// A reading of sensor `index`. One older than the sensor's last changes windows alone.
void sv_expression_take(const sv_expression *expression, sv_expression_state *state, unsigned index,
                        const sv_expression_input *input, int64_t now_us);

typedef enum sv_truth { SV_TRUTH_FALSE, SV_TRUTH_TRUE, SV_TRUTH_UNKNOWN } sv_truth;

/// The condition at this moment, without `for`. To be asked after each reading taken, and every so
/// often without one: sensors fall silent, windows move on and holds run out by time alone.
sv_truth sv_expression_judge(const sv_expression *expression, sv_expression_state *state,
                             int64_t now_us);
/// What that says about the cause of an alert, for sv_condition_judge: true breaks, false keeps.
sv_finding sv_truth_finding(sv_truth truth);

/// The last value of sensor `index`; false when it has never spoken.
bool sv_expression_last(const sv_expression *expression, const sv_expression_state *state,
                        unsigned index, double *out);
/// Readings that came too late for a window.
uint64_t sv_expression_late(const sv_expression *expression, const sv_expression_state *state);

/// A message such as `Pressure is {pressure} bar`: every name in braces must be a sensor of the
/// expression; `{{` and `}}` stand for one brace. SV_ERR_INVALID with a sentence.
sv_err sv_expression_message_check(const sv_expression *expression, sv_text message, sv_why *why);
/// Write it with the last values (`unknown` for one that has never spoken).
void sv_expression_message_add(const sv_expression *expression, const sv_expression_state *state,
                               sv_text message, sv_textbuf *out);

#endif
