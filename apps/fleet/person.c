#include "person.h"

#include <stdio.h>
#include <string.h>

static const char *const ROLE_NAMES[SV_PERSON_ROLE__COUNT] = {
    [SV_PERSON_VIEWER] = "viewer",
    [SV_PERSON_OPERATOR] = "operator",
    [SV_PERSON_RELEASE] = "release",
    [SV_PERSON_ADMIN] = "admin",
};

static const struct {
    const char *name;
    sv_scope scope;
    sv_person_role least;
} SCOPES[SV_SCOPE_COUNT] = {
    { "read", SV_SCOPE_READ, SV_PERSON_VIEWER },
    { "alerts", SV_SCOPE_ALERTS, SV_PERSON_OPERATOR },
    { "devices", SV_SCOPE_DEVICES, SV_PERSON_OPERATOR },
    { "rules", SV_SCOPE_RULES, SV_PERSON_OPERATOR },
    { "updates", SV_SCOPE_UPDATES, SV_PERSON_RELEASE },
    { "admin", SV_SCOPE_ADMIN, SV_PERSON_ADMIN },
};

// ---- roles and scopes ---------------------------------------------------------------------------

const char *sv_person_role_name(sv_person_role role) {
    return ROLE_NAMES[role];
}

sv_err sv_person_role_parse(sv_text text, sv_person_role *out, sv_why *why) {
    for (size_t i = 0; i < SV_COUNT(ROLE_NAMES); i++) {
        if (sv_text_is(text, ROLE_NAMES[i])) {
            *out = (sv_person_role) i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID,
                   "'%.*s' is no role; there are viewer, operator, release and admin",
                   (int) (text.len < SV_ID_MAX ? text.len : SV_ID_MAX), text.at);
}

const char *sv_scope_name(sv_scope scope) {
    for (size_t i = 0; i < SV_COUNT(SCOPES); i++) {
        if (SCOPES[i].scope == scope) {
            return SCOPES[i].name;
        }
    }
    return "none";
}

sv_person_role sv_scope_least(sv_scope scope) {
    for (size_t i = 0; i < SV_COUNT(SCOPES); i++) {
        if (SCOPES[i].scope == scope) {
            return SCOPES[i].least;
        }
    }
    return SV_PERSON_ADMIN;
}

static sv_err scope_parse(sv_text text, unsigned *out, sv_why *why) {
    for (size_t i = 0; i < SV_COUNT(SCOPES); i++) {
        if (sv_text_is(text, SCOPES[i].name)) {
            *out = SCOPES[i].scope;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID,
                   "'%.*s' is no scope; there are read, alerts, devices, rules, updates and admin",
                   (int) (text.len < SV_ID_MAX ? text.len : SV_ID_MAX), text.at);
}

sv_err sv_scopes_read(const sv_json *value, unsigned *out, sv_why *why) {
    unsigned scopes = 0;
    for (size_t i = 0; i < sv_json_count(value); i++) {
        sv_text name = SV_TEXT("");
        unsigned scope = 0;
        (void) sv_json_text(sv_json_at(value, i), &name);
        SV_TRY(scope_parse(name, &scope, why));
        scopes |= scope;
    }
    if (scopes == 0) {
        return sv_fail(why, SV_ERR_INVALID, "scopes must be an array of names such as [\"read\"]");
    }
    *out = scopes;
    return SV_OK;
}

void sv_scopes_put(sv_json_out *out, unsigned scopes) {
    sv_json_open_array(out);
    for (size_t i = 0; i < SV_COUNT(SCOPES); i++) {
        if ((scopes & SCOPES[i].scope) != 0) {
            sv_json_put_str(out, SCOPES[i].name);
        }
    }
    sv_json_close_array(out);
}

// ---- sites --------------------------------------------------------------------------------------

/// The next name of `rest`, an array as it is kept; empty after the last.
static sv_text next_site(sv_text *rest) {
    (void) sv_text_cut(rest, '"');
    return sv_text_cut(rest, '"');
}

bool sv_sites_have(const char *sites, sv_text site) {
    if (sites[0] == '\0') {
        return true;
    }
    sv_text rest = sv_text_of(sites);
    while (rest.len > 0) {
        if (sv_text_eq(next_site(&rest), site)) {
            return site.len > 0;
        }
    }
    return false;
}

bool sv_sites_within(const char *part, const char *whole) {
    if (whole[0] == '\0' || part[0] == '\0') {
        return whole[0] == '\0';
    }
    sv_text rest = sv_text_of(part);
    for (sv_text site = next_site(&rest); site.len > 0; site = next_site(&rest)) {
        if (!sv_sites_have(whole, site)) {
            return false;
        }
    }
    return true;
}

static void add_site(sv_textbuf *text, sv_text site) {
    sv_textbuf_addf(text, "%s\"" SV_TEXT_FMT "\"", text->len > 1 ? "," : "", SV_TEXT_ARG(site));
}

void sv_sites_both(const char *a, const char *b, char out[SV_SITES_ROOM]) {
    sv_textbuf text = { .at = out, .cap = SV_SITES_ROOM };
    const char *walked = a[0] != '\0' ? a : b;
    const char *asked = a[0] != '\0' ? b : a;
    sv_text rest = sv_text_of(walked);
    out[0] = '\0';
    if (walked[0] == '\0') {
        return;
    }
    sv_textbuf_add_char(&text, '[');
    for (sv_text site = next_site(&rest); site.len > 0; site = next_site(&rest)) {
        if (sv_sites_have(asked, site)) {
            add_site(&text, site);
        }
    }
    sv_textbuf_add_char(&text, ']');
    if (sv_textbuf_end(&text) != SV_OK) {
        (void) snprintf(out, SV_SITES_ROOM, "[]");
    }
}

sv_err sv_sites_read(const sv_json *value, char out[SV_SITES_ROOM], sv_why *why) {
    char room[SV_SITES_ROOM] = "";
    sv_textbuf text = SV_TEXTBUF(room);
    size_t count = sv_json_count(value);
    if (value == NULL || sv_json_is_null(value)) {
        out[0] = '\0';
        return SV_OK;
    }
    if (count == 0 || count > SV_PERSON_SITES_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "sites must be an array of 1 to %d names, or null for all",
                       SV_PERSON_SITES_MAX);
    }
    sv_textbuf_add_char(&text, '[');
    for (size_t i = 0; i < count; i++) {
        sv_text site = SV_TEXT("");
        (void) sv_json_text(sv_json_at(value, i), &site);
        SV_TRY(sv_id_check("site", site, why));
        room[text.len] = '\0';
        if (text.len > 1 && sv_sites_have(room, site)) {
            return sv_fail(why, SV_ERR_INVALID, "site '" SV_TEXT_FMT "' is there twice",
                           SV_TEXT_ARG(site));
        }
        add_site(&text, site);
    }
    sv_textbuf_add_char(&text, ']');
    SV_TRY(sv_textbuf_end(&text));
    memcpy(out, room, sizeof room);
    return SV_OK;
}

void sv_sites_put(sv_json_out *out, const char *sites) {
    if (sites[0] == '\0') {
        sv_json_put_null(out);
    } else {
        sv_json_put_raw(out, sv_text_of(sites));
    }
}
