// How the machine is doing, from /proc, /sys and statvfs. `root` is put before those paths. What
// cannot be told is NAN.
#ifndef SV_AGENT_HEALTH_H
#define SV_AGENT_HEALTH_H

#include <model/health.h>

typedef struct sv_agent_cpu {
    uint64_t busy, total;
    bool known;
} sv_agent_cpu;

/// Percent busy since the last call with the same `cpu`; NAN the first time.
double sv_agent_cpu_percent(const char *root, sv_agent_cpu *cpu);
/// (total − available) / total.
double sv_agent_memory_percent(const char *root);
/// Everything but the processor, the time and the names.
void sv_agent_health_collect(const char *root, sv_health_metrics *out);

#endif
