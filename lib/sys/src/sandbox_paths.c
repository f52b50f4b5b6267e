#include <base/text.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sandbox.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(sv_sandbox *box, sv_text path, bool writable, bool optional) {
    for (size_t i = 0; i < box->path_count; i++) {
        sv_sandbox_path *known = &box->paths[i];
        if (sv_text_eq(sv_text_of(known->path), path)) {
            known->writable |= writable;
            known->optional &= optional;
            return;
        }
    }
    sv_sandbox_path *item = &box->paths[box->path_count];
    if (box->path_count == SV_SANDBOX_PATHS_MAX
        || sv_text_copy(path, item->path, sizeof item->path) != SV_OK) {
        box->overflowed = true;
        return;
    }
    item->writable = writable;
    item->optional = optional;
    box->path_count++;
}

void sv_sandbox_add(sv_sandbox *box, const char *path, bool writable) {
    if (path != NULL && path[0] != '\0') {
        put(box, sv_text_of(path), writable, false);
    }
}

static sv_text folder_of(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash == NULL   ? SV_TEXT(".")
           : slash == file ? SV_TEXT("/")
                           : (sv_text){ .at = file, .len = (size_t) (slash - file) };
}

void sv_sandbox_add_beside(sv_sandbox *box, const char *file, bool writable) {
    char target[PATH_MAX];
    if (file == NULL || file[0] == '\0') {
        return;
    }
    put(box, folder_of(file), writable, true);
    // A link is read where it leads to.
    if (realpath(file, target) != NULL && strcmp(file, target) != 0) {
        put(box, folder_of(target), writable, true);
    }
}

static void add_all(sv_sandbox *box, const char *const *paths) {
    for (; *paths != NULL; paths++) {
        put(box, sv_text_of(*paths), false, true);
    }
}

void sv_sandbox_add_system(sv_sandbox *box) {
    static const char *const PATHS[] = {
        "/usr",         "/lib",        "/lib64", "/etc/ssl", "/etc/localtime", "/etc/ld.so.cache",
        "/dev/urandom", "/dev/random", NULL,
    };
    add_all(box, PATHS);
    put(box, SV_TEXT("/dev/null"), true, true);
}

void sv_sandbox_add_names(sv_sandbox *box) {
    static const char *const PATHS[] = {
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/nsswitch.conf",
        "/etc/gai.conf",
        "/etc/services",
        "/run/systemd/resolve",
        "/run/NetworkManager",
        "/run/resolvconf",
        "/run/connman",
        NULL,
    };
    struct stat info;
    bool linked = lstat("/etc/resolv.conf", &info) == 0 && S_ISLNK(info.st_mode);
    add_all(box, PATHS);
    if (!linked && geteuid() != 0) {
        put(box, SV_TEXT("/etc"), false, true);
    }
}
