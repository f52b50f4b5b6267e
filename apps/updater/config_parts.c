#include "config_parts.h"

sv_err config_check_absolute(sv_text path, sv_why *why) {
    return path.len > 0 && path.at[0] == '/'
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'" SV_TEXT_FMT "' does not begin with '/'",
                         SV_TEXT_ARG(path));
}

bool config_take_text(const sv_config_node *node, char *room, size_t room_bytes, const char *what,
                      sv_config_faults *faults) {
    if (sv_config_node_kind(node) != SV_CONFIG_SCALAR || sv_config_node_text(node).len == 0
        || sv_text_copy(sv_config_node_text(node), room, room_bytes) != SV_OK) {
        sv_config_fault(faults, node, "write %s, of at most %zu bytes", what, room_bytes - 1);
        return false;
    }
    return true;
}

void config_take_path(const sv_config_node *node, char room[SV_PATH_MAX],
                      sv_config_faults *faults) {
    sv_why why = { 0 };
    if (config_take_text(node, room, SV_PATH_MAX, "a path", faults)
        && config_check_absolute(sv_text_of(room), &why) != SV_OK) {
        sv_config_fault(faults, node, "%s", why.text);
    }
}

bool config_take_map(const sv_config_node *map, config_part *parts, size_t count,
                     sv_config_faults *faults) {
    bool good = true;
    for (size_t i = 0; i < sv_config_node_count(map); i++) {
        sv_text key;
        const sv_config_node *node = sv_config_node_at(map, i, &key);
        size_t k = 0;
        while (k < count && !sv_text_is(key, parts[k].name)) {
            k++;
        }
        if (k == count) {
            sv_config_fault(faults, node, "'" SV_TEXT_FMT "' is not known here", SV_TEXT_ARG(key));
            good = false;
        } else {
            parts[k].node = node;
        }
    }
    return good;
}
