// `selvedge update`: who may say which firmware exists, what they say, and who gets it.
#include "update.h"
#include "update_campaign.h"
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
        { "upload", "bring it to the fleet server; also files of SWUpdate and RAUC",
          update_upload },
        { "images", "what the fleet server can roll out", update_images },
        { "remove", "the fleet server keeps an image's bytes no longer", update_remove },
        { "show", "a repository: what is in it, who signed, until when; a campaign, by its number",
          update_show_any },
        { "start", "roll an image out, wave by wave; --dry-run says whom it would mean",
          update_start },
        { "list", "the campaigns, and why one has paused", update_list },
        { "devices", "the devices of a campaign, and where each is", update_devices },
        { "wait", "follow a campaign to its end, or until it pauses", update_wait },
        { "pause", "nobody new begins", update_pause },
        { "resume", "it goes on; what came to grief so far stops it no more", update_resume },
        { "retry", "devices that came to grief try again", update_retry },
        { "approve", "say yes to a campaign of somebody else", update_approve },
        { "stop", "for good; what no device has installed is taken back", update_stop },
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
        "             selvedge update publish --keys keys --repo repo\n"
        "and bring it: selvedge update upload --repo repo --keys keys --url URL --token-file FILE\n"
        "roll out:    selvedge update start --image lathe-ctl/2.1.0 --site north --wave 1 --wave "
        "10%",
        verbs, SV_COUNT(verbs), argc, argv);
}
