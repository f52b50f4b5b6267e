#include "update_repo.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct staging {
    const update_release *release;
    char now[SV_PATH_MAX], next[SV_PATH_MAX]; ///< folders: what is served, what is to be
} staging;

// ---- what stays ---------------------------------------------------------------------------------

static int64_t version_of(const update_release *release, sv_text role) {
    const update_document *document = NULL;
    if (sv_text_is(role, "snapshot")) {
        return release->snapshot.metadata->version;
    }
    for (size_t i = 0; (document = update_release_targets(release, i)) != NULL; i++) {
        if (sv_text_is(role, document->role)) {
            return document->metadata->version;
        }
    }
    return 0;
}

/// "7.targets.json" of long ago need not be served any more; roots, and what we do not know, stay.
static bool is_wanted(const staging *s, const char *name) {
    sv_text rest = sv_text_of(name);
    uint64_t number = 0;
    if (rest.len < sizeof ".json" || strcmp(name + rest.len - (sizeof ".json" - 1), ".json") != 0
        || strcmp(name, "timestamp.json") == 0) {
        return false;
    }
    rest.len -= sizeof ".json" - 1;
    if (sv_text_u64(sv_text_cut(&rest, '.'), INT64_MAX, &number) != SV_OK) {
        return true;
    }
    int64_t newest = version_of(s->release, rest);
    return newest == 0 || (int64_t) number + UPDATE_VERSIONS_KEPT >= newest;
}

static sv_err link_one(const staging *s, const char *name, sv_why *why) {
    char from[SV_PATH_MAX];
    char to[SV_PATH_MAX];
    SV_TRY(sv_disk_join(from, sizeof from, s->now, name));
    SV_TRY(sv_disk_join(to, sizeof to, s->next, name));
    return link(from, to) == 0 ? SV_OK
                               : sv_fail(why, SV_ERR_IO, "cannot link '%s' to '%s': %m", from, to);
}

static sv_err link_old(const staging *s, sv_why *why) {
    DIR *dir = opendir(s->now);
    const struct dirent *entry = NULL;
    sv_err err = SV_OK;
    if (dir == NULL) {
        return errno == ENOENT ? SV_OK
                               : sv_fail(why, SV_ERR_IO, "cannot read the folder '%s': %m", s->now);
    }
    while (err == SV_OK && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        err = is_wanted(s, entry->d_name) ? link_one(s, entry->d_name, why) : SV_OK;
    }
    (void) closedir(dir);
    return err;
}

// ---- what comes ---------------------------------------------------------------------------------

/// Linked from what is served already: with many bins nearly all are.
static bool is_there(const char *path, sv_text bytes) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf present = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    return sv_disk_read(path, &present, NULL) == SV_OK
           && sv_text_eq(sv_textbuf_text(&present), bytes);
}

static sv_err put(const staging *s, const update_document *document, bool versioned, sv_why *why) {
    char name[UPDATE_NAME_ROOM * 2];
    char path[SV_PATH_MAX];
    if (versioned) {
        (void) snprintf(name, sizeof name, "%lld.%s.json", (long long) document->metadata->version,
                        document->role);
    } else {
        (void) snprintf(name, sizeof name, "%s.json", document->role);
    }
    SV_TRY(sv_disk_join(path, sizeof path, s->next, name));
    sv_text bytes = sv_textbuf_text(&document->bytes);
    return is_there(path, bytes) ? SV_OK : sv_disk_replace(path, bytes, 0644, why);
}

/// Every root there has been, for a device that was away for long. [repo-8]
static sv_err put_root(const staging *s, int64_t version, sv_why *why) {
    char name[UPDATE_NAME_ROOM];
    char from[SV_PATH_MAX];
    char to[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    (void) snprintf(name, sizeof name, "%lld.root.json", (long long) version);
    SV_TRY(sv_disk_join(to, sizeof to, s->next, name));
    if (sv_disk_exists(to)) {
        return SV_OK;
    }
    SV_TRY(update_folder_path(s->release->folder, "metadata", name, from, why));
    sv_err err = sv_disk_read(from, &bytes, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_INVALID,
                       "root %lld is neither in the repository nor at '%s': devices that know an "
                       "older one could not follow. Bring it there",
                       (long long) version, from);
    }
    SV_TRY(err);
    return sv_disk_replace(to, sv_textbuf_text(&bytes), 0644, why);
}

static sv_err fill(const staging *s, sv_why *why) {
    const update_release *release = s->release;
    const update_document *document = NULL;
    SV_TRY(link_old(s, why));
    for (int64_t version = 1; version <= release->root.metadata->version; version++) {
        SV_TRY(put_root(s, version, why));
    }
    for (size_t i = 0; (document = update_release_targets(release, i)) != NULL; i++) {
        SV_TRY(put(s, document, true, why));
    }
    SV_TRY(put(s, &release->snapshot, true, why));
    return put(s, &release->timestamp, false, why);
}

// ---- at once ------------------------------------------------------------------------------------

/// A client comes for a root first and for the timestamp afterwards; with other keys in between,
/// neither order of writing would do. The folders change places instead.
static sv_err swap(const staging *s, sv_why *why) {
    bool first = !sv_disk_exists(s->now);
    int done = first ? rename(s->next, s->now)
                     : renameat2(AT_FDCWD, s->next, AT_FDCWD, s->now, RENAME_EXCHANGE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS || errno == EXDEV)) {
        return sv_fail(
            why, SV_ERR_IO,
            "the file system of '%s' cannot exchange two folders (%m): publish to a local "
            "one (ext4, xfs, btrfs, tmpfs) and copy from there, timestamp.json last",
            s->now);
    }
    if (done != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot put '%s' in place of '%s': %m", s->next, s->now);
    }
    SV_TRY(sv_disk_sync_folder_of(s->now, why));
    return sv_disk_remove_tree(s->next, why);
}

sv_err update_repo_write(const update_release *release, const char *repo, sv_why *why) {
    staging s = { .release = release };
    if (sv_disk_join(s.now, sizeof s.now, repo, "metadata") != SV_OK
        || sv_disk_join(s.next, sizeof s.next, repo, "metadata.next") != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%.120s' is too long a path", repo);
    }
    SV_TRY(sv_disk_remove_tree(s.next, why)); // of one that was stopped
    SV_TRY(sv_disk_make_folder(s.next, 0755, why));
    SV_TRY(fill(&s, why));
    return swap(&s, why);
}
