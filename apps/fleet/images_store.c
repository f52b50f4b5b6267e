#include "images_own.h"

#include <base/mem.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { JOBS_MAX = 2 }; // one, and what makes its thread give way

int64_t sv_images_set(const sv_images *images) {
    return images->number;
}

const sv_images_folder *sv_images_folder_of(const sv_images *images) {
    return &images->folder;
}

// ---- opening ------------------------------------------------------------------------------------

static sv_err folder_path(const sv_fleet *fleet, char room[SV_PATH_MAX], sv_why *why) {
    if (fleet->config.images.path[0] != '\0') {
        return sv_text_copy(sv_text_of(fleet->config.images.path), room, SV_PATH_MAX);
    }
    return sv_people_beside(fleet->config.store.path, "images", room, why);
}

static sv_err read_number(sv_db *db, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT number FROM image_set", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

/// A database that was restored without its folder serves nothing, and says so.
static void look_for_set(sv_images *images) {
    char path[SV_PATH_MAX];
    images->number = images->last;
    if (images->number > 0
        && (sv_images_set_path(images->folder.dir, images->number, "metadata", "timestamp.json",
                               path, NULL)
                != SV_OK
            || !sv_disk_exists(path))) {
        SV_LOG(error, "images.lost",
               "set %" PRId64 " is not in '%s': no image is served; restore the folder, or upload "
               "the repository again",
               images->number, images->folder.dir);
        images->number = 0;
        return;
    }
    sv_images_clear_sets(images);
}

sv_err sv_images_open(sv_fleet *fleet, sv_images **out, sv_why *why) {
    SV_DEFER(sv_images_drop) sv_images *images = sv_mem_new(sizeof *images);
    char path[SV_PATH_MAX];
    SV_TRY(folder_path(fleet, path, why));
    SV_TRY(sv_images_folder_open(path, (uint64_t) fleet->config.images.room, &images->folder, why));
    SV_TRY(read_number(fleet->db, &images->last, why));
    look_for_set(images);
    if (fleet->loop != NULL) {
        SV_TRY(sv_worker_open(fleet->loop, JOBS_MAX, &images->worker, why));
        sv_worker_nice(images->worker, 10);
    }
    *out = images;
    images = NULL;
    return SV_OK;
}

static void drop_job(sv_images_job *done) {
    sv_images_judging_drop(&done->judging);
    free(done);
}

void sv_images_drop(sv_images **images) {
    if (*images == NULL) {
        return;
    }
    if ((*images)->job != NULL) {
        atomic_store(&(*images)->job->judging.stop, true);
        atomic_store(&(*images)->job->hashing.stop, true);
    }
    if ((*images)->worker != NULL) {
        sv_worker_drop(&(*images)->worker); // and its job with it
    }
    free(*images);
    *images = NULL;
}

void sv_images_turn(sv_fleet *fleet) {
    if (fleet->images->job == NULL) {
        sv_images_folder_sweep(&fleet->images->folder, fleet->wall_us());
    }
}

sv_err sv_images_put(sv_fleet *fleet, const sv_images_part *part, uint64_t offset, sv_text bytes,
                     uint64_t *now, sv_why *why) {
    *now = 0;
    if (fleet->images->job != NULL) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "what was uploaded before is being judged; ask again in a moment");
    }
    return sv_images_part_put(&fleet->images->folder, part, offset, bytes, now, why);
}

// ---- one at a time ------------------------------------------------------------------------------

static void run(void *arg) {
    sv_images_job *j = arg;
    if (j->is_file) {
        sv_images_hash(&j->hashing);
    } else {
        sv_images_judge(&j->judging);
    }
}

static void finish(void *arg) {
    sv_images_job *done = arg;
    sv_images *images = done->fleet->images;
    sv_why why = done->is_file ? done->hashing.why : done->judging.why;
    sv_err err = done->is_file ? done->hashing.err : done->judging.err;
    if (err == SV_OK) {
        err = done->is_file ? sv_images_finish_file(done, &why) : sv_images_finish_set(done, &why);
    }
    images->job = NULL;
    images->failed = err != SV_OK;
    images->failed_file = done->is_file;
    images->err = err;
    images->why = why;
    if (err != SV_OK) {
        SV_LOG(warn, "images.refused", "%s, by %s: %s",
               done->is_file ? done->file.part.name : "a publication", done->user, why.text);
    }
    sv_images_folder_sweep(&images->folder, 0);
    drop_job(done);
}

static void begin(sv_fleet *fleet, sv_images_job *j) {
    sv_images *images = fleet->images;
    images->job = j;
    images->failed = false;
    if (images->worker == NULL) {
        run(j);
        finish(j);
    } else if (sv_worker_submit(images->worker, run, finish, j) != SV_OK) {
        abort(); // there is one at a time
    }
}

static sv_images_job *new_job(sv_fleet *fleet, const char *user) {
    sv_images_job *j = sv_mem_new(sizeof *j);
    j->fleet = fleet;
    (void) snprintf(j->user, sizeof j->user, "%s", user);
    return j;
}

/// What is under way, or became of the last one; SV_ERR_NOT_FOUND: nothing to tell.
static sv_err standing(sv_images *images, bool is_file, sv_images_progress *out, sv_why *why) {
    sv_images_job *j = images->job;
    *out = (sv_images_progress){ .busy = j != NULL };
    if (j != NULL && j->is_file != is_file) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "something else is being judged; ask again in a moment");
    }
    if (j != NULL) {
        out->checked =
            is_file ? atomic_load(&j->hashing.checked) : atomic_load(&j->judging.checked);
        out->of = is_file ? j->hashing.of : atomic_load(&j->judging.of);
        return SV_OK;
    }
    if (images->failed && images->failed_file == is_file) {
        images->failed = false;
        return sv_fail(why, images->err, "%s", images->why.text);
    }
    return SV_ERR_NOT_FOUND;
}

/// It began; when there is no thread it has ended, too.
static sv_err begun(sv_images *images, bool is_file, sv_images_progress *out, sv_why *why) {
    sv_err err = standing(images, is_file, out, why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_images_publish(sv_fleet *fleet, const char *user, sv_images_progress *out, sv_why *why) {
    sv_images *images = fleet->images;
    sv_err err = standing(images, false, out, why);
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    if (!sv_images_has_staged(&images->folder)) {
        return images->number > 0
                   ? SV_OK
                   : sv_fail(why, SV_ERR_STATE,
                             "nothing was uploaded: metadata/timestamp.json is missing; `selvedge "
                             "update upload` brings a repository");
    }
    sv_images_job *j = new_job(fleet, user);
    j->judging.number = images->number;
    j->judging.now_us = fleet->believed_us();
    memcpy(j->judging.dir, images->folder.dir, sizeof j->judging.dir);
    begin(fleet, j);
    return begun(images, false, out, why);
}

/// SV_ERR_NOT_FOUND: there is no such image yet.
static sv_err known_file(sv_fleet *fleet, const sv_images_file *file, const char *path,
                         sv_why *why) {
    sv_image_row row;
    SV_TRY(sv_images_find(fleet, sv_text_of(path), &row, NULL));
    return row.kind == SV_IMAGE_FILE && strcmp(row.sha256, file->part.sha256) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "there is an image '%s' with other bytes; say another version", path);
}

static sv_err check_uploaded(const sv_images *images, const sv_images_file *file, sv_why *why) {
    uint64_t bytes = 0;
    bool judged = false;
    SV_TRY(sv_images_part_state(&images->folder, 0, &file->part, &bytes, &judged, why));
    return bytes > 0 || judged
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "nothing of '%s' is here: upload it as parts/artifacts/%s/%s first",
                         file->part.name, file->part.sha256, file->part.name);
}

sv_err sv_images_add_file(sv_fleet *fleet, const sv_images_file *file, const char *user,
                          char path[SV_IMAGE_PATH_ROOM], sv_images_progress *out, sv_why *why) {
    sv_images *images = fleet->images;
    SV_TRY(sv_images_file_path(file, path, why));
    sv_err err = standing(images, true, out, why);
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    err = known_file(fleet, file, path, why);
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    SV_TRY(check_uploaded(images, file, why));
    sv_images_job *j = new_job(fleet, user);
    j->is_file = true;
    j->file = *file;
    j->hashing.part = file->part;
    memcpy(j->hashing.dir, images->folder.dir, sizeof j->hashing.dir);
    begin(fleet, j);
    return begun(images, true, out, why);
}
