// Metadata that goes from hand to hand: looked at, signed, brought back.
#ifndef SELVEDGE_UPDATE_COSIGN_H
#define SELVEDGE_UPDATE_COSIGN_H

#include "update_documents.h"

/// What a document says that the folder's own one does not, on stdout: whoever signs has seen it.
sv_err update_difference_print(const update_folder *folder, const update_document *document,
                               sv_why *why);
/// Sign a file of metadata ("targets.json", "acme.json") with the keys of this folder; NULL `out`:
/// in its place.
sv_err update_cosign(const update_folder *folder, const char *file, const char *out, sv_why *why);
/// The same; `file` may be a folder: every `<role>.json` in it that still wants a signature of
/// ours, root and targets first. SV_ERR_UNTRUSTED when none does.
sv_err update_cosign_all(const update_folder *folder, const char *file, const char *out,
                         sv_why *why);
/// Take in what others have signed: their signatures to what is pending here, or the whole document
/// when it is a newer one. [repo-3]
sv_err update_take(const update_folder *folder, const char *file, sv_why *why);
/// The same; `file` may be a folder: every `<role>.json` in it.
sv_err update_take_all(const update_folder *folder, const char *file, sv_why *why);

#endif
