// A supplier's images are vouched for by the supplier's own keys.
#include "update.h"
#include "update_change.h"
#include "update_keys.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

typedef struct asked {
    const char *dir, *role, *valid;
    const char *publics[SV_OPTION_LIST_MAX], *paths[SV_OPTION_LIST_MAX];
    int64_t threshold;
    bool terminating;
} asked;

static sv_err read_holders(update_folder *folder, const asked *a, sv_tuf_holders *out,
                           sv_why *why) {
    for (size_t i = 0; a->publics[i] != NULL; i++) {
        SV_TRY(update_public_take(folder, a->publics[i], &out->keys[i], why));
        out->count = i + 1;
    }
    out->threshold = a->threshold;
    return SV_OK;
}

static sv_err delegate(const asked *a, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    sv_tuf_delegation made = { .name = a->role, .holders = holders, .terminating = a->terminating };
    const sv_tuf_change change = { .delegation = &made };
    int64_t expires_us = 0;
    if (strcmp(a->role, "bins") == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'bins' means the hash bins, in `sign --renew`; choose another name");
    }
    for (size_t i = 0; a->paths[i] != NULL; i++) {
        made.paths[made.path_count++] = a->paths[i];
    }
    SV_TRY(update_end_of(a->valid, UPDATE_DAYS_TARGETS, &expires_us, why));
    SV_TRY(update_folder_open(a->dir, &folder, why));
    SV_TRY(read_holders(folder, a, holders, why));
    return update_targets_change(folder, "targets", &change, expires_us, why);
}

int update_keys_delegate(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys delegate NAME --paths PATTERN... --public FILE... [--threshold K] "
        "--keys KEYS",
        "The role NAME vouches for the images whose path matches, with keys of its own: a "
        "supplier's, whose\nprivate halves you never see. A `*` stands for anything but a slash. "
        "Said again, it takes the place of\nwhat was said before: other keys, other paths.\n\n"
        "The supplier makes a key (`keys new`), signs (`sign --role NAME`), and hands over "
        "pending/NAME.json\nand artifacts/; you take them in (`sign --take NAME.json`) and "
        "publish.\n\n"
        "example: selvedge update keys delegate acme --paths 'acme-drive/*' --public acme.json "
        "--keys keys",
    };
    asked a = { .threshold = 1 };
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(a.dir),
        { "paths", "PATTERN", SV_OPTION_LIST, a.paths, "paths of its images", true, 0, 0 },
        { "public", "FILE", SV_OPTION_LIST, a.publics, "a public half, as `keys new` writes it",
          true, 0, 0 },
        { "threshold", "K", SV_OPTION_INT, &a.threshold, "signatures that it takes [1]", false, 1,
          SV_TUF_HOLDERS_MAX },
        { "terminating", NULL, SV_OPTION_FLAG, &a.terminating,
          "nobody after it is asked about these paths", false, 0, 0 },
        UPDATE_FOR_OPTION(a.valid),
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), plain, 1, 1, &code)) {
        return code;
    }
    sv_why why = { 0 };
    a.role = plain[0];
    return update_end(delegate(&a, &why), &why);
}

int update_keys_undelegate(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys undelegate NAME --keys KEYS",
        "The role NAME vouches for nothing any more; its images are believed no longer.\n\n"
        "example: selvedge update keys undelegate acme --keys keys",
    };
    const char *dir = NULL;
    const char *valid = NULL;
    const char *plain[2] = { 0 };
    const sv_option options[] = { UPDATE_KEYS_OPTION(dir), UPDATE_FOR_OPTION(valid) };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), plain, 1, 1, &code)) {
        return code;
    }
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    sv_why why = { 0 };
    int64_t expires_us = 0;
    const sv_tuf_change change = { .undelegate = sv_text_of(plain[0]) };
    sv_err err = update_end_of(valid, UPDATE_DAYS_TARGETS, &expires_us, &why);
    if (err == SV_OK) {
        err = update_folder_open(dir, &folder, &why);
    }
    if (err == SV_OK) {
        err = update_targets_change(folder, "targets", &change, expires_us, &why);
    }
    return update_end(err, &why);
}
