#include "shape.h"

static sv_err check_key(void *arg, sv_text id, const sv_json *key) {
    sv_text text;
    if (id.len > 0 && sv_json_text(sv_json_get(key, "keytype"), &text)
        && sv_json_text(sv_json_get(key, "scheme"), &text)
        && sv_json_text(sv_json_get(sv_json_get(key, "keyval"), "public"), &text)) {
        return SV_OK;
    }
    return sv_fail(arg, SV_ERR_INVALID, "key " SV_TEXT_FMT " lacks keytype, scheme or keyval",
                   SV_TEXT_ARG(id));
}

sv_err sv_tuf_keys_check(const sv_json *keys, sv_why *why) {
    if (!sv_json_is_object(keys)) {
        return sv_fail(why, SV_ERR_INVALID, "it has no keys");
    }
    return sv_json_each(keys, check_key, why);
}

sv_err sv_tuf_role_check(const sv_json *role, sv_text name, sv_why *why) {
    const sv_json *ids = sv_json_get(role, "keyids");
    int64_t threshold = 0;
    sv_text id;
    sv_text other;
    if (!sv_json_is_array(ids) || sv_json_count(ids) > SV_TUF_KEYS_MAX
        || !sv_tuf_number(sv_json_get(role, "threshold"), 1, &threshold)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "role \"" SV_TEXT_FMT "\" needs keyids (at most %d) and a threshold from 1",
                       SV_TEXT_ARG(name), SV_TUF_KEYS_MAX);
    }
    for (size_t i = 0; i < sv_json_count(ids); i++) {
        if (!sv_json_text(sv_json_at(ids, i), &id)) {
            return sv_fail(why, SV_ERR_INVALID, "role \"" SV_TEXT_FMT "\": a keyid is no text",
                           SV_TEXT_ARG(name));
        }
        for (size_t k = 0; k < i; k++) {
            if (sv_json_text(sv_json_at(ids, k), &other) && sv_text_eq(id, other)) {
                return sv_fail(why, SV_ERR_INVALID,
                               "role \"" SV_TEXT_FMT "\" names key " SV_TEXT_FMT " twice",
                               SV_TEXT_ARG(name), SV_TEXT_ARG(id));
            }
        }
    }
    return SV_OK;
}

static sv_err check_root(const sv_json *content, sv_why *why) {
    const sv_json *consistent = sv_json_get(content, "consistent_snapshot");
    bool flag = false;
    if (consistent != NULL && !sv_json_bool(consistent, &flag)) {
        return sv_fail(why, SV_ERR_INVALID, "consistent_snapshot is neither true nor false");
    }
    SV_TRY(sv_tuf_keys_check(sv_json_get(content, "keys"), why));
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        const char *name = sv_tuf_type_name(type);
        SV_TRY(sv_tuf_role_check(sv_json_get(sv_json_get(content, "roles"), name), sv_text_of(name),
                                 why));
    }
    return SV_OK;
}

static sv_err check_hash(void *arg, sv_text name, const sv_json *value) {
    sv_text text;
    return name.len > 0 && sv_json_text(value, &text)
               ? SV_OK
               : sv_fail(arg, SV_ERR_INVALID, "hash \"" SV_TEXT_FMT "\" is no text",
                         SV_TEXT_ARG(name));
}

static sv_err check_hashes(const sv_json *hashes, sv_text name, sv_why *why) {
    if (!sv_json_is_object(hashes) || sv_json_size(hashes) == 0) {
        return sv_fail(why, SV_ERR_INVALID, "\"" SV_TEXT_FMT "\" has hashes without any",
                       SV_TEXT_ARG(name));
    }
    return sv_json_each(hashes, check_hash, why);
}

static sv_err check_file(void *arg, sv_text name, const sv_json *file) {
    const sv_json *length = sv_json_get(file, "length");
    const sv_json *hashes = sv_json_get(file, "hashes");
    int64_t number = 0;
    if (!sv_tuf_number(sv_json_get(file, "version"), 1, &number)
        || (length != NULL && !sv_tuf_number(length, 1, &number))) {
        return sv_fail(arg, SV_ERR_INVALID,
                       "\"" SV_TEXT_FMT "\" needs a version from 1, and a length from 1 if any",
                       SV_TEXT_ARG(name));
    }
    return hashes != NULL ? check_hashes(hashes, name, arg) : SV_OK;
}

static sv_err check_timestamp(const sv_json *content, sv_why *why) {
    const sv_json *meta = sv_json_get(content, "meta");
    if (!sv_json_is_object(sv_json_get(meta, "snapshot.json"))) {
        return sv_fail(why, SV_ERR_INVALID, "it says nothing about snapshot.json");
    }
    return check_file(why, SV_TEXT("snapshot.json"), sv_json_get(meta, "snapshot.json"));
}

static sv_err check_snapshot(const sv_json *content, sv_why *why) {
    const sv_json *meta = sv_json_get(content, "meta");
    if (!sv_json_is_object(meta)) {
        return sv_fail(why, SV_ERR_INVALID, "it has no meta");
    }
    return sv_json_each(meta, check_file, why);
}

static sv_err check_target(void *arg, sv_text path, const sv_json *target) {
    int64_t length = 0;
    if (!sv_tuf_number(sv_json_get(target, "length"), 0, &length)) {
        return sv_fail(arg, SV_ERR_INVALID, "target \"" SV_TEXT_FMT "\" has no length",
                       SV_TEXT_ARG(path));
    }
    return check_hashes(sv_json_get(target, "hashes"), path, arg);
}

static sv_err check_targets(const sv_json *content, sv_why *why) {
    const sv_json *targets = sv_json_get(content, "targets");
    const sv_json *delegations = sv_json_get(content, "delegations");
    if (!sv_json_is_object(targets)) {
        return sv_fail(why, SV_ERR_INVALID, "it has no targets");
    }
    SV_TRY(sv_json_each(targets, check_target, why));
    return delegations != NULL ? sv_tuf_delegations_check(delegations, why) : SV_OK;
}

sv_err sv_tuf_shape_check(sv_tuf_type type, const sv_json *content, sv_why *why) {
    switch (type) {
    case SV_TUF_ROOT:
        return check_root(content, why);
    case SV_TUF_TIMESTAMP:
        return check_timestamp(content, why);
    case SV_TUF_SNAPSHOT:
        return check_snapshot(content, why);
    case SV_TUF_TARGETS:
    case SV_TUF_TYPE__COUNT:
    default:
        return check_targets(content, why);
    }
}
