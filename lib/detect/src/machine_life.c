#include "grid_state.h"
#include "machine_life_own.h"
#include <base/num.h>
#include <base/time.h>
#include <detect/machine_life.h>
#include <inttypes.h>
#include <math.h>

enum { VERSION = 0x314c5653 }; // "SVL1"

#define ROW_MAX_US (31 * SV_TIME_DAY_US)
#define HORIZON_MAX 1e6
/// An alarm is over below this part of the confidence.
#define BACK 0.5
/// Spreads from the mean that no machine had that was learnt from, but one value in many.
#define FAR 6.0
#define STRANGE_KEEP 0.99
#define PART_MIN 1.0
#define BY_MIN 0.01

static sv_err check_columns(const sv_model *model, sv_why *why) {
    size_t columns = sv_recipe_columns(&model->recipe);
    if (columns > SV_GRID_SENSORS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the model looks at %zu columns; at most %d fit here",
                       columns, SV_GRID_SENSORS_MAX);
    }
    for (size_t i = 0; i < columns; i++) {
        const sv_model_column *column = &model->columns[i];
        if (column->categories > 0 || !sv_id_is_valid(column->name)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "the model's column '%.*s' cannot be a sensor: it %s",
                           SV_TEXT_ARG(column->name),
                           column->categories > 0 ? "holds texts" : "is not called like one");
        }
    }
    return SV_OK;
}

static sv_err check_horizon(const sv_mlife_terms *terms, sv_why *why) {
    return terms->horizon >= 1 && terms->horizon <= HORIZON_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "a horizon is 1 to %g rows, not %g", HORIZON_MAX,
                         terms->horizon);
}

sv_err sv_mlife_check(const sv_model *model, const sv_mlife_terms *terms, sv_why *why) {
    if (terms->row_us < SV_TIME_SECOND_US || terms->row_us > ROW_MAX_US) {
        return sv_fail(why, SV_ERR_INVALID, "a row is 1 s to 31 days long, not %" PRId64 " µs",
                       terms->row_us);
    }
    SV_TRY(model->task == SV_MODEL_RUL ? check_horizon(terms, why)
                                       : sv_mlife_check_classes(model, terms, why));
    if (!(terms->confidence > 0 && terms->confidence < 1)) {
        return sv_fail(why, SV_ERR_INVALID, "a confidence lies between 0 and 1, %g does not",
                       terms->confidence);
    }
    return check_columns(model, why);
}

void sv_mlife_start(sv_mlife *life, const sv_model *model, const sv_mlife_terms *terms) {
    *life = (sv_mlife){ .model = model, .terms = *terms };
    sv_grid_start(&life->grid, terms->row_us, life->place, SV_GRID_SENSORS_MAX);
}

static size_t column_of(const sv_model *model, sv_text sensor) {
    size_t columns = sv_recipe_columns(&model->recipe);
    for (size_t i = 0; i < columns; i++) {
        if (sv_text_eq(sensor, model->columns[i].name)) {
            return i;
        }
    }
    return SV_RECIPE_COLUMNS_MAX;
}

bool sv_mlife_asks(const sv_model *model, sv_text sensor) {
    return column_of(model, sensor) != SV_RECIPE_COLUMNS_MAX;
}

// ---- a row --------------------------------------------------------------------------------------

static void follow_strange(sv_mlife *life, const double *row) {
    const sv_recipe *recipe = &life->model->recipe;
    const sv_regime *regime = &recipe->regime[sv_recipe_regime(recipe, row)];
    double far = 0;
    double heard = 0;
    for (size_t i = 0; i < recipe->sensors; i++) {
        double value = row[recipe->settings + i];
        if (isfinite(value)) {
            double spreads = fabs(value - (double) regime->mean[i]) / (double) regime->spread[i];
            far += spreads > FAR ? 1 : 0;
            heard += 1;
        }
    }
    double share = heard > 0 ? far / heard : 0;
    life->strange = STRANGE_KEEP * life->strange + (1 - STRANGE_KEEP) * share;
}

static void note_alarm(sv_mlife *life) {
    bool risky = life->risk >= life->terms.confidence;
    life->over = risky ? life->over + (life->over < SV_MLIFE_CONFIRM_ROWS) : 0;
    if (life->over >= SV_MLIFE_CONFIRM_ROWS) {
        life->alarmed = true;
    } else if (life->risk < BACK * life->terms.confidence) {
        life->alarmed = false;
    }
}

static void take_features(sv_mlife *life, const double *row, float *features) {
    const sv_recipe *recipe = &life->model->recipe;
    if (recipe->kind == SV_RECIPE_ROWS) {
        sv_mlife_take_row(life, row, features);
        return;
    }
    sv_recipe_push(recipe, &life->wear, row, features);
    for (size_t i = 0; i < recipe->sensors; i++) {
        life->come[i] = features[(i + 1) * SV_RECIPE_SENSOR_FEATURES - 1]; // the last of a sensor's
    }
    life->known = life->wear.rows >= SV_MLIFE_ROWS_MIN;
}

/// True when something can be said.
static bool judge(sv_mlife *life, const double *row) {
    float features[SV_RECIPE_FEATURES_MAX];
    take_features(life, row, features);
    if (life->model->recipe.kind == SV_RECIPE_LIFE) {
        follow_strange(life, row);
    }
    if (life->known && life->model->task == SV_MODEL_CLASS) {
        sv_mlife_classify(life, row, features);
    } else if (life->known) {
        sv_model_remaining(life->model, features, &life->remaining);
        life->risk = sv_remaining_fails_within(&life->remaining, life->terms.horizon);
    }
    if (life->known) {
        note_alarm(life);
    }
    return life->known;
}

/// By column. False: one of them has never been heard, or not for long.
static bool arrange(const sv_mlife *life, const double *by_place, double *row) {
    size_t columns = sv_recipe_columns(&life->model->recipe);
    bool whole = life->grid.sensors == columns;
    for (size_t i = 0; i < columns; i++) {
        row[i] = SV_NAN;
    }
    for (size_t i = 0; i < life->grid.sensors; i++) {
        row[life->column[i]] = by_place[i];
        whole = whole && isfinite(by_place[i]);
    }
    return whole;
}

bool sv_mlife_take(sv_mlife *life, sv_text sensor, double value, int64_t at_us) {
    double by_place[SV_GRID_SENSORS_MAX];
    double row[SV_RECIPE_COLUMNS_MAX];
    size_t column = column_of(life->model, sensor);
    if (column == SV_RECIPE_COLUMNS_MAX || !isfinite(value)) {
        return false;
    }
    size_t place = sv_grid_sensor_of(&life->grid, sensor);
    if (place == SV_GRID_SENSORS_MAX) {
        return false;
    }
    life->column[place] = (uint8_t) column;
    if (!sv_grid_take(&life->grid, place, value, at_us, by_place)) {
        return false;
    }
    // A life begins with a row of all its sensors; after that one that is silent is as it was.
    bool whole = arrange(life, by_place, row);
    return (whole || life->wear.rows > 0) && judge(life, row);
}

/// How much a sensor has to do with what is said.
static double weight_of(const sv_mlife *life, size_t sensor) {
    return life->model->task == SV_MODEL_CLASS ? (double) life->by[sensor]
                                               : fabs((double) life->come[sensor]);
}

size_t sv_mlife_parts(const sv_mlife *life, sv_mlife_part out[SV_MLIFE_PARTS]) {
    bool taken[SV_GRID_SENSORS_MAX] = { false };
    const sv_recipe *recipe = &life->model->recipe;
    double least = life->model->task == SV_MODEL_CLASS ? BY_MIN : PART_MIN;
    size_t found = 0;
    for (; life->known && found < SV_MLIFE_PARTS; found++) {
        size_t best = recipe->sensors;
        for (size_t i = 0; i < recipe->sensors; i++) {
            double weight = weight_of(life, i);
            bool larger = best == recipe->sensors || weight > weight_of(life, best);
            best = !taken[i] && weight >= least && larger ? i : best;
        }
        if (best == recipe->sensors) {
            break;
        }
        taken[best] = true;
        out[found] = (sv_mlife_part){ .sensor = life->model->columns[recipe->settings + best].name,
                                      .come = (double) life->come[best],
                                      .by = (double) life->by[best] };
    }
    return found;
}

// ---- kept ---------------------------------------------------------------------------------------

size_t sv_mlife_save(const sv_mlife *life, uint8_t *room, size_t room_bytes) {
    sv_textbuf out = sv_state_room(room, room_bytes);
    const double values[] = { life->remaining.estimate, life->risk, life->strange };
    put_u32(&out, VERSION);
    put_u64(&out, (uint64_t) life->terms.row_us);
    sv_grid_put(&out, &life->grid);
    put_u8(&out, life->known);
    put_u8(&out, life->alarmed);
    put_u32(&out, life->over);
    sv_state_put(&out, values, SV_COUNT(values));
    for (size_t i = 0; i < life->model->recipe.sensors; i++) {
        put_float(&out, life->come[i]);
    }
    if (life->model->task == SV_MODEL_CLASS) {
        sv_mlife_put_classes(life, &out);
    }
    sv_wear_save(&life->wear, &life->model->recipe, &out);
    return sv_state_seal(&out);
}

static void get_columns(sv_cursor *in, sv_mlife *life) {
    for (size_t i = 0; i < life->grid.sensors; i++) {
        size_t column = column_of(life->model, sv_text_of(life->grid.sensor[i].name));
        in->failed = in->failed || column == SV_RECIPE_COLUMNS_MAX;
        life->column[i] = (uint8_t) (in->failed ? 0 : column);
    }
}

static void get_rest(sv_cursor *in, sv_mlife *life) {
    double values[3];
    life->known = cursor_u8(in) != 0;
    life->alarmed = cursor_u8(in) != 0;
    life->over = cursor_u32(in);
    sv_state_get(in, values, SV_COUNT(values));
    bool sound = values[0] >= 0 && values[0] <= (double) life->model->cap && values[1] >= 0
                 && values[1] <= 1 && values[2] >= 0 && values[2] <= 1
                 && life->over <= SV_MLIFE_CONFIRM_ROWS;
    in->failed = in->failed || !sound;
    for (size_t i = 0; i < life->model->recipe.sensors; i++) {
        life->come[i] = cursor_float(in);
        in->failed = in->failed || !isfinite(life->come[i]);
    }
    if (life->model->task == SV_MODEL_CLASS) {
        sv_mlife_get_classes(in, life);
    }
    life->risk = values[1];
    life->strange = values[2];
    if (!in->failed && life->model->task == SV_MODEL_RUL) {
        sv_model_remaining_at(life->model, values[0], &life->remaining);
    }
}

sv_err sv_mlife_load(sv_mlife *life, const uint8_t *bytes, size_t len, sv_why *why) {
    sv_cursor in;
    sv_mlife read;
    SV_TRY(sv_state_open(bytes, len, VERSION, "machine's life", &in, why));
    sv_mlife_start(&read, life->model, &life->terms);
    if ((int64_t) cursor_u64(&in) != life->terms.row_us) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a machine's life is of other rows");
    }
    sv_grid_get(&in, &read.grid);
    get_columns(&in, &read);
    get_rest(&in, &read);
    if (in.failed) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a machine's life makes no sense");
    }
    const sv_text wear = { .at = (const char *) in.at, .len = in.left };
    SV_TRY(sv_wear_load(wear, &read.model->recipe, &read.wear, why));
    *life = read;
    life->grid.sensor = life->place;
    return SV_OK;
}
