// The two halves of reading the `notify` section: its channels (notify_config.c) and its routes
// (notify_routes.c).
#ifndef SV_FLEET_NOTIFY_READING_H
#define SV_FLEET_NOTIFY_READING_H

#include "notify_config.h"

/// For keys that the table knows and other code reads.
void notify_passed_over(const sv_config_node *node, void *target, sv_config_faults *faults);

void notify_read_channels(const sv_config_node *node, const sv_notify_files *files,
                          sv_notify_config *config, sv_config_faults *faults);
/// Names or patterns, one or a list.
void notify_read_patterns(const sv_config_node *node, const char *key, sv_patterns *out,
                          sv_config_faults *faults);

#endif
