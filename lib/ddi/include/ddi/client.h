// A DDI client for one device at one door: polls by itself, reads what there is to do, gives
// feedback and says what it is. One request at a time, all on the loop's thread; docs/spec/ddi.md.
#ifndef SV_DDI_CLIENT_H
#define SV_DDI_CLIENT_H

#include <ddi/document.h>
#include <ddi/pace.h>
#include <model/id.h>
#include <net/tls.h>
#include <sys/loop.h>

#define SV_DDI_FIRST_WAIT_US SV_TIME_SECOND_US ///< at most, from its start to the first poll
#define SV_DDI_CALL_GAP_US SV_TIME_SECOND_US   ///< between two polls that somebody asks for

typedef struct sv_ddi_client sv_ddi_client;

typedef struct sv_ddi_client_options {
    const char *origin; ///< the door: https://gateway.example:8444
    const char *id;
    sv_tls *tls;     ///< borrowed; its certificate may change (sv_tls_adopt)
    int64_t poll_us; ///< between two polls, until the server names a time
} sv_ddi_client_options;

typedef struct sv_ddi_client_events {
    /// A poll was answered, and what it led to was read. `deployment` NULL: nothing is to be done.
    void (*polled)(void *arg, const sv_ddi_poll *poll, const sv_ddi_deployment *deployment);
    /// It was not, or not as it should be; the next one comes after `wait_us`.
    void (*failed)(void *arg, const sv_why *why, int64_t wait_us);
} sv_ddi_client_events;

/// Polls from now on, first after at most SV_DDI_FIRST_WAIT_US. Texts are copied.
sv_err sv_ddi_client_open(sv_loop *loop, const sv_ddi_client_options *options,
                          const sv_ddi_client_events *events, void *arg, sv_ddi_client **out,
                          sv_why *why);
/// Poll at once; within SV_DDI_CALL_GAP_US of the last one, after that. [ddid-9]
void sv_ddi_client_look(sv_ddi_client *client);

/// Called once for what was said; `taken`: the server answered with 2xx. `gone`: it will never take
/// it (404, 410: there is no such action).
typedef void sv_ddi_said(void *arg, bool taken, bool gone, const sv_why *why);

/// SV_ERR_NO_SPACE while too much waits.
sv_err sv_ddi_client_feedback(sv_ddi_client *client, const sv_ddi_feedback *feedback,
                              sv_ddi_said *said, void *arg);
/// The answer to a cancel: `stop` is the number that cancelAction had. `taken` false: it comes too
/// late.
sv_err sv_ddi_client_cancel(sv_ddi_client *client, int64_t stop, int64_t at_us, bool stopped,
                            sv_ddi_said *said, void *arg);
sv_err sv_ddi_client_config(sv_ddi_client *client, int64_t at_us,
                            const sv_ddi_attribute *attributes, size_t count, sv_ddi_said *said,
                            void *arg);
/// Nothing is called any more. Not from within an event.
void sv_ddi_client_drop(sv_ddi_client **client);

#endif
