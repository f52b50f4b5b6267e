#include "rules_members.h"

static sv_err check_name(sv_text said, sv_text name, bool cut, sv_why *why) {
    return cut && sv_id_is_valid(name)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "--group " SV_TEXT_FMT ": a group and who is in it are wanted, such as "
                         "pilots=press-1,press-2",
                         SV_TEXT_ARG(said));
}

static sv_err read_names(const char *const *said, sv_member_group groups[SV_MEMBERS_GROUPS_MAX],
                         size_t *count, sv_why *why) {
    for (*count = 0; said[*count] != NULL; ++*count) {
        sv_text rest = sv_text_of(said[*count]);
        sv_text name = sv_text_cut(&rest, '=');
        bool cut = name.len < sv_text_of(said[*count]).len;
        SV_TRY(check_name(sv_text_of(said[*count]), name, cut, why));
        groups[*count] = (sv_member_group){ .known = true };
        SV_TRY(sv_text_copy(name, groups[*count].name, SV_ID_ROOM));
    }
    return SV_OK;
}

/// In this one as well.
static sv_err join(sv_members *members, sv_text device, sv_text group, sv_why *why) {
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_members_of(members, device, in);
    if (sv_members_have(members, device, group)) {
        return SV_OK;
    }
    in[count++] = group; // there are no more groups than places
    return sv_members_put(members, device, in, count, why);
}

static sv_err read_devices(const char *said, sv_members *members, sv_why *why) {
    sv_text rest = sv_text_of(said);
    sv_text name = sv_text_cut(&rest, '=');
    while (rest.len > 0) {
        SV_TRY(join(members, sv_text_trim(sv_text_cut(&rest, ',')), name, why));
    }
    return SV_OK;
}

sv_err rules_members_read(const char *const *said, sv_members **out, sv_why *why) {
    _Static_assert((int) SV_OPTION_LIST_MAX <= (int) SV_MEMBERS_GROUPS_MAX, "every --group fits");
    SV_DEFER(sv_members_drop) sv_members *members = sv_members_new(NULL);
    sv_member_group groups[SV_MEMBERS_GROUPS_MAX];
    size_t count = 0;
    SV_TRY(read_names(said, groups, &count, why));
    SV_TRY(sv_members_groups(members, groups, count, why));
    for (size_t i = 0; said[i] != NULL; i++) {
        SV_TRY(read_devices(said[i], members, why));
    }
    *out = members;
    members = NULL;
    return SV_OK;
}

sv_err rules_members_give(sv_rules **rules, sv_members *members, const char *file, sv_why *why) {
    sv_member_group named[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_rules_fleet_groups(*rules, named);
    for (size_t i = 0; i < sv_members_group_count(members); i++) {
        const char *name = sv_members_group_at(members, i)->name;
        bool found = false;
        for (size_t k = 0; k < count; k++) {
            found = found || sv_text_is(sv_text_of(name), named[k].name);
        }
        if (!found) {
            return sv_fail(why, SV_ERR_INVALID,
                           "--group %s: %s names no such group of the fleet server; write groups: "
                           "{%s: {group: %s}} there",
                           name, file, name, name);
        }
    }
    sv_rules *with = sv_rules_with(*rules, members);
    sv_rules_drop(rules);
    *rules = with;
    return SV_OK;
}

void rules_members_show(const sv_rules *rules, const sv_members *members, sv_textbuf *out) {
    sv_member_group named[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_rules_fleet_groups(rules, named);
    for (size_t i = 0; i < count; i++) {
        const sv_member_group *group = sv_members_find(members, sv_text_of(named[i].name));
        if (group == NULL) {
            sv_textbuf_addf(out,
                            "group %s: nobody was said to be in it, so it matches no device here; "
                            "--group %s=ID,ID says who is\n",
                            named[i].name, named[i].name);
        } else {
            sv_textbuf_addf(out, "group %s: %zu device%s\n", named[i].name, group->count,
                            group->count == 1 ? "" : "s");
        }
    }
}
