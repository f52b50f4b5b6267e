// The life of one update on a device, as a pure machine: what is known, what may happen, and what
// is to be done next. It reads no clock, no disk and no socket; whoever runs it does what it asks,
// tells it what came of that, and keeps it (update/journal.h).
//
//   idle ─ offered ▶ notified ─ released ▶ downloading ─ written, sealed, read back ▶ verified
//                                              ▲ └ other bytes than were written, ≤ 3 times
//   verified ─ armed ▶ installed ─ started ▶ trial ─ healthy, confirmed ▶ confirmed
//                          │                   └ unhealthy, out of tries ▶ rolled-back
//                          └ never started, out of reboots; withdrawn; written over ▶ failed
//
// The order is the promise: a slot is given up before it is written, its header follows its flushed
// image, it is armed when its bytes were read back, confirmed after it has proved itself, and with
// that the counter is raised. Reports change nothing. [slot-7] [slot-8]
#ifndef SV_UPDATE_TRIAL_H
#define SV_UPDATE_TRIAL_H

#include <base/text.h>
#include <boot/choose.h>
#include <boot/header.h>

enum {
    SV_TRIAL_WRITES_MAX = 3,  ///< of one image, when other bytes are read back than were written
    SV_TRIAL_REBOOTS_MAX = 3, ///< asked for, and the slot did not start
    SV_TRIAL_TRIES = 3,       ///< starts of a release that does not prove itself
    SV_TRIAL_ENCODING_ROOM = 72,
    SV_TRIAL_WHY_ROOM = 160,
};

typedef enum sv_trial_state {
    SV_TRIAL_IDLE,
    SV_TRIAL_NOTIFIED,    ///< an update was taken; the slot still counts
    SV_TRIAL_DOWNLOADING, ///< the slot counts no more, and is being written
    SV_TRIAL_VERIFIED,    ///< it was read back and is what was signed
    SV_TRIAL_INSTALLED,   ///< armed: the next start is its
    SV_TRIAL_TRIAL,       ///< it runs, and has to prove itself
    SV_TRIAL_CONFIRMED,
    SV_TRIAL_ROLLED_BACK, ///< it did not prove itself; the old one runs
    SV_TRIAL_FAILED,      ///< it was never started
    SV_TRIAL_STATE__COUNT
} sv_trial_state;

/// "idle", "rolled-back"; "unknown" for what is none.
const char *sv_trial_state_name(sv_trial_state state);

/// The release that an update is about.
typedef struct sv_trial_release {
    uint64_t image_bytes;
    uint32_t counter;
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    char product[SV_BOOT_NAME_ROOM];
    char version[SV_BOOT_NAME_ROOM];
    char encoding[SV_TRIAL_ENCODING_ROOM]; ///< in which its bytes come; "" where that is not known
    uint32_t action; ///< of the fleet server, that it is installed for; 0: none that is known
} sv_trial_release;

typedef enum sv_trial_verdict {
    SV_TRIAL_NO_VERDICT,
    SV_TRIAL_HEALTHY,
    SV_TRIAL_UNHEALTHY,
} sv_trial_verdict;

/// All that is remembered of one update. All zero is a device that never had one.
typedef struct sv_trial {
    uint8_t state;    ///< sv_trial_state
    uint8_t slot;     ///< that the update is for
    uint8_t writes;   ///< begun, of the whole image
    uint8_t reboots;  ///< asked for
    uint8_t verdict;  ///< sv_trial_verdict; of this start alone
    bool sealed;      ///< the image is flushed and its header too
    bool blameless;   ///< it is given up for what is not its fault; of this start, and not kept
    bool unread;      ///< it runs, and nobody can read what it is: it cannot prove itself; as well
    uint64_t written; ///< bytes from the beginning that are flushed
    sv_trial_release release;
    char why[SV_TRIAL_WHY_ROOM]; ///< why it failed or was rolled back
} sv_trial;

typedef enum sv_trial_act {
    SV_TRIAL_WAIT,       ///< nothing to do
    SV_TRIAL_RELEASE,    ///< boot control: nothing in the slot counts any more
    SV_TRIAL_WRITE,      ///< the image from `written` on, flushed now and then
    SV_TRIAL_SEAL,       ///< flush the image, write its header, flush that
    SV_TRIAL_READ_BACK,  ///< from the medium
    SV_TRIAL_ARM,        ///< boot control: SV_TRIAL_TRIES starts
    SV_TRIAL_REBOOT,     ///< start whatever the boot loader chooses
    SV_TRIAL_ASK_HEALTH, ///< has the running release proved itself?
    SV_TRIAL_CONFIRM,    ///< boot control: with the release's counter
    SV_TRIAL_GIVE_UP,    ///< boot control: the slot is bad
    SV_TRIAL_ACT__COUNT
} sv_trial_act;

/// What is to be done.
sv_trial_act sv_trial_next(const sv_trial *trial);

/// Take an update for a slot that does not run. False, and nothing changes, while another one is on
/// trial. The same release for the same slot goes on where it was, for the action of the
/// new offer.
bool sv_trial_offer(sv_trial *trial, const sv_trial_release *release, unsigned slot);

/// What came of an act. False, and nothing changes, when that is not what was to be done.
bool sv_trial_released(sv_trial *trial);
/// The first `bytes` are flushed; never fewer than before.
bool sv_trial_wrote(sv_trial *trial, uint64_t bytes);
bool sv_trial_sealed(sv_trial *trial);
/// Not good: it is written again from the beginning, and failed after SV_TRIAL_WRITES_MAX.
bool sv_trial_was_read_back(sv_trial *trial, bool good);
bool sv_trial_armed(sv_trial *trial);
bool sv_trial_rebooting(sv_trial *trial);
/// Nor when it is healthy, and cannot be read.
bool sv_trial_judged(sv_trial *trial, bool healthy, const char *why);
bool sv_trial_confirmed(sv_trial *trial);
bool sv_trial_given_up(sv_trial *trial);
/// The bytes cannot be had, or are not those that were signed. Before it is armed only.
bool sv_trial_fail(sv_trial *trial, const char *why);

/// It is not wanted any more, and is armed: the boot loader was told that nothing in its slot
/// counts.
bool sv_trial_withdrawn(sv_trial *trial, const char *why);

/// Is what was armed in a trial's slot still what lies there?
typedef enum sv_trial_lies {
    SV_TRIAL_LIES_THERE,
    SV_TRIAL_LIES_ANOTHER, ///< somebody else has written over it
    SV_TRIAL_LIES_UNKNOWN, ///< who knows it does not say
    SV_TRIAL_LIES_UNREAD,  ///< its medium does not say, now
} sv_trial_lies;

/// What is found at a start.
typedef struct sv_trial_found {
    unsigned running;              ///< SV_BOOT_NO_SLOT: nobody knows
    const sv_trial_release *there; ///< the release in that slot; NULL: none that is signed
    sv_trial_lies armed;           ///< asked of a trial that is, or may be, armed …
    const char *why;               ///< … and a sentence about it, where it is not there
} sv_trial_found;

/// May it be armed, as far as was noted or as the boot loader says?
bool sv_trial_is_armed(const sv_trial *trial, const sv_boot_state *boot, unsigned running);

/// After every start of whoever runs this: what a cut kept it from noting is read off what the boot
/// loader remembers. A slot that runs on trial without an update is one from now on, so that it is
/// confirmed too; and where no other slot is confirmed, a trial that runs is as good as there is:
/// it is to be confirmed. [slot-9] What somebody else has written over has failed, and what nobody
/// knows to be what was armed is gone back from; neither is its image's fault. What lies there
/// instead is looked at when that was noted, by another call. [slot-43] Of what cannot be read
/// nothing counts but what the boot loader remembers, and that is not its image's fault either: one
/// that is to start is started, one that runs waits, and is not proved until it can. [slot-46]
void sv_trial_settle(sv_trial *trial, const sv_boot_state *boot, const sv_trial_found *found);

#endif
