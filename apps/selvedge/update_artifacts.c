// From the folder of keys into the repository.
#include "update_image.h"
#include <base/fd.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_ROOM = SV_ENCODING_NAME_ROOM + 8, COPY_BYTES = 256 * 1024 };

typedef struct bringing {
    const update_release *release;
    const char *repo;
    const sv_target *target;
    sv_text path; ///< of the target
} bringing;

// ---- moving -------------------------------------------------------------------------------------

static sv_err copy_all(int from, int to, const char *path, sv_why *why) {
    for (;;) {
        ssize_t got = copy_file_range(from, NULL, to, NULL, COPY_BYTES, 0);
        if (got == 0) {
            return fsync(to) == 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot sync '%s': %m", path);
        }
        if (got < 0 && errno != EINTR) {
            return sv_fail(why, errno == ENOSPC ? SV_ERR_NO_SPACE : SV_ERR_IO,
                           "cannot copy to '%s': %m", path);
        }
    }
}

static sv_err copy_file(const char *from, const char *to, sv_why *why) {
    char fresh[SV_PATH_MAX + sizeof ".new"];
    (void) snprintf(fresh, sizeof fresh, "%s.new", to);
    SV_DEFER(sv_fd_drop) int source = open(from, O_RDONLY | O_CLOEXEC);
    SV_DEFER(sv_fd_drop)
    int sink = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (source < 0 || sink < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot copy '%s' to '%s': %m", from, fresh);
    }
    SV_TRY(copy_all(source, sink, fresh, why));
    return rename(fresh, to) == 0 ? SV_OK
                                  : sv_fail(why, SV_ERR_IO, "cannot put '%s' in place: %m", to);
}

/// The folder of keys may be on a stick.
static sv_err move_file(const char *from, const char *to, sv_why *why) {
    if (rename(from, to) == 0) {
        return SV_OK;
    }
    if (errno != EXDEV) {
        return sv_fail(why, SV_ERR_IO, "cannot move '%s' to '%s': %m", from, to);
    }
    SV_TRY(copy_file(from, to, why));
    return unlink(from) == 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot remove '%s': %m", from);
}

// ---- one encoding: its index and its chunks -----------------------------------------------------

typedef struct pair {
    char names[2][FILE_ROOM]; ///< the index first: nobody fetches chunks that it does not list
} pair;

static pair pair_of(const sv_encoding *encoding) {
    pair out;
    char name[SV_ENCODING_NAME_ROOM];
    sv_encoding_file(encoding, name);
    (void) snprintf(out.names[0], sizeof out.names[0], "%s.index", name);
    (void) snprintf(out.names[1], sizeof out.names[1], "%s", name);
    return out;
}

/// Are both in `dir`?
static bool has_pair(const char *dir, const sv_target *target, const pair *files) {
    char path[SV_PATH_MAX];
    bool both = true;
    for (size_t i = 0; both && i < SV_COUNT(files->names); i++) {
        both = update_artifact_path(dir, target->digest, files->names[i], path, NULL) == SV_OK
               && sv_disk_exists(path);
    }
    return both;
}

/// What was there before, and judged when it came.
static sv_err check_there(const bringing *b, const sv_encoding *encoding, const pair *files,
                          sv_why *why) {
    char path[SV_PATH_MAX];
    struct stat info;
    if (!has_pair(b->repo, b->target, files)) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "'" SV_TEXT_FMT
                       "' is signed, but its file %.80s is neither in '%.80s' nor in "
                       "'%.80s'. Bring its folder there, or sign the image again",
                       SV_TEXT_ARG(b->path), files->names[1], b->release->folder->dir, b->repo);
    }
    SV_TRY(update_artifact_path(b->repo, b->target->digest, files->names[1], path, why));
    return stat(path, &info) == 0 && (uint64_t) info.st_size == encoding->length
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED, "'%s' does not have the %llu bytes that are signed",
                         path, (unsigned long long) encoding->length);
}

static sv_err bring_encoding(const bringing *b, const sv_encoding *encoding, sv_why *why) {
    const char *dir = b->release->folder->dir;
    pair files = pair_of(encoding);
    sv_why inner = { 0 };
    if (!has_pair(dir, b->target, &files)) {
        return check_there(b, encoding, &files, why);
    }
    sv_err err = update_artifact_judge(dir, b->target, encoding, &inner);
    if (err != SV_OK) {
        return sv_fail(why, err,
                       "'" SV_TEXT_FMT
                       "' is not what was signed: %.200s. (Two releases of the same bytes "
                       "are both sealed or both plain.)",
                       SV_TEXT_ARG(b->path), inner.text);
    }
    char folder[SV_PATH_MAX];
    SV_TRY(update_artifact_path(b->repo, b->target->digest, NULL, folder, why));
    SV_TRY(sv_disk_make_folder(folder, 0755, why));
    for (size_t i = 0; i < SV_COUNT(files.names); i++) {
        char from[SV_PATH_MAX];
        char to[SV_PATH_MAX];
        SV_TRY(update_artifact_path(dir, b->target->digest, files.names[i], from, why));
        SV_TRY(update_artifact_path(b->repo, b->target->digest, files.names[i], to, why));
        SV_TRY(move_file(from, to, why));
    }
    return SV_OK;
}

// ---- plain images -------------------------------------------------------------------------------

/// `targets/<folder>/<sha256>.<name>`, as other TUF clients ask for it; `make`: its folder as well.
static sv_err plain_path(const char *repo, const sv_target *target, sv_text path, bool make,
                         char room[SV_PATH_MAX], sv_why *why) {
    size_t folder = 0;
    for (size_t i = 0; i < path.len; i++) {
        folder = path.at[i] == '/' ? i + 1 : folder;
    }
    sv_textbuf name = { .at = room, .cap = SV_PATH_MAX };
    sv_textbuf_addf(&name, "%s/targets/%.*s", repo, (int) folder, path.at);
    sv_err err = sv_textbuf_end(&name);
    if (err == SV_OK && make) {
        SV_TRY(sv_disk_make_folder(room, 0755, why));
    }
    sv_hex_add(&name, target->digest, sizeof target->digest);
    sv_textbuf_addf(&name, ".%.*s", (int) (path.len - folder), path.at + folder);
    return sv_textbuf_end(&name) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%.160s' is too long a path", repo);
}

static sv_err link_plain(const bringing *b, sv_why *why) {
    char from[SV_PATH_MAX];
    char to[SV_PATH_MAX];
    SV_TRY(plain_path(b->repo, b->target, b->path, true, to, why));
    SV_TRY(update_artifact_path(b->repo, b->target->digest, "raw", from, why));
    if (link(from, to) == 0 || errno == EEXIST) {
        return SV_OK;
    }
    return copy_file(from, to, why);
}

sv_err update_plain_judge(const char *repo, const sv_target *target, const char *path,
                          sv_why *why) {
    SV_DEFER(update_file_drop) update_file file = { .fd = -1 };
    char place[SV_PATH_MAX];
    SV_TRY(plain_path(repo, target, sv_text_of(path), false, place, why));
    SV_TRY(update_file_open(place, &file, why));
    sv_why inner = { 0 };
    sv_err err = sv_image_check(&file.bytes, target, &inner);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "'%.200s': %.160s", place, inner.text);
}

// ---- all of them --------------------------------------------------------------------------------

static sv_err bring(bringing *b, sv_why *why) {
    char path[SV_PATH_MAX];
    for (size_t i = 0; i < b->target->encoding_count; i++) {
        SV_TRY(bring_encoding(b, &b->target->encodings[i], why));
    }
    SV_TRY(update_artifact_path(b->release->folder->dir, b->target->digest, NULL, path, why));
    (void) rmdir(path); // stays while something is in it that nobody has signed
    return b->target->sealed ? SV_OK : link_plain(b, why);
}

typedef struct visit {
    bringing b;
    sv_why *why;
} visit;

static sv_err bring_one(void *arg, sv_text path, const sv_json *value) {
    visit *v = arg;
    sv_target target;
    sv_tuf_file file;
    sv_err err =
        sv_tuf_file_read(value, &file) ? sv_target_read(&file, &target, v->why) : SV_ERR_INVALID;
    if (err == SV_ERR_NOT_FOUND) { // somebody else's, who serves it in ways of his own
        return SV_OK;
    }
    SV_TRY(err);
    v->b.target = &target;
    v->b.path = path;
    return bring(&v->b, v->why);
}

sv_err update_artifacts_bring(const update_release *release, const char *repo, sv_why *why) {
    const update_document *targets = NULL;
    visit v = { .b = { .release = release, .repo = repo }, .why = why };
    for (size_t i = 0; (targets = update_release_targets(release, i)) != NULL; i++) {
        SV_TRY(sv_json_each(sv_json_get(targets->metadata->content, "targets"), bring_one, &v));
    }
    return SV_OK;
}

// ---- from somebody else's folder ----------------------------------------------------------------

typedef struct taking {
    const update_folder *folder;
    const char *from;
    sv_why *why;
} taking;

static sv_err take_encoding(const taking *t, const sv_target *target, const sv_encoding *encoding) {
    pair files = pair_of(encoding);
    if (has_pair(t->folder->dir, target, &files) || !has_pair(t->from, target, &files)) {
        return SV_OK;
    }
    for (size_t i = SV_COUNT(files.names); i > 0; i--) { // the index last: then both are whole
        char from[SV_PATH_MAX];
        char to[SV_PATH_MAX];
        SV_TRY(update_artifact_path(t->from, target->digest, files.names[i - 1], from, t->why));
        SV_TRY(
            update_artifact_path(t->folder->dir, target->digest, files.names[i - 1], to, t->why));
        SV_TRY(copy_file(from, to, t->why));
    }
    return SV_OK;
}

static sv_err take_one(void *arg, sv_text path, const sv_json *value) {
    const taking *t = arg;
    char to[SV_PATH_MAX];
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    sv_tuf_file file;
    (void) path;
    if (!sv_tuf_file_read(value, &file) || sv_target_read(&file, target, NULL) != SV_OK) {
        return SV_OK; // judged when it is published
    }
    SV_TRY(update_artifact_path(t->from, target->digest, NULL, to, t->why));
    if (!sv_disk_exists(to)) {
        return SV_OK;
    }
    SV_TRY(update_artifact_path(t->folder->dir, target->digest, NULL, to, t->why));
    SV_TRY(sv_disk_make_folder(to, 0755, t->why));
    for (size_t i = 0; i < target->encoding_count; i++) {
        SV_TRY(take_encoding(t, target, &target->encodings[i]));
    }
    return SV_OK;
}

sv_err update_artifacts_take(const update_folder *folder, const update_document *document,
                             const char *from, sv_why *why) {
    taking t = { .folder = folder, .from = from, .why = why };
    return sv_json_each(sv_json_get(document->metadata->content, "targets"), take_one, &t);
}
