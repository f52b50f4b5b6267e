// What devices say over hawkBit's Direct Device Integration (docs/spec/ddi.md), read and bounded:
// bodies of strangers' programs. Texts borrow from the document, which sv_ddi_heard_drop ends.
// Pure.
#ifndef SV_FLEET_DDI_READ_H
#define SV_FLEET_DDI_READ_H

#include "actions.h"
#include "running.h"

enum {
    SV_DDI_BODY_MAX = 1024 * 1024, ///< what is longer is not looked at
    SV_DDI_FIRST_LINES = 20, ///< of a feedback that has more than SV_ACTION_LINES_MAX; and the last
};

typedef enum sv_ddi_execution {
    SV_DDI_CLOSED,
    SV_DDI_PROCEEDING,
    SV_DDI_CANCELED,
    SV_DDI_SCHEDULED,
    SV_DDI_REJECTED,
    SV_DDI_RESUMED,
    SV_DDI_DOWNLOAD,
    SV_DDI_DOWNLOADED,
    SV_DDI_EXECUTION__COUNT
} sv_ddi_execution;

typedef enum sv_ddi_finished {
    SV_DDI_NONE,
    SV_DDI_SUCCESS,
    SV_DDI_FAILURE,
    SV_DDI_FINISHED__COUNT
} sv_ddi_finished;

/// A feedback.
typedef struct sv_ddi_heard {
    sv_json *root;
    sv_ddi_execution execution;
    sv_ddi_finished finished;
    int64_t count, of; ///< progress; -1: none was told
    sv_text lines[SV_ACTION_LINES_MAX];
    size_t line_count;
    bool ours; ///< it has status.selvedge, whose members follow; empty or -1: not told
    sv_text state, version, sha256, slot, why;
    sv_text encoding;
    int64_t counter, bytes, bytes_of, fetched;
    bool noted; ///< a report of its journal, which may tell of what was before
} sv_ddi_heard;

/// SV_ERR_INVALID with what is wrong. [ddi-5]
sv_err sv_ddi_feedback_read(sv_text body, sv_ddi_heard *out, sv_why *why);
void sv_ddi_heard_drop(sv_ddi_heard *heard);

/// What that says of an action that is in that state. [ddi-6] [ddi-7]
sv_action_word sv_ddi_word(const sv_ddi_heard *heard, sv_action_state now);

/// What our device says it runs, over what was known.
void sv_ddi_running_of(const sv_ddi_heard *heard, sv_running *running);

/// A confirmation: yes or no; its lines are in `heard`.
sv_err sv_ddi_confirmation_read(sv_text body, sv_ddi_heard *heard, bool *yes, sv_why *why);

/// configData over what was known (`running`), or PUT installedBase. What is no short printable
/// text is left out. [ddi-8]
sv_err sv_ddi_config_read(sv_text body, sv_running *running, sv_why *why);
sv_err sv_ddi_installed_read(sv_text body, sv_running *running, sv_why *why);

#endif
