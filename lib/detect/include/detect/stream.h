// Is this reading of this sensor unusual? One scalar stream, judged reading by reading, in constant
// memory and without looking ahead: docs/detect.md says how.
//
// A detector is a plain value of fixed size. It neither allocates, nor reads a clock, nor does I/O.
// Its verdicts do not depend on the unit (value × a + b, a ≠ 0, is judged the same), nor, beyond
// what fewer readings can tell, on how often the sensor is read: what lies between readings is
// counted in time, and in parts of the stream's age.
#ifndef SV_DETECT_STREAM_H
#define SV_DETECT_STREAM_H

#include <base/text.h>
#include <detect/aim.h>

enum {
    SV_STREAM_DETECTOR_BYTES_MAX = 1024, ///< what a stream costs in memory
    SV_STREAM_PLACES = 48,               ///< places that are remembered
    SV_STREAM_SIGHTS = 5,                ///< numbers that make a place: the value, four means
    SV_STREAM_HOURS = 24,
    SV_STREAM_MODES = 8,      ///< levels at which it stays, and which it leaves by jumps
    SV_STREAM_PAST = 8,       ///< earlier episodes that a new one is held against
    SV_STREAM_LEARN_MIN = 50, ///< readings before the first score
    SV_STREAM_REASON_MAX = 160,
    SV_STREAM_SAVE_BYTES_MAX = 1040,
};

/// The strongest reason for a score.
typedef enum sv_stream_cause {
    SV_STREAM_NOTHING,
    SV_STREAM_VALUE,  ///< the value is higher or lower than ever
    SV_STREAM_COURSE, ///< value and recent means were not seen together before
    SV_STREAM_HOUR,   ///< not what is usual at this hour
    SV_STREAM_LEVEL,  ///< the recent mean is higher or lower than ever
    SV_STREAM_NOISE,  ///< readings differ more, or less, than they used to
    SV_STREAM_STUCK,  ///< the same value for longer than ever
    SV_STREAM__CAUSES
} sv_stream_cause;

/// How high and how low something went.
typedef struct sv_stream_record {
    float high, low;
} sv_stream_record;

/// Lengths are in frame units: spreads of the stream, from its centre.
typedef struct sv_stream_detector {
    double frame_centre, frame_spread; ///< in the sensor's unit
    int64_t at_us;                     ///< the last reading
    double age_us;                     ///< between the first reading and the last
    double told_us;                    ///< the age at which the open episode began
    double bar_shift;  ///< of the novelty that an alert needs, by the logarithm, where it is found
    float interval_us; ///< between readings, as is usual
    float value, centre, spread;       ///< the last value; where values lie, and how far from there
    float means[SV_STREAM_SIGHTS - 1]; ///< over ever longer parts of the age
    float step, step_now;              ///< between neighbours: as is usual, and lately
    float off_hour;                    ///< from what is usual at the hour
    sv_stream_record value_record, hour_record, level_record, noise_record;
    float level_beyond, noise_beyond; ///< how far beyond their records both have gone of late
    float envelope, envelope_mean, envelope_spread; ///< of the distance to the nearest place
    float same_us, same_record_us;                  ///< how long the value has not changed
    float peak;                                     ///< score of the open episode; 0: none is open
    float past_peaks[SV_STREAM_PAST], past_days[SV_STREAM_PAST];
    // Of the open alert: the age in days when it was raised; what was usual then, and for which
    // part of the last while it has not been so.
    float alert_days;
    float alert_middle, alert_half; ///< of the band; SV_STREAM_HOUR_UNSEEN: the hour's mean
    sv_stream_record alert_noise;
    float alert_share;
    // The modes, the one that was left last first; where it stays now.
    sv_stream_record modes[SV_STREAM_MODES], stay;
    float stay_mean, stay_off, stay_us; ///< of the last while; how far from there; for how long
    float hours[SV_STREAM_HOURS];       ///< SV_STREAM_HOUR_UNSEEN: not seen yet
    float weight_unit;                  ///< what a sight counts now; earlier ones counted less
    uint16_t weights[SV_STREAM_PLACES]; ///< how often each place was seen: upper half of a float
    int16_t places[SV_STREAM_SIGHTS][SV_STREAM_PLACES];
    int16_t odd_place[SV_STREAM_SIGHTS]; ///< where the open or last episode was
    uint8_t place_count, past_count, mode_count;
    bool alerted; ///< an alert is open
    bool has_episode;
    bool at_mode;  ///< it has come to one that it knows
    uint32_t seen; ///< readings, at most UINT32_MAX
} sv_stream_detector;

typedef struct sv_stream_verdict {
    double score;          ///< 0 usual … 1; what goes on in an open episode is 0
    double novelty;        ///< the same without regard to episodes, for charts
    bool alert;            ///< an alert is raised with this reading
    bool open;             ///< what an alert was raised for is going on
    sv_stream_cause cause; ///< of the novelty
    double low, high;      ///< what was to be expected; not-a-number while too little is known
    double value, amount;  ///< for the reason: the reading; a step, a factor, as the cause has it
    double span_us;        ///< for the reason: how long, or how far back the comparison goes
} sv_stream_verdict;

void sv_stream_detector_begin(sv_stream_detector *detector);

/// Judge a reading, then learn from it. A value that is not finite is judged 0 and teaches nothing;
/// a time before the last counts as the same moment.
void sv_stream_detector_take(sv_stream_detector *detector, int64_t at_us, double value, sv_aim aim,
                             sv_stream_verdict *out);

/// A person says that the open episode, or the last one, was normal: its place is remembered as if
/// it had been seen often, and weaker episodes count for less. False: there has been none.
bool sv_stream_detector_normal(sv_stream_detector *detector);

/// Why, in words with figures; nothing where the novelty is 0.
void sv_stream_reason_add(sv_textbuf *out, const sv_stream_verdict *verdict);

/// Bytes written into `room`, of which SV_STREAM_SAVE_BYTES_MAX are enough; 0 when it is too small.
size_t sv_stream_detector_save(const sv_stream_detector *detector, uint8_t *room,
                               size_t room_bytes);

/// Goes on where save left off, with the same verdicts. What an earlier version saved is
/// taken. SV_ERR_INVALID, and the detector untouched, for bytes that were cut, have changed or come
/// from a later one.
sv_err sv_stream_detector_load(sv_stream_detector *detector, const uint8_t *bytes, size_t len,
                               sv_why *why);

#endif
