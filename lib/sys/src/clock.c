#include <sys/clock.h>

#include <ctype.h>
#include <sys/disk.h>
#include <sys/timex.h>
#include <time.h>

enum { BOOT_ID_ROOM = 64 };

static int64_t read_us(clockid_t clock) {
    struct timespec now = { 0 };
    (void) clock_gettime(clock, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t sv_clock_monotonic_us(void) {
    return read_us(CLOCK_MONOTONIC);
}

int64_t sv_clock_wall_us(void) {
    return read_us(CLOCK_REALTIME);
}

sv_instant sv_clock_instant(void) {
    struct timex ask = { .modes = 0 };
    int state = adjtimex(&ask);
    return (sv_instant){ .wall_us = read_us(CLOCK_REALTIME),
                         .uptime_us = read_us(CLOCK_BOOTTIME),
                         .proven = state >= 0 && state != TIME_ERROR };
}

void sv_clock_boot(char out[SV_CLOCK_BOOT_ROOM]) {
    char room[BOOT_ID_ROOM] = "";
    sv_textbuf text = SV_TEXTBUF(room);
    size_t len = 0;
    if (sv_disk_read("/proc/sys/kernel/random/boot_id", &text, NULL) == SV_OK) {
        for (size_t i = 0; i < text.len && len < SV_CLOCK_BOOT_ROOM - 1; i++) {
            if (isxdigit((unsigned char) room[i])) {
                out[len++] = room[i];
            }
        }
    }
    out[len == SV_CLOCK_BOOT_ROOM - 1 ? len : 0] = '\0';
}
