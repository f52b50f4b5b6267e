// What a stored sample takes and costs: blocks of what a simulated machine's sensors say, at times
// a regular clock would give, and at those a program's timer gives. Prints one line of JSON per
// case: bytes per sample, nanoseconds to pack and unpack one, and what zstd would have made of the
// block.
//
//   bench-block SAMPLES       of one block
#include <base/prng.h>
#include <codec/block.h>
#include <codec/compress.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCKS = 200, ROOM = 1 << 20 };

static const int64_t START_US = INT64_C(1795328104123456);

static const struct {
    const char *name;
    double middle, swing, noise, digits;
} SENSORS[] = {
    { "temperature", 58, 9, 0.25, 100 },        { "vibration", 2.6, 0.5, 0.07, 100 },
    { "pressure", 5.6, 0.8, 0.04, 100 },        { "current", 14, 6, 0.3, 100 },
    { "raw ADC (16 bit)", 30000, 2000, 40, 1 }, { "constant", 23.5, 0, 0, 10 },
    { "full doubles", 58, 9, 0.25, 0 },
};

static const struct {
    const char *name;
    double jitter_us; ///< mean of an exponential delay
    int64_t unit_us;
} CLOCKS[] = {
    { "regular", 0, 1 },
    { "milliseconds, late by 0.2 ms", 200, 1000 },
    { "microseconds, late by 0.2 ms", 200, 1 },
    { "microseconds, late by 5 ms", 5000, 1 },
    { "microseconds, late by 250 ms", 250000, 1 },
};

static double now_ns(void) {
    struct timespec t;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static void fill(sv_block *block, size_t sensor, size_t clock, size_t count, uint64_t from,
                 sv_prng *prng) {
    block->count = count;
    block->columns = 1;
    for (size_t i = 0; i < count; i++) {
        double at_s = (double) (from + i);
        double late = -log(1 - sv_prng_unit(prng)) * CLOCKS[clock].jitter_us;
        int64_t at_us = START_US + (int64_t) (from + i) * 1000000 + (int64_t) late;
        block->at_us[i] = at_us / CLOCKS[clock].unit_us * CLOCKS[clock].unit_us;
        double value = SENSORS[sensor].middle + SENSORS[sensor].swing * sin(at_s / 7)
                       + SENSORS[sensor].noise * sv_prng_normal(prng);
        double digits = SENSORS[sensor].digits;
        block->values[0][i] = digits > 0 ? round(value * digits) / digits : value;
    }
}

static void measure(size_t sensor, size_t clock, size_t count) {
    static sv_block block, again;
    sv_prng prng = { .state = 1 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(ROOM);
    SV_DEFER(sv_textbuf_drop) sv_textbuf zstd = SV_TEXTBUF_HEAP(ROOM);
    double packed = 0;
    double smaller = 0;
    double pack_ns = 0;
    double unpack_ns = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        fill(&block, sensor, clock, count, i * count, &prng);
        sv_textbuf_clear(&bytes);
        sv_textbuf_clear(&zstd);
        double began = now_ns();
        bool good = sv_block_pack(&block, &bytes) == SV_OK;
        double between = now_ns();
        good = good && sv_block_unpack(sv_textbuf_text(&bytes), &again, NULL) == SV_OK;
        unpack_ns += now_ns() - between;
        pack_ns += between - began;
        if (!good || sv_compress(sv_textbuf_text(&bytes), &zstd) != SV_OK) {
            exit(1);
        }
        packed += (double) bytes.len;
        smaller += (double) zstd.len;
    }
    double samples = (double) count * BLOCKS;
    (void) printf("{\"sensor\":\"%s\",\"clock\":\"%s\",\"samples\":%zu,\"bytes\":%.2f,"
                  "\"zstd\":%.2f,\"pack_ns\":%.0f,\"unpack_ns\":%.0f}\n",
                  SENSORS[sensor].name, CLOCKS[clock].name, count, packed / samples,
                  smaller / samples, pack_ns / samples, unpack_ns / samples);
}

int main(int argc, char **argv) {
    size_t count = argc == 2 ? (size_t) strtoul(argv[1], NULL, 10) : 0;
    if (count == 0 || count > SV_BLOCK_SAMPLES_MAX) {
        (void) fprintf(stderr, "usage: bench-block SAMPLES (of one block, %d at most)\n",
                       SV_BLOCK_SAMPLES_MAX);
        return 2;
    }
    for (size_t sensor = 0; sensor < sizeof SENSORS / sizeof *SENSORS; sensor++) {
        for (size_t clock = 0; clock < sizeof CLOCKS / sizeof *CLOCKS; clock++) {
            measure(sensor, clock, count);
        }
    }
    return 0;
}
