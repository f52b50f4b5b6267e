// One update, done: what update/trial.h decides, carried out on a medium, each step noted in a
// journal before the next one begins. Whoever has the bytes (a command with a file, the updater
// with chunks that the agent brings) pushes them in; nothing here fetches, waits or starts
// anything.
//
//   wake ─▶ offer ─▶ write … write ─▶ install ─▶ (a start) ─▶ wake ─▶ health
//
// Cut at any point it is begun again with `wake` and goes on. Nothing here trusts whoever pushes:
// an offer is a boot header that the device's own keys have to have signed, and what is armed was
// read back and is that header's image. [slot-7] [slot-12]
#ifndef SV_SLOT_ENGINE_H
#define SV_SLOT_ENGINE_H

#include <boot/verify.h>
#include <slot/boot_control.h>
#include <slot/counter.h>
#include <slot/installer.h>
#include <update/journal.h>

enum {
    SV_ENGINE_FLUSH_BYTES = 16 * 1024 * 1024, ///< written, then flushed and noted
};

typedef struct sv_engine {
    const sv_slot_disk *disk; ///< where the journal is
    const sv_boot_control *boot;
    const sv_installer *installer;
    const sv_boot_keys *keys;  ///< that an offer has to be signed by
    sv_boot_device device;     ///< who asks; its counter is the boot control's
    const sv_counter *counter; ///< follows what is confirmed; NULL: there is none
    uint64_t flush_bytes;      ///< 0: SV_ENGINE_FLUSH_BYTES
    uint32_t action; ///< of the fleet server, that the next offer is for; 0: none is known
    /// Told before an act begins, and while an image is read or written; may be NULL.
    void (*tell)(void *arg, sv_trial_act act, uint64_t done, uint64_t all);
    void *tell_arg;
    /// A state that was come to, when it is in the journal; may be NULL.
    void (*noted)(void *arg, const sv_journal_report *report);
    void *noted_arg;
    /// Asked before a slot is armed, when what placed it took its time: any error, and it is not.
    /// May be NULL.
    sv_err (*wanted)(void *arg, sv_why *why);
    void *wanted_arg;
    // From here on its own.
    sv_journal journal;   ///< to be read
    bool journal_damaged; ///< it was no journal; what is known begins anew
    sv_why counter_fault; ///< why `counter` does not follow; its code is SV_OK when it does
    sv_why unread;        ///< why the slot that runs or is armed cannot be read; SV_OK: it can be
    uint64_t at;          ///< the next byte that is wanted
    bool writing;
    uint8_t header[SV_BOOT_HEADER_BYTES];
    bool has_header;
} sv_engine;

/// Read the journal and what the boot loader remembers, and note what the one does not know yet.
/// The first call, and the next one after any that failed with SV_ERR_IO or SV_ERR_NO_SPACE. A slot
/// that cannot be read does not make it fail: that is said in `unread`, nothing of what lies there
/// is confirmed or called bad, and this is called again before it is asked for more. [slot-46]
sv_err sv_engine_wake(sv_engine *engine, sv_why *why);
/// Read the journal alone, for who looks and changes nothing. It begins anew when both copies are
/// damaged: what runs is the boot control's to say.
sv_err sv_engine_read(sv_engine *engine, sv_why *why);
/// What is to be done now. SV_TRIAL_WRITE: push bytes, or offer again when has_header is false.
sv_trial_act sv_engine_next(const sv_engine *engine);

/// Take this release, or go on with it. SV_ERR_UNTRUSTED with the reason of boot/verdict.h, or when
/// its image has been tried here and did not prove itself; SV_ERR_STATE while another one is on
/// trial. That this very release runs already is not asked here. `encoding` may be "". When this
/// returns SV_OK, bytes from sv_engine_wanted on are wanted, or it is installed already.
sv_err sv_engine_offer(sv_engine *engine, const uint8_t *header, size_t len, const char *encoding,
                       sv_why *why);
/// Releases below this are refused: the boot loader's counter, or the hardware's where that is
/// higher. An error where the hardware does not say. [slot-41]
sv_err sv_engine_floor(const sv_engine *engine, const sv_boot_state *boot, uint32_t *out,
                       sv_why *why);
/// The next byte of the image to push; its length when there is none.
uint64_t sv_engine_wanted(const sv_engine *engine);
/// Bytes of the image from sv_engine_wanted on. SV_ERR_INVALID for more than it has.
sv_err sv_engine_write(sv_engine *engine, const uint8_t *bytes, size_t len, sv_why *why);
/// What lies in the slot that is being written, for who can judge it chunk by chunk (the index of
/// the raw encoding): after a cut it goes further than what was noted.
sv_err sv_engine_there(sv_engine *engine, uint64_t at, uint8_t *out, size_t bytes, sv_why *why);
/// The next bytes lie there already and need not be pushed. Whether that is so is seen when the
/// slot is read back.
sv_err sv_engine_skip(sv_engine *engine, uint64_t bytes, sv_why *why);
/// As sv_engine_install, all but the last step: sealed and read back, and not armed.
sv_err sv_engine_prepare(sv_engine *engine, sv_why *why);
/// Everything was pushed: seal, read back, arm. SV_ERR_UNTRUSTED when other bytes were read than
/// were signed; then sv_engine_next is SV_TRIAL_WRITE, from 0, or it has failed.
sv_err sv_engine_install(sv_engine *engine, sv_why *why);
/// The bytes cannot be had: it has failed, with this reason, and nothing in its slot counts.
sv_err sv_engine_fail(sv_engine *engine, const char *reason, sv_why *why);
/// It is not wanted any more. As sv_engine_fail, and one that is armed is not started: nothing in
/// its slot counts. SV_ERR_STATE when it runs already, or none is under way.
sv_err sv_engine_withdraw(sv_engine *engine, const char *reason, sv_why *why);
/// Whoever asked for SV_TRIAL_REBOOT does it now.
sv_err sv_engine_rebooting(sv_engine *engine, sv_why *why);
/// The running release has, or has not, proved itself: confirm it, or give it up. SV_ERR_IO when it
/// has, and cannot be read.
sv_err sv_engine_health(sv_engine *engine, bool healthy, const char *reason, sv_why *why);
/// Reports up to this number have been delivered. Whether that works changes nothing else.
sv_err sv_engine_delivered(sv_engine *engine, uint64_t number, sv_why *why);
/// An image that did not prove itself may be offered again.
sv_err sv_engine_forgive(sv_engine *engine, const uint8_t digest[SV_BOOT_DIGEST_BYTES],
                         sv_why *why);
/// Let go of the slot.
void sv_engine_end(sv_engine *engine);

#endif
