#include "box.h"

#include <base/mem.h>
#include <crypto/key_store.h>
#include <sys/daemon.h>

static void add_machine(sv_sandbox *box, const sv_agent_config *config) {
    static const char *const BELOW[] = { "proc", "sys" };
    for (size_t i = 0; i < SV_COUNT(BELOW); i++) {
        char path[SV_PATH_MAX];
        if (sv_disk_join(path, sizeof path, config->root, BELOW[i]) == SV_OK
            && sv_disk_exists(path)) {
            sv_sandbox_add(box, path, false);
        }
    }
    for (size_t i = 0; i < config->source_count; i++) {
        if (config->sources[i].kind == SV_AGENT_FILE) {
            sv_sandbox_add_beside(box, config->sources[i].path, false);
        }
    }
}

static void add_certificates(sv_sandbox *box, const sv_agent_config *config) {
    bool renewed = config->enrolment.renew == SV_AGENT_RENEW_AUTOMATIC;
    sv_sandbox_add_beside(box, config->tls.ca, false);
    sv_sandbox_add_beside(box, config->tls.cert, renewed);
    if (!sv_key_is_hard(sv_text_of(config->tls.key))) {
        sv_sandbox_add_beside(box, config->tls.key, renewed);
    }
    if (sv_key_leads_to_hardware(config->tls.key)) {
        // Its library opens sockets, devices and files of its own, and may start threads.
        box->every_path = true;
        box->kinds |= SV_SANDBOX_THREADS;
    }
}

sv_err sv_agent_box_enter(const sv_agent_config *config, const char *config_path, sv_why *why) {
    // Large, and only for now.
    SV_DEFER(sv_mem_drop) sv_sandbox *box = sv_mem_new(sizeof *box);
    box->kinds = SV_SANDBOX_PEERS | SV_SANDBOX_SOCKETS;
    sv_sandbox_add_system(box);
    sv_sandbox_add_names(box);
    sv_sandbox_add_beside(box, config_path, false);
    sv_sandbox_add(box, config->spool.path, true);
    if (config->update.socket[0] != '\0') {
        sv_sandbox_add_beside(box, config->update.hold, false);
    }
    add_machine(box, config);
    add_certificates(box, config);
    SV_TRY(sv_sandbox_files(box, why));
    return sv_daemon_seal(box, why);
}
