// What was judged, before devices: as a whole, with its line in the event log.
#include "images_own.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

// ---- a publication ------------------------------------------------------------------------------

void sv_images_clear_sets(const sv_images *images) {
    char sets[SV_PATH_MAX];
    char keep[32];
    const struct dirent *entry = NULL;
    (void) snprintf(keep, sizeof keep, "%" PRId64, images->number);
    DIR *dir = sv_images_path(images->folder.dir, "sets", "", "", sets, NULL) == SV_OK
                   ? opendir(sets)
                   : NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        char path[SV_PATH_MAX];
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, keep) != 0
            && sv_disk_join(path, sizeof path, sets, entry->d_name) == SV_OK) {
            (void) (sv_disk_remove_tree(path, NULL) == SV_OK);
        }
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
}

/// The next set gets its number; it counts once the database says so.
static sv_err place_set(const sv_images *images, int64_t number, sv_why *why) {
    char from[SV_PATH_MAX];
    char to[SV_PATH_MAX];
    char within[SV_PATH_MAX];
    char name[32];
    (void) snprintf(name, sizeof name, "%" PRId64, number);
    SV_TRY(sv_images_path(images->folder.dir, "sets", ".next", "", from, why));
    SV_TRY(sv_images_path(images->folder.dir, "sets", ".next", "metadata", within, why));
    SV_TRY(sv_disk_sync_folder_of(within, why)); // files in it were flushed one by one
    SV_TRY(sv_images_path(images->folder.dir, "sets", name, "", to, why));
    SV_TRY(sv_disk_remove_tree(to, why));
    if (rename(from, to) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot rename '%.160s': %m", from);
    }
    return sv_disk_sync_folder_of(to, why);
}

static sv_err commit_set(const sv_images_job *done, int64_t number, sv_why *why) {
    sv_db *db = done->fleet->db;
    SV_TRY(sv_db_begin(db, why));
    sv_err err = sv_images_replace(done, number, why);
    err = err == SV_OK ? place_set(done->fleet->images, number, why) : err;
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

static void clear_staged(const sv_images *images) {
    char path[SV_PATH_MAX];
    if (sv_images_path(images->folder.dir, "metadata", "", "", path, NULL) == SV_OK) {
        (void) (sv_disk_remove_tree(path, NULL) == SV_OK);
        (void) (sv_disk_make_folder(path, 0700, NULL) == SV_OK);
    }
}

void sv_images_tell(const sv_fleet *fleet, const char *path) {
    char room[SV_IMAGE_PATH_ROOM + 64];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "path", path);
    sv_json_close_object(&out);
    sv_live_send(fleet->live, NULL, "image", sv_textbuf_text(&data));
}

sv_err sv_images_finish_set(const sv_images_job *done, sv_why *why) {
    sv_images *images = done->fleet->images;
    int64_t number = images->last + 1;
    SV_TRY(commit_set(done, number, why));
    images->number = images->last = number;
    clear_staged(images);
    sv_images_clear_sets(images);
    SV_LOG(info, "images.published", "set %" PRId64 " by %s: %zu images", number, done->user,
           done->judging.count);
    sv_images_tell(done->fleet, NULL);
    return SV_OK;
}

// ---- a file -------------------------------------------------------------------------------------

sv_err sv_images_file_path(const sv_images_file *file, char path[SV_IMAGE_PATH_ROOM], sv_why *why) {
    int len = snprintf(path, SV_IMAGE_PATH_ROOM, "files/%s/%s/%s", file->product, file->version,
                       file->part.name);
    return len > 0 && len < SV_IMAGE_PATH_ROOM
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "product, version and name are too long together");
}

static sv_err commit_file(const sv_images_job *done, const sv_images_found *found, sv_why *why) {
    sv_db *db = done->fleet->db;
    SV_TRY(sv_db_begin(db, why));
    sv_err err = sv_images_insert(db, found, why);
    err = err == SV_OK ? sv_images_note(done->fleet, done->user, "images.file", found->row.path,
                                        found->row.sha256, why)
                       : err;
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

sv_err sv_images_finish_file(const sv_images_job *done, sv_why *why) {
    const sv_images_file *file = &done->file;
    sv_images_found found = { .row = { .kind = SV_IMAGE_FILE,
                                       .length = done->hashing.length,
                                       .hardware_count = file->hardware_count,
                                       .complete = true,
                                       .at_us = done->fleet->wall_us() } };
    sv_image_row *row = &found.row;
    SV_TRY(sv_images_file_path(file, row->path, why));
    memcpy(row->product, file->product, sizeof row->product);
    memcpy(row->version, file->version, sizeof row->version);
    memcpy(row->hardware, file->hardware, sizeof row->hardware);
    memcpy(row->sha256, file->part.sha256, sizeof row->sha256);
    memcpy(row->sha1, done->hashing.sha1, sizeof row->sha1);
    memcpy(row->md5, done->hashing.md5, sizeof row->md5);
    memcpy(row->file, file->part.name, sizeof row->file);
    SV_TRY(commit_file(done, &found, why));
    SV_LOG(info, "images.file", "%s by %s", row->path, done->user);
    sv_images_tell(done->fleet, row->path);
    return SV_OK;
}
