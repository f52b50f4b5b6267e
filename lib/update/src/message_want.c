#include <string.h>
#include <update/message.h>

/// Cuts `prefix` off the beginning.
static bool after(sv_text *rest, sv_text prefix) {
    if (!sv_text_starts(*rest, prefix)) {
        return false;
    }
    rest->at += prefix.len;
    rest->len -= prefix.len;
    return true;
}

/// Cuts 64 lower-case hexadecimal digits off the beginning.
static bool after_digest(sv_text *rest) {
    const size_t digits = (size_t) 2 * SV_TARGET_HASH_BYTES;
    if (rest->len < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        char c = rest->at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    rest->at += digits;
    rest->len -= digits;
    return true;
}

/// One name of a metadata file, as it stands in an address.
static bool is_metadata_name(sv_text name) {
    const sv_text end = SV_TEXT(".json");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && (c == '\0' || strchr("._-~%", c) == NULL)) {
            return false;
        }
    }
    return name.len > end.len && name.at[0] != '.'
           && memcmp(name.at + name.len - end.len, end.at, end.len) == 0;
}

/// Cuts "/tuf/director/<id>" off the beginning.
static bool after_director(sv_text *rest, sv_text id) {
    return after(rest, SV_TEXT("/tuf/director/")) && after(rest, id);
}

static bool is_metadata(sv_text path, sv_text id) {
    sv_text rest = path;
    if (after(&rest, SV_TEXT("/tuf/image/metadata/"))) {
        return is_metadata_name(rest);
    }
    return after_director(&rest, id) && after(&rest, SV_TEXT("/metadata/"))
           && is_metadata_name(rest);
}

static bool is_key(sv_text path, sv_text id) {
    return after_director(&path, id) && after(&path, SV_TEXT("/key/")) && after_digest(&path)
           && sv_text_is(path, ".cms");
}

/// "/artifacts/<sha256>/{raw|zstd|delta-<sha256>}" and what follows it.
static bool is_artifact(sv_text path, const char *behind) {
    if (!after(&path, SV_TEXT("/artifacts/")) || !after_digest(&path)
        || !after(&path, SV_TEXT("/"))) {
        return false;
    }
    if (after(&path, SV_TEXT("delta-"))) {
        return after_digest(&path) && sv_text_is(path, behind);
    }
    return (after(&path, SV_TEXT("raw")) || after(&path, SV_TEXT("zstd")))
           && sv_text_is(path, behind);
}

sv_err sv_updater_want_check(const sv_updater_want *want, sv_text id, sv_why *why) {
    const sv_text path = sv_text_of(want->path);
    bool path_fits = false;
    uint64_t bytes_max = 0;
    switch ((sv_updater_want_kind) want->kind) {
    case SV_UPDATER_METADATA:
        path_fits = is_metadata(path, id);
        bytes_max = SV_TUF_TARGETS_MAX;
        break;
    case SV_UPDATER_INDEX:
        path_fits = is_artifact(path, ".index");
        bytes_max = sv_image_index_bytes(SV_IMAGE_BYTES_MAX);
        break;
    case SV_UPDATER_KEY:
        path_fits = is_key(path, id) && want->bytes == SV_UPDATER_KEY_BYTES;
        bytes_max = SV_UPDATER_KEY_BYTES;
        break;
    case SV_UPDATER_CHUNKS:
        path_fits = is_artifact(path, "");
        bytes_max = SV_UPDATER_RANGE_MAX;
        break;
    case SV_UPDATER_WANT_KIND__COUNT:
        break;
    }
    if (!path_fits || want->bytes == 0 || want->bytes > bytes_max
        || (want->offset != 0 && want->kind != SV_UPDATER_CHUNKS)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the updater wants %llu bytes from %llu of '%.128s' (kind %u), which is "
                       "nothing that this device gets",
                       (unsigned long long) want->bytes, (unsigned long long) want->offset,
                       want->path, want->kind);
    }
    return SV_OK;
}
