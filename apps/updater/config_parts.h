// What reads the configuration's parts: the private side of config.h.
#ifndef SV_UPDATER_CONFIG_PARTS_H
#define SV_UPDATER_CONFIG_PARTS_H

#include "config.h"

sv_err config_check_absolute(sv_text path, sv_why *why);
/// A text, as long as there is room.
bool config_take_text(const sv_config_node *node, char *room, size_t room_bytes, const char *what,
                      sv_config_faults *faults);
void config_take_path(const sv_config_node *node, char room[SV_PATH_MAX], sv_config_faults *faults);

/// A map of these keys and no others; each may be missing.
typedef struct config_part {
    const char *name;
    const sv_config_node *node;
} config_part;

bool config_take_map(const sv_config_node *map, config_part *parts, size_t count,
                     sv_config_faults *faults);

/// `installer:`, into an updater_config.
void config_read_installer(const sv_config_node *node, void *target, sv_config_faults *faults);

#endif
