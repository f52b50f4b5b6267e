// What a stream's detector costs: CPU for a reading of one stream, and for those of a million
// streams in turn, which no cache holds.
#include <base/mem.h>
#include <base/prng.h>
#include <base/time.h>
#include <detect/stream.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { READINGS = 2 * 1000 * 1000, STREAMS = 1000 * 1000, ROUNDS = 4, VALUES = 4096 };

static double cpu_seconds(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static int64_t time_of(size_t i) {
    return INT64_C(1700000000000000) + (int64_t) i * 5 * SV_TIME_MINUTE_US;
}

/// A daily wave with noise and a peak now and then.
static void fill(double values[VALUES]) {
    sv_prng prng = { .state = 1 };
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = 50 + 10 * sin(2 * 3.14159265 * (double) i / 288) + sv_prng_normal(&prng)
                    + (i % 1000 == 999 ? 30 : 0);
    }
}

static double one_stream(const double values[VALUES]) {
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    sv_stream_verdict verdict;
    double begin = cpu_seconds();
    for (size_t i = 0; i < READINGS; i++) {
        sv_stream_detector_take(&detector, time_of(i), values[i % VALUES],
                                (sv_aim){ SV_SENSITIVITY_NORMAL, 0 }, &verdict);
    }
    return (cpu_seconds() - begin) / READINGS;
}

/// Each has learnt for a fortnight before the clock starts.
static double many_streams(const double values[VALUES]) {
    sv_stream_detector *all = sv_mem_array(STREAMS, sizeof *all);
    sv_stream_verdict verdict;
    sv_stream_detector_begin(&all[0]);
    for (size_t i = 0; i < VALUES; i++) {
        sv_stream_detector_take(&all[0], time_of(i), values[i],
                                (sv_aim){ SV_SENSITIVITY_NORMAL, 0 }, &verdict);
    }
    for (size_t s = 1; s < STREAMS; s++) {
        all[s] = all[0];
    }
    double begin = cpu_seconds();
    for (size_t i = VALUES; i < VALUES + ROUNDS; i++) {
        for (size_t s = 0; s < STREAMS; s++) {
            sv_stream_detector_take(&all[s], time_of(i), values[(s + i) % VALUES],
                                    (sv_aim){ SV_SENSITIVITY_NORMAL, 0 }, &verdict);
        }
    }
    double seconds = (cpu_seconds() - begin) / ROUNDS;
    free(all);
    return STREAMS / seconds;
}

int main(void) {
    static double values[VALUES];
    fill(values);
    (void) printf(
        "{\"ns\": %.1f, \"mebibytes\": %.1f, \"per_second\": %.0f}\n", 1e9 * one_stream(values),
        (double) sizeof(sv_stream_detector) * STREAMS / (1024 * 1024), many_streams(values));
    return 0;
}
