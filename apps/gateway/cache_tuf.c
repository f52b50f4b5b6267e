// Update metadata: what was seen last is kept, for while the link is down. Whether it is still to
// be believed is for the device to judge, which holds it against keys, versions and dates of its
// own.
#include "cache_own.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 256 };

static const char TYPE[] = "application/octet-stream";

static bool path_of(const gw_cache *cache, const char *name, char room[SV_PATH_MAX]) {
    int len = snprintf(room, SV_PATH_MAX, "%s/tuf/%s", cache->dir, name);
    return len > 0 && len < SV_PATH_MAX;
}

/// One file less when there are too many: the one that was written longest ago.
static void prune(const char *folder_path, size_t files_max) {
    DIR *folder = opendir(folder_path);
    struct stat found;
    char oldest[NAME_MAX + 1] = "";
    int64_t oldest_s = INT64_MAX;
    size_t count = 0;
    if (folder == NULL) {
        return;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the folder is this function's own
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (fstatat(dirfd(folder), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(found.st_mode)) {
            count++;
            if (found.st_mtim.tv_sec < oldest_s) {
                oldest_s = found.st_mtim.tv_sec;
                (void) snprintf(oldest, sizeof oldest, "%s", entry->d_name);
            }
        }
    }
    if (count >= files_max) {
        (void) unlinkat(dirfd(folder), oldest, 0);
    }
    (void) closedir(folder);
}

/// `image/5.root.json`: it is there, or that version was never made.
static bool is_root(const char *name) {
    const char *file = strrchr(name, '/');
    size_t digits = file == NULL ? 0 : strspn(file + 1, "0123456789");
    return digits > 0 && strcmp(file + 1 + digits, ".root.json") == 0;
}

/// Where it is remembered that there is none: no metadata is called so.
static bool none_path_of(const gw_cache *cache, const char *name, char room[SV_PATH_MAX]) {
    const char *file = strrchr(name, '/');
    int len = snprintf(room, SV_PATH_MAX, "%s/tuf/%.*s/.none-%s", cache->dir, (int) (file - name),
                       name, file + 1);
    return len > 0 && len < SV_PATH_MAX;
}

static int64_t age_s(const struct stat *of) {
    return sv_clock_wall_us() / 1000000 - of->st_mtim.tv_sec;
}

static sv_err read_kept(const char *path, sv_textbuf *out) {
    SV_TRY(sv_disk_read(path, out, NULL));
    return out->len > 0 ? SV_OK : SV_ERR_NOT_FOUND;
}

/// A file that is there already with these bytes is not written again.
static bool is_kept(const char *path, sv_text body) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf kept = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX);
    struct stat found;
    return stat(path, &found) == 0 && (uint64_t) found.st_size == body.len
           && read_kept(path, &kept) == SV_OK && sv_text_eq(sv_textbuf_text(&kept), body);
}

/// A file of its folder, which is made, and has one less when there are too many.
static void put(gw_cache *cache, const char *name, const char *path, sv_text body) {
    char folder[SV_PATH_MAX];
    (void) snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    if (!sv_disk_exists(folder) && sv_disk_make_folder(folder, 0700, NULL) != SV_OK) {
        return;
    }
    if (!sv_disk_exists(path)) {
        prune(folder, name[0] == 'i' ? GW_CACHE_METADATA_FILES : GW_CACHE_METADATA_OF_DEVICE);
    }
    if (gw_cache_has_room(cache)) {
        (void) !gw_cache_put(path, body); // it is asked for again next time
    }
}

void gw_cache_keep_none(gw_cache *cache, const char *device, sv_text target) {
    char name[NAME_ROOM];
    char path[SV_PATH_MAX];
    struct stat found;
    if (!gw_cache_metadata_name(target, device, name, sizeof name) || !is_root(name)
        || !none_path_of(cache, name, path)
        || (stat(path, &found) == 0 && age_s(&found) >= 0
            && age_s(&found) < GW_CACHE_METADATA_S)) { // it was said a while ago
        return;
    }
    put(cache, name, path, SV_TEXT("404\n"));
}

/// [cache-12]
static bool is_known_as_none(const gw_cache *cache, const char *name) {
    char path[SV_PATH_MAX];
    struct stat found;
    return is_root(name) && none_path_of(cache, name, path) && stat(path, &found) == 0
           && age_s(&found) >= 0 && age_s(&found) < GW_CACHE_NO_ROOT_S;
}

void gw_cache_keep(gw_cache *cache, const char *device, sv_text target, sv_text body) {
    char name[NAME_ROOM];
    char path[SV_PATH_MAX];
    char none[SV_PATH_MAX];
    if (body.len == 0 || !gw_cache_metadata_name(target, device, name, sizeof name)
        || !path_of(cache, name, path)) {
        return;
    }
    bool versioned = gw_cache_metadata_is_versioned(name);
    if (!versioned && is_kept(path, body)) {
        return;
    }
    if (is_root(name) && none_path_of(cache, name, none)) {
        (void) unlink(none);
    }
    put(cache, name, path, body);
}

bool gw_cache_answer_fresh(gw_cache *cache, sv_http_request *request, sv_text target) {
    char name[NAME_ROOM];
    char path[SV_PATH_MAX];
    struct stat found;
    SV_DEFER(sv_textbuf_drop) sv_textbuf kept = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX);
    if (strcmp(sv_http_method(request), "GET") != 0
        || !gw_cache_metadata_name(target, "", name, sizeof name)
        || !gw_cache_metadata_is_versioned(name) || !path_of(cache, name, path)
        || stat(path, &found) != 0) {
        return false;
    }
    int64_t age = age_s(&found);
    if (age < 0 || age > GW_CACHE_METADATA_S || read_kept(path, &kept) != SV_OK) {
        return false;
    }
    cache->counts.served_bytes += kept.len;
    sv_http_reply(request, 200, TYPE, sv_textbuf_text(&kept));
    return true;
}

bool gw_cache_answer_stale(gw_cache *cache, sv_http_request *request, const char *device,
                           sv_text target) {
    char name[NAME_ROOM];
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf kept = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX);
    if (strcmp(sv_http_method(request), "GET") != 0
        || !gw_cache_metadata_name(target, device, name, sizeof name)
        || !path_of(cache, name, path)) {
        return false;
    }
    bool none = false;
    if (read_kept(path, &kept) != SV_OK) {
        none = is_known_as_none(cache, name);
        if (!none) {
            return false;
        }
    }
    cache->counts.stale++;
    if (none) {
        sv_http_problem(request, 404, "Not found",
                        "there was none when the fleet server answered last");
        return true;
    }
    sv_http_reply(request, 200, TYPE, sv_textbuf_text(&kept));
    return true;
}
