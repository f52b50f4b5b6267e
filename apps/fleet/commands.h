// Commands to devices, those asked here and those of gateways' rules, each with its life: queued,
// sent, and how it ended. A state only ever moves forward, whatever a gateway tells again or late
// (docs/spec/command.md).
#ifndef SV_FLEET_COMMANDS_H
#define SV_FLEET_COMMANDS_H

#include "downlink.h"
#include "uplink.h"

enum {
    SV_COMMANDS_OF_DEVICE_MAX = 500, ///< kept; the oldest go
    SV_COMMANDS_ITEMS_MAX = 100,     ///< told in one request
    SV_COMMANDS_JSON_MAX = 16384,    ///< bytes of a payload or an answer that a gateway tells
    SV_COMMANDS_WORDS_MAX = 255,     ///< of who asked, or why not
    SV_COMMANDS_LIMIT_DEFAULT = 20,
    SV_COMMANDS_LIMIT_MAX = 200,
    SV_COMMANDS_CURSOR_MAX = 96,
};

typedef enum sv_command_state {
    SV_COMMAND_QUEUED, ///< for its gateway
    SV_COMMAND_SENT,   ///< published at its site
    SV_COMMAND_REFUSED,
    SV_COMMAND_UNSENT, ///< the gateway could not publish it in time
    SV_COMMAND_ANSWERED,
    SV_COMMAND_FAILED, ///< its device answered that it did not do it
    SV_COMMAND_STATE__COUNT
} sv_command_state;

/// In the caller's transaction: it is queued. `payload` is one JSON value.
sv_err sv_commands_add(sv_db *db, const sv_command *command, sv_text payload, int64_t now_ms,
                       sv_why *why);
/// What a gateway says became of them. [command-8] [command-9]
sv_uplink_fn sv_commands_take;

/// An array, newest first; `next` gets the cursor of what follows, or is empty. A command that is
/// not over by its `until` is shown as expired. SV_ERR_INVALID for a cursor that is none of ours.
sv_err sv_commands_list(sv_fleet *fleet, const sv_device *device, size_t limit, const char *cursor,
                        sv_json_out *out, char next[SV_COMMANDS_CURSOR_MAX], sv_why *why);
/// One of them. SV_ERR_NOT_FOUND.
/// `site` (may be NULL) gets the one whose device it is.
sv_err sv_commands_write(sv_fleet *fleet, sv_text id, sv_json_out *out, char site[SV_ID_ROOM],
                         sv_why *why);
/// Tell the live clients about it.
void sv_commands_tell(sv_fleet *fleet, sv_text id);

sv_err sv_commands_prune(sv_db *db, int64_t before_ms, sv_why *why);

#endif
