// A bucket: what a window keeps of the readings of one pane, one hour or one session. Private to
// the files of window. It is plain bytes in the window's storage, of a size that goes by the
// function: one kept or summed value, for a rate two, for a quantile clusters.
#ifndef SV_EDGE_WINDOW_BUCKET_H
#define SV_EDGE_WINDOW_BUCKET_H

#include <edge/window.h>

enum {
    BUCKET_PLAIN_BYTES = 16,
    BUCKET_RATE_BYTES = 32,
    BUCKET_PANE_BYTES = 96,   ///< a quantile's, where there are SV_WINDOW_QUANTILE_PANES
    BUCKET_WHOLE_BYTES = 384, ///< and where there are two
};

bool bucket_is_quantile(sv_window_function function);

void bucket_start(sv_window_function function, void *bucket, size_t bytes);
void bucket_add(sv_window_function function, void *bucket, size_t bytes, double value,
                int64_t at_us);
/// Take what `from` holds into `into`; not for quantiles.
void bucket_merge(sv_window_function function, void *into, const void *from);
/// Not for quantiles. False when it is unknown.
bool bucket_value(sv_window_function function, const void *bucket, double *out);

/// The quantile over all `buckets`, each of `bytes`; false when they are empty. `count` gets how
/// many readings they hold.
bool bucket_quantile(sv_window_function function, const void *const buckets[], unsigned buckets_n,
                     size_t bytes, double *out, uint64_t *count);

#endif
