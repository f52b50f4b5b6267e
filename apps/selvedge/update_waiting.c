// What waits for signatures, told to a person.
#include "update_documents.h"
#include <string.h>

typedef struct listing {
    const update_folder *folder;
    FILE *to;
    size_t present, missing;
} listing;

static void print_key(const listing *all, sv_text id, size_t before) {
    const char *name = update_folder_name(all->folder, id);
    int digits = id.len < UPDATE_SHORT_ID ? (int) id.len : UPDATE_SHORT_ID;
    (void) fprintf(all->to, "%s%.*s%s%s%s", before > 0 ? ", " : "", digits, id.at,
                   name != NULL ? " (" : "", name != NULL ? name : "", name != NULL ? ")" : "");
}

static void list_signer(void *arg, sv_text keyid, bool has_signed) {
    listing *all = arg;
    if (!has_signed) {
        print_key(all, keyid, all->missing++);
    }
}

static void count_signer(void *arg, sv_text keyid, bool has_signed) {
    listing *all = arg;
    (void) keyid;
    all->present += has_signed ? 1 : 0;
    all->missing += has_signed ? 0 : 1;
}

static sv_err print_judge(listing *all, const update_document *document, const sv_tuf_voucher *by,
                          const char *as, sv_why *why) {
    all->present = all->missing = 0;
    SV_TRY(sv_tuf_signers(document->metadata, by, count_signer, all, why));
    bool enough = (int64_t) all->present >= by->threshold;
    (void) fprintf(all->to, "%s version %lld: %zu of %s have signed, %lld needed%s", document->role,
                   (long long) document->metadata->version, all->present, as,
                   (long long) by->threshold, enough ? ": enough" : "; missing: ");
    all->missing = 0;
    if (!enough) {
        SV_TRY(sv_tuf_signers(document->metadata, by, list_signer, all, why));
    }
    (void) fputc('\n', all->to);
    return SV_OK;
}

sv_err update_missing_print(const update_folder *folder, const update_document *document, FILE *to,
                            sv_why *why) {
    SV_DEFER(update_judges_drop) update_judges by = { 0 };
    listing all = { .folder = folder, .to = to };
    sv_err err = update_judges_of(folder, document, &by, why);
    if (err == SV_ERR_STATE) {
        (void) fprintf(to,
                       "%s version %lld: targets hands nothing on to this role any more; throw it "
                       "away: rm %s/%s/%s.json\n",
                       document->role, (long long) document->metadata->version, folder->dir,
                       "pending", document->role);
        return SV_OK;
    }
    SV_TRY(err);
    for (size_t i = 0; i < by.count; i++) {
        SV_TRY(print_judge(&all, document, &by.by[i], by.as[i], why));
    }
    if (by.count == 0) {
        (void) fprintf(to,
                       "%s version %lld: who has to sign is not known here (no root.json or "
                       "metadata/targets.json in '%s')\n",
                       document->role, (long long) document->metadata->version, folder->dir);
    }
    return SV_OK;
}

sv_err update_waiting_print(const update_folder *folder, update_roles *out, FILE *to, sv_why *why) {
    size_t bins = 0;
    SV_TRY(update_pending_roles(folder, out, why));
    for (size_t i = 0; i < out->count; i++) {
        SV_DEFER(update_document_drop) update_document document = { 0 };
        bins += sv_tuf_is_bin(sv_text_of(out->names[i])) ? 1 : 0;
        if (bins < 2 || !sv_tuf_is_bin(sv_text_of(out->names[i]))) {
            SV_TRY(update_newest(folder, out->names[i], &document, why));
            SV_TRY(update_missing_print(folder, &document, to, why));
        }
    }
    if (bins > 1) {
        (void) fprintf(to, "and %zu more hash bins wait\n", bins - 1);
    }
    return SV_OK;
}
