// The folder: one for each image, with the encodings of it that were asked for and their indexes,
// and who may have it. What is there is found by looking at the start.
#include "cache_own.h"

#include <base/mem.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BLOCK = 512, PARTS_OF_DISK = 4 };

sv_err gw_cache_file_path(const gw_cache *cache, const gw_cache_image *image, const char *name,
                          const char *suffix, char room[SV_PATH_MAX]) {
    int len = name == NULL ? snprintf(room, SV_PATH_MAX, "%s/%s", cache->dir, image->sha256)
                           : snprintf(room, SV_PATH_MAX, "%s/%s/%s%s", cache->dir, image->sha256,
                                      name, suffix);
    return len > 0 && len < SV_PATH_MAX ? SV_OK : SV_ERR_NO_SPACE;
}

sv_err gw_cache_put(const char *path, sv_text content) {
    char draft[SV_PATH_MAX];
    int len = snprintf(draft, sizeof draft, "%s.new", path);
    if (len < 0 || len >= (int) sizeof draft) {
        return SV_ERR_NO_SPACE;
    }
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return SV_ERR_IO;
    }
    bool written = write(fd, content.at, content.len) == (ssize_t) content.len;
    (void) close(fd);
    if (!written || rename(draft, path) != 0) {
        (void) unlink(draft);
        return SV_ERR_NO_SPACE;
    }
    return SV_OK;
}

// ---- how much there is --------------------------------------------------------------------------

static bool is_free(const gw_cache *cache) {
    struct statvfs disk;
    return statvfs(cache->dir, &disk) != 0
           || disk.f_bavail * disk.f_frsize >= (uint64_t) cache->reserve;
}

/// The one used longest ago of which nothing is under way.
static gw_cache_image *oldest_image(const gw_cache *cache) {
    gw_cache_image *oldest = NULL;
    for (size_t i = 0; i < sv_map_count(cache->images); i++) {
        gw_cache_image *image = sv_map_at(cache->images, i, NULL);
        if (image->objects == 0 && (oldest == NULL || image->used_us < oldest->used_us)) {
            oldest = image;
        }
    }
    return oldest;
}

static void drop_image(gw_cache *cache, gw_cache_image *image) {
    cache->counts.bytes -= image->bytes < cache->counts.bytes ? image->bytes : cache->counts.bytes;
    (void) sv_map_remove(cache->images, sv_text_of(image->sha256));
    for (size_t i = 0; image->allowed != NULL && i < sv_map_count(image->allowed); i++) {
        free(sv_map_at(image->allowed, i, NULL));
    }
    sv_map_drop(&image->allowed);
    free(image);
}

static void close_idle(gw_cache *cache) {
    gw_cache_object *next = NULL;
    for (gw_cache_object *o = TAILQ_FIRST(&cache->objects); o != NULL; o = next) {
        next = TAILQ_NEXT(o, link);
        if (gw_cache_object_is_idle(o)) {
            gw_cache_object_drop(o);
        }
    }
}

/// One image less; false: all of them are in use. [cache-7]
static bool evict(gw_cache *cache) {
    char path[SV_PATH_MAX];
    gw_cache_image *image = oldest_image(cache);
    if (image == NULL) {
        close_idle(cache);
        image = oldest_image(cache);
    }
    if (image == NULL || gw_cache_file_path(cache, image, NULL, "", path) != SV_OK) {
        return false;
    }
    SV_LOG(info, "cache.evicted", "image %s, %llu bytes", image->sha256,
           (unsigned long long) image->bytes);
    (void) !sv_disk_remove_tree(path, NULL);
    cache->counts.evicted++;
    drop_image(cache, image);
    return true;
}

bool gw_cache_has_room(gw_cache *cache) {
    while (cache->counts.bytes + GW_CACHE_ROOM > cache->counts.bytes_max) {
        if (!evict(cache)) {
            return false;
        }
    }
    return is_free(cache);
}

// ---- images -------------------------------------------------------------------------------------

static gw_cache_image *add_image(gw_cache *cache, const char *sha256) {
    gw_cache_image *image = sv_mem_new(sizeof *image);
    memcpy(image->sha256, sha256, sizeof image->sha256);
    if (sv_map_put(cache->images, sv_text_of(sha256), image) != SV_OK) {
        free(image);
        return NULL;
    }
    return image;
}

gw_cache_image *gw_cache_image_of(gw_cache *cache, const char *sha256) {
    char path[SV_PATH_MAX];
    gw_cache_image *image = sv_map_get(cache->images, sv_text_of(sha256));
    if (image == NULL) {
        if (sv_map_count(cache->images) >= GW_CACHE_IMAGES && !evict(cache)) {
            return NULL;
        }
        image = add_image(cache, sha256);
        if (image != NULL && gw_cache_file_path(cache, image, NULL, "", path) == SV_OK) {
            (void) mkdir(path, 0700); // a disk that takes nothing is passed by
        }
    }
    if (image != NULL) {
        image->used_us = sv_clock_wall_us();
    }
    return image;
}

/// What its files take, and when the last of them was written.
void gw_cache_weigh(gw_cache *cache, gw_cache_image *image) {
    char path[SV_PATH_MAX];
    struct stat found;
    cache->counts.bytes -= image->bytes < cache->counts.bytes ? image->bytes : cache->counts.bytes;
    image->bytes = 0;
    DIR *folder = gw_cache_file_path(cache, image, NULL, "", path) == SV_OK ? opendir(path) : NULL;
    if (folder == NULL) {
        return;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the folder is this function's own
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (fstatat(dirfd(folder), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(found.st_mode)) {
            int64_t at_us = (int64_t) found.st_mtim.tv_sec * 1000000;
            image->bytes += (uint64_t) found.st_blocks * BLOCK;
            image->used_us = at_us > image->used_us ? at_us : image->used_us;
        }
    }
    (void) closedir(folder);
    cache->counts.bytes += image->bytes;
}

static bool is_image(const char *name) {
    return strlen(name) == GW_CACHE_HEX_ROOM - 1
           && strspn(name, "0123456789abcdef") == GW_CACHE_HEX_ROOM - 1;
}

static void look_around(gw_cache *cache, DIR *folder) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the folder is the caller's own
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        gw_cache_image *image = is_image(entry->d_name) ? add_image(cache, entry->d_name) : NULL;
        if (image != NULL) {
            gw_cache_weigh(cache, image);
        }
    }
}

sv_err gw_cache_disk_open(gw_cache *cache, int64_t bytes, sv_why *why) {
    struct statvfs disk;
    DIR *folder = opendir(cache->dir);
    if (folder == NULL || fstatvfs(dirfd(folder), &disk) != 0) {
        int reason = errno;
        if (folder != NULL) {
            (void) closedir(folder);
        }
        errno = reason;
        return sv_fail(why, SV_ERR_IO, "cache: dir: cannot look into '%s': %m", cache->dir);
    }
    uint64_t part = disk.f_blocks * disk.f_frsize / PARTS_OF_DISK;
    uint64_t usual = part < GW_CACHE_USUAL_BYTES ? part : (uint64_t) GW_CACHE_USUAL_BYTES;
    cache->counts.bytes_max = bytes > 0 ? (uint64_t) bytes : usual;
    cache->images = sv_map_new(GW_CACHE_IMAGES, NULL);
    look_around(cache, folder);
    (void) closedir(folder);
    while (cache->counts.bytes > cache->counts.bytes_max && evict(cache)) {
    }
    return SV_OK;
}

void gw_cache_disk_close(gw_cache *cache) {
    while (cache->images != NULL && sv_map_count(cache->images) > 0) {
        drop_image(cache, sv_map_at(cache->images, 0, NULL));
    }
    sv_map_drop(&cache->images);
}

// ---- chunks -------------------------------------------------------------------------------------

void gw_cache_open_bytes(gw_cache_object *object, bool make) {
    char path[SV_PATH_MAX];
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0);
    object->fd = -1;
    if (!gw_cache_stands_back(object)
        && gw_cache_file_path(object->cache, object->image, object->name, "", path) == SV_OK) {
        object->fd = open(path, flags, 0600);
    }
}

static bool write_chunk(gw_cache_object *o, uint64_t chunk, sv_text bytes) {
    if (o->fd < 0) {
        gw_cache_open_bytes(o, true);
    }
    return o->fd >= 0
           && pwrite(o->fd, bytes.at, bytes.len, (off_t) o->index.at[chunk]) == (ssize_t) bytes.len;
}

bool gw_cache_store(gw_cache_object *object, uint64_t chunk, sv_text bytes) {
    gw_cache *cache = object->cache;
    if (gw_cache_stands_back(object)) {
        return false;
    }
    if (gw_cache_has_room(cache) && write_chunk(object, chunk, bytes)) {
        object->image->bytes += bytes.len;
        cache->counts.bytes += bytes.len;
        cache->told_full = false;
        return true;
    }
    cache->counts.unstored++;
    if (!cache->told_full) {
        SV_LOG(warn, "cache.full", "there is no room in %s: artifacts are handed on and not kept",
               cache->dir);
        cache->told_full = true;
    }
    return false;
}

static sv_text from_spare(const gw_cache_object *o, uint64_t chunk) {
    if (o->spare == NULL || chunk < o->spare_first || chunk >= o->spare_first + o->spare_count) {
        return SV_TEXT("");
    }
    return (sv_text){ .at = o->spare + (o->index.at[chunk] - o->index.at[o->spare_first]),
                      .len = gw_cache_index_bytes(&o->index, chunk) };
}

/// [cache-4] Whatever the disk gives is judged again.
static sv_text from_disk(gw_cache_object *o, uint64_t chunk) {
    gw_cache *cache = o->cache;
    sv_text bytes = { .at = cache->room, .len = gw_cache_index_bytes(&o->index, chunk) };
    bool was_here = o->states[chunk] == GW_CHUNK_HERE;
    if (o->fd >= 0
        && pread(o->fd, cache->room, bytes.len, (off_t) o->index.at[chunk]) == (ssize_t) bytes.len
        && gw_cache_index_judges(&o->index, chunk, bytes, cache->digest)) {
        o->states[chunk] = GW_CHUNK_HERE;
        return bytes;
    }
    o->states[chunk] = GW_CHUNK_MISSING;
    cache->counts.rotten += was_here;
    return SV_TEXT("");
}

sv_text gw_cache_load(gw_cache_object *object, uint64_t chunk) {
    sv_text bytes = from_spare(object, chunk);
    if (bytes.len > 0 || object->states[chunk] == GW_CHUNK_MISSING
        || object->states[chunk] == GW_CHUNK_UNDER_WAY) {
        return bytes;
    }
    return from_disk(object, chunk);
}
