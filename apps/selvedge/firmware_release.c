#include "firmware_release.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { FILE_ROOM = SV_ENCODING_NAME_ROOM + 8 };

// ---- which one ----------------------------------------------------------------------------------

/// Releases of ours that are signed there; the first one's path.
typedef struct only {
    char path[SV_TUF_TARGET_PATH_ROOM];
    size_t count;
} only;

static sv_err count_one(void *arg, sv_text path, const sv_json *value) {
    only *found = arg;
    (void) value;
    return found->count++ == 0 ? sv_text_copy(path, found->path, sizeof found->path) : SV_OK;
}

static sv_err choose_target(firmware_release *release, const char *wish, sv_why *why) {
    const update_source *source = release->source;
    only found = { .count = 0 };
    if (wish == NULL && source->bundle != NULL) {
        wish = sv_bundle_target(source->bundle);
    }
    for (size_t i = 0; wish == NULL && i < source->targets_count; i++) {
        SV_TRY(sv_json_each(sv_json_get(source->targets[i].metadata->content, "targets"), count_one,
                            &found));
    }
    if (wish == NULL && found.count != 1) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.160s' has %zu images: say which one with --target (selvedge update show "
                       "lists them)",
                       source->where, found.count);
    }
    return sv_text_copy(sv_text_of(wish != NULL ? wish : found.path), release->path,
                        sizeof release->path)
                   == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "--target is too long");
}

static sv_err find_target(firmware_release *release, sv_why *why) {
    sv_trust_target found;
    SV_TRY(sv_trust_find(release->source->trust, sv_text_of(release->path), &found, why));
    return sv_target_read(&found.file, &release->target, why);
}

// ---- its chunks ---------------------------------------------------------------------------------

/// The shortest that needs no older image.
static const sv_encoding *shortest(const sv_target *target) {
    const sv_encoding *best = NULL;
    for (size_t i = 0; i < target->encoding_count; i++) {
        const sv_encoding *encoding = &target->encodings[i];
        if (encoding->kind != SV_ENCODING_DELTA
            && (best == NULL || encoding->length < best->length)) {
            best = encoding;
        }
    }
    return best;
}

static sv_err open_in_folder(firmware_release *release, sv_why *why) {
    const sv_target *target = &release->target;
    char name[SV_ENCODING_NAME_ROOM];
    char index_name[FILE_ROOM];
    char path[SV_PATH_MAX];
    release->encoding = shortest(target);
    if (release->encoding == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' has deltas alone", release->path);
    }
    sv_encoding_file(release->encoding, name);
    (void) snprintf(index_name, sizeof index_name, "%s.index", name);
    SV_TRY(update_artifact_path(release->source->where, target->digest, index_name, path, why));
    SV_TRY(sv_disk_read(path, &release->index, why));
    SV_TRY(update_artifact_path(release->source->where, target->digest, name, path, why));
    SV_TRY(update_file_open(path, &release->file, why));
    release->file.path = release->path; // the folder's is gone when this returns
    release->from = &release->file;
    return SV_OK;
}

static sv_err open_in_bundle(firmware_release *release, sv_why *why) {
    sv_bundle_image image;
    SV_TRY(sv_bundle_image_of(release->source->bundle, &release->target, &image, &release->index,
                              why));
    if (image.encoding->kind == SV_ENCODING_DELTA) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the bundle has a delta alone: make one with --encoding zstd or raw");
    }
    release->encoding = image.encoding;
    release->at = image.at;
    release->from = &release->source->file;
    return SV_OK;
}

static sv_err find_content_key(const firmware_release *release, const char *keys, sv_image_key *out,
                               sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    if (keys == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.160s' is sealed: name the folder of keys of who signed it with --keys",
                       release->path);
    }
    SV_TRY(update_folder_open(keys, &folder, why));
    return update_content_key(folder, release->target.digest, out, why);
}

static sv_err open_reader(firmware_release *release, const char *keys, sv_why *why) {
    SV_DEFER(sv_image_key_wipe) sv_image_key key = { .sealed_count = 0 };
    if (release->target.sealed) {
        SV_TRY(find_content_key(release, keys, &key, why));
    }
    const sv_image_opening opening = { .target = &release->target,
                                       .encoding = release->encoding,
                                       .index = sv_textbuf_text(&release->index),
                                       .content_key = release->target.sealed ? key.bytes : NULL };
    return sv_image_reader_open(&opening, &release->reader, why);
}

static sv_err open_chunk(firmware_release *release, uint64_t number, sv_why *why) {
    uint8_t stored[SV_CHUNK_STORED_MAX];
    const sv_image_bytes *file = &release->from->bytes;
    sv_image_range range = sv_image_stored(sv_image_reader_index(release->reader), number);
    if (range.bytes > sizeof stored || release->at + range.at + range.bytes > file->length) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%.160s' has fewer bytes than are signed",
                       release->path);
    }
    release->chunk_bytes = 0;
    SV_TRY(file->read(file->arg, release->at + range.at, stored, (size_t) range.bytes, why));
    const sv_text text = { .at = (const char *) stored, .len = (size_t) range.bytes };
    SV_TRY(sv_image_chunk_open(release->reader, number, text, release->chunk, &release->chunk_bytes,
                               why));
    release->chunk_number = number;
    return SV_OK;
}

static sv_err read_image(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    firmware_release *release = arg;
    while (bytes > 0) {
        uint64_t number = at / SV_CHUNK_BYTES;
        size_t from = (size_t) (at % SV_CHUNK_BYTES);
        if (release->chunk_bytes == 0 || release->chunk_number != number) {
            SV_TRY(open_chunk(release, number, why));
        }
        if (from >= release->chunk_bytes) {
            return sv_fail(why, SV_ERR_INVALID, "the image has no such bytes");
        }
        size_t fits = release->chunk_bytes - from;
        size_t now = bytes < fits ? bytes : fits;
        memcpy(out, release->chunk + from, now);
        at += now;
        out += now;
        bytes -= now;
    }
    return SV_OK;
}

// ---- its life -----------------------------------------------------------------------------------

sv_err firmware_release_open(const firmware_release_asked *asked, firmware_release **out,
                             sv_why *why) {
    SV_DEFER(firmware_release_drop) firmware_release *release = sv_mem_new(sizeof *release);
    const update_place place = { .where = asked->where,
                                 .root = asked->root,
                                 .now_us = sv_clock_wall_us() };
    release->file.fd = -1;
    SV_TRY(update_source_open(&place, &release->source, why));
    if (release->source->server != NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.160s' is a server: name a repository's folder or a bundle",
                       asked->where);
    }
    SV_TRY(choose_target(release, asked->target, why));
    SV_TRY(find_target(release, why));
    release->index = SV_TEXTBUF_HEAP((size_t) sv_image_index_bytes(release->target.length) + 1);
    SV_TRY(release->source->bundle != NULL ? open_in_bundle(release, why)
                                           : open_in_folder(release, why));
    SV_TRY(open_reader(release, asked->keys, why));
    release->bytes =
        (sv_image_bytes){ .arg = release, .length = release->target.length, .read = read_image };
    *out = release;
    release = NULL;
    return SV_OK;
}

void firmware_release_drop(firmware_release **release) {
    firmware_release *gone = *release;
    if (gone == NULL) {
        return;
    }
    *release = NULL;
    sv_image_reader_drop(&gone->reader);
    sv_textbuf_drop(&gone->index);
    update_file_drop(&gone->file);
    update_source_drop(&gone->source);
    explicit_bzero(gone->chunk, sizeof gone->chunk);
    free(gone);
}
