#include "sandbox_internal.h"

#include <dirent.h>
#include <string.h>
#include <sys/prctl.h>

static const char *state = "not entered";
static bool confined;

/// 0: /proc is not there to say.
static size_t count_threads(void) {
    DIR *tasks = opendir("/proc/self/task");
    size_t count = 0;
    if (tasks == NULL) {
        return 0;
    }
    for (const struct dirent *entry = NULL; (entry = readdir(tasks)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    (void) closedir(tasks);
    return count;
}

sv_err sv_sandbox_files(const sv_sandbox *box, sv_why *why) {
    const char *found = "files not confined: what this program loads reads where it pleases";
    if (box->overflowed) {
        return sv_fail(why, SV_ERR_NO_SPACE,
                       "more than %d files and folders, or a path of more than %d bytes, are too "
                       "many for the sandbox",
                       SV_SANDBOX_PATHS_MAX, SV_PATH_MAX - 1);
    }
    if (count_threads() > 1) {
        return sv_fail(why, SV_ERR_STATE, "files are confined before the first thread starts");
    }
    if ((box->secret && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot give up rights: %m");
    }
    if (!box->every_path) {
        SV_TRY(sv_box_confine_files(box, &found, why));
        confined = strcmp(found, "files confined") == 0;
    }
    state = found;
    return SV_OK;
}

sv_err sv_sandbox_calls(const sv_sandbox *box, sv_why *why) {
    return sv_box_confine_calls(box->kinds, why);
}

bool sv_sandbox_is_confined(void) {
    return confined;
}

const char *sv_sandbox_state(void) {
    return state;
}

sv_err sv_sandbox_enter(const sv_sandbox *box, bool *confined_out, sv_why *why) {
    SV_TRY(sv_sandbox_files(box, why));
    SV_TRY(sv_sandbox_calls(box, why));
    if (confined_out != NULL) {
        *confined_out = confined;
    }
    return SV_OK;
}
