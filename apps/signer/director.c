#include "director.h"

#include <base/mem.h>
#include <crypto/key_store.h>
#include <crypto/signing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sv_err path_of(const signer_director *director, const char *name, char path[SV_PATH_MAX],
                      sv_why *why) {
    return sv_disk_join(path, SV_PATH_MAX, director->folder, name) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", director->folder);
}

static sv_err open_key(signer_director *director, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_make_folder(director->folder, 0755, why));
    SV_TRY(path_of(director, SV_DIRECTOR_KEY_FILE, path, why));
    sv_err err = sv_key_open(path, &director->key, why);
    if (err == SV_ERR_NOT_FOUND) {
        err = sv_key_make(path, SV_KEY_EC, &director->key, why);
    }
    SV_TRY(err);
    return sv_tuf_public_of(director->key, &director->who, why);
}

// ---- roots --------------------------------------------------------------------------------------

static sv_err root_path(const signer_director *director, int64_t version, char path[SV_PATH_MAX],
                        sv_why *why) {
    char name[64] = SV_DIRECTOR_FIRST_ROOT_FILE;
    if (version > 1) {
        (void) snprintf(name, sizeof name, "director.%lld.root.json", (long long) version);
    }
    return path_of(director, name, path, why);
}

sv_err director_root(const signer_director *director, int64_t version, sv_textbuf *out,
                     sv_why *why) {
    char path[SV_PATH_MAX];
    if (version < 1 || version > director->version) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "the director has no root %lld", (long long) version);
    }
    SV_TRY(root_path(director, version, path, why));
    return sv_disk_read(path, out, why);
}

/// The first one: devices were given it.
static sv_err open_first(signer_director *director, int64_t now_us, sv_why *why) {
    char path[SV_PATH_MAX];
    sv_tuf_public named;
    sv_why inner = { 0 };
    SV_TRY(root_path(director, 1, path, why));
    sv_err err = sv_disk_read(path, &director->root, why);
    if (err == SV_ERR_NOT_FOUND) {
        SV_TRY(sv_director_root_make(director->key, now_us, &director->root, why));
        err = sv_disk_replace(path, sv_textbuf_text(&director->root), 0644, why);
    }
    SV_TRY(err);
    director->version = 1;
    err = sv_director_root_key(sv_textbuf_text(&director->root), &named, &inner);
    return err == SV_OK ? SV_OK
                        : sv_fail(why, SV_ERR_INVALID, "'%.200s' is no root of a director: %.200s",
                                  path, inner.text);
}

/// Each has to follow the one before, as devices judge it.
static sv_err follow(signer_director *director, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf next = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    char path[SV_PATH_MAX];
    sv_why inner = { 0 };
    for (;;) {
        sv_textbuf_clear(&next);
        SV_TRY(root_path(director, director->version + 1, path, why));
        sv_err err = sv_disk_read(path, &next, why);
        if (err == SV_ERR_NOT_FOUND) {
            return SV_OK;
        }
        SV_TRY(err);
        err = sv_director_root_follows(sv_textbuf_text(&director->root), sv_textbuf_text(&next),
                                       &inner);
        if (err != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "'%.200s': %.200s", path, inner.text);
        }
        sv_textbuf_clear(&director->root);
        sv_textbuf_add(&director->root, sv_textbuf_text(&next));
        director->version++;
    }
}

// ---- the key that the newest root names ---------------------------------------------------------

/// The root names the next key: its change was cut off after the root was written. [director-9]
static sv_err take_next_key(signer_director *director, const char *named, bool *out, sv_why *why) {
    char path[SV_PATH_MAX];
    char own[SV_PATH_MAX];
    sv_tuf_public who;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *next = NULL;
    *out = false;
    SV_TRY(path_of(director, SV_DIRECTOR_NEXT_KEY_FILE, path, why));
    sv_err err = sv_key_open(path, &next, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    SV_TRY(sv_tuf_public_of(next, &who, why));
    if (strcmp(who.id, named) != 0) {
        return SV_OK;
    }
    SV_TRY(path_of(director, SV_DIRECTOR_KEY_FILE, own, why));
    if (rename(path, own) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot rename '%.200s': %m", path);
    }
    SV_TRY(sv_disk_sync_folder_of(own, why));
    sv_key_drop(&director->key);
    director->key = next;
    next = NULL;
    director->who = who;
    *out = true;
    return SV_OK;
}

static sv_err check_key(signer_director *director, sv_why *why) {
    sv_tuf_public named;
    bool taken = false;
    SV_TRY(sv_director_root_key(sv_textbuf_text(&director->root), &named, why));
    if (strcmp(named.id, director->who.id) == 0) {
        return SV_OK;
    }
    SV_TRY(take_next_key(director, named.id, &taken, why));
    return taken ? SV_OK
                 : sv_fail(why, SV_ERR_INVALID,
                           "root %lld in '%.200s' is of another key than director.key beside it: "
                           "restore the one that belongs to it, for devices trust this root alone",
                           (long long) director->version, director->folder);
}

sv_err director_open(const char *pki, int64_t now_us, signer_director **out, sv_why *why) {
    SV_DEFER(director_drop) signer_director *director = sv_mem_new(sizeof *director);
    director->root = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    if (sv_disk_join(director->folder, sizeof director->folder, pki, "signer") != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", pki);
    }
    SV_TRY(open_key(director, why));
    SV_TRY(open_first(director, now_us, why));
    SV_TRY(follow(director, why));
    SV_TRY(check_key(director, why));
    *out = director;
    director = NULL;
    return SV_OK;
}

void director_drop(signer_director **director) {
    if (*director != NULL) {
        sv_key_drop(&(*director)->key);
        sv_textbuf_drop(&(*director)->root);
        free(*director);
        *director = NULL;
    }
}

/// Nobody who asks all the time keeps the key busy.
static sv_err count(signer_director *director, int64_t now_us, sv_why *why) {
    int64_t minute = now_us / SV_TIME_MINUTE_US;
    if (minute != director->minute) {
        director->minute = minute;
        director->count = 0;
    }
    if (director->count == DIRECT_A_MINUTE) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "%d assignments were signed in this minute; ask again in the next",
                       DIRECT_A_MINUTE);
    }
    director->count++;
    return SV_OK;
}

/// A version far ahead would make a device deaf for what comes after; a time far ahead would make
/// an assignment last.
static sv_err check_moment(const sv_direct *direct, int64_t now_us, sv_why *why) {
    int64_t newest = now_us / SV_TIME_SECOND_US + DIRECT_VERSION_AHEAD_S;
    if (direct->now_us > now_us + DIRECT_CLOCK_US || direct->now_us < now_us - DIRECT_CLOCK_US) {
        return sv_fail(why, SV_ERR_INVALID,
                       "an assignment is made at %lld where the signer's clock is at %lld s: set "
                       "the clock right",
                       (long long) (direct->now_us / SV_TIME_SECOND_US),
                       (long long) (now_us / SV_TIME_SECOND_US));
    }
    if (direct->version > newest) {
        return sv_fail(why, SV_ERR_INVALID,
                       "version %lld of an assignment is ahead of its time: versions are seconds "
                       "since 1970, at most %lld now",
                       (long long) direct->version, (long long) newest);
    }
    return SV_OK;
}

typedef struct signing {
    const signer_director *director;
    sv_textbuf *out;
} signing;

static sv_err sign(void *arg, sv_text message, sv_textbuf *hex, sv_why *why) {
    const signing *s = arg;
    size_t before = hex->len;
    SV_TRY(sv_signing_add(s->director->key, message, hex, why));
    sv_textbuf_add(s->out, (sv_text){ .at = hex->at + before, .len = hex->len - before });
    sv_textbuf_add_char(s->out, '\n');
    return SV_OK;
}

sv_err director_sign(signer_director *director, const sv_direct *direct, int64_t now_us,
                     sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    signing s = { .director = director, .out = out };
    SV_TRY(sv_direct_check(direct, why));
    SV_TRY(check_moment(direct, now_us, why));
    SV_TRY(count(director, now_us, why));
    SV_TRY(sv_director_compose(direct, director->who.id, sign, &s, &made, why));
    return sv_textbuf_end(out);
}
