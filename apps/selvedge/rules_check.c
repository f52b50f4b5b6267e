// `selvedge rules check`: is a file of rules good? Judged here, by the code of the fleet server and
// the gateways; nobody is asked.
#include "rules_check.h"
#include "command.h"
#include "options.h"
#include <edge/rules_file.h>
#include <stdio.h>
#include <sys/disk.h>

static sv_err judge(const char *path, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_RULES_FILE_MAX + 1);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    SV_TRY(sv_disk_read(path, &yaml, why));
    if (sv_rules_file_read(sv_textbuf_text(&yaml), &rules, &faults) == SV_OK) {
        return SV_OK;
    }
    (void) fputs(faults.text.at == NULL ? "" : faults.text.at, stderr);
    return sv_fail(why, SV_ERR_INVALID, "%u fault%s in %s", faults.count,
                   faults.count == 1 ? "" : "s", path);
}

int rules_check_main(int argc, char **argv) {
    const char *plain[2] = { NULL };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, NULL, 0, plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge rules check FILE",
                        "Is this a file of rules that a site can be given? Nobody is asked and "
                        "nothing is changed.\nExit 0: yes; 2: no, with every fault on a line of "
                        "its own: file:line:column: what is wrong.\n\n"
                        "  selvedge rules check north.yaml",
                        NULL, 0);
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID,
                      "name the file of rules: selvedge rules check north.yaml");
    }
    if (err == SV_OK) {
        err = judge(plain[0], &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    (void) printf("%s: no faults\n", plain[0]);
    return SV_EXIT_DONE;
}
