// The verbs of `selvedge update`, and what they share.
#ifndef SELVEDGE_UPDATE_H
#define SELVEDGE_UPDATE_H

#include "command.h"

/// What a verb's --help says.
typedef struct update_page {
    const char *usage, *about;
} update_page;

/// Parse, or print the help: true when the verb goes on, else *code is the exit code. `least` to
/// `most` plain arguments are taken.
bool update_begin(int argc, char **argv, update_page page, const sv_option *options, size_t count,
                  const char **plain, size_t least, size_t most, int *code);
/// The exit code; says what was wrong.
int update_end(sv_err err, const sv_why *why);

int update_keys(int argc, char **argv);
int update_sign(int argc, char **argv);
int update_publish(int argc, char **argv);
int update_bundle(int argc, char **argv);
int update_verify(int argc, char **argv);
int update_show(int argc, char **argv);
int update_upload(int argc, char **argv);
int update_images(int argc, char **argv);
int update_remove(int argc, char **argv);

#define UPDATE_KEYS_OPTION(text)                                                                   \
    {                                                                                              \
        .name = "keys", .value = "KEYS", .kind = SV_OPTION_TEXT, .target = &(text),                \
        .help = "the folder of keys", .required = true                                             \
    }
#define UPDATE_FOR_OPTION(text)                                                                    \
    {                                                                                              \
        .name = "for", .value = "TIME", .kind = SV_OPTION_TEXT, .target = &(text),                 \
        .help = "how long what is signed is valid, like 90d [365d]"                                \
    }

#endif
