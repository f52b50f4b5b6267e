// The program of an expression in memory, and what is asked about it.
#include "expression_parts.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static uint32_t place_windows(draft *of) {
    size_t at = of->sensor_count * sizeof(sensor_state);
    for (unsigned i = 0; i < of->window_count; i++) {
        of->windows[i].state_at = (uint32_t) at;
        at += sv_window_bytes(&of->windows[i].spec);
    }
    return (uint32_t) at;
}

static void copy_names(const draft *of, char *names) {
    for (unsigned i = 0; i < of->sensor_count; i++) {
        *names++ = (char) of->sensors[i].len;
        memcpy(names, of->sensors[i].at, of->sensors[i].len);
        names += of->sensors[i].len;
    }
}

sv_expression *expression_build(draft *of) {
    size_t names = 0;
    for (unsigned i = 0; i < of->sensor_count; i++) {
        names += 1 + of->sensors[i].len;
    }
    size_t numbers_at = sizeof(sv_expression);
    size_t windows_at = numbers_at + of->number_count * sizeof(double);
    size_t steps_at = windows_at + of->window_count * sizeof(window_use);
    size_t names_at = steps_at + of->step_count * sizeof(step);
    char *at = sv_mem_new(names_at + names);
    sv_expression *e = (sv_expression *) (void *) at;
    *e = (sv_expression){
        .bytes = (uint32_t) (names_at + names),
        .state_bytes = place_windows(of),
        .step_count = (uint8_t) of->step_count,
        .number_count = (uint8_t) of->number_count,
        .sensor_count = (uint8_t) of->sensor_count,
        .window_count = (uint8_t) of->window_count,
        .hold_us = of->hold_us,
        .stale_us = of->stale_us,
        .numbers = (double *) (void *) (at + numbers_at),
        .windows = (window_use *) (void *) (at + windows_at),
        .steps = (step *) (void *) (at + steps_at),
        .names = at + names_at,
    };
    memcpy(e->numbers, of->numbers, of->number_count * sizeof(double));
    memcpy(e->windows, of->windows, of->window_count * sizeof(window_use));
    memcpy(e->steps, of->steps, of->step_count * sizeof(step));
    copy_names(of, e->names);
    return e;
}

void sv_expression_drop(sv_expression **expression) {
    free(*expression);
    *expression = NULL;
}

sv_text expression_name(const sv_expression *expression, unsigned sensor) {
    const char *name = expression->names;
    for (unsigned i = 0; i < sensor; i++) {
        name += 1 + (unsigned char) *name;
    }
    return (sv_text){ .at = name + 1, .len = (unsigned char) *name };
}

bool window_use_same(const window_use *a, const window_use *b) {
    return a->sensor == b->sensor && a->spec.kind == b->spec.kind
           && a->spec.function == b->spec.function && a->spec.span_us == b->spec.span_us
           && a->per_us == b->per_us;
}

static bool same_windows(const sv_expression *a, const sv_expression *b) {
    for (unsigned i = 0; i < a->window_count; i++) {
        if (!window_use_same(&a->windows[i], &b->windows[i])) {
            return false;
        }
    }
    return true;
}

static bool same_names(const sv_expression *a, const sv_expression *b) {
    for (unsigned i = 0; i < a->sensor_count; i++) {
        if (!sv_text_eq(expression_name(a, i), expression_name(b, i))) {
            return false;
        }
    }
    return true;
}

bool sv_expression_same(const sv_expression *a, const sv_expression *b) {
    return a->step_count == b->step_count && a->number_count == b->number_count
           && a->sensor_count == b->sensor_count && a->window_count == b->window_count
           && a->hold_us == b->hold_us && a->stale_us == b->stale_us
           && memcmp(a->steps, b->steps, a->step_count * sizeof(step)) == 0
           && memcmp(a->numbers, b->numbers, a->number_count * sizeof(double)) == 0
           && same_windows(a, b) && same_names(a, b);
}

size_t sv_expression_bytes(const sv_expression *expression) {
    return expression->bytes;
}

int64_t sv_expression_hold_us(const sv_expression *expression) {
    return expression->hold_us;
}

unsigned sv_expression_sensor_count(const sv_expression *expression) {
    return expression->sensor_count;
}

sv_text sv_expression_sensor(const sv_expression *expression, unsigned index) {
    return expression_name(expression, index);
}

int sv_expression_sensor_find(const sv_expression *expression, sv_text name) {
    for (unsigned i = 0; i < expression->sensor_count; i++) {
        if (sv_text_eq(expression_name(expression, i), name)) {
            return (int) i;
        }
    }
    return -1;
}

bool sv_expression_is_timed(const sv_expression *expression) {
    bool timed = expression->window_count > 0;
    for (unsigned i = 0; i < expression->step_count; i++) {
        timed = timed || expression->steps[i].op == OP_AGE;
    }
    return timed;
}
