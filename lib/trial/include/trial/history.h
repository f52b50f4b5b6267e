// The readings that a gateway's store holds (docs/spec/series.md), in order of their time within
// each stretch that was packed together, and among those not packed yet. The gateway may be
// running: nothing is written, and nothing is held for long.
#ifndef SV_TRIAL_HISTORY_H
#define SV_TRIAL_HISTORY_H

#include <base/err.h>
#include <model/id.h>

typedef struct sv_history_stream {
    char device_id[SV_ID_ROOM], sensor[SV_ID_ROOM];
    void *owner; ///< the caller's
} sv_history_stream;

typedef struct sv_history_wanted {
    const char *device_id;  ///< NULL: of every device
    int64_t from_us, to_us; ///< both included
} sv_history_wanted;

/// False: enough.
typedef bool sv_history_take(void *arg, sv_history_stream *stream, double value, int64_t at_us);

/// SV_ERR_NOT_FOUND: there is no such file; SV_ERR_INVALID: it is no gateway's store.
sv_err sv_history_read(const char *path, const sv_history_wanted *wanted, sv_history_take *take,
                       void *arg, sv_why *why);

#endif
