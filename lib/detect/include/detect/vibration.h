// Does a machine sound as it did while it was healthy? Windows of vibration, channel by channel.
//
// A window of 1,024 samples becomes a few numbers: how strong it is, how much of it comes in
// impacts (kurtosis, crest, envelope), and how its energy lies over sixteen bands of frequency.
// They are logarithms, and all but the strength do not change with the load's scale. What is
// healthy is learnt from windows of a healthy machine alone; a window is as far off as its channel
// that is farthest, by the Mahalanobis distance with correlations drawn towards independence or by
// one feature that is far off alone. No I/O, no heap: the tables of the FFT lie in a workspace of
// fixed size.
#ifndef SV_DETECT_VIBRATION_H
#define SV_DETECT_VIBRATION_H

#include <base/err.h>
#include <base/text.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SV_VIBRATION_WINDOW = 1024, ///< samples
    SV_VIBRATION_CHANNELS_MAX = 8,
    SV_VIBRATION_BANDS = 16,
    SV_VIBRATION_RMS = 0,
    SV_VIBRATION_KURTOSIS,
    SV_VIBRATION_CREST,    ///< largest over RMS
    SV_VIBRATION_ENVELOPE, ///< how unsteady the envelope is: its deviation over its mean
    SV_VIBRATION_BAND,     ///< the first of SV_VIBRATION_BANDS: its part of the energy
    SV_VIBRATION_FEATURES = SV_VIBRATION_BAND + SV_VIBRATION_BANDS,
    SV_VIBRATION_PAIRS = SV_VIBRATION_FEATURES * (SV_VIBRATION_FEATURES + 1) / 2,
    SV_VIBRATION_GAPS_MAX = SV_VIBRATION_WINDOW / 16, ///< missing samples that a window may have
    SV_VIBRATION_WINDOWS_MIN = 16,                    ///< to learn from
    SV_VIBRATION_WORKSPACE_BYTES = 48 * 1024,
    SV_VIBRATION_SAVE_BYTES_MAX = 20 * 1024,
};

// ---- windows ------------------------------------------------------------------------------------

/// The tables and rooms of the FFT; opaque, and not to be moved once begun.
typedef struct sv_vibration_workspace {
    _Alignas(16) unsigned char room[SV_VIBRATION_WORKSPACE_BYTES];
} sv_vibration_workspace;

void sv_vibration_workspace_begin(sv_vibration_workspace *w);

/// The features of SV_VIBRATION_WINDOW samples. A few samples that are not-a-number or infinite are
/// taken as the one before; false, and no features, with more than SV_VIBRATION_GAPS_MAX of them.
bool sv_vibration_features(sv_vibration_workspace *w, const double *samples, double *features);

/// `rms`, `kurtosis`, `crest`, `envelope`, `band1` to `band16`.
void sv_vibration_feature_add(sv_textbuf *out, size_t feature);

// ---- what is healthy ----------------------------------------------------------------------------

typedef struct sv_vibration_channel {
    double windows; ///< learnt from
    double mean[SV_VIBRATION_FEATURES];
    double spread[SV_VIBRATION_FEATURES]; ///< standard deviation, once learnt
    double pairs[SV_VIBRATION_PAIRS];     ///< sums of products, and the factor once learnt
} sv_vibration_channel;

typedef struct sv_vibration_detector {
    uint32_t channels;
    bool learnt;
    sv_vibration_channel channel[SV_VIBRATION_CHANNELS_MAX];
} sv_vibration_detector;

typedef struct sv_vibration_verdict {
    double far;   ///< as a multiple of what is allowed
    double score; ///< 0 to 1; 0.5 is where a fault begins
    bool fault;
    size_t channel;   ///< the one that is farthest off
    size_t feature;   ///< of it, the one that stands out
    double deviation; ///< of that feature, with its sign, in standard deviations
} sv_vibration_verdict;

/// SV_ERR_INVALID for no channels or too many.
sv_err sv_vibration_detector_start(sv_vibration_detector *d, size_t channels, sv_why *why);

/// A healthy window of one channel.
void sv_vibration_detector_learn(sv_vibration_detector *d, size_t channel, const double *features);

/// No more to learn. SV_ERR_STATE when a channel has seen fewer than SV_VIBRATION_WINDOWS_MIN.
sv_err sv_vibration_detector_settle(sv_vibration_detector *d, sv_why *why);

/// A window: a row of features for each channel, NULL for one that has none.
sv_vibration_verdict sv_vibration_detector_judge(const sv_vibration_detector *d,
                                                 const double *features[SV_VIBRATION_CHANNELS_MAX]);

/// Bytes written into `room`, of which SV_VIBRATION_SAVE_BYTES_MAX are enough; 0 when it is too
/// small.
size_t sv_vibration_detector_save(const sv_vibration_detector *d, uint8_t *room, size_t room_bytes);

/// SV_ERR_INVALID, and `d` untouched, for bytes that were cut, have changed or come from another
/// version.
sv_err sv_vibration_detector_load(sv_vibration_detector *d, const uint8_t *bytes, size_t len,
                                  sv_why *why);

#endif
