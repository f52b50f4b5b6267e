#include "config_parts.h"

#include <stdio.h>
#include <string.h>

static const char INSTALLER_HOW[] =
    "installer: write native, files, {rauc: [NAME, NAME]} (slot a and b in RAUC's words) or "
    "{swupdate: [SET,MODE, SET,MODE]} (the selections that write slot a and b, in quotes)";

/// What slot a and b are called, by somebody else.
static void read_pair(const sv_config_node *names, char *a, char *b, size_t room, const char *what,
                      sv_config_faults *faults) {
    if (sv_config_node_kind(names) != SV_CONFIG_LIST
        || sv_config_node_count(names) != SV_BOOT_SLOTS) {
        sv_config_fault(faults, names, "%s", INSTALLER_HOW);
        return;
    }
    (void) config_take_text(sv_config_node_at(names, 0, NULL), a, room, what, faults);
    (void) config_take_text(sv_config_node_at(names, 1, NULL), b, room, what, faults);
    if (strcmp(a, b) == 0) {
        sv_config_fault(faults, names, "installer: a and b are the same: '%s'", a);
    }
}

static void check_selection(const char *selection, const sv_config_node *names,
                            sv_config_faults *faults) {
    sv_text mode = sv_text_of(selection);
    sv_text set = sv_text_cut(&mode, ',');
    if (set.len == 0 || mode.len == 0 || memchr(mode.at, ',', mode.len) != NULL) {
        sv_config_fault(faults, names,
                        "installer: '%s' is no selection of SWUpdate's: write \"SET,MODE\", as "
                        "after its -q",
                        selection);
    }
}

static void read_swupdate(const config_part parts[3], updater_config *config,
                          sv_config_faults *faults) {
    updater_swupdate_config *swupdate = &config->swupdate;
    config->installer = UPDATER_SWUPDATE;
    read_pair(parts[0].node, swupdate->selections[0], swupdate->selections[1],
              sizeof swupdate->selections[0], "a selection, \"SET,MODE\", as after swupdate's -q",
              faults);
    for (size_t i = 0; i < SV_BOOT_SLOTS && faults->count == 0; i++) {
        check_selection(swupdate->selections[i], parts[0].node, faults);
    }
    (void) snprintf(swupdate->sockets, sizeof swupdate->sockets, "/run/swupdate");
    (void) snprintf(swupdate->release, sizeof swupdate->release, "/etc/os-release");
    if (parts[1].node != NULL) {
        config_take_path(parts[1].node, swupdate->sockets, faults);
    }
    if (parts[2].node != NULL) {
        config_take_path(parts[2].node, swupdate->release, faults);
    }
}

static void read_installer_map(const sv_config_node *node, updater_config *config,
                               sv_config_faults *faults) {
    enum { SWUPDATE, SOCKETS, RELEASE, RAUC, PARTS };
    config_part parts[PARTS] = {
        { "swupdate", NULL }, { "sockets", NULL }, { "release", NULL }, { "rauc", NULL }
    };
    if (!config_take_map(node, parts, PARTS, faults)) {
        return;
    }
    bool swupdate = parts[SWUPDATE].node != NULL && parts[RAUC].node == NULL;
    bool rauc = parts[RAUC].node != NULL && parts[SWUPDATE].node == NULL
                && parts[SOCKETS].node == NULL && parts[RELEASE].node == NULL;
    if (swupdate) {
        read_swupdate(parts, config, faults);
    } else if (rauc) {
        config->installer = UPDATER_RAUC;
        read_pair(parts[RAUC].node, config->rauc[0], config->rauc[1], sizeof config->rauc[0],
                  "a slot's name, as `rauc status` has it", faults);
    } else {
        sv_config_fault(faults, node, "%s", INSTALLER_HOW);
    }
}

void config_read_installer(const sv_config_node *node, void *target, sv_config_faults *faults) {
    updater_config *config = target;
    if (node == NULL) {
        return;
    }
    bool scalar = sv_config_node_kind(node) == SV_CONFIG_SCALAR;
    if (scalar && sv_text_is(sv_config_node_text(node), "files")) {
        config->installer = UPDATER_FILES;
    } else if (sv_config_node_kind(node) == SV_CONFIG_MAP) {
        read_installer_map(node, config, faults);
    } else if (!scalar || !sv_text_is(sv_config_node_text(node), "native")) {
        sv_config_fault(faults, node, "%s", INSTALLER_HOW);
    }
}
