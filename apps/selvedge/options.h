// Command-line options from a table, which also prints the help: `--name VALUE`, `--name=VALUE`,
// flags.
#ifndef SELVEDGE_OPTIONS_H
#define SELVEDGE_OPTIONS_H

#include <base/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sv_option_kind {
    SV_OPTION_FLAG,   ///< bool
    SV_OPTION_TEXT,   ///< const char *
    SV_OPTION_LIST,   ///< const char *[SV_OPTION_LIST_MAX], NULL-terminated
    SV_OPTION_INT,    ///< int64_t in [min, max]
    SV_OPTION_NUMBER, ///< double, finite, in [min, max]
} sv_option_kind;

enum { SV_OPTION_LIST_MAX = 16, SV_OPTION_PLAIN_MAX = 8 };

typedef struct sv_option {
    const char *name;  ///< without the dashes
    const char *value; ///< how the value is called in the help; NULL for flags
    sv_option_kind kind;
    void *target;     ///< holds the default when parsing starts
    const char *help; ///< one sentence
    bool required;
    double min, max; ///< both 0: no bound
} sv_option;

/// Fills the targets; plain arguments go to `plain` (at most `plain_max`, NULL-terminated, room for
/// one more). SV_ERR_INVALID with a sentence that names the option, its value and what would be
/// right.
/// `--help` gives SV_ERR_STATE: the caller prints the help and exits 0.
sv_err sv_options_parse(int argc, char **argv, const sv_option *options, size_t count,
                        const char **plain, size_t plain_max, sv_why *why);

/// Usage line, sentence, then the table, to stdout.
void sv_options_help(const char *usage, const char *about, const sv_option *options, size_t count);

#endif
