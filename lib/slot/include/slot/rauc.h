// RAUC's devices: slots, what is written into them and which of them starts stay RAUC's own, and
// what is installed is its bundle. Here is what it is asked (over D-Bus, de.pengutronix.rauc), and
// what that makes of it in slot/installer.h's and slot/boot_control.h's words:
//
//   bundle ── native, apart ─▶ beside the slots, read back ── place: InstallBundle ─▶ RAUC's slot
//   arm, confirm, fail: Mark active, good, bad
//
// A bundle is handed over when it is the image that was signed for this device and not before.
// Whether RAUC's own keys have signed it too is RAUC's to judge. [rauc-1]
#ifndef SV_SLOT_RAUC_H
#define SV_SLOT_RAUC_H

#include <slot/boot_control.h>
#include <slot/installer.h>
#include <slot/placing.h>

enum {
    SV_RAUC_NAME_ROOM = 64,   ///< of a slot: "rootfs.0"
    SV_RAUC_DIGEST_ROOM = 65, ///< SHA-256 of what RAUC wrote, in hexadecimal digits
    SV_RAUC_TIME_ROOM = 32,
    SV_RAUC_CALL_MS = 30000, ///< of one call
};

/// What RAUC says of a slot.
typedef struct sv_rauc_slot {
    bool booted;    ///< it runs
    bool good;      ///< it may be started
    bool whole;     ///< what RAUC installed there last it has finished; false where there is none
    uint32_t count; ///< of its installations; 0: RAUC remembers none
    char at[SV_RAUC_TIME_ROOM];       ///< of the last one
    char digest[SV_RAUC_DIGEST_ROOM]; ///< of what it wrote then
} sv_rauc_slot;

typedef enum sv_rauc_mark { SV_RAUC_ACTIVE, SV_RAUC_GOOD, SV_RAUC_BAD } sv_rauc_mark;

/// What RAUC is asked: a table, so that one in memory can take its place. Slots are those of the
/// names that the link was opened with. While RAUC installs something it answers nothing else:
/// that is waited for. SV_ERR_UNAVAILABLE: it does not answer, or stands still.
typedef struct sv_rauc_bus {
    void *arg;
    sv_err (*slots)(void *arg, sv_rauc_slot out[SV_BOOT_SLOTS], sv_why *why);
    /// The slot that starts next; SV_BOOT_NO_SLOT: another one, or RAUC does not know.
    sv_err (*primary)(void *arg, unsigned *slot, sv_why *why);
    sv_err (*mark)(void *arg, unsigned slot, sv_rauc_mark mark, sv_why *why);
    /// Have this bundle installed, and wait until that is over. SV_ERR_UNTRUSTED with RAUC's reason
    /// when it does not take it.
    sv_err (*install)(void *arg, const char *bundle, sv_why *why);
    /// Who is told while something takes long; borrowed.
    void (*watch)(void *arg, const sv_placing_watch *watch);
} sv_rauc_bus;

/// The real one, by sd-bus: libsystemd.so.0 is loaded here, and nowhere else.
typedef struct sv_rauc_link sv_rauc_link;

/// A connection to the system bus, kept until it is dropped; new ones are not made. `names` of slot
/// a and b are borrowed. SV_ERR_NOT_FOUND when RAUC has no such slots, as far as it can say now.
sv_err sv_rauc_link_open(const char *const names[SV_BOOT_SLOTS], sv_rauc_link **out, sv_why *why);
void sv_rauc_link_drop(sv_rauc_link **link);
/// Its other end is not there any more, as was seen by a call; NULL: no. A new one takes a new
/// process, where this one makes no more connections.
bool sv_rauc_link_is_gone(const sv_rauc_link *link);
/// Lives as long as the link.
const sv_rauc_bus *sv_rauc_link_bus(sv_rauc_link *link);

/// A device of RAUC's. What RAUC does not keep (what has proved itself here, the counter, which
/// bundle it was that lies in a slot) is in files of ours: boot-state, and a twin for each slot.
typedef struct sv_rauc {
    sv_native native; ///< first, because its table is lent: `apart`, where the bundles are
    const sv_rauc_bus *bus;
    const char *bundles[SV_BOOT_SLOTS]; ///< absolute paths of the files in `native`
    sv_boot_file file;                  ///< its `running` is not asked
    const sv_placing_watch *watch;      ///< NULL: nobody
    sv_placer placer;                   ///< its own
    sv_boot_verbs verbs;                ///< its own
} sv_rauc;

/// `rauc` is borrowed and must not move.
sv_installer sv_rauc_installer(sv_rauc *rauc);
sv_boot_control sv_rauc_control(sv_rauc *rauc);

#endif
