// Is this reading of this sensor unusual? One scalar stream, judged reading by reading, in constant
// memory and without looking ahead: docs/detect.md says how.
//
// A detector is a plain value of fixed size. It neither allocates, nor reads a clock, nor does I/O.
// Its verdicts do not depend on the unit (value × a + b, a ≠ 0, is judged the same), nor, beyond
// what fewer readings can tell, on how often the sensor is read: what lies between readings is
// counted in time.
#ifndef SV_DETECT_STREAM_H
#define SV_DETECT_STREAM_H

#include <base/text.h>

enum {
    SV_STREAM_DETECTOR_BYTES_MAX = 1024, ///< what a stream costs in memory
    SV_STREAM_REASON_MAX = 160,
};

typedef enum sv_sensitivity {
    SV_SENSITIVITY_NORMAL,
    SV_SENSITIVITY_LOW,
    SV_SENSITIVITY_HIGH,
    SV_SENSITIVITY__COUNT
} sv_sensitivity;

/// `low`, `normal` or `high`.
bool sv_sensitivity_parse(sv_text text, sv_sensitivity *out);

typedef struct sv_stream_detector {
    double centre, spread;   ///< where the values lie, and how far from there
    double above, below;     ///< how far they went, in asinh of spreads
    double interval_us;      ///< between readings, as is usual
    int64_t first_us, at_us; ///< the first reading, the last
    uint64_t seen;
} sv_stream_detector;

typedef struct sv_stream_verdict {
    double score;     ///< 0 usual … 1; an alert is raised from a fixed score on
    bool alert;       ///< an episode begins with this reading
    double low, high; ///< what was to be expected; not-a-number while too little is known
} sv_stream_verdict;

void sv_stream_detector_begin(sv_stream_detector *detector);

/// Judge a reading, then learn from it. A value that is not finite, and a time before the last, are
/// judged 0 and teach nothing.
void sv_stream_detector_take(sv_stream_detector *detector, int64_t at_us, double value,
                             sv_sensitivity sensitivity, sv_stream_verdict *out);

/// Why, in words with figures; nothing where the score is 0.
void sv_stream_reason_add(sv_textbuf *out, const sv_stream_verdict *verdict, double value);

#endif
