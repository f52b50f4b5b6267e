#include "update_bins.h"
#include "update_change.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

/// SV_OK with no metadata when there is none yet.
static sv_err newest_or_none(const update_folder *folder, const char *role, update_document *out,
                             sv_why *why) {
    sv_err err = update_newest(folder, role, out, why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err update_bins_count(const update_folder *folder, size_t *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document targets = { 0 };
    SV_TRY(newest_or_none(folder, "targets", &targets, why));
    *out = targets.metadata != NULL ? sv_tuf_bins_count(targets.metadata) : 0;
    return SV_OK;
}

sv_err update_bins_role(const update_folder *folder, sv_text path, char room[UPDATE_NAME_ROOM],
                        sv_why *why) {
    SV_DEFER(update_document_drop) update_document targets = { 0 };
    sv_tuf_file file;
    SV_TRY(newest_or_none(folder, "targets", &targets, why));
    size_t count = targets.metadata != NULL ? sv_tuf_bins_count(targets.metadata) : 0;
    if (count == 0 || sv_tuf_target_of(targets.metadata, path, &file)) {
        (void) snprintf(room, UPDATE_NAME_ROOM, "targets");
    } else {
        sv_tuf_bin_name(count, sv_tuf_bin_of(count, path), room);
    }
    return SV_OK;
}

// ---- all releases -------------------------------------------------------------------------------

static sv_err each_of(const update_folder *folder, const char *role, sv_json_visit *visit,
                      void *arg, sv_why *why) {
    SV_DEFER(update_document_drop) update_document document = { 0 };
    SV_TRY(newest_or_none(folder, role, &document, why));
    return document.metadata == NULL
               ? SV_OK
               : sv_json_each(sv_json_get(document.metadata->content, "targets"), visit, arg);
}

sv_err update_bins_each(const update_folder *folder, const char *role, sv_json_visit *visit,
                        void *arg, sv_why *why) {
    size_t count = 0;
    if (strcmp(role, "targets") != 0 && !sv_tuf_is_bin(sv_text_of(role))) {
        return each_of(folder, role, visit, arg, why);
    }
    SV_TRY(update_bins_count(folder, &count, why));
    SV_TRY(each_of(folder, "targets", visit, arg, why));
    for (size_t i = 0; i < count; i++) {
        char bin[SV_TUF_BIN_ROOM];
        sv_tuf_bin_name(count, i, bin);
        SV_TRY(each_of(folder, bin, visit, arg, why));
    }
    return SV_OK;
}

// ---- making -------------------------------------------------------------------------------------

static sv_err root_holders(const update_folder *folder, sv_tuf_holders *out, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
    SV_TRY(update_root_roles(folder, roles, why));
    *out = roles[SV_TUF_TARGETS];
    return SV_OK;
}

typedef struct remaking {
    const update_folder *folder;
    int64_t expires_us;
    bool all; ///< also those that enough have signed
    size_t made;
} remaking;

static bool holds(const remaking *r, const update_document *bin) {
    SV_DEFER(update_judges_drop) update_judges by = { 0 };
    return !r->all && bin->metadata != NULL && update_judges_of(r->folder, bin, &by, NULL) == SV_OK
           && by.count == 1
           && (bin->pending || sv_tuf_check(bin->metadata, &by.by[0], NULL) == SV_OK);
}

static sv_err remake(remaking *r, const char *name, sv_why *why) {
    const sv_tuf_change nothing = { 0 };
    SV_DEFER(update_document_drop) update_document old = { 0 };
    SV_DEFER(update_document_drop) update_document made = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf signed_text = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    size_t signed_with = 0;
    SV_TRY(newest_or_none(r->folder, name, &old, why));
    if (holds(r, &old)) {
        return SV_OK;
    }
    const sv_tuf_head head = { .version = update_next_version(&old), .expires_us = r->expires_us };
    SV_TRY(sv_tuf_targets_make(&head, old.metadata, &nothing, &text, why));
    SV_TRY(update_document_read(name, sv_textbuf_text(&text), &made, why));
    SV_TRY(update_sign_document(r->folder, &made, &signed_text, &signed_with, why));
    r->made++;
    return update_pend(r->folder, name, sv_textbuf_text(&signed_text), why);
}

static sv_err remake_all(remaking *r, size_t count, sv_why *why) {
    size_t waiting = 0;
    SV_DEFER(sv_mem_drop) update_roles *roles = sv_mem_new(sizeof *roles);
    for (size_t i = 0; i < count; i++) {
        char bin[SV_TUF_BIN_ROOM];
        sv_tuf_bin_name(count, i, bin);
        SV_TRY(remake(r, bin, why));
    }
    SV_TRY(update_settle(r->folder, why));
    SV_TRY(update_pending_roles(r->folder, roles, why));
    for (size_t i = 0; i < roles->count; i++) {
        waiting += sv_tuf_is_bin(sv_text_of(roles->names[i])) ? 1 : 0;
    }
    (void) printf("%zu hash bins, %zu of them made anew, %zu wait for signatures\n", count, r->made,
                  waiting);
    if (waiting > 0) {
        (void) printf("The others sign all of %s/pending with: selvedge update sign --metadata "
                      "FOLDER --keys THEIRS\n",
                      r->folder->dir);
    }
    return SV_OK;
}

sv_err update_bins_make(const update_folder *folder, size_t count, int64_t expires_us,
                        sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    const sv_tuf_bins bins = { .count = count, .holders = holders };
    const sv_tuf_change change = { .bins = &bins };
    remaking r = { .folder = folder, .expires_us = expires_us };
    SV_TRY(root_holders(folder, holders, why));
    SV_TRY(update_targets_change(folder, "targets", &change, expires_us, why));
    return remake_all(&r, count, why);
}

sv_err update_bins_renew(const update_folder *folder, int64_t expires_us, sv_why *why) {
    remaking r = { .folder = folder, .expires_us = expires_us, .all = true };
    size_t count = 0;
    SV_TRY(update_bins_count(folder, &count, why));
    return remake_all(&r, count, why);
}

// ---- other keys of targets ----------------------------------------------------------------------

static bool has_key(const sv_tuf_holders *holders, const char *id) {
    for (size_t i = 0; i < holders->count; i++) {
        if (strcmp(holders->keys[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static bool same_holders(const sv_tuf_holders *a, const sv_tuf_holders *b) {
    bool same = a->count == b->count && a->threshold == b->threshold;
    for (size_t i = 0; same && i < a->count; i++) {
        same = has_key(b, a->keys[i].id);
    }
    return same;
}

static sv_err bin_holders(const update_folder *folder, size_t count, sv_tuf_holders *out,
                          sv_why *why) {
    SV_DEFER(update_document_drop) update_document bin = { 0 };
    SV_DEFER(update_judges_drop) update_judges by = { 0 };
    sv_tuf_bin_name(count, 0, bin.role);
    SV_TRY(update_judges_of(folder, &bin, &by, why));
    return sv_tuf_holders_read(&by.by[0], out, why);
}

sv_err update_bins_follow(const update_folder *folder, int64_t expires_us, bool *done,
                          sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_tuf_holders *wanted = sv_mem_new(sizeof *wanted);
    SV_DEFER(sv_mem_drop) sv_tuf_holders *present = sv_mem_new(sizeof *present);
    size_t count = 0;
    *done = false;
    SV_TRY(update_bins_count(folder, &count, why));
    if (count == 0) {
        return SV_OK;
    }
    SV_TRY(root_holders(folder, wanted, why));
    SV_TRY(bin_holders(folder, count, present, why));
    *done = !same_holders(wanted, present);
    return *done ? update_bins_make(folder, count, expires_us, why) : SV_OK;
}
