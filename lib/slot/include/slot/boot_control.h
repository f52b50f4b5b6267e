// What a boot loader remembers of the slots, and how it is changed: a table, so that another boot
// loader is another file. What each change means is boot/choose.h's; here it is kept. Every change
// is one durable write: it has happened when this returns SV_OK, and has or has not otherwise.
// [slot-5]
#ifndef SV_SLOT_BOOT_CONTROL_H
#define SV_SLOT_BOOT_CONTROL_H

#include <boot/choose.h>
#include <slot/disk.h>

typedef struct sv_boot_control {
    void *arg;
    /// The slot that runs; SV_BOOT_NO_SLOT: none does, or nobody knows.
    sv_err (*current)(void *arg, unsigned *slot, sv_why *why);
    /// All that is remembered: the slots, which of them is primary, the counter.
    sv_err (*state)(void *arg, sv_boot_state *out, sv_why *why);
    /// At every start of whoever asks here, before anything else. What one who was killed has left
    /// unflushed is on the medium then; and where a boot loader counts the starts of a confirmed
    /// slot too, the one that runs has all of them again. [slot-40]
    sv_err (*up)(void *arg, sv_why *why);
    /// SV_ERR_STATE when boot/choose.h does not let it.
    sv_err (*release)(void *arg, unsigned slot, sv_why *why);
    sv_err (*arm)(void *arg, unsigned slot, unsigned tries, sv_why *why);
    sv_err (*confirm)(void *arg, unsigned slot, uint32_t counter, sv_why *why);
    sv_err (*fail)(void *arg, unsigned slot, sv_why *why);
} sv_boot_control;

/// Slot 0 is "a", slot 1 "b"; anything else "none".
const char *sv_slot_letter(unsigned slot);

/// Backend `file`: a twin (slot/twin.h) called boot-state, for containers, the pilot and boards
/// whose initramfs chooses. No file is a device that remembers nothing.
typedef struct sv_boot_file {
    const sv_slot_disk *disk;
    unsigned running; ///< what `current` says
} sv_boot_file;

enum { SV_BOOT_FILE_BYTES = 12 };

/// `file` is borrowed.
sv_boot_control sv_boot_file_control(sv_boot_file *file);
/// The boot loader's part: keep what it has chosen, before it starts that.
sv_err sv_boot_file_keep(sv_boot_file *file, const sv_boot_state *state, sv_why *why);
/// What one who was killed has kept is on the medium when this returns.
sv_err sv_boot_file_flush(const sv_boot_file *file, sv_why *why);
/// What is remembered. Both copies damaged is what a device that remembers nothing has, with
/// `*damaged` (which may be NULL) true.
sv_err sv_boot_file_read(const sv_boot_file *file, sv_boot_state *out, bool *damaged, sv_why *why);

/// Backend `u-boot`: the boot loader's environment, by libubootenv and the file that fw_setenv
/// reads (fw_env.config), which has to name two copies: with one, a power cut would leave none. A
/// boot script finds BOOT_ORDER ("A B": which is tried first) and BOOT_A_LEFT, BOOT_B_LEFT (starts
/// left; it takes one off before it starts a slot, and passes over one that has none), as those
/// written for RAUC do; where none has one left it starts selvedge_primary, or, where
/// selvedge_slots is not set yet, whichever slot can be started. What is remembered beside that is
/// in selvedge_slots, selvedge_primary and selvedge_counter. All of it changes in one store.
/// [slot-21]
typedef struct sv_boot_uboot {
    const char *config; ///< path of fw_env.config
    unsigned running;   ///< what `current` says; SV_BOOT_NO_SLOT: unknown
} sv_boot_uboot;

enum { SV_BOOT_UBOOT_STARTS = 3 }; ///< that a confirmed slot has left

/// `uboot` is borrowed. SV_ERR_IO when the environment cannot be read or stored, SV_ERR_INVALID
/// when what it says of the slots is not ours.
sv_boot_control sv_boot_uboot_control(sv_boot_uboot *uboot);

/// A boot loader that says which slot is primary and which may be started, and no more. What it
/// does not keep, what has proved itself and the counter, is in a file of ours (backend `file`);
/// where the two differ it is right about what may be started, and the file about what was
/// confirmed. [slot-19]
typedef struct sv_boot_said {
    unsigned primary; ///< SV_BOOT_NO_SLOT: neither
    unsigned running; ///< SV_BOOT_NO_SLOT: neither, or it does not know
    bool good[SV_BOOT_SLOTS];
} sv_boot_said;

typedef struct sv_boot_verbs {
    void *arg;
    sv_boot_file *file; ///< its `running` is not asked
    sv_err (*current)(void *arg, unsigned *slot, sv_why *why);
    sv_err (*ask)(void *arg, sv_boot_said *out, sv_why *why);
    sv_err (*set_good)(void *arg, unsigned slot, bool good, sv_why *why);
    sv_err (*set_primary)(void *arg, unsigned slot, sv_why *why);
    /// What a slot is that runs and of which nothing is remembered; NULL: on trial.
    sv_err (*unnoted)(void *arg, unsigned slot, sv_boot_slot *out, sv_why *why);
    /// Is what lies in a slot, that is noted as on trial, what was armed there? One that is not is
    /// as if nothing were noted of it. NULL: that is not asked.
    sv_err (*armed)(void *arg, unsigned slot, bool *out, sv_why *why);
    bool spoils_itself; ///< whoever writes a slot sets it bad before
} sv_boot_verbs;

/// `verbs` is borrowed.
sv_boot_control sv_boot_verbs_control(sv_boot_verbs *verbs);

/// Backend `script`: a program with the verbs of RAUC's custom boot loader backend (get-primary,
/// set-primary NAME, get-state NAME, set-state NAME good|bad, get-current), so that one that was
/// written for RAUC serves here. [slot-19]
typedef struct sv_boot_script {
    const char *program;  ///< an absolute path
    const char *names[2]; ///< of slot a and b in its words
    sv_boot_file file;    ///< its `running` is not asked
    int deadline_ms;      ///< of each call; 0: SV_BOOT_SCRIPT_MS
    sv_boot_verbs verbs;  ///< its own
} sv_boot_script;

enum { SV_BOOT_SCRIPT_MS = 30000, SV_BOOT_SCRIPT_ANSWER_MAX = 128 };

/// `script` is borrowed and must not move. SV_ERR_UNAVAILABLE when the program does not answer,
/// SV_ERR_INVALID when it says what none of its verbs says.
sv_boot_control sv_boot_script_control(sv_boot_script *script);

#endif
