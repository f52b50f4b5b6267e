// Where an agent's readings come from: numbers in files, found under /sys or named in the
// configuration. Looks at the files; publishes nothing.
#ifndef SV_AGENT_SOURCES_H
#define SV_AGENT_SOURCES_H

#include "config.h"

enum { SV_AGENT_SENSORS_MAX = 128 };

typedef struct sv_agent_sensor {
    char path[SV_PATH_MAX];
    char name[SV_ID_ROOM];
    char unit[SV_UNIT_MAX];
    double scale;
    int64_t interval_us;
} sv_agent_sensor;

typedef struct sv_agent_sensors {
    sv_agent_sensor items[SV_AGENT_SENSORS_MAX];
    size_t count;
    size_t left_out; ///< found beyond the bound
} sv_agent_sensors;

/// Find what the configuration names, on the machine as it is now. Names are unique: a second
/// `cpu` becomes `cpu-2`.
void sv_agent_sensors_find(const sv_agent_config *config, sv_agent_sensors *out);

/// The value in the sensor's unit; SV_ERR_INVALID when the file holds no finite number.
sv_err sv_agent_sensor_read(const sv_agent_sensor *sensor, double *out, sv_why *why);

/// Any text made to fit the id grammar; never empty.
void sv_agent_name_clean(sv_text text, char name[SV_ID_ROOM]);

/// The first line of a short file, trimmed; false when it cannot be read.
bool sv_agent_line_read(const char *path, char *room, size_t room_bytes);

#endif
