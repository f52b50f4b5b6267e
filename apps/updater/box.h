// What the updater gives up: every right of root's that slots and starting again do not need, files
// that are not the slots' or the state's, and calls. [updater-14]
#ifndef SV_UPDATER_BOX_H
#define SV_UPDATER_BOX_H

#include "slots.h"

sv_err updater_box_enter(const updater_config *config, sv_why *why);
/// Of root's rights these stay, a bit each (capabilities(7)), also for what is started.
sv_err updater_box_drop_rights(uint32_t kept, sv_why *why);

#endif
