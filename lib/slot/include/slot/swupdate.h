// SWUpdate's devices: its daemon writes the slot, from a .swu that its own keys have signed too.
// What starts is not its business: that stays with a boot control of ours.
//
//   .swu ── native, apart ─▶ beside the state, read back ── place: REQ_INSTALL, a selection ─▶ slot
//   the slot flushed, read through memory and from the medium ─▶ arm, confirm, fail:
//   sv_boot_control
//
// The daemon is spoken to by its sockets and messages (2022.12). Its library is no help: it has had
// the same name since 2020, with other messages, blocks without an end and writes to stdout.
// [swupdate-1]
#ifndef SV_SLOT_SWUPDATE_H
#define SV_SLOT_SWUPDATE_H

#include <slot/boot_control.h>
#include <slot/installer.h>
#include <slot/placing.h>
#include <sys/disk.h>

enum {
    SV_SWUPDATE_SELECTION_ROOM = 128, ///< "stable,slot-a"
    SV_SWUPDATE_VERSION_ROOM = 65,    ///< of what runs
    SV_SWUPDATE_ANSWER_MS = 5000,     ///< to a question
    SV_SWUPDATE_REASON_MS = 2000,     ///< for the reason of a failure to come
    SV_SWUPDATE_SILENCE_MS = 5000,    ///< then it is asked whether it is at anything at all
    SV_SWUPDATE_RELEASE_MAX = 65536,  ///< bytes of os-release
};

/// What SWUpdate is asked: a table, so that one in memory can take its place.
typedef struct sv_swupdate_daemon {
    void *arg;
    /// Have this image installed by that selection, and wait until that is over. What it is at
    /// already is waited for. `mark` is told by SWUpdate with its progress: so its own end is known
    /// from another's. SV_ERR_UNTRUSTED with SWUpdate's reason when it does not take the image,
    /// SV_ERR_UNAVAILABLE when it does not answer, does not know the selection, ends in the middle
    /// or stands still.
    sv_err (*install)(void *arg, const char *selection, const char *mark,
                      const sv_image_bytes *image, sv_why *why);
} sv_swupdate_daemon;

/// The real one. No connection is kept; each takes new sockets.
typedef struct sv_swupdate_link {
    char folder[SV_PATH_MAX]; ///< where its sockets are: the daemon's TMPDIR
    sv_placing placing;       ///< its `watch` is whoever's
} sv_swupdate_link;

/// Does it answer, and by the messages that are known here? It runs as root or as who asks.
/// SV_ERR_UNAVAILABLE, SV_ERR_UNTRUSTED (somebody else listens), SV_ERR_INVALID.
sv_err sv_swupdate_probe(const sv_swupdate_link *link, sv_why *why);
/// `link` is borrowed.
sv_swupdate_daemon sv_swupdate_link_daemon(sv_swupdate_link *link);

/// IMAGE_VERSION of an os-release(5); empty: it says none.
void sv_swupdate_version(sv_text os_release, char out[SV_SWUPDATE_VERSION_ROOM]);

typedef struct sv_swupdate {
    sv_native native; ///< first, because its table is lent: `apart`, where the .swu are
    const sv_swupdate_daemon *daemon;
    const char *selections[SV_BOOT_SLOTS];
    const sv_boot_control *boot;
    const sv_slot_disk *disk; ///< of the folder that the slots themselves are in
    const char *names[SV_BOOT_SLOTS];
    bool devices;                           ///< they are block devices
    char version[SV_SWUPDATE_VERSION_ROOM]; ///< what the system that runs says it is
    sv_placer placer;                       ///< its own
} sv_swupdate;

/// `swupdate` is borrowed and must not move. [swupdate-2]
sv_installer sv_swupdate_installer(sv_swupdate *swupdate);

#endif
