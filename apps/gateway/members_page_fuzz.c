// Whatever the fleet server says: taken whole or refused, and what was taken adds up.
#include "members_page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const sv_members *members) {
    size_t in_groups = 0;
    size_t of_devices = 0;
    for (size_t i = 0; i < sv_members_group_count(members); i++) {
        const sv_member_group *group = sv_members_group_at(members, i);
        in_groups += group->count;
        if (!group->known && group->count > 0) {
            abort();
        }
    }
    for (size_t i = 0; i < sv_members_device_count(members); i++) {
        sv_text in[SV_MEMBERS_GROUPS_MAX];
        size_t count = sv_members_of(members, sv_members_device_at(members, i), in);
        of_devices += count;
        if (count == 0) {
            abort();
        }
    }
    if (in_groups != of_devices) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_DEFER(sv_members_drop) sv_members *members = sv_members_new(NULL);
    gw_members_page page;
    if (sv_json_parse((sv_text){ (const char *) data, size }, &root, NULL, NULL) == SV_OK) {
        for (int twice = 0; twice < 2; twice++) {
            if (gw_members_page_read(root, members, &page, NULL) == SV_OK && page.revision < 0) {
                abort();
            }
            check(members);
        }
    }
    return 0;
}
