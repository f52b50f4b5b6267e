// Episodes: what belongs together is told once. An episode begins with the first novelty, is heard
// of again only when it becomes worse by half, and ends when it has been quiet for a while.
#include "stream_own.h"
#include <base/time.h>
#include <math.h>

static const float QUIET_SHARE = 0.051F; // of the age, after which an episode is over
static const float QUIET_DAYS = 1.8F;    // but no longer than this
static const float WORSE = 1.5F;
static const float PAST_WEIGHT = 0.46F;
static const float PAST_MEMORY = 2.6F; // in ages

/// How often there was something as strong, where what is long past counts less.
static float times_before(const sv_stream_detector *d, float novelty, float age_days) {
    float times = 0;
    for (size_t i = 0; i < d->past_count; i++) {
        float ratio = novelty / (d->past_peaks[i] + 1e-6F);
        float cube = ratio * ratio * ratio;
        float ago = (age_days - d->past_days[i]) / (PAST_MEMORY * age_days + 1e-6F);
        times += expf(-ago) / (1 + cube * cube);
    }
    return times;
}

/// The strongest ones are kept.
static void remember(sv_stream_detector *d, float novelty, float age_days) {
    size_t at = d->past_count;
    if (at < SV_STREAM_PAST) {
        d->past_count++;
    } else {
        at = 0;
        for (size_t i = 1; i < SV_STREAM_PAST; i++) {
            at = d->past_peaks[i] < d->past_peaks[at] ? i : at;
        }
        if (d->past_peaks[at] > novelty) {
            return;
        }
    }
    d->past_peaks[at] = novelty;
    d->past_days[at] = age_days;
}

static float quiet_us(const sv_stream_detector *d) {
    return sv_least(QUIET_SHARE * (float) d->age_us, QUIET_DAYS * (float) SV_TIME_DAY_US);
}

float sv_stream_episode_take(sv_stream_detector *d, float novelty) {
    float age_days = (float) (d->age_us / (double) SV_TIME_DAY_US);
    if (d->peak > 0 && d->age_us - d->told_us > (double) quiet_us(d)) {
        d->peak = 0;
    }
    if (novelty <= 0) {
        return 0;
    }
    float news = novelty / (1 + PAST_WEIGHT * times_before(d, novelty, age_days));
    if (d->peak > 0 && news <= WORSE * d->peak) {
        return 0;
    }
    remember(d, novelty, age_days);
    d->peak = news;
    d->told_us = d->age_us;
    return news;
}
