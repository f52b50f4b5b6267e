#include "cache_own.h"

#include <base/fd.h>
#include <base/mem.h>
#include <stdlib.h>

gw_cache_counts gw_cache_count(const gw_cache *cache) {
    gw_cache_counts counts = cache->counts;
    counts.images = sv_map_count(cache->images);
    return counts;
}

/// Two that write and clear the same folder would count wrong, and clear what the other one needs.
static sv_err lock_folder(gw_cache *cache, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_make_folder(cache->dir, 0700, why));
    SV_TRY(sv_disk_join(path, sizeof path, cache->dir, "lock"));
    sv_err err = sv_disk_lock(path, &cache->lock, why);
    return err == SV_ERR_STATE
               ? sv_fail(why, err, "cache: dir: '%s' is another gateway's, which runs", cache->dir)
               : err;
}

sv_err gw_cache_open(sv_loop *loop, const gw_cache_options *options, gw_cache **out, sv_why *why) {
    SV_DEFER(gw_cache_drop) gw_cache *cache = sv_mem_new(sizeof *cache);
    cache->loop = loop;
    cache->lock = -1;
    cache->rate = options->rate;
    cache->wait_us = options->wait_us > 0 ? options->wait_us : GW_CACHE_WAIT_US;
    cache->reserve = options->reserve > 0 ? options->reserve : GW_CACHE_RESERVE;
    cache->digest = sv_digest_new(SV_DIGEST_SHA256);
    TAILQ_INIT(&cache->jobs);
    TAILQ_INIT(&cache->hungry);
    TAILQ_INIT(&cache->objects);
    SV_TRY(sv_text_copy(sv_text_of(options->dir), cache->dir, sizeof cache->dir));
    SV_TRY(lock_folder(cache, why));
    SV_TRY(gw_cache_disk_open(cache, options->bytes, why));
    SV_TRY(gw_cache_fetch_open(cache, options, why));
    *out = cache;
    cache = NULL;
    return SV_OK;
}

void gw_cache_drop(gw_cache **cache) {
    gw_cache *gone = *cache;
    if (gone == NULL) {
        return;
    }
    *cache = NULL;
    gone->closing = true;
    gw_cache_fetch_close(gone);
    gw_cache_job *job = NULL;
    while ((job = TAILQ_FIRST(&gone->jobs)) != NULL) {
        gw_cache_job_fail(job, 503, "this gateway ends");
    }
    gw_cache_object *o = NULL;
    while ((o = TAILQ_FIRST(&gone->objects)) != NULL) {
        gw_cache_object_drop(o);
    }
    gw_cache_disk_close(gone);
    sv_digest_drop(&gone->digest);
    sv_fd_drop(&gone->lock);
    free(gone);
}

void gw_cache_put_status(const gw_cache *cache, sv_json_out *out) {
    const gw_cache_counts counts = gw_cache_count(cache);
    uint64_t saved =
        counts.served_bytes > counts.up_bytes ? counts.served_bytes - counts.up_bytes : 0;
    const struct {
        const char *name;
        uint64_t value;
    } ROWS[] = {
        { "images", counts.images },       { "bytes", counts.bytes },
        { "bytes_max", counts.bytes_max }, { "served_bytes", counts.served_bytes },
        { "up_bytes", counts.up_bytes },   { "saved_bytes", saved },
        { "hits", counts.hits },           { "misses", counts.misses },
        { "wrong", counts.poisoned },      { "rotten", counts.rotten },
        { "unstored", counts.unstored },   { "evicted", counts.evicted },
        { "failed", counts.failed },       { "stale", counts.stale },
        { "asked", counts.asked },         { "waiting", cache->job_count },
    };
    sv_json_open_object(out);
    for (size_t i = 0; i < SV_COUNT(ROWS); i++) {
        sv_json_add_int(out, ROWS[i].name, (int64_t) ROWS[i].value);
    }
    sv_json_close_object(out);
}
