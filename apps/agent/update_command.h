// `selvedge-agent update status | history | rollback`: what the updater of this machine says, for
// people and for programs.
#ifndef SV_AGENT_UPDATE_COMMAND_H
#define SV_AGENT_UPDATE_COMMAND_H

#include <base/text.h>
#include <update/history.h>
#include <update/message.h>

#define SV_AGENT_UPDATER_SOCKET "/run/selvedge/updater.sock"

/// `argv[0]` is "update"; the exit code.
int sv_agent_update_command(int argc, char **argv);

/// How long the answer to this verb is waited for: to start the release before, the updater reads a
/// whole slot first.
int64_t sv_agent_update_wait_us(sv_updater_verb verb);

/// What `status` prints, as lines for people or as one JSON object. [ddid-19]
void sv_agent_status_table(const sv_updater_status *status, sv_textbuf *out);
void sv_agent_status_json(const sv_updater_status *status, sv_textbuf *out);
/// What updates before came to, as the updater has kept it, the oldest first.
typedef struct sv_agent_history {
    size_t count;
    sv_history_entry entries[SV_HISTORY_ENTRIES_MAX];
} sv_agent_history;

/// What `history` prints: that, and the images that did not prove themselves; a JSON array.
void sv_agent_history_table(const sv_updater_status *status, const sv_agent_history *history,
                            sv_textbuf *out);
void sv_agent_history_json(const sv_updater_status *status, const sv_agent_history *history,
                           sv_textbuf *out);

#endif
