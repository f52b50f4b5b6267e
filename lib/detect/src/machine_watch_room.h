// The memory of a watch, which grows with its sensors and shrinks when they have been learnt.
#ifndef SV_DETECT_MACHINE_WATCH_ROOM_H
#define SV_DETECT_MACHINE_WATCH_ROOM_H

#include <detect/machine_watch.h>

/// For `sensors`, at least as many as there are and more than none.
void sv_mwatch_make_room(sv_mwatch *watch, size_t sensors);
/// The detector has learnt: of what it learnt from nothing is needed any more.
void sv_mwatch_let_go(sv_mwatch *watch);

#endif
