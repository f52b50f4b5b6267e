// The verbs of `selvedge update keys` that have files of their own.
#ifndef SELVEDGE_UPDATE_KEYS_H
#define SELVEDGE_UPDATE_KEYS_H

#include "update_folder.h"

enum { UPDATE_PUBLIC_MAX = 4096 }; ///< bytes of a public key's file

int update_keys_add(int argc, char **argv);
int update_keys_replace(int argc, char **argv);
int update_keys_remove(int argc, char **argv);
int update_keys_delegate(int argc, char **argv);
int update_keys_undelegate(int argc, char **argv);
int update_keys_bins(int argc, char **argv);
int update_keys_show(int argc, char **argv);

/// A file that `keys new` wrote.
sv_err update_public_read(const char *path, sv_tuf_public *out, sv_why *why);
/// The same, and the folder notes whose it is: "anna" of public/anna.json.
sv_err update_public_take(update_folder *folder, const char *path, sv_tuf_public *out, sv_why *why);

#endif
