// Which commands a site lets its rules give to devices, and how often: `commands:` of the gateway's
// YAML. What is not listed is refused. The fleet server's commands are held against the same list
// where `fleet: listed` says so; people are not counted. Pure: no clock, no I/O. [command-3]
// [command-4]
#ifndef SELVEDGE_GATEWAY_ACT_RIGHTS_H
#define SELVEDGE_GATEWAY_ACT_RIGHTS_H

#include <codec/config.h>
#include <model/id.h>

enum {
    GW_ALLOW_MAX = 10000, ///< lines: a command of a device, or of every other one
    GW_RATE_MAX = 60,     ///< a minute
};

typedef enum gw_fleet_commands { GW_FLEET_ANY, GW_FLEET_LISTED } gw_fleet_commands;

/// One line: this device (empty: each that has no line of its own) may be given this command
/// (empty: none at all).
typedef struct gw_allow {
    char device[SV_ID_ROOM], name[SV_ID_ROOM];
} gw_allow;

typedef struct gw_command_rights {
    gw_allow *allow;
    size_t allow_count;
    int fleet;          ///< gw_fleet_commands
    int64_t per_minute; ///< a rule's commands of one name to one device
    int64_t within_us;  ///< how long a rule's command is worth doing
} gw_command_rights;

/// The keys of `commands:`; offsets are those of gw_command_rights.
extern const sv_config_key GW_COMMANDS_KEYS[];
void gw_command_rights_drop(gw_command_rights *rights);

/// A device's own list wins whole over the default one.
bool gw_command_is_listed(const gw_command_rights *rights, sv_text device, sv_text name);

/// When the last ones were given; zeroes at first.
typedef struct gw_rate {
    int64_t at_us[GW_RATE_MAX]; ///< monotonic; a ring
    size_t next;
} gw_rate;

/// One more now? At most `per_minute` (1 to GW_RATE_MAX) in any minute.
bool gw_rate_take(gw_rate *rate, int64_t now_us, int64_t per_minute);

#endif
