// `selvedge audit list`: who did what about an identity; and the filter that it shares with the
// export.
#ifndef SELVEDGE_AUDIT_LIST_H
#define SELVEDGE_AUDIT_LIST_H

#include "options.h"
#include <base/text.h>

/// Which lines; NULL asks for nothing.
typedef struct sv_audit_options {
    const char *about, *what, *who, *outcome, *text, *since, *until;
    int64_t since_us, until_us; ///< 0: not said
} sv_audit_options;

/// Lines of a command's table of options that fill `filter`.
#define SV_AUDIT_OPTIONS(filter)                                                                   \
    { .name = "about",                                                                             \
      .value = "ID",                                                                               \
      .kind = SV_OPTION_TEXT,                                                                      \
      .target = &(filter).about,                                                                   \
      .help = "this device, gateway or person alone" },                                            \
        { .name = "what",                                                                          \
          .value = "WHAT",                                                                         \
          .kind = SV_OPTION_TEXT,                                                                  \
          .target = &(filter).what,                                                                \
          .help = "such as enrolment, certificate.renew, device" },                                \
        { .name = "who",                                                                           \
          .value = "NAME",                                                                         \
          .kind = SV_OPTION_TEXT,                                                                  \
          .target = &(filter).who,                                                                 \
          .help = "what this person, device or gateway did" },                                     \
        { .name = "outcome",                                                                       \
          .value = "WORD",                                                                         \
          .kind = SV_OPTION_TEXT,                                                                  \
          .target = &(filter).outcome,                                                             \
          .help = "done, refused or failed" },                                                     \
        { .name = "text",                                                                          \
          .value = "TEXT",                                                                         \
          .kind = SV_OPTION_TEXT,                                                                  \
          .target = &(filter).text,                                                                \
          .help = "lines in which this stands anywhere" },                                         \
        { .name = "since",                                                                         \
          .value = "TIME",                                                                         \
          .kind = SV_OPTION_TEXT,                                                                  \
          .target = &(filter).since,                                                               \
          .help = "from then on, such as 2026-11-28 or 2026-11-28T06:15:00" },                     \
    {                                                                                              \
        .name = "until", .value = "TIME", .kind = SV_OPTION_TEXT, .target = &(filter).until,       \
        .help = "before then"                                                                      \
    }

/// SV_ERR_INVALID: a time that is none.
sv_err sv_audit_options_check(sv_audit_options *filter, sv_why *why);
/// Behind a path that ends with `?` or a parameter.
void sv_audit_options_add(sv_textbuf *path, const sv_audit_options *filter);

int cmd_audit_list(int argc, char **argv);

#endif
