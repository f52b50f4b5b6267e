// Notifications as JSON: the list, one of them, and whom the configuration tells. No secret is in
// it: of an address that may be one only the host is shown. [notify-11]
#ifndef SV_FLEET_NOTIFY_VIEW_H
#define SV_FLEET_NOTIFY_VIEW_H

#include "fleet.h"

#include <codec/json.h>

enum { SV_NOTIFY_CURSOR_MAX = 32 };

typedef struct sv_notify_query {
    int state;           ///< sv_notice_state, or -1: every one
    const char *channel; ///< "": every one
    const char *cursor;  ///< "": from the newest
    size_t limit;
    const char *sites; ///< of these alone (sv_person.sites); NULL: of all
} sv_notify_query;

/// Newest first. SV_ERR_INVALID for a broken cursor; `next` is "" after the last.
sv_err sv_notify_list(sv_fleet *fleet, const sv_notify_query *query, sv_json_out *out,
                      char next[SV_NOTIFY_CURSOR_MAX], sv_why *why);
/// One of them with its text. SV_ERR_NOT_FOUND.
sv_err sv_notify_write(sv_fleet *fleet, sv_text id, sv_json_out *out, sv_why *why);
/// Whom a configuration tells, and how; nothing of what has become of it.
void sv_notify_config_write(const sv_notify_config *config, sv_json_out *out);
sv_err sv_notify_setup(sv_fleet *fleet, sv_json_out *out, sv_why *why);

#endif
