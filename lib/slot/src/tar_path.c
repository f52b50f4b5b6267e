#include "tar_path.h"

#include <slot/tar.h>
#include <string.h>

/// Each part is a name.
static sv_err check_parts(sv_text rest, sv_why *why) {
    const sv_text whole = rest;
    for (unsigned parts = 0; rest.len > 0; parts++) {
        bool last = memchr(rest.at, '/', rest.len) == NULL;
        sv_text part = sv_text_cut(&rest, '/');
        if (part.len == 0 || sv_text_is(part, ".") || sv_text_is(part, "..")
            || (!last && rest.len == 0)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "'%.*s' is no path within a tree: each part has to be a name",
                           (int) (whole.len < 200 ? whole.len : 200), whole.at);
        }
        if (part.len > SV_TAR_PART_MAX || parts >= SV_TAR_DEPTH_MAX) {
            return sv_fail(why, SV_ERR_INVALID,
                           "'%.*s' has a part longer than %d bytes, or more than %d parts",
                           (int) (whole.len < 200 ? whole.len : 200), whole.at, SV_TAR_PART_MAX,
                           SV_TAR_DEPTH_MAX);
        }
    }
    return SV_OK;
}

static sv_err check_letters(const char *text, sv_why *why) {
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char) *at < ' ' || *at == 0x7f) {
            return sv_fail(why, SV_ERR_INVALID, "a path in the archive has a control character");
        }
    }
    return SV_OK;
}

sv_err sv_tar_path_tidy(char *path, sv_why *why) {
    char *at = path;
    SV_TRY(check_letters(path, why));
    while (at[0] == '.' && (at[1] == '/' || at[1] == '\0')) {
        at += at[1] == '/' ? 2 : 1;
    }
    size_t len = strlen(at);
    if (len > 1 && at[len - 1] == '/') {
        len--;
    }
    memmove(path, at, len);
    path[len] = '\0';
    return check_parts(sv_text_of(path), why);
}

static size_t folders_above(const char *path) {
    size_t count = 0;
    for (const char *at = path; *at != '\0'; at++) {
        count += *at == '/' ? 1 : 0;
    }
    return count;
}

sv_err sv_tar_target_check(const char *path, const char *target, sv_why *why) {
    size_t up = folders_above(path);
    const char *at = target;
    SV_TRY(check_letters(target, why));
    while (at[0] == '.' && at[1] == '.' && (at[2] == '/' || at[2] == '\0') && up > 0) {
        at += at[2] == '/' ? 3 : 2;
        up--;
    }
    if (target[0] == '\0' || check_parts(sv_text_of(at), NULL) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the link '%.120s' leads to '%.120s': only a path below the tree's folder, "
                       "with '..' at its beginning alone, is a link here",
                       path, target);
    }
    return SV_OK;
}
