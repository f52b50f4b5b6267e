#include "box.h"

#include <limits.h>
#include <string.h>
#include <sys/log.h>
#include <sys/sandbox.h>

static bool is_file(const char *key) {
    return strchr(key, ':') == NULL;
}

sv_err signer_box_enter(const signer_config *config, sv_why *why) {
    char own[PATH_MAX];
    if (sv_disk_join(own, sizeof own, config->pki, "signer") != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", config->pki);
    }
    sv_sandbox box = { .calls = SV_SANDBOX_PEERS,
                       .paths = { { config->pki, false }, { own, true } },
                       .path_count = 2,
                       .secret = true };
    if (!is_file(config->key)) {
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
