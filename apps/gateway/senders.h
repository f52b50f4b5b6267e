// A sender: a device since one of its starts, and the numbers of its readings that have been seen.
// By them a reading that comes again is known; a checkpoint of them is kept, so that it is known
// after a restart as well.
#ifndef SELVEDGE_GATEWAY_SENDERS_H
#define SELVEDGE_GATEWAY_SENDERS_H

#include <base/ranges.h>
#include <model/ledger.h>
#include <model/reading.h>

typedef struct gw gw;
typedef struct gw_stream gw_stream;
typedef struct gw_sender gw_sender;

enum {
    GW_SENDERS_MAX = 20000, ///< (device, epoch) pairs remembered; the longest unused goes first
    GW_CHECKPOINT_MAX = 32 * 1024 * 1024,
    GW_CHECKPOINT_US = 60 * 1000000,
    GW_SENDER_ROOM = SV_ID_ROOM + 1 + SV_EPOCH_MAX, ///< bytes of "<device>/<epoch>"
};

/// What the fleet server knows of a sender.
typedef enum gw_told { GW_UNTOLD, GW_BEING_TOLD, GW_TOLD } gw_told;

/// A device since one of its starts.
struct gw_sender {
    sv_ranges seen;  ///< its numbers
    int64_t used_us; ///< monotonic, of its first reading after another sender's
    sv_ledger ledger;
    gw_told told;
    bool ack_due; ///< something of it came since its device was last told
};

/// False: seen before. Pure apart from `stream` and `sender` (NULL: not numbered).
bool gw_is_new(gw_stream *stream, gw_sender *sender, const sv_reading *reading);
/// NULL when the reading has no number.
gw_sender *gw_sender_of(gw *g, gw_stream *stream, const sv_reading *reading);
/// The sender itself, made if it is new and `make` says so; else NULL.
gw_sender *gw_sender_named(gw *g, sv_text device, sv_text epoch, bool make);
/// A reading from before this start. `received_us` 0: the checkpoint knows of it.
void gw_senders_remember(gw *g, gw_stream *stream, const sv_reading *reading, int64_t received_us);
/// One line of the checkpoint: "<device>/<epoch> <numbers> <ledger>"; in the epoch, what is no
/// letter or digit stands as %XX. An older line ends after the numbers.
void gw_sender_format(sv_text name, const gw_sender *sender, sv_textbuf *out);
/// `name` and the sender's contents, which are the caller's to drop with gw_sender_clear.
sv_err gw_sender_parse(sv_text line, sv_textbuf *name, gw_sender *out);
void gw_sender_clear(gw_sender *sender);
/// Keep what has been seen, with the group. False, and logged: it is too much.
bool gw_senders_checkpoint(gw *g);
/// What the last checkpoint says, and the last reading that it covers.
sv_err gw_senders_restore(gw *g, int64_t *reading, sv_why *why);
void gw_senders_close(gw *g);

#endif
