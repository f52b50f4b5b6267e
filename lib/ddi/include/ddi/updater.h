// The agent's end of the updater's socket (update/message.h): one question, and its end. To a CHECK
// the updater says what it wants from the device's door; that is fetched for it, when it is
// something that this device gets, and nothing else is. Each question has a connection of its own.
// All on the loop's thread. [ddid-4]
#ifndef SV_DDI_UPDATER_H
#define SV_DDI_UPDATER_H

#include <ddi/fetch.h>
#include <update/message.h>

/// For the next word of the updater; a slot that is read back takes its time.
#define SV_DDI_UPDATER_PATIENCE_US (10 * SV_TIME_MINUTE_US)

typedef struct sv_ddi_updater sv_ddi_updater;

typedef struct sv_ddi_updater_events {
    /// How far a CHECK is; may be NULL.
    void (*progress)(void *arg, const sv_updater_progress *progress);
    /// The line went, and is tried again; may be NULL.
    void (*waits)(void *arg, const sv_why *why, int64_t wait_us);
    /// Open a content key that was wrapped for this device. NULL: there are none.
    sv_err (*open_key)(void *arg, sv_text cms, uint8_t out[SV_UPDATER_KEY_BYTES], sv_why *why);
    /// The end: STATUS, IDLE, REBOOT or REFUSED; NULL and `why` when the updater cannot be reached,
    /// went away or said something else. The next question may be asked from within.
    void (*ended)(void *arg, const sv_updater_message *answer, const sv_why *why);
} sv_ddi_updater_events;

typedef struct sv_ddi_updater_options {
    const char *socket; ///< path
    const char *id;     ///< of this device
    const char *origin; ///< of the door; NULL: nothing is fetched
    sv_tls *tls;        ///< borrowed; its certificate may change (sv_tls_adopt)
    uint64_t rate;      ///< bytes a second; 0: no limit
} sv_ddi_updater_options;

/// Texts are copied.
sv_err sv_ddi_updater_open(sv_loop *loop, const sv_ddi_updater_options *options,
                           const sv_ddi_updater_events *events, void *arg, sv_ddi_updater **out,
                           sv_why *why);
/// Ask; the end comes later, never from within. SV_ERR_STATE while another question is open.
sv_err sv_ddi_updater_ask(sv_ddi_updater *updater, const sv_updater_message *question);
bool sv_ddi_updater_is_busy(const sv_ddi_updater *updater);
/// Hang up; nothing is called for it any more. Harmless when nothing is open.
void sv_ddi_updater_stop(sv_ddi_updater *updater);
/// Not from within an event.
void sv_ddi_updater_drop(sv_ddi_updater **updater);

#endif
