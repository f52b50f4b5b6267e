#include "update_door.h"

#include "director.h"
#include "image_keys.h"
#include "images_name.h"
#include "images_store.h"
#include "savings.h"

#include <base/fd.h>
#include <codec/encode.h>
#include <fcntl.h>
#include <net/http_file.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>
#include <sys/stat.h>

enum { ETAG_ROOM = 2 * SV_IMAGE_HEX_ROOM + SV_IMAGE_FILE_ROOM };

/// A request on its way.
typedef struct visit {
    sv_http_request *request;
    sv_fleet *fleet;
    const sv_asker *asker;
} visit;

/// Also of what there is and is not for who asks.
static void not_here(const visit *v) {
    sv_http_reply_header(v->request, "Cache-Control", "no-store");
    sv_http_problem(v->request, 404, "Not found", "there is no " SV_TEXT_FMT " here for %s",
                    SV_TEXT_ARG(sv_http_path(v->request)), v->asker->who.id);
}

/// `campaign`: for which its bytes are counted; -1: they are not.
static void give_file(const visit *v, const char *path, const char *etag, const char *type,
                      int64_t campaign) {
    struct stat info;
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        not_here(v);
        return;
    }
    const sv_http_file file = { .length = (uint64_t) info.st_size,
                                .fd = sv_fd_take(&fd),
                                .etag = etag,
                                .content_type = type,
                                .sent = campaign >= 0 ? sv_savings_sent : NULL,
                                .arg = v->fleet->savings,
                                .number = campaign };
    sv_http_reply_header(v->request, "Cache-Control",
                         etag != NULL ? "private, max-age=31536000, immutable" : "no-store");
    sv_http_reply_file(v->request, &file);
}

// ---- metadata of images -------------------------------------------------------------------------

static void give_image_metadata(const visit *v, sv_text file) {
    const sv_images *images = v->fleet->images;
    char name[SV_IMAGES_NAME_ROOM];
    char path[SV_PATH_MAX];
    if (sv_images_set(images) == 0 || !sv_images_is_metadata(file)
        || sv_text_copy(file, name, sizeof name) != SV_OK
        || sv_images_set_path(sv_images_folder_of(images)->dir, sv_images_set(images), "metadata",
                              name, path, NULL)
               != SV_OK) {
        not_here(v);
        return;
    }
    give_file(v, path, NULL, "application/json", -1);
}

// ---- bytes --------------------------------------------------------------------------------------

/// Is it the image that the device is to install? A gateway keeps them for its devices.
static bool may_have(const visit *v, sv_text sha256) {
    sv_image_row row;
    return v->asker->who.role == SV_ROLE_GATEWAY
           || (sv_director_assigned(v->fleet, v->asker->who.id, &row, NULL) == SV_OK
               && sv_text_is(sha256, row.sha256));
}

/// What is judged does not change: the path says it all.
static void give_artifact(const visit *v, sv_text rest) {
    sv_text name = rest;
    sv_text sha256 = sv_text_cut(&name, '/');
    sv_images_part part;
    char path[SV_PATH_MAX];
    char etag[ETAG_ROOM];
    if (sha256.len == 0 || sv_images_part_read(sha256, name, &part, NULL) != SV_OK
        || !may_have(v, sha256)
        || sv_images_path(sv_images_folder_of(v->fleet->images)->dir, "artifacts", part.sha256,
                          part.name, path, NULL)
               != SV_OK) {
        not_here(v);
        return;
    }
    (void) snprintf(etag, sizeof etag, "\"%s/%s\"", part.sha256, part.name);
    give_file(v, path, etag, NULL, sv_savings_campaign(v->fleet, v->asker, sha256));
}

// ---- the director -------------------------------------------------------------------------------

/// The certificate of who asks, as it came.
static sv_err certificate_of(const visit *v, sv_textbuf *der) {
    const char *passed = sv_http_header(v->request, "Client-Cert");
    return passed != NULL ? sv_field_bytes_parse(sv_text_of(passed), der)
                          : sv_http_certificate(v->request, der);
}

static void give_key(const visit *v, sv_text file) {
    static const sv_text END = { .at = ".cms", .len = sizeof ".cms" - 1 };
    char der_room[SV_CERTIFICATE_MAX];
    char cms_room[SV_CONTENT_CMS_MAX];
    sv_textbuf der = SV_TEXTBUF(der_room);
    sv_textbuf cms = SV_TEXTBUF(cms_room);
    sv_why why = { 0 };
    sv_text sha256 = { .at = file.at, .len = file.len > END.len ? file.len - END.len : 0 };
    sv_text end = { .at = file.at + sha256.len, .len = file.len - sha256.len };
    if (!sv_text_eq(end, END) || !sv_images_is_sha256(sha256) || !may_have(v, sha256)) {
        not_here(v);
        return;
    }
    sv_err err = certificate_of(v, &der);
    err = err == SV_OK ? sv_image_key_wrap(v->fleet, sha256, sv_textbuf_text(&der), &cms, &why)
                       : sv_fail(&why, SV_ERR_UNAVAILABLE, "the certificate cannot be read");
    if (err == SV_OK) {
        sv_http_reply(v->request, 200, "application/pkcs7-mime", sv_textbuf_text(&cms));
    } else if (err == SV_ERR_NOT_FOUND) {
        not_here(v);
    } else if (err == SV_ERR_STATE) {
        sv_http_problem(v->request, 409, "Conflict", "%s", why.text);
    } else {
        SV_LOG(error, "images.key", "for %s: %s", v->asker->who.id, why.text);
        sv_http_problem(v->request, 503, "Not available", "%s", why.text);
    }
}

/// `<id>/metadata/<file>` or `<id>/key/<sha256>.cms`, of who asks alone.
static void give_own(const visit *v, sv_text rest) {
    sv_text file = rest;
    sv_text id = sv_text_cut(&file, '/');
    sv_text what = sv_text_cut(&file, '/');
    if (v->asker->who.role != SV_ROLE_DEVICE || !sv_text_is(id, v->asker->who.id)) {
        sv_http_problem(v->request, 403, "Forbidden",
                        "that is for device " SV_TEXT_FMT " alone; you are %s", SV_TEXT_ARG(id),
                        v->asker->who.id);
    } else if (sv_text_is(what, "metadata")) {
        sv_director_give(v->fleet, v->request, v->asker->who.id, file);
    } else if (sv_text_is(what, "key")) {
        give_key(v, file);
    } else {
        not_here(v);
    }
}

static const struct {
    const char *root;
    void (*give)(const visit *v, sv_text rest);
    bool cached; ///< it says itself for how long
} ROUTES[] = {
    { "/tuf/image/metadata/", give_image_metadata, true },
    { "/tuf/director/", give_own, false },
    { "/artifacts/", give_artifact, true },
};

bool sv_update_door(sv_http_request *request, sv_fleet *fleet, const sv_asker *asker) {
    const visit v = { .request = request, .fleet = fleet, .asker = asker };
    const char *method = sv_http_method(request);
    sv_text path = sv_http_path(request);
    for (size_t i = 0; i < SV_COUNT(ROUTES); i++) {
        sv_text root = sv_text_of(ROUTES[i].root);
        if (!sv_text_starts(path, root)) {
            continue;
        }
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
            sv_http_reply_header(request, "Allow", "GET, HEAD");
            sv_http_problem(request, 405, "Method not allowed", "use GET");
            return true;
        }
        if (!ROUTES[i].cached) {
            sv_http_reply_header(request, "Cache-Control", "no-store");
        }
        ROUTES[i].give(&v, (sv_text){ .at = path.at + root.len, .len = path.len - root.len });
        return true;
    }
    return false;
}
