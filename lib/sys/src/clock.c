#include <sys/clock.h>

#include <base/belief.h>
#include <ctype.h>
#include <pthread.h>
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

/// What this process believes; its threads share it, as they share the clock.
static struct {
    pthread_mutex_t lock;
    sv_belief belief;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static sv_belief look(void) {
    (void) pthread_mutex_lock(&shared.lock);
    (void) sv_belief_now(&shared.belief, read_us(CLOCK_BOOTTIME), read_us(CLOCK_REALTIME));
    sv_belief now = shared.belief;
    (void) pthread_mutex_unlock(&shared.lock);
    return now;
}

int64_t sv_clock_believed_us(void) {
    return look().believed_us;
}

int64_t sv_clock_doubt_us(void) {
    const sv_belief now = look();
    return now.doubted ? now.wall_us - now.believed_us : 0;
}

int64_t sv_clock_doubted_for_us(void) {
    const sv_belief now = look();
    return sv_belief_doubted_us(&now);
}

void sv_clock_carry(int64_t doubted_us) {
    (void) pthread_mutex_lock(&shared.lock);
    sv_belief_carry(&shared.belief, doubted_us);
    (void) pthread_mutex_unlock(&shared.lock);
}

void sv_clock_resume(int64_t believed_us, int64_t signed_us) {
    (void) pthread_mutex_lock(&shared.lock);
    sv_belief_resume(&shared.belief, read_us(CLOCK_BOOTTIME), believed_us, signed_us);
    (void) pthread_mutex_unlock(&shared.lock);
}

void sv_clock_signed(int64_t signed_us) {
    (void) look();
    (void) pthread_mutex_lock(&shared.lock);
    sv_belief_signed(&shared.belief, signed_us);
    (void) pthread_mutex_unlock(&shared.lock);
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
