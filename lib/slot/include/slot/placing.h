// What the placers have in common that hand an image to a program of somebody else's (RAUC,
// SWUpdate): is it the one that was signed, who is told how far it is, and when it is waited for no
// more.
#ifndef SV_SLOT_PLACING_H
#define SV_SLOT_PLACING_H

#include <boot/header.h>
#include <stdint.h>
#include <update/image.h>

enum {
    SV_PLACING_SAYS_ROOM = 160, ///< what it says it is doing, and why it did not
    SV_PLACING_TELL_MS = 60000, ///< progress is told again, though it is the same
    /// An installation that does not go on by then is waited for no more. RAUC 1.8 says nothing
    /// while it writes an image.
    SV_PLACING_STALL_MS = 3600000,
};

/// Told while it takes long; both may be NULL.
typedef struct sv_placing_watch {
    void (*tick)(void *arg);
    void *tick_arg;
    /// How far it is, when it is another than before, and each SV_PLACING_TELL_MS.
    void (*progress)(void *arg, int percent, const char *says);
    void *progress_arg;
} sv_placing_watch;

/// Of one program; of zeros at first.
typedef struct sv_placing {
    const char *who;               ///< "RAUC"
    const sv_placing_watch *watch; ///< borrowed; NULL: nobody
    int percent;
    char says[SV_PLACING_SAYS_ROOM];
    int64_t moved_us, told_us; ///< by the monotonic clock
} sv_placing;

/// Something is waited for from now on; where it is then is told.
void sv_placing_begin(sv_placing *placing);
/// Call it again and again.
void sv_placing_tick(const sv_placing *placing);
/// So far it is: told where somebody is to know it. SV_ERR_UNAVAILABLE when it stands still.
sv_err sv_placing_look(sv_placing *placing, int percent, const char *says, sv_why *why);

/// Bytes that are read from somewhere, hashed once more. SV_ERR_UNTRUSTED: it is not the image that
/// the header is about, and is not to be given to `who`, who calls it a `what`.
sv_err sv_placing_judge(const sv_boot_header *header, const sv_image_bytes *image, const char *who,
                        const char *what, sv_why *why);

#endif
