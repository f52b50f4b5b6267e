// The score that is found rises with each alert, and falls with the time without one by as much as
// makes up for the wanted number.
#include <base/time.h>
#include <detect/aim.h>
#include <math.h>

static const double RISE = 0.7; // with an alert: it has to be twice as far
static const double WEEK_US = 7 * (double) SV_TIME_DAY_US;

bool sv_sensitivity_parse(sv_text text, sv_sensitivity *out) {
    static const char *const NAMES[SV_SENSITIVITY__COUNT] = {
        [SV_SENSITIVITY_LOW] = "low",
        [SV_SENSITIVITY_NORMAL] = "normal",
        [SV_SENSITIVITY_HIGH] = "high",
    };
    for (unsigned i = 0; i < SV_SENSITIVITY__COUNT; i++) {
        if (sv_text_is(text, NAMES[i])) {
            *out = (sv_sensitivity) i;
            return true;
        }
    }
    return false;
}

static double far(double score) {
    return score / (1 - score);
}

static double bounded(sv_aim aim, const sv_aim_scores *scores, double shift) {
    double from = far(scores->of[aim.sensitivity]);
    double lowest = log(far(scores->of[SV_SENSITIVITY_HIGH]) / from);
    return fmax(lowest, fmin(log(far(scores->highest) / from), shift));
}

double sv_aim_bar(sv_aim aim, const sv_aim_scores *scores, double passed_us, double *shift) {
    double score = scores->of[aim.sensitivity];
    if (!(aim.alerts_per_week > 0)) {
        *shift = 0;
        return score;
    }
    double wanted = fmin(aim.alerts_per_week, SV_AIM_PER_WEEK_MAX);
    *shift = bounded(aim, scores, *shift - RISE * wanted * passed_us / WEEK_US);
    double bar = far(score) * exp(*shift);
    return bar / (bar + 1);
}

void sv_aim_raised(sv_aim aim, const sv_aim_scores *scores, double *shift) {
    if (aim.alerts_per_week > 0) {
        *shift = bounded(aim, scores, *shift + RISE);
    }
}
