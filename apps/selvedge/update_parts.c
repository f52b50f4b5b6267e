#include "update_parts.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ROOT[] = "/api/v1/images/parts/";

typedef struct state {
    int64_t bytes;
    bool judged;
} state;

static sv_err read_state(const sv_json *answer, state *out, sv_why *why) {
    return sv_json_int(sv_json_get(answer, "bytes"), &out->bytes)
                   && sv_json_bool(sv_json_get(answer, "complete"), &out->judged)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "the server's answer is none of ours: is it of this release?");
}

static sv_err ask_state(update_parts *parts, const char *name, state *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    (void) snprintf(path, sizeof path, "%s%.400s", ROOT, name);
    SV_TRY(sv_fleet_api_get(parts->api, path, &answer, why));
    return read_state(answer, out, why);
}

/// A server that is away comes back, and one that judges ends.
static sv_err ask_patiently(update_parts *parts, const char *name, state *out, sv_why *why) {
    sv_err err = SV_OK;
    for (int i = 0; i < UPDATE_PART_TRIES; i++) {
        err = ask_state(parts, name, out, why);
        if (err != SV_ERR_UNAVAILABLE) {
            return err;
        }
        sv_fleet_api_pause(parts->api, UPDATE_PART_PAUSE_US);
    }
    return err;
}

sv_err update_part_is_there(update_parts *parts, const char *name, bool *out, sv_why *why) {
    state now;
    SV_TRY(ask_patiently(parts, name, &now, why));
    *out = now.judged;
    return SV_OK;
}

// ---- one file -----------------------------------------------------------------------------------

typedef struct sending {
    update_parts *parts;
    const char *name, *path;
    int fd;
    int64_t length, at;
    size_t piece; ///< bytes at once
    int misses;   ///< tries in a row that brought nothing
} sending;

static sv_err read_piece(const sending *s, char *room, size_t *bytes, sv_why *why) {
    int64_t left = s->length - s->at;
    size_t want = left < (int64_t) s->piece ? (size_t) left : s->piece;
    ssize_t got = 0;
    do {
        got = pread(s->fd, room, want, (off_t) s->at);
    } while (got < 0 && errno == EINTR);
    if (got < 0 || (got == 0 && want > 0)) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%.200s': %s", s->path,
                       got == 0 ? "it became shorter" : "the disk says no");
    }
    *bytes = (size_t) got;
    return SV_OK;
}

static sv_err put_piece(sending *s, sv_text piece, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    state now;
    (void) snprintf(path, sizeof path, "%s%.400s?offset=%lld", ROOT, s->name, (long long) s->at);
    const sv_fleet_api_errand errand = {
        .method = "PUT", .path = path, .content_type = "application/octet-stream", .body = piece
    };
    SV_TRY(sv_fleet_api_ask(s->parts->api, &errand, &answer, why));
    SV_TRY(read_state(answer, &now, why));
    s->parts->bytes += (int64_t) piece.len;
    s->at = now.bytes;
    s->misses = 0;
    return SV_OK;
}

/// After a failure: is it worth another try, and from where?
static sv_err go_on(sending *s, sv_err err, sv_why *why) {
    state now;
    if ((err != SV_ERR_STATE && err != SV_ERR_UNAVAILABLE) || ++s->misses > UPDATE_PART_TRIES) {
        return err;
    }
    s->piece = s->piece > UPDATE_PART_LEAST ? s->piece / 2 : s->piece;
    sv_fleet_api_pause(s->parts->api, UPDATE_PART_PAUSE_US);
    if (ask_state(s->parts, s->name, &now, why) == SV_OK) {
        s->at = now.judged ? s->length : now.bytes <= s->length ? now.bytes : 0;
    }
    return SV_OK;
}

static sv_err send_all(sending *s, sv_why *why) {
    SV_DEFER(sv_mem_drop) char *room = sv_mem_new(UPDATE_PART_BYTES);
    while (s->at < s->length) {
        size_t bytes = 0;
        SV_TRY(read_piece(s, room, &bytes, why));
        sv_err err = put_piece(s, (sv_text){ .at = room, .len = bytes }, why);
        if (err != SV_OK) {
            SV_TRY(go_on(s, err, why));
        }
        update_progress_tell(&s->parts->progress, (uint64_t) s->at, (uint64_t) s->length);
    }
    return SV_OK;
}

sv_err update_part_send(update_parts *parts, const char *name, const char *path, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    state now;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "cannot open '%.300s': %m", path);
    }
    SV_TRY(ask_patiently(parts, name, &now, why));
    if (now.judged) {
        return SV_OK;
    }
    sending s = { .parts = parts,
                  .name = name,
                  .path = path,
                  .fd = fd,
                  .length = (int64_t) info.st_size,
                  .at = now.bytes,
                  .piece = UPDATE_PART_BYTES };
    // What lies there may be of another publication: small files are sent whole.
    s.at = s.at > s.length || s.length <= UPDATE_PART_BYTES ? 0 : s.at;
    update_progress_begin(&parts->progress, name);
    sv_err err = send_all(&s, why);
    update_progress_end(&parts->progress);
    parts->files += err == SV_OK;
    return err;
}

// ---- judged -------------------------------------------------------------------------------------

static bool is_judging(const sv_json *answer) {
    sv_text word = { 0 };
    return sv_json_text(sv_json_get(answer, "state"), &word) && sv_text_is(word, "judging");
}

static void tell(update_parts *parts, const sv_json *answer) {
    int64_t checked = 0;
    int64_t of = 0;
    (void) sv_json_int(sv_json_get(answer, "checked"), &checked);
    (void) sv_json_int(sv_json_get(answer, "of"), &of);
    update_progress_tell(&parts->progress, (uint64_t) checked, (uint64_t) of);
}

sv_err update_parts_judged(update_parts *parts, const char *path, sv_json **out, sv_why *why) {
    int misses = 0;
    update_progress_begin(&parts->progress, "the server judges");
    for (;;) {
        SV_DEFER(sv_json_drop) sv_json *answer = NULL;
        const sv_fleet_api_errand errand = { .method = "POST", .path = path };
        sv_err err = sv_fleet_api_ask(parts->api, &errand, &answer, why);
        misses = err == SV_OK ? 0 : misses + 1;
        if (err != SV_OK && (err != SV_ERR_UNAVAILABLE || misses > UPDATE_PART_TRIES)) {
            update_progress_end(&parts->progress);
            return err == SV_ERR_INVALID ? SV_ERR_UNTRUSTED : err; // the server believes it not
        }
        if (err == SV_OK && !is_judging(answer)) {
            update_progress_end(&parts->progress);
            *out = answer;
            answer = NULL;
            return SV_OK;
        }
        tell(parts, answer);
        sv_fleet_api_pause(parts->api, UPDATE_PART_PAUSE_US);
    }
}
