// Whatever the bytes, as a state or as readings: scores are scores, reasons fit, and a detector
// that is saved and loaded between any two readings goes on the same. A state is tried as it is and
// with a checksum of its own, which chance does not find.
#include "state.h"
#include <base/test.h>
#include <detect/stream.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void check(const sv_stream_verdict *verdict) {
    must(verdict->score >= 0 && verdict->score <= verdict->novelty && verdict->novelty <= 1);
    must(isnan(verdict->low) || verdict->low <= verdict->high);
    must(!verdict->alert || verdict->open);
    char room[SV_STREAM_REASON_MAX];
    sv_textbuf reason = SV_TEXTBUF(room);
    sv_stream_reason_add(&reason, verdict);
    must(sv_textbuf_end(&reason) == SV_OK);
}

static void reload(sv_stream_detector *detector) {
    uint8_t room[SV_STREAM_SAVE_BYTES_MAX];
    uint8_t again[SV_STREAM_SAVE_BYTES_MAX];
    size_t len = sv_stream_detector_save(detector, room, sizeof room);
    must(len > 0 && sv_stream_detector_load(detector, room, len, NULL) == SV_OK);
    must(sv_stream_detector_save(detector, again, sizeof again) == len);
    must(memcmp(room, again, len) == 0);
}

typedef struct operation {
    uint8_t what;
    uint8_t bytes[8];
} operation;

/// Small numbers, any double, small steps in time, any time.
static void operate(sv_stream_detector *detector, const operation *op, int64_t *at_us) {
    double value = (int8_t) op->bytes[0];
    int64_t any = 0;
    memcpy(&any, op->bytes, sizeof any);
    if ((op->what & 3) == 1) {
        memcpy(&value, op->bytes, sizeof value);
    }
    *at_us = (op->what & 3) == 2
                 ? any
                 : (int64_t) ((uint64_t) *at_us + UINT64_C(10000000) * op->bytes[1]);
    sv_stream_verdict verdict;
    sv_aim aim = { (sv_sensitivity) ((op->what >> 2) % SV_SENSITIVITY__COUNT),
                   (int8_t) op->bytes[3] };
    for (unsigned i = 0; i <= op->what >> 5; i++) {
        sv_stream_detector_take(detector, *at_us, value, aim, &verdict);
        check(&verdict);
        *at_us = (int64_t) ((uint64_t) *at_us + UINT64_C(100000) * op->bytes[2]);
    }
    if ((op->what & 16) != 0) {
        (void) sv_stream_detector_normal(detector);
        reload(detector);
    }
}

static void operate_all(sv_stream_detector *detector, const uint8_t *data, size_t size) {
    int64_t at_us = 0;
    operation op;
    for (; size >= sizeof op; data += sizeof op, size -= sizeof op) {
        memcpy(&op, data, sizeof op);
        operate(detector, &op, &at_us);
    }
    reload(detector);
}

static void take_in(const uint8_t *bytes, size_t len) {
    sv_stream_detector detector;
    if (sv_stream_detector_load(&detector, bytes, len, NULL) == SV_OK) {
        operate_all(&detector, bytes, len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    operate_all(&detector, data, size);
    take_in(data, size);
    uint8_t room[SV_STREAM_SAVE_BYTES_MAX];
    if (size >= SV_STATE_SUM_BYTES && size <= sizeof room) {
        sv_textbuf out = sv_state_room(room, size);
        put_bytes(&out, data, size - SV_STATE_SUM_BYTES);
        take_in(room, sv_state_seal(&out));
    }
    return 0;
}
