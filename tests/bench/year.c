// A virtual year of a fleet, seeded: machines that wear, break without a word, change their product
// and have sensors that fail, in three factories. What a gateway would see of them goes through the
// gateway's own code: streams (edge/stream.h), machines (detect/machine_watch.h) and remaining life
// (detect/machine_life.h). `train SEED MACHINES` writes rows of machines up to their first failure,
// `run SEED MACHINES MODEL DAYS` lives the year twice: to failure, and stopped for FAILURE alerts.
#include "year_plant.h"
#include <base/mem.h>
#include <base/num.h>
#include <detect/machine_life.h>
#include <detect/machine_watch.h>
#include <edge/stream.h>
#include <edge/usual.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN_DAYS_MAX = 500, LEADS_MAX = 65536 };

#define ROW_US (4 * SV_TIME_HOUR_US)
#define HORIZON_ROWS 84 // two weeks
#define CONFIDENCE 0.3
/// From an alert to the stop: the crew has its own week.
#define REACT_LEAST_H 24
#define REACT_MORE_H 24
#define PLANNED_H 8
/// A machine that would have lasted longer was stopped for nothing.
#define FALSE_STOP_H (2 * HORIZON_ROWS * 4)

typedef struct year {
    double down_h, planned_h; ///< stood still unplanned, planned
    unsigned failures, worn, sudden;
    unsigned stops, false_stops; ///< for FAILURE alerts
    unsigned missed, late;       ///< failures without an alert before; with one, before its stop
    unsigned missed_worn;
    unsigned failure_alerts, stream_alerts, machine_alerts;
    double left_h; ///< what the machines that were stopped would have lasted
    size_t leads;
    double lead_h[LEADS_MAX];
} year;

static year to_failure, on_alerts;

// ---- to failure ---------------------------------------------------------------------------------

static void note_failure(year *y, const plant *p) {
    y->failures++;
    y->worn += p->failed == PLANT_WORN;
    y->sudden += p->failed == PLANT_SUDDEN;
    y->down_h += p->repair_h;
}

static void live_to_failure(uint64_t seed, unsigned number, int64_t days) {
    plant p;
    plant_begin(&p, seed, number);
    while (p.at_us < days * SV_TIME_DAY_US) {
        plant_step(&p, NULL);
        if (p.failed != PLANT_RUNS) {
            note_failure(&to_failure, &p);
            plant_renew(&p, p.repair_h);
        }
    }
}

// ---- as a gateway sees it -----------------------------------------------------------------------

typedef struct watcher {
    sv_stream stream[PLANT_SENSORS];
    sv_stream_rules rules;
    sv_mwatch *machine;
    sv_mlife life;
    bool told;       ///< the machine's alert is open, or its episode is told of elsewhere
    bool failing;    ///< a FAILURE alert is open
    int64_t stop_us; ///< when the crew comes; 0: nobody called it
    double would_h;  ///< what was left when it was called
} watcher;

static bool is_told_elsewhere(const watcher *w) {
    sv_mwatch_part parts[SV_MWATCH_PARTS];
    if (sv_mwatch_parts(w->machine, parts) == 0) {
        return false;
    }
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        if (strcmp(plant_names[s], parts[0].sensor) == 0) {
            return w->stream[s].causes[SV_CAUSE_UNUSUAL].open;
        }
    }
    return false;
}

static void hear(watcher *w, const plant *p, const double *values) {
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        sv_decision d;
        if (!isfinite(values[s])) {
            continue;
        }
        sv_text name = sv_text_of(plant_names[s]);
        sv_stream_take(&w->stream[s], &w->rules, values[s], p->at_us, &d);
        on_alerts.stream_alerts += d.turns[SV_CAUSE_UNUSUAL].event == SV_ALERT_RAISED;
        if (sv_mwatch_take(w->machine, name, values[s], p->at_us)) {
            bool alarmed = sv_mwatch_is_alarmed(w->machine);
            on_alerts.machine_alerts += alarmed && !w->told && !is_told_elsewhere(w);
            w->told = alarmed;
        }
        (void) sv_mlife_take(&w->life, name, values[s], p->at_us);
    }
}

static void judge(watcher *w, plant *p) {
    if (w->life.alarmed && !w->failing) {
        on_alerts.failure_alerts++;
        w->would_h = plant_left_h(p);
        double wait_h = REACT_LEAST_H + REACT_MORE_H * sv_prng_unit(&p->crew);
        w->stop_us = p->at_us + (int64_t) (wait_h * (double) SV_TIME_HOUR_US);
        if (on_alerts.leads < LEADS_MAX && w->would_h < FALSE_STOP_H) {
            on_alerts.lead_h[on_alerts.leads++] = w->would_h;
        }
    }
    w->failing = w->life.alarmed;
}

/// It was repaired: somebody says so, and its life begins anew.
static void renew(watcher *w, plant *p, double hours) {
    plant_renew(p, hours);
    const sv_mlife_terms terms = w->life.terms;
    sv_mlife_start(&w->life, w->life.model, &terms);
    w->failing = false;
    w->stop_us = 0;
}

static void note_stop(const watcher *w, const plant *p) {
    double left_h = plant_left_h(p);
    on_alerts.stops++;
    on_alerts.planned_h += PLANNED_H;
    on_alerts.left_h += left_h;
    on_alerts.false_stops += w->would_h >= FALSE_STOP_H;
}

static void step_on_alerts(watcher *w, plant *p) {
    double values[PLANT_SENSORS];
    plant_step(p, values);
    hear(w, p, values);
    judge(w, p);
    if (p->failed != PLANT_RUNS) {
        note_failure(&on_alerts, p);
        on_alerts.missed += w->stop_us == 0;
        on_alerts.missed_worn += w->stop_us == 0 && p->failed == PLANT_WORN;
        on_alerts.late += w->stop_us != 0;
        renew(w, p, p->repair_h);
    } else if (w->stop_us != 0 && p->at_us >= w->stop_us) {
        note_stop(w, p);
        renew(w, p, PLANNED_H);
    }
}

static void live_on_alerts(uint64_t seed, unsigned number, int64_t days, const sv_model *model) {
    static watcher w;
    static plant p;
    const sv_mlife_terms terms = { ROW_US, HORIZON_ROWS, CONFIDENCE };
    w = (watcher){ .rules = { .detect = { SV_DETECTION_NORMAL, SV_TIME_DAY_US, 0 } } };
    w.machine = sv_mwatch_new(SV_TIME_DAY_US * 7);
    sv_mlife_start(&w.life, model, &terms);
    plant_begin(&p, seed, number);
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        sv_stream_start(&w.stream[s], INT64_MIN);
    }
    while (p.at_us < days * SV_TIME_DAY_US) {
        step_on_alerts(&w, &p);
    }
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        sv_stream_drop(&w.stream[s]);
    }
    sv_mwatch_drop(&w.machine);
}

// ---- what is said -------------------------------------------------------------------------------

static int by_size(const void *a, const void *b) {
    double left = *(const double *) a;
    double right = *(const double *) b;
    return (left > right) - (left < right);
}

static double lead_at(double share) {
    qsort(on_alerts.lead_h, on_alerts.leads, sizeof(double), by_size);
    return on_alerts.leads == 0
               ? 0
               : on_alerts.lead_h[(size_t) (share * (double) (on_alerts.leads - 1))];
}

static void tell(unsigned machines, int64_t days) {
    const year *a = &to_failure;
    const year *b = &on_alerts;
    double weeks = machines * (double) days / 7;
    (void) printf("{\"machines\":%u,\"days\":%lld,\n", machines, (long long) days);
    (void) printf("\"to_failure\":{\"failures\":%u,\"worn\":%u,\"sudden\":%u,\"unplanned_h\":%.0f},"
                  "\n",
                  a->failures, a->worn, a->sudden, a->down_h);
    (void) printf("\"on_alerts\":{\"failures\":%u,\"worn\":%u,\"sudden\":%u,\"unplanned_h\":%.0f,"
                  "\"planned_h\":%.0f,\"stops\":%u,\"false_stops\":%u,\"missed\":%u,"
                  "\"missed_worn\":%u,\"late\":%u,\"mean_left_h\":%.0f},\n",
                  b->failures, b->worn, b->sudden, b->down_h, b->planned_h, b->stops,
                  b->false_stops, b->missed, b->missed_worn, b->late,
                  b->stops == 0 ? 0 : b->left_h / b->stops);
    (void) printf("\"unplanned_less\":%.3f,\"down_less\":%.3f,\n", 1 - b->down_h / a->down_h,
                  1 - (b->down_h + b->planned_h) / a->down_h);
    (void) printf("\"lead_h\":{\"p10\":%.0f,\"p50\":%.0f,\"p90\":%.0f},\n", lead_at(0.1),
                  lead_at(0.5), lead_at(0.9));
    (void) printf("\"per_machine_week\":{\"failure\":%.4f,\"stream\":%.4f,\"machine\":%.4f}}\n",
                  b->failure_alerts / weeks, b->stream_alerts / weeks, b->machine_alerts / weeks);
}

static int run(uint64_t seed, unsigned machines, const char *path, int64_t days) {
    static char bytes[SV_MODEL_BYTES_MAX];
    static sv_model model;
    const sv_mlife_terms terms = { ROW_US, HORIZON_ROWS, CONFIDENCE };
    sv_why why = { 0 };
    FILE *file = fopen(path, "rb");
    size_t len = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);
    if (file != NULL) {
        (void) fclose(file);
    }
    if (sv_model_read((sv_text){ bytes, len }, &model, &why) != SV_OK
        || sv_mlife_check(&model, &terms, &why) != SV_OK) {
        (void) fprintf(stderr, "bench-year: %s: %s\n", path, why.text);
        return 2;
    }
    for (unsigned i = 0; i < machines; i++) {
        live_to_failure(seed, i, days);
        live_on_alerts(seed, i, days, &model);
    }
    tell(machines, days);
    return 0;
}

// ---- rows to learn from -------------------------------------------------------------------------

static void write_row(unsigned machine, const double *row) {
    (void) printf("m%u", machine);
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        char text[SV_NUM_TEXT_MAX] = "";
        if (isfinite(row[s])) {
            (void) snprintf(text, sizeof text, "%.6g", row[s]);
        }
        (void) printf(",%s", text);
    }
    (void) puts("");
}

/// A machine up to its first failure, in the rows that the edge would have made of its readings.
static void write_life(uint64_t seed, unsigned number) {
    sv_grid grid;
    static sv_grid_sensor places[PLANT_SENSORS];
    plant p;
    double values[PLANT_SENSORS];
    double row[SV_GRID_SENSORS_MAX];
    sv_grid_start(&grid, ROW_US, places, PLANT_SENSORS);
    plant_begin(&p, seed, number);
    while (p.failed == PLANT_RUNS && p.at_us < TRAIN_DAYS_MAX * SV_TIME_DAY_US) {
        plant_step(&p, values);
        for (unsigned s = 0; s < PLANT_SENSORS; s++) {
            size_t place = sv_grid_sensor_of(&grid, sv_text_of(plant_names[s]));
            if (isfinite(values[s]) && sv_grid_take(&grid, place, values[s], p.at_us, row)) {
                write_row(number, row);
            }
        }
    }
}

static int train(uint64_t seed, unsigned machines) {
    (void) printf("machine");
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        (void) printf(",%s", plant_names[s]);
    }
    (void) puts("");
    for (unsigned i = 0; i < machines; i++) {
        write_life(seed, i);
    }
    return 0;
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    unsigned machines = argc > 3 ? (unsigned) strtoul(argv[3], NULL, 10) : 0;
    if (argc == 4 && strcmp(argv[1], "train") == 0) {
        return train(seed, machines);
    }
    if (argc == 6 && strcmp(argv[1], "run") == 0) {
        return run(seed, machines, argv[4], strtoll(argv[5], NULL, 10));
    }
    (void) fputs("bench-year train SEED MACHINES | run SEED MACHINES MODEL DAYS\n", stderr);
    return 2;
}
