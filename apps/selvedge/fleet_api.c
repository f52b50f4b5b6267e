#include "fleet_api.h"

#include "command.h"
#include <base/mem.h>
#include <codec/url.h>
#include <net/http_client.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/loop.h>

enum { LOCATION_MAX = 128, ASK_US = 10 * 1000000, TURN_US = 50000, DESCRIPTION_MAX = 1024 * 1024 };

#define PILOT_HERE "pilot"

struct sv_fleet_api {
    char url[SV_PATH_MAX], token_file[SV_PATH_MAX], ca[SV_PATH_MAX]; ///< ca empty: the system's
    char authorization[SV_FLEET_API_TOKEN_MAX + sizeof "Bearer "];
    sv_loop *loop;
    sv_tls *tls;
    sv_http_client *client;
    char location[LOCATION_MAX]; ///< of the last answer; "": it had none
};

// ---- where --------------------------------------------------------------------------------------

static sv_err copy_path(const char *what, sv_text path, char room[SV_PATH_MAX], sv_why *why) {
    return sv_text_copy(path, room, SV_PATH_MAX) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "%s is longer than %d bytes", what, SV_PATH_MAX - 1);
}

static sv_err read_pilot(sv_fleet_api *api, const char *dir, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(DESCRIPTION_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text url;
    sv_text token_file;
    sv_text ca;
    if (sv_disk_join(path, sizeof path, dir, "pilot.json") != SV_OK || !sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "there is no pilot in '%s': start one with `selvedge pilot --dir %s`", dir,
                       dir);
    }
    SV_TRY(sv_disk_read(path, &text, why));
    if (sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL) != SV_OK
        || !sv_json_text(sv_json_get(sv_json_get(root, "fleet"), "operator_url"), &url)
        || !sv_json_text(sv_json_get(root, "token_file"), &token_file)
        || !sv_json_text(sv_json_get(root, "ca"), &ca)) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is no description of a pilot", path);
    }
    SV_TRY(copy_path("the pilot's url", url, api->url, why));
    SV_TRY(copy_path("the pilot's ca", ca, api->ca, why));
    return copy_path("the pilot's token_file", token_file, api->token_file, why);
}

static sv_err read_place(sv_fleet_api *api, const sv_fleet_place *place, sv_why *why) {
    if (place->url == NULL) {
        if (place->token_file != NULL || place->ca != NULL) {
            return sv_fail(why, SV_ERR_INVALID, "--token-file and --ca belong to a --url");
        }
        if (place->pilot == NULL && !sv_disk_exists(PILOT_HERE "/pilot.json")) {
            return sv_fail(why, SV_ERR_INVALID,
                           "whom to ask? Say --url URL --token-file FILE, or --pilot DIR; there is "
                           "no pilot in ./" PILOT_HERE);
        }
        return read_pilot(api, place->pilot != NULL ? place->pilot : PILOT_HERE, why);
    }
    if (place->pilot != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--pilot and --url are two places: say one of them");
    }
    if (place->token_file == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--url needs --token-file FILE, an API token");
    }
    SV_TRY(copy_path("--url", sv_text_of(place->url), api->url, why));
    SV_TRY(copy_path("--token-file", sv_text_of(place->token_file), api->token_file, why));
    return copy_path("--ca", sv_text_of(place->ca), api->ca, why);
}

// ---- opening ------------------------------------------------------------------------------------

static bool is_printable(sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~') {
            return false;
        }
    }
    return text.len > 0;
}

static sv_err read_token(sv_fleet_api *api, sv_why *why) {
    char room[SV_FLEET_API_TOKEN_MAX];
    sv_textbuf file = SV_TEXTBUF(room);
    sv_err err = sv_disk_read(api->token_file, &file, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_INVALID, "there is no token file '%s'", api->token_file);
    }
    sv_text token = sv_text_trim(sv_textbuf_text(&file));
    if (err == SV_ERR_NO_SPACE || (err == SV_OK && !is_printable(token))) {
        err = sv_fail(why, SV_ERR_INVALID, "'%s' does not hold an API token", api->token_file);
    }
    if (err == SV_OK) {
        (void) snprintf(api->authorization, sizeof api->authorization, "Bearer " SV_TEXT_FMT,
                        SV_TEXT_ARG(token));
    }
    explicit_bzero(room, sizeof room);
    return err;
}

/// The token must not cross a network for everybody to read.
static sv_err check_url(const sv_fleet_api *api, sv_url *url, sv_why *why) {
    SV_TRY(sv_url_parse(sv_text_of(api->url), url, why));
    bool address = strspn(url->host, "0123456789.") == strlen(url->host);
    bool loopback = (address && strncmp(url->host, "127.", 4) == 0)
                    || strcmp(url->host, "localhost") == 0 || strcmp(url->host, "::1") == 0;
    if (!url->tls && !loopback) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' is plain HTTP to another machine, where anybody could read the token: "
                       "use https://",
                       api->url);
    }
    return SV_OK;
}

sv_err sv_fleet_api_open(const sv_fleet_place *place, sv_fleet_api **out, sv_why *why) {
    SV_DEFER(sv_fleet_api_drop) sv_fleet_api *api = sv_mem_new(sizeof *api);
    sv_url url;
    SV_TRY(read_place(api, place, why));
    SV_TRY(check_url(api, &url, why));
    SV_TRY(read_token(api, why));
    SV_TRY(sv_loop_open(&api->loop, why));
    if (url.tls) {
        const sv_tls_files files = { .ca = api->ca[0] != '\0' ? api->ca : NULL, .foreign = true };
        SV_TRY(sv_tls_client(&files, &api->tls, why));
    }
    int64_t patience_us = place->patience_us > 0 ? place->patience_us : ASK_US;
    SV_TRY(sv_http_client_open(api->loop, api->url, api->tls, patience_us, &api->client, why));
    *out = api;
    api = NULL;
    return SV_OK;
}

void sv_fleet_api_drop(sv_fleet_api **api) {
    sv_fleet_api *old = *api;
    *api = NULL;
    if (old != NULL) {
        sv_http_client_drop(&old->client);
        sv_tls_drop(&old->tls);
        sv_loop_drop(&old->loop);
        explicit_bzero(old->authorization, sizeof old->authorization);
        sv_mem_drop(&old);
    }
}

// ---- asking -------------------------------------------------------------------------------------

typedef struct answer {
    bool done;
    int status;
    char *location;
    sv_textbuf body;
    sv_why why;
} answer;

static void drop_answer(answer *mine) {
    sv_textbuf_drop(&mine->body);
}

static void take_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    answer *mine = arg;
    mine->done = true;
    mine->status = reply->status;
    (void) snprintf(mine->location, LOCATION_MAX, "%s",
                    reply->location != NULL ? reply->location : "");
    sv_textbuf_add(&mine->body, reply->body);
    if (why != NULL) {
        mine->why = *why;
    }
}

/// What the server says about it (RFC 9457), or just the status.
static sv_err say_no(const sv_fleet_api *api, int status, const sv_json *problem, sv_why *why) {
    sv_text detail = SV_TEXT("");
    (void) sv_json_text(sv_json_get(problem, "detail"), &detail);
    sv_err err = sv_status_err(status);
    bool refused = err == SV_ERR_UNTRUSTED;
    return sv_fail(why, err, "the fleet server at %s answered %d%s" SV_TEXT_FMT "%s%s", api->url,
                   status, detail.len > 0 ? ": " : "", SV_TEXT_ARG(detail),
                   refused ? "; the token comes from " : "", refused ? api->token_file : "");
}

/// SV_OK: somebody answered, whatever it was.
static sv_err fetch(sv_fleet_api *api, const sv_fleet_api_errand *errand, answer *got,
                    sv_why *why) {
    const sv_http_field fields[] = { { "Authorization", api->authorization },
                                     { "If-Match", errand->if_match },
                                     { "Content-Type", errand->content_type } };
    const sv_http_errand asked = { .method = errand->method,
                                   .path = errand->path,
                                   .fields = fields,
                                   .field_count = SV_COUNT(fields),
                                   .body = errand->body };
    SV_TRY(sv_http_client_ask(api->client, &asked, take_answer, got));
    // The client calls back for every request, at the latest after its own timeout.
    while (!got->done) {
        sv_loop_turn(api->loop, TURN_US);
    }
    if (got->status == 0) {
        bool refused = got->why.code == SV_ERR_UNTRUSTED;
        return sv_fail(why, refused ? SV_ERR_UNTRUSTED : SV_ERR_UNAVAILABLE,
                       "no fleet server answers at %s: %s", api->url, got->why.text);
    }
    return SV_OK;
}

sv_err sv_fleet_api_send(sv_fleet_api *api, const sv_fleet_api_errand *errand, sv_json **out,
                         sv_why *why) {
    SV_DEFER(drop_answer)
    answer got = { .location = api->location, .body = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX + 1) };
    SV_TRY(fetch(api, errand, &got, why));
    bool took = got.status >= 200 && got.status < 300;
    sv_err err = got.status == 204 || (took && got.body.len == 0)
                     ? SV_OK
                     : sv_json_parse(sv_textbuf_text(&got.body), out, NULL, took ? why : NULL);
    return took ? err : say_no(api, got.status, *out, why);
}

sv_err sv_fleet_api_text(sv_fleet_api *api, const char *path, sv_textbuf *out, sv_why *why) {
    SV_DEFER(drop_answer)
    answer got = { .location = api->location, .body = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX + 1) };
    const sv_fleet_api_errand errand = { .method = "GET", .path = path };
    SV_TRY(fetch(api, &errand, &got, why));
    if (got.status != 200) {
        SV_DEFER(sv_json_drop) sv_json *problem = NULL;
        (void) (sv_json_parse(sv_textbuf_text(&got.body), &problem, NULL, NULL) == SV_OK);
        return say_no(api, got.status, problem, why);
    }
    sv_textbuf_add(out, sv_textbuf_text(&got.body));
    return out->overflowed ? sv_fail(why, SV_ERR_NO_SPACE, "the answer is too large") : SV_OK;
}

sv_err sv_fleet_api_ask(sv_fleet_api *api, const sv_fleet_api_errand *errand, sv_json **out,
                        sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *got = NULL;
    SV_TRY(sv_fleet_api_send(api, errand, &got, why));
    *out = got;
    got = NULL;
    return SV_OK;
}

sv_err sv_fleet_api_get(sv_fleet_api *api, const char *path, sv_json **out, sv_why *why) {
    const sv_fleet_api_errand errand = { .method = "GET", .path = path };
    return sv_fleet_api_ask(api, &errand, out, why);
}

sv_err sv_fleet_api_post(sv_fleet_api *api, const char *path, sv_text body, sv_json **out,
                         sv_why *why) {
    const sv_fleet_api_errand errand = {
        .method = "POST", .path = path, .content_type = "application/json", .body = body
    };
    return sv_fleet_api_ask(api, &errand, out, why);
}

bool sv_fleet_api_link(const sv_fleet_api *api, char link[SV_FLEET_API_LINK_ROOM]) {
    sv_text url = sv_text_of(api->url);
    while (url.len > 0 && url.at[url.len - 1] == '/') {
        url.len--;
    }
    (void) snprintf(link, SV_FLEET_API_LINK_ROOM, SV_TEXT_FMT "%s", SV_TEXT_ARG(url),
                    api->location);
    return sv_text_starts(sv_text_of(api->location), SV_TEXT("/#login="));
}

void sv_fleet_api_pause(sv_fleet_api *api, int64_t pause_us) {
    int64_t end_us = sv_clock_monotonic_us() + pause_us;
    for (int64_t now_us = end_us - pause_us; now_us < end_us; now_us = sv_clock_monotonic_us()) {
        sv_loop_turn(api->loop, end_us - now_us);
    }
}
