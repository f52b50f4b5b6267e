#include "machine_health.h"

#include <math.h>

enum { HOT_C = 84, CALM_C_MAX = 72, BYTES_PER_S = 900 };

/// Slow and smooth: 0 to 1 over `period_s`.
static double wave(double at_s, double period_s, double phase) {
    return 0.5 + 0.5 * sin(2 * M_PI * (at_s / period_s + phase));
}

static bool is_hot(const sv_machine_setup *setup, double at_s) {
    double since_s = fmod(at_s, SV_MACHINE_HOT_EVERY_S) - SV_MACHINE_HOT_FROM_S;
    return setup->fault_after_s >= 0 && since_s >= 0 && since_s < SV_MACHINE_HOT_S;
}

static double rounded(double value) {
    return round(value * 10) / 10;
}

static double temperature(const sv_machine_setup *setup, double at_s, double busy, sv_prng *prng) {
    double noise = 0.4 * sv_prng_normal(prng);
    double calm_c = 38 + 16 * busy + 3 * sin((setup->day_s + at_s) / 86400 * 2 * M_PI - 2) + noise;
    return is_hot(setup, at_s) ? HOT_C + noise : fmin(calm_c, CALM_C_MAX);
}

void sv_machine_health(const sv_machine *machine, double at_s, sv_health *out) {
    const sv_machine_setup *setup = &machine->setup;
    // What belongs to the machine comes first, what belongs to the moment after it.
    sv_prng own = { .state = setup->seed * UINT64_C(0xD1342543DE82EF95) + setup->number };
    double phase = sv_prng_unit(&own);
    double memory = 22 + 30 * sv_prng_unit(&own);
    double disk = 18 + 40 * sv_prng_unit(&own);
    double days = 1 + floor(60 * sv_prng_unit(&own));
    sv_prng now = { .state = own.state + (uint64_t) (at_s * 1000) };
    double busy = 0.15 + 0.5 * wave(at_s, 70, phase) + 0.2 * sv_prng_unit(&now);
    double uptime_s = days * 86400 + floor(at_s);

    *out = (sv_health){
        .metrics = {
            .cpu_percent = rounded(100 * fmin(busy, 0.86)),
            .memory_percent = rounded(memory + 8 * wave(at_s, 900, phase)),
            .disk_percent = rounded(fmin(disk + at_s / 86400, 85)),
            .net_sent_bytes = floor(uptime_s * BYTES_PER_S),
            .net_recv_bytes = floor(uptime_s * BYTES_PER_S / 6),
            .temperature_c = rounded(temperature(setup, at_s, busy, &now)),
            .uptime_s = uptime_s,
            .firmware_version = "1.4.2",
            .slot = "a",
            .boot_state = "confirmed",
        },
    };
    sv_health_check(out);
}
