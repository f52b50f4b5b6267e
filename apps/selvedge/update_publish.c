// `selvedge update publish`
#include "update.h"
#include "update_image.h"
#include "update_repo.h"
#include <base/fd.h>
#include <base/mem.h>
#include <base/time.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <unistd.h>

typedef struct asked {
    const char *dir, *repo, *snapshot, *timestamp;
    bool renew;
} asked;

static sv_err length_of(const char *text, int64_t days, int64_t *out, sv_why *why) {
    *out = days * SV_TIME_DAY_US;
    if (text != NULL && (sv_duration_parse(sv_text_of(text), out) != SV_OK || *out <= 0)) {
        return sv_fail(why, SV_ERR_INVALID, "'%.60s' is no length of time like 30d or 12h", text);
    }
    return SV_OK;
}

/// What waits for signatures is not left out in silence.
static sv_err check_pending(const update_folder *folder, const asked *a, sv_why *why) {
    SV_DEFER(sv_mem_drop) update_roles *roles = sv_mem_new(sizeof *roles);
    SV_TRY(update_settle(folder, why));
    SV_TRY(update_waiting_print(folder, roles, stderr, why));
    if (roles->count > 0 && !a->renew) {
        return sv_fail(
            why, SV_ERR_UNTRUSTED,
            "%s waits for signatures, see above; nothing is published. --renew publishes "
            "what is signed already",
            roles->names[0]);
    }
    return SV_OK;
}

/// A repository that nobody else publishes to meanwhile.
typedef struct desk {
    const char *repo;
    int lock;
    char lock_path[SV_PATH_MAX], metadata[SV_PATH_MAX];
    bool is_new; ///< it was not there before
} desk;

/// `folder` itself, or one that it is in.
static bool is_around(const char *outer, const char *folder) {
    size_t len = strlen(outer);
    return strncmp(outer, folder, len) == 0 && (folder[len] == '\0' || folder[len] == '/');
}

/// The repository is for everybody: no keys lie in it. Nor is it a folder of keys.
static sv_err check_apart(const asked *a, sv_why *why) {
    char repo[PATH_MAX];
    char keys[PATH_MAX];
    if (realpath(a->repo, repo) == NULL || realpath(a->dir, keys) == NULL) {
        return SV_OK; // there is none yet
    }
    char file[SV_PATH_MAX];
    bool holds =
        sv_disk_join(file, sizeof file, a->repo, "keys.json") == SV_OK && sv_disk_exists(file);
    return !holds && !is_around(repo, keys)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "--repo '%.160s' %s: whoever serves it would give the private keys away. "
                         "Name a folder of its own",
                         a->repo, holds ? "is a folder of keys" : "has the folder of keys in it");
}

static sv_err open_desk(const asked *a, desk *out, sv_why *why) {
    out->repo = a->repo;
    if (sv_disk_join(out->lock_path, sizeof out->lock_path, a->repo, ".lock") != SV_OK
        || sv_disk_join(out->metadata, sizeof out->metadata, a->repo, "metadata") != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%.120s' is too long a path", a->repo);
    }
    out->is_new = !sv_disk_exists(a->repo);
    SV_TRY(sv_disk_make_folder(a->repo, 0755, why));
    return sv_disk_lock(out->lock_path, &out->lock, why);
}

/// What was made for nothing goes: a refused publication begins no repository.
static void close_desk(desk *d) {
    if (d->lock >= 0 && d->is_new && !sv_disk_exists(d->metadata)) {
        (void) unlink(d->lock_path);
        (void) rmdir(d->repo); // not where artifacts came already
    }
    sv_fd_drop(&d->lock);
}

/// In time for who has to fetch keys from a safe.
static void warn_of_end(const update_release *release, const update_document *document) {
    char room[40];
    char remedy[UPDATE_REMEDY_ROOM];
    sv_textbuf end = SV_TEXTBUF(room);
    if (document->metadata->expires_us - release->now_us < UPDATE_WARNING_DAYS * SV_TIME_DAY_US) {
        sv_time_add(&end, document->metadata->expires_us);
        update_remedy(release, document->role, remedy);
        (void) fprintf(stderr,
                       "note: %s ends at " SV_TEXT_FMT
                       ", and nothing is published then. Renew it with: %s\n",
                       document->role, SV_TEXT_ARG(sv_textbuf_text(&end)), remedy);
    }
}

static void warn_of_ends(const update_release *release) {
    const update_document *document = NULL;
    const update_document *bin = NULL; // that ends first: one line for all of them
    warn_of_end(release, &release->root);
    for (size_t i = 0; (document = update_release_targets(release, i)) != NULL; i++) {
        if (!sv_tuf_is_bin(sv_text_of(document->role))) {
            warn_of_end(release, document);
        } else if (bin == NULL || document->metadata->expires_us < bin->metadata->expires_us) {
            bin = document;
        }
    }
    if (bin != NULL) {
        warn_of_end(release, bin);
    }
}

static void tell(const update_release *release, const char *repo) {
    char room[40];
    sv_textbuf end = SV_TEXTBUF(room);
    sv_time_add(&end, release->timestamp.metadata->expires_us);
    (void) printf(
        "%s: root %lld, targets %lld, snapshot %lld, timestamp %lld until " SV_TEXT_FMT "\n", repo,
        (long long) release->root.metadata->version, (long long) release->targets.metadata->version,
        (long long) release->snapshot.metadata->version,
        (long long) release->timestamp.metadata->version, SV_TEXT_ARG(sv_textbuf_text(&end)));
}

static sv_err publish(const asked *a, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_DEFER(close_desk) desk d = { .lock = -1 };
    SV_DEFER(update_release_drop) update_release release = { 0 };
    SV_DEFER(update_before_drop) update_before before = { 0 };
    update_terms terms = { 0 };
    SV_TRY(length_of(a->snapshot, UPDATE_DAYS_SNAPSHOT, &terms.snapshot_us, why));
    SV_TRY(length_of(a->timestamp, UPDATE_DAYS_TIMESTAMP, &terms.timestamp_us, why));
    SV_TRY(check_apart(a, why));
    SV_TRY(update_folder_open(a->dir, &folder, why));
    SV_TRY(check_pending(folder, a, why));
    SV_TRY(update_release_load(folder, sv_clock_wall_us(), &release, why));
    SV_TRY(open_desk(a, &d, why));
    SV_TRY(update_artifacts_clear(a->repo, why));
    SV_TRY(update_before_read(&release, d.metadata, &before, why));
    SV_TRY(update_artifacts_bring(&release, a->repo, why));
    SV_TRY(update_release_seal(&release, &before, &terms, why));
    SV_TRY(update_repo_write(&release, a->repo, why));
    tell(&release, a->repo);
    warn_of_ends(&release);
    return SV_OK;
}

int update_publish(int argc, char **argv) {
    static const update_page page = {
        "selvedge update publish --keys KEYS --repo DIR [--renew] [--timestamp-for TIME]",
        "Write the repository that devices read: what is signed, a snapshot of it, and a timestamp "
        "that says\nit is the newest. Whenever this stops, devices see all of the old or all of "
        "the "
        "new. Any HTTP server\nmay serve DIR.\n\n"
        "With nothing new it renews the timestamp, and the snapshot when half its time is over. "
        "Devices refuse\na timestamp that has ended: that is how they notice that somebody keeps "
        "the "
        "new from them. So let cron\ndo it daily where the keys of snapshot and timestamp are:\n\n"
        "  17 4 * * * selvedge update publish --renew --keys /etc/selvedge/updates --repo "
        "/srv/updates\n\n"
        "example: selvedge update publish --keys keys --repo repo",
    };
    asked a = { 0 };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(a.dir),
        { "repo", "DIR", SV_OPTION_TEXT, &a.repo, "the repository; made when it is not there", true,
          0, 0 },
        { "renew", NULL, SV_OPTION_FLAG, &a.renew,
          "go on though something waits for signatures; it stays out", false, 0, 0 },
        { "timestamp-for", "TIME", SV_OPTION_TEXT, &a.timestamp,
          "how long the timestamp is valid [7d]", false, 0, 0 },
        { "snapshot-for", "TIME", SV_OPTION_TEXT, &a.snapshot, "how long a snapshot is valid [30d]",
          false, 0, 0 },
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), NULL, 0, 0, &code)) {
        return code;
    }
    sv_why why = { 0 };
    return update_end(publish(&a, &why), &why);
}
