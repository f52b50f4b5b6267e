// Whom it is handed to: a device's request waits for the fleet server's yes, then for the index,
// then it is answered chunk by chunk as they come, no faster than the device reads.
#include "cache_own.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

static const char TYPE[] = "application/octet-stream";

// ---- its end ------------------------------------------------------------------------------------

static void job_free(gw_cache_job *job) {
    gw_cache *cache = job->cache;
    for (size_t i = 0; i < GW_CACHE_LANES; i++) {
        cache->lanes[i].job = cache->lanes[i].job == job ? NULL : cache->lanes[i].job;
    }
    if (job->hungry) {
        TAILQ_REMOVE(&cache->hungry, job, hungry_link);
    }
    TAILQ_REMOVE(&cache->jobs, job, link);
    cache->job_count--;
    free(job->certificate);
    free(job);
}

void gw_cache_job_fail(gw_cache_job *job, int status, const char *sentence) {
    job->cache->counts.failed++;
    if (job->request != NULL) {
        if (status == 503) {
            char seconds[16];
            (void) snprintf(seconds, sizeof seconds, "%d", GW_CACHE_RETRY_S);
            sv_http_reply_header(job->request, "Retry-After", seconds);
        }
        sv_http_problem(job->request, status, "Not to be had", "%s", sentence);
    }
    sv_http_flow_end(&job->flow);
    job_free(job);
}

/// Whether its device went away before the answer began.
static bool fail_unheard(gw_cache_job *job) {
    if (job->request == NULL || !sv_http_is_gone(job->request)) {
        return false;
    }
    gw_cache_job_fail(job, 503, "nobody hears it");
    return true;
}

static void on_closed(void *arg) {
    gw_cache_job *job = arg;
    sv_http_flow_end(&job->flow);
    job_free(job);
}

// ---- the answer ---------------------------------------------------------------------------------

/// As the fleet server gives it, so that a device may go on at the other door.
static void write_etag(const gw_cache_job *job, char room[GW_CACHE_PATH_ROOM]) {
    static const char ROOT[] = "/artifacts/";
    (void) snprintf(room, GW_CACHE_PATH_ROOM, "\"%s\"", job->path + sizeof ROOT - 1);
}

/// Which bytes of `length` it wants; without its `If-Range` being this very thing, all of them.
static void read_range(gw_cache_job *job, uint64_t length) {
    char etag[GW_CACHE_PATH_ROOM];
    const char *asked = sv_http_header(job->request, "Range");
    const char *only_of = sv_http_header(job->request, "If-Range");
    sv_http_range range = { 0 };
    write_etag(job, etag);
    bool same = only_of == NULL || strcmp(only_of, etag) == 0;
    bool get = strcmp(sv_http_method(job->request), "GET") == 0;
    job->range = sv_http_range_read(same && get ? asked : NULL, length, &range);
    job->at = range.from;
    job->to = range.to;
}

static void put_headers(const gw_cache_job *job, uint64_t length) {
    char room[SV_HTTP_CONTENT_RANGE_ROOM];
    char etag[GW_CACHE_PATH_ROOM];
    sv_textbuf range = SV_TEXTBUF(room);
    write_etag(job, etag);
    sv_http_reply_header(job->request, "ETag", etag);
    sv_http_reply_header(job->request, "Accept-Ranges", "bytes");
    sv_http_reply_header(job->request, "Cache-Control", "private, max-age=31536000, immutable");
    if (job->range == SV_HTTP_RANGE_PART) {
        sv_http_content_range_add(&range, &(sv_http_range){ .from = job->at, .to = job->to },
                                  length);
        sv_http_reply_header(job->request, "Content-Range", room);
    }
}

/// What is answered at once: HEAD, and ranges that there are not. True: it was.
static bool answer_shortly(gw_cache_job *job, uint64_t length) {
    char text[32];
    if (strcmp(sv_http_method(job->request), "HEAD") == 0) {
        put_headers(job, length);
        (void) snprintf(text, sizeof text, "%llu", (unsigned long long) length);
        sv_http_reply_header(job->request, "Content-Length", text);
        sv_http_reply(job->request, 200, TYPE, SV_TEXT(""));
    } else if (job->range == SV_HTTP_RANGE_NONE) {
        (void) snprintf(text, sizeof text, "bytes */%llu", (unsigned long long) length);
        sv_http_reply_header(job->request, "Content-Range", text);
        sv_http_problem(job->request, 416, "No such bytes", "there are %llu",
                        (unsigned long long) length);
    } else {
        return false;
    }
    job_free(job);
    return true;
}

static void answer_index(gw_cache_job *job) {
    const gw_cache_index *index = &job->object->index;
    read_range(job, index->len);
    if (answer_shortly(job, index->len)) {
        return;
    }
    put_headers(job, index->len);
    job->cache->counts.served_bytes += job->to - job->at;
    sv_http_reply(
        job->request, job->range == SV_HTTP_RANGE_PART ? 206 : 200, TYPE,
        (sv_text){ .at = (const char *) index->bytes + job->at, .len = job->to - job->at });
    job_free(job);
}

static void on_empty(void *arg);

static void begin(gw_cache_job *job) {
    static const sv_http_flow_calls CALLS = { .empty = on_empty, .closed = on_closed };
    put_headers(job, job->object->index.length);
    job->flow = sv_http_flow_start(job->request, job->range == SV_HTTP_RANGE_PART ? 206 : 200, TYPE,
                                   job->to - job->at, &CALLS, job);
    job->request = NULL;
}

static void wait_for_chunk(gw_cache_job *job) {
    if (!job->waiting) {
        job->waiting = true;
        job->since_us = sv_clock_monotonic_us();
        job->cache->counts.misses++;
    }
}

/// One chunk, as far as it is wanted, when it is there.
static void hand_on(gw_cache_job *job) {
    gw_cache_object *o = job->object;
    uint64_t chunk = gw_cache_index_chunk(&o->index, job->at);
    sv_text bytes = gw_cache_load(o, chunk);
    if (bytes.len == 0) {
        wait_for_chunk(job);
        return;
    }
    size_t skip = (size_t) (job->at - o->index.at[chunk]);
    size_t left = bytes.len - skip;
    sv_text wanted = { .at = bytes.at + skip,
                       .len = left < job->to - job->at ? left : (size_t) (job->to - job->at) };
    job->cache->counts.hits += !job->waiting;
    job->waiting = false;
    if (job->request != NULL) {
        begin(job);
    }
    job->at += wanted.len;
    job->cache->counts.served_bytes += wanted.len;
    sv_http_flow_add(job->flow, wanted);
    if (job->at == job->to) {
        sv_http_flow_end(&job->flow);
        job_free(job);
    }
}

static void hunger(gw_cache_job *job) {
    if (!job->hungry) {
        job->hungry = true;
        TAILQ_INSERT_TAIL(&job->cache->hungry, job, hungry_link);
        sv_timer_once(job->cache->feed, 0);
    }
}

static void on_empty(void *arg) {
    hunger(arg);
}

/// Bytes of something whose index is known.
static void answer_bytes(gw_cache_job *job) {
    const gw_cache_object *o = job->object;
    if (fail_unheard(job)) { // since it was hungry
        return;
    }
    if (o->index.count == 0) {
        return; // it is begun anew
    }
    if (job->request == NULL && job->to > o->index.length) {
        gw_cache_job_fail(job, 502, "it is another one by now");
        return;
    }
    if (job->request != NULL) {
        read_range(job, o->index.length);
        if (answer_shortly(job, o->index.length)) {
            return;
        }
    }
    hand_on(job);
}

void gw_cache_feed(void *arg) {
    gw_cache *cache = arg;
    gw_cache_job *job = NULL;
    for (int i = 0; i < GW_CACHE_FEED && (job = TAILQ_FIRST(&cache->hungry)) != NULL; i++) {
        TAILQ_REMOVE(&cache->hungry, job, hungry_link);
        job->hungry = false;
        answer_bytes(job);
    }
    if (!TAILQ_EMPTY(&cache->hungry)) {
        sv_timer_once(cache->feed, 0);
    }
    gw_cache_fetch(cache);
}

bool gw_cache_is_eaten(const gw_cache_object *object) {
    const gw_cache_job *job = NULL;
    TAILQ_FOREACH(job, &object->cache->hungry, hungry_link) {
        if (job->object == object) {
            return true;
        }
    }
    return false;
}

static void go_on(gw_cache_job *job) {
    const gw_cache_object *o = job->object;
    bool fresh = !o->index_due && !o->index_under_way;
    if (fail_unheard(job) || o->index.count == 0) {
        return;
    }
    if (job->stage == GW_JOB_INDEX && (fresh || o->again_us > sv_clock_monotonic_us())) {
        answer_index(job);
    } else if (job->stage == GW_JOB_BYTES && (job->request != NULL || job->waiting)) {
        hunger(job);
    }
}

void gw_cache_jobs_go_on(gw_cache_object *object) {
    gw_cache_job *next = NULL;
    for (gw_cache_job *job = TAILQ_FIRST(&object->cache->jobs); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->object == object) {
            go_on(job);
        }
    }
}

void gw_cache_jobs_fail(gw_cache_object *object, int status, const char *sentence, bool begun_too) {
    gw_cache_job *next = NULL;
    for (gw_cache_job *job = TAILQ_FIRST(&object->cache->jobs); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        bool lost = job->request != NULL || (begun_too && job->waiting);
        if (job->object == object && lost && !job->hungry) { // else it may be there by now
            gw_cache_job_fail(job, status, sentence);
        }
    }
}

void gw_cache_jobs_sweep(gw_cache *cache, int64_t now_us) {
    gw_cache_job *next = NULL;
    for (gw_cache_job *job = TAILQ_FIRST(&cache->jobs); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        bool waits = job->request != NULL || job->waiting;
        if (!fail_unheard(job) && waits && now_us - job->since_us > cache->wait_us) {
            gw_cache_job_fail(job, 503, "the fleet server has not sent it in time");
        }
    }
}

// ---- may it? ------------------------------------------------------------------------------------

/// The device may: now for what it wants.
static void allowed(gw_cache_job *job) {
    gw_cache *cache = job->cache;
    gw_cache_object *o = gw_cache_object_of(cache, &job->name, job->path);
    if (o == NULL) {
        gw_cache_job_fail(job, 503, "too many images are asked for at once");
        return;
    }
    bool old = o->index_us == 0 || sv_clock_monotonic_us() - o->index_us > GW_CACHE_INDEX_US;
    job->object = o;
    job->stage = job->name.is_index ? GW_JOB_INDEX : GW_JOB_BYTES;
    // Perhaps the device asks again because the index was wrong.
    o->index_due = o->index_due || (job->name.is_index && old);
    go_on(job);
}

/// Only of what a device may have is anything kept.
static void said_yes(gw_cache_job *job) {
    gw_cache_image *image = gw_cache_image_of(job->cache, job->name.sha256);
    if (image != NULL) {
        gw_cache_allow(job->cache, image, job->device);
    }
    allowed(job);
}

void gw_cache_job_answered(gw_cache_job *job, const sv_http_reply_view *reply, bool well,
                           const sv_why *why) {
    gw_cache *cache = job->cache;
    bool once = false;
    bool now = gw_cache_is_allowed(cache, job->name.sha256, job->device, &once);
    job->asking = false;
    if (well || now || reply->status == 416) {
        said_yes(job);
    } else if (reply->status >= 400 && reply->status < 500 && reply->status != 429) {
        gw_cache_disallow(cache, job->name.sha256, job->device);
        gw_cache_job_fail(job, reply->status, "the fleet server does not give it to this device");
    } else if (once) {
        allowed(job); // it was, when the fleet server last said so
    } else {
        char sentence[SV_WHY_MAX + 64];
        (void) snprintf(sentence, sizeof sentence, "the fleet server does not answer: %s",
                        reply->status == 0 ? why->text : "it is busy");
        gw_cache_job_fail(job, 503, sentence);
    }
}

static bool has_place(gw_cache *cache, sv_http_request *request, const char *device) {
    const gw_cache_job *job = NULL;
    size_t own = 0;
    TAILQ_FOREACH(job, &cache->jobs, link) {
        own += strcmp(job->device, device) == 0;
    }
    if (own < GW_CACHE_PER_DEVICE && cache->job_count < GW_CACHE_JOBS) {
        return true;
    }
    char seconds[16];
    (void) snprintf(seconds, sizeof seconds, "%d", GW_CACHE_RETRY_S);
    sv_http_reply_header(request, "Retry-After", seconds);
    cache->counts.failed++;
    sv_http_problem(request, own < GW_CACHE_PER_DEVICE ? 503 : 429, "Too many requests",
                    "%zu requests for artifacts are under way",
                    own < GW_CACHE_PER_DEVICE ? cache->job_count : own);
    return false;
}

bool gw_cache_take(gw_cache *cache, sv_http_request *request, sv_text target,
                   const gw_cache_asker *asker) {
    const char *method = sv_http_method(request);
    gw_cache_name name;
    bool once = false;
    if ((strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        || !gw_cache_name_read(target, &name)) {
        return false;
    }
    if (!has_place(cache, request, asker->device)) {
        return true;
    }
    gw_cache_job *job = sv_mem_new(sizeof *job);
    *job = (gw_cache_job){ .cache = cache,
                           .request = request,
                           .name = name,
                           .certificate =
                               sv_mem_copy_str(asker->certificate, strlen(asker->certificate)),
                           .since_us = sv_clock_monotonic_us() };
    if (sv_text_copy(sv_text_of(asker->device), job->device, sizeof job->device) != SV_OK
        || sv_text_copy(target, job->path, sizeof job->path) != SV_OK) {
        abort();
    }
    TAILQ_INSERT_TAIL(&cache->jobs, job, link);
    cache->job_count++;
    if (gw_cache_is_allowed(cache, name.sha256, job->device, &once)) {
        allowed(job);
    }
    gw_cache_fetch(cache);
    return true;
}
