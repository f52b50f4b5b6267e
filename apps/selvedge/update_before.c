// What a published repository knows already.
#include "update_release.h"
#include <base/mem.h>
#include <stdio.h>

void update_before_drop(update_before *before) {
    update_document_drop(&before->snapshot);
}

static sv_err read_file(const char *dir, const char *file, const char *role, update_document *out,
                        sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    SV_TRY(sv_disk_join(path, sizeof path, dir, file));
    SV_TRY(sv_disk_read(path, &bytes, why));
    return update_document_read(role, sv_textbuf_text(&bytes), out, why);
}

/// Signed as one of our roots, the newest or an earlier one, wants it: whoever can write to the
/// repository, and has no key, makes us skip no version.
static bool is_ours(const update_release *release, const update_document *document) {
    char dir[SV_PATH_MAX];
    if (update_folder_path(release->folder, NULL, "metadata", dir, NULL) != SV_OK) {
        return false;
    }
    for (int64_t version = release->root.metadata->version; version > 0; version--) {
        SV_DEFER(update_document_drop) update_document root = { 0 };
        char file[UPDATE_NAME_ROOM];
        (void) snprintf(file, sizeof file, "%lld.root.json", (long long) version);
        if (read_file(dir, file, "root", &root, NULL) != SV_OK) {
            continue;
        }
        sv_tuf_voucher by = sv_tuf_root_names(root.metadata, update_type_of(document->role));
        if (sv_tuf_check(document->metadata, &by, NULL) == SV_OK) {
            return true;
        }
    }
    return false;
}

static sv_err check_root(const update_release *release, const char *dir, sv_why *why) {
    char path[SV_PATH_MAX];
    char file[UPDATE_NAME_ROOM];
    int64_t next = release->root.metadata->version + 1;
    (void) snprintf(file, sizeof file, "%lld.root.json", (long long) next);
    SV_TRY(sv_disk_join(path, sizeof path, dir, file));
    return sv_disk_exists(path)
               ? sv_fail(why, SV_ERR_STATE,
                         "the repository has root %lld, this folder knows %lld. Take it in with: "
                         "selvedge update sign --take %.200s --keys %.60s",
                         (long long) next, (long long) next - 1, path, release->folder->dir)
               : SV_OK;
}

/// Nobody publishes an older release over a newer one.
static sv_err check_targets(const update_release *release, const sv_tuf_metadata *snapshot,
                            const char *dir, sv_why *why) {
    const update_document *ours = NULL;
    for (size_t i = 0; (ours = update_release_targets(release, i)) != NULL; i++) {
        char name[UPDATE_NAME_ROOM + sizeof ".json"];
        sv_tuf_file said;
        (void) snprintf(name, sizeof name, "%s.json", ours->role);
        if (sv_tuf_file_of(snapshot, sv_text_of(name), &said)
            && said.version > ours->metadata->version) {
            return sv_fail(why, SV_ERR_STATE,
                           "the repository has %s version %lld, this folder %lld. Take it in with: "
                           "selvedge update sign --take %.160s/%lld.%s --keys %.60s",
                           ours->role, (long long) said.version,
                           (long long) ours->metadata->version, dir, (long long) said.version, name,
                           release->folder->dir);
        }
    }
    return SV_OK;
}

static sv_err read_snapshot(const update_release *release, const char *dir,
                            const sv_tuf_metadata *timestamp, update_before *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document snapshot = { 0 };
    char file[UPDATE_NAME_ROOM];
    sv_tuf_file said = { 0 };
    (void) sv_tuf_file_of(timestamp, SV_TEXT("snapshot.json"), &said);
    (void) snprintf(file, sizeof file, "%lld.snapshot.json", (long long) said.version);
    if (read_file(dir, file, "snapshot", &snapshot, NULL) != SV_OK
        || !is_ours(release, &snapshot)) {
        return SV_OK;
    }
    SV_TRY(check_targets(release, snapshot.metadata, dir, why));
    out->snapshot = snapshot;
    snapshot = (update_document){ 0 };
    return SV_OK;
}

sv_err update_before_read(const update_release *release, const char *metadata_dir,
                          update_before *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document timestamp = { 0 };
    *out = (update_before){ 0 };
    SV_TRY(check_root(release, metadata_dir, why));
    if (read_file(metadata_dir, "timestamp.json", "timestamp", &timestamp, NULL) != SV_OK
        || !is_ours(release, &timestamp)) {
        return SV_OK;
    }
    out->timestamp_version = timestamp.metadata->version;
    return read_snapshot(release, metadata_dir, timestamp.metadata, out, why);
}
