// What a gateway behind an external broker tells a device on `acks/<device_id>`: which numbers of
// one of its epochs are on disk (docs/spec/ack.md). The broker's PUBACK says no more than that the
// broker has a reading.
#ifndef SV_MODEL_ACK_H
#define SV_MODEL_ACK_H

#include <base/err.h>
#include <base/ranges.h>
#include <model/reading.h>

enum { SV_ACK_BYTES_MAX = 4096 };

typedef struct sv_ack {
    char epoch[SV_EPOCH_MAX + 1];
    int64_t seq;    ///< everything from 1 to here
    sv_ranges also; ///< and these; owned
} sv_ack;

void sv_ack_drop(sv_ack *ack);

/// `{"epoch":"…","seq":N}`, and where there are gaps, so that what lies above them can be told,
/// `"numbers":"1-90,95"`, all of them. [ack-1]
void sv_ack_format(sv_text epoch, const sv_ranges *seen, sv_textbuf *out);
/// SV_ERR_INVALID for anything else. [ack-1]
sv_err sv_ack_parse(sv_text payload, sv_ack *out, sv_why *why);

bool sv_ack_covers(const sv_ack *ack, sv_text epoch, int64_t seq);

#endif
