// What the halves of act.h share among themselves.
#ifndef SELVEDGE_GATEWAY_ACT_OWN_H
#define SELVEDGE_GATEWAY_ACT_OWN_H

#include "act.h"
#include "gateway.h"

enum {
    GW_COMMAND_MESSAGE_MAX = 16 * 1024,
    GW_COMMAND_TOLD_NEVER = 99, ///< nothing of it leaves the site
};

/// A command as it is recorded; texts are borrowed.
typedef struct gw_command_row {
    sv_text id, device, name, payload, rule, alert, by;
    int64_t at_us, until_us;
    gw_command_state state;
    bool stays;
    const char *why; ///< of a refusal, or NULL
} gw_command_row;

/// Within the group; the oldest row goes. Returns its number.
int64_t gw_command_record(gw *g, const gw_command_row *row);
/// It has come further. `why` and `answer` may be empty.
void gw_command_note(gw *g, int64_t seq, gw_command_state state, sv_text why, sv_text answer);
/// What is published for it.
void gw_command_put_message(const gw_command_row *row, sv_textbuf *out);

/// NULL when a text is longer than it may be.
gw_command *gw_command_new(const gw_command_row *row, int64_t seq);
void gw_command_drop(gw_command *command);
/// It was published, and is kept by who passes it on.
void gw_command_sent(gw *g, gw_command *command);
/// It may be answered from now on; the oldest makes room.
void gw_command_open(gw *g, gw_command *command);
/// No more: it was answered.
void gw_command_close(gw *g, gw_command *command);
/// Published when its group is on disk. There is room.
void gw_command_add_due(gw *g, gw_command *command);
gw_command *gw_command_take_due(gw *g);

#endif
