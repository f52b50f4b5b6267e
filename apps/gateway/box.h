// What the gateway may still do once it runs (sys/sandbox.h): read and write beside its store, its
// certificates and its sockets, read its configuration, talk to peers, start threads. It starts no
// program and opens no listener any more.
#ifndef SELVEDGE_GATEWAY_BOX_H
#define SELVEDGE_GATEWAY_BOX_H

#include "config.h"

/// Before the first thread: what files are left. `config_path` is read again on SIGHUP.
sv_err gw_box_files(const gw_config *config, const char *config_path, sv_why *why);
/// Once all is open: what calls are left.
sv_err gw_box_seal(sv_why *why);

#endif
