#include "machine.h"

#include <math.h>

static const char *const SENSORS[SV_MACHINE_SENSORS][2] = {
    { "temperature", "°C" },
    { "vibration", "mm/s" },
    { "pressure", "bar" },
    { "current", "A" },
};

static const struct {
    const char *name;
    double warm_c; ///< above the hall's air at full load
    double vibration_idle, vibration_load;
    double pressure_idle, pressure_load;
    double current_idle, current_load;
} TYPES[SV_MACHINE_TYPES] = {
    { "lathe", 36, 0.6, 2.2, 4.0, 1.5, 3.0, 15 },    { "pump", 30, 0.5, 1.6, 2.0, 5.0, 2.0, 11 },
    { "compressor", 42, 0.8, 2.0, 3.0, 6.5, 4, 24 }, { "conveyor", 20, 0.4, 1.2, 1.0, 0.4, 1, 6 },
    { "press", 34, 0.7, 2.6, 20.0, 130, 5.0, 38 },   { "mixer", 26, 0.5, 1.9, 1.1, 0.6, 2.0, 13 },
    { "fan", 18, 0.3, 1.5, 1.0, 0.2, 0.8, 5 },       { "oven", 44, 0.2, 0.5, 1.0, 0.1, 6.0, 30 },
};

enum { STEPS_PER_S = 5 };

static double between(sv_machine *machine, double low, double high) {
    return low + sv_prng_unit(&machine->prng) * (high - low);
}

static double most(double value, double max) {
    return value < max ? value : max;
}

static double least(double value, double min) {
    return value > min ? value : min;
}

static void begin_cycle(sv_machine *machine) {
    double length_s = between(machine, 20, 60);
    machine->rest_from_s = machine->at_s + length_s * between(machine, 0.55, 0.8);
    machine->cycle_end_s = machine->at_s + length_s;
    machine->cycle_load = between(machine, 0.6, 1.0);
}

void sv_machine_start(sv_machine *machine, const sv_machine_setup *setup) {
    *machine = (sv_machine){ .setup = *setup, .fault_from_s = -1 };
    machine->prng.state = setup->seed * UINT64_C(0x9E3779B97F4A7C15) + setup->number;
    (void) sv_prng_next(&machine->prng);
    machine->load = between(machine, 0.2, 0.8);
    machine->heat = machine->load;
    begin_cycle(machine);
    // Neighbours must not begin their cycles together.
    machine->cycle_end_s *= between(machine, 0.3, 1.0);
    if (setup->fault_after_s >= 0) {
        machine->fault_from_s = setup->fault_after_s;
    }
}

static double toward(double value, double target, double step_s, double lag_s) {
    return value + (target - value) * most(step_s / lag_s, 1);
}

static void step_fault(sv_machine *machine, double step_s) {
    double since_s = machine->at_s - machine->fault_from_s;
    bool over = machine->fault_from_s < 0 || since_s >= SV_MACHINE_FAULT_S;
    bool may_begin = over && !machine->stopped && machine->setup.fault_after_s < 0
                     && machine->setup.fault_every_s > 0 && machine->at_s > SV_MACHINE_FAULT_S;
    if (may_begin && sv_prng_unit(&machine->prng) < step_s / machine->setup.fault_every_s) {
        machine->fault_from_s = machine->at_s;
    }
    bool faulty = !over && since_s >= 0 && !machine->stopped;
    machine->fault_level += faulty ? step_s / 1.2 : -step_s / 3;
    machine->fault_level = least(most(machine->fault_level, 1), 0);
}

static void step(sv_machine *machine, double step_s) {
    machine->at_s += step_s;
    if (machine->at_s >= machine->cycle_end_s) {
        begin_cycle(machine);
    }
    double working = machine->at_s < machine->rest_from_s ? machine->cycle_load : 0.12;
    double target = machine->stopped ? 0 : working;
    machine->load = toward(machine->load, target, step_s, 1.5);
    machine->heat = toward(machine->heat, machine->load, step_s, 9);
    step_fault(machine, step_s);
}

static double noise(sv_machine *machine, double deviation) {
    return deviation * sv_prng_normal(&machine->prng);
}

static double rounded(double value) {
    return round(value * 100) / 100;
}

/// 0 to 1.
static double leak(const sv_machine *machine, double at_s) {
    double since_s = at_s - machine->setup.leak_after_s;
    if (machine->setup.leak_after_s <= 0 || since_s < 0) {
        return 0;
    }
    since_s = fmod(since_s, SV_MACHINE_LEAK_EVERY_S);
    return since_s > SV_MACHINE_LEAK_S ? 0 : most(since_s / SV_MACHINE_LEAK_GROWS_S, 1);
}

void sv_machine_measure(sv_machine *machine, double at_s, double values[SV_MACHINE_SENSORS]) {
    while (machine->at_s + 1.0 / STEPS_PER_S <= at_s) {
        step(machine, 1.0 / STEPS_PER_S);
    }
    unsigned type = (machine->setup.number - 1) % SV_MACHINE_TYPES;
    double load = least(machine->load + noise(machine, 0.015), 0.02);
    double day = sin((machine->setup.day_s + at_s) / 86400 * 2 * M_PI - 2);
    double wear = most(at_s / 36000, 1);
    double fault = machine->fault_level;

    double warm_c = 22 + 2.5 * day + TYPES[type].warm_c * machine->heat + wear;
    double vibration = TYPES[type].vibration_idle + TYPES[type].vibration_load * load + 0.6 * wear;
    double normal_c = most(warm_c + noise(machine, 0.25), 74.5);
    double normal_vibration = least(most(vibration + noise(machine, 0.07), 4.9), 0.05);
    double hot_c = 97 + noise(machine, 0.6);
    double shaking = 11.5 + noise(machine, 0.4);

    values[SV_MACHINE_TEMPERATURE] = rounded(normal_c + (hot_c - normal_c) * fault);
    values[SV_MACHINE_VIBRATION] = rounded(normal_vibration + (shaking - normal_vibration) * fault);
    values[SV_MACHINE_PRESSURE] =
        rounded((TYPES[type].pressure_idle + TYPES[type].pressure_load * load) * (1 - 0.25 * fault)
                * (1 - 0.8 * leak(machine, at_s)) * (1 + noise(machine, 0.004)));
    values[SV_MACHINE_CURRENT] =
        rounded((TYPES[type].current_idle + TYPES[type].current_load * load) * (1 + 0.35 * fault)
                * (1 + noise(machine, 0.01)));
}

const char *sv_machine_type(unsigned number) {
    return TYPES[(number - 1) % SV_MACHINE_TYPES].name;
}

const char *sv_machine_sensor_name(unsigned sensor) {
    return SENSORS[sensor][0];
}

const char *sv_machine_sensor_unit(unsigned sensor) {
    return SENSORS[sensor][1];
}

void sv_machine_id(unsigned number, sv_textbuf *out) {
    sv_textbuf_addf(out, "%s-%02u", sv_machine_type(number), number);
}
