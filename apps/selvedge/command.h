// The operator's command: one function per noun, each in a file of its own, listed in main.c's
// table. Data goes to stdout, the rest to stderr. Exit codes are the contract's.
#ifndef SELVEDGE_COMMAND_H
#define SELVEDGE_COMMAND_H

#include "options.h"
#include <base/err.h>
#include <base/text.h>
#include <codec/url.h>

enum sv_exit {
    SV_EXIT_DONE = 0,
    SV_EXIT_NO = 1,          ///< the answer is no
    SV_EXIT_USAGE = 2,       ///< wrong usage or broken configuration
    SV_EXIT_UNREACHABLE = 3, ///< somebody else does not answer
    SV_EXIT_REFUSED = 4,
    SV_EXIT_MACHINE = 5, ///< this machine: disk full, port taken, permission
};

/// The exit code that fits an error.
int sv_exit_of(sv_err err);
/// What an HTTP server's status, one that is no success, says.
sv_err sv_status_err(int status);
/// Print "selvedge: <why>" to stderr and return sv_exit_of(err).
int sv_exit_with(sv_err err, const sv_why *why);

/// `--output json|table`; NULL is the table.
sv_err sv_output_parse(const char *text, bool *json, sv_why *why);

/// Its line of a command's table of options; the target begins as "table".
#define SV_OUTPUT_OPTION(text)                                                                     \
    {                                                                                              \
        .name = "output", .value = "FORM", .kind = SV_OPTION_TEXT, .target = &(text),              \
        .help = "table or json [table]"                                                            \
    }

/// `--gateway HOST[:PORT]`, port 8883 where none is given.
sv_err sv_gateway_parse(const char *text, char host[SV_URL_HOST_MAX], uint16_t *port, sv_why *why);

/// A verb below a noun, or a noun itself.
typedef struct sv_command {
    const char *name;
    const char *help; ///< one line
    int (*run)(int argc, char **argv);
} sv_command;

/// Run the command that argv[1] names, or explain. `about` is what precedes the list.
int sv_command_run(const char *name, const char *about, const sv_command *commands, size_t count,
                   int argc, char **argv);

/// argv[0] is the noun; the rest is what the person typed after it.
int cmd_pki(int argc, char **argv);
int cmd_firmware(int argc, char **argv);
int cmd_pilot(int argc, char **argv);
int cmd_backtest(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_publish(int argc, char **argv);
int cmd_gateway(int argc, char **argv);
int cmd_alert(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_checklist(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_device(int argc, char **argv);
int cmd_notify(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_detect(int argc, char **argv);
int cmd_update(int argc, char **argv);
int cmd_group(int argc, char **argv);
int cmd_director(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_token(int argc, char **argv);

#endif
