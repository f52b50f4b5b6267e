// A device's part between a fleet server, which says whether there is something to do, and its
// updater, which decides: polls, tells the updater, has fetched what that wants, says when a
// release on trial has proved itself, and carries the updater's reports to the server. Whatever
// fails here is tried again, and is never a reason to go back to an older release. All on the
// loop's thread; docs/spec/ddi.md
#ifndef SV_DDI_DEVICE_H
#define SV_DDI_DEVICE_H

#include <ddi/gate.h>
#include <model/health.h>
#include <net/tls.h>
#include <sys/loop.h>

#define SV_DDI_AGAIN_US (10 * SV_TIME_SECOND_US)   ///< after a refusal, doubled each time
#define SV_DDI_AGAIN_MAX_US SV_TIME_HOUR_US        //
#define SV_DDI_PROGRESS_US (5 * SV_TIME_SECOND_US) ///< between two words of how far it is

enum { SV_DDI_REFUSALS_MAX = 3 }; ///< in a row for the same reason: then the action has failed

typedef struct sv_ddi_device sv_ddi_device;

/// Texts and `tls`, whose certificate may change (sv_tls_adopt), outlive it.
typedef struct sv_ddi_device_options {
    const char *id;
    const char *door;    ///< https://host:port
    const char *socket;  ///< of the updater
    const char *cert;    ///< PEM file; its key opens content keys
    const char *key;     ///< where it is (crypto/key_store.h)
    const char *hold;    ///< while this file is there nothing is armed; "": none
    const char *version; ///< of who does not know what the updater says
    const char *client;  ///< what calls itself so in configData
    sv_tls *tls;
    int64_t poll_us;     ///< until the server names a time
    int64_t deadline_us; ///< for a release to prove itself
    uint64_t rate;       ///< bytes a second; 0: no limit
} sv_ddi_device_options;

typedef struct sv_ddi_device_events {
    /// A release is on trial, and runs since then (monotonic clock): how the machine is. What was
    /// seen before is no proof of it. `polled` is not asked.
    void (*look)(void *arg, int64_t since_us, sv_ddi_seen *out);
    /// For the log; `good`: nobody has to do anything.
    void (*said)(void *arg, bool good, const char *event, const char *sentence);
} sv_ddi_device_events;

sv_err sv_ddi_device_open(sv_loop *loop, const sv_ddi_device_options *options,
                          const sv_ddi_device_events *events, void *arg, sv_ddi_device **out,
                          sv_why *why);
/// Somebody says that there is something: poll now.
void sv_ddi_device_look(sv_ddi_device *device);
/// What `look` would find is another: judge again, if a release is on trial.
void sv_ddi_device_judge(sv_ddi_device *device);
/// What runs, as the updater says it; nothing is set while that is not known. [ddid-13]
void sv_ddi_device_tell(const sv_ddi_device *device, sv_health_metrics *out);
/// Nothing is under way, nothing waits to be told, nobody is asked: the updater is not needed until
/// the next poll.
bool sv_ddi_device_is_quiet(const sv_ddi_device *device);
void sv_ddi_device_drop(sv_ddi_device **device);

#endif
