// Targets files: one changed into the next.
#include "writer_own.h"
#include <string.h>

enum { ROLE_NAME_MAX = SV_TUF_ROLE_ROOM - 1 };

bool sv_tuf_role_is_valid(sv_text name) {
    static const char FIRST[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bool sound = name.len > 0 && name.len <= ROLE_NAME_MAX && !sv_tuf_name_is_top(name);
    for (size_t i = 0; sound && i < name.len; i++) {
        char c = name.at[i];
        sound = memchr(FIRST, c, sizeof FIRST - 1) != NULL || (i > 0 && (c == '_' || c == '-'));
    }
    return sound;
}

/// Members of an object, without one of them.
typedef struct copying {
    sv_json_out *out;
    sv_text but;
    bool found;
} copying;

static void put_key(sv_json_out *out, sv_text key) {
    char room[SV_TUF_TARGET_PATH_ROOM];
    if (sv_text_copy(key, room, sizeof room) == SV_OK) {
        sv_json_key(out, room);
    }
}

static sv_err copy_member(void *arg, sv_text key, const sv_json *value) {
    copying *c = arg;
    if (sv_text_eq(key, c->but)) {
        c->found = true;
        return SV_OK;
    }
    if (key.len >= SV_TUF_TARGET_PATH_ROOM) {
        return SV_ERR_INVALID;
    }
    put_key(c->out, key);
    sv_json_put_value(c->out, value);
    return SV_OK;
}

static sv_err copy_members(sv_json_out *out, const sv_json *object, sv_text but, bool *found,
                           sv_why *why) {
    copying c = { .out = out, .but = but };
    if (sv_json_each(object, copy_member, &c) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "a name in it has more than %d bytes",
                       SV_TUF_TARGET_PATH_ROOM - 1);
    }
    *found = c.found;
    return SV_OK;
}

static sv_err add_targets(sv_json_out *out, const sv_tuf_metadata *old, const sv_tuf_change *change,
                          sv_why *why) {
    bool found = false;
    sv_json_key(out, "targets");
    sv_json_open_object(out);
    if (old != NULL) {
        SV_TRY(copy_members(out, sv_json_get(old->content, "targets"), change->path, &found, why));
    }
    if (change->path.len > 0 && change->entry.len == 0 && !found) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no target \"" SV_TEXT_FMT "\"",
                       SV_TEXT_ARG(change->path));
    }
    if (change->entry.len > 0) {
        put_key(out, change->path);
        sv_json_put_raw(out, change->entry);
    }
    sv_json_close_object(out);
    return SV_OK;
}

static void add_delegation(sv_json_out *out, const sv_tuf_delegation *delegation) {
    sv_json_open_object(out);
    sv_json_add_str(out, "name", delegation->name);
    sv_tuf_keyids_add(out, delegation->holders);
    sv_json_key(out, "paths");
    sv_json_open_array(out);
    for (size_t i = 0; i < delegation->path_count; i++) {
        sv_json_put_str(out, delegation->paths[i]);
    }
    sv_json_close_array(out);
    sv_json_add_bool(out, "terminating", delegation->terminating);
    sv_json_close_object(out);
}

static void add_bin(sv_json_out *out, const sv_tuf_bins *bins, size_t index) {
    char name[SV_TUF_BIN_ROOM];
    sv_tuf_bin_name(bins->count, index, name);
    sv_json_open_object(out);
    sv_json_add_str(out, "name", name);
    sv_tuf_keyids_add(out, bins->holders);
    sv_json_key(out, "path_hash_prefixes");
    sv_json_open_array(out);
    sv_json_put_str(out, name + sizeof "bin-" - 1);
    sv_json_close_array(out);
    sv_json_add_bool(out, "terminating", false);
    sv_json_close_object(out);
}

static sv_text name_of(const sv_json *role) {
    sv_text name = { 0 };
    (void) sv_json_text(sv_json_get(role, "name"), &name);
    return name;
}

/// In their order, for they are asked in it.
static sv_err add_roles(sv_json_out *out, const sv_json *roles, const sv_tuf_change *change,
                        sv_why *why) {
    bool placed = change->delegation == NULL;
    bool gone = change->undelegate.len == 0;
    sv_json_key(out, "roles");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        sv_text name = name_of(sv_json_at(roles, i));
        if (change->undelegate.len > 0 && sv_text_eq(name, change->undelegate)) {
            gone = true;
        } else if (change->bins != NULL && sv_tuf_is_bin(name)) {
            continue; // they all come below
        } else if (change->delegation != NULL && sv_text_is(name, change->delegation->name)) {
            add_delegation(out, change->delegation);
            placed = true;
        } else {
            sv_json_put_value(out, sv_json_at(roles, i));
        }
    }
    if (!placed) {
        add_delegation(out, change->delegation);
    }
    for (size_t i = 0; change->bins != NULL && i < change->bins->count; i++) {
        add_bin(out, change->bins, i);
    }
    sv_json_close_array(out);
    return gone ? SV_OK
                : sv_fail(why, SV_ERR_NOT_FOUND, "there is no delegated role \"" SV_TEXT_FMT "\"",
                          SV_TEXT_ARG(change->undelegate));
}

typedef struct key_copy {
    sv_json_out *out;
    const sv_tuf_holders *but;
} key_copy;

static sv_err copy_key(void *arg, sv_text id, const sv_json *value) {
    const key_copy *c = arg;
    for (size_t i = 0; c->but != NULL && i < c->but->count; i++) {
        if (sv_text_is(id, c->but->keys[i].id)) {
            return SV_OK;
        }
    }
    put_key(c->out, id);
    sv_json_put_value(c->out, value);
    return SV_OK;
}

static sv_err add_delegations(sv_json_out *out, const sv_json *old, const sv_tuf_change *change,
                              sv_why *why) {
    const sv_tuf_holders *fresh = change->delegation != NULL ? change->delegation->holders
                                  : change->bins != NULL     ? change->bins->holders
                                                             : NULL;
    if (old == NULL && fresh == NULL && change->undelegate.len == 0) {
        return SV_OK;
    }
    if (sv_json_get(old, "succinct_roles") != NULL) {
        if (fresh != NULL || change->undelegate.len > 0) {
            return sv_fail(why, SV_ERR_INVALID,
                           "it is divided into hash bins; roles cannot stand beside them");
        }
        sv_json_key(out, "delegations");
        sv_json_put_value(out, old);
        return SV_OK;
    }
    key_copy c = { .out = out, .but = fresh };
    sv_json_key(out, "delegations");
    sv_json_open_object(out);
    sv_json_key(out, "keys");
    sv_json_open_object(out);
    SV_TRY(sv_json_each(sv_json_get(old, "keys"), copy_key, &c));
    for (size_t i = 0; fresh != NULL && i < fresh->count; i++) {
        sv_json_key(out, fresh->keys[i].id);
        sv_tuf_public_write(&fresh->keys[i], out);
    }
    sv_json_close_object(out);
    SV_TRY(add_roles(out, sv_json_get(old, "roles"), change, why));
    sv_json_close_object(out);
    return SV_OK;
}

static bool has_bin_name(const sv_tuf_metadata *old) {
    const sv_json *roles = sv_json_get(sv_json_get(old->content, "delegations"), "roles");
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        if (sv_tuf_is_bin(name_of(sv_json_at(roles, i)))) {
            return true;
        }
    }
    return false;
}

static sv_err check_bins(const sv_tuf_metadata *old, const sv_tuf_change *change, sv_why *why) {
    size_t before = old != NULL ? sv_tuf_bins_count(old) : 0;
    if (before > 0 && change->undelegate.len > 0 && sv_tuf_is_bin(change->undelegate)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "\"" SV_TEXT_FMT "\" is a hash bin: what is in it would be nowhere",
                       SV_TEXT_ARG(change->undelegate));
    }
    if (change->bins == NULL) {
        return SV_OK;
    }
    if (change->delegation != NULL
        || (change->bins->count != 16 && change->bins->count != SV_TUF_BINS_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "there can be 16 or %d hash bins, not %zu",
                       SV_TUF_BINS_MAX, change->bins->count);
    }
    if (before == 0 && old != NULL && has_bin_name(old)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a delegated role has the name of a hash bin; take it out first");
    }
    if (before != 0 && before != change->bins->count) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "there are %zu hash bins, and what is in them stays where it is: they cannot "
            "become %zu",
            before, change->bins->count);
    }
    return sv_tuf_holders_check(change->bins->holders, "bins", why);
}

static sv_err check_change(const sv_tuf_change *change, sv_why *why) {
    const sv_tuf_delegation *fresh = change->delegation;
    if (change->path.len >= SV_TUF_TARGET_PATH_ROOM) {
        return sv_fail(why, SV_ERR_INVALID, "a target's path has at most %d bytes, not %zu",
                       SV_TUF_TARGET_PATH_ROOM - 1, change->path.len);
    }
    if (fresh == NULL) {
        return SV_OK;
    }
    if (!sv_tuf_role_is_valid(sv_text_of(fresh->name))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "\"%.80s\" cannot be a role: letters, digits, _ and -, at most %d, and none "
                       "of root, targets, snapshot, timestamp",
                       fresh->name, ROLE_NAME_MAX);
    }
    if (sv_tuf_is_bin(sv_text_of(fresh->name))) {
        return sv_fail(why, SV_ERR_INVALID, "\"%.80s\" is what a hash bin is called", fresh->name);
    }
    if (fresh->path_count == 0) {
        return sv_fail(why, SV_ERR_INVALID, "role %s is given no paths", fresh->name);
    }
    return sv_tuf_holders_check(fresh->holders, fresh->name, why);
}

/// The parts that are made anew here, and the signed head.
static bool is_ours(sv_text key) {
    static const char *const OURS[] = { "_type",   "spec_version", "version",
                                        "expires", "targets",      "delegations" };
    for (size_t i = 0; i < SV_COUNT(OURS); i++) {
        if (sv_text_is(key, OURS[i])) {
            return true;
        }
    }
    return false;
}

static sv_err copy_foreign(void *arg, sv_text key, const sv_json *value) {
    return is_ours(key) ? SV_OK : copy_member(arg, key, value);
}

sv_err sv_tuf_targets_make(const sv_tuf_head *head, const sv_tuf_metadata *old,
                           const sv_tuf_change *change, sv_textbuf *out, sv_why *why) {
    sv_json_out json = SV_JSON_OUT(out);
    copying foreign = { .out = &json };
    const sv_json *content = old != NULL ? old->content : NULL;
    SV_TRY(check_change(change, why));
    SV_TRY(check_bins(old, change, why));
    sv_tuf_begin(&json, SV_TUF_TARGETS, head);
    SV_TRY(add_targets(&json, old, change, why));
    SV_TRY(add_delegations(&json, sv_json_get(content, "delegations"), change, why));
    SV_TRY(sv_json_each(content, copy_foreign, &foreign));
    return sv_tuf_end(&json, SV_TUF_TARGETS, why);
}
