#include "machine_watch_room.h"
#include <base/mem.h>
#include <base/time.h>
#include <detect/machine_watch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/// A sensor that has a value in so many of the rows speaks regularly.
#define REGULAR 0.5
/// Smaller parts are not named.
#define PART_MIN 0.1

/// From which an episode is worth an alert: twice as far as where it counts as unusual, with low
/// sensitivity four times, with high one and a half.
static const sv_aim_scores ALERT_SCORES = {
    .of = { [SV_SENSITIVITY_NORMAL] = 2.0 / 3,
            [SV_SENSITIVITY_LOW] = 0.8,
            [SV_SENSITIVITY_HIGH] = 0.6 },
    .highest = 0.985,
};

const char *sv_mwatch_state_name(sv_mwatch_state state) {
    static const char *const NAMES[SV_MWATCH_STATE__COUNT] = { [SV_MWATCH_GATHERS] = "gathering",
                                                               [SV_MWATCH_LEARNS] = "learning",
                                                               [SV_MWATCH_WATCHES] = "watching" };
    return NAMES[state];
}

static int64_t step_of(int64_t learn_us) {
    int64_t step_us = learn_us / SV_MWATCH_ROWS;
    return step_us < SV_TIME_SECOND_US ? SV_TIME_SECOND_US : step_us;
}

static uint64_t learn_rows(const sv_mwatch *watch) {
    uint64_t rows = (uint64_t) (watch->learn_us / watch->grid.step_us);
    return rows < SV_MACHINE_TRAIN_ROWS_MIN ? SV_MACHINE_TRAIN_ROWS_MIN : rows;
}

sv_mwatch *sv_mwatch_new(int64_t learn_us) {
    sv_mwatch *watch = sv_mem_new(sizeof *watch);
    *watch = (sv_mwatch){ .learn_us = learn_us };
    sv_grid_start(&watch->grid, step_of(learn_us), NULL, 0);
    return watch;
}

void sv_mwatch_drop(sv_mwatch **watch) {
    if (*watch != NULL) {
        free((*watch)->detector);
        free((*watch)->grid.sensor);
        free(*watch);
        *watch = NULL;
    }
}

// ---- who takes part -----------------------------------------------------------------------------

static void forget_counts(sv_mwatch *watch) {
    watch->rows = 0;
    for (size_t i = 0; i < watch->grid.sensors; i++) {
        watch->grid.sensor[i].heard = 0;
    }
}

static bool is_regular(const sv_mwatch *watch, size_t sensor) {
    return watch->grid.sensor[sensor].heard >= REGULAR * watch->rows;
}

static void note_members(sv_mwatch *watch) {
    watch->members = 0;
    for (size_t i = 0; i < watch->grid.sensors; i++) {
        if (is_regular(watch, i)) {
            watch->member[watch->members++] = (uint8_t) i;
        }
    }
    watch->members = watch->members < SV_MWATCH_SENSORS_MIN ? 0 : watch->members;
}

/// With those who speak regularly; too few of them: go on looking.
static void begin(sv_mwatch *watch) {
    note_members(watch);
    forget_counts(watch);
    free(watch->detector);
    watch->detector = NULL;
    watch->last = (sv_machine_verdict){ .learning = watch->members > 0 };
    watch->off_rows = 0;
    watch->worst = 0;
    watch->alarmed = false;
    if (watch->members > 0) {
        watch->detector = sv_mem_new(sv_machine_detector_bytes(watch->members));
        // Both numbers are within the detector's bounds, whatever `learn` is.
        (void) (sv_machine_detector_start(watch->detector, watch->members, learn_rows(watch), NULL)
                == SV_OK);
    }
}

static bool is_member(const sv_mwatch *watch, size_t place) {
    for (size_t i = 0; i < watch->members; i++) {
        if (watch->member[i] == place) {
            return true;
        }
    }
    return false;
}

/// Once in as many rows as are learnt from: did somebody join who speaks regularly?
static void look_for_others(sv_mwatch *watch) {
    bool joined = false;
    for (size_t i = 0; i < watch->grid.sensors; i++) {
        joined = joined || (is_regular(watch, i) && !is_member(watch, i));
    }
    if (joined) {
        begin(watch);
    } else {
        forget_counts(watch);
    }
}

// ---- rows ---------------------------------------------------------------------------------------

/// By a copy, so that what many machines let go of lies together.
void sv_mwatch_let_go(sv_mwatch *watch) {
    size_t bytes = sv_machine_detector_learnt_bytes(watch->detector->sensors);
    sv_machine_detector *small = sv_mem_new(bytes);
    memcpy(small, watch->detector, bytes);
    free(watch->detector);
    watch->detector = small;
}

/// One that is worth an alert stays so.
static void judge_episode(sv_mwatch *watch) {
    double bar =
        sv_aim_bar(watch->aim, &ALERT_SCORES, (double) watch->grid.step_us, &watch->bar_shift);
    bool alarmed = watch->last.anomaly && (watch->alarmed || watch->worst >= bar);
    if (alarmed && !watch->alarmed) {
        sv_aim_raised(watch->aim, &ALERT_SCORES, &watch->bar_shift);
    }
    watch->alarmed = alarmed;
}

static void judge(sv_mwatch *watch, const double *row) {
    double values[SV_MACHINE_SENSORS_MAX];
    for (size_t i = 0; i < watch->members; i++) {
        values[i] = row[watch->member[i]];
    }
    bool learnt = sv_machine_detector_has_learnt(watch->detector);
    watch->last = sv_machine_detector_take(watch->detector, values);
    if (!learnt && sv_machine_detector_has_learnt(watch->detector)) {
        sv_mwatch_let_go(watch);
    }
    watch->off_rows = watch->last.anomaly ? watch->off_rows + 1 : 0;
    watch->worst = watch->last.anomaly ? fmax(watch->worst, watch->last.score) : 0;
    judge_episode(watch);
    if (watch->off_rows > 2 * learn_rows(watch)) {
        (void) sv_mwatch_accept(watch);
    }
}

static void take_row(sv_mwatch *watch, const double *row) {
    watch->rows++;
    if (watch->detector != NULL) {
        judge(watch, row);
        if (watch->rows >= learn_rows(watch)) {
            look_for_others(watch);
        }
    } else if (watch->rows >= SV_MWATCH_GATHER_ROWS) {
        begin(watch);
    }
}

void sv_mwatch_make_room(sv_mwatch *watch, size_t sensors) {
    sv_grid *grid = &watch->grid;
    grid->sensor = sv_mem_resize(grid->sensor, sensors * sizeof *grid->sensor);
    grid->room = (uint32_t) sensors;
}

static size_t place_of(sv_mwatch *watch, sv_text sensor) {
    const sv_grid *grid = &watch->grid;
    size_t place = sv_grid_sensor_of(&watch->grid, sensor);
    if (place == SV_GRID_SENSORS_MAX && grid->sensors == grid->room
        && grid->room < SV_GRID_SENSORS_MAX) {
        sv_mwatch_make_room(watch, grid->room + 1);
        place = sv_grid_sensor_of(&watch->grid, sensor);
    }
    return place;
}

bool sv_mwatch_take(sv_mwatch *watch, sv_text sensor, double value, int64_t at_us) {
    double row[SV_GRID_SENSORS_MAX];
    size_t place = place_of(watch, sensor);
    if (place == SV_GRID_SENSORS_MAX || !isfinite(value)
        || !sv_grid_take(&watch->grid, place, value, at_us, row)) {
        return false;
    }
    take_row(watch, row);
    return true;
}

// ---- what is said of it -------------------------------------------------------------------------

sv_mwatch_state sv_mwatch_state_of(const sv_mwatch *watch) {
    return watch->detector == NULL ? SV_MWATCH_GATHERS
           : watch->last.learning  ? SV_MWATCH_LEARNS
                                   : SV_MWATCH_WATCHES;
}

int sv_mwatch_health(const sv_mwatch *watch) {
    double score = watch->last.score;
    if (sv_mwatch_state_of(watch) != SV_MWATCH_WATCHES) {
        return -1;
    }
    bool usual = score < SV_MACHINE_ALARM_SCORE;
    return (int) lround(usual ? 100 - 200 * score * score : 100 * (1 - score));
}

bool sv_mwatch_is_alarmed(const sv_mwatch *watch) {
    return watch->alarmed;
}

size_t sv_mwatch_parts(const sv_mwatch *watch, sv_mwatch_part out[SV_MWATCH_PARTS]) {
    bool taken[SV_MACHINE_SENSORS_MAX] = { false };
    size_t found = 0;
    while (watch->detector != NULL && found < SV_MWATCH_PARTS) {
        size_t best = watch->members;
        double most = PART_MIN;
        for (size_t i = 0; i < watch->members; i++) {
            double share = sv_machine_detector_share(watch->detector, i);
            if (!taken[i] && share >= most) {
                best = i;
                most = share;
            }
        }
        if (best == watch->members) {
            break;
        }
        taken[best] = true;
        out[found++] = (sv_mwatch_part){
            .sensor = watch->grid.sensor[watch->member[best]].name,
            .share = most,
            .deviation = sv_machine_detector_deviation(watch->detector, best),
        };
    }
    return found;
}

bool sv_mwatch_has(const sv_mwatch *watch, sv_text sensor) {
    for (size_t i = 0; i < watch->members; i++) {
        if (sv_text_is(sensor, watch->grid.sensor[watch->member[i]].name)) {
            return true;
        }
    }
    return false;
}

void sv_mwatch_add_reason(sv_textbuf *out, const sv_mwatch *watch) {
    sv_mwatch_part parts[SV_MWATCH_PARTS];
    size_t count = sv_mwatch_parts(watch, parts);
    sv_textbuf_add_str(out, "Unusual together: ");
    for (size_t i = 0; i < count; i++) {
        sv_textbuf_addf(out, "%s%s %s (%.0f %%)", i == 0 ? "" : ", ", parts[i].sensor,
                        parts[i].deviation < 0 ? "lower" : "higher", 100 * parts[i].share);
    }
    sv_textbuf_add_str(out, count == 0 ? "no sensor stands out" : "");
}

bool sv_mwatch_accept(sv_mwatch *watch) {
    if (watch->detector == NULL || !watch->last.anomaly) {
        return false;
    }
    sv_machine_detector_accept(watch->detector);
    watch->last.anomaly = false;
    watch->last.score = 0;
    watch->off_rows = 0;
    watch->worst = 0;
    watch->alarmed = false;
    return true;
}
