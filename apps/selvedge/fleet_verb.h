// The frame of every verb that asks the fleet server: its own options beside the place and
// --output, the help, the checks, one connection, the exit code. And the lists, which come in
// pages.
#ifndef SELVEDGE_FLEET_VERB_H
#define SELVEDGE_FLEET_VERB_H

#include "command.h"
#include "fleet_api.h"

enum { SV_FLEET_PLAIN_MAX = 4, SV_FLEET_OPTIONS_MAX = 32, SV_FLEET_PAGE = 100 };

/// What a person typed, beside the verb's own options.
typedef struct sv_fleet_asked {
    sv_fleet_place place;
    const char *plain[SV_FLEET_PLAIN_MAX + 1]; ///< arguments without a name, NULL-terminated
    bool json;
    bool no; ///< `ask` sets it: everything went well, and the answer is no
} sv_fleet_asked;

typedef struct sv_fleet_verb {
    const char *usage, *about; ///< for --help
    const sv_option *options;  ///< its own; at most SV_FLEET_OPTIONS_MAX
    size_t option_count;
    size_t plain_max;
    const char *first; ///< what the first argument without a name is, such as "device id": it must
                       ///< be there, and an id; NULL: the verb looks for itself
    const char *missing;                     ///< what is said when it is not there
    sv_err (*check)(void *arg, sv_why *why); ///< NULL: nothing more to check
    sv_err (*ask)(void *arg, sv_fleet_api *api, sv_why *why);
} sv_fleet_verb;

/// `asked` is filled; `arg`, in which it stands, goes to `check` and `ask`.
int sv_fleet_verb_run(const sv_fleet_verb *verb, sv_fleet_asked *asked, void *arg, int argc,
                      char **argv);

/// An answer as a line of JSON.
void sv_fleet_show_json(const sv_json *answer);

/// `name=value` behind a path that ends with `?` or a filter, the value escaped; nothing for NULL.
void sv_fleet_path_add(sv_textbuf *path, const char *name, const char *value);

/// A list of the fleet server, and how a person sees it.
typedef struct sv_fleet_list {
    const char *path; ///< with a filter, without limit and cursor
    int64_t limit;    ///< how many at most; 0: all there are
    const char *head; ///< a line above; NULL: none
    void (*line)(const sv_json *item, void *arg);
    void *arg;
    const char *none; ///< what is said, to stderr, when there are none
} sv_fleet_list;

/// Page by page to stdout: as lines, or (JSON) as one array.
sv_err sv_fleet_list_show(sv_fleet_api *api, const sv_fleet_list *list, bool json, sv_why *why);

#endif
