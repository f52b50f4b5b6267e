// Halves of artifacts, which a command that was killed left behind.
#include "update_folder.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef sv_err clearing(const char *path, sv_why *why);

static sv_err each(const char *folder, clearing *clear, sv_why *why) {
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    sv_err err = SV_OK;
    if (dir == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? SV_OK
                   : sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", folder);
    }
    while (err == SV_OK && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        char path[SV_PATH_MAX];
        if (entry->d_name[0] != '.') {
            err = sv_disk_join(path, sizeof path, folder, entry->d_name) == SV_OK
                      ? clear(path, why)
                      : SV_OK; // not one of ours
        }
    }
    (void) closedir(dir);
    return err;
}

static sv_err clear_file(const char *path, sv_why *why) {
    static const char END[] = ".new";
    size_t len = strlen(path);
    if (len < sizeof END || strcmp(path + len - (sizeof END - 1), END) != 0) {
        return SV_OK;
    }
    return unlink(path) == 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot remove '%s': %m", path);
}

static sv_err clear_image(const char *path, sv_why *why) {
    return each(path, clear_file, why);
}

sv_err update_artifacts_clear(const char *dir, sv_why *why) {
    char path[SV_PATH_MAX];
    return sv_disk_join(path, sizeof path, dir, "artifacts") == SV_OK
               ? each(path, clear_image, why)
               : sv_fail(why, SV_ERR_INVALID, "'%.120s' is too long a path", dir);
}
