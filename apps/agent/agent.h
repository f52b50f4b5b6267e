// The agent at work: sensors and health go to the gateway, presence says whether it is there.
#ifndef SV_AGENT_AGENT_H
#define SV_AGENT_AGENT_H

#include "config.h"
#include "script.h"

#include <net/tls.h>
#include <sys/loop.h>

enum { SV_AGENT_GOODBYE_US = 2 * 1000000 }; ///< for what waits to be acknowledged at the end

typedef struct sv_agent sv_agent;

/// `config` and `tls` must outlive the agent, which takes `script` (NULL: none).
sv_err sv_agent_open(sv_loop *loop, const sv_agent_config *config, sv_tls *tls,
                     sv_agent_script **script, sv_agent **out, sv_why *why);
/// Say goodbye (presence offline, DISCONNECT) and stop the loop.
void sv_agent_close(sv_agent *agent);
void sv_agent_drop(sv_agent **agent);

#endif
