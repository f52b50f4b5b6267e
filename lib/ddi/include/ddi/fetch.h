// Bytes from the device's door, one thing after another, for whoever takes them at his own pace: a
// whole file, or a part of one in ranges that are no larger than what the line and the rate allow.
// What has come is not fetched again: when the line goes in the middle, the next range begins at
// the first byte that is missing. All on the loop's thread. [ddid-6]
#ifndef SV_DDI_FETCH_H
#define SV_DDI_FETCH_H

#include <ddi/pace.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    SV_DDI_PATH_ROOM = 512,
    SV_DDI_FETCH_TRIES_MAX = 8, ///< in a row without a byte: then it is given up
    /// Asked for while no more than this waits to be taken.
    SV_DDI_WINDOW_BYTES = 256 * 1024,
};

typedef struct sv_ddi_fetch sv_ddi_fetch;

typedef struct sv_ddi_fetch_events {
    /// The next bytes; returns how many it took. Those that are left are shown again after
    /// sv_ddi_fetch_go_on.
    size_t (*bytes)(void *arg, sv_text bytes);
    /// The end: SV_OK when everything was taken, SV_ERR_NOT_FOUND when there is no such thing (404,
    /// 403, 410), SV_ERR_UNAVAILABLE when it was given up, SV_ERR_INVALID for an answer that is
    /// none, or longer than it may be. The next may be started from within.
    void (*done)(void *arg, sv_err err, const sv_why *why);
    /// The line went, and is tried again after a while.
    void (*waits)(void *arg, const sv_why *why, int64_t wait_us);
} sv_ddi_fetch_events;

/// `origin` is the door's scheme, host and port; `rate` bytes a second, 0: no limit. `tls` is
/// borrowed; its certificate may change (sv_tls_adopt).
sv_err sv_ddi_fetch_open(sv_loop *loop, const char *origin, sv_tls *tls, uint64_t rate,
                         const sv_ddi_fetch_events *events, void *arg, sv_ddi_fetch **out,
                         sv_why *why);

/// A whole file, of at most `bytes_max`. SV_ERR_STATE while another one is fetched.
sv_err sv_ddi_fetch_file(sv_ddi_fetch *fetch, const char *path, uint64_t bytes_max);
/// The `bytes` of a file from `at` on: all of them.
sv_err sv_ddi_fetch_range(sv_ddi_fetch *fetch, const char *path, uint64_t at, uint64_t bytes);
/// There is room for bytes that were not taken.
void sv_ddi_fetch_go_on(sv_ddi_fetch *fetch);
bool sv_ddi_fetch_is_busy(const sv_ddi_fetch *fetch);
/// Give up what is fetched; nothing is called for it any more. Harmless when nothing is.
void sv_ddi_fetch_stop(sv_ddi_fetch *fetch);
/// Bytes that have come over the line so far.
uint64_t sv_ddi_fetch_bytes(const sv_ddi_fetch *fetch);
/// Not from within an event.
void sv_ddi_fetch_drop(sv_ddi_fetch **fetch);

#endif
