// The metadata in a folder of keys: what enough have signed is settled, what waits for signatures
// is pending. A pending document settles by itself as soon as enough have signed it.
#ifndef SELVEDGE_UPDATE_DOCUMENTS_H
#define SELVEDGE_UPDATE_DOCUMENTS_H

#include "update_folder.h"
#include <stdio.h>

enum { UPDATE_JUDGES_MAX = 2, UPDATE_SUPPLIERS_MAX = 64 };
/// Roles that targets hands on to, and root and targets themselves.
enum { UPDATE_ROLES_MAX = UPDATE_SUPPLIERS_MAX + SV_TUF_BINS_MAX };

typedef struct update_document {
    char role[UPDATE_NAME_ROOM]; ///< "targets", or a delegated one
    bool pending;
    sv_textbuf bytes;
    sv_tuf_metadata *metadata;
} update_document;

void update_document_drop(update_document *document);

/// "root" to SV_TUF_ROOT; a delegated role is a targets file.
sv_tuf_type update_type_of(const char *role);

/// SV_ERR_NOT_FOUND when there is none.
sv_err update_settled(const update_folder *folder, const char *role, update_document *out,
                      sv_why *why);
/// What is pending, else what is settled.
sv_err update_newest(const update_folder *folder, const char *role, update_document *out,
                     sv_why *why);
/// Of a text from somewhere else.
sv_err update_document_read(const char *role, sv_text bytes, update_document *out, sv_why *why);
/// SV_ERR_INVALID when this folder knows that nobody hands on to the role.
sv_err update_role_check(const update_folder *folder, const char *role, sv_why *why);
/// Keep as pending; of a role that there is.
sv_err update_pend(const update_folder *folder, const char *role, sv_text bytes, sv_why *why);
/// Keep as settled: of a snapshot or timestamp, which are never pending.
sv_err update_settle_now(const update_folder *folder, const char *role, sv_text bytes, sv_why *why);

/// Who has to sign a document: of a new root, its own keys and those of the root before.
typedef struct update_judges {
    update_document sources[UPDATE_JUDGES_MAX];
    sv_tuf_voucher by[UPDATE_JUDGES_MAX];
    const char *as[UPDATE_JUDGES_MAX]; ///< what is said of them
    size_t count;                      ///< 0: the folder does not know
    bool pending;                      ///< one of them is not settled itself
} update_judges;

void update_judges_drop(update_judges *judges);
/// SV_ERR_STATE when nothing is handed on to its role, any more.
sv_err update_judges_of(const update_folder *folder, const update_document *document,
                        update_judges *out, sv_why *why);

/// Sign the pending document of a role with every key of this folder that counts for it, and settle
/// it if that is enough. Keys that are noted and not here are left out, with a line on stderr.
sv_err update_sign_pending(const update_folder *folder, const char *role, size_t *signed_with,
                           sv_why *why);
/// The same of any document, into `out`.
sv_err update_sign_document(const update_folder *folder, const update_document *document,
                            sv_textbuf *out, size_t *signed_with, sv_why *why);
/// The same with the keys that `by` names, whatever is pending.
sv_err update_sign_by(const update_folder *folder, const update_document *document,
                      const sv_tuf_voucher *by, sv_textbuf *out, size_t *signed_with, sv_why *why);
/// Settle whatever enough have signed.
sv_err update_settle(const update_folder *folder, sv_why *why);

/// Roles with something pending, root and targets first.
typedef struct update_roles {
    char names[UPDATE_ROLES_MAX][UPDATE_NAME_ROOM];
    size_t count;
} update_roles;

/// Of which there is a `<role>.json` in a folder that may be absent.
void update_roles_in(const char *folder, update_roles *out);
sv_err update_pending_roles(const update_folder *folder, update_roles *out, sv_why *why);
/// One line per document and who judges it: how many have signed, how many it takes, who is
/// missing.
sv_err update_missing_print(const update_folder *folder, const update_document *document, FILE *to,
                            sv_why *why);

/// The same of everything that is pending; of hash bins the first stands for all.
sv_err update_waiting_print(const update_folder *folder, update_roles *out, FILE *to, sv_why *why);

#endif
