#include "chance.h"

#include <base/mem.h>
#include <ddi/fetch.h>
#include <net/http_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { REFUSAL_MAX = 64 * 1024 }; ///< bytes of an answer that is no part

struct sv_ddi_fetch {
    sv_loop *loop;
    char *origin;
    sv_tls *tls;
    uint64_t rate;
    const sv_ddi_fetch_events *events;
    void *arg;
    sv_http_client *client; ///< NULL: none is needed yet
    sv_timer *ask;          ///< the next request
    sv_timer *push;         ///< to whoever takes, outside of what the client calls
    char path[SV_DDI_PATH_ROOM];
    bool busy, ranged;
    bool asking;               ///< a request is under way
    bool ended;                ///< the outcome is known; said when everything was taken
    sv_err outcome;            //
    sv_why why;                //
    uint64_t at;               ///< the next byte to be asked for
    uint64_t left;             ///< that are to come; of a whole file: may come
    uint64_t asked;            ///< of the request under way
    uint64_t came;             ///< of these
    unsigned failures;         ///< in a row
    int64_t began_us, free_us; ///< of the request under way; when the next may begin
    sv_textbuf window;         ///< what came and was not taken
    size_t taken;              ///< of the window
    uint64_t total;
};

static void end(sv_ddi_fetch *fetch, sv_err outcome) {
    fetch->ended = true;
    fetch->outcome = outcome;
    sv_timer_stop(fetch->ask);
    sv_timer_once(fetch->push, 0);
}

static size_t waiting(const sv_ddi_fetch *fetch) {
    return fetch->window.len - fetch->taken;
}

static void ask_soon(sv_ddi_fetch *fetch, int64_t wait_us) {
    int64_t rest_us = fetch->free_us - sv_clock_monotonic_us();
    int64_t longest_us = rest_us > wait_us ? rest_us : wait_us;
    sv_timer_once(fetch->ask, longest_us > 0 ? longest_us : 0);
}

static sv_err on_part(void *arg, sv_text part, sv_why *why) {
    sv_ddi_fetch *fetch = arg;
    if (part.len > fetch->asked - fetch->came) {
        return sv_fail(why, SV_ERR_INVALID, "%s is longer than the %llu bytes that were asked for",
                       fetch->path, (unsigned long long) fetch->asked);
    }
    sv_textbuf_add(&fetch->window, part);
    if (fetch->window.overflowed) {
        return sv_fail(why, SV_ERR_INVALID, "%s does not fit", fetch->path);
    }
    fetch->came += part.len;
    fetch->total += part.len;
    if (fetch->ranged) {
        fetch->at += part.len;
        fetch->left -= part.len;
        sv_timer_once(fetch->push, 0);
    }
    return SV_OK;
}

/// Nothing more came: again after a while, or never.
static void try_again(sv_ddi_fetch *fetch, const sv_why *why) {
    fetch->failures = fetch->came >= SV_DDI_FLOOR_BYTES ? 1 : fetch->failures + 1;
    if (!fetch->ranged) {
        sv_textbuf_clear(&fetch->window);
    }
    if (fetch->failures >= SV_DDI_FETCH_TRIES_MAX) {
        (void) sv_fail(&fetch->why, SV_ERR_UNAVAILABLE, "given up after %u tries: %.120s",
                       fetch->failures, why->text);
        end(fetch, SV_ERR_UNAVAILABLE);
        return;
    }
    int64_t wait_us = sv_ddi_fetch_wait_us(fetch->failures, ddi_chance());
    ask_soon(fetch, wait_us);
    fetch->events->waits(fetch->arg, why, wait_us);
}

static bool is_passing(int status) {
    return status == 408 || status == 425 || status == 429 || status / 100 == 5;
}

static void on_refusal(sv_ddi_fetch *fetch, int status) {
    bool absent = status == 404 || status == 403 || status == 410;
    sv_err outcome = is_passing(status) ? SV_ERR_UNAVAILABLE
                     : absent           ? SV_ERR_NOT_FOUND
                                        : SV_ERR_INVALID;
    sv_why why = { 0 };
    (void) sv_fail(&why, outcome, "%.120s: answered with %d", fetch->path, status);
    if (is_passing(status)) {
        try_again(fetch, &why);
        return;
    }
    fetch->why = why;
    end(fetch, outcome);
}

static void on_good(sv_ddi_fetch *fetch) {
    if (!fetch->ranged) {
        end(fetch, SV_OK);
        return;
    }
    if (fetch->came < fetch->asked) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "%.80s: %llu bytes came of %llu", fetch->path,
                       (unsigned long long) fetch->came, (unsigned long long) fetch->asked);
        try_again(fetch, &why);
        return;
    }
    fetch->failures = 0;
    if (fetch->left == 0) {
        end(fetch, SV_OK);
    } else if (waiting(fetch) < SV_DDI_WINDOW_BYTES) {
        ask_soon(fetch, 0);
    }
}

static void on_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    sv_ddi_fetch *fetch = arg;
    if (!fetch->asking) {
        return; // given up
    }
    fetch->asking = false;
    fetch->free_us = sv_ddi_rate_us(fetch->began_us, fetch->came, fetch->rate);
    if (reply->status == (fetch->ranged ? 206 : 200)) {
        on_good(fetch);
    } else if (reply->status != 0) {
        on_refusal(fetch, reply->status);
    } else if (why->code == SV_ERR_INVALID || why->code == SV_ERR_NO_SPACE) {
        fetch->why = *why;
        end(fetch, SV_ERR_INVALID);
    } else {
        try_again(fetch, why);
    }
}

static sv_err send_question(sv_ddi_fetch *fetch, sv_why *why) {
    if (fetch->client == NULL) {
        SV_TRY(sv_http_client_open(fetch->loop, fetch->origin, fetch->tls, SV_DDI_PATIENCE_US,
                                   &fetch->client, why));
        sv_http_client_reply_max(fetch->client, REFUSAL_MAX);
    }
    char range[64];
    (void) snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long) fetch->at,
                    (unsigned long long) (fetch->at + fetch->asked - 1));
    const sv_http_field fields[] = { { "Accept", "application/octet-stream" },
                                     { "Range", fetch->ranged ? range : NULL } };
    const sv_http_errand errand = { .method = "GET",
                                    .path = fetch->path,
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields),
                                    .part = on_part,
                                    .part_status = fetch->ranged ? 206 : 200 };
    return sv_http_client_ask(fetch->client, &errand, on_answer, fetch);
}

/// What waits goes to the front, so that what is asked for has room behind it.
static void make_room(sv_ddi_fetch *fetch) {
    if (fetch->ranged && fetch->taken > 0) {
        size_t rest = waiting(fetch);
        memmove(fetch->window.at, fetch->window.at + fetch->taken, rest);
        fetch->window.len = rest;
        fetch->taken = 0;
    }
}

static void on_ask(void *arg) {
    sv_ddi_fetch *fetch = arg;
    if (fetch->ranged && waiting(fetch) > SV_DDI_WINDOW_BYTES) {
        return; // after a line that went; asked for when it is taken
    }
    make_room(fetch);
    fetch->came = 0;
    fetch->asked = fetch->ranged ? sv_ddi_range_bytes(fetch->left, fetch->rate) : fetch->left;
    fetch->began_us = sv_clock_monotonic_us();
    fetch->asking = true;
    sv_why why = { 0 };
    sv_err err = send_question(fetch, &why);
    if (err != SV_OK) {
        fetch->asking = false;
        (void) sv_fail(&fetch->why, err, "%.120s cannot be asked for: %.60s", fetch->path,
                       why.text[0] != '\0' ? why.text : sv_err_name(err));
        end(fetch, err);
    }
}

/// As much as is taken; false when there is a rest.
static bool hand_over(sv_ddi_fetch *fetch) {
    if (!fetch->ranged && !fetch->ended) {
        return true; // a file that is begun again must not have been shown
    }
    while (fetch->busy && waiting(fetch) > 0) {
        const sv_text rest = { .at = fetch->window.at + fetch->taken, .len = waiting(fetch) };
        size_t took = fetch->events->bytes(fetch->arg, rest);
        if (took == 0 || !fetch->busy) {
            return false;
        }
        fetch->taken += took;
    }
    sv_textbuf_clear(&fetch->window);
    fetch->taken = 0;
    return true;
}

static void finish(sv_ddi_fetch *fetch) {
    fetch->busy = false;
    const sv_why why = fetch->why;
    fetch->events->done(fetch->arg, fetch->outcome, &why);
}

static void on_push(void *arg) {
    sv_ddi_fetch *fetch = arg;
    bool is_good = !fetch->ended || fetch->outcome == SV_OK;
    if (!fetch->busy || (is_good && !hand_over(fetch))) {
        return;
    }
    if (fetch->ended) {
        finish(fetch);
    } else if (fetch->ranged && !fetch->asking && !sv_timer_is_set(fetch->ask)) {
        ask_soon(fetch, 0);
    }
}

sv_err sv_ddi_fetch_open(sv_loop *loop, const char *origin, sv_tls *tls, uint64_t rate,
                         const sv_ddi_fetch_events *events, void *arg, sv_ddi_fetch **out,
                         sv_why *why) {
    // Said now if it is no address, and not at the first update.
    SV_DEFER(sv_ddi_fetch_drop) sv_ddi_fetch *fetch = sv_mem_new(sizeof *fetch);
    *fetch = (sv_ddi_fetch){ .loop = loop,
                             .origin = sv_mem_copy_str(origin, strlen(origin)),
                             .tls = tls,
                             .rate = rate,
                             .events = events,
                             .arg = arg };
    fetch->ask = sv_timer_new(loop, on_ask, fetch);
    fetch->push = sv_timer_new(loop, on_push, fetch);
    SV_TRY(sv_http_client_open(loop, origin, tls, SV_DDI_PATIENCE_US, &fetch->client, why));
    sv_http_client_reply_max(fetch->client, REFUSAL_MAX);
    *out = fetch;
    fetch = NULL;
    return SV_OK;
}

static sv_err start(sv_ddi_fetch *fetch, const char *path, bool ranged, uint64_t at,
                    uint64_t bytes) {
    if (fetch->busy) {
        return SV_ERR_STATE;
    }
    SV_TRY(sv_text_copy(sv_text_of(path), fetch->path, sizeof fetch->path));
    sv_textbuf_drop(&fetch->window);
    fetch->window = SV_TEXTBUF_HEAP(
        (ranged ? (size_t) SV_DDI_WINDOW_BYTES + SV_DDI_RANGE_MAX : (size_t) bytes) + 1);
    fetch->taken = 0;
    fetch->busy = true;
    fetch->ended = false;
    fetch->why = (sv_why){ 0 };
    fetch->ranged = ranged;
    fetch->at = at;
    fetch->left = bytes;
    fetch->failures = 0;
    if (bytes == 0) {
        end(fetch, SV_OK);
    } else {
        ask_soon(fetch, 0);
    }
    return SV_OK;
}

sv_err sv_ddi_fetch_file(sv_ddi_fetch *fetch, const char *path, uint64_t bytes_max) {
    return start(fetch, path, false, 0, bytes_max);
}

sv_err sv_ddi_fetch_range(sv_ddi_fetch *fetch, const char *path, uint64_t at, uint64_t bytes) {
    return start(fetch, path, true, at, bytes);
}

void sv_ddi_fetch_go_on(sv_ddi_fetch *fetch) {
    if (fetch->busy) {
        sv_timer_once(fetch->push, 0);
    }
}

bool sv_ddi_fetch_is_busy(const sv_ddi_fetch *fetch) {
    return fetch->busy;
}

void sv_ddi_fetch_stop(sv_ddi_fetch *fetch) {
    fetch->busy = false;
    sv_timer_stop(fetch->ask);
    sv_timer_stop(fetch->push);
    sv_textbuf_drop(&fetch->window);
    fetch->window = (sv_textbuf){ 0 };
    fetch->taken = 0;
    if (fetch->asking) {
        fetch->asking = false;
        sv_http_client_drop(&fetch->client);
    }
}

uint64_t sv_ddi_fetch_bytes(const sv_ddi_fetch *fetch) {
    return fetch->total;
}

void sv_ddi_fetch_drop(sv_ddi_fetch **fetch) {
    sv_ddi_fetch *gone = *fetch;
    if (gone == NULL) {
        return;
    }
    *fetch = NULL;
    sv_ddi_fetch_stop(gone);
    sv_http_client_drop(&gone->client);
    sv_timer_drop(&gone->ask);
    sv_timer_drop(&gone->push);
    free(gone->origin);
    free(gone);
}
