// The command line of a daemon: what all of them take (--config, --check-config, --version,
// --help), what one takes beside that, and what their exit codes mean. [cli-5]
#ifndef SV_SYS_DAEMON_H
#define SV_SYS_DAEMON_H

#include <base/text.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/sandbox.h>

enum {
    SV_DAEMON_DONE = 0,
    SV_DAEMON_USAGE = 2,   ///< wrong usage or a broken configuration
    SV_DAEMON_MACHINE = 5, ///< this machine: disk full, port taken, permission
    SV_DAEMON_OPTIONS_MAX = 12,
    SV_DAEMON_KEYS_MAX = 64 * 1024, ///< bytes of help on the configuration
};

/// An option of one daemon alone.
typedef struct sv_daemon_option {
    const char *name;  ///< without the dashes
    const char **text; ///< gets its value; NULL: it has none
    bool *flag;        ///< then this becomes true
} sv_daemon_option;

typedef struct sv_daemon {
    const char *name;
    const char *usage;             ///< behind "usage: ", without a line's end
    const char *about;             ///< what it does
    const char *own;               ///< lines on its own options; NULL: it has none
    const char *notes;             ///< signals, examples; NULL: none
    void (*keys)(sv_textbuf *out); ///< describes the keys of its configuration
    const sv_daemon_option *options;
    size_t option_count; ///< at most SV_DAEMON_OPTIONS_MAX
} sv_daemon;

typedef struct sv_daemon_asked {
    const char *config; ///< the file
    bool check;         ///< only say what is wrong with it
} sv_daemon_asked;

/// Read the command line; --help and --version are answered here. -1: go on, else the exit code.
int sv_daemon_read(const sv_daemon *daemon, int argc, char **argv, sv_daemon_asked *out);

/// What --check-config says of a file without faults; the exit code.
int sv_daemon_fine(const char *file);

/// Why it does not run, as a line on stderr; the exit code.
int sv_daemon_fail(const sv_daemon *daemon, sv_err err, const sv_why *why);

/// Everything is open: give up the calls that are left over (sys/sandbox.h), and say in the log
/// what holds from now on; a warning where files are not confined.
sv_err sv_daemon_seal(const sv_sandbox *box, sv_why *why);

#endif
