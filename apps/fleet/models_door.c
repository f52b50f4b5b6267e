#include "models_door.h"

#include "models.h"
#include "views.h"

#include <codec/encode.h>
#include <detect/model_file.h>

void sv_models_door_list(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_err err = sv_models_list(v->fleet, &out, &why);
    err = err == SV_OK ? sv_models_everywhere(v->fleet, &v->person, &out, &why) : err;
    sv_json_add_null(&out, "next");
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

static void answer_site(const sv_visit *v, const sv_site *site) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_add_str(&out, "site", site->name);
    sv_err err = sv_models_of_site(v->fleet, site, &out, &why);
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

void sv_models_door_of_site(sv_visit *v) {
    const sv_site *site = sv_visit_site(v);
    if (site != NULL) {
        answer_site(v, site);
    }
}

static bool read_bytes(const sv_json *body, const char *key, sv_textbuf *out) {
    sv_text text;
    return sv_json_text(sv_json_get(body, key), &text) && sv_base64_parse(text, out) == SV_OK;
}

void sv_models_door_put(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf model = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf signature = SV_TEXTBUF_HEAP(SV_MODELS_SIGNATURE_MAX);
    char room[256];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_model_draft draft = { .name = v->id, .user = v->person.user };
    int64_t version = 0;
    sv_why why = { 0 };
    if (sv_json_parse(sv_http_body(v->request), &body, NULL, NULL) != SV_OK
        || !read_bytes(body, "model", &model) || !read_bytes(body, "signature", &signature)
        || !sv_json_int(sv_json_get(body, "row_s"), &draft.row_s) || draft.row_s > INT32_MAX
        || !sv_json_int(sv_json_get(body, "horizon_s"), &draft.horizon_s)
        || !sv_json_number(sv_json_get(body, "confidence"), &draft.confidence)) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"model\":<base64>,\"signature\":<base64>,\"row_s\":"
                        "14400,\"horizon_s\":1209600,\"confidence\":0.3}, the model at most %d "
                        "bytes",
                        SV_MODEL_BYTES_MAX);
        return;
    }
    draft.bytes = sv_textbuf_text(&model);
    draft.signature = sv_textbuf_text(&signature);
    sv_err err = sv_models_put(v->fleet, &draft, &version, &why);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "name", v->id);
    sv_json_add_int(&out, "version", version);
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

void sv_models_door_act(sv_visit *v) {
    static const char *const ACTS[] = { "shadow", "live", "rollback", "off" }; // sv_model_act
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    const sv_site *site = sv_visit_site(v);
    sv_text act = SV_TEXT("");
    int64_t version = 0;
    size_t which = 0;
    sv_why why = { 0 };
    if (site == NULL) {
        return;
    }
    bool good = sv_json_parse(sv_http_body(v->request), &body, NULL, NULL) == SV_OK
                && sv_json_text(sv_json_get(body, "do"), &act);
    const sv_json *given = sv_json_get(body, "version");
    good = good && (given == NULL || (sv_json_int(given, &version) && version > 0));
    while (which < SV_COUNT(ACTS) && !sv_text_is(act, ACTS[which])) {
        which++;
    }
    if (!good || which == SV_COUNT(ACTS)) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"do\":\"shadow|live|rollback|off\",\"version\":3}; "
                        "version may be left out");
        return;
    }
    const sv_model_deed deed = { .act = (sv_model_act) which,
                                 .version = version,
                                 .user = v->person.user };
    sv_err err = sv_models_act(v->fleet, site, v->name, &deed, &why);
    if (err == SV_OK) {
        answer_site(v, site);
    } else {
        sv_visit_failure(v, err, &why);
    }
}

/// {"failed":true,"at":<ms>}, of which anything, and the body itself, may be left out.
static bool read_over(const sv_visit *v, sv_life_over *out) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_text text = sv_http_body(v->request);
    *out = (sv_life_over){ .at_ms = v->fleet->wall_us() / 1000, .user = v->person.user };
    if (text.len == 0) {
        return true;
    }
    if (sv_json_parse(text, &body, NULL, NULL) != SV_OK || !sv_json_is_object(body)) {
        return false;
    }
    const sv_json *failed = sv_json_get(body, "failed");
    const sv_json *at = sv_json_get(body, "at");
    return (failed == NULL || sv_json_bool(failed, &out->failed))
           && (at == NULL || sv_json_int(at, &out->at_ms));
}

void sv_models_door_renewed(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    sv_life_over over;
    sv_why why = { 0 };
    if (device == NULL) {
        return;
    }
    if (!read_over(v, &over)) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"failed\":true,\"at\":<ms since 1970>}; each may be "
                        "left out");
        return;
    }
    sv_err err = sv_models_renewed(v->fleet, device, &over, &why);
    if (err == SV_OK) {
        sv_http_reply(v->request, 200, "application/json", SV_TEXT("{}"));
    } else {
        sv_visit_failure(v, err, &why);
    }
}
