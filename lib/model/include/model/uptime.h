// What a sender adds to its readings while nobody can know whether its wall clock is right: how
// long after its machine's start they were taken (docs/spec/reading.md). [reading-4]
#ifndef SV_MODEL_UPTIME_H
#define SV_MODEL_UPTIME_H

#include <base/time.h>
#include <model/reading.h>

/// A wall clock that was set by more than this is said anew.
#define SV_UPTIME_SET_US SV_TIME_SECOND_US

enum { SV_PRESENCE_MAX = 256 }; ///< bytes of what sv_uptime_presence writes

typedef struct sv_uptime {
    char boot[SV_BOOT_MAX + 1]; ///< this start of the machine
    bool said;                  ///< that the clock is proven, and when the machine started by it
    int64_t start_us;
} sv_uptime;

/// The time of a reading that is taken now. Its uptime is added while the clock is not proven, and
/// once after that, so that whoever has the earlier ones learns when the machine started.
void sv_uptime_put(const sv_uptime *uptime, const sv_instant *now, sv_reading *out);
/// What a sender says on presence/<id> when it has a connection, before all else: that it is there
/// since `since`, and what its clocks say now. [reading-10]
void sv_uptime_presence(const sv_uptime *uptime, const sv_instant *now, sv_text since,
                        sv_textbuf *out);
/// This reading is on its way.
void sv_uptime_said(sv_uptime *uptime, const sv_reading *reading);

#endif
