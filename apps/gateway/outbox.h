// What waits to go up: averages, minutes and alerts, appended in the group's transaction, taken
// away after the fleet server's answer. `fleet.spool` bounds it by bytes, age and the room on the
// disk (docs/spec/spool.md). The oldest averages go first, then the oldest minutes; alerts go when
// bytes are short and nothing else is left. What goes is counted in the transaction that takes it
// away.
#ifndef SELVEDGE_GATEWAY_OUTBOX_H
#define SELVEDGE_GATEWAY_OUTBOX_H

#include <base/err.h>
#include <base/text.h>
#include <edge/stream.h>

enum {
    GW_ITEM_MAX = 512, ///< bytes of one average or minute
    GW_BATCH_MAX = 500,
    GW_BACKFILL_BATCH = 5000,      ///< a batch of what has waited
    GW_OUTBOX_ROW_BYTES = 16,      ///< about what a row takes besides its text
    GW_OUTBOX_STEP = 5000,         ///< rows looked at, or dropped, at once
    GW_OUTBOX_STEPS = 8,           ///< such looks in one turn of the loop
    GW_OUTBOX_LOW_BYTES = 1 << 20, ///< so much may wait however full the disk is
    GW_OUTBOX_SLACK = 16,          ///< when it is full, one part in so many is made free
};

/// What waits; the column `average` of the first two.
typedef enum gw_item {
    GW_ITEM_MINUTE = 0,
    GW_ITEM_AVERAGE = 1,
    GW_ITEM_ALERT,
    GW_ITEM__COUNT
} gw_item;
/// Why something went that the fleet server does not have: bounds, or `uplink: never` that came
/// after it.
typedef enum gw_loss {
    GW_LOST_BYTES,
    GW_LOST_AGE,
    GW_LOST_FREE,
    GW_LOST_RULE,
    GW_LOSS__COUNT
} gw_loss;

const char *gw_item_name(gw_item item); ///< "minutes", "averages", "alerts"
const char *gw_loss_name(gw_loss loss); ///< "bytes", "age", "free", "rule"

typedef struct gw gw;
typedef struct gw_stream gw_stream;

/// A part of the outbox: numbers above `settled`, up to `last`.
typedef struct gw_part {
    int64_t settled; ///< sent and answered, or dropped, up to here
    int64_t last;    ///< INT64_MAX: no end
} gw_part;

/// Items that go up in one request, out of one part.
typedef struct gw_batch {
    gw_part *of;
    int64_t last, items, bytes;
    int64_t rows[GW_ITEM_ALERT]; ///< of them, by kind
    int64_t held[GW_ITEM_ALERT]; ///< others that may not leave the site, by kind
} gw_batch;

typedef struct gw_outbox {
    gw_part live;                 ///< what is new; it goes first
    gw_part backfill;             ///< what waited while the fleet server was away
    bool split_due;               ///< it is there again: what waits by now becomes `backfill`
    int64_t alert_settled;        ///< the last alert that was sent and answered, or dropped
    int64_t rows[GW_ITEM__COUNT]; ///< waiting, by kind
    int64_t bytes, alert_bytes;   ///< of all of them, of the alerts alone
    uint64_t group;               ///< the last one that takes something away
    uint64_t gap; ///< the last one that takes away what was not sent: until it is on disk nothing
                  ///< is looked for, that would be found again
    int64_t passed[GW_ITEM_ALERT]; ///< there is none of this kind up to this number
    int64_t low_bytes;             ///< the disk has little room: so much may wait; 0: it has enough
    bool age_due;                  ///< something may have waited for too long
    int64_t dropped[GW_ITEM__COUNT][GW_LOSS__COUNT];
} gw_outbox;

/// All within the group; nothing is kept for a peer that is not configured.
sv_err gw_outbox_open(gw *g, sv_why *why);
/// `corrected`: it is not placed, or not all of it, at the time that the device said.
void gw_outbox_average(gw *g, const gw_stream *s, int64_t at_us, double value, bool corrected);
void gw_outbox_summary(gw *g, const gw_stream *s, const sv_summary *summary, bool corrected);
void gw_outbox_alert(gw *g, sv_text alert);

/// Averages and minutes that wait.
int64_t gw_outbox_rows(const gw *g);
/// Does it say when something began to wait? A clock that was never set, or far ahead, does not.
bool gw_outbox_is_known(int64_t put_s, int64_t now_s);
/// How long the oldest of them has waited; -1 when none does, or nobody knows.
int64_t gw_outbox_oldest_s(const gw *g);

/// What of a kind went against anybody's will.
int64_t gw_outbox_lost(const gw *g, gw_item item);

/// What is to be sent next; SV_ERR_NOT_FOUND when nothing waits. Alerts that may not leave the site
/// are passed over and taken away. So are averages and minutes, with the batch; one without items
/// is nothing else, and to be dropped. Whose they are is noted for
/// GW_WAY_UP.
/// `of`: the stream it is about, or NULL.
sv_err gw_outbox_next_alert(gw *g, int64_t *id, gw_stream **of, sv_textbuf *body, sv_why *why);
sv_err gw_outbox_next_batch(gw *g, gw_part *of, int64_t items_max, gw_batch *out, sv_textbuf *body,
                            sv_why *why);
/// Sent: taken away, and not sent again by this process. `bytes` are those of its body.
void gw_outbox_forget_batch(gw *g, const gw_batch *batch);
/// Not sent: taken away, and told as a gap with what follows.
void gw_outbox_drop_batch(gw *g, const gw_batch *batch);
void gw_outbox_forget_alert(gw *g, int64_t id, size_t bytes);
/// The fleet server is there again: what is in the outbox by now waits behind what is new. False:
/// what was taken away is not committed yet.
bool gw_outbox_split(gw *g);
/// Nothing is left of `backfill` but numbers that were dropped: they are told with what is new.
void gw_outbox_end_backfill(gw *g);

/// How much may wait now, and what bounds it.
int64_t gw_outbox_limit(const gw *g, gw_loss *bound);
/// How full it is, by bytes or by age: 1 is where something goes.
double gw_outbox_fill(const gw *g);
/// So many of a kind go, with what is recorded now.
void gw_outbox_count(gw *g, gw_item item, gw_loss loss, int64_t rows);
/// With every beat: the room on the disk, and whether something has waited for too long.
void gw_outbox_beat(gw *g);
/// Drop what must go, while nothing is being sent. True: first this is to be committed.
bool gw_outbox_trim(gw *g);

#endif
