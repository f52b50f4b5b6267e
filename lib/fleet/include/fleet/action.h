// An action: one device is to install one image, once. Here stands what becomes of it, from what
// the device says, from what it runs, and from the time that passes. Pure: whoever keeps the row
// asks here what it is to be (docs/spec/ddi.md).
//
// A device is believed about what went wrong. That all went well is believed only when what it runs
// afterwards is what it was to install: "written to disk" is no success. [action-3]
#ifndef SV_FLEET_ACTION_H
#define SV_FLEET_ACTION_H

#include <base/err.h>
#include <base/text.h>
#include <base/time.h>

typedef enum sv_action_state {
    SV_ACTION_WAITING,  ///< assigned; the device has not asked since
    SV_ACTION_NOTIFIED, ///< it knows
    SV_ACTION_DOWNLOADING,
    SV_ACTION_VERIFIED,  ///< its bytes are whole
    SV_ACTION_INSTALLED, ///< in a slot, and to be started next
    SV_ACTION_TRIAL,     ///< started, not confirmed
    SV_ACTION_CONFIRMED, ///< this and the following: ended
    SV_ACTION_FAILED,
    SV_ACTION_ROLLED_BACK,
    SV_ACTION_CANCELED,
    SV_ACTION_STATE__COUNT
} sv_action_state;

/// Why it failed.
typedef enum sv_action_class {
    SV_ACTION_FINE,
    SV_ACTION_BY_DOWNLOAD,
    SV_ACTION_BY_INSTALL,
    SV_ACTION_BY_ROLLBACK, ///< started, and the old one runs again
    SV_ACTION_BY_SILENCE,  ///< to be started, and no word since
    SV_ACTION_BY_REFUSAL,  ///< the device, or who stands before it, does not want it
    SV_ACTION_UNPROVED,    ///< it said success, and does not say that it runs the image
    SV_ACTION_BY_WORSE,    ///< its health is worse than it was before
    SV_ACTION_CLASS__COUNT
} sv_action_class;

/// "waiting", "notified", …, "rolled-back", "canceled".
const char *sv_action_state_name(sv_action_state state);
sv_err sv_action_state_parse(sv_text name, sv_action_state *out, sv_why *why);
/// "", "download", "install", "rolled-back", "silent", "refused", "unproved", "worse".
const char *sv_action_class_name(sv_action_class class);
bool sv_action_has_ended(sv_action_state state);
/// Has it failed, in whatever way, so that the same image is not offered again by itself?
bool sv_action_went_wrong(sv_action_state state);

/// How long is waited.
typedef struct sv_action_limits {
    int64_t silent_us; ///< for a word of who is to start the image
    int64_t proof_us;  ///< after a success, for what it runs
} sv_action_limits;

#define SV_ACTION_SILENT_US (30 * SV_TIME_MINUTE_US)
#define SV_ACTION_PROOF_US (10 * SV_TIME_MINUTE_US)

/// Where an action stands.
typedef struct sv_action_stand {
    sv_action_state state;
    sv_action_class class;
    int64_t success_us; ///< when it said success, 0: not yet
    int64_t due_us;     ///< when sv_action_wait has something to say; 0: never
} sv_action_stand;

/// What a device says.
typedef enum sv_action_said {
    SV_SAID_NOTHING,     ///< a line for people
    SV_SAID_SEEN,        ///< it has fetched what it is to do
    SV_SAID_DOWNLOADING, ///< also anew
    SV_SAID_VERIFIED,
    SV_SAID_INSTALLED,
    SV_SAID_TRIAL,
    SV_SAID_SUCCESS,
    SV_SAID_FAILURE,
    SV_SAID_ROLLED_BACK,
    SV_SAID_REFUSED,
    SV_SAID__COUNT
} sv_action_said;

/// An image, and what a device says it runs. Texts may be empty: unknown.
typedef struct sv_action_target {
    const char *version, *sha256; ///< lower-case hexadecimal
} sv_action_target;

typedef struct sv_action_running {
    const char *version, *sha256;
    int64_t at_us; ///< when it said so
} sv_action_running;

/// `by`: of a failure; SV_ACTION_FINE: by how far it had come. A word that comes late sets right
/// what was taken for its end, but opens nothing again. [action-2] [action-5]
sv_action_stand sv_action_hear(sv_action_stand stand, sv_action_said said, sv_action_class by,
                               int64_t now_us, const sv_action_limits *limits);
/// After a success, or when the device says anew what it runs. [action-3]
sv_action_stand sv_action_prove(sv_action_stand stand, const sv_action_target *target,
                                const sv_action_running *running);
/// Time has passed. [action-4]
sv_action_stand sv_action_wait(sv_action_stand stand, int64_t now_us);

/// Is that what is to be run? By SHA-256 where both are known, else by version.
bool sv_action_is_running(const sv_action_target *target, const sv_action_running *running);

#endif
