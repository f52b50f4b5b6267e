// Actions as JSON for operators.
#ifndef SV_FLEET_ACTIONS_VIEW_H
#define SV_FLEET_ACTIONS_VIEW_H

#include "actions.h"
#include "running.h"

enum { SV_ACTIONS_PAGE_DEFAULT = 20, SV_ACTIONS_PAGE_MAX = SV_ACTIONS_OF_DEVICE_MAX };

/// The members of an action, into an object that is open.
void sv_action_put(const sv_action *action, sv_json_out *out);

typedef struct sv_actions_page {
    int64_t before; ///< this action; 0: from the newest
    size_t limit;
} sv_actions_page;

/// {"device","running","diverges","assigned","items":[{…,"log":[{"at","line"}]}],"next"}.
sv_err sv_actions_write(sv_fleet *fleet, const char *device, const sv_actions_page *page,
                        sv_json_out *out, sv_why *why);

#endif
