// What a process may still do once it has everything open: seccomp for the system calls, landlock
// for files, and no way back to more rights (no_new_privs). Entered once, when what has to be
// opened is open; it holds for the process and all it starts.
//
// Three answers, by what is tried:
//   exec, ptrace, other processes' memory, mounts, modules,     the process dies (SIGSYS)
//   namespaces, keyrings, other users
//   any other call that is not allowed, socket() among them     EPERM
//   a file or folder that no path covers                        EACCES
#ifndef SV_SYS_SANDBOX_H
#define SV_SYS_SANDBOX_H

#include <base/err.h>
#include <stdbool.h>
#include <stddef.h>

enum { SV_SANDBOX_PATHS_MAX = 16 };

typedef struct sv_sandbox_path {
    const char *path; ///< a file, or a folder with all that is below it; must exist
    bool writable;    ///< else read only
} sv_sandbox_path;

/// Kinds of calls beside what every program needs (memory, time, its own descriptors, files).
typedef enum sv_sandbox_calls {
    SV_SANDBOX_PEERS = 1,   ///< accept, receive and send on sockets that are open
    SV_SANDBOX_SOCKETS = 2, ///< new sockets, of any kind
    SV_SANDBOX_THREADS = 4,
} sv_sandbox_calls;

typedef struct sv_sandbox {
    unsigned calls; ///< of sv_sandbox_calls
    sv_sandbox_path paths[SV_SANDBOX_PATHS_MAX];
    size_t path_count;
    bool every_path; ///< files are not confined: what is loaded reads where it pleases
    bool secret;     ///< holds a key: no core dump, and nobody of the same user may look in
} sv_sandbox;

/// `confined_out` (may be NULL): does the kernel keep files apart (landlock)? It is no error where
/// it cannot; everything else holds all the same. SV_ERR_IO when the rest cannot be had, and then
/// nobody should go on.
sv_err sv_sandbox_enter(const sv_sandbox *box, bool *confined_out, sv_why *why);

#endif
