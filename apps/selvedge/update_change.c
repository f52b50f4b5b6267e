#include "update_change.h"
#include "update_bins.h"
#include "update_cosign.h"
#include <base/mem.h>
#include <base/time.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

sv_err update_end_of(const char *text, int64_t days, int64_t *expires_us, sv_why *why) {
    int64_t length_us = days * SV_TIME_DAY_US;
    if (text != NULL
        && (sv_duration_parse(sv_text_of(text), &length_us) != SV_OK || length_us <= 0)) {
        return sv_fail(why, SV_ERR_INVALID, "'%.60s' is no length of time like 90d or 12h", text);
    }
    *expires_us = sv_clock_wall_us() + length_us;
    return SV_OK;
}

// ---- root ---------------------------------------------------------------------------------------

sv_err update_root_roles(const update_folder *folder, sv_tuf_holders out[SV_TUF_TYPE__COUNT],
                         sv_why *why) {
    SV_DEFER(update_document_drop) update_document root = { 0 };
    sv_err err = update_newest(folder, "root", &root, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "'%.160s' has no root.json: this is the folder of somebody who signs. Use the "
            "one that `selvedge update keys init` made, or bring root.json here",
            folder->dir);
    }
    SV_TRY(err);
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        sv_tuf_voucher by = sv_tuf_root_names(root.metadata, type);
        SV_TRY(sv_tuf_holders_read(&by, &out[type], why));
    }
    return SV_OK;
}

/// Would the newest targets be believed after this root?
static sv_err targets_hold(const update_folder *folder, bool *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document root = { 0 };
    SV_DEFER(update_document_drop) update_document targets = { 0 };
    SV_TRY(update_newest(folder, "root", &root, why));
    sv_err err = update_newest(folder, "targets", &targets, why);
    *out = true;
    if (err == SV_ERR_NOT_FOUND || (err == SV_OK && targets.pending)) {
        return SV_OK;
    }
    SV_TRY(err);
    sv_tuf_voucher by = sv_tuf_root_names(root.metadata, SV_TUF_TARGETS);
    *out = sv_tuf_check(targets.metadata, &by, NULL) == SV_OK;
    return SV_OK;
}

static sv_err renew_targets(const update_folder *folder, sv_why *why) {
    const sv_tuf_change nothing = { 0 };
    int64_t expires_us = 0;
    SV_TRY(update_end_of(NULL, UPDATE_DAYS_TARGETS, &expires_us, why));
    return update_targets_change(folder, "targets", &nothing, expires_us, why);
}

/// Roots follow each other without a gap: a pending one is made anew.
static sv_err version_of_root(const update_folder *folder, int64_t *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document settled = { 0 };
    sv_err err = update_settled(folder, "root", &settled, why);
    *out = err == SV_OK ? settled.metadata->version + 1 : 1;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err update_root_change(const update_folder *folder,
                          const sv_tuf_holders roles[SV_TUF_TYPE__COUNT], int64_t expires_us,
                          sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX);
    sv_tuf_head head = { .expires_us = expires_us };
    size_t signed_with = 0;
    bool hold = false;
    bool follow = false;
    int64_t targets_end = 0;
    SV_TRY(update_end_of(NULL, UPDATE_DAYS_TARGETS, &targets_end, why));
    SV_TRY(version_of_root(folder, &head.version, why));
    SV_TRY(sv_tuf_root_make(&head, roles, &text, why));
    SV_TRY(update_pend(folder, "root", sv_textbuf_text(&text), why));
    SV_TRY(update_sign_pending(folder, "root", &signed_with, why));
    SV_TRY(update_tell(folder, "root", why));
    SV_TRY(update_bins_follow(folder, targets_end, &follow, why));
    SV_TRY(targets_hold(folder, &hold, why));
    return hold || follow ? SV_OK : renew_targets(folder, why);
}

// ---- targets ------------------------------------------------------------------------------------

/// One that nobody has signed yet may still be changed; of one that somebody has, a copy may be
/// under way.
int64_t update_next_version(const update_document *old) {
    if (old->metadata == NULL) {
        return 1;
    }
    bool untouched =
        old->pending && sv_json_count(sv_json_get(old->metadata->document, "signatures")) == 0;
    return old->metadata->version + (untouched ? 0 : 1);
}

static sv_err show_pending(const update_folder *folder, const char *role, sv_why *why) {
    SV_DEFER(update_document_drop) update_document pending = { 0 };
    SV_TRY(update_newest(folder, role, &pending, why));
    return update_difference_print(folder, &pending, why);
}

sv_err update_targets_change(const update_folder *folder, const char *role,
                             const sv_tuf_change *change, int64_t expires_us, sv_why *why) {
    SV_DEFER(update_document_drop) update_document old = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX);
    size_t signed_with = 0;
    sv_err err = update_newest(folder, role, &old, why);
    if (err != SV_ERR_NOT_FOUND) {
        SV_TRY(err);
    }
    const sv_tuf_head head = { .version = update_next_version(&old), .expires_us = expires_us };
    SV_TRY(sv_tuf_targets_make(&head, old.metadata, change, &text, why));
    SV_TRY(update_pend(folder, role, sv_textbuf_text(&text), why));
    if (old.pending) { // which may hold what others want signed
        SV_TRY(show_pending(folder, role, why));
    }
    SV_TRY(update_sign_pending(folder, role, &signed_with, why));
    return update_tell(folder, role, why);
}

sv_err update_tell(const update_folder *folder, const char *role, sv_why *why) {
    SV_DEFER(update_document_drop) update_document document = { 0 };
    SV_TRY(update_newest(folder, role, &document, why));
    SV_TRY(update_missing_print(folder, &document, stdout, why));
    if (document.pending) {
        (void) printf(
            "The others sign %s/pending/%s.json with: selvedge update sign --metadata FILE "
            "--keys THEIRS\n",
            folder->dir, role);
    }
    return SV_OK;
}
