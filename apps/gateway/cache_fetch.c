// How it comes from the fleet server: questions first, then indexes, then pieces, in turn for what
// is wanted, within the bandwidth that the site gives. A chunk is under way once, however many wait
// for it. [cache-3]
#include "cache_own.h"

#include <base/mem.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <unistd.h>

enum { SWEEP_US = 500000, SECOND_US = 1000000, RANGE_ROOM = 64 };

// ---- how much may be asked for ------------------------------------------------------------------

/// Bytes of a piece: half a second's worth where there is a bound.
static uint64_t piece_bytes(const gw_cache *cache) {
    uint64_t bytes = cache->rate > 0 ? (uint64_t) cache->rate / 2 : GW_CACHE_PIECE_BYTES;
    bytes = bytes < GW_CACHE_CHUNK_BYTES ? GW_CACHE_CHUNK_BYTES : bytes;
    return bytes < GW_CACHE_PIECE_BYTES ? bytes : GW_CACHE_PIECE_BYTES;
}

/// [cache-9]
static bool may_ask(gw_cache *cache) {
    int64_t now_us = sv_clock_monotonic_us();
    if (cache->rate == 0) {
        return true;
    }
    double rate = (double) cache->rate;
    cache->tokens += rate * (double) (now_us - cache->filled_us) / SECOND_US;
    cache->tokens = cache->tokens < rate ? cache->tokens : rate;
    cache->filled_us = now_us;
    if (cache->tokens > 0) {
        return true;
    }
    sv_timer_once(cache->soon, (int64_t) (-cache->tokens / rate * SECOND_US) + 1000);
    return false;
}

// ---- asking -------------------------------------------------------------------------------------

static sv_err take_part(void *arg, sv_text part, sv_why *why) {
    gw_cache_lane *lane = arg;
    lane->answered_well = true;
    if (lane->errand == GW_ERRAND_ASK) {
        return SV_OK; // that there is one is the answer
    }
    lane->cache->counts.up_bytes += part.len;
    sv_textbuf_add(&lane->body, part);
    return lane->body.overflowed ? sv_fail(
               why, SV_ERR_NO_SPACE, "more came than was asked for (%zu bytes)", lane->body.cap_max)
                                 : SV_OK;
}

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why);

static bool ask(gw_cache_lane *lane, const char *path, const char *certificate, const char *range,
                size_t bytes_max) {
    const sv_http_field fields[] = { { "Client-Cert", certificate }, { "Range", range } };
    const sv_http_errand errand = { .method = "GET",
                                    .path = path,
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields),
                                    .part = take_part };
    lane->body = SV_TEXTBUF_HEAP(bytes_max);
    lane->answered_well = false;
    lane->busy = sv_http_client_ask(lane->http, &errand, answered, lane) == SV_OK;
    lane->cache->counts.asked += lane->busy;
    return lane->busy;
}

/// Its first byte, as the device: the fleet server says whether it may.
static bool ask_whether(gw_cache_lane *lane, gw_cache_job *job) {
    lane->errand = GW_ERRAND_ASK;
    lane->job = job;
    job->asking = ask(lane, job->path, job->certificate, "bytes=0-0", GW_CACHE_INDEX_MAX);
    return job->asking;
}

/// Of a file its first byte says how long it is.
static bool ask_index(gw_cache_lane *lane, gw_cache_object *o) {
    char path[GW_CACHE_PATH_ROOM + 8];
    (void) snprintf(path, sizeof path, "%s%s", o->path, o->is_file ? "" : ".index");
    lane->errand = GW_ERRAND_INDEX;
    lane->object = o;
    o->index_under_way =
        ask(lane, path, NULL, o->is_file ? "bytes=0-0" : NULL, GW_CACHE_INDEX_MAX + 1);
    o->index_due = false;
    return o->index_under_way;
}

void gw_cache_mark(gw_cache_object *o, uint64_t first, uint64_t count, gw_cache_chunk state) {
    for (uint64_t i = first; i < first + count; i++) {
        if (o->states[i] != GW_CHUNK_HERE) {
            o->states[i] = (uint8_t) state;
        }
    }
}

static bool ask_piece(gw_cache_lane *lane, gw_cache_object *o, uint64_t first, uint64_t count) {
    char range[RANGE_ROOM];
    uint64_t from = o->index.at[first];
    uint64_t to = o->index.at[first + count];
    (void) snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, from, to - 1);
    lane->errand = GW_ERRAND_PIECE;
    lane->object = o;
    lane->first = first;
    lane->count = count;
    lane->generation = o->generation;
    if (!ask(lane, o->path, NULL, range, to - from + 1)) {
        return false;
    }
    gw_cache_mark(o, first, count, GW_CHUNK_UNDER_WAY);
    o->fetches++;
    lane->cache->tokens -= (double) (to - from);
    return true;
}

// ---- what is wanted -----------------------------------------------------------------------------

static bool is_missing(gw_cache_object *o, uint64_t chunk) {
    if (o->states[chunk] == GW_CHUNK_UNKNOWN) {
        (void) gw_cache_load(o, chunk);
    }
    return o->states[chunk] == GW_CHUNK_MISSING;
}

/// From the chunk on, neighbours with it, as much as a piece holds.
static uint64_t stretch(gw_cache_object *o, uint64_t first, uint64_t end) {
    uint64_t limit = o->index.at[first] + piece_bytes(o->cache);
    uint64_t count = 1;
    while (first + count < end && o->index.at[first + count + 1] <= limit
           && is_missing(o, first + count)) {
        count++;
    }
    return count;
}

/// What the first of those who wait needs that is not under way; false: nothing.
static bool find_wanted(gw_cache_object *o, uint64_t *first, uint64_t *count) {
    const gw_cache_job *job = NULL;
    bool grows = o->is_file && !o->whole;
    TAILQ_FOREACH(job, &o->cache->jobs, link) {
        if (job->object != o || !job->waiting) {
            continue;
        }
        uint64_t chunk = gw_cache_index_chunk(&o->index, job->at);
        bool ahead = grows && chunk >= o->filled;
        chunk = ahead ? o->filled : chunk; // a file comes from its beginning on [cache-5]
        if (is_missing(o, chunk)) {
            *first = chunk;
            *count = stretch(o, chunk, grows && !ahead ? o->filled : o->index.count);
            return true;
        }
    }
    return false;
}

/// The next chunk of a file that is not whole, when the disk has it already.
static bool read_next(const gw_cache_object *o, uint64_t size, sv_text *bytes) {
    uint64_t chunk = o->filled;
    if (chunk == o->index.count || o->index.at[chunk + 1] > size) {
        return false;
    }
    *bytes = (sv_text){ .at = o->cache->room, .len = gw_cache_index_bytes(&o->index, chunk) };
    return pread(o->fd, o->cache->room, bytes->len, (off_t) o->index.at[chunk])
           == (ssize_t) bytes->len;
}

/// A file that was begun before the start: what the disk has of it is added up again, a piece at a
/// time, so that it goes on where it was. True: there may be more.
static bool add_up_from_disk(gw_cache_object *o) {
    sv_text bytes;
    if (!o->is_file || o->whole || o->fetches > 0 || o->fd < 0) {
        return false;
    }
    uint64_t before = o->filled;
    off_t size = lseek(o->fd, 0, SEEK_END);
    while (!o->whole && o->filled - before < GW_CACHE_PIECE_BYTES / GW_CACHE_CHUNK_BYTES
           && read_next(o, size > 0 ? (uint64_t) size : 0, &bytes)) {
        if (!gw_cache_object_take(o, o->filled, bytes, true)) {
            gw_cache_object_forget(o);
            return false;
        }
    }
    if (o->filled == before) {
        return false;
    }
    gw_cache_jobs_go_on(o);
    sv_timer_once(o->cache->soon, 0);
    return true;
}

static bool start_object(gw_cache_lane *lane, gw_cache_object *o, int64_t now_us) {
    uint64_t first = 0;
    uint64_t count = 0;
    if (o->again_us > now_us || o->index_under_way || !gw_cache_object_is_wanted(o)) {
        return false;
    }
    if (o->index_due) {
        return ask_index(lane, o);
    }
    bool in_turn = o->is_file && !o->whole && o->fetches > 0;
    bool held = o->spare != NULL && gw_cache_is_eaten(o); // the next piece would take its place
    return o->index.count > 0 && !in_turn && !held && may_ask(o->cache) && !add_up_from_disk(o)
           && o->index.count > 0 && find_wanted(o, &first, &count)
           && ask_piece(lane, o, first, count);
}

static bool start(gw_cache_lane *lane) {
    gw_cache *cache = lane->cache;
    int64_t now_us = sv_clock_monotonic_us();
    gw_cache_job *job = NULL;
    TAILQ_FOREACH(job, &cache->jobs, link) {
        if (job->stage == GW_JOB_ASK && !job->asking) {
            return ask_whether(lane, job);
        }
    }
    gw_cache_object *o = NULL;
    TAILQ_FOREACH(o, &cache->objects, link) {
        if (start_object(lane, o, now_us)) {
            TAILQ_REMOVE(&cache->objects, o, link); // the next one's turn
            TAILQ_INSERT_TAIL(&cache->objects, o, link);
            return true;
        }
    }
    return false;
}

void gw_cache_fetch(gw_cache *cache) {
    for (size_t i = 0; i < GW_CACHE_LANES && !cache->closing; i++) {
        gw_cache_lane *lane = &cache->lanes[i];
        if (!lane->busy && !start(lane)) {
            return;
        }
    }
}

// ---- what comes ---------------------------------------------------------------------------------

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw_cache_lane *lane = arg;
    gw_cache *cache = lane->cache;
    lane->busy = false;
    if (cache->closing) {
        sv_textbuf_drop(&lane->body);
        return;
    }
    if (lane->errand == GW_ERRAND_ASK) {
        if (lane->job != NULL) {
            gw_cache_job_answered(lane->job, reply, lane->answered_well, why);
        }
    } else if (lane->errand == GW_ERRAND_INDEX) {
        gw_cache_index_came(lane, reply, why);
    } else {
        gw_cache_piece_came(lane, reply, why);
    }
    lane->job = NULL;
    lane->object = NULL;
    sv_textbuf_drop(&lane->body);
    gw_cache_fetch(cache);
}

// ---- from start to end --------------------------------------------------------------------------

static void on_sweep(void *arg) {
    gw_cache *cache = arg;
    gw_cache_jobs_sweep(cache, sv_clock_monotonic_us());
    gw_cache_fetch(cache);
}

static void on_soon(void *arg) {
    gw_cache_fetch(arg);
}

sv_err gw_cache_fetch_open(gw_cache *cache, const gw_cache_options *options, sv_why *why) {
    int64_t deadline_us = options->deadline_us > 0 ? options->deadline_us : GW_CACHE_DEADLINE_US;
    for (size_t i = 0; i < GW_CACHE_LANES; i++) {
        cache->lanes[i].cache = cache;
        SV_TRY(sv_http_client_open(cache->loop, options->fleet_url, options->fleet_tls, deadline_us,
                                   &cache->lanes[i].http, why));
    }
    cache->filled_us = sv_clock_monotonic_us();
    cache->tokens = (double) cache->rate;
    cache->soon = sv_timer_new(cache->loop, on_soon, cache);
    cache->feed = sv_timer_new(cache->loop, gw_cache_feed, cache);
    cache->sweep = sv_timer_new(cache->loop, on_sweep, cache);
    sv_timer_every(cache->sweep, SWEEP_US);
    return SV_OK;
}

void gw_cache_fetch_close(gw_cache *cache) {
    sv_timer_drop(&cache->sweep);
    sv_timer_drop(&cache->soon);
    sv_timer_drop(&cache->feed);
    for (size_t i = 0; i < GW_CACHE_LANES; i++) {
        sv_http_client_drop(&cache->lanes[i].http);
        sv_textbuf_drop(&cache->lanes[i].body);
    }
}
