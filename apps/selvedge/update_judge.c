// The bytes of an image, held against what is signed.
#include "update_source.h"
#include <codec/encode.h>
#include <stdlib.h>

enum { FILE_ROOM = SV_ENCODING_NAME_ROOM + 8 };

/// Chunks lie in `file` from `at` on.
typedef struct judging {
    const sv_target *target;
    const sv_encoding *encoding;
    update_file *file;
    uint64_t at;
} judging;

static sv_err judge_chunks(const judging *j, sv_text index_bytes, sv_why *why) {
    SV_DEFER(sv_image_index_drop) sv_image_index *index = NULL;
    uint8_t stored[SV_CHUNK_STORED_MAX];
    SV_TRY(sv_image_index_read(index_bytes, j->target, j->encoding, &index, why));
    uint64_t count = sv_image_index_count(index);
    for (uint64_t i = 0; i < count; i++) {
        sv_image_range range = sv_image_stored(index, i);
        SV_TRY(j->file->bytes.read(j->file->bytes.arg, j->at + range.at, stored,
                                   (size_t) range.bytes, why));
        sv_text chunk = { .at = (const char *) stored, .len = (size_t) range.bytes };
        SV_TRY(sv_image_chunk_judge(index, i, chunk, why));
    }
    return SV_OK;
}

static sv_err judge_file(const judging *j, sv_text index_bytes, sv_why *why) {
    char name[SV_ENCODING_NAME_ROOM];
    sv_encoding_file(j->encoding, name);
    if (j->at + j->encoding->length > j->file->bytes.length) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s has fewer bytes than are signed", name);
    }
    update_progress_begin(&j->file->progress, name);
    sv_err err = judge_chunks(j, index_bytes, why);
    update_progress_end(&j->file->progress);
    SV_TRY(err);
    bool bare = !j->target->sealed && j->encoding->kind == SV_ENCODING_RAW && j->at == 0;
    return bare ? sv_image_check(&j->file->bytes, j->target, why) : SV_OK;
}

sv_err update_artifact_judge(const char *dir, const sv_target *target, const sv_encoding *encoding,
                             sv_why *why) {
    char name[SV_ENCODING_NAME_ROOM];
    char index_name[FILE_ROOM];
    char path[SV_PATH_MAX];
    SV_DEFER(update_file_drop) update_file file = { .fd = -1 };
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf index = SV_TEXTBUF_HEAP((size_t) sv_image_index_bytes(target->length) + 1);
    sv_encoding_file(encoding, name);
    (void) snprintf(index_name, sizeof index_name, "%s.index", name);
    SV_TRY(update_artifact_path(dir, target->digest, index_name, path, why));
    SV_TRY(sv_disk_read(path, &index, why));
    SV_TRY(update_artifact_path(dir, target->digest, name, path, why));
    SV_TRY(update_file_open(path, &file, why));
    const judging j = { .target = target, .encoding = encoding, .file = &file };
    return judge_file(&j, sv_textbuf_text(&index), why);
}

static sv_err judge_in_bundle(update_source *source, const sv_target *target, sv_why *why) {
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf index = SV_TEXTBUF_HEAP((size_t) sv_image_index_bytes(target->length) + 1);
    sv_bundle_image image;
    SV_TRY(sv_bundle_image_of(source->bundle, target, &image, &index, why));
    const judging j = {
        .target = target, .encoding = image.encoding, .file = &source->file, .at = image.at
    };
    return judge_file(&j, sv_textbuf_text(&index), why);
}

sv_err update_source_judge(update_source *source, const sv_target *target,
                           const sv_encoding *encoding, sv_why *why) {
    return source->bundle != NULL ? judge_in_bundle(source, target, why)
                                  : update_artifact_judge(source->where, target, encoding, why);
}
