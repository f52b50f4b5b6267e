#include <sys/clock.h>
#include <time.h>

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
