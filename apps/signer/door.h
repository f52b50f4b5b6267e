// The signer's socket: who may ask, and the packets of each connection.
#ifndef SV_SIGNER_DOOR_H
#define SV_SIGNER_DOOR_H

#include "service.h"

#include <sys/loop.h>

enum {
    DOOR_CONNECTIONS_MAX = 8,
};

typedef struct signer_door signer_door;

/// Make the socket (mode 0600, with `socket_group` 0660). `stop` is called when the signer has to
/// end. SV_ERR_STATE when somebody answers on that path already.
sv_err door_open(sv_loop *loop, signer_service *service, sv_loop_fn *stop, void *arg,
                 signer_door **out, sv_why *why);
void door_drop(signer_door **door);

#endif
