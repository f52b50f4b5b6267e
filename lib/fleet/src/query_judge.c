#include <fleet/query.h>
#include <fleet/routing.h>
#include <fleet/version.h>

#include <string.h>

/// `pattern` with `*`; it has no NUL, but neither an end.
static bool is_like(sv_text pattern, sv_text text) {
    char room[SV_QUERY_VALUE_MAX + 1];
    memcpy(room, pattern.at, pattern.len);
    room[pattern.len] = '\0';
    return sv_pattern_fits(room, text);
}

static bool is_in(const sv_query_device *device, sv_query_field field, sv_text name) {
    return device->has != NULL && device->has(device, field, name);
}

static bool compare(const sv_query *query, const sv_query_step *step,
                    const sv_query_device *device) {
    sv_text value = sv_query_value(query, step);
    sv_query_field field = (sv_query_field) step->field;
    if (field == SV_QUERY_GROUP || field == SV_QUERY_TAG) {
        return is_in(device, field, value) == (step->op == SV_QUERY_IS);
    }
    sv_text is = device->field[field];
    bool known = is.len > 0;
    int order = field == SV_QUERY_VERSION ? sv_version_compare(is, value) : 0;
    switch ((sv_query_op) step->op) {
    case SV_QUERY_IS:
        return known && sv_text_eq(is, value);
    case SV_QUERY_IS_NOT:
        return !sv_text_eq(is, value);
    case SV_QUERY_BELOW:
        return known && order < 0;
    case SV_QUERY_UP_TO:
        return known && order <= 0;
    case SV_QUERY_ABOVE:
        return known && order > 0;
    case SV_QUERY_FROM:
        return known && order >= 0;
    case SV_QUERY_LIKE:
        return known && is_like(value, is);
    case SV_QUERY_UNLIKE:
        return !known || !is_like(value, is);
    case SV_QUERY_ALL:
    case SV_QUERY_ONLINE:
    case SV_QUERY_DIVERGES:
    case SV_QUERY_NOT:
    case SV_QUERY_AND:
    case SV_QUERY_OR:
    case SV_QUERY_OP__COUNT:
        break;
    }
    return false;
}

bool sv_query_compares(const sv_query *query) {
    for (size_t i = 0; i < query->step_count; i++) {
        uint8_t op = query->steps[i].op;
        if (op >= SV_QUERY_IS && op <= SV_QUERY_UNLIKE) {
            return true;
        }
    }
    return false;
}

bool sv_query_fits(const sv_query *query, const sv_query_device *device) {
    uint64_t stack = 0; // the last value is the lowest bit; no query leaves more than 64
    for (size_t i = 0; i < query->step_count; i++) {
        const sv_query_step *step = &query->steps[i];
        if (step->op == SV_QUERY_NOT) {
            stack ^= 1;
        } else if (step->op == SV_QUERY_AND) {
            stack = (stack >> 1) & (stack | ~UINT64_C(1));
        } else if (step->op == SV_QUERY_OR) {
            stack = (stack >> 1) | (stack & 1);
        } else {
            bool value = step->op == SV_QUERY_ALL        ? true
                         : step->op == SV_QUERY_ONLINE   ? device->online
                         : step->op == SV_QUERY_DIVERGES ? device->diverges
                                                         : compare(query, step, device);
            stack = stack << 1 | value;
        }
    }
    return (stack & 1) != 0;
}

/// What a value may be: one, the other, or either.
typedef struct maybe {
    bool yes, no;
} maybe;

static maybe judge_kind(const sv_query *query, const sv_query_step *step,
                        const sv_query_device *kind) {
    bool compares = step->op >= SV_QUERY_IS && step->op <= SV_QUERY_UNLIKE;
    bool is_known =
        compares && (step->field == SV_QUERY_PRODUCT || step->field == SV_QUERY_VERSION);
    if (step->op == SV_QUERY_ALL) {
        return (maybe){ .yes = true };
    }
    bool yes = is_known && compare(query, step, kind);
    return (maybe){ .yes = !is_known || yes, .no = !is_known || !yes };
}

bool sv_query_may_fit(const sv_query *query, sv_text product, sv_text version) {
    const sv_query_device kind = {
        .field = { [SV_QUERY_PRODUCT] = product, [SV_QUERY_VERSION] = version }
    };
    maybe stack[SV_QUERY_STEPS_MAX + 1] = { { 0 } };
    size_t top = 0; // the place of the last value
    for (size_t i = 0; i < query->step_count; i++) {
        const sv_query_step *step = &query->steps[i];
        maybe last = stack[top];
        if (step->op == SV_QUERY_NOT) {
            stack[top] = (maybe){ .yes = last.no, .no = last.yes };
        } else if (step->op == SV_QUERY_AND) {
            maybe *first = &stack[--top];
            *first = (maybe){ .yes = first->yes && last.yes, .no = first->no || last.no };
        } else if (step->op == SV_QUERY_OR) {
            maybe *first = &stack[--top];
            *first = (maybe){ .yes = first->yes || last.yes, .no = first->no && last.no };
        } else {
            stack[++top] = judge_kind(query, step, &kind);
        }
    }
    return stack[top].yes;
}
