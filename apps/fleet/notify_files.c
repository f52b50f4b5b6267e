#include "notify_config.h"

#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/zone.h>
#include <unistd.h>

static sv_err check_secret(sv_text text, const char *path, sv_why *why) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.at[i] < ' ' || text.at[i] == 0x7f) {
            return sv_fail(why, SV_ERR_INVALID,
                           "'%s' must hold one line, without control characters", path);
        }
    }
    return text.len > 0 ? SV_OK : sv_fail(why, SV_ERR_INVALID, "'%s' is empty", path);
}

static sv_err read_secret(const char *path, char *room, size_t room_bytes, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%s': %m%s", path,
                       errno == EACCES ? "; what a running server newly names must lie in the "
                                         "folder of its configuration, and be its user's"
                                       : "");
    }
    if (!S_ISREG(info.st_mode) || (info.st_mode & 077) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "'%s' can be read by others (mode %04o); chmod 600 it", path,
                       (unsigned) info.st_mode & 07777);
    }
    ssize_t len = read(fd, room, room_bytes);
    if (len < 0 || (size_t) len >= room_bytes) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds more than %zu bytes", path, room_bytes - 1);
    }
    sv_text text = { .at = room, .len = (size_t) len };
    while (text.len > 0 && strchr("\r\n", text.at[text.len - 1]) != NULL) {
        text.len--;
    }
    room[text.len] = '\0';
    return check_secret(text, path, why);
}

static sv_err read_zone(const char *name, sv_zone **out, sv_why *why) {
    return sv_zone_open(sv_text_of(name), out, why);
}

static sv_err make_tls(const char *ca, sv_tls **out, sv_why *why) {
    sv_tls_files files = { .ca = ca[0] != '\0' ? ca : NULL, .foreign = true };
    return sv_tls_client(&files, out, why);
}

const sv_notify_files sv_notify_disk = { .secret = read_secret,
                                         .zone = read_zone,
                                         .tls = make_tls };

// ---- nothing opened -----------------------------------------------------------------------------

static sv_err no_secret(const char *path, char *room, size_t room_bytes, sv_why *why) {
    (void) path;
    (void) why;
    return sv_text_copy(SV_TEXT("https://hooks.example/secret"), room, room_bytes);
}

static sv_err no_zone(const char *name, sv_zone **out, sv_why *why) {
    *out = NULL;
    return sv_zone_name_check(sv_text_of(name), why);
}

static sv_err no_tls(const char *ca, sv_tls **out, sv_why *why) {
    (void) ca;
    (void) why;
    *out = NULL;
    return SV_OK;
}

const sv_notify_files sv_notify_none = { .secret = no_secret, .zone = no_zone, .tls = no_tls };
