// With trees: which start of the device this is, so that one start chooses once. Whoever comes
// again before the next one is not to have another tree behind the link than the one that runs, nor
// to use up a try. [updater-41]
#ifndef SV_UPDATER_START_H
#define SV_UPDATER_START_H

#include "config.h"

enum {
    START_SAID_MAX = 64,  ///< characters of `--start`
    START_NAME_ROOM = 160 ///< the boot's ID, and what tells its starts apart
};

/// A start's name: the boot's ID with what `said` says (printable characters, no space), or where
/// it is NULL with when process 1 started: in a container that is another one at each of its
/// starts. To be asked while /proc can be seen.
sv_err start_name(const char *said, char out[START_NAME_ROOM], sv_why *why);
/// When process 1 of this /proc/1/stat started, in the kernel's ticks. SV_ERR_INVALID: none says.
sv_err start_of_process(sv_text stat, sv_text *ticks);

/// Was this the start that was chosen for last?
bool start_is_chosen(const updater_config *config, const char *name);
/// To be called when the link leads to what was chosen.
sv_err start_keep(const updater_config *config, const char *name, sv_why *why);

#endif
