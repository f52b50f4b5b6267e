// What the fleet server may still do once it runs (sys/sandbox.h): read and write beside its
// database and its own certificates, read the PKI folder and its configuration with what that
// names, talk to peers, start threads. It starts no program and opens no listener any more.
#ifndef SV_FLEET_BOX_H
#define SV_FLEET_BOX_H

#include "config.h"

/// Before the first thread: what files are left. `config_path` is read again on SIGHUP.
sv_err sv_fleet_box_files(const sv_fleet_config *config, const char *config_path, sv_why *why);
/// Once all is open: what calls are left.
sv_err sv_fleet_box_seal(sv_why *why);

#endif
