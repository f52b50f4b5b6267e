// Uptane's check, of which this is all that a device with one bootloader needs: an image is
// installed only when two agree on it. The image repository, signed offline, says which images
// there are. The director, an own TUF repository for each device, says which of them this device is
// to get. Each is followed with trust.h and its own root; what stands here holds the two against
// each other and against the device. No I/O. (docs/spec/director.md)
#ifndef SV_UPDATE_DIRECTOR_H
#define SV_UPDATE_DIRECTOR_H

#include <update/target.h>

enum { SV_DIRECTOR_SLOTS_MAX = 8 }; ///< classes of slots of one device, and assignments to it

/// A class of slots, and the highest release counter that was confirmed in it (0: none yet).
typedef struct sv_director_slot {
    const char *name;
    uint32_t counter;
} sv_director_slot;

/// Who asks.
typedef struct sv_director_device {
    const char *id, *product, *hardware;
    const sv_director_slot *slots;
    size_t slot_count;
} sv_director_device;

/// What one of the two repositories says about a path.
typedef struct sv_director_entry {
    sv_text path;
    sv_tuf_file file;
} sv_director_entry;

/// Is this assignment for this device, of an image that the image repository has, fit and not older
/// than what it has? `out` is the image as the image repository describes it. SV_ERR_UNTRUSTED with
/// what does not agree; SV_ERR_INVALID or SV_ERR_NOT_FOUND when the image is none of ours.
/// [director-1] [director-2] [director-3]
sv_err sv_director_agree(const sv_director_entry *image, const sv_director_entry *director,
                         const sv_director_device *device, sv_target *out, sv_why *why);

typedef struct sv_assignment {
    sv_text path; ///< borrows from the director's targets
    sv_target image;
} sv_assignment;

/// What the image repository says about a path (sv_trust_find); SV_ERR_NOT_FOUND: it has no such
/// image. What `out` borrows has to live until the next call.
typedef sv_err sv_director_find(void *arg, sv_text path, sv_tuf_file *out, sv_why *why);

/// All that the director's targets, which were judged, assign to this device: none, or one for each
/// class of slots, of which every single one has to be agreed on. Into an array of
/// SV_DIRECTOR_SLOTS_MAX. [director-4]
sv_err sv_director_plan(const sv_tuf_metadata *targets, sv_director_find *find, void *arg,
                        const sv_director_device *device, sv_assignment *out, size_t *count,
                        sv_why *why);

#endif
