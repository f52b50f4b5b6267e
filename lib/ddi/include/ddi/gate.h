// Whether a release that runs on trial has proved itself: connected to its gateway, a poll of the
// server answered, the machine's own health not critical, and the operator's script, if there is
// one, ends with 0. All four hold at the same moment within the deadline, or it is given up; none
// of them counts that was seen before the release was started. Pure.
#ifndef SV_DDI_GATE_H
#define SV_DDI_GATE_H

#include <base/err.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum sv_ddi_verdict { SV_DDI_WAIT, SV_DDI_HEALTHY, SV_DDI_UNHEALTHY } sv_ddi_verdict;

typedef struct sv_ddi_seen {
    bool connected, polled; ///< since it was started; so for all of these
    const char *critical;   ///< what is critical about the machine; NULL: nothing is
    bool script_passed;     ///< true where there is none
    const char *script;     ///< how it ended the last time; "" when it has not
} sv_ddi_seen;

/// `waited_us` since it was first seen to be on trial. `why` gets the reason of UNHEALTHY.
/// [ddid-11]
sv_ddi_verdict sv_ddi_gate(const sv_ddi_seen *seen, int64_t waited_us, int64_t deadline_us,
                           sv_why *why);

#endif
