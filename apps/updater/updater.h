// What the updater knows and does, whoever asks: one check for an update at a time, the verdict on
// a release on trial, the way back, and what is to be told. It opens nothing and ends nothing:
// slots, state and the way to the agent are given to it.
#ifndef SV_UPDATER_UPDATER_H
#define SV_UPDATER_UPDATER_H

#include "config.h"
#include "tpm_watch.h"

#include <slot/engine.h>
#include <slot/history.h>
#include <update/message.h>

/// The way to the agent whose CHECK runs.
typedef struct updater_peer {
    void *arg;
    /// SV_ERR_UNAVAILABLE: it is not there any more, or does not read.
    sv_err (*send)(void *arg, const sv_updater_message *message, sv_why *why);
    /// The next packet, which lives until the next call. SV_ERR_UNAVAILABLE: none came by then, or
    /// the connection, or the updater, ends. SV_ERR_INVALID: what came is no packet.
    sv_err (*receive)(void *arg, int64_t until_us, sv_updater_message *out, sv_why *why);
    /// SV_ERR_UNAVAILABLE: it has closed the connection, or the updater ends.
    sv_err (*is_there)(void *arg, sv_why *why);
    void (*wipe)(void *arg);      ///< what was received is a secret, and used
    int64_t (*now_us)(void *arg); ///< of `until_us`; never goes back
} updater_peer;

/// What lies in the slots, as it was seen last.
typedef struct updater_seen {
    unsigned running;
    sv_boot_state boot;
    sv_updater_release slots[SV_BOOT_SLOTS];
    sv_why unread[SV_BOOT_SLOTS]; ///< why a slot cannot be read; SV_OK: it can be
} updater_seen;

typedef struct updater {
    const updater_config *config;
    const sv_slot_disk *state; ///< metadata
    sv_engine *engine;
    int64_t (*believed_us)(void);  ///< what time it is
    void (*signed_us)(int64_t at); ///< somebody trusted has signed that this moment has come
    const sv_rauc_link *rauc;      ///< NULL: slots are not RAUC's
    const tpm_watch *tpm;          ///< NULL: no TPM is waited for
    uint64_t start;                ///< a number by chance: of the start of what runs
    int64_t started_us;            ///< when that was, by the monotonic clock
    // From here on its own.
    updater_peer *peer; ///< while a CHECK runs
    uint64_t want_number;
    uint64_t fetched; ///< stored bytes of chunks, in this CHECK
    bool broken;      ///< the peer broke the rules: its connection is to be cut
    bool unread;      ///< something failed, and what is remembered could not be read again yet
    updater_seen seen;
    uint8_t entries[SV_HISTORY_ENTRIES_MAX][SV_HISTORY_ENTRY_BYTES]; ///< that were asked for last
    int64_t health_until_us; ///< the trial is given up then, by the monotonic clock; 0: none
} updater;

/// The first call, after every start; again after a call to the engine failed.
sv_err updater_wake(updater *u, sv_why *why);
/// A trial that begins to wait for HEALTH: by when. Every start has its time.
void updater_wait_for_health(updater *u, int64_t now_us);
/// Nobody said by then that it is healthy: give it up. SV_OK: to start again. Whatever fails leaves
/// it to be given up again, when the next time is over.
sv_err updater_give_up(updater *u, sv_why *why);

/// Answers HISTORY. [updater-21]
void updater_history(updater *u, sv_updater_message *answer);
void updater_status(const updater *u, int64_t now_us, sv_updater_status *out);

/// Do what the agent asks, all but GIVE, ABSENT and FAILED; `answer` is what it is told at the end,
/// its number set. SV_UPDATER_REBOOT: whoever calls sends it and starts the machine again.
void updater_do(updater *u, const sv_updater_message *asked, int64_t now_us, updater_peer *peer,
                sv_updater_message *answer);

// ---- its parts ----------------------------------------------------------------------------------

/// The whole way from metadata to a slot that is armed. SV_OK with what came of it in `answer`.
sv_err updater_check(updater *u, const sv_updater_check *check, sv_updater_message *answer,
                     sv_why *why);

typedef sv_err updater_part(void *arg, sv_text bytes, sv_why *why);
/// Have the agent fetch something; its bytes go to `part` in their order. SV_ERR_NOT_FOUND when
/// there is no such thing, SV_ERR_INVALID for more bytes than are wanted, SV_ERR_UNAVAILABLE.
sv_err updater_want(updater *u, const sv_updater_want *want, updater_part *part, void *arg,
                    sv_why *why);

/// The one image that director and image repository agree on for this device. False: none.
sv_err updater_follow(updater *u, int64_t now_us, sv_target *out, bool *found, sv_why *why);
/// Begin from the roots that the configuration names, where nothing is trusted yet.
sv_err updater_take_roots(const updater_config *config, const sv_slot_disk *state, sv_why *why);

/// The encoding that costs least: a delta only from `old` (NULL: from none). Of an update that goes
/// on, the one it began with, where that can be.
const sv_encoding *updater_choose(const sv_target *target, const uint8_t *old, const char *begun);

/// Offer the image to the slot and bring its bytes there, from where it stands; the boot header is
/// judged before a byte is asked for.
sv_err updater_pull(updater *u, const sv_target *target, sv_why *why);

/// RAUC or SWUpdate makes of the image what is started, and is so far: told to the agent whose
/// CHECK runs.
void updater_tell_placing(updater *u, int percent, const char *says);

/// Start the release in the other slot again. SV_OK: it is armed.
sv_err updater_back(updater *u, sv_why *why);

#endif
