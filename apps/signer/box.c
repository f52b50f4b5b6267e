#include "box.h"

#include <crypto/key_store.h>
#include <limits.h>
#include <sys/daemon.h>

sv_err signer_box_enter(const signer_config *config, sv_why *why) {
    char own[PATH_MAX];
    char key[PATH_MAX];
    if (sv_disk_join(own, sizeof own, config->pki, "signer") != SV_OK
        || sv_disk_join(key, sizeof key, config->pki, "ca.key") != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", config->pki);
    }
    static sv_sandbox box;
    box = (sv_sandbox){ .kinds = SV_SANDBOX_PEERS, .secret = true };
    sv_sandbox_add(&box, config->pki, false);
    sv_sandbox_add(&box, own, true);
    sv_sandbox_add_beside(&box, config->key[0] != '\0' ? config->key : key, false);
    if (sv_key_leads_to_hardware(config->key[0] != '\0' ? config->key : key)) {
        box.kinds |= SV_SANDBOX_SOCKETS | SV_SANDBOX_THREADS;
        box.every_path = true;
    }
    SV_TRY(sv_sandbox_files(&box, why));
    return sv_daemon_seal(&box, why);
}
