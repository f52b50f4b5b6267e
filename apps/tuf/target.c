#include "target.h"
#include <codec/encode.h>
#include <string.h>

enum { ADDRESS_MAX = 2048 };

/// In the folder a target's name is one word, whatever is in its path.
static sv_err place_of(const char *dir, sv_text path, char room[SV_PATH_MAX], sv_why *why) {
    char word[SV_PATH_MAX];
    sv_textbuf name = SV_TEXTBUF(word);
    sv_percent_add(&name, path);
    bool dots = sv_text_is(path, ".") || sv_text_is(path, "..");
    if (path.len == 0 || dots || sv_textbuf_end(&name) != SV_OK
        || sv_disk_join(room, SV_PATH_MAX, dir, word) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "\"" SV_TEXT_FMT "\" cannot be a file's name",
                       SV_TEXT_ARG(path));
    }
    return SV_OK;
}

static bool is_there(const char *place, const sv_tuf_file *file) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP((size_t) file->length + 1);
    return sv_disk_read(place, &bytes, NULL) == SV_OK
           && sv_tuf_file_check(file, sv_textbuf_text(&bytes), NULL) == SV_OK;
}

/// A path as addresses have it: what is in its parts is encoded.
static sv_err encode(sv_text path, char room[ADDRESS_MAX], sv_why *why) {
    sv_textbuf out = { .at = room, .cap = ADDRESS_MAX };
    for (const char *end = path.at + path.len; path.len > 0;) {
        sv_text part = sv_text_cut(&path, '/');
        sv_percent_add(&out, part);
        if (part.at + part.len < end) {
            sv_textbuf_add_char(&out, '/');
        }
    }
    return sv_textbuf_end(&out) == SV_OK ? SV_OK
                                         : sv_fail(why, SV_ERR_INVALID, "the path is too long");
}

static sv_err fetch(tuf_repository *repository, const sv_trust *trust, const tuf_target_way *way,
                    const sv_trust_target *target, sv_text path, sv_textbuf *bytes, sv_why *why) {
    char plain[ADDRESS_MAX];
    char name[ADDRESS_MAX];
    sv_textbuf hashed = SV_TEXTBUF(plain);
    SV_TRY(sv_trust_target_name(trust, target, path, way->hashed, &hashed));
    SV_TRY(encode(sv_textbuf_text(&hashed), name, why));
    SV_TRY(tuf_repository_get(repository, way->base_url, sv_text_of(name),
                              (size_t) target->file.length, bytes, why));
    return sv_tuf_file_check(&target->file, sv_textbuf_text(bytes), why);
}

sv_err tuf_target_get(tuf_repository *repository, sv_trust *trust, const tuf_target_way *way,
                      sv_text path, bool *fetched, sv_why *why) {
    char place[SV_PATH_MAX];
    sv_trust_target target;
    SV_TRY(place_of(way->dir, path, place, why));
    SV_TRY(sv_trust_find(trust, path, &target, why));
    if (target.file.length > TUF_TARGET_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "\"" SV_TEXT_FMT "\" has %lld bytes; at most %d",
                       SV_TEXT_ARG(path), (long long) target.file.length, TUF_TARGET_BYTES_MAX);
    }
    *fetched = !is_there(place, &target.file);
    if (!*fetched) {
        return SV_OK;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP((size_t) target.file.length + 1);
    sv_why inner = { 0 };
    sv_err err = fetch(repository, trust, way, &target, path, &bytes, &inner);
    if (err != SV_OK) {
        return sv_fail(why, err, "target \"" SV_TEXT_FMT "\": %.300s", SV_TEXT_ARG(path),
                       inner.text);
    }
    return sv_disk_replace(place, sv_textbuf_text(&bytes), 0644, why);
}
