// selvedge model predict: rows on stdin, answers on stdout.
#include "cmapss.h"
#include "csv.h"
#include "filter.h"
#include "model.h"
#include <base/map.h>
#include <base/mem.h>
#include <base/num.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MACHINES_MAX = 65536, NO_UNIT = 0 };

/// One machine: its life so far and what its last row said.
typedef struct machine {
    uint32_t unit, cycle;
    sv_remaining last;
    double probability; ///< of classes: of the one to tell
    unsigned named;
    sv_wear wear;
} machine;

typedef struct run {
    sv_model model;
    size_t column[SV_RECIPE_COLUMNS_MAX]; ///< where each of the model's columns lies in a row
    sv_map *machines;
    float features[SV_RECIPE_FEATURES_MAX];
    uint64_t rows;
} run;

static const char ABOUT[] =
    "Reads rows from stdin and says, by a model, how long each machine will last or what each row "
    "is.\n\n"
    "  selvedge model predict --model engine.model --format cmapss < test_FD001.txt\n"
    "  selvedge model predict --model gear.model < windows.csv\n\n"
    "Of remaining life one line per machine, after its last row: estimate,low,high in rows. Nine "
    "in ten fail\n"
    "between low and high. NASA's units come in the order of their numbers, machines of a CSV file "
    "in the\n"
    "order in which they came. Of classes one line per row, or per machine where they are of "
    "lives: "
    "\n"
    "probability,label. The probability is that of the class looked for, of more than two that of "
    "the one\n"
    "named. A row that is broken gives "
    "\"nan,\".";

// ---- columns by name ----------------------------------------------------------------------------

static sv_err find_columns(run *r, const sv_csv *csv, sv_why *why) {
    for (size_t i = 0; i < sv_recipe_columns(&r->model.recipe); i++) {
        char name[SV_MODEL_NAME_MAX + 1];
        SV_TRY(sv_text_copy(r->model.columns[i].name, name, sizeof name));
        r->column[i] = sv_csv_column(csv, name);
        if (r->column[i] == csv->count) {
            return sv_fail(why, SV_ERR_INVALID,
                           "there is no column '%s', which the model looks at; `selvedge model "
                           "show` lists all",
                           name);
        }
    }
    return SV_OK;
}

static sv_err find_cmapss_columns(run *r, sv_why *why) {
    for (size_t i = 0; i < sv_recipe_columns(&r->model.recipe); i++) {
        sv_text name = r->model.columns[i].name;
        r->column[i] = SV_CMAPSS_COLUMNS;
        for (unsigned c = 0; c < SV_CMAPSS_COLUMNS; c++) {
            r->column[i] = sv_text_is(name, sv_cmapss_column(c)) ? c : r->column[i];
        }
        if (r->column[i] == SV_CMAPSS_COLUMNS) {
            return sv_fail(why, SV_ERR_INVALID,
                           "the model looks at a column '%.*s', which NASA's format has not",
                           SV_TEXT_ARG(name));
        }
    }
    return SV_OK;
}

static double cell_value(const sv_model_column *column, sv_text cell, uint64_t line) {
    double value = SV_NAN;
    for (size_t i = 0; i < column->categories; i++) {
        if (sv_text_eq(cell, column->category[i])) {
            return (double) i;
        }
    }
    if (column->categories == 0 && sv_csv_number(cell, &value) != SV_OK) {
        (void) fprintf(stderr,
                       "line %llu: '%.*s' in column '%.*s' is no number; it counts as "
                       "missing\n",
                       (unsigned long long) line, (int) (cell.len < 40 ? cell.len : 40), cell.at,
                       SV_TEXT_ARG(column->name));
    }
    return value;
}

static void csv_values(const run *r, const sv_csv *csv, double *out) {
    for (size_t i = 0; i < sv_recipe_columns(&r->model.recipe); i++) {
        out[i] = cell_value(&r->model.columns[i], csv->cells[r->column[i]], csv->lines.number);
    }
}

// ---- remaining life -----------------------------------------------------------------------------

static sv_err machine_of(run *r, sv_text name, uint32_t unit, machine **out, sv_why *why) {
    *out = sv_map_get(r->machines, name);
    if (*out != NULL) {
        return SV_OK;
    }
    machine *made = sv_mem_new(sizeof *made);
    made->unit = unit;
    if (sv_map_put(r->machines, name, made) != SV_OK) {
        free(made);
        return sv_fail(why, SV_ERR_INVALID, "more than %d machines", MACHINES_MAX);
    }
    *out = made;
    return SV_OK;
}

/// Of two classes the probability of the second is told, of more that of the one that is named.
static unsigned told_of(const sv_model *model, unsigned named) {
    return model->classes == 2 ? 1 : named;
}

static void print_answer(const run *r, unsigned named, double probability) {
    (void) printf("%.6g,", probability);
    sv_filter_print(r->model.class_name[named]);
    (void) putchar('\n');
}

static void live(run *r, machine *of, const double *row) {
    r->rows++;
    sv_recipe_push(&r->model.recipe, &of->wear, row, r->features);
    if (r->model.task == SV_MODEL_RUL) {
        sv_model_remaining(&r->model, r->features, &of->last);
        return;
    }
    double probability[SV_MODEL_CLASSES_MAX];
    of->named = sv_model_classify(&r->model, r->features, probability);
    of->probability = probability[told_of(&r->model, of->named)];
}

static int by_unit(const void *a, const void *b) {
    uint32_t left = (*(machine *const *) a)->unit, right = (*(machine *const *) b)->unit;
    return (left > right) - (left < right);
}

static void print_machines(const run *r, bool by_number) {
    size_t count = sv_map_count(r->machines);
    SV_DEFER(sv_mem_drop) machine **all = sv_mem_array(count + 1, sizeof(machine *));
    for (size_t i = 0; i < count; i++) {
        all[i] = sv_map_at(r->machines, i, NULL);
    }
    if (by_number) {
        qsort(all, count, sizeof(machine *), by_unit);
    }
    for (size_t i = 0; i < count; i++) {
        const sv_remaining *of = &all[i]->last;
        if (r->model.task == SV_MODEL_CLASS) {
            print_answer(r, all[i]->named, all[i]->probability);
        } else {
            (void) printf("%.6g,%.6g,%.6g\n", of->estimate, of->low, of->high);
        }
    }
}

static sv_err take_unit(run *r, sv_text line, sv_why *why) {
    sv_cmapss_row read;
    double row[SV_RECIPE_COLUMNS_MAX];
    char name[SV_NUM_TEXT_MAX];
    machine *of = NULL;
    SV_TRY(sv_cmapss_parse(line, &read, why));
    int len = snprintf(name, sizeof name, "%u", read.unit);
    SV_TRY(machine_of(r, (sv_text){ .at = name, .len = (size_t) len }, read.unit, &of, why));
    if (read.cycle <= of->cycle) {
        return sv_fail(why, SV_ERR_INVALID,
                       "cycle %u of unit %u comes after its cycle %u; a unit's rows are wanted in "
                       "their order",
                       read.cycle, read.unit, of->cycle);
    }
    of->cycle = read.cycle;
    for (size_t i = 0; i < sv_recipe_columns(&r->model.recipe); i++) {
        row[i] = read.values[r->column[i]];
    }
    live(r, of, row);
    return SV_OK;
}

/// A line that cannot be read could be anybody's, so no estimate after it would be right.
static sv_err run_cmapss(run *r, sv_why *why) {
    SV_TRY(find_cmapss_columns(r, why));
    SV_DEFER(sv_mem_drop) sv_lines *lines = sv_mem_new(sizeof *lines);
    lines->file = stdin;
    for (;;) {
        sv_text line = { 0 };
        sv_why fault = { .text = "" };
        sv_err err = sv_lines_next(lines, &line, &fault);
        if (err == SV_ERR_NOT_FOUND) {
            print_machines(r, true);
            return SV_OK;
        }
        if (err == SV_OK && sv_text_trim(line).len > 0) {
            err = take_unit(r, line, &fault);
        }
        if (err != SV_OK) {
            return sv_fail(why, err, "line %llu: %s", (unsigned long long) lines->number,
                           fault.text);
        }
    }
}

static sv_err run_lives(run *r, sv_csv *csv, sv_why *why) {
    char group[SV_MODEL_NAME_MAX + 1];
    SV_TRY(sv_text_copy(r->model.group, group, sizeof group));
    size_t at = sv_csv_column(csv, group);
    if (at == csv->count) {
        return sv_fail(why, SV_ERR_INVALID, "there is no column '%s' to tell machines apart by",
                       group);
    }
    sv_err err = SV_OK;
    while ((err = sv_csv_next(csv, why)) == SV_OK) {
        double row[SV_RECIPE_COLUMNS_MAX];
        machine *of = NULL;
        SV_TRY(machine_of(r, csv->cells[at], NO_UNIT, &of, why));
        csv_values(r, csv, row);
        live(r, of, row);
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    print_machines(r, false);
    return SV_OK;
}

// ---- classes ------------------------------------------------------------------------------------

static void print_class(run *r, const sv_csv *csv) {
    double row[SV_RECIPE_COLUMNS_MAX], probability[SV_MODEL_CLASSES_MAX];
    csv_values(r, csv, row);
    sv_recipe_push(&r->model.recipe, NULL, row, r->features);
    unsigned named = sv_model_classify(&r->model, r->features, probability);
    print_answer(r, named, probability[told_of(&r->model, named)]);
}

/// A broken row costs itself alone, and keeps its line.
static sv_err run_classes(run *r, sv_csv *csv, sv_why *why) {
    for (;;) {
        sv_why fault = { .text = "" };
        sv_err err = sv_csv_next(csv, &fault);
        r->rows += err == SV_ERR_NOT_FOUND ? 0 : 1;
        if (err == SV_OK) {
            print_class(r, csv);
        } else if (err == SV_ERR_INVALID || err == SV_ERR_NO_SPACE) {
            (void) fprintf(stderr, "selvedge: %s\n", fault.text);
            (void) printf("nan,\n");
        } else {
            return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fail(why, err, "%s", fault.text);
        }
    }
}

static bool is_of_lives(const sv_model *model) {
    return model->recipe.kind == SV_RECIPE_LIFE;
}

// ---- the command --------------------------------------------------------------------------------

static sv_err run_csv(run *r, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_csv *csv = sv_mem_new(sizeof *csv);
    SV_TRY(sv_csv_begin(csv, stdin, why));
    SV_TRY(find_columns(r, csv, why));
    return is_of_lives(&r->model) ? run_lives(r, csv, why) : run_classes(r, csv, why);
}

static sv_err run_model(run *r, const char *path, bool is_cmapss, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX + 1);
    SV_TRY(model_load(path, &bytes, &r->model, why));
    if (setvbuf(stdout, NULL, _IOLBF, BUFSIZ) != 0) { // an answer is there when its row is
        return sv_fail(why, SV_ERR_IO, "cannot write line by line");
    }
    if (is_cmapss && !is_of_lives(&r->model)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.60s' tells classes of rows; NASA's format holds lives", path);
    }
    SV_TRY(is_cmapss ? run_cmapss(r, why) : run_csv(r, why));
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot write the answers: %m");
    }
    return r->rows > 0 ? SV_OK : sv_fail(why, SV_ERR_STATE, "there was no row");
}

static void drop(run *r) {
    for (size_t i = 0; i < sv_map_count(r->machines); i++) {
        free(sv_map_at(r->machines, i, NULL));
    }
    sv_map_drop(&r->machines);
    free(r);
}

int cmd_model_predict(int argc, char **argv) {
    const char *path = NULL, *format = NULL;
    const sv_option options[] = {
        { .name = "model",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &path,
          .help = "what `selvedge model train` made",
          .required = true },
        { .name = "format",
          .value = "csv|cmapss",
          .kind = SV_OPTION_TEXT,
          .target = &format,
          .help = "a header and rows, or NASA's text format [csv]" },
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge model predict --model FILE [--format csv|cmapss] < ROWS", ABOUT,
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    bool is_cmapss = format != NULL && strcmp(format, "cmapss") == 0;
    if (err == SV_OK && format != NULL && !is_cmapss && strcmp(format, "csv") != 0) {
        err = sv_fail(&why, SV_ERR_INVALID, "--format is csv or cmapss, not '%.40s'", format);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    run *r = sv_mem_new(sizeof *r);
    r->machines = sv_map_new(MACHINES_MAX, NULL);
    err = run_model(r, path, is_cmapss, &why);
    drop(r);
    if (err == SV_OK) {
        return SV_EXIT_DONE;
    }
    (void) sv_exit_with(err, &why);
    return err == SV_ERR_NOT_FOUND ? SV_EXIT_USAGE : sv_exit_of(err);
}
