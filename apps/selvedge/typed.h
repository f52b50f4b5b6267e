// Passwords that a person gives a command: typed without being seen, or from a file. Never from the
// command line, where others see them.
#ifndef SELVEDGE_TYPED_H
#define SELVEDGE_TYPED_H

#include <base/err.h>

enum { SV_TYPED_MAX = 256 };

/// The first line of a file.
sv_err sv_typed_from_file(const char *path, char out[SV_TYPED_MAX + 1], sv_why *why);
/// Typed twice at the terminal, unseen. SV_ERR_INVALID when there is none, or they differ.
sv_err sv_typed_unseen(const char *what, char out[SV_TYPED_MAX + 1], sv_why *why);

#endif
