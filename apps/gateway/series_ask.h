// What was recorded of one stream between two times, put together from blocks and rows a little at
// a time, so that a long look back holds up nobody. Until it is answered nothing is packed or
// dropped: no reading is seen twice or missed on its way from one place to another.
#ifndef SELVEDGE_GATEWAY_SERIES_ASK_H
#define SELVEDGE_GATEWAY_SERIES_ASK_H

#include "range.h"

#include <base/text.h>
#include <model/id.h>

enum {
    GW_SERIES_ASKED_MAX = 4,      ///< answers being put together
    GW_SERIES_HELD_US = 10000000, ///< packing is held up by questions so long; then none is taken
};

struct gw;

typedef struct gw_series_question {
    char device[SV_ID_ROOM], sensor[SV_ID_ROOM];
    int64_t from_ms, to_ms; ///< both included, in order, none below 0
    size_t points;          ///< 1 to GW_POINTS_MAX
} gw_series_question;

/// Once for each question. `status` 200: `said` is the answer, an object; else what an HTTP answer
/// would have, and `said` is the sentence why.
typedef void gw_series_done(void *arg, int status, sv_text said);

/// May be answered at once. Packing has its turn after GW_SERIES_HELD_US, however many ask.
void gw_series_ask(struct gw *g, const gw_series_question *question, gw_series_done *done,
                   void *arg);
/// What is being put together is answered: 503.
void gw_series_ask_close(struct gw *g);

#endif
