#include <model/id.h>

static bool is_alnum(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool sv_id_is_valid(sv_text id) {
    if (id.len == 0 || id.len > SV_ID_MAX || !is_alnum(id.at[0])) {
        return false;
    }
    for (size_t i = 1; i < id.len; i++) {
        if (!is_alnum(id.at[i]) && id.at[i] != '_' && id.at[i] != '-') {
            return false;
        }
    }
    return true;
}

sv_err sv_id_check(const char *what, sv_text id, sv_why *why) {
    if (sv_id_is_valid(id)) {
        return SV_OK;
    }
    return sv_fail(
        why, SV_ERR_INVALID,
        "%s \"%.*s\" is not valid: a letter or digit, then up to %d letters, digits, - or _", what,
        (int) (id.len < 80 ? id.len : 80), id.at == NULL ? "" : id.at, SV_ID_MAX - 1);
}

sv_err sv_id_config_check(sv_text id, sv_why *why) {
    return sv_id_check("the id", id, why);
}

sv_err sv_id_pattern_check(const char *what, sv_text pattern, sv_why *why) {
    bool good = pattern.len > 0 && pattern.len <= SV_ID_MAX;
    for (size_t i = 0; good && i < pattern.len; i++) {
        char c = pattern.at[i];
        good = is_alnum(c) || c == '*' || (i > 0 && (c == '_' || c == '-'));
    }
    return good ? SV_OK
                : sv_fail(why, SV_ERR_INVALID,
                          "%s \"%.*s\" is no id, and no id with * for any characters, of at most "
                          "%d bytes",
                          what, (int) (pattern.len < 80 ? pattern.len : 80),
                          pattern.at == NULL ? "" : pattern.at, SV_ID_MAX);
}

bool sv_id_matches(sv_text pattern, sv_text id) {
    size_t p = 0;
    size_t i = 0;
    size_t star = SIZE_MAX; // of the last * in the pattern, and where in the id it ends for now
    size_t taken = 0;
    while (i < id.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            taken = i;
        } else if (p < pattern.len && pattern.at[p] == id.at[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

static const char *const ROLES[SV_ROLE__COUNT] = {
    [SV_ROLE_DEVICE] = "device",
    [SV_ROLE_GATEWAY] = "gateway",
    [SV_ROLE_SERVER] = "server",
    [SV_ROLE_APP] = "app",
};

const char *sv_role_name(sv_role role) {
    return (unsigned) role < SV_ROLE__COUNT ? ROLES[role] : "unknown";
}

sv_err sv_role_parse(sv_text text, sv_role *out, sv_why *why) {
    for (unsigned i = 0; i < SV_ROLE__COUNT; i++) {
        if (sv_text_is(text, ROLES[i])) {
            *out = (sv_role) i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "there is no role \"%.*s\": device, gateway, server or app",
                   (int) (text.len < 40 ? text.len : 40), text.at);
}
