// `selvedge update bundle`
#include "update.h"
#include "update_source.h"
#include <base/fd.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/content_key.h>
#include <crypto/identity.h>
#include <crypto/random.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CERT_MAX = 64 * 1024, BLOCK_BYTES = 64 * 1024, DEVICES_MAX = 400 };

typedef struct asked {
    update_place place;
    const char *target, *keys, *encoding, *out;
    const char *devices[SV_OPTION_LIST_MAX];
} asked;

typedef struct writing {
    const asked *a;
    update_source *source;
    sv_target *target;
    const sv_encoding *encoding;
    int fd;
    char path[SV_PATH_MAX]; ///< until it is whole
    char cms_names[DEVICES_MAX][SV_ID_ROOM];
    uint8_t cms_certs[DEVICES_MAX][SV_TARGET_HASH_BYTES]; ///< SHA-256 of the certificates' files
    sv_textbuf cms[DEVICES_MAX];
    size_t cms_count;
} writing;

static void writing_drop(writing **owned) {
    writing *w = *owned;
    for (size_t i = 0; i < w->cms_count; i++) {
        sv_textbuf_drop(&w->cms[i]);
    }
    if (w->fd >= 0) {
        (void) unlink(w->path);
    }
    sv_fd_drop(&w->fd);
    free(w->target);
    free(w);
}

// ---- writing ------------------------------------------------------------------------------------

static sv_err put(const writing *w, sv_text bytes, sv_why *why) {
    while (bytes.len > 0) {
        ssize_t done = write(w->fd, bytes.at, bytes.len);
        if (done < 0 && errno != EINTR) {
            return sv_fail(why, errno == ENOSPC ? SV_ERR_NO_SPACE : SV_ERR_IO,
                           "cannot write '%s': %m", w->path);
        }
        size_t step = done > 0 ? (size_t) done : 0;
        bytes = (sv_text){ .at = bytes.at + step, .len = bytes.len - step };
    }
    return SV_OK;
}

static sv_err put_head(const writing *w, const char *name, uint64_t bytes, size_t *padding,
                       sv_why *why) {
    uint8_t head[SV_BUNDLE_BLOCK_BYTES];
    SV_TRY(sv_bundle_head(name, bytes, head, padding, why));
    return put(w, (sv_text){ .at = (const char *) head, .len = sizeof head }, why);
}

static sv_err put_zeroes(const writing *w, size_t bytes, sv_why *why) {
    static const char ZEROES[2 * SV_BUNDLE_BLOCK_BYTES];
    return put(w, (sv_text){ .at = ZEROES, .len = bytes }, why);
}

static sv_err put_text(const writing *w, const char *name, sv_text content, sv_why *why) {
    size_t padding = 0;
    SV_TRY(put_head(w, name, content.len, &padding, why));
    SV_TRY(put(w, content, why));
    return put_zeroes(w, padding, why);
}

static sv_err put_file(const writing *w, const char *name, const char *path, sv_why *why) {
    SV_DEFER(update_file_drop) update_file file = { .fd = -1 };
    SV_DEFER(sv_mem_drop) uint8_t *block = sv_mem_new(BLOCK_BYTES);
    size_t padding = 0;
    SV_TRY(update_file_open(path, &file, why));
    SV_TRY(put_head(w, name, file.bytes.length, &padding, why));
    update_progress_begin(&file.progress, name);
    for (uint64_t at = 0; at < file.bytes.length;) {
        uint64_t left = file.bytes.length - at;
        size_t step = left < BLOCK_BYTES ? (size_t) left : BLOCK_BYTES;
        SV_TRY(file.bytes.read(file.bytes.arg, at, block, step, why));
        SV_TRY(put(w, (sv_text){ .at = (const char *) block, .len = step }, why));
        at += step;
    }
    update_progress_end(&file.progress);
    return put_zeroes(w, padding, why);
}

// ---- the parts, in their order ------------------------------------------------------------------

static sv_err put_metadata(const writing *w, const update_document *document, sv_why *why) {
    char name[SV_BUNDLE_NAME_ROOM];
    (void) snprintf(name, sizeof name, "metadata/%lld.%s.json",
                    (long long) document->metadata->version, document->role);
    return put_text(w, name, sv_textbuf_text(&document->bytes), why);
}

/// Every root, for a device that was away for long.
static sv_err put_roots(const writing *w, sv_why *why) {
    for (int64_t version = 1; version <= w->source->root.metadata->version; version++) {
        char path[SV_PATH_MAX];
        char name[SV_BUNDLE_NAME_ROOM];
        (void) snprintf(name, sizeof name, "metadata/%lld.root.json", (long long) version);
        SV_TRY(sv_disk_join(path, sizeof path, w->a->place.where, name));
        SV_TRY(put_file(w, name, path, why));
    }
    return SV_OK;
}

static sv_err put_image(const writing *w, sv_why *why) {
    static const char *const ENDS[] = { ".index", "" };
    char file[SV_ENCODING_NAME_ROOM];
    sv_encoding_file(w->encoding, file);
    for (size_t i = 0; i < SV_COUNT(ENDS); i++) {
        char name[SV_ENCODING_NAME_ROOM + sizeof ".index"];
        char path[SV_PATH_MAX];
        (void) snprintf(name, sizeof name, "%s%s", file, ENDS[i]);
        SV_TRY(update_artifact_path(w->a->place.where, w->target->digest, name, path, why));
        const char *member = strstr(path + strlen(w->a->place.where), "artifacts/");
        SV_TRY(put_file(w, member, path, why));
    }
    return SV_OK;
}

static sv_err put_all(const writing *w, sv_why *why) {
    const update_source *source = w->source;
    SV_TRY(put_text(w, "target", sv_text_of(w->a->target), why));
    SV_TRY(put_roots(w, why));
    SV_TRY(put_text(w, "metadata/timestamp.json", sv_textbuf_text(&source->timestamp.bytes), why));
    SV_TRY(put_metadata(w, &source->snapshot, why));
    for (size_t i = 0; i < source->targets_count; i++) {
        SV_TRY(put_metadata(w, &source->targets[i], why));
    }
    SV_TRY(put_image(w, why));
    for (size_t i = 0; i < w->cms_count; i++) {
        char name[SV_BUNDLE_NAME_ROOM];
        (void) snprintf(name, sizeof name, "keys/%s.cms", w->cms_names[i]);
        SV_TRY(put_text(w, name, sv_textbuf_text(&w->cms[i]), why));
    }
    return put_zeroes(w, (size_t) 2 * SV_BUNDLE_BLOCK_BYTES, why);
}

// ---- content keys -------------------------------------------------------------------------------

/// *twice: the device has its key already, by the same certificate.
static sv_err check_once(const writing *w, sv_text pem, bool *twice, sv_why *why) {
    const char *id = w->cms_names[w->cms_count];
    uint8_t hash[SV_TARGET_HASH_BYTES];
    sv_sha256(pem, hash);
    *twice = false;
    for (size_t i = 0; !*twice && i < w->cms_count; i++) {
        if (strcmp(w->cms_names[i], id) != 0) {
            continue;
        }
        if (memcmp(w->cms_certs[i], hash, sizeof hash) != 0) {
            return sv_fail(why, SV_ERR_INVALID,
                           "--for names two certificates of '%s'; say which one the device has",
                           id);
        }
        *twice = true;
    }
    return SV_OK;
}

static sv_err wrap_for(writing *w, const sv_image_key *key, const char *path, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(CERT_MAX);
    sv_why inner = { 0 };
    if (w->cms_count == DEVICES_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "a bundle is for at most %d devices", DEVICES_MAX);
    }
    sv_err named = sv_identity_cn_of_file(path, w->cms_names[w->cms_count], &inner);
    if (named != SV_OK) {
        return sv_fail(why, named, "'%.160s' is no certificate of a device: %.200s", path,
                       inner.text);
    }
    bool twice = false;
    SV_TRY(sv_disk_read(path, &pem, why));
    SV_TRY(check_once(w, sv_textbuf_text(&pem), &twice, why));
    if (twice) {
        return SV_OK;
    }
    sv_sha256(sv_textbuf_text(&pem), w->cms_certs[w->cms_count]);
    w->cms[w->cms_count] = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
    sv_err err = sv_content_wrap(key->bytes, sv_textbuf_text(&pem), &w->cms[w->cms_count], &inner);
    w->cms_count++;
    return err == SV_OK ? SV_OK : sv_fail(why, err, "'%.160s': %.200s", path, inner.text);
}

static bool is_certificate(const char *name) {
    size_t len = strlen(name);
    return len > 4 && name[0] != '.' && strcmp(name + len - 4, ".crt") == 0;
}

/// Folders of certificates have that of who issued them as well: no device's, and left out.
static sv_err wrap_found(writing *w, const sv_image_key *key, const char *path, size_t *found,
                         sv_why *why) {
    bool authority = false;
    if (sv_identity_is_authority(path, &authority, NULL) == SV_OK && authority) {
        return SV_OK;
    }
    (*found)++;
    return wrap_for(w, key, path, why);
}

/// Every certificate of a folder.
static sv_err wrap_folder(writing *w, const sv_image_key *key, const char *folder, sv_why *why) {
    size_t found = 0;
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    sv_err err = dir != NULL ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", folder);
    while (err == SV_OK && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        char path[SV_PATH_MAX];
        if (is_certificate(entry->d_name)) {
            err = sv_disk_join(path, sizeof path, folder, entry->d_name);
            err = err == SV_OK ? wrap_found(w, key, path, &found, why) : err;
        }
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
    return err != SV_OK || found > 0
               ? err
               : sv_fail(why, SV_ERR_INVALID,
                         "--for '%.160s': there is no certificate of a device (*.crt) in it",
                         folder);
}

static sv_err wrap_each(writing *w, const sv_image_key *key, sv_why *why) {
    for (size_t i = 0; w->a->devices[i] != NULL; i++) {
        struct stat info;
        bool folder = stat(w->a->devices[i], &info) == 0 && S_ISDIR(info.st_mode);
        SV_TRY(folder ? wrap_folder(w, key, w->a->devices[i], why)
                      : wrap_for(w, key, w->a->devices[i], why));
    }
    return SV_OK;
}

static sv_err wrap(writing *w, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_DEFER(sv_image_key_wipe) sv_image_key key = { 0 };
    sv_why inner = { 0 };
    bool wanted = w->a->devices[0] != NULL;
    if (!w->target->sealed) {
        return wanted
                   ? sv_fail(why, SV_ERR_INVALID,
                             "'%.160s' is not sealed: everybody can open it, --for means nothing",
                             w->a->target)
                   : SV_OK;
    }
    if (!wanted) {
        (void) fprintf(stderr,
                       "note: the image is sealed and the bundle carries its key for nobody; "
                       "--for CERT adds one for a device\n");
        return SV_OK;
    }
    if (w->a->keys == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--keys is missing: the content key of '%.160s' is in the folder of keys of "
                       "who signed it",
                       w->a->target);
    }
    SV_TRY(update_folder_open(w->a->keys, &folder, why));
    sv_err err = update_content_key(folder, w->target->digest, &key, &inner);
    if (err != SV_OK) {
        return sv_fail(why, err,
                       "the content key of '%.160s' is in the folder of keys of who signed it, not "
                       "in '%.120s': %.200s",
                       w->a->target, w->a->keys, inner.text);
    }
    return wrap_each(w, &key, why);
}

// ---- the verb -----------------------------------------------------------------------------------

static sv_err choose(writing *w, sv_why *why) {
    sv_trust_target found;
    SV_TRY(sv_trust_find(w->source->trust, sv_text_of(w->a->target), &found, why));
    SV_TRY(sv_target_read(&found.file, w->target, why));
    const char *wish = w->a->encoding != NULL ? w->a->encoding : "zstd";
    w->encoding = sv_target_encoding(w->target, sv_text_of(wish));
    if (w->encoding == NULL && w->a->encoding == NULL) {
        w->encoding = &w->target->encodings[0];
    }
    return w->encoding != NULL
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "'%.120s' has no encoding '%.80s'; `selvedge update show` lists them",
                         w->a->target, wish);
}

/// As a device will read it.
static sv_err read_back(const writing *w, sv_why *why) {
    SV_DEFER(update_source_drop) update_source *bundle = NULL;
    update_place place = w->a->place;
    place.where = w->path;
    SV_TRY(update_source_open(&place, &bundle, why));
    return update_source_judge(bundle, w->target, w->encoding, why);
}

static sv_err write_bundle(writing *w, sv_why *why) {
    int len = snprintf(w->path, sizeof w->path, "%s.new", w->a->out);
    if (len <= 0 || (size_t) len >= sizeof w->path) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' is too long a path", w->a->out);
    }
    w->fd = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (w->fd < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot create '%s': %m", w->path);
    }
    SV_TRY(put_all(w, why));
    if (fsync(w->fd) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot sync '%s': %m", w->path);
    }
    SV_TRY(read_back(w, why));
    if (rename(w->path, w->a->out) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot put '%s' in place: %m", w->a->out);
    }
    sv_fd_drop(&w->fd);
    w->fd = -1;
    return sv_disk_sync_folder_of(w->a->out, why);
}

static sv_err bundle(const asked *a, sv_why *why) {
    SV_DEFER(update_source_drop) update_source *source = NULL;
    SV_DEFER(writing_drop) writing *w = sv_mem_new(sizeof *w);
    char name[SV_ENCODING_NAME_ROOM];
    w->a = a;
    w->fd = -1;
    w->target = sv_mem_new(sizeof *w->target);
    if (strstr(a->place.where, "://") != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--repo '%.120s' is an address; a folder is wanted",
                       a->place.where);
    }
    SV_TRY(update_source_open(&a->place, &source, why));
    w->source = source;
    SV_TRY(choose(w, why));
    SV_TRY(wrap(w, why));
    SV_TRY(write_bundle(w, why));
    sv_encoding_name(w->encoding, name);
    (void) printf("%s: %s %s as %.18s, with its key for %zu device%s\n", a->out, w->target->product,
                  w->target->version, name, w->cms_count, w->cms_count == 1 ? "" : "s");
    return SV_OK;
}

int update_bundle(int argc, char **argv) {
    static const update_page page = {
        "selvedge update bundle --repo DIR --target PATH [--for CERT]... [--keys KEYS] --out "
        "FILE.tar",
        "One file for a USB stick: the metadata, one image, and for each device that is named the "
        "key "
        "that\nopens it, wrapped for its certificate. A device takes it with the very same checks "
        "as "
        "from a server.\nIts time ends with the repository's timestamp.\n\n"
        "example: selvedge update bundle --repo repo --target lathe-ctl/2.1.0.img --for "
        "pki/issued/press-1.crt --keys keys --out release.tar",
    };
    asked a = { 0 };
    const sv_option options[] = {
        { "repo", "DIR", SV_OPTION_TEXT, &a.place.where, "the repository", true, 0, 0 },
        { "target", "PATH", SV_OPTION_TEXT, &a.target, "the image", true, 0, 0 },
        { "for", "CERT", SV_OPTION_LIST, a.devices,
          "certificate of a device that is to open it, or a folder of them", false, 0, 0 },
        { "keys", "KEYS", SV_OPTION_TEXT, &a.keys, "the folder that has the content key", false, 0,
          0 },
        { "encoding", "NAME", SV_OPTION_TEXT, &a.encoding,
          "raw, zstd or delta:<sha256 of the older image> [zstd]", false, 0, 0 },
        { "root", "FILE", SV_OPTION_TEXT, &a.place.root,
          "the root that the devices trust [the first one in the repository]", false, 0, 0 },
        { "out", "FILE", SV_OPTION_TEXT, &a.out, "the bundle", true, 0, 0 },
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), NULL, 0, 0, &code)) {
        return code;
    }
    sv_why why = { 0 };
    a.place.now_us = sv_clock_wall_us();
    return update_end(bundle(&a, &why), &why);
}
