// How a device's sensors are together, at the edge: readings become rows (grid.h), the first rows
// say which sensors speak regularly, the next `learn` is learnt from (machine.h), and from then on
// each row gives the machine's health. There are SV_MWATCH_ROWS rows in `learn`, at least a second
// long. What has been unusual for twice as long as was learnt from is the new usual.
//
// No I/O; as much memory as its sensors need, and the detector beside it from when learning begins,
// smaller when it has ended. With four sensors 0.5, 3.6 and 1.1 KiB. Saved and loaded between any
// two readings it goes on the same to the last bit.
#ifndef SV_DETECT_MACHINE_WATCH_H
#define SV_DETECT_MACHINE_WATCH_H

#include <detect/aim.h>
#include <detect/grid.h>
#include <detect/machine.h>

enum {
    SV_MWATCH_ROWS = 1440,      ///< in `learn`: one a minute of a day
    SV_MWATCH_GATHER_ROWS = 60, ///< in which is seen who speaks regularly
    SV_MWATCH_SENSORS_MIN = 2,
    SV_MWATCH_PARTS = 3, ///< sensors that are named
    SV_MWATCH_SAVE_BYTES_MAX = SV_MACHINE_SAVE_BYTES_MAX + 8 * 1024,
};

typedef enum sv_mwatch_state {
    SV_MWATCH_GATHERS, ///< who speaks regularly is not known yet
    SV_MWATCH_LEARNS,
    SV_MWATCH_WATCHES,
    SV_MWATCH_STATE__COUNT
} sv_mwatch_state;

const char *sv_mwatch_state_name(sv_mwatch_state state); ///< "gathering", "learning", "watching"

typedef struct sv_mwatch {
    int64_t learn_us;
    sv_grid grid;
    uint32_t rows; ///< gathered, or since outsiders were counted
    uint32_t members;
    uint8_t member[SV_GRID_SENSORS_MAX]; ///< places in the grid of the detector's sensors
    sv_machine_detector *detector;       ///< NULL while it gathers
    sv_machine_verdict last;             ///< of the last row
    uint32_t off_rows;                   ///< how long the episode has been going on
    double worst;                        ///< the highest score of the episode
    bool alarmed;                        ///< it is worth an alert
    sv_aim aim;                          ///< the owner's; normal to begin with, and not saved
    double bar_shift;                    ///< of what an alert needs; see aim.h
} sv_mwatch;

/// A sensor's part in what is unusual.
typedef struct sv_mwatch_part {
    const char *sensor;
    double share;     ///< 0 to 1
    double deviation; ///< in standard deviations, below 0: lower than usual
} sv_mwatch_part;

sv_mwatch *sv_mwatch_new(int64_t learn_us);
void sv_mwatch_drop(sv_mwatch **watch);

/// One reading; true when it ended a row.
bool sv_mwatch_take(sv_mwatch *watch, sv_text sensor, double value, int64_t at_us);

sv_mwatch_state sv_mwatch_state_of(const sv_mwatch *watch);
/// 100: as usual, 50: where it counts as unusual, to 0; -1: not known yet.
int sv_mwatch_health(const sv_mwatch *watch);
/// An episode is going on that is worth an alert.
bool sv_mwatch_is_alarmed(const sv_mwatch *watch);
/// The sensors with the largest parts, a tenth and more each, at most SV_MWATCH_PARTS.
size_t sv_mwatch_parts(const sv_mwatch *watch, sv_mwatch_part out[SV_MWATCH_PARTS]);
/// Is this one of the sensors that are looked at together?
bool sv_mwatch_has(const sv_mwatch *watch, sv_text sensor);
/// "Unusual together: vibration higher (62 %), pressure lower (21 %)".
void sv_mwatch_add_reason(sv_textbuf *out, const sv_mwatch *watch);

/// Somebody says that this is normal, and the episode is over. False: there was none.
bool sv_mwatch_accept(sv_mwatch *watch);

/// 0 when it does not fit.
size_t sv_mwatch_save(const sv_mwatch *watch, uint8_t *room, size_t room_bytes);
/// SV_ERR_INVALID for bytes that were cut, have changed or make no sense.
sv_err sv_mwatch_load(const uint8_t *bytes, size_t len, sv_mwatch **out, sv_why *why);

#endif
