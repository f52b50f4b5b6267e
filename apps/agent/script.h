// The operator's health script, run again until it ends with 0. The agent itself may start nothing
// (sandbox): a child that it has from before it gave that up runs it, and says how it ended.
#ifndef SV_AGENT_SCRIPT_H
#define SV_AGENT_SCRIPT_H

#include <base/err.h>
#include <stdbool.h>
#include <sys/loop.h>

enum { SV_AGENT_SCRIPT_MS = 60000 }; ///< for one run

#define SV_AGENT_SCRIPT_AGAIN_US INT64_C(5000000) ///< from one that failed to the next

typedef struct sv_agent_script sv_agent_script;

/// Make the child. To be called before the first thread, the loop and the sandbox.
sv_err sv_agent_script_open(const char *path, sv_agent_script **out, sv_why *why);
/// `ended` is called on the loop's thread when a run has ended.
void sv_agent_script_use(sv_agent_script *script, sv_loop *loop, sv_loop_fn *ended, void *arg);
/// Run it now, unless it runs or a run that began since then (monotonic clock) has passed.
void sv_agent_script_run(sv_agent_script *script, int64_t since_us);
/// Has a run that began since then?
bool sv_agent_script_has_passed(const sv_agent_script *script, int64_t since_us);
/// How the last of these ended, as a sentence without its beginning; "" when none has.
const char *sv_agent_script_word(const sv_agent_script *script, int64_t since_us);
void sv_agent_script_drop(sv_agent_script **script);

#endif
