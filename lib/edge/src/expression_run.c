// A program at work: readings come in, a truth comes out.
#include "expression_parts.h"
#include <assert.h>
#include <base/num.h>
#include <math.h>
#include <string.h>

/// Every step that joins two values needs one more that pushes.
enum { STACK_MAX = SV_EXPRESSION_STEPS_MAX / 2 + 1 };

#define NEVER_US INT64_MIN
/// Times are kept within this, so that no difference of two overflows.
#define TIME_MAX_US (INT64_MAX / 4)

static int64_t bounded(int64_t at_us) {
    return at_us < -TIME_MAX_US ? -TIME_MAX_US : at_us > TIME_MAX_US ? TIME_MAX_US : at_us;
}

static sensor_state *sensors_of(sv_expression_state *state) {
    return (sensor_state *) (void *) state;
}

static const sensor_state *sensor_at(const sv_expression_state *state, unsigned index) {
    return (const sensor_state *) (const void *) state + index;
}

static sv_window *window_of(sv_expression_state *state, const window_use *use) {
    return (sv_window *) (void *) ((char *) state + use->state_at);
}

size_t sv_expression_state_bytes(const sv_expression *expression) {
    return expression->state_bytes;
}

void sv_expression_state_start(const sv_expression *expression, sv_expression_state *state) {
    memset(state, 0, expression->state_bytes);
    for (unsigned i = 0; i < expression->sensor_count; i++) {
        sensors_of(state)[i] =
            (sensor_state){ .raw = SV_NAN, .before = SV_NAN, .average = SV_NAN, .at_us = NEVER_US };
    }
    for (unsigned i = 0; i < expression->window_count; i++) {
        sv_window_start(&expression->windows[i].spec, window_of(state, &expression->windows[i]));
    }
}

/// The window of `of` that is the one `use` of `to` is; NULL: there is none.
static const window_use *same_use(const sv_expression *of, const sv_expression *to,
                                  const window_use *use) {
    int sensor = sv_expression_sensor_find(of, expression_name(to, use->sensor));
    window_use wanted = *use;
    wanted.sensor = (uint32_t) sensor;
    for (unsigned i = 0; sensor >= 0 && i < of->window_count; i++) {
        if (window_use_same(&of->windows[i], &wanted)) {
            return &of->windows[i];
        }
    }
    return NULL;
}

void sv_expression_state_carry(const sv_expression *from, const sv_expression_state *old,
                               const sv_expression *to, sv_expression_state *state) {
    sv_expression_state_start(to, state);
    for (unsigned i = 0; i < to->sensor_count; i++) {
        int was = sv_expression_sensor_find(from, expression_name(to, i));
        if (was >= 0) {
            sensors_of(state)[i] = *sensor_at(old, (unsigned) was);
        }
    }
    for (unsigned i = 0; i < to->window_count; i++) {
        const window_use *use = &to->windows[i];
        const window_use *was = same_use(from, to, use);
        if (was != NULL) {
            memcpy((char *) state + use->state_at, (const char *) old + was->state_at,
                   sv_window_bytes(&use->spec));
        }
    }
}

/// What is beyond a double, and what is divided by nothing, is not known.
static double known(double value) {
    return isfinite(value) ? value : SV_NAN;
}

/// A reading counts as the last one unless a later one is known; when that lies ahead of now the
/// clock has been set back, and it is the later one that is wrong.
static void take_last(sensor_state *sensor, const sv_expression_input *input, int64_t at_us,
                      int64_t now_us) {
    if (at_us < sensor->at_us && sensor->at_us <= now_us) {
        return;
    }
    *sensor = (sensor_state){
        .raw = input->raw, .before = sensor->raw, .average = known(input->average), .at_us = at_us
    };
}

void sv_expression_take(const sv_expression *expression, sv_expression_state *state, unsigned index,
                        const sv_expression_input *input, int64_t now_us) {
    now_us = bounded(now_us);
    int64_t at_us = bounded(input->at_us) < now_us ? bounded(input->at_us) : now_us;
    if (index >= expression->sensor_count || !isfinite(input->raw)) {
        return;
    }
    take_last(&sensors_of(state)[index], input, at_us, now_us);
    for (unsigned i = 0; i < expression->window_count; i++) {
        const window_use *use = &expression->windows[i];
        if (use->sensor == index) {
            sv_window_take(&use->spec, window_of(state, use), input->raw, at_us, now_us);
        }
    }
}

/// How long a sensor has been silent; behind a clock that was set back it counts from the other
/// side.
static int64_t silent_us(const sensor_state *sensor, int64_t now_us) {
    return sensor->at_us <= now_us ? now_us - sensor->at_us : sensor->at_us - now_us;
}

static bool is_fresh(const sv_expression *e, const sensor_state *sensor, int64_t now_us) {
    return sensor->at_us != NEVER_US && silent_us(sensor, now_us) <= e->stale_us;
}

static double changed(const sensor_state *sensor) {
    return isnan(sensor->before) ? SV_NAN : sensor->raw != sensor->before;
}

static double window_value(const window_use *use, sv_expression_state *state, int64_t now_us) {
    double value = 0;
    if (!sv_window_value(&use->spec, window_of(state, use), now_us, &value)) {
        return SV_NAN;
    }
    return use->per_us == 0 ? value : value * ((double) use->per_us / (double) SV_TIME_SECOND_US);
}

static double pushed(const sv_expression *e, sv_expression_state *state, step s, int64_t now_us) {
    if (s.op == OP_NUMBER) {
        return e->numbers[s.arg];
    }
    if (s.op == OP_WINDOW) {
        return window_value(&e->windows[s.arg], state, now_us);
    }
    const sensor_state *sensor = sensor_at(state, s.arg);
    if (s.op == OP_AGE) {
        return sensor->at_us == NEVER_US
                   ? SV_NAN
                   : (double) silent_us(sensor, now_us) / (double) SV_TIME_SECOND_US;
    }
    if (!is_fresh(e, sensor, now_us)) {
        return SV_NAN;
    }
    return s.op == OP_RAW ? sensor->raw : s.op == OP_AVERAGE ? sensor->average : changed(sensor);
}

static double truth_and(double a, double b) {
    return a == 0 || b == 0 ? 0 : a + b == 2 ? 1 : SV_NAN;
}

static double truth_or(double a, double b) {
    return a == 1 || b == 1 ? 1 : a + b == 0 ? 0 : SV_NAN;
}

/// Comparing with what is not known gives neither.
static double compared(step_op op, double a, double b) {
    if (isunordered(a, b)) {
        return SV_NAN;
    }
    bool less = a < b;
    bool equal = a == b;
    bool truths[] = { less, less || equal, !less && !equal, !less, equal, !equal };
    return truths[op - OP_LESS];
}

static double joined(step_op op, double a, double b) {
    switch ((int) op) {
    case OP_ADD:
        return known(a + b);
    case OP_SUBTRACT:
        return known(a - b);
    case OP_MULTIPLY:
        return known(a * b);
    case OP_DIVIDE:
        return known(a / b);
    case OP_MIN:
        return isunordered(a, b) ? SV_NAN : a < b ? a : b;
    case OP_MAX:
        return isunordered(a, b) ? SV_NAN : a > b ? a : b;
    case OP_AND:
        return truth_and(a, b);
    case OP_OR:
        return truth_or(a, b);
    default:
        return compared(op, a, b);
    }
}

/// The top of the stack is `value`; what lies below it is in `below`.
static double run(const sv_expression *e, sv_expression_state *state, int64_t now_us) {
    double below[STACK_MAX];
    unsigned depth = 0;
    double value = SV_NAN;
    for (unsigned i = 0; i < e->step_count; i++) {
        step s = e->steps[i];
        if (op_is_pushing((step_op) s.op)) {
            below[depth++] = value;
            value = pushed(e, state, s, now_us);
        } else if (s.op == OP_NEGATE) {
            value = -value;
        } else if (s.op == OP_ABS) {
            value = fabs(value);
        } else if (s.op == OP_NOT) {
            value = 1 - value;
        } else {
            assert(depth > 0);
            value = joined((step_op) s.op, below[--depth], value);
        }
    }
    return value;
}

sv_truth sv_expression_judge(const sv_expression *expression, sv_expression_state *state,
                             int64_t now_us) {
    double value = run(expression, state, bounded(now_us));
    return value == 1 ? SV_TRUTH_TRUE : value == 0 ? SV_TRUTH_FALSE : SV_TRUTH_UNKNOWN;
}

sv_finding sv_truth_finding(sv_truth truth) {
    return (sv_finding){ .broken = truth == SV_TRUTH_TRUE,
                         .kept = truth == SV_TRUTH_FALSE,
                         .less_worse = truth == SV_TRUTH_FALSE };
}

bool sv_expression_last(const sv_expression *expression, const sv_expression_state *state,
                        unsigned index, double *out) {
    if (index >= expression->sensor_count || sensor_at(state, index)->at_us == NEVER_US) {
        return false;
    }
    *out = sensor_at(state, index)->raw;
    return true;
}

uint64_t sv_expression_late(const sv_expression *expression, const sv_expression_state *state) {
    uint64_t late = 0;
    for (unsigned i = 0; i < expression->window_count; i++) {
        const char *at = (const char *) state + expression->windows[i].state_at;
        late += sv_window_late((const sv_window *) (const void *) at);
    }
    return late;
}
