#include "images_judge_own.h"

#include "images_name.h"

#include <base/map.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <update/trust.h>

enum { NAME_ROOM = SV_TRUST_NAME_ROOM, SIGNED_MAX = 16 * 1024, TRUST_MAX = 16 * 1024 };

/// A targets file that is being read, and those above it.
typedef struct reading {
    sv_images_judging *j;
    sv_trust *trust;
    sv_tuf_metadata *root, *timestamp, *snapshot;
    sv_map *roles; ///< by name: who has signed, JSON
    sv_map *paths; ///< to the index of the image + 1
} reading;

// ---- files --------------------------------------------------------------------------------------

static sv_err next_path(const sv_images_judging *j, const char *what, const char *name,
                        char room[SV_PATH_MAX], sv_why *why) {
    return sv_images_path(j->dir, "sets/.next", what, name, room, why);
}

static sv_err write_next(const sv_images_judging *j, const char *what, const char *name,
                         sv_text bytes, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(next_path(j, what, name, path, why));
    return sv_disk_replace(path, bytes, 0600, why);
}

/// What was uploaded, else what is served.
static sv_err fetch(void *arg, const char *name, size_t bytes_max, sv_textbuf *out, sv_why *why) {
    const sv_images_judging *j = arg;
    char path[SV_PATH_MAX];
    struct stat info;
    if (!sv_images_is_metadata(sv_text_of(name))) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "it is no name of a file of ours");
    }
    SV_TRY(sv_images_path(j->dir, "metadata", name, "", path, why));
    if (!sv_disk_exists(path)) {
        SV_TRY(sv_images_set_path(j->dir, j->number, "metadata", name, path, why));
    }
    if (stat(path, &info) != 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "it is not here; upload it");
    }
    if ((uint64_t) info.st_size > bytes_max) {
        return sv_fail(why, SV_ERR_INVALID, "it has more than %zu bytes", bytes_max);
    }
    return sv_disk_read(path, out, why);
}

static sv_err load(void *arg, const char *name, sv_textbuf *out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(next_path(arg, "trust", name, path, why));
    return sv_disk_read(path, out, why);
}

/// What is trusted is what will be served: under its number.
static sv_err serve(const sv_images_judging *j, const char *name, sv_text bytes, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *read = NULL;
    char numbered[NAME_ROOM];
    sv_tuf_type type = SV_TUF_TARGETS;
    for (sv_tuf_type t = 0; t < SV_TUF_TYPE__COUNT; t++) {
        size_t len = strlen(sv_tuf_type_name(t));
        type = strncmp(name, sv_tuf_type_name(t), len) == 0 && strcmp(name + len, ".json") == 0
                   ? t
                   : type;
    }
    SV_TRY(sv_tuf_read(bytes, type, &read, why));
    (void) snprintf(numbered, sizeof numbered, "%" PRId64 ".%.256s", read->version, name);
    return write_next(j, "metadata", type == SV_TUF_TIMESTAMP ? name : numbered, bytes, why);
}

static sv_err keep(void *arg, const char *name, sv_text bytes, sv_why *why) {
    SV_TRY(serve(arg, name, bytes, why));
    return write_next(arg, "trust", name, bytes, why);
}

/// Of the set that is served, into the next one.
static sv_err copy_from(const sv_images_judging *j, const char *what, const char *name,
                        sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    char path[SV_PATH_MAX];
    SV_TRY(sv_images_set_path(j->dir, j->number, what, name, path, why));
    sv_err err = sv_disk_read(path, &bytes, why);
    return err == SV_ERR_NOT_FOUND ? SV_OK
           : err == SV_OK          ? write_next(j, what, name, sv_textbuf_text(&bytes), why)
                                   : err;
}

static sv_err read_trusted(const sv_images_judging *j, const char *name, sv_tuf_type type,
                           sv_tuf_metadata **out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    char path[SV_PATH_MAX];
    SV_TRY(next_path(j, "trust", name, path, why));
    SV_TRY(sv_disk_read(path, &bytes, why));
    return sv_tuf_read(sv_textbuf_text(&bytes), type, out, why);
}

// ---- from what is trusted to what is new --------------------------------------------------------

static const char *const TRUSTED[] = { "root.json", "timestamp.json", "snapshot.json",
                                       "targets.json" };

/// The root of the first publication is believed; no later one is. [images-3]
static sv_err first_root(sv_images_judging *j, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    sv_why inner = { 0 };
    sv_err err = fetch(j, "1.root.json", SV_TUF_ROOT_MAX, &bytes, &inner);
    if (err == SV_OK) {
        err = sv_trust_root_check(sv_textbuf_text(&bytes), &inner);
    }
    return err == SV_OK ? keep(j, "root.json", sv_textbuf_text(&bytes), why)
                        : sv_fail(why, err, "1.root.json: %.300s", inner.text);
}

static sv_err copy_roots(const sv_images_judging *j, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    SV_TRY(read_trusted(j, "root.json", SV_TUF_ROOT, &root, why));
    for (int64_t version = 1; version <= root->version; version++) {
        char name[NAME_ROOM];
        (void) snprintf(name, sizeof name, "%" PRId64 ".root.json", version);
        SV_TRY(copy_from(j, "metadata", name, why));
    }
    return SV_OK;
}

static sv_err copy_named(void *arg, sv_text name, const sv_json *value) {
    const sv_images_judging *j = arg;
    char file[NAME_ROOM];
    sv_tuf_file said;
    if (!sv_tuf_file_read(value, &said) || name.len > 256) {
        return SV_OK;
    }
    (void) snprintf(file, sizeof file, "%" PRId64 "." SV_TEXT_FMT, said.version, SV_TEXT_ARG(name));
    return sv_images_is_metadata(sv_text_of(file)) ? copy_from(j, "metadata", file, NULL) : SV_OK;
}

/// What a device reads that has begun with the set of before.
static sv_err copy_before(sv_images_judging *j, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *snapshot = NULL;
    char name[NAME_ROOM];
    SV_TRY(read_trusted(j, "snapshot.json", SV_TUF_SNAPSHOT, &snapshot, why));
    (void) snprintf(name, sizeof name, "%" PRId64 ".snapshot.json", snapshot->version);
    SV_TRY(copy_from(j, "metadata", name, why));
    SV_TRY(copy_from(j, "metadata", "timestamp.json", why));
    return sv_json_each(sv_json_get(snapshot->content, "meta"), copy_named, j);
}

static sv_err begin_next(sv_images_judging *j, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_images_path(j->dir, "sets", ".next", "", path, why));
    SV_TRY(sv_disk_remove_tree(path, why));
    SV_TRY(next_path(j, "metadata", "", path, why));
    SV_TRY(sv_disk_make_folder(path, 0700, why));
    SV_TRY(next_path(j, "trust", "", path, why));
    SV_TRY(sv_disk_make_folder(path, 0700, why));
    if (j->number == 0) {
        return first_root(j, why);
    }
    for (size_t i = 0; i < SV_COUNT(TRUSTED); i++) {
        SV_TRY(copy_from(j, "trust", TRUSTED[i], why));
    }
    SV_TRY(copy_roots(j, why));
    return copy_before(j, why);
}

// ---- what is there ------------------------------------------------------------------------------

/// Who has signed a role, for whoever looks at it.
typedef struct signed_list {
    sv_json_out out;
    const char *role;
} signed_list;

static void write_signer(void *arg, sv_text keyid, bool has_signed) {
    signed_list *list = arg;
    if (has_signed) {
        sv_json_open_object(&list->out);
        sv_json_add_text(&list->out, "keyid", keyid);
        sv_json_add_str(&list->out, "role", list->role);
        sv_json_close_object(&list->out);
    }
}

static sv_err note_role(reading *r, const char *role, const sv_tuf_metadata *targets,
                        const sv_tuf_voucher *by, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SIGNED_MAX);
    signed_list list = { .out = SV_JSON_OUT(&json), .role = role };
    sv_json_open_array(&list.out);
    SV_TRY(sv_tuf_signers(targets, by, write_signer, &list, why));
    sv_json_close_array(&list.out);
    SV_TRY(sv_textbuf_end(&json));
    if (sv_map_count(r->roles) >= SV_IMAGES_ROLES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "there are more than %d roles", SV_IMAGES_ROLES_MAX);
    }
    return sv_map_put(r->roles, sv_text_of(role), sv_mem_copy_str(json.at, json.len));
}

static void fill_row(const sv_target *target, sv_image_row *row) {
    sv_textbuf hex = SV_TEXTBUF(row->sha256);
    sv_hex_add(&hex, target->digest, sizeof target->digest);
    (void) (sv_textbuf_end(&hex) == SV_OK);
    memcpy(row->product, target->product, sizeof row->product);
    memcpy(row->version, target->version, sizeof row->version);
    memcpy(row->slot, target->slot, sizeof row->slot);
    memcpy(row->hardware, target->hardware, sizeof row->hardware);
    row->hardware_count = target->hardware_count;
    row->counter = target->counter;
    row->length = target->length;
    row->sealed = target->sealed;
}

static sv_images_found *add_found(reading *r, sv_text path) {
    sv_images_judging *j = r->j;
    if (j->count == j->room) {
        j->room = j->room > 0 ? 2 * j->room : 16;
        j->images = sv_mem_resize(j->images, j->room * sizeof *j->images);
    }
    sv_images_found *found = &j->images[j->count++];
    *found = (sv_images_found){ .row = { .kind = SV_IMAGE_SELVEDGE, .at_us = j->now_us } };
    (void) (sv_text_copy(path, found->row.path, sizeof found->row.path) == SV_OK);
    (void) (sv_map_put(r->paths, path, found) == SV_OK); // only whether it is there counts
    return found;
}

/// Whatever file a path was seen in: what is said of it is what a device would find.
static sv_err take_target(void *arg, sv_text path, const sv_json *value) {
    reading *r = arg;
    sv_images_judging *j = r->j;
    sv_trust_target said;
    sv_why inner = { 0 };
    (void) value;
    if (sv_map_get(r->paths, path) != NULL) {
        return SV_OK;
    }
    if (j->count >= SV_IMAGES_MAX) {
        return sv_fail(&j->why, SV_ERR_INVALID, "there are more than %d images", SV_IMAGES_MAX);
    }
    sv_err err = sv_direct_path_check(path, &inner);
    err = err == SV_OK ? sv_trust_find(r->trust, path, &said, &inner) : err;
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    err = err == SV_OK ? sv_target_read(&said.file, target, &inner) : err;
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK; // of nobody who may speak for it, or somebody else's
    }
    if (err != SV_OK) {
        return sv_fail(&j->why, err, "target \"%.*s\": %.300s",
                       (int) (path.len < 256 ? path.len : 256), path.at, inner.text);
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf entry = SV_TEXTBUF_HEAP(SV_IMAGES_ENTRY_MAX);
    sv_json_out out = SV_JSON_OUT(&entry);
    sv_target_write(target, &out);
    if (sv_textbuf_end(&entry) != SV_OK) {
        return sv_fail(&j->why, SV_ERR_INVALID,
                       "the entry of target \"" SV_TEXT_FMT "\" is too long", SV_TEXT_ARG(path));
    }
    const char *by = sv_map_get(r->roles, sv_text_of(said.role));
    sv_images_found *found = add_found(r, path);
    fill_row(target, &found->row);
    found->entry = sv_mem_copy_str(entry.at, entry.len);
    found->signed_by = sv_mem_copy_str(by != NULL ? by : "[]", strlen(by != NULL ? by : "[]"));
    return SV_OK;
}

static sv_err read_role_file(reading *r, const char *role, const sv_tuf_voucher *by,
                             sv_tuf_metadata **out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    char name[NAME_ROOM];
    sv_tuf_file said;
    (void) snprintf(name, sizeof name, "%.256s.json", role);
    if (!sv_tuf_file_of(r->snapshot, sv_text_of(name), &said)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the snapshot does not know it");
    }
    (void) snprintf(name, sizeof name, "%" PRId64 ".%.256s.json", said.version, role);
    SV_TRY(fetch(r->j, name, SV_TUF_TARGETS_MAX, &bytes, why));
    SV_TRY(sv_tuf_file_check(&said, sv_textbuf_text(&bytes), why));
    SV_TRY(sv_tuf_read(sv_textbuf_text(&bytes), SV_TUF_TARGETS, out, why));
    SV_TRY(sv_tuf_check(*out, by, why));
    if ((*out)->version != said.version || (*out)->expires_us <= r->j->now_us) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "it is another version than announced, or has ended");
    }
    return write_next(r->j, "metadata", name, sv_textbuf_text(&bytes), why);
}

static sv_err read_delegations(reading *r, const sv_tuf_metadata *targets, sv_why *why);

/// Its own role first, so that it is known who signed when its images are taken.
static sv_err take_targets(reading *r, const char *role, const sv_tuf_metadata *targets,
                           const sv_tuf_voucher *by, sv_why *why) {
    SV_TRY(note_role(r, role, targets, by, why));
    SV_TRY(read_delegations(r, targets, why));
    sv_err err = sv_json_each(sv_json_get(targets->content, "targets"), take_target, r);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%.400s", r->j->why.text);
}

static sv_err read_delegations(reading *r, const sv_tuf_metadata *targets, sv_why *why) {
    const sv_json *delegations = sv_json_get(targets->content, "delegations");
    const sv_json *roles = sv_json_get(delegations, "roles");
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        const sv_json *one = sv_json_at(roles, i);
        SV_DEFER(sv_tuf_drop) sv_tuf_metadata *file = NULL;
        sv_tuf_voucher by = { .keys = sv_json_get(delegations, "keys"),
                              .keyids = sv_json_get(one, "keyids") };
        char role[64 + 1];
        sv_text name = { 0 };
        sv_why inner = { 0 };
        if (!sv_json_int(sv_json_get(one, "threshold"), &by.threshold)
            || !sv_json_text(sv_json_get(one, "name"), &name)
            || sv_text_copy(name, role, sizeof role) != SV_OK
            || sv_map_get(r->roles, name) != NULL) {
            continue;
        }
        sv_err err = read_role_file(r, role, &by, &file, &inner);
        if (err != SV_OK) {
            return sv_fail(why, err, "%s.json: %.300s", role, inner.text);
        }
        SV_TRY(take_targets(r, role, file, &by, why));
    }
    return SV_OK;
}

// ---- who is trusted -----------------------------------------------------------------------------

static int64_t earliest(int64_t left, int64_t right) {
    return left < right ? left : right;
}

static sv_err write_trust(reading *r, const sv_tuf_metadata *targets, const sv_tuf_voucher *by,
                          sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(TRUST_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    int64_t ends_us =
        earliest(earliest(targets->expires_us, r->snapshot->expires_us), r->timestamp->expires_us);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "root_version", r->root->version);
    sv_json_add_int(&out, "root_ends", r->root->expires_us / 1000);
    sv_json_add_int(&out, "targets_version", targets->version);
    sv_json_add_int(&out, "ends", ends_us / 1000);
    sv_json_add_int(&out, "threshold", by->threshold);
    sv_json_key(&out, "keys");
    sv_json_put_value(&out, by->keyids);
    sv_json_close_object(&out);
    if (sv_textbuf_end(&json) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the root names too many keys");
    }
    r->j->trust = sv_mem_copy_str(json.at, json.len);
    r->j->root_version = r->root->version;
    r->j->targets_version = targets->version;
    return SV_OK;
}

static void drop_reading(reading *r) {
    for (size_t i = 0; r->roles != NULL && i < sv_map_count(r->roles); i++) {
        free(sv_map_at(r->roles, i, NULL));
    }
    sv_map_drop(&r->roles);
    sv_map_drop(&r->paths);
    sv_trust_drop(&r->trust);
    sv_tuf_drop(&r->root);
    sv_tuf_drop(&r->timestamp);
    sv_tuf_drop(&r->snapshot);
}

static sv_err follow(sv_images_judging *j, sv_why *why) {
    SV_DEFER(drop_reading)
    reading r = { .j = j,
                  .roles = sv_map_new(SV_IMAGES_ROLES_MAX, NULL),
                  .paths = sv_map_new(SV_IMAGES_MAX, NULL) };
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *targets = NULL;
    const sv_trust_io io = { .arg = j, .fetch = fetch, .load = load, .keep = keep };
    SV_TRY(sv_trust_open(&io, j->now_us, &r.trust, why));
    SV_TRY(sv_trust_refresh(r.trust, why));
    SV_TRY(read_trusted(j, "root.json", SV_TUF_ROOT, &r.root, why));
    SV_TRY(read_trusted(j, "timestamp.json", SV_TUF_TIMESTAMP, &r.timestamp, why));
    SV_TRY(read_trusted(j, "snapshot.json", SV_TUF_SNAPSHOT, &r.snapshot, why));
    SV_TRY(read_trusted(j, "targets.json", SV_TUF_TARGETS, &targets, why));
    const sv_tuf_voucher by = sv_tuf_root_names(r.root, SV_TUF_TARGETS);
    SV_TRY(write_trust(&r, targets, &by, why));
    return take_targets(&r, "targets", targets, &by, why);
}

// ---- all of it ----------------------------------------------------------------------------------

static sv_err target_of(const sv_images_found *found, sv_target *out, sv_why *why) {
    return sv_target_parse(sv_text_of(found->entry), out, why);
}

static sv_err weigh(sv_images_judging *j, sv_target *target, sv_why *why) {
    for (size_t i = 0; i < j->count; i++) {
        SV_TRY(target_of(&j->images[i], target, why));
        for (size_t e = 0; e < target->encoding_count; e++) {
            (void) atomic_fetch_add(&j->of,
                                    sv_images_awaits(j->dir, target, &target->encodings[e]));
        }
    }
    return SV_OK;
}

static sv_err take_bytes(sv_images_judging *j, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    SV_TRY(weigh(j, target, why));
    for (size_t i = 0; i < j->count; i++) {
        SV_TRY(target_of(&j->images[i], target, why));
        bool all = true;
        for (size_t e = 0; e < target->encoding_count; e++) {
            bool here = false;
            SV_TRY(sv_images_take(j, target, &target->encodings[e], &here, why));
            all &= here;
        }
        j->images[i].row.complete = all;
        j->incomplete += !all;
    }
    return SV_OK;
}

static int by_path(const void *left, const void *right) {
    const sv_images_found *a = left;
    const sv_images_found *b = right;
    return strcmp(a->row.path, b->row.path);
}

static sv_err judge(sv_images_judging *j, sv_why *why) {
    SV_TRY(begin_next(j, why));
    SV_TRY(follow(j, why));
    SV_TRY(take_bytes(j, why));
    if (j->count > 0) {
        qsort(j->images, j->count, sizeof *j->images, by_path);
    }
    return SV_OK;
}

void sv_images_judge(sv_images_judging *judging) {
    sv_why why = { 0 };
    judging->err = judge(judging, &why);
    judging->why = why;
}

void sv_images_judging_drop(sv_images_judging *judging) {
    for (size_t i = 0; i < judging->count; i++) {
        free(judging->images[i].entry);
        free(judging->images[i].signed_by);
    }
    free(judging->images);
    free(judging->trust);
    judging->images = NULL;
    judging->trust = NULL;
    judging->count = judging->room = 0;
}
