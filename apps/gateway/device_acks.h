// What a device is told is on disk. Only behind an external broker, whose PUBACK does not mean that
// a reading is on disk (docs/spec/ack.md). Without gw_device_acks_open the others do nothing.
#ifndef SELVEDGE_GATEWAY_DEVICE_ACKS_H
#define SELVEDGE_GATEWAY_DEVICE_ACKS_H

#include "senders.h"
#include <sys/loop.h>

enum {
    GW_DEVICE_ACKS_US = 1000000,    ///< a device is told that often what of its is on disk
    GW_DEVICE_ACKS_MAX = 2000,      ///< messages at once; the queue to the broker is for alerts too
    GW_DEVICE_ACKS_BYTES = 1 << 18, ///< or as many as fit
};

/// What devices are told of next, behind an external broker: lines "<device>\t<message>".
typedef struct gw_device_acks {
    sv_timer *timer;
    sv_textbuf lines; ///< empty: nothing waits
    uint64_t group;   ///< that has to be on disk before
    size_t next;      ///< where the walk through the senders goes on
    bool due;         ///< a sender may be
} gw_device_acks;

void gw_device_acks_open(gw *g);
/// A reading of this sender came, new or not.
void gw_device_acks_note(gw *g, gw_sender *sender);
/// Put together what is to be told of those that were noted.
void gw_device_acks_due(gw *g);
/// Tell it, if it is on disk by now.
void gw_device_acks_turn(gw *g);
void gw_device_acks_close(gw *g);

#endif
