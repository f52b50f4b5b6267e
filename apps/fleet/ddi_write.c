#include "ddi_write.h"

#include "actions_own.h"

#include <codec/encode.h>
#include <stdio.h>
#include <string.h>

enum { HREF_ROOM = 2048, ID_TEXT_ROOM = 24 };

static void put_href(sv_json_out *out, const char *key, const char *href) {
    sv_json_key(out, key);
    sv_json_open_object(out);
    sv_json_add_str(out, "href", href);
    sv_json_close_object(out);
}

/// `<base>/default/controller/v1/<device>/<what>[/<action>]`: no query, a client puts "/feedback"
/// behind it. [ddi-3]
static void put_link(sv_json_out *out, const char *key, const char *base, const char *device,
                     const char *what, int64_t action) {
    char href[SV_DDI_BASE_ROOM + 2 * SV_ID_ROOM + sizeof SV_DDI_PREFIX + ID_TEXT_ROOM];
    int used = snprintf(href, sizeof href, "%s" SV_DDI_PREFIX "%s/%s", base, device, what);
    if (action > 0) {
        (void) snprintf(href + used, sizeof href - (size_t) used, "/%lld", (long long) action);
    }
    put_href(out, key, href);
}

static void put_id(sv_json_out *out, const char *key, int64_t id) {
    char room[ID_TEXT_ROOM];
    (void) snprintf(room, sizeof room, "%lld", (long long) id);
    sv_json_add_str(out, key, room);
}

void sv_ddi_write_poll(const sv_ddi_poll *poll, sv_json_out *out) {
    static const char *const NAMES[] = { "deploymentBase", "confirmationBase", "cancelAction",
                                         "installedBase" };
    const int64_t actions[] = { poll->deployment, poll->confirmation, poll->cancel,
                                poll->installed };
    int64_t s = poll->sleep_us / SV_TIME_SECOND_US;
    char sleep[ID_TEXT_ROOM];
    (void) snprintf(sleep, sizeof sleep, "%02d:%02d:%02d", (int) (s / 3600), (int) (s / 60 % 60),
                    (int) (s % 60));
    sv_json_open_object(out);
    sv_json_key(out, "config");
    sv_json_open_object(out);
    sv_json_key(out, "polling");
    sv_json_open_object(out);
    sv_json_add_str(out, "sleep", sleep);
    sv_json_close_object(out);
    sv_json_close_object(out);
    sv_json_key(out, "_links");
    sv_json_open_object(out);
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        if (actions[i] > 0) {
            put_link(out, NAMES[i], poll->base, poll->device, NAMES[i], actions[i]);
        }
    }
    if (poll->config) {
        put_link(out, "configData", poll->base, poll->device, "configData", 0);
    }
    sv_json_close_object(out);
    sv_json_close_object(out);
}

// ---- what is to be installed --------------------------------------------------------------------

static const char *file_name(const sv_image_row *image) {
    const char *last = strrchr(image->path, '/');
    return image->file[0] != '\0' ? image->file : last != NULL ? last + 1 : image->path;
}

static void put_hash(sv_json_out *out, const char *key, const char *hash) {
    if (hash[0] != '\0') {
        sv_json_add_str(out, key, hash);
    }
}

/// Where its bytes are; of a sealed image they are of use to our agent alone, which knows the way.
static void put_download(const char *base, const sv_image_row *image, sv_json_out *out) {
    char room[HREF_ROOM];
    sv_textbuf href = SV_TEXTBUF(room);
    if (image->sealed) {
        return;
    }
    sv_textbuf_addf(&href, "%s/artifacts/%s/", base, image->sha256);
    sv_percent_add(&href, sv_text_of(image->kind == SV_IMAGE_FILE ? file_name(image) : "raw"));
    if (sv_textbuf_end(&href) == SV_OK) {
        put_href(out, "download", room);
    }
}

static void put_chunk(const char *base, const sv_image_row *image, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "part", "os");
    sv_json_add_str(out, "version", image->version);
    sv_json_add_str(out, "name", image->product);
    sv_json_key(out, "artifacts");
    sv_json_open_array(out);
    sv_json_open_object(out);
    sv_json_add_str(out, "filename", file_name(image));
    sv_json_add_int(out, "size", (int64_t) image->length);
    sv_json_key(out, "hashes");
    sv_json_open_object(out);
    put_hash(out, "sha1", image->sha1);
    put_hash(out, "md5", image->md5);
    put_hash(out, "sha256", image->sha256);
    sv_json_close_object(out);
    sv_json_key(out, "_links");
    sv_json_open_object(out);
    put_download(base, image, out);
    sv_json_close_object(out);
    sv_json_close_object(out);
    sv_json_close_array(out);
    sv_json_close_object(out);
}

static sv_err put_history(sv_fleet *fleet, const sv_ddi_deployment *d, sv_json_out *out,
                          sv_why *why) {
    if (d->history == 0) {
        return SV_OK;
    }
    sv_json_key(out, "actionHistory");
    sv_json_open_object(out);
    bool over = sv_action_has_ended(d->action->stand.state);
    sv_json_add_str(out, "status", over ? "FINISHED" : "RUNNING");
    sv_json_key(out, "messages");
    SV_TRY(sv_actions_write_messages(fleet, d->action->id, d->history, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

sv_err sv_ddi_write_deployment(sv_fleet *fleet, const sv_ddi_deployment *d, sv_json_out *out,
                               sv_why *why) {
    const char *how = d->action->forced ? "forced" : "attempt";
    sv_json_open_object(out);
    put_id(out, "id", d->action->id);
    sv_json_key(out, d->asks ? "confirmation" : "deployment");
    sv_json_open_object(out);
    sv_json_add_str(out, "download", how);
    sv_json_add_str(out, "update", d->offer == SV_OFFER_AHEAD ? "skip" : how);
    if (d->offer == SV_OFFER_IN_WINDOW || d->offer == SV_OFFER_AHEAD) {
        sv_json_add_str(out, "maintenanceWindow",
                        d->offer == SV_OFFER_AHEAD ? "unavailable" : "available");
    }
    sv_json_key(out, "chunks");
    sv_json_open_array(out);
    put_chunk(d->base, d->image, out);
    sv_json_close_array(out);
    sv_json_close_object(out);
    SV_TRY(put_history(fleet, d, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

void sv_ddi_write_cancel(int64_t action, sv_json_out *out) {
    sv_json_open_object(out);
    put_id(out, "id", action);
    sv_json_key(out, "cancelAction");
    sv_json_open_object(out);
    put_id(out, "stopId", action);
    sv_json_close_object(out);
    sv_json_close_object(out);
}

void sv_ddi_write_consent(const char *base, const char *device, bool by_itself, sv_json_out *out) {
    const char *change = by_itself ? "deactivateAutoConfirm" : "activateAutoConfirm";
    char what[SV_ID_ROOM];
    (void) snprintf(what, sizeof what, "confirmationBase/%s", change);
    sv_json_open_object(out);
    sv_json_key(out, "autoConfirm");
    sv_json_open_object(out);
    sv_json_add_bool(out, "active", by_itself);
    sv_json_close_object(out);
    sv_json_key(out, "_links");
    sv_json_open_object(out);
    put_link(out, change, base, device, what, 0);
    sv_json_close_object(out);
    sv_json_close_object(out);
}
