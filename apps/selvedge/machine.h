// A simulated machine: what its sensors would say at a moment. Pure and seeded: the same seed and
// moments give the same values. All four sensors follow one load that works in cycles of 20 to
// 60 seconds; temperature lags behind it, vibration grows with slow wear. Without a fault the
// temperature stays below 75 °C and the vibration below 5 mm/s. A leak is a fault that shows in the
// pressure alone, which falls by four fifths: no bound on heat or vibration sees it.
#ifndef SELVEDGE_MACHINE_H
#define SELVEDGE_MACHINE_H

#include <base/prng.h>
#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SV_MACHINE_TYPES = 8,
    SV_MACHINE_SENSORS = 4,
    SV_MACHINE_FAULT_S = 45,
    SV_MACHINE_LEAK_S = 480,        ///< a leak lasts so long,
    SV_MACHINE_LEAK_EVERY_S = 1800, ///< and comes again
    SV_MACHINE_LEAK_GROWS_S = 2,    ///< how long it takes to be whole
};

typedef enum sv_machine_sensor {
    SV_MACHINE_TEMPERATURE,
    SV_MACHINE_VIBRATION,
    SV_MACHINE_PRESSURE,
    SV_MACHINE_CURRENT,
} sv_machine_sensor;

typedef struct sv_machine_setup {
    unsigned number; ///< from 1; chooses the type
    uint64_t seed;
    double day_s;         ///< second of the day at moment 0
    double fault_after_s; ///< moment of its sure fault; negative: none
    double leak_after_s;  ///< moment of the first leak of its pressure; 0: none
    double fault_every_s; ///< without a sure one: mean time between its faults; 0: never
} sv_machine_setup;

typedef struct sv_machine {
    sv_machine_setup setup;
    sv_prng prng;
    double at_s;
    double load, heat; ///< 0 to 1
    double cycle_end_s, rest_from_s, cycle_load;
    double fault_from_s, fault_level;
    bool stopped; ///< set and taken back by who runs it: no load, and no fault either
} sv_machine;

void sv_machine_start(sv_machine *machine, const sv_machine_setup *setup);
/// Go on to `at_s` seconds after the start (never back) and measure.
void sv_machine_measure(sv_machine *machine, double at_s, double values[SV_MACHINE_SENSORS]);

const char *sv_machine_type(unsigned number);         ///< "lathe"
const char *sv_machine_sensor_name(unsigned sensor);  ///< "temperature"
const char *sv_machine_sensor_unit(unsigned sensor);  ///< "°C"
void sv_machine_id(unsigned number, sv_textbuf *out); ///< "lathe-01"

#endif
