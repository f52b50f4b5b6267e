#include "health.h"

#include "sources.h"

#include <base/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/disk.h>
#include <sys/statvfs.h>

static const double UNKNOWN = SV_NAN;

enum { PROC_BYTES_MAX = 256 * 1024, ZONES_MAX = 64 };

static bool read_proc(const char *root, const char *name, sv_textbuf *out) {
    char path[SV_PATH_MAX + 64];
    (void) snprintf(path, sizeof path, "%s/proc/%s", root, name);
    return sv_disk_read(path, out, NULL) == SV_OK;
}

static sv_text next_word(sv_text *rest) {
    *rest = sv_text_trim(*rest);
    size_t len = 0;
    while (len < rest->len && rest->at[len] != ' ' && rest->at[len] != '\t') {
        len++;
    }
    sv_text word = { .at = rest->at, .len = len };
    *rest = (sv_text){ .at = rest->at + len, .len = rest->len - len };
    return word;
}

static bool next_number(sv_text *rest, uint64_t *out) {
    return sv_text_u64(next_word(rest), UINT64_MAX, out) == SV_OK;
}

// user nice system idle iowait irq softirq steal; what follows is counted in user already.
static bool parse_cpu(sv_text line, sv_agent_cpu *out) {
    enum { IDLE = 3, IOWAIT = 4, COLUMNS = 8 };
    if (!sv_text_is(next_word(&line), "cpu")) {
        return false;
    }
    sv_agent_cpu cpu = { .known = true };
    for (int i = 0; i < COLUMNS; i++) {
        uint64_t ticks = 0;
        if (!next_number(&line, &ticks)) {
            return false;
        }
        cpu.total += ticks;
        cpu.busy += i == IDLE || i == IOWAIT ? 0 : ticks;
    }
    *out = cpu;
    return true;
}

double sv_agent_cpu_percent(const char *root, sv_agent_cpu *cpu) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf buf = SV_TEXTBUF_HEAP(PROC_BYTES_MAX);
    sv_agent_cpu now = { 0 };
    if (!read_proc(root, "stat", &buf)) {
        return UNKNOWN;
    }
    sv_text rest = sv_textbuf_text(&buf);
    if (!parse_cpu(sv_text_cut(&rest, '\n'), &now)) {
        return UNKNOWN;
    }
    sv_agent_cpu last = *cpu;
    *cpu = now;
    // The kernel lets iowait run backwards at times.
    if (!last.known || now.total <= last.total || now.busy < last.busy) {
        return UNKNOWN;
    }
    double percent = 100.0 * (double) (now.busy - last.busy) / (double) (now.total - last.total);
    return percent > 100 ? 100 : percent;
}

double sv_agent_memory_percent(const char *root) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf buf = SV_TEXTBUF_HEAP(PROC_BYTES_MAX);
    if (!read_proc(root, "meminfo", &buf)) {
        return UNKNOWN;
    }
    uint64_t total = 0;
    uint64_t available = 0;
    bool has_total = false;
    bool has_available = false;
    sv_text rest = sv_textbuf_text(&buf);
    while (rest.len > 0) {
        sv_text line = sv_text_cut(&rest, '\n');
        sv_text name = sv_text_cut(&line, ':');
        if (sv_text_is(name, "MemTotal")) {
            has_total = next_number(&line, &total);
        } else if (sv_text_is(name, "MemAvailable")) {
            has_available = next_number(&line, &available);
        }
    }
    return has_total && has_available && total > 0 && available <= total
               ? 100.0 * (double) (total - available) / (double) total
               : UNKNOWN;
}

static double disk_percent(const char *root) {
    char path[SV_PATH_MAX + 2];
    struct statvfs info;
    (void) snprintf(path, sizeof path, "%s/", root);
    if (statvfs(path, &info) != 0) {
        return UNKNOWN;
    }
    double used = (double) (info.f_blocks - info.f_bfree);
    double room = used + (double) info.f_bavail;
    return room > 0 ? 100.0 * used / room : UNKNOWN;
}

static void collect_network(const char *root, sv_health_metrics *out) {
    enum { SENT_COLUMN = 8 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf buf = SV_TEXTBUF_HEAP(PROC_BYTES_MAX);
    out->net_sent_bytes = UNKNOWN;
    out->net_recv_bytes = UNKNOWN;
    if (!read_proc(root, "net/dev", &buf)) {
        return;
    }
    double sent = 0;
    double received = 0;
    sv_text rest = sv_textbuf_text(&buf);
    while (rest.len > 0) {
        sv_text line = sv_text_cut(&rest, '\n');
        (void) sv_text_cut(&line, ':');
        uint64_t columns[SENT_COLUMN + 1] = { 0 };
        size_t count = 0;
        while (count <= SENT_COLUMN && next_number(&line, &columns[count])) {
            count++;
        }
        if (count > SENT_COLUMN) {
            received += (double) columns[0];
            sent += (double) columns[SENT_COLUMN];
        }
    }
    out->net_sent_bytes = sent;
    out->net_recv_bytes = received;
}

static double uptime(const char *root) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf buf = SV_TEXTBUF_HEAP(PROC_BYTES_MAX);
    double seconds = UNKNOWN;
    if (read_proc(root, "uptime", &buf)) {
        sv_text rest = sv_textbuf_text(&buf);
        if (sv_num_parse(next_word(&rest), &seconds) != SV_OK) {
            return UNKNOWN;
        }
    }
    return seconds;
}

static bool read_milli(const char *path, double *out) {
    sv_agent_sensor sensor = { .scale = 0.001 };
    (void) snprintf(sensor.path, sizeof sensor.path, "%s", path);
    return sv_agent_sensor_read(&sensor, out, NULL) == SV_OK;
}

static bool is_cpu_zone(const char *type) {
    return strcasestr(type, "cpu") != NULL || strcasestr(type, "x86_pkg_temp") != NULL
           || strcasestr(type, "soc") != NULL;
}

static double temperature(const char *root) {
    char path[SV_PATH_MAX + 64];
    char text[SV_ID_ROOM];
    double value = 0;
    for (int i = 0; i < ZONES_MAX; i++) {
        (void) snprintf(path, sizeof path, "%s/sys/class/hwmon/hwmon%d/name", root, i);
        if (sv_agent_line_read(path, text, sizeof text) && strcmp(text, "coretemp") == 0) {
            (void) snprintf(path, sizeof path, "%s/sys/class/hwmon/hwmon%d/temp1_input", root, i);
            if (read_milli(path, &value)) {
                return value;
            }
        }
    }
    for (int i = 0; i < ZONES_MAX; i++) {
        (void) snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone%d/type", root, i);
        if (sv_agent_line_read(path, text, sizeof text) && is_cpu_zone(text)) {
            (void) snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone%d/temp", root, i);
            if (read_milli(path, &value)) {
                return value;
            }
        }
    }
    return UNKNOWN;
}

void sv_agent_health_collect(const char *root, sv_health_metrics *out) {
    out->memory_percent = sv_agent_memory_percent(root);
    out->disk_percent = disk_percent(root);
    collect_network(root, out);
    out->temperature_c = temperature(root);
    out->uptime_s = uptime(root);
}
