#include "rights.h"
#include <string.h>

static bool is_in(sv_text word, const char *const *words) {
    for (; *words != NULL; words++) {
        if (sv_text_is(word, *words)) {
            return true;
        }
    }
    return false;
}

static bool has_more(sv_text text) {
    return memchr(text.at, '/', text.len) != NULL;
}

bool gw_filter_covers(sv_text wide, sv_text narrow) {
    for (;;) {
        bool wide_more = has_more(wide);
        bool narrow_more = has_more(narrow);
        sv_text want = sv_text_cut(&wide, '/');
        if (sv_text_is(want, "#")) {
            return true;
        }
        sv_text have = sv_text_cut(&narrow, '/');
        bool level = sv_text_is(want, "+") ? !sv_text_is(have, "#") : sv_text_eq(want, have);
        if (!level || (!wide_more && narrow_more)) {
            return false;
        }
        if (!narrow_more) {
            // "a/#" covers "a" as well.
            return !wide_more || sv_text_is(wide, "#");
        }
    }
}

static bool is_denied(const gw_config *config, sv_text filter) {
    for (size_t i = 0; i < config->deny_count; i++) {
        if (gw_filter_covers(sv_text_of(config->deny[i]), filter)) {
            return true;
        }
    }
    return false;
}

/// `<root>/<id>` or `<root>/<id>/...` with a root out of `roots`.
static bool is_own(sv_text topic, const char *id, const char *const *roots) {
    sv_text rest = topic;
    sv_text root = sv_text_cut(&rest, '/');
    return is_in(root, roots) && sv_text_is(sv_text_cut(&rest, '/'), id);
}

static bool is_listed(const gw_config *config, const char *id, sv_text filter) {
    for (size_t i = 0; i < config->app_count; i++) {
        const gw_app_right *right = &config->apps[i];
        if (strcmp(right->id, id) == 0 && gw_filter_covers(sv_text_of(right->filter), filter)) {
            return true;
        }
    }
    return false;
}

bool gw_may_publish(const gw_config *config, const sv_identity *who, sv_text topic) {
    static const char *const OF_DEVICES[] = { "sensors", "health", "presence", "results", NULL };
    static const char *const OF_OTHERS[] = { "sensors", "health", "presence", "results",
                                             "alerts",  "acks",   NULL };
    if (is_denied(config, topic)) {
        return false;
    }
    if (who == NULL) {
        sv_text rest = topic;
        return !is_in(sv_text_cut(&rest, '/'), OF_OTHERS);
    }
    return who->role == SV_ROLE_DEVICE && is_own(topic, who->id, OF_DEVICES);
}

bool gw_may_subscribe(const gw_config *config, const sv_identity *who, sv_text filter) {
    static const char *const OF_A_DEVICE[] = { "commands", "updates", "acks",   "alerts", "sensors",
                                               "presence", "results", "health", NULL };
    if (is_denied(config, filter)) {
        return false;
    }
    if (who == NULL) {
        return true;
    }
    return who->role == SV_ROLE_DEVICE
               ? is_own(filter, who->id, OF_A_DEVICE)
               : who->role == SV_ROLE_APP && is_listed(config, who->id, filter);
}
