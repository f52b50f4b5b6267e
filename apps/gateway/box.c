#include "box.h"

#include <crypto/key_store.h>
#include <store/db.h>
#include <sys/daemon.h>

static sv_sandbox box;

static void add_certificates(const gw_config *config) {
    bool renewed = config->tls.renew == GW_RENEW_AUTOMATIC;
    sv_sandbox_add_beside(&box, config->tls.cert, renewed);
    sv_sandbox_add_beside(&box, config->tls.ca, false);
    sv_sandbox_add_beside(&box, config->tls.crl, false);
    sv_sandbox_add_beside(&box, config->alerts.ca, false);
    sv_sandbox_add_beside(&box, config->door.manufacturers, false);
    if (!sv_key_is_hard(sv_text_of(config->tls.key))) {
        sv_sandbox_add_beside(&box, config->tls.key, renewed);
    }
    // Its library opens sockets, devices and files of its own.
    box.every_path = sv_key_leads_to_hardware(config->tls.key);
}

static void add_broker(const gw_config *config) {
    sv_sandbox_add_beside(&box, config->broker.crl, true);
    if (config->broker.pid_file[0] != '\0') {
        sv_sandbox_add_beside(&box, config->broker.pid_file, false);
        sv_sandbox_add(&box, "/proc", false); // is it a mosquitto?
        box.kinds |= SV_SANDBOX_HANGUP;
    }
}

/// Made first: what does not exist cannot be allowed.
static sv_err add_cache(const gw_config *config, sv_why *why) {
    char dir[SV_PATH_MAX];
    sv_err err = gw_config_cache_dir(config, dir, sizeof dir);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fail(why, err, "cache: dir: it is too long");
    }
    SV_TRY(sv_disk_make_folder(dir, 0700, why));
    sv_sandbox_add(&box, dir, true);
    return SV_OK;
}

sv_err gw_box_files(const gw_config *config, const char *config_path, sv_why *why) {
    box = (sv_sandbox){ .kinds = SV_SANDBOX_PEERS | SV_SANDBOX_SOCKETS | SV_SANDBOX_THREADS };
    sv_sandbox_add_system(&box);
    sv_sandbox_add_names(&box);
    sv_sandbox_add_beside(&box, config_path, false);
    sv_sandbox_add_beside(&box, config->store.path, true);
    sv_sandbox_add_beside(&box, config->listen.socket, true);
    sv_sandbox_add_beside(&box, config->page.token_file, true);
    sv_sandbox_add_beside(&box, config->models.key, false);
    add_certificates(config);
    add_broker(config);
    SV_TRY(add_cache(config, why));
    sv_db_temporary_beside(config->store.path);
    return sv_sandbox_files(&box, why);
}

sv_err gw_box_seal(sv_why *why) {
    return sv_daemon_seal(&box, why);
}
