// `selvedge update`: who may say which firmware exists, and what they say.
#include "update.h"
#include <stdio.h>

bool update_begin(int argc, char **argv, update_page page, const sv_option *options, size_t count,
                  const char **plain, size_t least, size_t most, int *code) {
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, count, plain, most, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(page.usage, page.about, options, count);
        *code = SV_EXIT_DONE;
        return false;
    }
    if (err == SV_OK && least > 0 && plain[least - 1] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "an argument is missing: %s", page.usage);
    }
    *code = update_end(err, &why);
    return err == SV_OK;
}

int update_end(sv_err err, const sv_why *why) {
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, why);
}

int cmd_update(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "keys", "the keys that sign updates: make, replace, hand on, show", update_keys },
        { "sign", "say that an image is a release; add your signature to what others began",
          update_sign },
        { "publish", "write the repository that devices read; renew what ends soon",
          update_publish },
        { "bundle", "one release in one file, for a device without a network", update_bundle },
        { "verify", "would a device believe this repository, bundle or image?", update_verify },
        { "show", "what is in it, who signed, until when, for which hardware", update_show },
    };
    return sv_command_run(
        "selvedge update",
        "Which firmware exists, for which hardware, and who says so. Devices believe signatures, "
        "not "
        "servers:\nk of n release keys, kept offline. docs/guide/updates-keys.md explains the keys "
        "to somebody new.\n\n"
        "Begin with:  selvedge update keys init --dir keys\n"
        "then:        selvedge update sign firmware.img --product lathe-ctl --version 2.1.0 "
        "--hardware rev-b --keys keys\n"
        "             selvedge update publish --keys keys --repo repo",
        verbs, SV_COUNT(verbs), argc, argv);
}
