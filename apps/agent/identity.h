// Who this device is while the agent runs: the TLS context that its connection is made with, and
// the renewal that gives it another one in time. The new one is tried while the old one still
// counts; what is on its way meanwhile is sent again by the MQTT client.
#ifndef SV_AGENT_IDENTITY_H
#define SV_AGENT_IDENTITY_H

#include "config.h"

#include <model/health.h>
#include <mqtt/client.h>
#include <net/renewal.h>

typedef struct sv_agent_identity sv_agent_identity;

/// `tls` and `client` must outlive it.
sv_err sv_agent_identity_open(sv_loop *loop, const sv_agent_config *config, sv_tls *tls,
                              sv_mqtt_client *client, sv_agent_identity **out, sv_why *why);
/// The client's events of these names. True: the certificate's files have just changed.
bool sv_agent_identity_up(sv_agent_identity *identity);
void sv_agent_identity_down(sv_agent_identity *identity, const sv_why *why);
/// Connect anew, as whoever the device is now.
void sv_agent_identity_again(const sv_agent_identity *identity);
/// When the certificate ends and when it is renewed.
void sv_agent_identity_tell(const sv_agent_identity *identity, sv_health_metrics *out);
/// Nothing is renewed any more; for the end.
void sv_agent_identity_rest(sv_agent_identity *identity);
void sv_agent_identity_drop(sv_agent_identity **identity);

#endif
