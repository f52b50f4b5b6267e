// Questions to gateways (docs/spec/ask.md): one goes down the stream that the gateway keeps open,
// and is answered once, by a request of the gateway's. In memory alone: whoever waits for the
// answer is a person at a page, and asks again.
#ifndef SV_FLEET_ASKS_H
#define SV_FLEET_ASKS_H

#include "fleet.h"

#include <base/time.h>
#include <codec/json.h>

enum {
    SV_ASKS_MAX = 64,                ///< open at a time,
    SV_ASKS_OF_GATEWAY_MAX = 4,      ///< of one gateway
    SV_ASK_ANSWER_MAX = 1024 * 1024, ///< bytes
    SV_ASK_WHY_MAX = 512,            ///< bytes of why there is no answer
};
#define SV_ASK_WITHIN_US (15 * SV_TIME_SECOND_US)      ///< where a question says nothing else
#define SV_ASK_WITHIN_MAX_US (120 * SV_TIME_SECOND_US) ///< whatever it says

/// What became of a question.
typedef struct sv_ask_end {
    int status;            ///< 200, or an HTTP status that says why there is no answer
    const char *why;       ///< a sentence, when it is not 200
    const sv_json *answer; ///< of the gateway, when it is
} sv_ask_end;

/// Called once, not from within sv_asks_put.
typedef void sv_ask_done(void *arg, const sv_ask_end *end);

typedef struct sv_ask {
    const sv_gateway *gateway;
    const char *what;
    sv_text question;  ///< one JSON value
    int64_t within_us; ///< 0: SV_ASK_WITHIN_US
    sv_text text;      ///< what it is about, where that is more than an event holds: the gateway
                       ///< fetches it. Borrowed until `done` is called
    sv_ask_done *done;
    void *arg;
} sv_ask;

sv_asks *sv_asks_new(void);
/// What is open ends with 503.
void sv_asks_drop(sv_asks **asks);

/// SV_ERR_UNAVAILABLE: the gateway keeps no stream open; SV_ERR_STATE: too many are open.
sv_err sv_asks_put(sv_fleet *fleet, const sv_ask *ask, sv_why *why);
/// `{"id","answer"}` or `{"id","status","why"}` from a gateway. SV_ERR_NOT_FOUND: no such question
/// of that gateway is open; SV_ERR_INVALID: that is no answer, and the question stays open.
sv_err sv_asks_answer(sv_fleet *fleet, const sv_gateway *gateway, sv_text body, sv_why *why);
/// What the open question `id` of that gateway is about. SV_ERR_NOT_FOUND: there is no such one, or
/// nothing to fetch.
sv_err sv_asks_text(const sv_asks *asks, const sv_gateway *gateway, sv_text id, sv_text *out);
/// What nobody has answered in time ends with 504. Once a second.
void sv_asks_turn(sv_fleet *fleet);

#endif
