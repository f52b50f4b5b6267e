// What a simulated machine does when it is asked (docs/spec/command.md): start, stop, ping.
#ifndef SELVEDGE_MACHINE_COMMAND_H
#define SELVEDGE_MACHINE_COMMAND_H

#include "machine.h"

enum { SV_MACHINE_ANSWER_MAX = 512, SV_MACHINE_REQUEST_MAX = 16 * 1024 };

/// Does what `request` asks for and writes the answer, `{"id","state":"running|stopped"}` or
/// `{"id","error"}`. False, and nothing done: there is nobody to answer to, for it has no id.
/// `machine` NULL: it only replays a file.
bool sv_machine_obey(sv_machine *machine, sv_text name, sv_text request, int64_t now_ms,
                     sv_textbuf *answer);

#endif
