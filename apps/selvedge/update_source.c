#include "update_source.h"
#include <base/mem.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ---- what the trust asks for --------------------------------------------------------------------

static sv_err read_metadata(const update_source *source, const char *name, size_t bytes_max,
                            sv_textbuf *out, sv_why *why) {
    char path[SV_PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/metadata/%s", source->where, name);
    struct stat info;
    if (len <= 0 || (size_t) len >= sizeof path) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' is too long a path", source->where);
    }
    if (stat(path, &info) == 0 && (uint64_t) info.st_size > bytes_max) {
        return sv_fail(why, SV_ERR_INVALID, "it has more than %zu bytes", bytes_max);
    }
    return sv_disk_read(path, out, why);
}

static sv_err fetch(void *arg, const char *name, size_t bytes_max, sv_textbuf *out, sv_why *why) {
    update_source *source = arg;
    return source->bundle != NULL   ? sv_bundle_fetch(source->bundle, name, bytes_max, out, why)
           : source->server != NULL ? update_server_fetch(source->server, name, bytes_max, out, why)
                                    : read_metadata(source, name, bytes_max, out, why);
}

static update_kept *find_kept(update_source *source, const char *name) {
    for (size_t i = 0; i < source->kept_count; i++) {
        if (strcmp(source->kept[i].name, name) == 0) {
            return &source->kept[i];
        }
    }
    return NULL;
}

static sv_err load(void *arg, const char *name, sv_textbuf *out, sv_why *why) {
    const update_kept *kept = find_kept(arg, name);
    if (kept == NULL) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "%s is not known", name);
    }
    sv_textbuf_add(out, sv_textbuf_text(&kept->bytes));
    return SV_OK;
}

static sv_err keep(void *arg, const char *name, sv_text bytes, sv_why *why) {
    update_source *source = arg;
    update_kept *kept = find_kept(source, name);
    if (kept == NULL && source->kept_count == UPDATE_KEPT_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d files of metadata", UPDATE_KEPT_MAX);
    }
    if (kept == NULL) {
        kept = &source->kept[source->kept_count];
        SV_TRY(sv_text_copy(sv_text_of(name), kept->name, sizeof kept->name));
        kept->bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
        source->kept_count++;
    }
    sv_textbuf_clear(&kept->bytes);
    sv_textbuf_add(&kept->bytes, bytes);
    return SV_OK;
}

// ---- opening ------------------------------------------------------------------------------------

sv_err update_source_check_folder(const char *where, sv_why *why) {
    char path[SV_PATH_MAX];
    if (sv_disk_join(path, sizeof path, where, "keys.json") == SV_OK && sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is a folder of keys; the repository is what `selvedge update "
                       "publish --keys %.200s --repo REPO` writes",
                       where, where);
    }
    if (sv_disk_join(path, sizeof path, where, "metadata") != SV_OK || !sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is no repository: there is no folder metadata in it. `selvedge "
                       "update publish` writes one",
                       where);
    }
    return SV_OK;
}

static sv_err open_place(const update_place *place, update_source *source, sv_why *why) {
    struct stat info;
    if (sv_text_starts(sv_text_of(place->where), SV_TEXT("http://"))
        || sv_text_starts(sv_text_of(place->where), SV_TEXT("https://"))) {
        return update_server_open(place->where, place->ca, &source->server, why);
    }
    if (stat(place->where, &info) != 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no '%.200s': %m", place->where);
    }
    if (S_ISDIR(info.st_mode)) {
        return update_source_check_folder(place->where, why);
    }
    sv_why inner = { 0 };
    SV_TRY(update_file_open(place->where, &source->file, why));
    sv_err err = sv_bundle_open(&source->file.bytes, &source->bundle, &inner);
    return err == SV_OK ? SV_OK
                        : sv_fail(why, err == SV_ERR_UNAVAILABLE ? SV_ERR_INVALID : err,
                                  "'%.120s' is no bundle: %.160s. (An image is judged with: "
                                  "selvedge update verify REPO --image FILE; show takes it so as "
                                  "well)",
                                  place->where, inner.text);
}

/// What is too long is no root.
static sv_err read_root(const char *path, sv_textbuf *out, sv_why *why) {
    sv_err err = sv_disk_read(path, out, why);
    return err == SV_ERR_NO_SPACE ? SV_ERR_INVALID : err;
}

static sv_err first_root(const update_place *place, update_source *source, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    sv_why inner = { 0 };
    if (place->root != NULL) {
        SV_TRY(read_root(place->root, &bytes, why));
    } else {
        sv_err got = fetch(source, "1.root.json", SV_TUF_ROOT_MAX, &bytes, &inner);
        if (got != SV_OK) {
            return sv_fail(why, got, "no 1.root.json in '%.160s': %.200s", place->where,
                           inner.text);
        }
    }
    sv_err err = sv_trust_root_check(sv_textbuf_text(&bytes), &inner);
    if (err != SV_OK) {
        return sv_fail(why, err, "'%.160s' is no root to trust: %.200s",
                       place->root != NULL ? place->root : "1.root.json", inner.text);
    }
    return keep(source, "root.json", sv_textbuf_text(&bytes), why);
}

static sv_err parse_kept(update_source *source, const char *role, update_document *out,
                         sv_why *why) {
    char name[UPDATE_NAME_ROOM + sizeof ".json"];
    (void) snprintf(name, sizeof name, "%s.json", role);
    const update_kept *kept = find_kept(source, name);
    return kept == NULL ? sv_fail(why, SV_ERR_UNTRUSTED, "%s is not there", name)
                        : update_document_read(role, sv_textbuf_text(&kept->bytes), out, why);
}

// ---- whom targets hands on to -------------------------------------------------------------------

static sv_err judge_role(update_source *source, const char *role, const sv_tuf_file *said,
                         sv_text bytes, const sv_tuf_voucher *by, sv_why *why) {
    update_document *document = &source->targets[source->targets_count];
    SV_TRY(sv_tuf_file_check(said, bytes, why));
    SV_TRY(update_document_read(role, bytes, document, why));
    source->by[source->targets_count++] = *by;
    SV_TRY(sv_tuf_check(document->metadata, by, why));
    if (document->metadata->version != said->version) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "it is version %lld where %lld is announced",
                       (long long) document->metadata->version, (long long) said->version);
    }
    return document->metadata->expires_us > source->now_us
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED, "its time is over");
}

static sv_err read_role(update_source *source, const char *role, const sv_tuf_voucher *by,
                        sv_why *why) {
    char name[SV_TRUST_NAME_ROOM];
    sv_tuf_file said;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    sv_why inner = { 0 };
    (void) snprintf(name, sizeof name, "%s.json", role);
    if (!sv_tuf_file_of(source->snapshot.metadata, sv_text_of(name), &said)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the snapshot does not know %s", name);
    }
    (void) snprintf(name, sizeof name, "%lld.%s.json", (long long) said.version, role);
    sv_err err = fetch(source, name, SV_TUF_TARGETS_MAX, &bytes, &inner);
    if (err == SV_OK) {
        err = judge_role(source, role, &said, sv_textbuf_text(&bytes), by, &inner);
    }
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%s: %.300s", name, inner.text);
}

static sv_err read_roles(update_source *source, sv_why *why) {
    const sv_json *delegations = sv_json_get(source->targets[0].metadata->content, "delegations");
    const sv_json *roles = sv_json_get(delegations, "roles");
    for (size_t i = 0; i < sv_json_count(roles) && i < UPDATE_ROLES_MAX; i++) {
        const sv_json *one = sv_json_at(roles, i);
        char role[UPDATE_NAME_ROOM];
        sv_text name = { 0 };
        sv_tuf_voucher by = { .keys = sv_json_get(delegations, "keys"),
                              .keyids = sv_json_get(one, "keyids") };
        (void) sv_json_int(sv_json_get(one, "threshold"), &by.threshold);
        (void) sv_json_text(sv_json_get(one, "name"), &name);
        if (sv_tuf_role_is_valid(name) && sv_text_copy(name, role, sizeof role) == SV_OK) {
            SV_TRY(read_role(source, role, &by, why));
        }
    }
    return SV_OK;
}

static sv_err follow(const update_place *place, update_source *source, sv_why *why) {
    const sv_trust_io io = { .arg = source, .fetch = fetch, .load = load, .keep = keep };
    SV_TRY(open_place(place, source, why));
    SV_TRY(first_root(place, source, why));
    SV_TRY(sv_trust_open(&io, place->now_us, &source->trust, why));
    SV_TRY(sv_trust_refresh(source->trust, why));
    SV_TRY(parse_kept(source, "root", &source->root, why));
    SV_TRY(parse_kept(source, "timestamp", &source->timestamp, why));
    SV_TRY(parse_kept(source, "snapshot", &source->snapshot, why));
    SV_TRY(parse_kept(source, "targets", &source->targets[0], why));
    source->by[0] = sv_tuf_root_names(source->root.metadata, SV_TUF_TARGETS);
    source->targets_count = 1;
    return read_roles(source, why);
}

sv_err update_source_open(const update_place *place, update_source **out, sv_why *why) {
    SV_DEFER(update_source_drop) update_source *source = sv_mem_new(sizeof *source);
    source->where = place->where;
    source->now_us = place->now_us;
    SV_TRY(follow(place, source, why));
    *out = source;
    source = NULL;
    return SV_OK;
}

static void close_source(update_source *source) {
    sv_trust_drop(&source->trust);
    sv_bundle_drop(&source->bundle);
    update_server_drop(&source->server);
    update_file_drop(&source->file);
    update_document_drop(&source->root);
    update_document_drop(&source->snapshot);
    update_document_drop(&source->timestamp);
    for (size_t i = 0; i < SV_COUNT(source->targets); i++) {
        update_document_drop(&source->targets[i]);
    }
    for (size_t i = 0; i < source->kept_count; i++) {
        sv_textbuf_drop(&source->kept[i].bytes);
    }
    free(source);
}

void update_source_drop(update_source **source) {
    if (*source != NULL) {
        close_source(*source);
        *source = NULL;
    }
}

const char *update_source_kind(const update_source *source) {
    return source->bundle != NULL ? "bundle" : source->server != NULL ? "server" : "repository";
}
