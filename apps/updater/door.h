// The updater's socket: who may ask, one CHECK at a time, and whoever only asks how things are is
// answered in between. Everything happens in one thread, in the order in which it comes.
#ifndef SV_UPDATER_DOOR_H
#define SV_UPDATER_DOOR_H

#include "machine.h"
#include "updater.h"

enum { DOOR_CONNECTIONS_MAX = 8 };

typedef struct door door;

/// Listens on the socket of the configuration, or on the one that the service manager passes on.
/// SIGTERM and SIGINT are the door's from now on.
sv_err door_open(updater *u, machine_watchdog *watchdog, door **out, sv_why *why);
void door_drop(door **d);

/// Until it has to end, or the connection to RAUC is gone. True: to start again.
bool door_serve(door *d);
/// Somebody wants it to end.
bool door_ends(const door *d);
/// Before something that takes long, again and again: the watchdog, and who asks.
void door_tick(void *arg);

#endif
