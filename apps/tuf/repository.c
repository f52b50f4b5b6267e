#include "repository.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <codec/url.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/loop.h>

enum { TURN_US = 50000 };

struct tuf_repository {
    tuf_place place;
    sv_loop *loop;
    sv_tls *tls;            ///< NULL until something is asked over https
    sv_http_client *client; ///< to where `base` is
    const char *base;
};

sv_err tuf_repository_open(const tuf_place *place, tuf_repository **out, sv_why *why) {
    SV_DEFER(tuf_repository_drop) tuf_repository *repository = sv_mem_new(sizeof *repository);
    repository->place = *place;
    SV_TRY(sv_loop_open(&repository->loop, why));
    *out = repository;
    repository = NULL;
    return SV_OK;
}

void tuf_repository_drop(tuf_repository **repository) {
    if (*repository != NULL) {
        sv_http_client_drop(&(*repository)->client);
        sv_tls_drop(&(*repository)->tls);
        sv_loop_drop(&(*repository)->loop);
        free(*repository);
        *repository = NULL;
    }
}

// ---- asking -------------------------------------------------------------------------------------

/// `base`, a slash, and the name.
static sv_err make_path(const char *base, sv_text name, char room[SV_URL_PATH_MAX], sv_why *why) {
    sv_url url;
    sv_textbuf path = { .at = room, .cap = SV_URL_PATH_MAX };
    SV_TRY(sv_url_parse(sv_text_of(base), &url, why));
    size_t len = strlen(url.path);
    sv_textbuf_add(&path, (sv_text){ .at = url.path, .len = len });
    if (len == 0 || url.path[len - 1] != '/') {
        sv_textbuf_add_char(&path, '/');
    }
    sv_textbuf_add(&path, name);
    return sv_textbuf_end(&path) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the address of '" SV_TEXT_FMT "' is too long",
                         SV_TEXT_ARG(name));
}

static sv_err reach(tuf_repository *repository, const char *base, sv_why *why) {
    sv_url url;
    if (repository->client != NULL && repository->base == base) {
        return SV_OK;
    }
    sv_http_client_drop(&repository->client);
    SV_TRY(sv_url_parse(sv_text_of(base), &url, why));
    if (url.tls && repository->tls == NULL) {
        const sv_tls_files files = { .ca = repository->place.ca,
                                     .cert = repository->place.cert,
                                     .key = repository->place.key,
                                     .foreign = true };
        SV_TRY(sv_tls_client(&files, &repository->tls, why));
    }
    SV_TRY(sv_http_client_open(repository->loop, base, repository->tls, TUF_PATIENCE_US,
                               &repository->client, why));
    repository->base = base;
    return SV_OK;
}

typedef struct answer {
    bool done;
    int status;
    sv_http_part *part;
    void *arg;
    sv_err err; ///< of `part`
    sv_why why;
} answer;

static sv_err take_part(void *arg, sv_text part, sv_why *why) {
    answer *mine = arg;
    mine->err = mine->part(mine->arg, part, why);
    return mine->err;
}

static void take_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    answer *mine = arg;
    mine->done = true;
    mine->status = reply->status;
    if (reply->status == 0) {
        sv_err err = mine->err != SV_OK ? mine->err : SV_ERR_UNAVAILABLE;
        mine->err = sv_fail(&mine->why, err, "%s", why != NULL ? why->text : "");
    }
}

sv_err tuf_repository_get(tuf_repository *repository, const char *base, sv_text name,
                          sv_http_part *part, void *arg, sv_why *why) {
    char path[SV_URL_PATH_MAX];
    answer got = { .part = part, .arg = arg };
    const sv_http_errand errand = { .method = "GET", .path = path, .part = take_part };
    SV_TRY(make_path(base, name, path, why));
    SV_TRY(reach(repository, base, why));
    SV_TRY(sv_http_client_ask(repository->client, &errand, take_answer, &got));
    while (!got.done) { // the client calls back for every request, at the latest when it is late
        sv_loop_turn(repository->loop, TURN_US);
    }
    if (got.err != SV_OK) {
        return sv_fail(why, got.err, "%s", got.why.text);
    }
    if (got.status == 403 || got.status == 404) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "the repository answers %d", got.status);
    }
    return got.status == 200
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE, "the repository answers %d", got.status);
}

// ---- what lib/update asks for -------------------------------------------------------------------

/// Metadata is held whole.
typedef struct basket {
    sv_textbuf *out;
    size_t room, bytes_max;
} basket;

static sv_err fill(void *arg, sv_text part, sv_why *why) {
    basket *b = arg;
    if (part.len > b->room) {
        return sv_fail(why, SV_ERR_INVALID, "it has more than %zu bytes", b->bytes_max);
    }
    b->room -= part.len;
    sv_textbuf_add(b->out, part);
    return SV_OK;
}

static sv_err fetch(void *arg, const char *name, size_t bytes_max, sv_textbuf *out, sv_why *why) {
    tuf_repository *repository = arg;
    basket b = { .out = out, .room = bytes_max, .bytes_max = bytes_max };
    return tuf_repository_get(repository, repository->place.metadata_url, sv_text_of(name), fill,
                              &b, why);
}

static sv_err path_of(const tuf_repository *repository, const char *name, char room[SV_PATH_MAX],
                      sv_why *why) {
    return sv_disk_join(room, SV_PATH_MAX, repository->place.metadata_dir, name) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path of '%s' is too long", name);
}

static sv_err load(void *arg, const char *name, sv_textbuf *out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(path_of(arg, name, path, why));
    return sv_disk_read(path, out, why);
}

static sv_err keep(void *arg, const char *name, sv_text bytes, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(path_of(arg, name, path, why));
    return sv_disk_replace(path, bytes, 0644, why);
}

sv_trust_io tuf_repository_io(tuf_repository *repository) {
    return (sv_trust_io){ .arg = repository, .fetch = fetch, .load = load, .keep = keep };
}
