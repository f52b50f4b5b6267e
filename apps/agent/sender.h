// What leaves the device: every message is kept in the spool until the gateway's PUBACK, or, where
// a broker stands between (`gateway: acks`), each reading until the gateway says that it is on
// disk. Readings that are new go out at once while there is a connection; what had to wait follows
// at a pace of its own, health reports before readings. Knows the spool and the MQTT client, no
// formats.
#ifndef SV_AGENT_SENDER_H
#define SV_AGENT_SENDER_H

#include "config.h"
#include "confirm.h"

#include <mqtt/client.h>
#include <store/spool.h>
#include <sys/loop.h>

enum {
    SV_AGENT_FLIGHT_MAX = 256,   ///< messages that are sent and not delivered
    SV_AGENT_BACKFILL_MAX = 128, ///< no more is fetched from the spool while so many are out
    SV_AGENT_QUEUE_BYTES = 2 * 1024 * 1024, ///< for the client: SV_AGENT_FLIGHT_MAX fit in any case
};
_Static_assert((int) SV_AGENT_FLIGHT_MAX <= (int) SV_SPOOL_FLIGHT_MAX, "the spool follows them");
_Static_assert((int) SV_AGENT_FLIGHT_MAX <= (int) SV_AGENT_CONFIRM_MAX, "so does confirm.h");

/// Classes of the spool.
typedef enum sv_agent_class { SV_AGENT_HEALTH_CLASS, SV_AGENT_READING_CLASS } sv_agent_class;

typedef struct sv_agent_sender sv_agent_sender;

/// A folder that cannot be used is logged and memory serves instead; SV_ERR_STATE when another
/// process has it. `config` must outlive the sender.
sv_err sv_agent_sender_open(sv_loop *loop, const sv_agent_config *config, sv_agent_sender **out,
                            sv_why *why);
/// Needed before anything is sent; the client's owner.
void sv_agent_sender_use(sv_agent_sender *sender, sv_mqtt_client *client);
/// Copies the texts. A reading goes out before what waits; a health report never overtakes one.
void sv_agent_send(sv_agent_sender *sender, sv_agent_class class, sv_text topic, sv_text payload);
/// The client's events of these names.
void sv_agent_sender_up(sv_agent_sender *sender);
void sv_agent_sender_acknowledged(sv_agent_sender *sender, uint64_t token);
/// A message on acks/<own id>.
void sv_agent_sender_heard(sv_agent_sender *sender, sv_text payload);
/// Write what is not delivered to the spool; for the end.
void sv_agent_sender_save(sv_agent_sender *sender);
void sv_agent_sender_drop(sv_agent_sender **sender);

#endif
