#include "actions_door.h"
#include "versions.h"

#include "actions_view.h"
#include "deed.h"
#include "views.h"

#include <stdio.h>
#include <string.h>

enum { DEED_ROOM = SV_AUDIT_DETAIL_MAX };

void sv_actions_door_show(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    sv_actions_page page = { 0 };
    int64_t limit = SV_ACTIONS_PAGE_DEFAULT;
    if (device == NULL || !sv_visit_number(v, "cursor", SV_ACTION_ID_MAX, &page.before)
        || !sv_visit_number(v, "limit", SV_ACTIONS_PAGE_MAX, &limit)) {
        return;
    }
    page.limit = limit > 0 ? (size_t) limit : 1;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_actions_write(v->fleet, device->id, &page, &out, &why);
    sv_visit_json(v, err, &json, &why);
}

// ---- one by hand --------------------------------------------------------------------------------

static bool is_among(const sv_image_row *image, const char *hardware) {
    for (size_t i = 0; i < image->hardware_count; i++) {
        if (strcmp(image->hardware[i], hardware) == 0) {
            return true;
        }
    }
    return image->hardware_count == 0;
}

sv_err sv_actions_fit(const sv_image_row *image, const char *device, const sv_running *running,
                      sv_why *why) {
    const char *path = image->path;
    if (!image->complete) {
        return sv_fail(why, SV_ERR_STATE, "image '%s' is not whole: not all of it was uploaded",
                       path);
    }
    if (image->product[0] != '\0' && running->product[0] != '\0'
        && strcmp(image->product, running->product) != 0) {
        return sv_fail(why, SV_ERR_STATE, "image '%s' is for product %s; %s is a %s", path,
                       image->product, device, running->product);
    }
    if (running->hardware[0] != '\0' && !is_among(image, running->hardware)) {
        return sv_fail(why, SV_ERR_STATE, "image '%s' is not for hardware %s, which %s is", path,
                       running->hardware, device);
    }
    if (image->counter > 0 && (int64_t) image->counter < running->counter) {
        return sv_fail(why, SV_ERR_STATE,
                       "image '%s' is older (release %u) than what %s runs (release %lld), and it "
                       "would refuse it",
                       path, image->counter, device, (long long) running->counter);
    }
    return SV_OK;
}

/// What was asked for.
typedef struct wish {
    char image[SV_ACTION_PATH_ROOM];
    bool forced, ask, again;
} wish;

static bool read_flag(const sv_json *body, const char *key, bool *out) {
    const sv_json *value = sv_json_get(body, key);
    return value == NULL || sv_json_bool(value, out);
}

static bool read_wish(const sv_visit *v, wish *out) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_text image;
    sv_err err = sv_json_parse(sv_http_body(v->request), &body, NULL, NULL);
    *out = (wish){ 0 };
    bool fine = err == SV_OK && sv_json_text(sv_json_get(body, "image"), &image)
                && sv_text_copy(image, out->image, sizeof out->image) == SV_OK
                && read_flag(body, "forced", &out->forced) && read_flag(body, "ask", &out->ask)
                && read_flag(body, "again", &out->again);
    if (!fine) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"image\":\"<path>\"}, with true or false for "
                        "forced, ask and again where they are given");
    }
    return fine;
}

static sv_err check_news(const sv_image_row *image, const char *device, const sv_running *running,
                         bool again, sv_why *why) {
    const sv_action_target target = { .version = image->version, .sha256 = image->sha256 };
    const sv_action_running now = { .version = running->version, .sha256 = running->sha256 };
    return again || !sv_action_is_running(&target, &now)
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "%s runs %s already", device, image->version);
}

static sv_err assign(const sv_visit *v, const sv_device *device, const wish *w, int64_t *id,
                     sv_why *why) {
    sv_image_row image;
    sv_running running = { 0 };
    SV_TRY(sv_images_find(v->fleet, sv_text_of(w->image), &image, why));
    sv_err err = sv_running_of(v->fleet, device->id, &running, why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return err;
    }
    SV_TRY(sv_actions_fit(&image, device->id, &running, why));
    SV_TRY(check_news(&image, device->id, &running, w->again, why));
    const sv_action_order order = { .device = device,
                                    .path = sv_text_of(image.path),
                                    .version = sv_text_of(image.version),
                                    .sha256 = sv_text_of(image.sha256),
                                    .forced = w->forced,
                                    .asks = w->ask,
                                    .again = w->again,
                                    .user = v->person.user };
    return sv_actions_assign(v->fleet, &order, id, why);
}

static void answer_action(const sv_visit *v, int status, int64_t id) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_action action;
    sv_why why = { 0 };
    sv_err err = sv_actions_find(v->fleet, id, &action, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_json_open_object(&out);
    sv_action_put(&action, &out);
    sv_json_close_object(&out);
    sv_http_reply(v->request, status, "application/json", sv_textbuf_text(&json));
}

void sv_actions_door_assign(sv_visit *v) {
    wish w;
    int64_t id = 0;
    char detail[DEED_ROOM];
    sv_why why = { 0 };
    const sv_device *device = sv_visit_device(v);
    if (device == NULL || !read_wish(v, &w)) {
        return;
    }
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = assign(v, device, &w, &id, &why);
        (void) snprintf(detail, sizeof detail, "action %lld: %s%s", (long long) id, w.image,
                        w.again ? ", a retry" : "");
        err = sv_deed_end(
            v, err, &(sv_deed){ .what = "update.assign", .about = device->id, .detail = detail },
            &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_actions_tell(v->fleet);
    answer_action(v, 201, id);
}

// ---- its end ------------------------------------------------------------------------------------

void sv_actions_door_cancel(sv_visit *v) {
    sv_action open;
    char detail[DEED_ROOM];
    sv_why why = { 0 };
    const sv_device *device = sv_visit_device(v);
    if (device == NULL) {
        return;
    }
    sv_err err = sv_actions_open_of(v->fleet, device->id, &open, &why);
    if (err == SV_ERR_NOT_FOUND) {
        err = sv_fail(&why, SV_ERR_STATE, "nothing is under way on %s", device->id);
    } else if (err == SV_OK) {
        err = sv_deed_begin(v, &why);
    }
    if (err == SV_OK) {
        (void) snprintf(detail, sizeof detail, "action %lld: %s, which was %s", (long long) open.id,
                        open.path, sv_action_state_name(open.stand.state));
        err = sv_actions_cancel(v->fleet, open.id, v->person.user, &why);
        err = sv_deed_end(
            v, err, &(sv_deed){ .what = "update.cancel", .about = device->id, .detail = detail },
            &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_actions_tell(v->fleet);
    answer_action(v, 200, open.id);
}

// ---- which versions there are -------------------------------------------------------------------

void sv_versions_door(sv_visit *v) {
    char product[SV_VISIT_WORD_MAX];
    if (!sv_visit_word(v, "product", product)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_versions_write(v->fleet, product, v->person.sites, &out, &why);
    sv_visit_json(v, err, &json, &why);
}
