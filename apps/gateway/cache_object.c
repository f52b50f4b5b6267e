// An encoding or a file that devices want now: its index in memory, its bytes on the disk.
#include "cache_own.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <sys/stat.h>
#include <unistd.h>

static const char INDEX[] = ".index";

bool gw_cache_object_is_wanted(const gw_cache_object *object) {
    const gw_cache_job *job = NULL;
    TAILQ_FOREACH(job, &object->cache->jobs, link) {
        if (job->object == object) {
            return true;
        }
    }
    return false;
}

/// What lies behind the end of the file is missing; about the rest the disk is asked when it is
/// wanted. Of a file that is not whole all is missing beyond what has been added up.
static void mark_chunks(gw_cache_object *o) {
    struct stat found = { .st_size = 0 };
    bool has_file = o->fd >= 0 && fstat(o->fd, &found) == 0;
    for (uint64_t i = 0; i < o->index.count; i++) {
        bool there =
            has_file && o->index.at[i + 1] <= (uint64_t) found.st_size && (!o->is_file || o->whole);
        o->states[i] = there ? GW_CHUNK_UNKNOWN : GW_CHUNK_MISSING;
    }
}

void gw_cache_object_index(gw_cache_object *object, gw_cache_index *index) {
    free(object->states);
    gw_cache_index_drop(&object->index);
    object->index = *index;
    if (object->fd < 0) {
        gw_cache_open_bytes(object, false);
    }
    *index = (gw_cache_index){ 0 };
    object->states = sv_mem_array(object->index.count, 1);
    object->generation++;
    object->filled = object->whole ? object->index.count : 0;
    free(object->spare);
    object->spare = NULL;
    mark_chunks(object);
}

static void read_index(gw_cache_object *o) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(GW_CACHE_INDEX_MAX + 1);
    gw_cache_index index;
    if (gw_cache_file_path(o->cache, o->image, o->name, INDEX, path) == SV_OK
        && sv_disk_read(path, &bytes, NULL) == SV_OK
        && gw_cache_index_read(sv_textbuf_text(&bytes), &index, NULL) == SV_OK) {
        o->whole = o->is_file;
        gw_cache_object_index(o, &index);
    }
}

/// A file is one object for each name that it is asked for by: whether there is such a name the
/// fleet server says of each.
static gw_cache_object *find(const gw_cache *cache, const gw_cache_name *name, const char *path) {
    gw_cache_object *o = NULL;
    TAILQ_FOREACH(o, &cache->objects, link) {
        if (strcmp(o->image->sha256, name->sha256) == 0 && strcmp(o->name, name->file) == 0
            && (!name->is_file || strcmp(o->path, path) == 0)) {
            return o;
        }
    }
    return NULL;
}

bool gw_cache_stands_back(const gw_cache_object *object) {
    const gw_cache_object *o = NULL;
    if (!object->is_file || object->whole || object->fd >= 0) {
        return false;
    }
    TAILQ_FOREACH(o, &object->cache->objects, link) {
        if (o->image == object->image && o->is_file && o->fd >= 0) {
            return true;
        }
    }
    return false;
}

bool gw_cache_object_is_idle(const gw_cache_object *object) {
    return object->fetches == 0 && !object->index_under_way && !gw_cache_object_is_wanted(object);
}

/// Those that nobody wants are closed until there is room for one more.
static bool make_room(gw_cache *cache) {
    gw_cache_object *o = TAILQ_FIRST(&cache->objects);
    while (cache->object_count >= GW_CACHE_OBJECTS && o != NULL) {
        gw_cache_object *next = TAILQ_NEXT(o, link);
        if (gw_cache_object_is_idle(o)) {
            gw_cache_object_drop(o);
        }
        o = next;
    }
    return cache->object_count < GW_CACHE_OBJECTS;
}

static gw_cache_object *add(gw_cache *cache, gw_cache_image *image, const gw_cache_name *name,
                            const char *path) {
    gw_cache_object *o = sv_mem_new(sizeof *o);
    *o = (gw_cache_object){ .cache = cache, .image = image, .is_file = name->is_file, .fd = -1 };
    memcpy(o->name, name->file, sizeof o->name);
    size_t len = strlen(path);
    size_t suffix = name->is_index ? sizeof INDEX - 1 : 0;
    memcpy(o->path, path, len - suffix);
    image->objects++;
    read_index(o);
    o->index_due = o->index.count == 0;
    o->digest = o->is_file && !o->whole ? sv_digest_new(SV_DIGEST_SHA256) : NULL;
    TAILQ_INSERT_TAIL(&cache->objects, o, link);
    cache->object_count++;
    return o;
}

gw_cache_object *gw_cache_object_of(gw_cache *cache, const gw_cache_name *name, const char *path) {
    gw_cache_object *o = find(cache, name, path);
    if (o != NULL) {
        o->image->used_us = sv_clock_wall_us();
        TAILQ_REMOVE(&cache->objects, o, link);
        TAILQ_INSERT_TAIL(&cache->objects, o, link);
        return o;
    }
    if (!make_room(cache)) {
        return NULL;
    }
    gw_cache_image *image = gw_cache_image_of(cache, name->sha256);
    return image != NULL ? add(cache, image, name, path) : NULL;
}

void gw_cache_object_drop(gw_cache_object *object) {
    TAILQ_REMOVE(&object->cache->objects, object, link);
    object->cache->object_count--;
    object->image->objects--;
    if (object->fd >= 0) {
        (void) close(object->fd);
    }
    gw_cache_index_drop(&object->index);
    sv_digest_drop(&object->digest);
    free(object->states);
    free(object->spare);
    free(object);
}

void gw_cache_object_forget(gw_cache_object *object) {
    static const char *const SUFFIXES[] = { "", INDEX };
    char path[SV_PATH_MAX];
    size_t kept = gw_cache_stands_back(object) ? 0 : SV_COUNT(SUFFIXES);
    for (size_t i = 0; i < kept; i++) {
        if (gw_cache_file_path(object->cache, object->image, object->name, SUFFIXES[i], path)
            == SV_OK) {
            (void) unlink(path);
        }
    }
    if (object->fd >= 0) {
        (void) close(object->fd);
    }
    object->fd = -1;
    gw_cache_index_drop(&object->index);
    free(object->states);
    free(object->spare);
    object->states = NULL;
    object->spare = NULL;
    object->generation++;
    object->whole = false;
    object->filled = 0;
    gw_cache_weigh(object->cache, object->image);
    object->index_due = true;
    sv_digest_drop(&object->digest);
    object->digest = object->is_file ? sv_digest_new(SV_DIGEST_SHA256) : NULL;
}

bool gw_cache_object_take_index(gw_cache_object *object, sv_text bytes, sv_why *why) {
    char path[SV_PATH_MAX];
    gw_cache_index index;
    object->index_us = sv_clock_monotonic_us();
    if (object->index.count > 0 && object->index.len == bytes.len
        && memcmp(object->index.bytes, bytes.at, bytes.len) == 0) {
        return true;
    }
    if (gw_cache_index_read(bytes, &index, why) != SV_OK) {
        return false;
    }
    gw_cache_object_index(object, &index);
    if (gw_cache_has_room(object->cache)
        && gw_cache_file_path(object->cache, object->image, object->name, INDEX, path) == SV_OK
        && gw_cache_put(path, bytes) == SV_OK) {
        object->image->bytes += bytes.len;
        object->cache->counts.bytes += bytes.len;
    }
    return true;
}

/// The last chunk of a file has come: is it what it is called? [cache-5]
static bool ends_well(gw_cache_object *o) {
    uint8_t hash[GW_CACHE_HASH_BYTES];
    char path[SV_PATH_MAX];
    char room[GW_CACHE_HEX_ROOM];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_digest_end(o->digest, hash);
    sv_hex_add(&hex, hash, sizeof hash);
    if (!sv_text_is(sv_textbuf_text(&hex), o->image->sha256)) {
        return false;
    }
    o->whole = true;
    sv_digest_drop(&o->digest);
    if (gw_cache_file_path(o->cache, o->image, o->name, INDEX, path) == SV_OK) {
        (void) !gw_cache_put(path,
                             (sv_text){ .at = (const char *) o->index.bytes, .len = o->index.len });
    }
    return true;
}

/// What comes next of a file is what it is, until the whole is judged.
static bool is_next_of_file(const gw_cache_object *o, uint64_t chunk) {
    return o->is_file && !o->whole && chunk == o->filled;
}

bool gw_cache_object_take(gw_cache_object *object, uint64_t chunk, sv_text bytes, bool stored) {
    gw_cache *cache = object->cache;
    bool next = is_next_of_file(object, chunk);
    if (next) {
        gw_cache_index_set(&object->index, chunk, bytes, cache->digest);
        sv_digest_add(object->digest, bytes);
        object->filled++;
    } else if (!gw_cache_index_judges(&object->index, chunk, bytes, cache->digest)) {
        object->states[chunk] = GW_CHUNK_MISSING;
        return false;
    }
    bool kept = stored || gw_cache_store(object, chunk, bytes);
    object->states[chunk] = kept ? GW_CHUNK_HERE : GW_CHUNK_MISSING;
    return !next || object->filled < object->index.count || ends_well(object);
}
