#include "box.h"

#include <crypto/key_store.h>
#include <limits.h>
#include <sys/log.h>
#include <sys/sandbox.h>

sv_err signer_box_enter(const signer_config *config, sv_why *why) {
    char own[PATH_MAX];
    char key[PATH_MAX];
    if (sv_disk_join(own, sizeof own, config->pki, "signer") != SV_OK
        || sv_disk_join(key, sizeof key, config->pki, "ca.key") != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", config->pki);
    }
    sv_sandbox box = { .calls = SV_SANDBOX_PEERS,
                       .paths = { { config->pki, false }, { own, true } },
                       .path_count = 2,
                       .secret = true };
    if (sv_key_leads_to_hardware(config->key[0] != '\0' ? config->key : key)) {
        box.calls |= SV_SANDBOX_SOCKETS | SV_SANDBOX_THREADS;
        box.every_path = true;
    } else if (config->key[0] != '\0') {
        box.paths[box.path_count++] = (sv_sandbox_path){ config->key, false };
    }
    bool confined = false;
    SV_TRY(sv_sandbox_enter(&box, &confined, why));
    if (!confined && !box.every_path) {
        SV_LOG(warn, "signer.box",
               "this kernel has no landlock: files are kept apart by their "
               "modes alone");
    }
    return SV_OK;
}
