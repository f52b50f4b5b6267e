// Updates of this machine: ddi/device.h with the agent's configuration, its certificate, its log,
// and what it sees of the machine.
#ifndef SV_AGENT_UPDATE_H
#define SV_AGENT_UPDATE_H

#include "config.h"
#include "script.h"

#include <ddi/device.h>

typedef struct sv_agent_update sv_agent_update;

/// Whether the agent is connected, and has connected since then (monotonic clock), and what is
/// critical about the machine (NULL: nothing). One that is connected from before connects anew.
typedef void sv_agent_update_look(void *arg, int64_t since_us, bool *connected,
                                  const char **critical);

/// Takes `script` (NULL: none), also when it fails. `config` must outlive it.
sv_err sv_agent_update_open(sv_loop *loop, const sv_agent_config *config, sv_agent_script **script,
                            sv_agent_update_look *look, void *arg, sv_agent_update **out,
                            sv_why *why);
/// Somebody says that there is something: poll now.
void sv_agent_update_call(sv_agent_update *update);
/// The certificate has been renewed: the files hold another.
void sv_agent_update_renewed(sv_agent_update *update);
/// What runs, as far as that is known.
void sv_agent_update_tell(const sv_agent_update *update, sv_health_metrics *out);
void sv_agent_update_drop(sv_agent_update **update);

#endif
