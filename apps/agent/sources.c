#include "sources.h"

#include <base/fd.h>
#include <base/num.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256, FOLDERS_MAX = 256 };

bool sv_agent_line_read(const char *path, char *room, size_t room_bytes) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    char line[LINE_MAX_BYTES];
    ssize_t got = read(fd, line, sizeof line);
    if (got <= 0) {
        return false;
    }
    sv_text rest = { .at = line, .len = (size_t) got };
    return sv_text_copy(sv_text_trim(sv_text_cut(&rest, '\n')), room, room_bytes) == SV_OK;
}

static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void sv_agent_name_clean(sv_text text, char name[SV_ID_ROOM]) {
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < SV_ID_MAX; i++) {
        char c = text.at[i];
        bool kept = is_letter_or_digit(c) || ((c == '_' || c == '-') && len > 0);
        bool parts = !kept && len > 0 && name[len - 1] != '_';
        if (kept || parts) {
            name[len++] = kept ? c : '_';
        }
    }
    while (len > 0 && name[len - 1] == '_') {
        len--;
    }
    name[len] = '\0';
    if (len == 0) {
        (void) snprintf(name, SV_ID_ROOM, "sensor");
    }
}

static bool is_taken(const sv_agent_sensors *sensors, const char *name) {
    for (size_t i = 0; i < sensors->count; i++) {
        if (strcmp(sensors->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_sensor(sv_agent_sensors *sensors, const sv_agent_sensor *found) {
    if (sensors->count == SV_AGENT_SENSORS_MAX) {
        sensors->left_out++;
        return;
    }
    sv_agent_sensor sensor = *found;
    for (unsigned n = 2; is_taken(sensors, sensor.name); n++) {
        // The number must survive the bound on the name's length.
        (void) snprintf(sensor.name, sizeof sensor.name, "%.*s-%u", SV_ID_MAX - 5, found->name, n);
    }
    sensors->items[sensors->count++] = sensor;
}

typedef struct folder {
    char names[FOLDERS_MAX][64];
    size_t count;
} folder;

static int compare_names(const void *left, const void *right) {
    return strverscmp(left, right);
}

static void drop_dir(DIR **dir) {
    if (*dir != NULL) {
        (void) closedir(*dir);
    }
}

// Sorted, so that a sensor keeps its name from one start to the next.
static void list_folder(const char *path, folder *out) {
    out->count = 0;
    SV_DEFER(drop_dir) DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    const struct dirent *entry = NULL;
    while (out->count < FOLDERS_MAX && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.'
            && sv_text_copy(sv_text_of(entry->d_name), out->names[out->count], sizeof out->names[0])
                   == SV_OK) {
            out->count++;
        }
    }
    qsort(out->names, out->count, sizeof out->names[0], compare_names);
}

static const struct hwmon_kind {
    const char *prefix, *unit;
    double scale;
} HWMON_KINDS[] = {
    { "temp", "Cel", 0.001 }, { "fan", "RPM", 1 },        { "in", "V", 0.001 },
    { "curr", "A", 0.001 },   { "power", "W", 0.000001 },
};

// `temp1_input` is a temperature and `stem` its `temp1`; NULL for everything else.
static const struct hwmon_kind *kind_of(const char *file, sv_text *stem) {
    size_t len = strlen(file);
    const size_t end = sizeof "_input" - 1;
    if (len <= end || strcmp(file + len - end, "_input") != 0) {
        return NULL;
    }
    *stem = (sv_text){ .at = file, .len = len - end };
    for (size_t i = 0; i < SV_COUNT(HWMON_KINDS); i++) {
        size_t prefix = strlen(HWMON_KINDS[i].prefix);
        if (strncmp(file, HWMON_KINDS[i].prefix, prefix) == 0 && file[prefix] >= '0'
            && file[prefix] <= '9') {
            return &HWMON_KINDS[i];
        }
    }
    return NULL;
}

static void add_hwmon_file(const char *chip_path, const char *chip, const char *file,
                           const sv_agent_source *source, sv_agent_sensors *out) {
    sv_text stem = { 0 };
    const struct hwmon_kind *kind = kind_of(file, &stem);
    sv_agent_sensor sensor = { .interval_us = source->interval_us };
    if (kind == NULL || sv_disk_join(sensor.path, sizeof sensor.path, chip_path, file) != SV_OK) {
        return;
    }
    sensor.scale = kind->scale * source->scale;
    const char *unit = source->unit[0] != '\0' ? source->unit : kind->unit;
    (void) snprintf(sensor.unit, sizeof sensor.unit, "%s", unit);

    char label_path[SV_PATH_MAX];
    char label[SV_ID_ROOM];
    char name[2 * SV_ID_ROOM];
    int len = snprintf(label_path, sizeof label_path, "%s/" SV_TEXT_FMT "_label", chip_path,
                       SV_TEXT_ARG(stem));
    bool labelled = len > 0 && (size_t) len < sizeof label_path
                    && sv_agent_line_read(label_path, label, sizeof label) && label[0] != '\0';
    sv_text last = labelled ? sv_text_of(label) : stem;
    (void) snprintf(name, sizeof name, "%s_" SV_TEXT_FMT, chip, SV_TEXT_ARG(last));
    sv_agent_name_clean(sv_text_of(name), sensor.name);
    add_sensor(out, &sensor);
}

static void find_hwmon(const sv_agent_config *config, const sv_agent_source *source,
                       sv_agent_sensors *out) {
    char root[SV_PATH_MAX + 32];
    (void) snprintf(root, sizeof root, "%s/sys/class/hwmon", config->root);
    folder chips;
    list_folder(root, &chips);
    for (size_t i = 0; i < chips.count; i++) {
        char path[SV_PATH_MAX];
        char name_path[SV_PATH_MAX];
        char chip[SV_ID_ROOM];
        if (sv_disk_join(path, sizeof path, root, chips.names[i]) != SV_OK
            || sv_disk_join(name_path, sizeof name_path, path, "name") != SV_OK) {
            continue;
        }
        if (!sv_agent_line_read(name_path, chip, sizeof chip)) {
            (void) snprintf(chip, sizeof chip, "%s", chips.names[i]);
        }
        folder files;
        list_folder(path, &files);
        for (size_t f = 0; f < files.count; f++) {
            add_hwmon_file(path, chip, files.names[f], source, out);
        }
    }
}

static void find_thermal(const sv_agent_config *config, const sv_agent_source *source,
                         sv_agent_sensors *out) {
    char root[SV_PATH_MAX + 32];
    (void) snprintf(root, sizeof root, "%s/sys/class/thermal", config->root);
    folder zones;
    list_folder(root, &zones);
    for (size_t i = 0; i < zones.count; i++) {
        if (strncmp(zones.names[i], "thermal_zone", sizeof "thermal_zone" - 1) != 0) {
            continue;
        }
        sv_agent_sensor sensor = { .scale = 0.001 * source->scale,
                                   .interval_us = source->interval_us };
        char path[SV_PATH_MAX];
        char type_path[SV_PATH_MAX];
        if (sv_disk_join(path, sizeof path, root, zones.names[i]) != SV_OK
            || sv_disk_join(type_path, sizeof type_path, path, "type") != SV_OK
            || sv_disk_join(sensor.path, sizeof sensor.path, path, "temp") != SV_OK) {
            continue;
        }
        char type[SV_ID_ROOM];
        char name[SV_ID_ROOM + 16];
        bool typed = sv_agent_line_read(type_path, type, sizeof type) && type[0] != '\0';
        (void) snprintf(name, sizeof name, "thermal_%s", typed ? type : zones.names[i]);
        sv_agent_name_clean(sv_text_of(name), sensor.name);
        (void) snprintf(sensor.unit, sizeof sensor.unit, "%s",
                        source->unit[0] != '\0' ? source->unit : "Cel");
        add_sensor(out, &sensor);
    }
}

static void add_file(const sv_agent_source *source, sv_agent_sensors *out) {
    sv_agent_sensor sensor = { .scale = source->scale, .interval_us = source->interval_us };
    (void) snprintf(sensor.path, sizeof sensor.path, "%s", source->path);
    (void) snprintf(sensor.name, sizeof sensor.name, "%s", source->sensor);
    (void) snprintf(sensor.unit, sizeof sensor.unit, "%s", source->unit);
    add_sensor(out, &sensor);
}

void sv_agent_sensors_find(const sv_agent_config *config, sv_agent_sensors *out) {
    out->count = 0;
    out->left_out = 0;
    for (size_t i = 0; i < config->source_count; i++) {
        const sv_agent_source *source = &config->sources[i];
        if (source->kind == SV_AGENT_HWMON) {
            find_hwmon(config, source, out);
        } else if (source->kind == SV_AGENT_THERMAL) {
            find_thermal(config, source, out);
        } else {
            add_file(source, out);
        }
    }
}

sv_err sv_agent_sensor_read(const sv_agent_sensor *sensor, double *out, sv_why *why) {
    char line[LINE_MAX_BYTES];
    double value = 0;
    if (!sv_agent_line_read(sensor->path, line, sizeof line)) {
        return sv_fail(why, SV_ERR_IO, "sensor %s: cannot read '%s'", sensor->name, sensor->path);
    }
    if (sv_num_parse(sv_text_of(line), &value) != SV_OK || !isfinite(value * sensor->scale)) {
        return sv_fail(why, SV_ERR_INVALID, "sensor %s: '%s' holds \"%s\", which is not a number",
                       sensor->name, sensor->path, line);
    }
    *out = value * sensor->scale;
    return SV_OK;
}
