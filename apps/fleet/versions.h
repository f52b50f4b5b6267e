// Which versions devices say they run, and with which images devices came to grief. Both are
// counted when something changes, by the database itself (schema_versions.sql), in the transaction
// in which it changes: an answer costs what there is of versions, not of devices. [running-6]
#ifndef SV_FLEET_VERSIONS_H
#define SV_FLEET_VERSIONS_H

#include "images.h"
#include "running.h"

/// How many devices, at `sites` (NULL: at all), have tried this image last of all and it went wrong
/// there: to these it is not given again by itself. [action-6] [running-3]
sv_err sv_versions_went_wrong(sv_fleet *fleet, const char *path, const char *sites, int64_t *out,
                              sv_why *why);

/// A device that says so for longer is overdue: a trial ends within its deadline.
#define SV_VERSIONS_TRIAL_US SV_TIME_HOUR_US
enum { SV_VERSIONS_OVERDUE_MAX = 10000 }; ///< of a kind; more of them count as on trial

/// {"items":[{"product","version","sha256","devices","image","went_wrong","counter","boot"}],
/// "diverging"} of devices at `sites` (NULL: at all), by product and version; `counter` the lowest
/// that one of them says, null when one says none; `boot` how many are confirmed, on trial, overdue
/// with that, in another state, or do not say. [running-2] [running-3] [running-4] [running-5]
sv_err sv_versions_write(sv_fleet *fleet, const char *product, const char *sites, sv_json_out *out,
                         sv_why *why);

#endif
