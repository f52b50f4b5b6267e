#include "delegation.h"
#include "shape.h"
#include <codec/encode.h>
#include <crypto/random.h>
#include <stdio.h>

enum { HASH_BYTES = 32, HEX_ROOM = 2 * HASH_BYTES + 1, DIGITS_ROOM = 16 };

// ---- shape
// ----------------------------------------------------------------------------------------

static bool are_texts(const sv_json *list) {
    sv_text text;
    for (size_t i = 0; i < sv_json_count(list); i++) {
        if (!sv_json_text(sv_json_at(list, i), &text)) {
            return false;
        }
    }
    return sv_json_is_array(list);
}

/// Its file's name has to fit, and be nobody else's.
static sv_err check_name(sv_text name, sv_why *why) {
    char room[SV_TUF_NAME_ROOM];
    sv_textbuf quoted = SV_TEXTBUF(room);
    sv_percent_add(&quoted, name);
    if (name.len == 0 || sv_tuf_name_is_top(name) || sv_textbuf_end(&quoted) != SV_OK
        || quoted.len + sizeof ".json" > sizeof room) {
        return sv_fail(why, SV_ERR_INVALID, "\"" SV_TEXT_FMT "\" cannot be a delegated role",
                       SV_TEXT_ARG(name));
    }
    return SV_OK;
}

static sv_err check_delegated(const sv_json *role, sv_why *why) {
    const sv_json *paths = sv_json_get(role, "paths");
    const sv_json *prefixes = sv_json_get(role, "path_hash_prefixes");
    sv_text name;
    bool flag = false;
    if (!sv_json_text(sv_json_get(role, "name"), &name)) {
        return sv_fail(why, SV_ERR_INVALID, "a delegated role has no name");
    }
    SV_TRY(check_name(name, why));
    SV_TRY(sv_tuf_role_check(role, name, why));
    if (!sv_json_bool(sv_json_get(role, "terminating"), &flag)) {
        return sv_fail(why, SV_ERR_INVALID, "role \"" SV_TEXT_FMT "\" says nothing on terminating",
                       SV_TEXT_ARG(name));
    }
    if ((paths == NULL) == (prefixes == NULL) || !are_texts(paths != NULL ? paths : prefixes)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "role \"" SV_TEXT_FMT "\" needs either paths or path_hash_prefixes",
                       SV_TEXT_ARG(name));
    }
    return SV_OK;
}

static sv_err check_roles(const sv_json *roles, sv_why *why) {
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        sv_text name;
        sv_text other;
        SV_TRY(check_delegated(sv_json_at(roles, i), why));
        (void) sv_json_text(sv_json_get(sv_json_at(roles, i), "name"), &name);
        for (size_t k = 0; k < i; k++) {
            if (sv_json_text(sv_json_get(sv_json_at(roles, k), "name"), &other)
                && sv_text_eq(name, other)) {
                return sv_fail(why, SV_ERR_INVALID, "role \"" SV_TEXT_FMT "\" stands there twice",
                               SV_TEXT_ARG(name));
            }
        }
    }
    return SV_OK;
}

static sv_err check_bins(const sv_json *bins, sv_why *why) {
    sv_text prefix;
    int64_t bits = 0;
    if (!sv_json_text(sv_json_get(bins, "name_prefix"), &prefix)
        || !sv_tuf_number(sv_json_get(bins, "bit_length"), 1, &bits)
        || bits > SV_TUF_BIN_BITS_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "succinct_roles need a name_prefix and a bit_length from 1 to %d",
                       SV_TUF_BIN_BITS_MAX);
    }
    if (prefix.len > SV_TUF_NAME_ROOM / 4) {
        return sv_fail(why, SV_ERR_INVALID, "a name_prefix of %zu bytes is too long", prefix.len);
    }
    return sv_tuf_role_check(bins, prefix, why);
}

sv_err sv_tuf_delegations_check(const sv_json *delegations, sv_why *why) {
    const sv_json *roles = sv_json_get(delegations, "roles");
    const sv_json *bins = sv_json_get(delegations, "succinct_roles");
    SV_TRY(sv_tuf_keys_check(sv_json_get(delegations, "keys"), why));
    if ((roles == NULL) == (bins == NULL) || (roles != NULL && !sv_json_is_array(roles))) {
        return sv_fail(why, SV_ERR_INVALID, "delegations need either roles or succinct_roles");
    }
    return roles != NULL ? check_roles(roles, why) : check_bins(bins, why);
}

// ---- who speaks for a path
// ------------------------------------------------------------------------

static bool speaks_for(const sv_json *role, sv_text path, sv_text hash) {
    const sv_json *paths = sv_json_get(role, "paths");
    const sv_json *list = paths != NULL ? paths : sv_json_get(role, "path_hash_prefixes");
    sv_text text;
    for (size_t i = 0; i < sv_json_count(list); i++) {
        if (sv_json_text(sv_json_at(list, i), &text)
            && (paths != NULL ? sv_tuf_pattern_matches(text, path) : sv_text_starts(hash, text))) {
            return true;
        }
    }
    return false;
}

static void fill(sv_tuf_child *child, const sv_json *keys, const sv_json *role) {
    child->by = (sv_tuf_voucher){ .keys = keys, .keyids = sv_json_get(role, "keyids") };
    child->terminating = false;
    (void) sv_json_int(sv_json_get(role, "threshold"), &child->by.threshold);
}

/// "bins-0a3": the number of the bin in as many digits as the last one has.
static size_t bin_of(const sv_json *keys, const sv_json *bins, const uint8_t hash[HASH_BYTES],
                     sv_tuf_child *out) {
    int64_t bits = 0;
    sv_text prefix;
    if (!sv_json_int(sv_json_get(bins, "bit_length"), &bits)
        || !sv_json_text(sv_json_get(bins, "name_prefix"), &prefix)) {
        return 0;
    }
    uint32_t front = ((uint32_t) hash[0] << 24) | ((uint32_t) hash[1] << 16)
                     | ((uint32_t) hash[2] << 8) | hash[3];
    sv_textbuf name = SV_TEXTBUF(out->name);
    sv_textbuf_addf(&name, SV_TEXT_FMT "-%0*x", SV_TEXT_ARG(prefix), (int) ((bits + 3) / 4),
                    front >> (32 - (uint32_t) bits));
    fill(out, keys, bins);
    out->terminating = true;
    return sv_textbuf_end(&name) == SV_OK ? 1 : 0;
}

size_t sv_tuf_children(const sv_tuf_metadata *targets, sv_text path,
                       sv_tuf_child out[SV_TUF_CHILDREN_MAX]) {
    const sv_json *delegations = sv_json_get(targets->content, "delegations");
    const sv_json *keys = sv_json_get(delegations, "keys");
    const sv_json *bins = sv_json_get(delegations, "succinct_roles");
    const sv_json *roles = sv_json_get(delegations, "roles");
    uint8_t hash[HASH_BYTES];
    char hex[HEX_ROOM];
    sv_textbuf digits = SV_TEXTBUF(hex);
    sv_sha256(path, hash);
    sv_hex_add(&digits, hash, sizeof hash);
    if (bins != NULL) {
        return bin_of(keys, bins, hash, &out[0]);
    }
    size_t count = 0;
    for (size_t i = 0; i < sv_json_count(roles) && count < SV_TUF_CHILDREN_MAX; i++) {
        const sv_json *role = sv_json_at(roles, i);
        sv_tuf_child *child = &out[count];
        sv_text name;
        if (!speaks_for(role, path, sv_textbuf_text(&digits))
            || !sv_json_text(sv_json_get(role, "name"), &name)
            || sv_text_copy(name, child->name, sizeof child->name) != SV_OK) {
            continue;
        }
        fill(child, keys, role);
        count++;
        if (sv_json_bool(sv_json_get(role, "terminating"), &child->terminating)
            && child->terminating) {
            break;
        }
    }
    return count;
}
