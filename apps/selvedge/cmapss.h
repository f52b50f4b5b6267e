// NASA's text format of run-to-failure data (C-MAPSS, PHM08): a line per cycle, 26 numbers with
// spaces between them, no header. Unit, cycle, 3 operational settings, 21 sensors.
#ifndef SELVEDGE_CMAPSS_H
#define SELVEDGE_CMAPSS_H

#include <base/err.h>
#include <base/text.h>

enum { SV_CMAPSS_SETTINGS = 3, SV_CMAPSS_SENSORS = 21, SV_CMAPSS_COLUMNS = 24 };

typedef struct sv_cmapss_row {
    uint32_t unit;
    uint32_t cycle;
    double values[SV_CMAPSS_COLUMNS]; ///< settings, then sensors; not-a-number for `nan`
} sv_cmapss_row;

/// SV_ERR_INVALID names the number and what stands there instead.
sv_err sv_cmapss_parse(sv_text line, sv_cmapss_row *out, sv_why *why);

/// `setting_1` to `setting_3`, then `sensor_1` to `sensor_21`.
const char *sv_cmapss_column(unsigned index);

#endif
