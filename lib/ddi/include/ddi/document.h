// The documents of hawkBit's Direct Device Integration (DDI) that a device reads and writes, as
// JSON: what is there to do, what is to be installed, how it goes. No I/O, no clock.
//
// Of the addresses in a document only the action's number is taken: where a device asks is made
// from its own id (ddi/client.h), so that no server can send it elsewhere. [ddid-1]
#ifndef SV_DDI_DOCUMENT_H
#define SV_DDI_DOCUMENT_H

#include <base/err.h>
#include <base/text.h>
#include <base/time.h>
#include <boot/header.h>
#include <stdbool.h>

#define SV_DDI_ACTION_MAX INT64_C(2147483647) ///< a number of an action: 1 to this

#define SV_DDI_SLEEP_MIN_US SV_TIME_SECOND_US ///< what a server may ask for; else it is cut to that
#define SV_DDI_SLEEP_MAX_US SV_TIME_DAY_US    //

enum {
    SV_DDI_DOCUMENT_MAX = 64 * 1024, ///< bytes of an answer that is read
    SV_DDI_FEEDBACK_MAX = 4 * 1024,  ///< bytes of one that is written
    SV_DDI_DETAILS_MAX = 8,
    SV_DDI_TEXT_ROOM = 128,
};

/// The answer to a poll.
typedef struct sv_ddi_poll {
    int64_t sleep_us;   ///< until the next one; 0: the server leaves that to us
    int64_t deployment; ///< the action to be carried out; 0: none
    int64_t cancel;     ///< what is to be given up, by the number of that wish; 0: nothing
    int64_t stop;       ///< and the action that it means, out of cancelAction
    bool wants_config;  ///< configData is asked for
    int64_t asked_us;   ///< when it was asked, by the monotonic clock; the client's to say
} sv_ddi_poll;

/// SV_ERR_INVALID with what is wrong. Members that are unknown are passed over. [ddid-1] [ddid-2]
sv_err sv_ddi_poll_read(sv_text json, sv_ddi_poll *out, sv_why *why);

/// How urgently something is to be done.
typedef enum sv_ddi_urgency { SV_DDI_SKIP, SV_DDI_ATTEMPT, SV_DDI_FORCED } sv_ddi_urgency;

typedef struct sv_ddi_deployment {
    int64_t action;
    sv_ddi_urgency download, update;
    bool outside_window; ///< maintenanceWindow: unavailable
    char version[SV_DDI_TEXT_ROOM];
    uint8_t digest[SV_BOOT_DIGEST_BYTES]; ///< of the first artifact that has a sha256
    bool has_digest;
} sv_ddi_deployment;

sv_err sv_ddi_deployment_read(sv_text json, sv_ddi_deployment *out, sv_why *why);

/// The action that is to be stopped, out of cancelAction.
sv_err sv_ddi_cancel_read(sv_text json, int64_t *action, sv_why *why);

typedef enum sv_ddi_finished { SV_DDI_NONE, SV_DDI_SUCCESS, SV_DDI_FAILURE } sv_ddi_finished;

/// One of our device's states, beside what DDI knows. Texts may be NULL: left out.
typedef struct sv_ddi_state {
    const char *state, *version, *why, *encoding;
    const uint8_t *digest; ///< SV_BOOT_DIGEST_BYTES, or NULL
    int64_t counter;       ///< -1: left out; so for all of these
    int64_t slot;          ///< 0 is "a"
    int64_t number;        ///< of the report
    int64_t bytes, of;     ///< how far it is written
    int64_t fetched;       ///< stored bytes that came for it
} sv_ddi_state;

typedef struct sv_ddi_feedback {
    int64_t action, at_us;
    sv_ddi_finished finished;
    bool closed;   ///< nothing more will come of this action
    bool rejected; ///< a cancel that comes too late
    sv_text details[SV_DDI_DETAILS_MAX];
    size_t detail_count;
    const sv_ddi_state *state; ///< NULL: left out
} sv_ddi_feedback;

/// Fits SV_DDI_FEEDBACK_MAX: texts are cut to SV_TRIAL_WHY_ROOM, a cut letter is left out.
void sv_ddi_feedback_write(const sv_ddi_feedback *feedback, sv_textbuf *out);

typedef struct sv_ddi_attribute {
    const char *name, *value; ///< value NULL or "": left out
} sv_ddi_attribute;

/// configData.
void sv_ddi_config_write(int64_t at_us, const sv_ddi_attribute *attributes, size_t count,
                         sv_textbuf *out);

#endif
