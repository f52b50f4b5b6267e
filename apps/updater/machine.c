#include "machine.h"

#include <base/fd.h>
#include <fcntl.h>
#include <sys/log.h>
#include <sys/reboot.h>
#include <unistd.h>

void machine_watchdog_open(const char *path, machine_watchdog *out) {
    *out = (machine_watchdog){ .fd = -1 };
    if (path[0] == '\0') {
        return;
    }
    out->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (out->fd < 0) {
        SV_LOG(warn, "updater.no_watchdog", "cannot open '%s': %m", path);
    }
}

void machine_watchdog_ping(machine_watchdog *watchdog, int64_t now_us) {
    if (watchdog->fd < 0
        || (watchdog->pinged_us != 0 && now_us - watchdog->pinged_us < MACHINE_PING_US)) {
        return;
    }
    watchdog->pinged_us = now_us;
    if (write(watchdog->fd, "", 1) != 1) { // any byte but 'V' is a sign of life
        SV_LOG(warn, "updater.watchdog", "the watchdog takes no ping: %m");
    }
}

void machine_watchdog_close(machine_watchdog *watchdog, bool stays) {
    if (watchdog->fd >= 0 && !stays && write(watchdog->fd, "V", 1) != 1) {
        SV_LOG(warn, "updater.watchdog", "the watchdog cannot be stopped: %m");
    }
    sv_fd_drop(&watchdog->fd);
    watchdog->fd = -1;
}

void machine_reboot(void) {
    sync();
    if (reboot(RB_AUTOBOOT) != 0) {
        SV_LOG(error, "updater.reboot", "the machine cannot be started again: %m");
    }
}
