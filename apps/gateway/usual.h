// What is usual for each stream, kept in the store: a copy of edge/usual.h, written in
// the group of the readings that it has learnt from. A copy is made when the alert is raised, at an
// orderly end, and else after GW_USUAL_READINGS readings, not before GW_USUAL_LEAST_US and not
// later than GW_USUAL_MOST_US after the last one. A start goes on from the copy and learns what
// came after it from the readings that it begins with (store.rows). [detect-10]
#ifndef SELVEDGE_GATEWAY_USUAL_H
#define SELVEDGE_GATEWAY_USUAL_H

#include <base/err.h>
#include <base/time.h>
#include <codec/json.h>
#include <edge/stream.h>
#include <model/alert.h>

typedef struct gw gw;
typedef struct gw_stream gw_stream;

enum {
    GW_USUAL_READINGS = 500,
    GW_USUAL_COPIES = 200, ///< in one second
    GW_USUAL_SCORE = 10,   ///< what a minute's score is worth telling from
    GW_USUAL_PARTS = 20,   ///< of the band's width: it has changed when an edge moved by one
};
#define GW_USUAL_TOLD_US SV_TIME_HOUR_US ///< and is told again after this
#define GW_USUAL_LEAST_US (15 * SV_TIME_MINUTE_US)
#define GW_USUAL_MOST_US (6 * SV_TIME_HOUR_US)

typedef struct gw_usual {
    int64_t reading;                 ///< the last one that the copy in the store has learnt from
    int64_t kept_us;                 ///< monotonic, of the copy
    unsigned fresh;                  ///< readings learnt from since
    char alert[SV_ALERT_ID_MAX + 1]; ///< the last one that was raised
    double told_low, told_high;      ///< what was expected, as it went up last
    int64_t told_us;                 ///< of the minute that told it
} gw_usual;

/// Where that is asked for: go on from its copy, if there is one.
void gw_usual_restore(gw *g, gw_stream *s);
/// A reading was learnt from.
void gw_usual_note(gw_stream *s);
/// Make a copy, with the group.
void gw_usual_keep(gw *g, gw_stream *s);
/// Make one if it is time; `left` counts down.
void gw_usual_tick(gw *g, gw_stream *s, int64_t now_us, unsigned *left);
/// Of every stream that has learnt something since.
void gw_usual_keep_all(gw *g);

/// `"detect","score","expected"` of the stream as it is now, for people at the site. [detect-13]
void gw_usual_write(const gw_stream *s, sv_json_out *out);
/// Of what the minute says about the usual only what is news stays; false: nothing is.
bool gw_usual_sift(gw_usual *usual, sv_summary *minute);

#endif
