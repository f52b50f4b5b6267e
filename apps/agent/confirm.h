// Readings that are on their way to a gateway behind an external broker: each is kept, with its
// texts, until the gateway says that its number is on disk, and is due again when that takes too
// long (docs/spec/ack.md). Knows no clock, no spool and no MQTT.
#ifndef SV_AGENT_CONFIRM_H
#define SV_AGENT_CONFIRM_H

#include <base/err.h>
#include <base/text.h>
#include <model/ack.h>

#define SV_AGENT_CONFIRM_US INT64_C(30000000) ///< it is due again after so long, then twice it, ...

enum {
    SV_AGENT_CONFIRM_MAX = 256, ///< readings kept
    SV_AGENT_CONFIRM_SENDS = 6, ///< after so many, a gateway that tells of others does not take it
};

typedef struct sv_agent_confirm sv_agent_confirm;

sv_agent_confirm *sv_agent_confirm_new(void);
void sv_agent_confirm_drop(sv_agent_confirm **confirm);

/// Sent at `now_us` (monotonic). Copies the texts. False when it has no number, or there is no
/// room: then the PUBACK has to do.
bool sv_agent_confirm_add(sv_agent_confirm *confirm, sv_text topic, sv_text payload, uint64_t token,
                          int64_t now_us);
/// The broker has it. False when it is none of these readings.
bool sv_agent_confirm_at_broker(sv_agent_confirm *confirm, uint64_t token);
/// A new connection: what the broker had may be forgotten, and is due at once.
void sv_agent_confirm_again(sv_agent_confirm *confirm);

/// The gateway said this at `now_us`. Returns the token of one that it covers, which is forgotten;
/// 0 when there is none any more: call it until then.
uint64_t sv_agent_confirm_take(sv_agent_confirm *confirm, const sv_ack *ack, int64_t now_us);

typedef enum sv_agent_confirm_step {
    SV_AGENT_CONFIRM_NOTHING,
    SV_AGENT_CONFIRM_SEND,   ///< send it again
    SV_AGENT_CONFIRM_GIVE_UP ///< the gateway does not take it; it is forgotten
} sv_agent_confirm_step;

/// What is to be done next; borrowed until the next call. Call it until NOTHING.
typedef struct sv_agent_due {
    uint64_t token;
    sv_text topic, payload; ///< of SEND
} sv_agent_due;
sv_agent_confirm_step sv_agent_confirm_due(sv_agent_confirm *confirm, int64_t now_us,
                                           sv_agent_due *out);

#endif
