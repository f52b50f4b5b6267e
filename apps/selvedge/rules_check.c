// `selvedge rules check`: is a file of rules good? Judged here, by the code of the fleet server and
// the gateways; nobody is asked.
#include "rules_check.h"
#include "command.h"
#include "options.h"
#include "rules_members.h"
#include <edge/rules_file.h>
#include <stdio.h>
#include <sys/disk.h>

enum { TOLD_ROOM = 16 * 1024 };

/// A file without faults, and what is said of the fleet server's groups in it.
static sv_err tell(const char *path, sv_rules **rules, const char *const *groups, sv_why *why) {
    SV_DEFER(sv_members_drop) sv_members *members = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(TOLD_ROOM);
    SV_TRY(rules_members_read(groups, &members, why));
    SV_TRY(rules_members_give(rules, members, path, why));
    rules_members_show(*rules, members, &told);
    (void) printf("%s: no faults\n", path);
    (void) fputs(told.len > 0 ? told.at : "", stdout);
    return SV_OK;
}

static sv_err judge(const char *path, const char *const *groups, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_RULES_FILE_MAX + 1);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    SV_TRY(sv_disk_read(path, &yaml, why));
    if (sv_rules_file_read(sv_textbuf_text(&yaml), &rules, &faults) == SV_OK) {
        return tell(path, &rules, groups, why);
    }
    (void) fputs(faults.text.at == NULL ? "" : faults.text.at, stderr);
    return sv_fail(why, SV_ERR_INVALID, "%u fault%s in %s", faults.count,
                   faults.count == 1 ? "" : "s", path);
}

int rules_check_main(int argc, char **argv) {
    const char *plain[2] = { NULL };
    const char *groups[SV_OPTION_LIST_MAX + 1] = { NULL };
    const sv_option options[] = { RULES_GROUP_OPTION(groups) };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge rules check FILE [--group NAME=ID,ID]…",
                        "Is this a file of rules that a site can be given? Nobody is asked and "
                        "nothing is changed.\nExit 0: yes; 2: no, with every fault on a line of "
                        "its own: file:line:column: what is wrong.\nWhich of the fleet server's "
                        "groups it names is said, and who is in them as far as --group says.\n\n"
                        "  selvedge rules check north.yaml",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID,
                      "name the file of rules: selvedge rules check north.yaml");
    }
    if (err == SV_OK) {
        err = judge(plain[0], groups, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}
