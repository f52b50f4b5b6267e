// Is this machine as it was while it was learnt? All its sensors together, one row at a time.
//
// The first rows are taken as usual. From them each sensor's noise and its own way of drifting are
// learnt, and how the sensors move together. Then each sensor has a level that follows as fast as
// the sensor used to drift, and is as far off as its smoothed value is from that level, measured by
// what noise and drift explain; and the sensors together are as far off as the Mahalanobis distance
// of their deviations says, with correlations drawn towards independence. What lasts is an anomaly,
// and a shift of any sensor's mean a change point.
//
// There is no clock in here: a block is a fortieth of the rows learnt from, and every constant of
// time is counted in blocks, so a machine that is sampled twice as often and learnt from over the
// same time is judged alike. No I/O, no heap; the state is one block of memory, as large as the
// sensors need and the caller's, and a row is judged from the rows before it alone.
#ifndef SV_DETECT_MACHINE_H
#define SV_DETECT_MACHINE_H

#include <base/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SV_MACHINE_SENSORS_MAX = 64,
    SV_MACHINE_BLOCKS = 40,
    SV_MACHINE_TRAIN_ROWS = 400, ///< where nobody says otherwise
    SV_MACHINE_TRAIN_ROWS_MIN = 2 * SV_MACHINE_BLOCKS,
    SV_MACHINE_TRAIN_ROWS_MAX = 10000000,
    SV_MACHINE_PAIRS_MAX = SV_MACHINE_SENSORS_MAX * (SV_MACHINE_SENSORS_MAX + 1) / 2,
    SV_MACHINE_BYTES_MAX = 65 * 1024, ///< of one with the most sensors
    SV_MACHINE_SAVE_BYTES_MAX = 64 * 1024,
};

/// The score at which a row counts as unusual.
#define SV_MACHINE_ALARM_SCORE 0.5

/// Its bytes may be copied elsewhere.
typedef struct sv_machine_detector {
    uint32_t sensors, block_rows;
    uint64_t rows; ///< taken so far
    uint32_t over, under;
    bool anomaly;
    double room[]; ///< machine_room.h
} sv_machine_detector;

typedef struct sv_machine_verdict {
    bool learning; ///< nothing below says anything yet
    double score;  ///< 0 to 1; SV_MACHINE_ALARM_SCORE and more is unusual, 0.75 three times as far
    bool anomaly;
    bool changepoint;
    size_t top; ///< the sensor with the largest share of the score
} sv_machine_verdict;

/// What a detector of so many sensors, at most SV_MACHINE_SENSORS_MAX, takes while it learns: 3.1
/// KiB for 4 of them.
size_t sv_machine_detector_bytes(size_t sensors);
/// And once it has learnt: what lies behind is not looked at any more. 0.5 KiB for 4 sensors.
size_t sv_machine_detector_learnt_bytes(size_t sensors);
bool sv_machine_detector_has_learnt(const sv_machine_detector *d);

/// Begin to learn from `train_rows` rows, rounded down to whole blocks. SV_ERR_INVALID for no
/// sensors, too many of them, or a number of rows out of bounds. `d` has sv_machine_detector_bytes.
sv_err sv_machine_detector_start(sv_machine_detector *d, size_t sensors, uint64_t train_rows,
                                 sv_why *why);

/// One row of d->sensors values. Not-a-number and infinite: this sensor has said nothing, which is
/// no evidence of anything.
sv_machine_verdict sv_machine_detector_take(sv_machine_detector *d, const double *values);

/// What part of the last row's score comes from this sensor; all of them together are 1, or 0
/// while nothing is off.
double sv_machine_detector_share(const sv_machine_detector *d, size_t sensor);

/// How far the sensor was off at the last row, with its sign, in standard deviations.
double sv_machine_detector_deviation(const sv_machine_detector *d, size_t sensor);

/// Somebody says that this is normal: every sensor's level is where it is now.
void sv_machine_detector_accept(sv_machine_detector *d);

/// Bytes written into `room`, of which SV_MACHINE_SAVE_BYTES_MAX are enough; 0 when it is too
/// small.
size_t sv_machine_detector_save(const sv_machine_detector *d, uint8_t *room, size_t room_bytes);

/// Goes on where save left off, with the same verdicts. SV_ERR_INVALID, and `d` untouched, for
/// bytes that were cut, have changed or come from another version, and for more sensors than those
/// that `d` has the bytes for, which is all of `d_bytes`.
sv_err sv_machine_detector_load(sv_machine_detector *d, size_t d_bytes, const uint8_t *bytes,
                                size_t len, sv_why *why);

#endif
