#include "update_release.h"
#include <base/mem.h>
#include <base/time.h>
#include <codec/encode.h>
#include <string.h>

void update_release_drop(update_release *release) {
    update_document_drop(&release->root);
    update_document_drop(&release->targets);
    update_document_drop(&release->snapshot);
    update_document_drop(&release->timestamp);
    for (size_t i = 0; i < release->delegated_count; i++) {
        update_document_drop(&release->delegated[i]);
    }
}

const update_document *update_release_targets(const update_release *release, size_t index) {
    return index == 0                          ? &release->targets
           : index <= release->delegated_count ? &release->delegated[index - 1]
                                               : NULL;
}

// ---- loading ------------------------------------------------------------------------------------

void update_remedy(const update_release *release, const char *role, char room[UPDATE_REMEDY_ROOM]) {
    bool bin = sv_tuf_is_bin(sv_text_of(role));
    bool ours = bin || sv_tuf_name_is_top(sv_text_of(role));
    (void) snprintf(room, UPDATE_REMEDY_ROOM, "%sselvedge update sign --renew %.64s --keys %.60s%s",
                    ours ? "" : "(its holder) ", bin ? "bins" : role,
                    ours ? release->folder->dir : "THEIRS",
                    ours ? "" : "; or take it out: selvedge update keys undelegate");
}

static sv_err judge(const update_release *release, const update_document *document,
                    const sv_tuf_voucher *by, sv_why *why) {
    char room[40];
    char remedy[UPDATE_REMEDY_ROOM];
    sv_textbuf end = SV_TEXTBUF(room);
    sv_why inner = { 0 };
    update_remedy(release, document->role, remedy);
    if (sv_tuf_check(document->metadata, by, &inner) != SV_OK) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s version %lld: %.90s. Sign it with: %s",
                       document->role, (long long) document->metadata->version, inner.text, remedy);
    }
    if (document->metadata->expires_us <= release->now_us) {
        sv_time_add(&end, document->metadata->expires_us);
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "%s version %lld ended at " SV_TEXT_FMT
                       ": no device would believe it. Renew it with: %s",
                       document->role, (long long) document->metadata->version,
                       SV_TEXT_ARG(sv_textbuf_text(&end)), remedy);
    }
    return SV_OK;
}

static sv_err settled(const update_release *release, const char *role, update_document *out,
                      sv_why *why) {
    sv_err err = update_settled(release->folder, role, out, why);
    return err == SV_ERR_NOT_FOUND
               ? sv_fail(why, SV_ERR_UNTRUSTED,
                         "role %s has signed nothing yet. Who holds its keys makes its first with: "
                         "selvedge update sign --renew %s --keys THEIRS; then take it in with: "
                         "selvedge update sign --take %s.json",
                         role, role, role)
               : err;
}

static sv_err load_delegated(update_release *release, sv_why *why) {
    const sv_json *delegations = sv_json_get(release->targets.metadata->content, "delegations");
    const sv_json *roles = sv_json_get(delegations, "roles");
    if (sv_json_count(roles) > UPDATE_ROLES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "targets hands on to %zu roles; at most %d",
                       sv_json_count(roles), UPDATE_ROLES_MAX);
    }
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        const sv_json *one = sv_json_at(roles, i);
        sv_tuf_voucher by = { .keys = sv_json_get(delegations, "keys"),
                              .keyids = sv_json_get(one, "keyids") };
        char name[UPDATE_NAME_ROOM];
        sv_text text;
        if (!sv_json_text(sv_json_get(one, "name"), &text)
            || sv_text_copy(text, name, sizeof name) != SV_OK
            || !sv_json_int(sv_json_get(one, "threshold"), &by.threshold)) {
            return sv_fail(why, SV_ERR_INVALID, "targets hands on to a role with too long a name");
        }
        update_document *document = &release->delegated[i];
        SV_TRY(settled(release, name, document, why));
        release->delegated_count = i + 1;
        SV_TRY(judge(release, document, &by, why));
    }
    return SV_OK;
}

static sv_err load(update_release *release, sv_why *why) {
    SV_TRY(settled(release, "root", &release->root, why));
    SV_TRY(settled(release, "targets", &release->targets, why));
    sv_tuf_voucher by_root = sv_tuf_root_names(release->root.metadata, SV_TUF_ROOT);
    sv_tuf_voucher by_targets = sv_tuf_root_names(release->root.metadata, SV_TUF_TARGETS);
    SV_TRY(judge(release, &release->root, &by_root, why));
    SV_TRY(judge(release, &release->targets, &by_targets, why));
    return load_delegated(release, why);
}

sv_err update_release_load(const update_folder *folder, int64_t now_us, update_release *out,
                           sv_why *why) {
    SV_DEFER(sv_mem_drop) update_release *release = sv_mem_new(sizeof *release);
    *release = (update_release){ .folder = folder, .now_us = now_us };
    sv_err err = load(release, why);
    if (err != SV_OK) {
        update_release_drop(release);
        return err;
    }
    *out = *release;
    return SV_OK;
}

// ---- snapshot and timestamp ---------------------------------------------------------------------

typedef struct announcements {
    char names[UPDATE_ROLES_MAX + 1][UPDATE_NAME_ROOM + sizeof ".json"];
    sv_tuf_announced files[UPDATE_ROLES_MAX + 1];
    size_t count;
} announcements;

static void announce(const update_release *release, announcements *out) {
    const update_document *document = NULL;
    for (out->count = 0; (document = update_release_targets(release, out->count)) != NULL;
         out->count++) {
        char *name = out->names[out->count];
        (void) snprintf(name, sizeof out->names[0], "%s.json", document->role);
        out->files[out->count] = (sv_tuf_announced){
            .name = name,
            .version = document->metadata->version,
            .bytes = sv_textbuf_text(&document->bytes),
        };
    }
}

/// Does this snapshot say exactly that?
static bool says(const sv_tuf_metadata *snapshot, const announcements *all) {
    bool same = sv_json_size(sv_json_get(snapshot->content, "meta")) == all->count;
    for (size_t i = 0; same && i < all->count; i++) {
        sv_tuf_file said;
        same = sv_tuf_file_of(snapshot, sv_text_of(all->files[i].name), &said)
               && said.version == all->files[i].version
               && sv_tuf_file_check(&said, all->files[i].bytes, NULL) == SV_OK;
    }
    return same;
}

/// Signed by the keys that are here, and enough of them.
static sv_err sign(const update_release *release, const char *role, sv_text text,
                   update_document *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document made = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf signed_text = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    sv_tuf_voucher by = sv_tuf_root_names(release->root.metadata, update_type_of(role));
    sv_why inner = { 0 };
    size_t signed_with = 0;
    SV_TRY(update_document_read(role, text, &made, why));
    // Of the root that is published, though another that waits may name other keys. [repo-6]
    SV_TRY(update_sign_by(release->folder, &made, &by, &signed_text, &signed_with, why));
    SV_TRY(update_document_read(role, sv_textbuf_text(&signed_text), out, why));
    if (sv_tuf_check(out->metadata, &by, &inner) != SV_OK) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "%s cannot be signed here: %.160s. Its keys belong where publishing is done",
                       role, inner.text);
    }
    return SV_OK;
}

static bool still_good(const update_release *release, const update_document *snapshot,
                       const announcements *all, int64_t valid_us) {
    sv_tuf_voucher by = sv_tuf_root_names(release->root.metadata, SV_TUF_SNAPSHOT);
    return snapshot->metadata != NULL && says(snapshot->metadata, all)
           && snapshot->metadata->expires_us - release->now_us > valid_us / 2
           && sv_tuf_check(snapshot->metadata, &by, NULL) == SV_OK;
}

/// The newer of what the repository has and what the folder has.
static sv_err newest_before(const update_release *release, const char *role,
                            const update_document *there, update_document *out, sv_why *why) {

    sv_err err = update_settled(release->folder, role, out, why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return err;
    }
    if (there->metadata == NULL
        || (out->metadata != NULL && out->metadata->version >= there->metadata->version)) {
        return SV_OK;
    }
    update_document_drop(out);
    return update_document_read(role, sv_textbuf_text(&there->bytes), out, why);
}

static sv_err seal_snapshot(update_release *release, const update_before *before, int64_t valid_us,
                            sv_why *why) {
    SV_DEFER(sv_mem_drop) announcements *all = sv_mem_new(sizeof *all);
    SV_DEFER(update_document_drop) update_document old = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_SNAPSHOT_MAX);
    announce(release, all);
    SV_TRY(newest_before(release, "snapshot", &before->snapshot, &old, why));
    if (still_good(release, &old, all, valid_us)) {
        release->snapshot = old;
        old = (update_document){ 0 };
        return SV_OK;
    }
    const sv_tuf_head head = { .version = old.metadata != NULL ? old.metadata->version + 1 : 1,
                               .expires_us = release->now_us + valid_us };
    SV_TRY(sv_tuf_snapshot_make(&head, all->files, all->count, &text, why));
    return sign(release, "snapshot", sv_textbuf_text(&text), &release->snapshot, why);
}

static sv_err seal_timestamp(update_release *release, int64_t seen, int64_t valid_us, sv_why *why) {
    SV_DEFER(update_document_drop) update_document old = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_TIMESTAMP_MAX);
    const sv_tuf_announced snapshot = { .name = "snapshot.json",
                                        .version = release->snapshot.metadata->version,
                                        .bytes = sv_textbuf_text(&release->snapshot.bytes) };
    sv_err err = update_settled(release->folder, "timestamp", &old, why);
    if (err != SV_ERR_NOT_FOUND) {
        SV_TRY(err);
        seen = old.metadata->version > seen ? old.metadata->version : seen;
    }
    const sv_tuf_head head = { .version = seen + 1, .expires_us = release->now_us + valid_us };
    SV_TRY(sv_tuf_timestamp_make(&head, &snapshot, &text, why));
    return sign(release, "timestamp", sv_textbuf_text(&text), &release->timestamp, why);
}

sv_err update_release_seal(update_release *release, const update_before *before,
                           const update_terms *terms, sv_why *why) {
    SV_TRY(seal_snapshot(release, before, terms->snapshot_us, why));
    SV_TRY(seal_timestamp(release, before->timestamp_version, terms->timestamp_us, why));
    SV_TRY(update_settle_now(release->folder, "snapshot", sv_textbuf_text(&release->snapshot.bytes),
                             why));
    return update_settle_now(release->folder, "timestamp",
                             sv_textbuf_text(&release->timestamp.bytes), why);
}
