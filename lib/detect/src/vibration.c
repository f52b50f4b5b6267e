#include <base/num.h>
#include <detect/vibration.h>
#include <kiss_fft.h>
#include <math.h>

enum {
    WINDOW = SV_VIBRATION_WINDOW,
    BINS = WINDOW / 2, ///< of the spectrum, without the mean
    BAND_BINS = BINS / SV_VIBRATION_BANDS,
    PLAN_BYTES = 9 * 1024,
};

/// A band with less of the energy than this counts as empty.
#define ENERGY_LEAST 1e-6
#define AMPLITUDE_LEAST 1e-300
#define AMPLITUDE_MOST 1e150

typedef struct workspace {
    _Alignas(16) unsigned char forward[PLAN_BYTES];
    _Alignas(16) unsigned char inverse[PLAN_BYTES];
    kiss_fft_cpx signal[WINDOW];
    kiss_fft_cpx spectrum[WINDOW];
} workspace;

_Static_assert(sizeof(workspace) <= sizeof(sv_vibration_workspace), "the workspace has to fit");

static workspace *inside(sv_vibration_workspace *w) {
    return (workspace *) (void *) w->room;
}

static kiss_fft_cfg plan(unsigned char *room) {
    return (kiss_fft_cfg) (void *) room;
}

void sv_vibration_workspace_begin(sv_vibration_workspace *w) {
    workspace *in = inside(w);
    size_t bytes = sizeof in->forward;
    bool ready = kiss_fft_alloc(WINDOW, 0, in->forward, &bytes) != NULL;
    bytes = sizeof in->inverse;
    ready = ready && kiss_fft_alloc(WINDOW, 1, in->inverse, &bytes) != NULL;
    if (!ready) {
        __builtin_trap(); // PLAN_BYTES is too small for this kissfft: every call would say so
    }
}

// ---- in time ------------------------------------------------------------------------------------

/// Without gaps and mean, and with 1 as the largest amplitude, which is returned; below 0 with too
/// many gaps.
static double prepare(const double *samples, double *x) {
    unsigned gaps = 0;
    double before = 0;
    double mean = 0;
    double largest = 0;
    for (size_t i = 0; i < WINDOW; i++) {
        bool there = isfinite(samples[i]);
        gaps += !there;
        before = there ? fmin(fmax(samples[i], -AMPLITUDE_MOST), AMPLITUDE_MOST) : before;
        x[i] = before;
        mean += before / WINDOW;
    }
    for (size_t i = 0; i < WINDOW; i++) {
        x[i] -= mean;
        largest = fmax(largest, fabs(x[i]));
    }
    // What is left of a constant by rounding is no vibration.
    largest = largest > fabs(mean) * 1e-12 ? largest : 0;
    for (size_t i = 0; i < WINDOW; i++) {
        x[i] = largest > 0 ? x[i] / largest : 0;
    }
    return gaps > SV_VIBRATION_GAPS_MAX ? -1 : largest;
}

/// A channel that is still has no shape: what noise would have stands for it.
static void still(double *features) {
    features[SV_VIBRATION_RMS] = log(AMPLITUDE_LEAST);
    features[SV_VIBRATION_KURTOSIS] = log(3);
    features[SV_VIBRATION_CREST] = log(3);
    features[SV_VIBRATION_ENVELOPE] = log(0.5);
    for (size_t i = 0; i < SV_VIBRATION_BANDS; i++) {
        features[SV_VIBRATION_BAND + i] = log(1.0 / SV_VIBRATION_BANDS);
    }
}

static void moments(const double *x, double largest, double *features) {
    double squares = 0;
    double fourths = 0;
    for (size_t i = 0; i < WINDOW; i++) {
        double square = x[i] * x[i];
        squares += square / WINDOW;
        fourths += square * square / WINDOW;
    }
    features[SV_VIBRATION_RMS] = log(fmax(largest * sqrt(squares), AMPLITUDE_LEAST));
    features[SV_VIBRATION_KURTOSIS] = log(fourths / (squares * squares));
    features[SV_VIBRATION_CREST] = -log(squares) / 2;
}

// ---- in frequency -------------------------------------------------------------------------------

/// A Hann window, laid over the spectrum: each bin less a half of the mean of its neighbours.
static double hann_energy(const kiss_fft_cpx *spectrum, size_t bin) {
    const kiss_fft_cpx *here = &spectrum[bin];
    const kiss_fft_cpx *left = &spectrum[bin - 1];
    const kiss_fft_cpx *right = &spectrum[(bin + 1) % WINDOW];
    double r = 0.5 * (double) here->r - 0.25 * ((double) left->r + (double) right->r);
    double i = 0.5 * (double) here->i - 0.25 * ((double) left->i + (double) right->i);
    return r * r + i * i;
}

static void bands(const kiss_fft_cpx *spectrum, double *features) {
    double energy[SV_VIBRATION_BANDS] = { 0 };
    double all = 0;
    for (size_t bin = 0; bin < BINS; bin++) {
        double here = hann_energy(spectrum, bin + 1);
        energy[bin / BAND_BINS] += here;
        all += here;
    }
    for (size_t i = 0; i < SV_VIBRATION_BANDS; i++) {
        features[SV_VIBRATION_BAND + i] = log(energy[i] / fmax(all, 1e-30) + ENERGY_LEAST);
    }
}

/// The size of the analytic signal: of the spectrum, the positive half twice.
static void envelope(workspace *in, double *features) {
    for (size_t bin = 0; bin < WINDOW; bin++) {
        float part = bin == 0 || bin == BINS ? 1.0F : bin < BINS ? 2.0F : 0.0F;
        in->spectrum[bin].r *= part;
        in->spectrum[bin].i *= part;
    }
    kiss_fft(plan(in->inverse), in->spectrum, in->signal);
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < WINDOW; i++) {
        double size = hypot((double) in->signal[i].r, (double) in->signal[i].i) / WINDOW;
        mean += size / WINDOW;
        squares += size * size / WINDOW;
    }
    double variance = fmax(squares - mean * mean, 0);
    features[SV_VIBRATION_ENVELOPE] = log(sqrt(variance) / fmax(mean, 1e-30) + 1e-6);
}

bool sv_vibration_features(sv_vibration_workspace *w, const double *samples, double *features) {
    workspace *in = inside(w);
    double x[WINDOW];
    double largest = prepare(samples, x);
    if (largest < 0) {
        return false;
    }
    if (largest < AMPLITUDE_LEAST) {
        still(features);
        return true;
    }
    moments(x, largest, features);
    for (size_t i = 0; i < WINDOW; i++) {
        in->signal[i] = (kiss_fft_cpx){ .r = (float) x[i] };
    }
    kiss_fft(plan(in->forward), in->signal, in->spectrum);
    bands(in->spectrum, features);
    envelope(in, features);
    return true;
}

void sv_vibration_feature_add(sv_textbuf *out, size_t feature) {
    static const char *const NAMES[SV_VIBRATION_BAND] = { "rms", "kurtosis", "crest", "envelope" };
    if (feature < SV_VIBRATION_BAND) {
        sv_textbuf_add_str(out, NAMES[feature]);
    } else {
        sv_textbuf_addf(out, "band%zu", feature - SV_VIBRATION_BAND + 1);
    }
}
