// How readily something unusual becomes an alert: from a fixed score on, or from one that is found
// for a number of alerts in a week.
#ifndef SV_DETECT_AIM_H
#define SV_DETECT_AIM_H

#include <base/text.h>

typedef enum sv_sensitivity {
    SV_SENSITIVITY_NORMAL,
    SV_SENSITIVITY_LOW,
    SV_SENSITIVITY_HIGH,
    SV_SENSITIVITY__COUNT
} sv_sensitivity;

/// `low`, `normal` or `high`.
bool sv_sensitivity_parse(sv_text text, sv_sensitivity *out);

typedef struct sv_aim {
    sv_sensitivity sensitivity; ///< from its score on
    /// Above 0: from one that is found, beginning with that, so that there are about so many;
    /// never under that of the highest sensitivity, so that where little happens there are fewer.
    double alerts_per_week;
} sv_aim;

#define SV_AIM_PER_WEEK_MIN 0.01
#define SV_AIM_PER_WEEK_MAX 1000.0

/// The scores of the sensitivities, and what the found one never exceeds; between 0 and 1. A score
/// counts as score / (1 - score) times as far as usual.
typedef struct sv_aim_scores {
    double of[SV_SENSITIVITY__COUNT];
    double highest;
} sv_aim_scores;

/// The score that an alert needs after so much time. `shift` is how far it lies from the
/// sensitivity's, by the logarithm of how far that is; 0 to begin with, and the owner's to keep.
double sv_aim_bar(sv_aim aim, const sv_aim_scores *scores, double passed_us, double *shift);
/// An alert was raised.
void sv_aim_raised(sv_aim aim, const sv_aim_scores *scores, double *shift);

/// No `shift` is further from 0.
#define SV_AIM_SHIFT_MAX 100.0

#endif
