// A health report: how a device itself is doing (docs/spec/health.md), and the checks that turn its
// numbers into a status.
#ifndef SV_MODEL_HEALTH_H
#define SV_MODEL_HEALTH_H

#include <codec/json.h>
#include <model/alert.h>

enum { SV_HEALTH_ALERTS_MAX = 8, SV_HEALTH_BYTES_MAX = 4096, SV_VERSION_MAX = 64 };

/// Numbers that are unknown are not finite and written null.
typedef struct sv_health_metrics {
    char device_id[SV_ID_ROOM];
    int64_t at_us;
    double cpu_percent;                    ///< busy over one second
    double memory_percent;                 ///< (total − available) / total
    double disk_percent;                   ///< of /: used / (used + available)
    double net_sent_bytes, net_recv_bytes; ///< sums over interfaces since boot
    double temperature_c;
    double uptime_s;
    int64_t certificate_end_us; ///< of the device's certificate; 0: unknown
    int64_t renewal_us;         ///< when it is renewed, or the next try is; 0: not by itself
    char firmware_version[SV_VERSION_MAX]; ///< empty: unknown
    char slot[SV_VERSION_MAX];
    char boot_state[SV_VERSION_MAX];
} sv_health_metrics;

typedef struct sv_health_alert {
    sv_severity level;
    char message[64];
} sv_health_alert;

typedef struct sv_health {
    sv_health_metrics metrics;
    sv_health_alert alerts[SV_HEALTH_ALERTS_MAX];
    size_t alert_count;
} sv_health;

/// Fill `alerts` from the metrics: in this order, strictly greater: cpu 90 warning, memory 85
/// warning, disk 90 critical, temperature 80 critical. [health-2]
void sv_health_check(sv_health *health);
/// "healthy" or the worst level's name. [health-3]
const char *sv_health_status(const sv_health *health);

void sv_health_format(const sv_health *health, sv_textbuf *out); ///< [health-1]
/// Unknown members are ignored; `expected_id` must be the report's device_id. [health-1]
sv_err sv_health_parse(sv_text payload, sv_text expected_id, sv_health *out, sv_why *why);

#endif
