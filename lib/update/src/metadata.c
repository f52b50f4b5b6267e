#include "shape.h"
#include <base/mem.h>
#include <base/time.h>
#include <stdlib.h>

static const struct {
    const char *name;
    size_t bytes_max;
} TYPES[] = {
    [SV_TUF_ROOT] = { "root", SV_TUF_ROOT_MAX },
    [SV_TUF_TIMESTAMP] = { "timestamp", SV_TUF_TIMESTAMP_MAX },
    [SV_TUF_SNAPSHOT] = { "snapshot", SV_TUF_SNAPSHOT_MAX },
    [SV_TUF_TARGETS] = { "targets", SV_TUF_TARGETS_MAX },
};
_Static_assert(SV_COUNT(TYPES) == SV_TUF_TYPE__COUNT, "a type without a name");

const char *sv_tuf_type_name(sv_tuf_type type) {
    return TYPES[type].name;
}

size_t sv_tuf_type_max(sv_tuf_type type) {
    return TYPES[type].bytes_max;
}

bool sv_tuf_name_is_top(sv_text name) {
    for (size_t i = 0; i < SV_COUNT(TYPES); i++) {
        if (sv_text_is(name, TYPES[i].name)) {
            return true;
        }
    }
    return false;
}

bool sv_tuf_number(const sv_json *value, int64_t least, int64_t *out) {
    int64_t number = 0;
    if (!sv_json_int(value, &number) || number < least) {
        return false;
    }
    *out = number;
    return true;
}

/// "1.0.31", "1.0": ours is version 1.
static bool is_spec_we_know(const sv_json *value) {
    sv_text text;
    uint64_t number = 0;
    if (!sv_json_text(value, &text) || !sv_text_starts(text, SV_TEXT("1."))) {
        return false;
    }
    size_t parts = 0;
    for (sv_text rest = text; rest.len > 0; parts++) {
        if (sv_text_u64(sv_text_cut(&rest, '.'), UINT32_MAX, &number) != SV_OK) {
            return false;
        }
    }
    return (parts == 2 || parts == 3) && text.at[text.len - 1] != '.';
}

/// `2044-08-10T10:05:04Z` and no other spelling.
static bool read_end(const sv_json *value, int64_t *out) {
    sv_text text;
    return sv_json_text(value, &text) && text.len == sizeof "2044-08-10T10:05:04Z" - 1
           && text.at[10] == 'T' && text.at[text.len - 1] == 'Z'
           && sv_time_parse(text, out) == SV_OK;
}

static sv_err check_signatures(const sv_json *signatures, sv_why *why) {
    for (size_t i = 0; i < sv_json_count(signatures); i++) {
        const sv_json *one = sv_json_at(signatures, i);
        sv_text id;
        sv_text other;
        if (!sv_json_text(sv_json_get(one, "keyid"), &id)
            || !sv_json_text(sv_json_get(one, "sig"), &other)) {
            return sv_fail(why, SV_ERR_INVALID, "signature %zu has no keyid or no sig", i + 1);
        }
        for (size_t k = 0; k < i; k++) {
            if (sv_json_text(sv_json_get(sv_json_at(signatures, k), "keyid"), &other)
                && sv_text_eq(id, other)) {
                return sv_fail(why, SV_ERR_INVALID, "there are two signatures by key " SV_TEXT_FMT,
                               SV_TEXT_ARG(id));
            }
        }
    }
    return SV_OK;
}

static sv_err read_head(sv_tuf_metadata *m, sv_why *why) {
    const sv_json *signatures = sv_json_get(m->document, "signatures");
    sv_text type;
    m->content = sv_json_get(m->document, "signed");
    if (!sv_json_is_object(m->content) || !sv_json_is_array(signatures)) {
        return sv_fail(why, SV_ERR_INVALID, "it has no \"signed\" or no \"signatures\"");
    }
    if (sv_json_count(signatures) > SV_TUF_KEYS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "it has %zu signatures; %d are allowed",
                       sv_json_count(signatures), SV_TUF_KEYS_MAX);
    }
    if (!sv_json_text(sv_json_get(m->content, "_type"), &type)
        || !sv_text_is(type, sv_tuf_type_name(m->type))) {
        return sv_fail(why, SV_ERR_INVALID, "its _type is not \"%s\"", sv_tuf_type_name(m->type));
    }
    if (!is_spec_we_know(sv_json_get(m->content, "spec_version"))) {
        return sv_fail(why, SV_ERR_INVALID, "its spec_version is not 1.x");
    }
    if (!sv_tuf_number(sv_json_get(m->content, "version"), 1, &m->version)) {
        return sv_fail(why, SV_ERR_INVALID, "its version is not a whole number from 1");
    }
    if (!read_end(sv_json_get(m->content, "expires"), &m->expires_us)) {
        return sv_fail(why, SV_ERR_INVALID, "its expires is not like 2044-08-10T10:05:04Z");
    }
    return check_signatures(signatures, why);
}

sv_err sv_tuf_read(sv_text bytes, sv_tuf_type type, sv_tuf_metadata **out, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *m = sv_mem_new(sizeof *m);
    m->type = type;
    SV_TRY(sv_json_parse(bytes, &m->document, NULL, why));
    SV_TRY(read_head(m, why));
    SV_TRY(sv_tuf_shape_check(type, m->content, why));
    *out = m;
    m = NULL;
    return SV_OK;
}

void sv_tuf_drop(sv_tuf_metadata **metadata) {
    if (*metadata != NULL) {
        sv_json_drop(&(*metadata)->document);
        free(*metadata);
        *metadata = NULL;
    }
}

sv_tuf_voucher sv_tuf_root_names(const sv_tuf_metadata *root, sv_tuf_type role) {
    const sv_json *named = sv_json_get(sv_json_get(root->content, "roles"), sv_tuf_type_name(role));
    sv_tuf_voucher out = {
        .keys = sv_json_get(root->content, "keys"),
        .keyids = sv_json_get(named, "keyids"),
    };
    (void) sv_json_int(sv_json_get(named, "threshold"), &out.threshold);
    return out;
}
