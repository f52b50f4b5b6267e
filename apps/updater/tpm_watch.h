// A TPM that did not answer when the updater started. The updater itself has no right left to open
// one later: a process beside it, that hears nothing of anybody, asks again, more and more rarely,
// and says when there is one. Then the updater ends, to be started anew. [updater-31]
#ifndef SV_UPDATER_TPM_WATCH_H
#define SV_UPDATER_TPM_WATCH_H

#include <base/err.h>
#include <stdbool.h>

enum {
    TPM_WATCH_FIRST_S = 2,  ///< then twice as long each time …
    TPM_WATCH_LAST_S = 300, ///< … up to this
};

typedef struct tpm_watch {
    int fd; ///< of a pipe; -1: nobody asks
} tpm_watch;

/// Before rights are given up. The process ends with the one that started it.
sv_err tpm_watch_start(tpm_watch *out, sv_why *why);
/// Has a TPM answered since?
bool tpm_watch_has_come(const tpm_watch *watch);
void tpm_watch_drop(tpm_watch *watch);

#endif
