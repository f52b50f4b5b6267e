// Files on their way to a fleet server, in parts, from where the last attempt stopped
// (docs/spec/images.md).
#ifndef SELVEDGE_UPDATE_PARTS_H
#define SELVEDGE_UPDATE_PARTS_H

#include "fleet_api.h"
#include "update_progress.h"

enum {
    UPDATE_PART_BYTES = 512 * 1024, ///< at once; half of it after each failure, for slow lines,
    UPDATE_PART_LEAST = 16 * 1024,  ///< down to this
    UPDATE_PART_TRIES = 40,         ///< a server that is away, or judges something, for so many
};

#define UPDATE_PART_PAUSE_US 500000 ///< between two tries

typedef struct update_parts {
    sv_fleet_api *api;
    update_progress progress;
    int64_t files, bytes; ///< that were sent
} update_parts;

/// `name`: "metadata/timestamp.json", "artifacts/<sha256>/raw". Is it there already, judged?
sv_err update_part_is_there(update_parts *parts, const char *name, bool *out, sv_why *why);
/// Send what is missing of the file `path`.
sv_err update_part_send(update_parts *parts, const char *name, const char *path, sv_why *why);
/// What has to be true afterwards is asked again until the server has judged: `path` is of the API.
/// *out is the answer.
sv_err update_parts_judged(update_parts *parts, const char *path, sv_json **out, sv_why *why);

#endif
