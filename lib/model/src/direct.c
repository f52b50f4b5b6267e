#include <model/direct.h>

#include <string.h>

static sv_err check_part(sv_text part, sv_text path, sv_why *why) {
    if (part.len == 0 || sv_text_is(part, ".") || sv_text_is(part, "..")) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'" SV_TEXT_FMT "' is no path of an image: it has a part '" SV_TEXT_FMT "'",
                       SV_TEXT_ARG(path), SV_TEXT_ARG(part));
    }
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        if (c <= ' ' || c >= 0x7f || c == '\\' || c == '"') {
            return sv_fail(why, SV_ERR_INVALID,
                           "a path of an image has printable ASCII without blanks, \\ and \"; this "
                           "one has byte %02x at %zu",
                           (unsigned char) c, (size_t) (part.at - path.at) + i);
        }
    }
    return SV_OK;
}

sv_err sv_direct_path_check(sv_text path, sv_why *why) {
    sv_text part = { .at = path.at };
    if (path.len >= SV_DIRECT_PATH_ROOM) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a path of an image has at most %d bytes; this one has %zu",
                       SV_DIRECT_PATH_ROOM - 1, path.len);
    }
    for (size_t i = 0; i <= path.len; i++) {
        if (i == path.len || path.at[i] == '/') {
            part.len = (size_t) (path.at + i - part.at);
            SV_TRY(check_part(part, path, why));
            part.at = path.at + i + 1;
        }
    }
    return SV_OK;
}

static sv_err check_numbers(const sv_direct *direct, sv_why *why) {
    if (direct->version < 1 || direct->version > SV_DIRECT_NUMBER_MAX || direct->now_us < 0
        || direct->now_us > SV_DIRECT_NUMBER_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "version %lld made at %lld µs is none",
                       (long long) direct->version, (long long) direct->now_us);
    }
    if (direct->path[0] == '\0') {
        return SV_OK;
    }
    if (direct->length < 1 || direct->length > SV_DIRECT_BYTES_MAX || direct->counter < 1) {
        return sv_fail(why, SV_ERR_INVALID, "an image of %llu bytes and release counter %u is none",
                       (unsigned long long) direct->length, (unsigned) direct->counter);
    }
    return SV_OK;
}

sv_err sv_direct_check(const sv_direct *direct, sv_why *why) {
    if (memchr(direct->device, '\0', sizeof direct->device) == NULL
        || memchr(direct->path, '\0', sizeof direct->path) == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "a text of the assignment does not end");
    }
    SV_TRY(sv_id_check("device id", sv_text_of(direct->device), why));
    SV_TRY(check_numbers(direct, why));
    return direct->path[0] == '\0' ? SV_OK : sv_direct_path_check(sv_text_of(direct->path), why);
}
