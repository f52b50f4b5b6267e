// `--group NAME=ID,ID`: who is in the fleet server's groups, said by hand, for rules that are tried
// or checked here.
#ifndef SELVEDGE_RULES_MEMBERS_H
#define SELVEDGE_RULES_MEMBERS_H

#include "options.h"

#include <edge/rules.h>

#define RULES_GROUP_OPTION(list)                                                                   \
    {                                                                                              \
        .name = "group", .value = "NAME=ID,ID", .kind = SV_OPTION_LIST, .target = (list),          \
        .help = "who is in a group of the fleet server; may be given again"                        \
    }

/// What was said, NULL at its end. SV_ERR_INVALID with the option that is wrong.
sv_err rules_members_read(const char *const *said, sv_members **out, sv_why *why);
/// The rules with these members. SV_ERR_INVALID when somebody is said to be in a group that the
/// file does not name.
sv_err rules_members_give(sv_rules **rules, sv_members *members, const char *file, sv_why *why);
/// A line for each of the fleet server's groups that the file names: who is in it.
void rules_members_show(const sv_rules *rules, const sv_members *members, sv_textbuf *out);

#endif
