#include <slot/placing.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>

enum { US_PER_MS = 1000, MS_PER_MINUTE = 60000 };

void sv_placing_begin(sv_placing *placing) {
    placing->percent = -1;
    placing->says[0] = '\0';
    placing->moved_us = sv_clock_monotonic_us();
}

void sv_placing_tick(const sv_placing *placing) {
    if (placing->watch != NULL && placing->watch->tick != NULL) {
        placing->watch->tick(placing->watch->tick_arg);
    }
}

sv_err sv_placing_look(sv_placing *placing, int percent, const char *says, sv_why *why) {
    int64_t now_us = sv_clock_monotonic_us();
    bool moved = percent != placing->percent || strcmp(says, placing->says) != 0;
    if (moved) {
        placing->percent = percent;
        placing->moved_us = now_us;
        if (says != placing->says) {
            (void) snprintf(placing->says, sizeof placing->says, "%s", says);
        }
    }
    if (moved || now_us - placing->told_us >= (int64_t) SV_PLACING_TELL_MS * US_PER_MS) {
        placing->told_us = now_us;
        if (placing->watch != NULL && placing->watch->progress != NULL) {
            placing->watch->progress(placing->watch->progress_arg, percent, placing->says);
        }
    }
    return now_us - placing->moved_us < (int64_t) SV_PLACING_STALL_MS * US_PER_MS
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE, "%s is at '%.120s' (%d %%) for %d minutes now",
                         placing->who, placing->says, percent, SV_PLACING_STALL_MS / MS_PER_MINUTE);
}

sv_err sv_placing_judge(const sv_boot_header *header, const sv_image_bytes *image, const char *who,
                        const char *what, sv_why *why) {
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    SV_TRY(sv_image_digest(image, digest, why));
    return image->length == header->image_bytes
                   && memcmp(digest, header->digest, sizeof digest) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "the %s of %s %s is not the one that was signed; it is not given to %s",
                         what, header->product, header->version, who);
}
