// What the agent may still do once it runs (sys/sandbox.h): read the machine and its sources, read
// and write its spool and its certificates, talk to its gateway. It has no threads and starts
// nothing.
#ifndef SV_AGENT_BOX_H
#define SV_AGENT_BOX_H

#include "config.h"

/// Once all is open.
sv_err sv_agent_box_enter(const sv_agent_config *config, const char *config_path, sv_why *why);

#endif
