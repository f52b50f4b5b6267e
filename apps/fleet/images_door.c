#include "images_door.h"

#include "deed.h"
#include "director.h"
#include "image_keys.h"
#include "images_store.h"
#include "views.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SMALL_MAX = 1024, NUMBER_MAX = 20 };

static void answer_failure(const sv_visit *v, sv_err err, const sv_why *why) {
    if (err == SV_ERR_UNTRUSTED) {
        sv_http_problem(v->request, 422, "Not trusted", "%s", why->text);
    } else if (err == SV_ERR_NO_SPACE) {
        sv_http_problem(v->request, 507, "No room", "%s", why->text);
    } else if (err == SV_ERR_UNAVAILABLE) {
        sv_http_reply_header(v->request, "Retry-After", "1");
        sv_http_problem(v->request, 503, "Not now", "%s", why->text);
    } else {
        sv_visit_failure(v, err, why);
    }
}

static void note_refusal(const sv_visit *v, const char *what, const char *about, sv_err err,
                         const sv_why *why) {
    if (err == SV_ERR_UNTRUSTED || err == SV_ERR_INVALID || err == SV_ERR_STATE) {
        sv_deed_refused(v, v->person.user,
                        &(sv_deed){ .what = what, .about = about, .detail = why->text });
    }
}

// ---- what there is ------------------------------------------------------------------------------

static bool read_path(const sv_visit *v, const char *name, char room[SV_IMAGE_PATH_ROOM]) {
    sv_err err = sv_http_query(v->request, name, room, SV_IMAGE_PATH_ROOM);
    if (err == SV_ERR_NOT_FOUND) {
        room[0] = '\0';
        return true;
    }
    if (err != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request", "%s is broken or longer than %d bytes",
                        name, SV_IMAGE_PATH_ROOM - 1);
    }
    return err == SV_OK;
}

void sv_images_door_list(sv_visit *v) {
    char cursor[SV_IMAGE_PATH_ROOM];
    char next[SV_IMAGE_PATH_ROOM] = "";
    int64_t limit = SV_IMAGES_LISTED;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    if (!read_path(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_IMAGES_LISTED_MAX, &limit)) {
        return;
    }
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_err err =
        sv_images_write(v->fleet, cursor, limit > 0 ? limit : 1, v->person.sites, &out, next, &why);
    if (err == SV_OK) {
        sv_json_add_str(&out, "next", next[0] != '\0' ? next : NULL);
        sv_json_key(&out, "trust");
        err = sv_images_trust_write(v->fleet, &out, &why);
    }
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

// ---- uploads ------------------------------------------------------------------------------------

static void answer_part(const sv_visit *v, uint64_t bytes, bool judged) {
    char room[SMALL_MAX];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "bytes", (int64_t) bytes);
    sv_json_add_bool(&out, "complete", judged);
    sv_json_close_object(&out);
    sv_http_reply(v->request, 200, "application/json", sv_textbuf_text(&json));
}

/// False: the request is answered.
static bool read_part(const sv_visit *v, sv_text sha256, sv_text name, sv_images_part *out) {
    sv_why why = { 0 };
    sv_err err = sv_images_part_read(sha256, name, out, &why);
    if (err != SV_OK) {
        answer_failure(v, err, &why);
    }
    return err == SV_OK;
}

static void show_part(const sv_visit *v, sv_text sha256, sv_text name) {
    sv_images_part part;
    uint64_t bytes = 0;
    bool judged = false;
    sv_why why = { 0 };
    if (!read_part(v, sha256, name, &part)) {
        return;
    }
    sv_err err =
        sv_images_part_state(sv_images_folder_of(v->fleet->images), sv_images_set(v->fleet->images),
                             &part, &bytes, &judged, &why);
    if (err != SV_OK) {
        answer_failure(v, err, &why);
        return;
    }
    answer_part(v, bytes, judged);
}

/// How much is here goes with a refusal, so that whoever uploads goes on from there.
static void refuse_part(const sv_visit *v, sv_err err, uint64_t now, const sv_why *why) {
    char number[NUMBER_MAX + 1];
    (void) snprintf(number, sizeof number, "%" PRIu64, now);
    sv_http_reply_header(v->request, "X-Selvedge-Bytes", number);
    answer_failure(v, err, why);
}

static void put_part(const sv_visit *v, sv_text sha256, sv_text name) {
    sv_images_part part;
    int64_t offset = 0;
    uint64_t now = 0;
    sv_why why = { 0 };
    if (!read_part(v, sha256, name, &part)
        || !sv_visit_number(v, "offset", INT64_MAX / 2, &offset)) {
        return;
    }
    sv_err err =
        sv_images_put(v->fleet, &part, (uint64_t) offset, sv_http_body(v->request), &now, &why);
    if (err != SV_OK) {
        refuse_part(v, err, now, &why);
        return;
    }
    answer_part(v, now, false);
}

void sv_images_door_metadata_state(sv_visit *v) {
    show_part(v, SV_TEXT(""), v->id);
}

void sv_images_door_metadata_put(sv_visit *v) {
    put_part(v, SV_TEXT(""), v->id);
}

/// An empty hash would be a file of metadata.
static bool names_bytes(const sv_visit *v) {
    if (v->id.len == 0) {
        sv_http_problem(v->request, 404, "Not found", "artifacts have a SHA-256");
    }
    return v->id.len > 0;
}

void sv_images_door_artifact_state(sv_visit *v) {
    if (names_bytes(v)) {
        show_part(v, v->id, v->name);
    }
}

void sv_images_door_artifact_put(sv_visit *v) {
    if (names_bytes(v)) {
        put_part(v, v->id, v->name);
    }
}

// ---- publication --------------------------------------------------------------------------------

static void answer_progress(const sv_visit *v, const sv_images_progress *progress,
                            const char *path) {
    char room[SMALL_MAX];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "state", progress->busy ? "judging" : "done");
    if (progress->busy) {
        sv_json_add_int(&out, "checked", (int64_t) progress->checked);
        sv_json_add_int(&out, "of", (int64_t) progress->of);
    } else if (path != NULL) {
        sv_json_add_str(&out, "path", path);
    } else {
        sv_json_add_int(&out, "set", sv_images_set(v->fleet->images));
    }
    sv_json_close_object(&out);
    sv_http_reply(v->request, progress->busy ? 202 : 200, "application/json",
                  sv_textbuf_text(&json));
}

void sv_images_door_publish(sv_visit *v) {
    sv_images_progress progress = { 0 };
    sv_why why = { 0 };
    sv_err err = sv_images_publish(v->fleet, v->person.user, &progress, &why);
    if (err != SV_OK) {
        note_refusal(v, "images.publish", "", err, &why);
        answer_failure(v, err, &why);
        return;
    }
    answer_progress(v, &progress, NULL);
}

/// A word of the request that has to be there. False: the request is answered.
static bool need(const sv_visit *v, const char *name, char *room, size_t bytes,
                 bool (*is_valid)(sv_text word)) {
    char word[SV_VISIT_WORD_MAX];
    if (!sv_visit_word(v, name, word)) {
        return false;
    }
    if (!is_valid(sv_text_of(word)) || sv_text_copy(sv_text_of(word), room, bytes) != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request",
                        "%s: '%s' is none; letters, digits, '.', '_' and '-' (a version also '+' "
                        "and '~'), at most 64",
                        name, word);
        return false;
    }
    return true;
}

/// `hardware=a,b`.
static bool read_hardware(const sv_visit *v, sv_images_file *out) {
    char words[SV_TARGET_HARDWARE_MAX * SV_TARGET_NAME_ROOM];
    sv_err err = sv_http_query(v->request, "hardware", words, sizeof words);
    sv_text rest = sv_text_of(err == SV_OK ? words : "");
    bool sound = err == SV_OK || err == SV_ERR_NOT_FOUND;
    while (sound && rest.len > 0) {
        sv_text word = sv_text_cut(&rest, ',');
        sound = out->hardware_count < SV_TARGET_HARDWARE_MAX && sv_target_name_is_valid(word)
                && sv_text_copy(word, out->hardware[out->hardware_count++], SV_TARGET_NAME_ROOM)
                       == SV_OK;
    }
    if (!sound) {
        sv_http_problem(v->request, 400, "Bad request",
                        "hardware is up to %d ids with commas between them",
                        SV_TARGET_HARDWARE_MAX);
    }
    return sound;
}

static bool is_word(sv_text word) {
    return word.len > 0;
}

static bool read_file(const sv_visit *v, sv_images_file *out) {
    char sha256[SV_VISIT_WORD_MAX];
    char name[SV_IMAGES_NAME_ROOM];
    return need(v, "sha256", sha256, sizeof sha256, is_word)
           && need(v, "name", name, sizeof name, is_word)
           && need(v, "product", out->product, sizeof out->product, sv_target_name_is_valid)
           && need(v, "version", out->version, sizeof out->version, sv_target_version_is_valid)
           && read_hardware(v, out)
           && read_part(v, sv_text_of(sha256), sv_text_of(name), &out->part);
}

void sv_images_door_file(sv_visit *v) {
    sv_images_file file = { .hardware_count = 0 };
    sv_images_progress progress = { 0 };
    char path[SV_IMAGE_PATH_ROOM] = "";
    sv_why why = { 0 };
    if (!read_file(v, &file)) {
        return;
    }
    sv_err err = sv_images_add_file(v->fleet, &file, v->person.user, path, &progress, &why);
    if (err != SV_OK) {
        note_refusal(v, "images.file", file.part.name, err, &why);
        answer_failure(v, err, &why);
        return;
    }
    answer_progress(v, &progress, path);
}

void sv_images_door_remove(sv_visit *v) {
    char path[SV_IMAGE_PATH_ROOM];
    sv_why why = { 0 };
    if (!read_path(v, "path", path)) {
        return;
    }
    sv_err err = sv_images_remove(v->fleet, sv_text_of(path), v->person.user, &why);
    if (err != SV_OK) {
        note_refusal(v, "images.remove", "", err, &why);
        answer_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

// ---- keys ---------------------------------------------------------------------------------------

/// The sentence holds nothing of what was sent.
void sv_images_door_key(sv_visit *v) {
    uint8_t key[SV_CONTENT_KEY_BYTES];
    sv_why why = { 0 };
    sv_err err = sv_hex_parse(sv_text_trim(sv_http_body(v->request)), key, sizeof key);
    if (err != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request",
                        "a content key is %d bytes in hexadecimal digits, and nothing else",
                        SV_CONTENT_KEY_BYTES);
        return;
    }
    err = sv_image_key_put(v->fleet, v->id, key, v->person.user, &why);
    explicit_bzero(key, sizeof key);
    if (err != SV_OK) {
        note_refusal(v, "images.key", "", err, &why);
        answer_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

void sv_images_door_director(sv_visit *v) {
    sv_text root;
    sv_why why = { 0 };
    sv_err err = sv_director_root(v->fleet, &root, &why);
    if (err != SV_OK) {
        sv_http_problem(v->request, err == SV_ERR_STATE ? 409 : 503, "Not available", "%s",
                        why.text);
        return;
    }
    sv_http_reply(v->request, 200, "application/json", root);
}
