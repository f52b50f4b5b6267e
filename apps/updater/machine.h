// What belongs to the machine: the hardware watchdog, and starting again.
#ifndef SV_UPDATER_MACHINE_H
#define SV_UPDATER_MACHINE_H

#include "config.h"

enum { MACHINE_PING_US = 1000000, MACHINE_START_AGAIN = 64 }; ///< exit code of `reboot: exit`

typedef struct machine_watchdog {
    int fd; ///< -1: there is none
    int64_t pinged_us;
} machine_watchdog;

/// Empty path: none. One that cannot be opened is said, and none: an update is no worse without.
void machine_watchdog_open(const char *path, machine_watchdog *out);
/// At most once a second. [updater-13]
void machine_watchdog_ping(machine_watchdog *watchdog, int64_t now_us);
/// `stays`: it goes on, so that a machine that does not start again is started by it.
void machine_watchdog_close(machine_watchdog *watchdog, bool stays);

/// Everything is flushed, then the machine starts. Returns only when it may not.
void machine_reboot(void);

#endif
