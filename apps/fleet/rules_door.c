#include "rules_door.h"

#include "rules_try.h"
#include "site_groups.h"
#include "site_rules.h"
#include "views.h"

#include <codec/json.h>
#include <edge/rules_file.h>
#include <inttypes.h>
#include <stdio.h>

enum { COMMENT_ROOM = SV_SITE_RULES_COMMENT_MAX + 1, ETAG_ROOM = 32, PROBLEM_MAX = 64 * 1024 };

static bool version_asked(const sv_visit *v, int64_t *out) {
    uint64_t number = 0;
    if (sv_text_u64(v->name, INT64_MAX / 2, &number) != SV_OK || number == 0) {
        sv_http_problem(v->request, 404, "Not found", "'" SV_TEXT_FMT "' is no version",
                        SV_TEXT_ARG(v->name));
        return false;
    }
    *out = (int64_t) number;
    return true;
}

static void put_etag(sv_http_request *request, int64_t version) {
    char etag[ETAG_ROOM];
    (void) snprintf(etag, sizeof etag, "\"%" PRId64 "\"", version);
    sv_http_reply_header(request, "ETag", etag);
}

/// `If-Match: "3"`; False, with the request answered, when it does not stand there so.
static bool read_match(const sv_visit *v, int64_t *out) {
    sv_text field = sv_text_of(sv_http_header(v->request, "If-Match"));
    sv_text digits = { .at = field.at + 1, .len = field.len - 2 };
    uint64_t number = 0;
    bool quoted = field.len > 2 && field.at[0] == '"' && field.at[field.len - 1] == '"';
    if (!quoted || sv_text_u64(digits, INT64_MAX / 2, &number) != SV_OK) {
        sv_http_problem(v->request, field.len == 0 ? 428 : 400, "Which version?",
                        "If-Match must name the version that is replaced, as in \"3\"; \"0\" when "
                        "there is none");
        return false;
    }
    *out = (int64_t) number;
    return true;
}

// ---- reading ------------------------------------------------------------------------------------

static sv_err write_newest(const sv_visit *v, const sv_site *site, int64_t *version,
                           sv_json_out *out, sv_why *why) {
    SV_TRY(sv_site_rules_newest(v->fleet->db, site, version, why));
    sv_json_open_object(out);
    sv_json_add_str(out, "site", site->name);
    if (*version > 0) {
        SV_TRY(sv_site_rules_write(v->fleet->db, site, *version, out, why));
    } else {
        sv_json_add_int(out, "version", 0);
        sv_json_add_str(out, "text", "");
    }
    sv_json_key(out, "gateways");
    sv_site_rules_gateways(v->fleet, site, out);
    sv_json_key(out, "groups");
    sv_site_groups_write(v->fleet, site, out);
    sv_json_close_object(out);
    return SV_OK;
}

static void answer_newest(const sv_visit *v, const sv_site *site) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    int64_t version = 0;
    sv_err err = write_newest(v, site, &version, &out, &why);
    put_etag(v->request, version);
    sv_visit_json(v, err, &json, &why);
}

void sv_rules_door_show(sv_visit *v) {
    const sv_site *site = sv_visit_site(v);
    if (site != NULL) {
        answer_newest(v, site);
    }
}

void sv_rules_door_list(sv_visit *v) {
    const sv_site *site = sv_visit_site(v);
    if (site == NULL) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_err err = sv_site_rules_list(v->fleet->db, site, &out, &why);
    sv_json_add_null(&out, "next");
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

void sv_rules_door_version(sv_visit *v) {
    const sv_site *site = sv_visit_site(v);
    int64_t version = 0;
    if (site == NULL || !version_asked(v, &version)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_add_str(&out, "site", site->name);
    sv_err err = sv_site_rules_write(v->fleet->db, site, version, &out, &why);
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

// ---- writing ------------------------------------------------------------------------------------

/// "count" and "faults", each with its place.
static void write_faults(const sv_config_faults *faults, sv_json_out *out) {
    sv_json_add_int(out, "count", faults->count);
    sv_json_key(out, "faults");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_config_faults_told(faults); i++) {
        sv_json_open_object(out);
        sv_json_add_int(out, "line", (int64_t) faults->places[i].line);
        sv_json_add_int(out, "column", (int64_t) faults->places[i].column);
        sv_json_add_text(out, "sentence", sv_config_faults_sentence(faults, i));
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

/// A problem document with every fault and its place. [rules-2]
static void answer_faults(const sv_visit *v, const sv_config_faults *faults, const sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(PROBLEM_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "type", "about:blank");
    sv_json_add_str(&out, "title", "Faulty rules");
    sv_json_add_int(&out, "status", 422);
    sv_json_add_str(&out, "detail", why->text);
    write_faults(faults, &out);
    sv_json_close_object(&out);
    sv_http_reply(v->request, 422, "application/problem+json", sv_textbuf_text(&json));
}

/// After an attempt to make version `version`, which is the newest one when that failed.
static void answer_attempt(const sv_visit *v, const sv_site *site, sv_err err, int64_t version,
                           const sv_config_faults *faults, const sv_why *why) {
    if (err == SV_OK) {
        answer_newest(v, site);
    } else if (err == SV_ERR_INVALID && faults->count > 0) {
        answer_faults(v, faults, why);
    } else if (err == SV_ERR_STATE) {
        put_etag(v->request, version);
        sv_http_problem(v->request, 412, "Somebody was faster", "%s", why->text);
    } else {
        sv_visit_failure(v, err, why);
    }
}

static bool read_draft(const sv_visit *v, char comment[COMMENT_ROOM], sv_site_rules_draft *draft) {
    sv_err err = sv_http_query(v->request, "comment", comment, COMMENT_ROOM);
    if (err == SV_ERR_NOT_FOUND) {
        comment[0] = '\0';
    } else if (err != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request", "comment is broken or longer than %d bytes",
                        SV_SITE_RULES_COMMENT_MAX);
        return false;
    }
    draft->comment = sv_text_of(comment);
    draft->user = v->person.user;
    return read_match(v, &draft->replaces);
}

void sv_rules_door_check(sv_visit *v) {
    if (sv_visit_site(v) == NULL) {
        return;
    }
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(PROBLEM_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    (void) (sv_rules_file_read(sv_http_body(v->request), &rules, &faults) == SV_OK); // `faults` say
    sv_json_open_object(&out);
    write_faults(&faults, &out);
    sv_json_close_object(&out);
    sv_visit_json(v, SV_OK, &json, &why);
}

void sv_rules_door_try(sv_visit *v) {
    const sv_site *site = sv_visit_site(v);
    int64_t days = SV_RULES_TRY_DAYS_DEFAULT;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    sv_why why = { 0 };
    if (site == NULL || !sv_visit_number(v, "days", SV_RULES_TRY_DAYS_MAX, &days)) {
        return;
    }
    if (days < 1) {
        sv_http_problem(v->request, 400, "Bad request", "days is 1 to %d", SV_RULES_TRY_DAYS_MAX);
    } else if (sv_site_rules_judge(sv_http_body(v->request), &faults, &why) != SV_OK) {
        answer_faults(v, &faults, &why);
    } else {
        sv_rules_try(v->fleet, site, days, v->request);
    }
}

void sv_rules_door_put(sv_visit *v) {
    char comment[COMMENT_ROOM];
    sv_site_rules_draft draft = { .site = sv_visit_site(v) };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    sv_why why = { 0 };
    int64_t version = 0;
    if (draft.site == NULL || !read_draft(v, comment, &draft)) {
        return;
    }
    draft.text = sv_http_body(v->request);
    sv_err err = sv_site_rules_put(v->fleet, &draft, &version, &faults, &why);
    answer_attempt(v, draft.site, err, version, &faults, &why);
}

void sv_rules_door_again(sv_visit *v) {
    char comment[COMMENT_ROOM];
    sv_site_rules_draft draft = { .site = sv_visit_site(v) };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    sv_why why = { 0 };
    int64_t old = 0;
    int64_t version = 0;
    if (draft.site == NULL || !version_asked(v, &old) || !read_draft(v, comment, &draft)) {
        return;
    }
    char said[64];
    (void) snprintf(said, sizeof said, "version %" PRId64 " again", old);
    draft.comment = draft.comment.len > 0 ? draft.comment : sv_text_of(said);
    sv_err err = sv_site_rules_again(v->fleet, &draft, old, &version, &faults, &why);
    answer_attempt(v, draft.site, err, version, &faults, &why);
}
