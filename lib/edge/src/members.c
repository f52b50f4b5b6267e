#include <base/map.h>
#include <base/mem.h>
#include <edge/members.h>
#include <stdlib.h>
#include <string.h>

struct sv_members {
    sv_member_group groups[SV_MEMBERS_GROUPS_MAX]; ///< an empty name: nothing
    size_t places[SV_MEMBERS_GROUPS_MAX];          ///< of those with a name, as they were given
    size_t count;
    sv_map *devices; ///< -> uint64_t, a bit for each of `groups`; never 0
    uint64_t sum;
    uint8_t key[16];
    unsigned shared; ///< owners but one
};

// ---- from start to end --------------------------------------------------------------------------

static sv_members *keyed(const uint8_t key[16]) {
    sv_members *members = sv_mem_new(sizeof *members);
    memcpy(members->key, key, sizeof members->key);
    members->devices = sv_map_new(SV_MEMBERS_DEVICES_MAX, key);
    return members;
}

sv_members *sv_members_new(const uint8_t key[16]) {
    static const uint8_t NONE[16] = { 0 };
    return keyed(key != NULL ? key : NONE);
}

static void put_bits(sv_members *members, sv_text device, uint64_t bits) {
    uint64_t *at = sv_map_get(members->devices, device);
    if (at == NULL) {
        at = sv_mem_new(sizeof *at);
        if (sv_map_put(members->devices, device, at) != SV_OK) {
            abort(); // there was room
        }
    }
    *at = bits;
}

sv_members *sv_members_copy(const sv_members *members) {
    sv_members *copy = keyed(members->key);
    memcpy(copy->groups, members->groups, sizeof copy->groups);
    memcpy(copy->places, members->places, sizeof copy->places);
    copy->count = members->count;
    copy->sum = members->sum;
    for (size_t i = 0; i < sv_map_count(members->devices); i++) {
        sv_text device;
        const uint64_t *bits = sv_map_at(members->devices, i, &device);
        put_bits(copy, device, *bits);
    }
    return copy;
}

sv_members *sv_members_share(sv_members *members) {
    members->shared++;
    return members;
}

void sv_members_drop(sv_members **members) {
    sv_members *mine = *members;
    *members = NULL;
    if (mine == NULL) {
        return;
    }
    if (mine->shared > 0) {
        mine->shared--;
        return;
    }
    for (size_t i = 0; i < sv_map_count(mine->devices); i++) {
        free(sv_map_at(mine->devices, i, NULL));
    }
    sv_map_drop(&mine->devices);
    free(mine);
}

// ---- who is in which ----------------------------------------------------------------------------

/// What one device in one group adds to the sum.
static uint64_t part_of_sum(sv_text device, const char *group) {
    static const uint8_t KEY[16] = { 0 };
    char room[2 * SV_ID_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_textbuf_add(&text, device);
    sv_textbuf_add_char(&text, '/');
    sv_textbuf_add_str(&text, group);
    return sv_hash(KEY, text.at, text.len);
}

/// From the bits it had to those it has; none left: forgotten.
static void change(sv_members *members, sv_text device, uint64_t old, uint64_t fresh) {
    for (uint64_t left = old ^ fresh; left != 0; left &= left - 1) {
        sv_member_group *group = &members->groups[__builtin_ctzll(left)];
        bool joins = (fresh & left & -left) != 0;
        group->count = joins ? group->count + 1 : group->count - 1;
        members->sum ^= part_of_sum(device, group->name);
    }
    if (fresh != 0) {
        put_bits(members, device, fresh);
    } else if (old != 0) {
        free(sv_map_remove(members->devices, device));
    }
}

static uint64_t bits_of(const sv_members *members, sv_text device) {
    const uint64_t *bits = sv_map_get(members->devices, device);
    return bits == NULL ? 0 : *bits;
}

/// SV_MEMBERS_GROUPS_MAX: there is none.
static size_t place_of(const sv_members *members, sv_text name) {
    for (size_t i = 0; i < members->count; i++) {
        if (sv_text_is(name, members->groups[members->places[i]].name)) {
            return members->places[i];
        }
    }
    return SV_MEMBERS_GROUPS_MAX;
}

/// Nobody is in these any more. From the end: the last entry takes the place of one that goes.
static void clear(sv_members *members, uint64_t bits) {
    for (size_t i = sv_map_count(members->devices); bits != 0 && i > 0; i--) {
        sv_text key;
        const uint64_t *at = sv_map_at(members->devices, i - 1, &key);
        char room[SV_ID_ROOM];
        if ((*at & bits) != 0 && sv_text_copy(key, room, sizeof room) == SV_OK) {
            change(members, sv_text_of(room), *at, *at & ~bits);
        }
    }
}

// ---- groups -------------------------------------------------------------------------------------

static sv_err check_groups(const sv_member_group *groups, size_t count, sv_why *why) {
    if (count > SV_MEMBERS_GROUPS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu groups are more than %d", count,
                       SV_MEMBERS_GROUPS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        SV_TRY(sv_id_check("group", sv_text_of(groups[i].name), why));
        for (size_t k = 0; k < i; k++) {
            if (strcmp(groups[i].name, groups[k].name) == 0) {
                return sv_fail(why, SV_ERR_INVALID, "group %s comes twice", groups[i].name);
            }
        }
    }
    return SV_OK;
}

/// Places whose group is not among `groups`, or not known there.
static uint64_t gone(const sv_members *members, const sv_member_group *groups, size_t count) {
    uint64_t bits = 0;
    for (size_t i = 0; i < members->count; i++) {
        bool stays = false;
        for (size_t k = 0; k < count; k++) {
            stays = stays
                    || (groups[k].known
                        && strcmp(groups[k].name, members->groups[members->places[i]].name) == 0);
        }
        bits |= stays ? 0 : UINT64_C(1) << members->places[i];
    }
    return bits;
}

static size_t free_place(const uint64_t *taken) {
    return (size_t) __builtin_ctzll(~*taken);
}

sv_err sv_members_groups(sv_members *members, const sv_member_group *groups, size_t count,
                         sv_why *why) {
    size_t places[SV_MEMBERS_GROUPS_MAX];
    uint64_t taken = 0;
    SV_TRY(check_groups(groups, count, why));
    clear(members, gone(members, groups, count));
    for (size_t i = 0; i < count; i++) {
        places[i] = place_of(members, sv_text_of(groups[i].name));
        taken |= places[i] == SV_MEMBERS_GROUPS_MAX ? 0 : UINT64_C(1) << places[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (places[i] == SV_MEMBERS_GROUPS_MAX) {
            places[i] = free_place(&taken);
            taken |= UINT64_C(1) << places[i];
            members->groups[places[i]] = (sv_member_group){ .count = 0 };
            memcpy(members->groups[places[i]].name, groups[i].name, SV_ID_ROOM);
        }
        members->groups[places[i]].known = groups[i].known;
    }
    memcpy(members->places, places, count * sizeof *places);
    members->count = count;
    return SV_OK;
}

sv_err sv_members_put(sv_members *members, sv_text device, const sv_text *groups, size_t count,
                      sv_why *why) {
    uint64_t bits = 0;
    SV_TRY(sv_id_check("device", device, why));
    for (size_t i = 0; i < count; i++) {
        size_t place = place_of(members, groups[i]);
        if (place == SV_MEMBERS_GROUPS_MAX || !members->groups[place].known) {
            return sv_fail(why, SV_ERR_INVALID, "there is no group '" SV_TEXT_FMT "'",
                           SV_TEXT_ARG(groups[i]));
        }
        bits |= UINT64_C(1) << place;
    }
    uint64_t old = bits_of(members, device);
    if (old == 0 && bits != 0 && sv_map_count(members->devices) == SV_MEMBERS_DEVICES_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d devices are in groups",
                       SV_MEMBERS_DEVICES_MAX);
    }
    change(members, device, old, bits);
    return SV_OK;
}

// ---- asking -------------------------------------------------------------------------------------

size_t sv_members_group_count(const sv_members *members) {
    return members->count;
}

const sv_member_group *sv_members_group_at(const sv_members *members, size_t index) {
    return &members->groups[members->places[index]];
}

const sv_member_group *sv_members_find(const sv_members *members, sv_text name) {
    size_t place = place_of(members, name);
    return place == SV_MEMBERS_GROUPS_MAX ? NULL : &members->groups[place];
}

bool sv_members_have(const sv_members *members, sv_text device, sv_text group) {
    uint64_t bits = bits_of(members, device);
    size_t place = bits == 0 ? SV_MEMBERS_GROUPS_MAX : place_of(members, group);
    return place != SV_MEMBERS_GROUPS_MAX && (bits >> place & 1) != 0;
}

size_t sv_members_of(const sv_members *members, sv_text device,
                     sv_text out[SV_MEMBERS_GROUPS_MAX]) {
    size_t count = 0;
    uint64_t bits = bits_of(members, device);
    for (size_t i = 0; bits != 0 && i < members->count; i++) {
        if ((bits >> members->places[i] & 1) != 0) {
            out[count++] = sv_text_of(members->groups[members->places[i]].name);
        }
    }
    return count;
}

bool sv_members_agree(const sv_members *left, const sv_members *right, sv_text device) {
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    sv_text other[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_members_of(left, device, in);
    bool agree = count == sv_members_of(right, device, other);
    for (size_t i = 0; agree && i < count; i++) {
        agree = sv_members_have(right, device, in[i]);
    }
    return agree;
}

size_t sv_members_device_count(const sv_members *members) {
    return sv_map_count(members->devices);
}

sv_text sv_members_device_at(const sv_members *members, size_t index) {
    sv_text device;
    (void) sv_map_at(members->devices, index, &device);
    return device;
}

uint64_t sv_members_sum(const sv_members *members) {
    return members->sum;
}
