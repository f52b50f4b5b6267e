// Questions of the fleet server (docs/spec/ask.md): an event brings one, a request of ours answers
// it, once. What may not leave the site is refused, by the rules that are in force when the answer
// is there.
#ifndef SELVEDGE_GATEWAY_ASKS_H
#define SELVEDGE_GATEWAY_ASKS_H

#include "gateway.h"

enum {
    GW_ASK_ID_ROOM = 33,             ///< hexadecimal
    GW_ASK_POINTS_MAX = 2000,        ///< of a series
    GW_ASK_ANSWER_MAX = 1024 * 1024, ///< bytes; a larger one is refused here
    GW_ASK_WHY_MAX = 512,            ///< bytes of why there is no answer
};

/// One that may be answered; borrowed.
typedef struct gw_asking {
    const char *id;
    int64_t until_ms; ///< the fleet server's wall clock
    const sv_json *question;
} gw_asking;

/// The event `ask`: {"id","until","what","question"}.
gw_event_end gw_ask_take(gw *g, int64_t id, const sv_json *data);

/// For who answers later: one of the two, once.
void gw_ask_answer(gw *g, const char *id, sv_text json);
void gw_ask_refuse(gw *g, const char *id, int status, sv_text why);

#endif
