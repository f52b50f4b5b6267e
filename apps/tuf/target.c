#include "target.h"
#include <base/fd.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <update/target.h>

enum { ADDRESS_MAX = 2048, READ_BYTES = 64 * 1024 };

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
    SV_DEFER(sv_tuf_judge_drop) sv_tuf_judge *judge = NULL;
    SV_DEFER(sv_fd_drop) int fd = open(place, O_RDONLY | O_CLOEXEC);
    static char block[READ_BYTES];
    if (fd < 0 || sv_tuf_judge_open(file, &judge, NULL) != SV_OK) {
        return false;
    }
    ssize_t got = 0;
    while ((got = read(fd, block, sizeof block)) > 0) {
        if (sv_tuf_judge_add(judge, (sv_text){ .at = block, .len = (size_t) got }, NULL) != SV_OK) {
            return false;
        }
    }
    return got == 0 && sv_tuf_judge_end(judge, NULL) == SV_OK;
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

/// A target on its way: judged, and written beside its place.
typedef struct arrival {
    sv_tuf_judge *judge;
    sv_disk_draft *draft;
} arrival;

static void arrival_drop(arrival *a) {
    sv_tuf_judge_drop(&a->judge);
    sv_disk_draft_drop(&a->draft);
}

static sv_err take_part(void *arg, sv_text part, sv_why *why) {
    const arrival *a = arg;
    SV_TRY(sv_tuf_judge_add(a->judge, part, why));
    return sv_disk_draft_add(a->draft, part, why);
}

/// Of downloads that were killed.
static sv_err clear_drafts(const char *place, sv_why *why) {
    char folder[SV_PATH_MAX];
    const char *slash = strrchr(place, '/');
    SV_TRY(sv_text_copy((sv_text){ .at = place, .len = (size_t) (slash - place) }, folder,
                        sizeof folder));
    return sv_disk_clear_drafts(folder, slash + 1, why);
}

static sv_err fetch(tuf_repository *repository, const sv_tuf_file *file, const char *base,
                    sv_text name, const char *place, sv_why *why) {
    SV_DEFER(arrival_drop) arrival a = { .judge = NULL };
    SV_TRY(sv_tuf_judge_open(file, &a.judge, why));
    SV_TRY(clear_drafts(place, why));
    SV_TRY(sv_disk_draft_open(place, 0644, &a.draft, why));
    SV_TRY(tuf_repository_get(repository, base, name, take_part, &a, why));
    SV_TRY(sv_tuf_judge_end(a.judge, why));
    return sv_disk_draft_keep(a.draft, why);
}

static sv_err name_of(const sv_trust *trust, const sv_trust_target *target, sv_text path,
                      bool hashed, char room[ADDRESS_MAX], sv_why *why) {
    char plain[ADDRESS_MAX];
    sv_textbuf name = SV_TEXTBUF(plain);
    SV_TRY(sv_trust_target_name(trust, target, path, hashed, &name));
    return encode(sv_textbuf_text(&name), room, why);
}

static bool is_sealed(const sv_tuf_file *file) {
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    return sv_target_read(file, target, NULL) == SV_OK && target->sealed;
}

/// A sealed release has no file that anybody could fetch.
static sv_err explain(const sv_trust_target *target, sv_text path, sv_err err, const sv_why *inner,
                      sv_why *why) {
    if (err == SV_ERR_NOT_FOUND && is_sealed(&target->file)) {
        return sv_fail(why, err,
                       "target \"" SV_TEXT_FMT
                       "\" is a sealed release: the devices it is for open it, and nobody else "
                       "can. For clients like this one it is signed with `selvedge update sign "
                       "--plain` (%.100s)",
                       SV_TEXT_ARG(path), inner->text);
    }
    return sv_fail(why, err, "target \"" SV_TEXT_FMT "\": %.300s", SV_TEXT_ARG(path), inner->text);
}

sv_err tuf_target_get(tuf_repository *repository, sv_trust *trust, const tuf_target_way *way,
                      sv_text path, bool *fetched, sv_why *why) {
    char place[SV_PATH_MAX];
    sv_trust_target target;
    SV_TRY(place_of(way->dir, path, place, why));
    SV_TRY(sv_trust_find(trust, path, &target, why));
    if (target.file.length > TUF_TARGET_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "\"" SV_TEXT_FMT "\" has %lld bytes; at most %lld",
                       SV_TEXT_ARG(path), (long long) target.file.length,
                       (long long) TUF_TARGET_BYTES_MAX);
    }
    *fetched = !is_there(place, &target.file);
    if (!*fetched) {
        return SV_OK;
    }
    char name[ADDRESS_MAX];
    sv_why inner = { 0 };
    sv_err err = name_of(trust, &target, path, way->hashed, name, &inner);
    if (err == SV_OK) {
        err = fetch(repository, &target.file, way->base_url, sv_text_of(name), place, &inner);
    }
    return err == SV_OK ? SV_OK : explain(&target, path, err, &inner, why);
}
