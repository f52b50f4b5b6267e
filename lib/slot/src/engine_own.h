// What the parts of slot/engine.h share.
#ifndef SV_SLOT_ENGINE_OWN_H
#define SV_SLOT_ENGINE_OWN_H

#include <slot/engine.h>

/// The journal, as it is now, is on the medium when this returns SV_OK.
sv_err engine_keep(const sv_engine *engine, sv_why *why);
/// Its state is another one than before: to be reported.
sv_err engine_keep_state(sv_engine *engine, sv_why *why);
void engine_tell(const sv_engine *engine, sv_trial_act act, uint64_t done);
void engine_release_of(const sv_boot_header *header, sv_trial_release *out);

/// From notified to being written; also after a cut between the two.
sv_err engine_release_slot(sv_engine *engine, sv_why *why);
/// The slot is open, at the byte that is wanted next.
sv_err engine_begin_writing(sv_engine *engine, sv_why *why);

#endif
