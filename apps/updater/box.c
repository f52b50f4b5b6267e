#include "box.h"

#include <base/mem.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/daemon.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Which of root's rights stay: to start the machine, and to let go of what was read from a device.
static uint32_t rights_of(const updater_config *config) {
    return (config->reboot == UPDATER_REBOOT_SYSTEM ? 1U << CAP_SYS_BOOT : 0)
           | (config->slots.dir[0] == '\0' ? 1U << CAP_SYS_ADMIN : 0);
}

sv_err updater_box_drop_rights(uint32_t kept, sv_why *why) {
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (syscall(SYS_capget, &head, has) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot see the rights of this process: %m");
    }
    // What may come back by an exec; without the right to give that up there is nothing to give.
    for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
        if (i >= 32 || (kept >> i & 1U) == 0) {
            (void) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
        }
    }
    kept &= has[0].permitted;
    const struct __user_cap_data_struct wanted[_LINUX_CAPABILITY_U32S_3] = {
        { .effective = kept, .permitted = kept },
    };
    return syscall(SYS_capset, &head, wanted) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot give up rights: %m");
}

sv_err updater_box_enter(const updater_config *config, sv_why *why) {
    // Large, and only for now.
    SV_DEFER(sv_mem_drop) sv_sandbox *box = sv_mem_new(sizeof *box);
    box->kinds = SV_SANDBOX_PEERS | SV_SANDBOX_MACHINE;
    box->secret = true;
    sv_sandbox_add(box, config->state, true);
    sv_sandbox_add(box, config->slots.dir, true);
    sv_sandbox_add(box, config->slots.a, true);
    sv_sandbox_add(box, config->slots.b, true);
    SV_TRY(updater_box_drop_rights(rights_of(config), why));
    if (config->boot.kind != UPDATER_BOOT_FILE) {
        // A boot loader's own program or library opens, runs and asks what it needs: what keeps it
        // is the service manager's unit.
        box->every_path = true;
        return sv_sandbox_files(box, why);
    }
    SV_TRY(sv_sandbox_files(box, why));
    return sv_daemon_seal(box, why);
}
