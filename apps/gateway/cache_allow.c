// Which devices may have an image: the fleet server's yes is remembered, on the disk too, so that
// it holds while the link is down. [cache-8]
#include "cache_own.h"

#include <base/mem.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <unistd.h>

enum { FILE_MAX = GW_CACHE_ALLOWED * (SV_ID_ROOM + 1) * 2 };

static const char NAME[] = "allowed";

static gw_cache_yes *add(gw_cache_image *image, sv_text device) {
    gw_cache_yes *yes = sv_map_get(image->allowed, device);
    if (yes != NULL || !sv_id_is_valid(device)) {
        return yes;
    }
    yes = sv_mem_new(sizeof *yes);
    if (sv_map_put(image->allowed, device, yes) != SV_OK) {
        free(yes);
        return NULL;
    }
    return yes;
}

static void read_allowed(const gw_cache *cache, gw_cache_image *image) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf lines = SV_TEXTBUF_HEAP(FILE_MAX);
    if (image->allowed != NULL) {
        return;
    }
    image->allowed = sv_map_new(GW_CACHE_ALLOWED, NULL);
    if (gw_cache_file_path(cache, image, NAME, "", path) != SV_OK
        || sv_disk_read(path, &lines, NULL) != SV_OK) {
        return;
    }
    for (sv_text rest = sv_textbuf_text(&lines); rest.len > 0;) {
        (void) add(image, sv_text_cut(&rest, '\n'));
    }
}

bool gw_cache_is_allowed(gw_cache *cache, const char *sha256, const char *device, bool *stale) {
    gw_cache_image *image = sv_map_get(cache->images, sv_text_of(sha256));
    *stale = false;
    if (image == NULL) {
        return false;
    }
    read_allowed(cache, image);
    const gw_cache_yes *yes = sv_map_get(image->allowed, sv_text_of(device));
    *stale = yes != NULL;
    return yes != NULL && yes->at_us > 0
           && sv_clock_monotonic_us() - yes->at_us < GW_CACHE_ALLOWED_US;
}

void gw_cache_allow(gw_cache *cache, gw_cache_image *image, const char *device) {
    char path[SV_PATH_MAX];
    char line[SV_ID_ROOM + 1];
    read_allowed(cache, image);
    bool known = sv_map_get(image->allowed, sv_text_of(device)) != NULL;
    gw_cache_yes *yes = add(image, sv_text_of(device));
    if (yes == NULL) {
        return;
    }
    yes->at_us = sv_clock_monotonic_us();
    if (known || gw_cache_file_path(cache, image, NAME, "", path) != SV_OK) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int len = snprintf(line, sizeof line, "%s\n", device);
    if (fd >= 0) {
        (void) !write(fd, line, (size_t) len); // forgotten at worst, and asked for again
        (void) close(fd);
    }
}

void gw_cache_disallow(gw_cache *cache, const char *sha256, const char *device) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf lines = SV_TEXTBUF_HEAP(FILE_MAX);
    gw_cache_image *image = sv_map_get(cache->images, sv_text_of(sha256));
    gw_cache_yes *yes = image != NULL && image->allowed != NULL
                            ? sv_map_remove(image->allowed, sv_text_of(device))
                            : NULL;
    if (yes == NULL) {
        return;
    }
    free(yes);
    for (size_t i = 0; i < sv_map_count(image->allowed); i++) {
        sv_text id;
        (void) sv_map_at(image->allowed, i, &id);
        sv_textbuf_add(&lines, id);
        sv_textbuf_add_char(&lines, '\n');
    }
    if (gw_cache_file_path(cache, image, NAME, "", path) == SV_OK) {
        (void) !gw_cache_put(path, sv_textbuf_text(&lines));
    }
}
