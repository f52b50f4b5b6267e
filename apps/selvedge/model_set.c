#include "model_set.h"
#include <base/mem.h>
#include <base/num.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NO_CODE = UINT8_MAX };

/// What is being made: the set, and where its columns lie in the data.
typedef struct making {
    const model_data *data;
    const model_set_plan *plan;
    sv_training_set set;
    size_t label, group; ///< data->columns: none
    size_t from[SV_RECIPE_COLUMNS_MAX];
    uint8_t place[SV_RECIPE_COLUMNS_MAX][SV_MODEL_CATEGORIES_MAX]; ///< of a code, in order of names
    uint8_t class_place[SV_MODEL_CLASSES_MAX];
    uint32_t *life; ///< rows of each machine
    uint8_t *end;   ///< classes of lives: what each machine's end was; 0: it was renewed in time
} making;

// ---- columns ------------------------------------------------------------------------------------

/// The texts of a column in the order of their names; `place` says where each code went.
static void sort_texts(const model_data_column *column, sv_text *names, uint8_t *place) {
    uint8_t order[SV_MODEL_CATEGORIES_MAX];
    for (uint8_t i = 0; i < column->texts; i++) {
        uint8_t at = i;
        for (; at > 0 && strcmp(column->text[order[at - 1]], column->text[i]) > 0; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    for (uint8_t i = 0; i < column->texts; i++) {
        names[i] = sv_text_of(column->text[order[i]]);
        place[order[i]] = i;
    }
}

static sv_err add_column(making *of, size_t column, sv_why *why) {
    const model_data_column *from = &of->data->column[column];
    if (of->set.columns == SV_RECIPE_COLUMNS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "more than %d columns; leave some out with --ignore",
                       SV_RECIPE_COLUMNS_MAX);
    }
    sv_model_column *to = &of->set.column[of->set.columns];
    to->name = sv_text_of(from->name);
    if (from->is_text) {
        to->categories = (uint8_t) from->texts;
        sort_texts(from, to->category, of->place[of->set.columns]);
    }
    of->from[of->set.columns++] = column;
    return SV_OK;
}

static bool is_setting(const making *of, size_t column) {
    for (size_t i = 0; of->plan->setting[i] != NULL; i++) {
        if (model_data_find(of->data, of->plan->setting[i]) == column) {
            return true;
        }
    }
    return false;
}

static sv_err add_settings(making *of, sv_why *why) {
    for (size_t i = 0; of->plan->setting[i] != NULL; i++) {
        size_t column = model_data_find(of->data, of->plan->setting[i]);
        if (column == of->data->columns || of->data->column[column].is_text) {
            return sv_fail(why, SV_ERR_INVALID,
                           "--setting %.64s: there is no such column of numbers",
                           of->plan->setting[i]);
        }
        if (i == SV_RECIPE_SETTINGS_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "more than %d settings", SV_RECIPE_SETTINGS_MAX);
        }
        SV_TRY(add_column(of, column, why));
        of->set.settings++;
    }
    return SV_OK;
}

/// Why a column says nothing that may be learnt; NULL: it does.
static const char *why_not(const making *of, const model_data_column *column) {
    if (column->is_left_out) {
        return "as asked";
    }
    if (column->is_text && column->texts > SV_MODEL_CATEGORIES_MAX) {
        return "it holds more than 16 different texts";
    }
    if (column->is_text && (of->plan->task == SV_MODEL_RUL || of->plan->within > 0)) {
        return "it holds text, and a machine's course is told by numbers";
    }
    return column->is_steady && of->data->rows > 2 ? "it counts the rows" : NULL;
}

static sv_err add_columns(making *of, sv_why *why) {
    SV_TRY(add_settings(of, why));
    for (size_t i = 0; i < of->data->columns; i++) {
        if (i == of->label || i == of->group || is_setting(of, i)) {
            continue;
        }
        const char *reason = why_not(of, &of->data->column[i]);
        if (reason != NULL) {
            (void) fprintf(stderr, "column '%s' is left out: %s\n", of->data->column[i].name,
                           reason);
            continue;
        }
        SV_TRY(add_column(of, i, why));
    }
    return of->set.columns > of->set.settings
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "no column is left to learn from");
}

// ---- what was true ------------------------------------------------------------------------------

static sv_err find_label(making *of, sv_why *why) {
    of->label = of->group = of->data->columns;
    if (of->plan->label == NULL) {
        return SV_OK;
    }
    of->label = model_data_find(of->data, of->plan->label);
    return of->label < of->data->columns
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "there is no column '%.64s' to learn",
                         of->plan->label);
}

/// Of two names the one that means something is wrong; the second where neither says so.
static bool is_first_looked_for(const sv_text names[2], const char *positive) {
    return positive != NULL ? sv_text_is(names[0], positive) : sv_model_is_fine_name(names[1]);
}

static sv_err find_classes(making *of, sv_why *why) {
    const model_data_column *label = &of->data->column[of->label];
    if (label->texts < 2 || label->texts > SV_MODEL_CLASSES_MAX) {
        return sv_fail(
            why, SV_ERR_INVALID, "column '%s' has %s; a class is one of 2 to %d texts or numbers",
            label->name, label->texts < 2 ? "one value" : "more values", SV_MODEL_CLASSES_MAX);
    }
    of->set.classes = (uint8_t) label->texts;
    sv_text *names = of->set.class_name;
    sort_texts(label, names, of->class_place);
    if (of->plan->positive != NULL
        && (label->texts != 2
            || (!sv_text_is(names[0], of->plan->positive)
                && !sv_text_is(names[1], of->plan->positive)))) {
        return sv_fail(why, SV_ERR_INVALID, "--positive %.64s is none of two classes",
                       of->plan->positive);
    }
    if (label->texts == 2 && is_first_looked_for(names, of->plan->positive)) {
        sv_text first = names[0];
        names[0] = names[1];
        names[1] = first;
        of->class_place[0] = 1 - of->class_place[0];
        of->class_place[1] = 1 - of->class_place[1];
    }
    return SV_OK;
}

/// The kinds of ends of which there are some, in the order of their names, after what is fine.
static sv_err find_kinds(making *of, const bool *used, sv_why *why) {
    const model_data_column *label = &of->data->column[of->label];
    sv_text names[SV_MODEL_CATEGORIES_MAX];
    uint8_t place[SV_MODEL_CATEGORIES_MAX];
    uint8_t kind[SV_MODEL_CATEGORIES_MAX] = { 0 };
    sort_texts(label, names, place);
    for (uint8_t i = 0; i < label->texts; i++) {
        for (uint8_t code = 0; code < label->texts; code++) {
            if (place[code] == i && used[code] && !sv_model_is_fine_name(names[i])) {
                if (of->set.classes == SV_MODEL_CLASSES_MAX) {
                    return sv_fail(why, SV_ERR_INVALID, "more than %d kinds of ends in '%s'",
                                   SV_MODEL_CLASSES_MAX - 1, label->name);
                }
                kind[code] = of->set.classes;
                of->set.class_name[of->set.classes++] = names[i];
            }
        }
    }
    for (uint32_t i = 0; i < of->data->machines; i++) {
        of->end[i] = of->end[i] == NO_CODE ? 0 : kind[of->end[i]];
    }
    return of->set.classes > 1
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "the last row of no machine says in '%s' what it has failed of",
                         label->name);
}

/// What each machine's end was: the label of its last row, or that it failed.
static sv_err find_ends(making *of, sv_why *why) {
    const model_data *data = of->data;
    bool used[SV_MODEL_CATEGORIES_MAX] = { false };
    of->set.classes = 1;
    of->set.class_name[0] = SV_TEXT("healthy");
    if (of->label == data->columns) {
        of->set.class_name[of->set.classes++] = SV_TEXT("failing");
        memset(of->end, 1, data->machines);
        return SV_OK;
    }
    if (data->column[of->label].texts > SV_MODEL_CATEGORIES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "column '%s' has more than %d values",
                       data->column[of->label].name, SV_MODEL_CATEGORIES_MAX);
    }
    for (size_t i = 0; i < data->rows; i++) {
        of->end[data->group[i]] = data->code[i * data->columns + of->label]; // the last stays
    }
    for (uint32_t i = 0; i < data->machines; i++) {
        if (of->end[i] != NO_CODE) {
            used[of->end[i]] = true;
        }
    }
    return find_kinds(of, used, why);
}

/// What was renewed in time would have failed later, nobody knows when.
static bool is_known(const making *of, size_t row, uint32_t seen) {
    uint32_t group = of->data->group[row];
    return of->plan->within == 0 || of->end[group] != 0
           || of->life[group] - 1 - seen >= of->plan->within;
}

/// `seen` is how many rows of its machine came before.
static sv_err truth_of(const making *of, size_t row, uint32_t seen, double *out, sv_why *why) {
    const model_data *data = of->data;
    if (of->plan->within > 0) {
        uint32_t group = data->group[row];
        *out = of->life[group] - 1 - seen < of->plan->within ? of->end[group] : 0;
        return SV_OK;
    }
    if (of->label == data->columns) {
        *out = of->life[data->group[row]] - 1 - seen;
        return SV_OK;
    }
    size_t cell = row * data->columns + of->label;
    const char *name = data->column[of->label].name;
    if (of->plan->task == SV_MODEL_CLASS) {
        if (data->code[cell] == NO_CODE) {
            return sv_fail(why, SV_ERR_INVALID, "row %zu has no '%s'", row + 1, name);
        }
        *out = of->class_place[data->code[cell]];
        return SV_OK;
    }
    *out = data->value[cell];
    return *out >= 0 ? SV_OK
                     : sv_fail(why, SV_ERR_INVALID,
                               "row %zu: '%s' is %g; remaining life is a number from 0", row + 1,
                               name, *out);
}

// ---- rows ---------------------------------------------------------------------------------------

static void values_of(const making *of, size_t row, double *out) {
    const model_data *data = of->data;
    for (size_t i = 0; i < of->set.columns; i++) {
        size_t cell = row * data->columns + of->from[i];
        uint8_t code = data->code[cell];
        if (of->set.column[i].categories == 0) {
            out[i] = data->value[cell];
        } else {
            out[i] = code == NO_CODE ? SV_NAN : of->place[i][code];
        }
    }
}

/// Of the last ones of a machine that was renewed in time nobody knows what was true.
static uint32_t count_known(const making *of) {
    uint32_t unknown = 0;
    for (uint32_t i = 0; of->plan->within > 0 && i < of->data->machines; i++) {
        uint32_t last = of->life[i] < of->plan->within ? of->life[i] : of->plan->within;
        unknown += of->end[i] == 0 ? last : 0;
    }
    return (uint32_t) of->data->rows - unknown;
}

static sv_err put_rows(const making *of, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_mem_drop)
    uint32_t *seen = sv_mem_array((size_t) of->data->machines + 1, sizeof *seen);
    for (size_t i = 0; i < of->data->rows; i++) {
        sv_training_row row = { .group = of->set.groups == 0 ? 0 : of->data->group[i] };
        bool known = is_known(of, i, seen[row.group]);
        SV_TRY(truth_of(of, i, seen[row.group], &row.truth, why));
        seen[row.group]++;
        if (known) {
            values_of(of, i, row.values);
            sv_training_row_put(&of->set, &row, out);
        }
    }
    return out->overflowed ? sv_fail(why, SV_ERR_INVALID, "the rows need more than 1 GiB") : SV_OK;
}

static sv_err make(making *of, sv_textbuf *out, sv_why *why) {
    const model_data *data = of->data;
    const model_set_plan *plan = of->plan;
    SV_TRY(find_label(of, why));
    if (plan->group != NULL) {
        of->group = model_data_find(data, plan->group);
        of->set.group = sv_text_of(plan->group);
        of->set.groups = data->machines;
    }
    for (size_t i = 0; i < data->rows; i++) {
        of->life[data->group[i]]++;
    }
    if (plan->task == SV_MODEL_CLASS) {
        SV_TRY(plan->within > 0 ? find_ends(of, why) : find_classes(of, why));
    }
    of->set.rows = count_known(of);
    SV_TRY(add_columns(of, why));
    sv_training_set_put(&of->set, out);
    return put_rows(of, out, why);
}

sv_err model_set_make(const model_data *data, const model_set_plan *plan, sv_textbuf *out,
                      sv_why *why) {
    SV_DEFER(sv_mem_drop) making *of = sv_mem_new(sizeof *of);
    SV_DEFER(sv_mem_drop)
    uint32_t *life = sv_mem_array((size_t) data->machines + 1, sizeof *life);
    SV_DEFER(sv_mem_drop) uint8_t *end = sv_mem_array((size_t) data->machines + 1, 1);
    *of = (making){ .data = data,
                    .plan = plan,
                    .set = { .task = plan->task,
                             .within = plan->within,
                             .cap = plan->cap,
                             .source = sv_textbuf_text(&data->source) },
                    .life = life,
                    .end = end };
    return make(of, out, why);
}
