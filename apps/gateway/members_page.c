#include "members_page.h"

enum { SUM_DIGITS = 16 };

static sv_err broken(const char *what, sv_why *why) {
    return sv_fail(why, SV_ERR_INVALID, "%s of the answer about groups breaks its format", what);
}

static sv_err read_groups(const sv_json *list, sv_members *members, sv_why *why) {
    sv_member_group groups[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_json_count(list);
    if (!sv_json_is_array(list) || count > SV_MEMBERS_GROUPS_MAX) {
        return broken("the list of groups", why);
    }
    for (size_t i = 0; i < count; i++) {
        const sv_json *item = sv_json_at(list, i);
        sv_text name;
        groups[i] = (sv_member_group){ .count = 0 };
        if (!sv_json_text(sv_json_get(item, "name"), &name)
            || sv_text_copy(name, groups[i].name, SV_ID_ROOM) != SV_OK
            || !sv_json_bool(sv_json_get(item, "known"), &groups[i].known)) {
            return broken("a group", why);
        }
    }
    return sv_members_groups(members, groups, count, why);
}

static sv_err read_device(const sv_json *item, sv_members *members, sv_why *why) {
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    const sv_json *names = sv_json_get(item, "in");
    size_t count = sv_json_count(names);
    sv_text id;
    if (!sv_json_text(sv_json_get(item, "id"), &id) || !sv_json_is_array(names)
        || count > SV_MEMBERS_GROUPS_MAX) {
        return broken("a device", why);
    }
    for (size_t i = 0; i < count; i++) {
        if (!sv_json_text(sv_json_at(names, i), &in[i])) {
            return broken("a device's group", why);
        }
    }
    return sv_members_put(members, id, in, count, why);
}

static bool read_sum(const sv_json *value, uint64_t *out) {
    sv_text text;
    *out = 0;
    if (!sv_json_text(value, &text) || text.len != SUM_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) {
            return false;
        }
        *out = *out << 4 | (uint64_t) (digit ? c - '0' : c - 'a' + 10);
    }
    return true;
}

sv_err gw_members_page_read(const sv_json *root, sv_members *members, gw_members_page *out,
                            sv_why *why) {
    const sv_json *devices = sv_json_get(root, "devices");
    if (!sv_json_int(sv_json_get(root, "revision"), &out->revision) || out->revision < 0
        || !sv_json_bool(sv_json_get(root, "more"), &out->more)
        || !read_sum(sv_json_get(root, "sum"), &out->sum) || !sv_json_is_array(devices)) {
        return broken("a member", why);
    }
    SV_TRY(read_groups(sv_json_get(root, "groups"), members, why));
    for (size_t i = 0; i < sv_json_count(devices); i++) {
        SV_TRY(read_device(sv_json_at(devices, i), members, why));
    }
    return SV_OK;
}
