// What the parts of ddi/device.h share.
#ifndef SV_DDI_DEVICE_OWN_H
#define SV_DDI_DEVICE_OWN_H

#include <ddi/device.h>

#include <ddi/client.h>
#include <ddi/updater.h>
#include <string.h>

enum { SAID_ROOM = 1024, ZONE_ROOM = 64 };

/// What is being said to the server; one thing at a time.
typedef enum saying {
    SAYING_NOTHING,
    SAYING_CANCEL,
    SAYING_CONFIG,
    SAYING_REPORT,
    SAYING_END,
    SAYING_WRITTEN,
} saying;

/// Why an action ends without a report of the updater's.
typedef struct ending {
    bool due, success;
    char why[SV_UPDATER_WHY_ROOM];
} ending;

struct sv_ddi_device {
    sv_loop *loop;
    sv_ddi_device_options options;
    const sv_ddi_device_events *events;
    void *arg;
    sv_ddi_client *ddi;
    sv_ddi_updater *updater;
    sv_timer *again;
    char zone[ZONE_ROOM];

    // The updater.
    sv_updater_status status;
    int64_t status_us; ///< when it came
    bool has_status, stale;
    bool away;              ///< it was not reached the last time
    int64_t ask_at_us;      ///< not before
    uint8_t asked;          ///< sv_updater_verb of the question that is open
    uint64_t number;        ///< of the last question
    int64_t trial_at_us;    ///< since when a release on trial is seen; 0: none
    int64_t trial_since_us; ///< since when it runs
    uint64_t trial_start;   ///< the start that this is about

    // The server.
    uint64_t polls, polls_delivered; ///< answered; and at the last report that was delivered
    int64_t poll_asked_us;           ///< when the last one that was answered was asked
    bool offered;                    ///< the last poll had `deployment`
    sv_ddi_deployment deployment;
    int64_t action; ///< the last that was offered; 0: none
    int64_t gone;   ///< an action that the server does not have any more
    int64_t cancel, stop;
    bool heard; ///< a poll was answered, or has failed

    // The action.
    int64_t ended_action;   ///< its end was told
    int64_t check_at_us;    ///< not before
    int64_t checked_action; ///< that the last CHECK was for
    unsigned refusals;
    sv_err refusal;
    bool written; ///< and waits for a better moment to be armed
    bool written_told;
    ending end;

    // What is said.
    saying saying;
    int64_t say_at_us;
    unsigned say_failures;
    char said[SAID_ROOM]; ///< configData, as it was taken last
    char tells[SAID_ROOM];
    uint64_t report;      ///< that the server took and the updater does not know of
    bool told_as_config;  ///< the report that is being said
    uint64_t said_number; //
    uint8_t said_state;   //
    int64_t said_action;  ///< of the report, or end, that is being said
    int64_t progress_at_us;
    bool progress_waits;
    sv_updater_progress progress; ///< of the action, the last that was told; of == 0: none was
    uint64_t fetched;             ///< for the action, over all its checks
};

/// For the log.
SV_PRINTF(4, 5)
void device_log(const sv_ddi_device *device, bool good, const char *event, const char *fmt, ...);

/// A better moment is waited for: the server's window, or the operator's file. Where nothing is
/// offered the server holds nothing. [ddid-15]
bool device_is_held(const sv_ddi_device *device);
/// Whether some step can be taken now, and take it.
void device_step(sv_ddi_device *device);
/// Say what is to be said, if there is something.
void device_say(sv_ddi_device *device);
/// A check counts from its beginning, the action goes on.
void device_note_progress(sv_ddi_device *device, const sv_updater_progress *progress);
void device_say_progress(sv_ddi_device *device);
/// The slot is armed and the machine starts again: said once, as it may be too late for more.
void device_say_restart(sv_ddi_device *device);

/// What is armed was canceled, and has not been started: before the cancel is answered it is given
/// up. [ddid-14]
bool device_is_to_withdraw(const sv_ddi_device *device);

/// After a CHECK was refused for the `in_a_row`-th time with that code: until the next one; 0:
/// there is none, the action has failed. What is not right stays so; what may pass is tried for as
/// long as the server wants it. [ddid-17]
int64_t device_refused_wait_us(sv_err err, unsigned in_a_row);

#endif
