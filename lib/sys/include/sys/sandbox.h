// What a process may still do once it runs: seccomp for the system calls, landlock for files, and
// no way back to more rights (no_new_privs). What is given up is given up for the process and all
// it starts.
//
// Files and calls are two steps, because the kernel keeps files apart thread by thread and only
// threads that are started later inherit it:
//   sv_sandbox_files   before the first thread; what is opened later is among `paths`
//   sv_sandbox_calls   once everything is open and listens; holds for every thread there is
//
// Three answers, by what is tried:
//   exec, ptrace, other processes' memory, mounts, modules, bpf,     the process dies (SIGSYS) and
//   namespaces, keyrings, other users                                logs the call's name before
//   any other call that is not allowed: another process, a socket    EPERM
//   of another family or where none is allowed, a listener,
//   memory that is writable and executable
//   a file or folder that no path covers                             EACCES
//
// Seen from outside: /proc/PID/status says `NoNewPrivs: 1` and `Seccomp: 2`, in
// /proc/PID/task/*/status for each thread. Landlock shows itself nowhere in /proc: the program's
// log says `event=sandbox.on` with "files confined" or "files not confined" and why, and
// sv_sandbox_is_confined is what its metrics tell (`sandbox_files`).
#ifndef SV_SYS_SANDBOX_H
#define SV_SYS_SANDBOX_H

#include <base/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/disk.h>

enum { SV_SANDBOX_PATHS_MAX = 96 };

typedef struct sv_sandbox_path {
    char path[SV_PATH_MAX]; ///< a file, or a folder with all that is below it
    bool writable;          ///< else read only
    bool optional;          ///< where it does not exist there is nothing to allow
} sv_sandbox_path;

/// Kinds of calls beside what every program needs (memory, time, its own descriptors, files).
typedef enum sv_sandbox_kind {
    SV_SANDBOX_PEERS = 1,   ///< accept, receive and send on sockets that are open
    SV_SANDBOX_SOCKETS = 2, ///< new sockets that connect: unix, IPv4, IPv6; no raw ones
    SV_SANDBOX_THREADS = 4, ///< of this process; never another process
    SV_SANDBOX_HANGUP = 8,  ///< SIGHUP to another process of the same user; no other signal
    /// Start the machine again, and let go of what was read from a block device; a program with
    /// the rights to do so keeps them.
    SV_SANDBOX_MACHINE = 16,
} sv_sandbox_kind;

typedef struct sv_sandbox {
    unsigned kinds; ///< of sv_sandbox_kind
    sv_sandbox_path paths[SV_SANDBOX_PATHS_MAX];
    size_t path_count;
    bool overflowed; ///< a path did not fit; nothing is entered then
    bool every_path; ///< files are not confined: what is loaded reads where it pleases
    bool secret;     ///< holds a key: no core dump, and nobody of the same user may look in
} sv_sandbox;

/// Allow `path`, which must exist. Empty: nothing.
void sv_sandbox_add(sv_sandbox *box, const char *path, bool writable);
/// Allow the folder that `file` stands in, where there is one, with all that is below: a file that
/// is replaced (renewal, rotation, an editor) is another one to the kernel. Empty: nothing.
void sv_sandbox_add_beside(sv_sandbox *box, const char *file, bool writable);
/// Read what a distribution brings: libraries, time zones, trusted CAs, random numbers.
void sv_sandbox_add_system(sv_sandbox *box);
/// Read what names are resolved with. Where /etc/resolv.conf is a file of its own (which DHCP
/// replaces) that is /etc, save for root, who could read all of it: then the file as it is now.
void sv_sandbox_add_names(sv_sandbox *box);

/// no_new_privs and files; SV_ERR_STATE when there are threads already, SV_ERR_IO when it cannot be
/// had. It is no error where the kernel has no landlock.
sv_err sv_sandbox_files(const sv_sandbox *box, sv_why *why);
/// The calls, for every thread. SV_ERR_IO when it cannot be had, and then nobody should go on.
sv_err sv_sandbox_calls(const sv_sandbox *box, sv_why *why);

/// Does the kernel keep this process's files apart?
bool sv_sandbox_is_confined(void);
/// Why not, as a sentence without a full stop; "files confined" when it does.
const char *sv_sandbox_state(void);

/// Both steps at once, for a process without threads. `confined_out` may be NULL.
sv_err sv_sandbox_enter(const sv_sandbox *box, bool *confined_out, sv_why *why);

#endif
