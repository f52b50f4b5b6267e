// One virtual machine: what it goes through, and what its six sensors say of it every ten minutes.
// Two parts wear, faster under load and at a pace that differs from machine to machine and from
// life to life; some failures come without wear, half of them announced by a day and a half of
// heat. Products change every few days; a sensor fails about once a year. Everything follows from
// the seed; what happens to the machine does not depend on who looks.
#ifndef SELVEDGE_BENCH_YEAR_PLANT_H
#define SELVEDGE_BENCH_YEAR_PLANT_H

#include <base/num.h>
#include <base/prng.h>
#include <base/time.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

enum { PLANT_SENSORS = 6, PLANT_PARTS = 2, PLANT_SITES = 3, PLANT_PRODUCTS = 4 };

#define PLANT_STEP_US (10 * SV_TIME_MINUTE_US)

static const char *const plant_names[PLANT_SENSORS] = { "load",     "vibration", "temperature",
                                                        "pressure", "current",   "flow" };

typedef enum plant_failure { PLANT_RUNS, PLANT_WORN, PLANT_SUDDEN } plant_failure;
typedef enum plant_fault { PLANT_FINE, PLANT_STUCK, PLANT_OFFSET, PLANT_SILENT } plant_fault;

typedef struct plant {
    sv_prng fate, noise, crew;
    int64_t at_us;
    unsigned site, product;
    int64_t product_until_us;
    double gain[PLANT_SENSORS];
    double pace;                                                     ///< of its wear
    double wear[PLANT_PARTS], rate[PLANT_PARTS], bound[PLANT_PARTS]; ///< rate a day at full load
    int64_t sudden_us;
    bool creeps;
    plant_fault fault;
    unsigned faulty; ///< which sensor
    double stuck;
    int64_t fault_from_us, fault_until_us;
    plant_failure failed;
    double repair_h;
} plant;

static inline double plant_exponential(sv_prng *prng, double mean) {
    return -mean * log(1 - sv_prng_unit(prng));
}

static inline int64_t plant_days(double days) {
    return (int64_t) (days * (double) SV_TIME_DAY_US);
}

static inline void plant_next_product(plant *p) {
    p->product = (unsigned) (sv_prng_unit(&p->fate) * PLANT_PRODUCTS);
    p->product_until_us = p->at_us + plant_days(2 + 4 * sv_prng_unit(&p->fate));
}

static inline void plant_next_fault(plant *p) {
    p->fault_from_us = p->at_us + plant_days(plant_exponential(&p->fate, 365));
    p->fault_until_us = p->fault_from_us + plant_days(1 + 4 * sv_prng_unit(&p->fate));
    p->faulty = 1 + (unsigned) (sv_prng_unit(&p->fate) * (PLANT_SENSORS - 1));
    p->fault = (plant_fault) (1 + (unsigned) (sv_prng_unit(&p->fate) * 3));
    p->stuck = SV_NAN;
}

/// A new life: what is worn was replaced.
static inline void plant_new_life(plant *p) {
    static const double DAYS[PLANT_PARTS] = { 110, 150 };
    for (unsigned i = 0; i < PLANT_PARTS; i++) {
        p->wear[i] = 0;
        p->rate[i] = p->pace * exp(0.25 * sv_prng_normal(&p->fate)) / DAYS[i];
        p->bound[i] = 1 + 0.08 * sv_prng_normal(&p->fate);
    }
    p->sudden_us = p->at_us + plant_days(plant_exponential(&p->fate, 900));
    p->creeps = sv_prng_unit(&p->fate) < 0.5;
    p->failed = PLANT_RUNS;
    p->repair_h = 48 * exp(0.5 * sv_prng_normal(&p->fate) - 0.125);
}

static inline void plant_begin(plant *p, uint64_t seed, unsigned number) {
    *p = (plant){ .site = number % PLANT_SITES };
    p->fate.state = seed * 1000003 + number * 16;
    p->noise.state = p->fate.state + 1;
    p->crew.state = p->fate.state + 2;
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        p->gain[s] = s == 0 ? 1 : 1 + 0.06 * sv_prng_normal(&p->fate);
    }
    p->pace = exp(0.3 * sv_prng_normal(&p->fate));
    plant_new_life(p);
    for (unsigned i = 0; i < PLANT_PARTS; i++) {
        p->wear[i] = 0.4 * sv_prng_unit(&p->fate);
    }
    plant_next_product(p);
    plant_next_fault(p);
}

/// Repaired, and running again after so many hours.
static inline void plant_renew(plant *p, double hours) {
    p->at_us += (int64_t) (hours * (double) SV_TIME_HOUR_US);
    plant_new_life(p);
}

/// The second factory rests at weekends.
static inline double plant_load(const plant *p) {
    static const double LOADS[PLANT_PRODUCTS] = { 0.6, 0.75, 0.9, 1.0 };
    bool rests = p->site == 1 && p->at_us / SV_TIME_DAY_US % 7 >= 5;
    return rests ? 0.2 : LOADS[p->product];
}

static inline double plant_stress(double load) {
    return load * sqrt(load);
}

/// What it would last if nobody stopped it, by what only the simulation knows.
static inline double plant_left_h(const plant *p) {
    double left_h = (double) (p->sudden_us - p->at_us) / (double) SV_TIME_HOUR_US;
    double stress = p->site == 1 ? 0.56 : 0.74; // of all products and days
    for (unsigned i = 0; i < PLANT_PARTS; i++) {
        left_h = fmin(left_h, 24 * (p->bound[i] - p->wear[i]) / (p->rate[i] * stress));
    }
    return fmax(left_h, 0);
}

static inline double plant_harm(double wear) {
    double late = fmax(0, wear - 0.5) / 0.5;
    return late * late;
}

static inline double plant_heat(const plant *p) {
    double ahead_h = (double) (p->sudden_us - p->at_us) / (double) SV_TIME_HOUR_US;
    return p->creeps && ahead_h < 36 ? 1 - ahead_h / 36 : 0;
}

static inline void plant_wear_on(plant *p, double load) {
    double days = (double) PLANT_STEP_US / (double) SV_TIME_DAY_US;
    for (unsigned i = 0; i < PLANT_PARTS; i++) {
        double jitter = fmax(0, 1 + sv_prng_normal(&p->fate));
        p->wear[i] += p->rate[i] * days * plant_stress(load) * jitter / 1.083;
        p->failed = p->wear[i] >= p->bound[i] ? PLANT_WORN : p->failed;
    }
    p->failed = p->at_us >= p->sudden_us ? PLANT_SUDDEN : p->failed;
}

static inline double plant_faulty(plant *p, double value) {
    p->stuck = isfinite(p->stuck) ? p->stuck : value;
    return p->fault == PLANT_STUCK    ? p->stuck
           : p->fault == PLANT_OFFSET ? value + 0.3 * fabs(p->stuck)
                                      : SV_NAN;
}

static inline void plant_say(plant *p, double load, double *values) {
    static const double NOISE[PLANT_SENSORS] = { 0.005, 0.12, 0.8, 0.08, 0.25, 0.6 };
    double day = 2 * M_PI * (double) (p->at_us % SV_TIME_DAY_US) / (double) SV_TIME_DAY_US;
    double season = 2 * M_PI * (double) p->at_us / (365.0 * (double) SV_TIME_DAY_US);
    double outside = 18 + 2.0 * p->site + 3 * sin(day) + 6 * sin(season + p->site);
    double bearing = plant_harm(p->wear[0]);
    double seal = plant_harm(p->wear[1]);
    double heat = plant_heat(p);
    const double said[PLANT_SENSORS] = {
        load,
        1 + 0.8 * load + 1.6 * bearing + 0.5 * heat,
        outside + 25 * load + 9 * bearing + 18 * heat,
        6 - 1.3 * seal,
        4 + 10 * load + 1.2 * bearing + 1.5 * seal + 1.5 * heat,
        30 * load - 5 * seal * load,
    };
    for (unsigned s = 0; s < PLANT_SENSORS; s++) {
        values[s] = said[s] * p->gain[s] + NOISE[s] * sv_prng_normal(&p->noise);
    }
    if (p->at_us >= p->fault_from_us) {
        values[p->faulty] = plant_faulty(p, values[p->faulty]);
    }
}

/// Ten minutes more. `values` NULL: nobody listens.
static inline void plant_step(plant *p, double values[PLANT_SENSORS]) {
    p->at_us += PLANT_STEP_US;
    if (p->at_us >= p->product_until_us) {
        plant_next_product(p);
    }
    if (p->at_us >= p->fault_until_us) {
        plant_next_fault(p);
    }
    double load = plant_load(p);
    plant_wear_on(p, load);
    if (values != NULL) {
        plant_say(p, load, values);
    }
}

#endif
