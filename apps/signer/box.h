// What the signer may still do once everything is open: read the PKI folder, write `signer/` in it,
// answer on its socket.
#ifndef SV_SIGNER_BOX_H
#define SV_SIGNER_BOX_H

#include "config.h"

/// A key that is no file brings a library with it, which opens sockets and files of its own.
sv_err signer_box_enter(const signer_config *config, sv_why *why);

#endif
