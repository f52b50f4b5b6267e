// Many releases: spread over files by the hash of their path.
#include "update.h"
#include "update_bins.h"
#include "update_change.h"
#include "update_keys.h"
#include <stdlib.h>

static sv_err make(const char *dir, const char *count_text, const char *valid, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    int64_t expires_us = 0;
    uint64_t count = 0;
    SV_TRY(update_end_of(valid, UPDATE_DAYS_TARGETS, &expires_us, why));
    if (sv_text_u64(sv_text_of(count_text), SV_TUF_BINS_MAX, &count) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "there can be 16 or %d hash bins, not '%.40s'",
                       SV_TUF_BINS_MAX, count_text);
    }
    SV_TRY(update_folder_open(dir, &folder, why));
    return update_bins_make(folder, (size_t) count, expires_us, why);
}

int update_keys_bins(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys bins 16|256 --keys KEYS",
        "For thousands of releases: each goes into one of so many files, by the hash of its path, "
        "so "
        "that a\ndevice fetches a small file instead of one with everything. The keys of targets "
        "sign them, and a\nrelease is another version of its own file alone. What is a release "
        "already stays where it is.\n\n"
        "example: selvedge update keys bins 256 --keys keys",
    };
    const char *dir = NULL;
    const char *valid = NULL;
    const char *plain[2] = { 0 };
    const sv_option options[] = { UPDATE_KEYS_OPTION(dir), UPDATE_FOR_OPTION(valid) };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), plain, 1, 1, &code)) {
        return code;
    }
    sv_why why = { 0 };
    return update_end(make(dir, plain[0], valid, &why), &why);
}
