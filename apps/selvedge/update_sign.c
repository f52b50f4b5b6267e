// `selvedge update sign`
#include "update.h"
#include "update_change.h"
#include "update_cosign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct asked {
    const char *dir, *metadata, *out, *renew, *withdraw, *role, *valid;
    const char *take[SV_OPTION_LIST_MAX];
} asked;

static sv_err renew(const update_folder *folder, const asked *a, sv_why *why) {
    const sv_tuf_change nothing = { 0 };
    int64_t expires_us = 0;
    SV_TRY(update_end_of(a->valid, UPDATE_DAYS_TARGETS, &expires_us, why));
    if (strcmp(a->renew, "root") == 0) {
        sv_tuf_holders *roles = calloc(SV_TUF_TYPE__COUNT, sizeof *roles);
        sv_err err = roles == NULL ? SV_ERR_NO_SPACE : update_root_roles(folder, roles, why);
        if (err == SV_OK) {
            err = update_root_change(folder, roles, expires_us, why);
        }
        free(roles);
        return err;
    }
    if (strcmp(a->renew, "targets") != 0 && !sv_tuf_role_is_valid(sv_text_of(a->renew))) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--renew '%.80s': root, targets or a supplier's role; snapshot and timestamp "
            "are renewed by `selvedge update publish`",
            a->renew);
    }
    return update_targets_change(folder, a->renew, &nothing, expires_us, why);
}

static sv_err withdraw(const update_folder *folder, const asked *a, sv_why *why) {
    const sv_tuf_change change = { .path = sv_text_of(a->withdraw) };
    int64_t expires_us = 0;
    SV_TRY(update_end_of(a->valid, UPDATE_DAYS_TARGETS, &expires_us, why));
    return update_targets_change(folder, a->role, &change, expires_us, why);
}

static sv_err run(const asked *a, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_TRY(update_folder_open(a->dir, &folder, why));
    if (a->metadata != NULL) {
        return update_cosign(folder, a->metadata, a->out, why);
    }
    if (a->renew != NULL) {
        return renew(folder, a, why);
    }
    if (a->withdraw != NULL) {
        return withdraw(folder, a, why);
    }
    for (size_t i = 0; a->take[i] != NULL; i++) {
        SV_TRY(update_take(folder, a->take[i], why));
    }
    return a->take[0] != NULL
               ? SV_OK
               : sv_fail(
                   why, SV_ERR_INVALID,
                   "nothing to sign: --metadata FILE, --take FILE, --renew ROLE or --withdraw "
                   "PATH");
}

int update_sign(int argc, char **argv) {
    static const update_page page = {
        "selvedge update sign --metadata FILE | --take FILE... | --renew ROLE | --withdraw PATH "
        "--keys KEYS",
        "Metadata goes from hand to hand until enough have signed it: KEYS/pending/targets.json on "
        "a "
        "stick to\nanother machine, there `sign --metadata`, and back with `sign --take`.\n\n"
        "example: selvedge update sign --metadata /media/usb/targets.json --keys my-keys\n"
        "example: selvedge update sign --take /media/usb/targets.json --keys keys",
    };
    asked a = { .role = "targets" };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(a.dir),
        { "metadata", "FILE", SV_OPTION_TEXT, &a.metadata,
          "add the signatures of this folder's keys to a file that others began", false, 0, 0 },
        { "out", "FILE", SV_OPTION_TEXT, &a.out, "where it goes then [FILE itself]", false, 0, 0 },
        { "take", "FILE", SV_OPTION_LIST, a.take,
          "take in what others have signed, and settle it when that is enough", false, 0, 0 },
        { "renew", "ROLE", SV_OPTION_TEXT, &a.renew,
          "the same again with a later end: root, targets or a supplier's role", false, 0, 0 },
        { "withdraw", "PATH", SV_OPTION_TEXT, &a.withdraw, "an image is no release any more", false,
          0, 0 },
        { "role", "NAME", SV_OPTION_TEXT, &a.role, "who says so: a supplier's role [targets]",
          false, 0, 0 },
        UPDATE_FOR_OPTION(a.valid),
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), NULL, 0, &code)) {
        return code;
    }
    sv_why why = { 0 };
    return update_end(run(&a, &why), &why);
}
