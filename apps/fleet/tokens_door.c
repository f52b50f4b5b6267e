#include "tokens_door.h"

#include "deed.h"
#include "tokens.h"
#include "views.h"

#include <string.h>

/// Whose tokens somebody has to do with; NULL: everybody's.
static const char *owner_for(const sv_visit *v) {
    return v->person.role == SV_PERSON_ADMIN ? NULL : v->person.user;
}

void sv_tokens_door_list(sv_visit *v) {
    char cursor[SV_VISIT_WORD_MAX];
    int64_t limit = SV_TOKENS_LIMIT_DEFAULT;
    if (!sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_TOKENS_LIMIT_MAX, &limit)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_api_token_list(v->fleet->db, owner_for(v), cursor,
                                   limit > 0 ? (size_t) limit : 1, &out, &why);
    sv_visit_json(v, err, &json, &why);
}

// ---- making -------------------------------------------------------------------------------------

/// The least that its scopes need.
static sv_person_role least_role(unsigned scopes) {
    sv_person_role least = SV_PERSON_VIEWER;
    for (unsigned scope = 1; scope < SV_SCOPE_ALL; scope <<= 1) {
        if ((scopes & scope) != 0 && sv_scope_least((sv_scope) scope) > least) {
            least = sv_scope_least((sv_scope) scope);
        }
    }
    return least;
}

static sv_err read_rest(const sv_visit *v, const sv_json *body, sv_api_token *out, sv_why *why) {
    sv_text role = SV_TEXT("");
    int64_t days = SV_TOKEN_DAYS_DEFAULT;
    const sv_json *sites = sv_json_get(body, "sites");
    if (sv_json_get(body, "days") != NULL
        && (!sv_json_int(sv_json_get(body, "days"), &days) || days < 1
            || days > SV_TOKEN_DAYS_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "days is a number from 1 to %d", SV_TOKEN_DAYS_MAX);
    }
    out->expires_us = v->fleet->believed_us() + days * SV_TIME_DAY_US;
    out->role = least_role(out->scopes);
    if (sv_json_get(body, "role") != NULL) {
        (void) sv_json_text(sv_json_get(body, "role"), &role);
        SV_TRY(sv_person_role_parse(role, &out->role, why));
    }
    if (sites != NULL && !sv_json_is_null(sites)) {
        return sv_sites_read(sites, out->sites, why);
    }
    memcpy(out->sites, v->person.sites, sizeof out->sites);
    return SV_OK;
}

static sv_err read_token(const sv_visit *v, const sv_json *body, sv_api_token *out, sv_why *why) {
    sv_text name = SV_TEXT("");
    (void) sv_json_text(sv_json_get(body, "name"), &name);
    SV_TRY(sv_id_check("name", name, why));
    SV_TRY(sv_text_copy(name, out->name, sizeof out->name));
    SV_TRY(sv_scopes_read(sv_json_get(body, "scopes"), &out->scopes, why));
    return read_rest(v, body, out, why);
}

/// Who asks for more than he may is written down. [people-14]
static sv_err judge(const sv_visit *v, const sv_api_token *token, sv_why *why) {
    sv_err err = sv_api_token_judge(token, &v->person, v->fleet->believed_us(), why);
    if (err == SV_ERR_INVALID) {
        const sv_deed refused = { .what = "token.add", .about = token->name, .detail = why->text };
        sv_deed_refused(v, v->person.user, &refused);
    }
    return err;
}

static void describe(const sv_api_token *token, sv_textbuf *text) {
    sv_json_out out = SV_JSON_OUT(text);
    sv_textbuf_addf(text, "%s of %s, scopes ", sv_person_role_name(token->role),
                    token->sites[0] == '\0' ? "all sites" : token->sites);
    sv_scopes_put(&out, token->scopes);
}

static sv_err add(const sv_visit *v, const sv_api_token *token, char secret[SV_TOKEN_ROOM],
                  sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf is = SV_TEXTBUF_HEAP((size_t) 2 * SV_SITES_ROOM);
    describe(token, &is);
    const sv_deed deed = { .what = "token.add",
                           .about = token->name,
                           .after = sv_textbuf_text(&is) };
    SV_TRY(sv_deed_begin(v, why));
    sv_err err =
        sv_api_token_add(v->fleet->db, token, v->person.user, v->fleet->believed_us(), secret, why);
    return sv_deed_end(v, err, &deed, why);
}

void sv_tokens_door_add(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_api_token token = { .name = "" };
    char secret[SV_TOKEN_ROOM];
    if (sv_json_parse(sv_http_body(v->request), &body, NULL, NULL) != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"name\":\"...\",\"scopes\":[\"read\"],\"days\":%d}",
                        SV_TOKEN_DAYS_DEFAULT);
        return;
    }
    sv_err err = read_token(v, body, &token, &why);
    err = err == SV_OK ? judge(v, &token, &why) : err;
    err = err == SV_OK ? add(v, &token, secret, &why) : err;
    err = err == SV_OK ? sv_api_token_write(v->fleet->db, token.name, secret, &out, &why) : err;
    explicit_bzero(secret, sizeof secret);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 201, "application/json", sv_textbuf_text(&json));
    explicit_bzero(json.at, json.len);
}

void sv_tokens_door_remove(sv_visit *v) {
    char name[SV_ID_ROOM];
    sv_why why = { 0 };
    if (sv_text_copy(v->id, name, sizeof name) != SV_OK) {
        sv_http_problem(v->request, 404, "Not found", "there is no such token");
        return;
    }
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_api_token_remove(v->fleet->db, v->id, owner_for(v), &why);
        err = sv_deed_end(
            v, err, &(const sv_deed){ .what = "token.remove", .about = name, .detail = "" }, &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}
