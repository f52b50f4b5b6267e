// Drafts that nobody will finish.
#include <base/text.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/disk.h>
#include <unistd.h>

/// `<name>.<pid>.new`: whose draft it is. 0: no draft.
static pid_t writer_of(const char *file, const char *name) {
    static const char END[] = ".new";
    sv_text whole = sv_text_of(file);
    size_t end = sizeof END - 1;
    uint64_t pid = 0;
    if (whole.len <= end || strcmp(file + whole.len - end, END) != 0) {
        return 0;
    }
    whole.len -= end;
    const char *dot = memrchr(whole.at, '.', whole.len);
    size_t before = dot != NULL ? (size_t) (dot - whole.at) : 0;
    sv_text digits = { .at = file + before + 1, .len = whole.len - before - 1 };
    if (before == 0 || sv_text_u64(digits, INT_MAX, &pid) != SV_OK
        || (name != NULL && (strlen(name) != before || memcmp(name, file, before) != 0))) {
        return 0;
    }
    return (pid_t) pid;
}

sv_err sv_disk_clear_drafts(const char *folder, const char *name, sv_why *why) {
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    sv_err err = SV_OK;
    if (dir == NULL) {
        return errno == ENOENT ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", folder);
    }
    while (err == SV_OK && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        pid_t writer = writer_of(entry->d_name, name);
        bool lives = writer > 0 && (kill(writer, 0) == 0 || errno != ESRCH);
        if (writer > 0 && !lives && unlinkat(dirfd(dir), entry->d_name, 0) != 0
            && errno != ENOENT) {
            err = sv_fail(why, SV_ERR_IO, "cannot remove '%s/%s': %m", folder, entry->d_name);
        }
    }
    (void) closedir(dir);
    return err;
}
