// What comes from the fleet server: judged, kept, handed on; or what is wrong with it.
#include "cache_own.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { WHOLE = 200, PARTIAL = 206 };

static void again_later(gw_cache_object *o) {
    o->again_us = sv_clock_monotonic_us() + GW_CACHE_AGAIN_US;
}

/// There will be no such thing: 4xx.
static bool is_final(int status) {
    return status >= 400 && status < 500 && status != 408 && status != 429;
}

static void fetch_failed(gw_cache_object *o, const sv_http_reply_view *reply, const sv_why *why) {
    char sentence[SV_WHY_MAX + 64];
    again_later(o);
    if (is_final(reply->status)) {
        (void) snprintf(sentence, sizeof sentence, "the fleet server answers %d", reply->status);
        gw_cache_jobs_fail(o, reply->status, sentence, true);
        return;
    }
    (void) snprintf(sentence, sizeof sentence, "the fleet server does not answer: %s",
                    reply->status == 0 ? why->text : "it is busy");
    gw_cache_jobs_fail(o, 503, sentence, false);
}

/// [cache-4] What came is not what it should be, over and over.
static void fetched_wrong(gw_cache_object *o, const char *what) {
    o->cache->counts.poisoned++;
    o->wrong++;
    SV_LOG(warn, "cache.wrong", "%s of %s is not what it has to be (%u in a row)", what, o->path,
           o->wrong);
    if (o->wrong > 1) {
        again_later(o);
    }
    if (o->is_file) {
        gw_cache_object_forget(o);
    } else {
        o->index_due = true; // perhaps it is the index that is wrong
    }
    if (o->wrong >= GW_CACHE_TRIES || o->is_file) {
        o->wrong = 0;
        gw_cache_jobs_fail(o, 502, "what the fleet server sends of it is not what it has to be",
                           true);
    }
}

static bool read_length(const sv_http_reply_view *reply, uint64_t *length) {
    char value[SV_HTTP_CONTENT_RANGE_ROOM];
    sv_http_range range;
    return reply->status == PARTIAL
           && sv_http_reply_field(reply, "Content-Range", value, sizeof value) == SV_OK
           && sv_http_content_range_read(sv_text_of(value), &range, length) == SV_OK;
}

/// What an encoding's index, or the length of a file, is said to be.
static void take_index(gw_cache_lane *lane, const sv_http_reply_view *reply) {
    gw_cache_object *o = lane->object;
    gw_cache_index made;
    uint64_t length = 0;
    bool right = false;
    if (!o->is_file) {
        right = gw_cache_object_take_index(o, sv_textbuf_text(&lane->body), NULL);
    } else if (read_length(reply, &length)
               && gw_cache_index_make(length, GW_CACHE_CHUNK_BYTES, &made) == SV_OK) {
        gw_cache_object_index(o, &made);
        right = true;
    }
    o->index_under_way = false; // until here nobody closes it
    if (!right) {
        o->index_due = o->index.count == 0;
        fetched_wrong(o, o->is_file ? "the length" : "the index");
    }
}

void gw_cache_index_came(gw_cache_lane *lane, const sv_http_reply_view *reply, const sv_why *why) {
    gw_cache_object *o = lane->object;
    if (lane->answered_well && reply->status != 0) {
        take_index(lane, reply);
    } else {
        o->index_under_way = false;
        o->index_due = o->index.count == 0;
        if (o->index_due) {
            fetch_failed(o, reply, why);
        }
    }
    if (is_final(reply->status) && o->index.count == 0 && gw_cache_object_is_idle(o)) {
        gw_cache_object_drop(o);
        return;
    }
    gw_cache_jobs_go_on(o);
}

/// How many whole chunks of what was asked for are there.
static uint64_t whole_chunks(const gw_cache_lane *lane) {
    const gw_cache_index *index = &lane->object->index;
    uint64_t n = 0;
    while (n < lane->count && !lane->body.overflowed
           && index->at[lane->first + n + 1] - index->at[lane->first] <= lane->body.len) {
        n++;
    }
    return n;
}

/// It begins where it should.
static bool is_that_piece(const gw_cache_lane *lane, const sv_http_reply_view *reply) {
    char value[SV_HTTP_CONTENT_RANGE_ROOM];
    sv_http_range range;
    uint64_t length = 0;
    const gw_cache_index *index = &lane->object->index;
    if (reply->status == WHOLE) {
        return lane->first == 0 && lane->body.len == index->length;
    }
    return reply->status == 0 // the link was cut in it: each chunk is judged
           || (reply->status == PARTIAL
               && sv_http_reply_field(reply, "Content-Range", value, sizeof value) == SV_OK
               && sv_http_content_range_read(sv_text_of(value), &range, &length) == SV_OK
               && range.from == index->at[lane->first]
               && (!lane->object->is_file || length == index->length));
}

/// While it cannot be kept, those who wait get it from here.
static void keep_spare(gw_cache_lane *lane, uint64_t count) {
    gw_cache_object *o = lane->object;
    size_t bytes = o->index.at[lane->first + count] - o->index.at[lane->first];
    free(o->spare);
    o->spare = (char *) sv_mem_new(bytes + 1);
    memcpy(o->spare, lane->body.at, bytes);
    o->spare_first = lane->first;
    o->spare_count = count;
}

/// False: a chunk of it is wrong.
static bool take_chunks(gw_cache_lane *lane, uint64_t count) {
    gw_cache_object *o = lane->object;
    bool kept = true;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t chunk = lane->first + i;
        sv_text bytes = { .at = lane->body.at + (o->index.at[chunk] - o->index.at[lane->first]),
                          .len = gw_cache_index_bytes(&o->index, chunk) };
        if (!gw_cache_object_take(o, chunk, bytes, false)) {
            return false;
        }
        kept = kept && o->states[chunk] == GW_CHUNK_HERE;
    }
    if (!kept) {
        keep_spare(lane, count);
    } else {
        free(o->spare);
        o->spare = NULL;
    }
    return true;
}

static void take_piece(gw_cache_lane *lane, const sv_http_reply_view *reply, const sv_why *why) {
    gw_cache_object *o = lane->object;
    if (lane->generation != o->generation) {
        return; // it has another index by now
    }
    gw_cache_mark(o, lane->first, lane->count, GW_CHUNK_MISSING);
    uint64_t count = lane->answered_well && is_that_piece(lane, reply) ? whole_chunks(lane) : 0;
    if (!take_chunks(lane, count)) {
        fetched_wrong(o, "a chunk");
        gw_cache_jobs_go_on(o);
        return;
    }
    o->wrong = count > 0 ? 0 : o->wrong;
    gw_cache_jobs_go_on(o);
    if (count < lane->count) {
        if (reply->status == WHOLE || reply->status == PARTIAL) {
            fetched_wrong(o, "a range");
        } else {
            fetch_failed(o, reply, why);
        }
    }
}

void gw_cache_piece_came(gw_cache_lane *lane, const sv_http_reply_view *reply, const sv_why *why) {
    take_piece(lane, reply, why);
    lane->object->fetches--; // until here nobody closes it
}
