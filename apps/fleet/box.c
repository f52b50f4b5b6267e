#include "box.h"

#include <crypto/key_store.h>
#include <store/db.h>
#include <sys/daemon.h>

static sv_sandbox box;

static void add_door(const sv_fleet_door *door) {
    sv_sandbox_add_beside(&box, door->tls.ca, false);
    sv_sandbox_add_beside(&box, door->tls.crl, false);
    sv_sandbox_add_beside(&box, door->tls.cert, true); // it renews them itself
    if (door->tls.key[0] != '\0' && !sv_key_is_hard(sv_text_of(door->tls.key))) {
        sv_sandbox_add_beside(&box, door->tls.key, true);
    }
    // Its library opens sockets, devices and files of its own.
    box.every_path |= sv_key_leads_to_hardware(door->tls.key);
}

/// Secrets and certificates of channels; those that a reload names must lie beside them.
static void add_channels(const sv_notify_config *notify) {
    for (size_t i = 0; notify != NULL && i < notify->channel_count; i++) {
        const sv_channel *channel = &notify->channels[i];
        for (size_t j = 0; j < channel->file_count; j++) {
            sv_sandbox_add_beside(&box, channel->files[j], false);
        }
    }
}

sv_err sv_fleet_box_files(const sv_fleet_config *config, const char *config_path, sv_why *why) {
    box = (sv_sandbox){ .kinds = SV_SANDBOX_PEERS | SV_SANDBOX_SOCKETS | SV_SANDBOX_THREADS };
    sv_sandbox_add_system(&box);
    sv_sandbox_add_names(&box);
    sv_sandbox_add_beside(&box, config_path, false);
    sv_sandbox_add_beside(&box, config->store.path, true);
    sv_sandbox_add_beside(&box, config->admin_token_file, true);
    sv_sandbox_add_beside(&box, config->ports_file, true);
    sv_sandbox_add_beside(&box, config->enrolment.manufacturers, false);
    if (config->images.path[0] != '\0') {
        (void) (sv_disk_make_folder(config->images.path, 0700, NULL) == SV_OK);
        sv_sandbox_add(&box, config->images.path, true);
    }
    if (sv_disk_exists(config->pki)) {
        sv_sandbox_add(&box, config->pki, false);
    }
    add_door(&config->operators);
    add_door(&config->devices);
    add_channels(config->notify);
    sv_db_temporary_beside(config->store.path);
    return sv_sandbox_files(&box, why);
}

sv_err sv_fleet_box_seal(sv_why *why) {
    return sv_daemon_seal(&box, why);
}
