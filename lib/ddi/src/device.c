#include "device_own.h"

#include <base/mem.h>
#include <crypto/content_key.h>
#include <crypto/key_store.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <unistd.h>

enum { PEM_MAX = 64 * 1024, US_PER_MS = 1000 };

#define LOOK_US SV_TIME_SECOND_US ///< at a release on trial, and at what waits
#define HOLD_LOOK_US (10 * SV_TIME_SECOND_US)
#define AWAY_US (15 * SV_TIME_SECOND_US)

void device_log(const sv_ddi_device *device, bool good, const char *event, const char *fmt, ...) {
    char sentence[SV_WHY_MAX + 64];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    device->events->said(device->arg, good, event, sentence);
}

// ---- what the updater is asked ------------------------------------------------------------------

static void ask(sv_ddi_device *device, sv_updater_message *question) {
    question->number = ++device->number;
    device->asked = question->verb;
    (void) (sv_ddi_updater_ask(device->updater, question) == SV_OK); // nothing else is open
}

static void ask_plainly(sv_ddi_device *device, sv_updater_verb verb) {
    ask(device, &(sv_updater_message){ .verb = (uint8_t) verb });
}

bool device_is_held(const sv_ddi_device *device) {
    const char *hold = device->options.hold;
    bool server_holds =
        device->offered
        && (device->deployment.update == SV_DDI_SKIP || device->deployment.outside_window);
    return server_holds || (hold[0] != '\0' && access(hold, F_OK) == 0);
}

/// What is armed was wanted when it was, and is started whatever is offered by now, or whether
/// anybody can be asked; but not before a cancel could be heard of. What was given up and still
/// runs is left. [ddid-21]
static bool start_is_due(const sv_ddi_device *device) {
    return device->status.next == SV_TRIAL_REBOOT
           && (device->status.state != SV_TRIAL_INSTALLED
               || (device->heard && !device_is_held(device)));
}

bool device_is_to_withdraw(const sv_ddi_device *device) {
    const sv_updater_status *status = &device->status;
    return device->cancel != 0 && device->has_status && !device->stale
           && status->state == SV_TRIAL_INSTALLED && status->action != 0
           && status->action == device->stop;
}

static bool is_bad(const sv_ddi_device *device) {
    const sv_updater_status *status = &device->status;
    for (unsigned i = 0; device->deployment.has_digest && i < status->bad_count; i++) {
        if (memcmp(status->bad[i], device->deployment.digest, sizeof status->bad[i]) == 0) {
            return true;
        }
    }
    return false;
}

/// A server that has heard how an image failed, and offers it again, means it: two polls after the
/// last report, as the first may have begun before. [ddid-16]
static bool is_meant_again(const sv_ddi_device *device) {
    return device->status.report_count == 0 && device->polls >= device->polls_delivered + 2;
}

/// Its journal says what became of the action that is offered, and the server has not heard it
/// yet: then it is no more to be asked for.
static bool is_reported(const sv_ddi_device *device) {
    const sv_updater_status *status = &device->status;
    for (unsigned i = 0; i < status->report_count; i++) {
        const sv_journal_report *report = &status->reports[i];
        bool is_end = report->state >= SV_TRIAL_CONFIRMED;
        if (is_end && report->action == device->deployment.action) {
            return true;
        }
    }
    return false;
}

static bool is_to_be_checked(const sv_ddi_device *device) {
    return device->offered && !is_reported(device)
           && device->deployment.action != device->ended_action
           && device->deployment.download != SV_DDI_SKIP && !device->end.due
           && !(device->written && device_is_held(device));
}

/// This program may have been here before what is on trial: what it did then proves nothing. A
/// second start of the same release is judged like a first one. [ddid-11]
static void begin_trial(sv_ddi_device *device, int64_t now_us) {
    const sv_updater_status *status = &device->status;
    if (device->trial_at_us != 0 && device->trial_start == status->start) {
        return;
    }
    device->trial_at_us = now_us;
    device->trial_start = status->start;
    device->trial_since_us = device->status_us - (int64_t) status->start_ms * US_PER_MS;
    device_log(device, true, "update.trial", "%s runs on trial in slot %c", status->update.version,
               status->slot == 0 ? 'a' : 'b');
    if (device->poll_asked_us < device->trial_since_us) {
        sv_ddi_client_look(device->ddi);
    }
}

/// The gate of a release on trial. False: nothing is decided yet.
static bool judge(sv_ddi_device *device) {
    int64_t now_us = sv_clock_monotonic_us();
    begin_trial(device, now_us);
    sv_ddi_seen seen = { .script = "" };
    device->events->look(device->arg, device->trial_since_us, &seen);
    seen.polled = device->polls > 0 && device->poll_asked_us >= device->trial_since_us;
    sv_why why = { 0 };
    sv_ddi_verdict verdict =
        sv_ddi_gate(&seen, now_us - device->trial_at_us, device->options.deadline_us, &why);
    if (verdict == SV_DDI_WAIT) {
        return false;
    }
    sv_updater_message message = { .verb = SV_UPDATER_HEALTH,
                                   .health = { .healthy = verdict == SV_DDI_HEALTHY } };
    memcpy(message.health.why, why.text, sizeof message.health.why);
    device_log(device, true, "update.judged", "%s: %s", device->status.update.version,
               verdict == SV_DDI_HEALTHY ? "healthy" : why.text);
    ask(device, &message);
    return true;
}

/// The first one only writes: whether something holds is asked again when that is done, which may
/// take hours. What is armed already was written. [ddid-15]
static void check(sv_ddi_device *device) {
    const sv_updater_status *status = &device->status;
    bool is_armed = status->next == SV_TRIAL_REBOOT;
    bool is_there = device->written || is_armed;
    bool hold = !is_there || device_is_held(device);
    device->checked_action = is_armed ? status->action : device->action;
    device_log(device, true, "update.check", "action %lld: %s%s",
               (long long) device->checked_action,
               is_armed ? status->update.version : device->deployment.version,
               is_there ? ", which is written" : "");
    ask(device, &(sv_updater_message){ .verb = SV_UPDATER_CHECK,
                                       .check = { .now_us = sv_clock_believed_us(),
                                                  .hold = hold,
                                                  .action = (uint32_t) device->checked_action } });
}

static void step_later(sv_ddi_device *device, int64_t wait_us) {
    sv_timer_once(device->again, wait_us > 0 ? wait_us : 0);
}

static void deliver(sv_ddi_device *device) {
    ask(device, &(sv_updater_message){ .verb = SV_UPDATER_DELIVERED, .delivered = device->report });
}

static void forgive(sv_ddi_device *device) {
    sv_updater_message message = { .verb = SV_UPDATER_FORGIVE };
    memcpy(message.forgive, device->deployment.digest, sizeof message.forgive);
    ask(device, &message);
}

static void look_for_update(sv_ddi_device *device, int64_t now_us) {
    bool starts = start_is_due(device);
    bool is_armed = device->status.next == SV_TRIAL_REBOOT;
    if (!starts && !is_to_be_checked(device)) {
        if (device->written || is_armed) {
            step_later(device, HOLD_LOOK_US);
        }
    } else if (now_us < device->check_at_us) {
        step_later(device, device->check_at_us - now_us);
    } else if (starts || !is_bad(device)) {
        check(device);
    } else if (is_meant_again(device)) {
        forgive(device);
    } else {
        sv_ddi_client_look(device->ddi); // is it meant?
    }
}

/// The next question, by what is known.
static void ask_next(sv_ddi_device *device) {
    int64_t now_us = sv_clock_monotonic_us();
    if (now_us < device->ask_at_us) {
        step_later(device, device->ask_at_us - now_us);
    } else if (!device->has_status || device->stale) {
        ask_plainly(device, SV_UPDATER_ASK);
    } else if (device->report != 0) {
        deliver(device);
    } else if (device_is_to_withdraw(device)) {
        device_log(device, true, "update.withdrawn", "%s is armed and was canceled: not started",
                   device->status.update.version);
        ask_plainly(device, SV_UPDATER_WITHDRAW);
    } else if (device->status.next == SV_TRIAL_ASK_HEALTH) {
        if (!judge(device)) {
            step_later(device, LOOK_US);
        }
    } else {
        look_for_update(device, now_us);
    }
}

void device_step(sv_ddi_device *device) {
    device_say(device);
    if (!sv_ddi_updater_is_busy(device->updater)) {
        ask_next(device);
    }
    int64_t now_us = sv_clock_monotonic_us();
    if (device->say_at_us > now_us && !sv_timer_is_set(device->again)) {
        step_later(device, device->say_at_us - now_us);
    }
}

static void on_again(void *arg) {
    device_step(arg);
}

// ---- what it answers ----------------------------------------------------------------------------

static void end_action(sv_ddi_device *device, bool success, const char *why) {
    device->end = (ending){ .due = true, .success = success };
    (void) (sv_text_copy(sv_text_of(why), device->end.why, sizeof device->end.why) == SV_OK);
}

static void on_idle(sv_ddi_device *device, uint8_t reason) {
    if (reason == SV_UPDATER_CURRENT) {
        end_action(device, true, "the image that is assigned runs");
    } else if (reason == SV_UPDATER_HELD) {
        device->written = true;
        device->written_told = false;
        if (device_is_held(device)) {
            device_log(device, true, "update.held",
                       "written; armed when nothing holds it any more");
        }
    } else {
        // The signed metadata know nothing of it yet.
        device->check_at_us = sv_clock_monotonic_us() + SV_DDI_AGAIN_US;
    }
}

int64_t device_refused_wait_us(sv_err err, unsigned in_a_row) {
    enum { DOUBLINGS_MAX = 9 };
    bool passes = err == SV_ERR_UNAVAILABLE || err == SV_ERR_STATE;
    if (!passes && in_a_row >= SV_DDI_REFUSALS_MAX) {
        return 0;
    }
    unsigned doublings = in_a_row - 1 < DOUBLINGS_MAX ? in_a_row - 1 : DOUBLINGS_MAX;
    int64_t wait_us = SV_DDI_AGAIN_US << doublings;
    return wait_us < SV_DDI_AGAIN_MAX_US ? wait_us : SV_DDI_AGAIN_MAX_US;
}

static void on_refused(sv_ddi_device *device, const sv_updater_refused *refused) {
    device->refusals = refused->err == device->refusal ? device->refusals + 1 : 1;
    device->refusal = (sv_err) refused->err;
    device->written = false; // it may have to be written again
    int64_t wait_us = device_refused_wait_us(device->refusal, device->refusals);
    if (wait_us == 0) {
        end_action(device, false, refused->why);
        return;
    }
    device->check_at_us = sv_clock_monotonic_us() + wait_us;
    device_log(device, false, "update.refused", "%s; again in %.0f s", refused->why,
               (double) wait_us / 1e6);
}

static void on_status(sv_ddi_device *device, const sv_updater_status *status) {
    if (device->asked == SV_UPDATER_DELIVERED) {
        device->report = 0;
        device->polls_delivered = device->polls;
    }
    if (status->next != SV_TRIAL_ASK_HEALTH) {
        device->trial_at_us = 0;
    }
    device->status = *status;
    device->status_us = sv_clock_monotonic_us();
    device->has_status = true;
    // What was stopped has not ended: nobody knows yet whether it arms. [ddid-14]
    device->stale = status->busy && device->cancel != 0;
    if (device->stale) {
        device->ask_at_us = sv_clock_monotonic_us() + LOOK_US;
    }
}

static void on_answer(sv_ddi_device *device, const sv_updater_message *answer) {
    device->stale = true;
    device->away = false;
    switch (answer->verb) {
    case SV_UPDATER_STATUS:
        on_status(device, &answer->status);
        break;
    case SV_UPDATER_IDLE:
        on_idle(device, answer->idle);
        break;
    case SV_UPDATER_REBOOT:
        device_log(device, true, "update.restart", "the updater starts the machine again");
        device_say_restart(device);
        device->ask_at_us = sv_clock_monotonic_us() + LOOK_US;
        break;
    default: // REFUSED: no other verb comes here
        if (device->asked == SV_UPDATER_CHECK) {
            on_refused(device, &answer->refused);
        } else {
            device_log(device, false, "update.no", "%s", answer->refused.why);
            device->ask_at_us = sv_clock_monotonic_us() + SV_DDI_AGAIN_US;
        }
        break;
    }
}

static void on_ended(void *arg, const sv_updater_message *answer, const sv_why *why) {
    sv_ddi_device *device = arg;
    if (answer != NULL) {
        on_answer(device, answer);
    } else {
        if (!device->away) {
            device_log(device, false, "update.away", "%s", why->text);
        }
        device->away = true;
        device->stale = true;
        device->ask_at_us = sv_clock_monotonic_us() + AWAY_US;
    }
    device_step(device);
}

static void on_progress(void *arg, const sv_updater_progress *progress) {
    sv_ddi_device *device = arg;
    if (progress->fetched > 0) {
        device->refusals = 0; // what refuses now stands further on
    }
    device_note_progress(device, progress);
    device_say_progress(device);
}

static void on_waits(void *arg, const sv_why *why, int64_t wait_us) {
    const sv_ddi_device *device = arg;
    device_log(device, false, "update.waits", "%s; goes on in %.1f s", why->text,
               (double) wait_us / 1e6);
}

static sv_err open_key(void *arg, sv_text cms, uint8_t out[SV_UPDATER_KEY_BYTES], sv_why *why) {
    const sv_ddi_device *device = arg;
    SV_DEFER(sv_textbuf_drop) sv_textbuf certificate = SV_TEXTBUF_HEAP(PEM_MAX);
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = NULL;
    SV_TRY(sv_disk_read(device->options.cert, &certificate, why));
    SV_TRY(sv_key_open(device->options.key, &key, why));
    return sv_content_unwrap(cms, sv_textbuf_text(&certificate), key, out, why);
}

// ---- what the server says -----------------------------------------------------------------------

static void begin_action(sv_ddi_device *device, const sv_ddi_deployment *deployment) {
    if (deployment->action != device->action) {
        device_log(device, true, "update.offered", "action %lld: %s",
                   (long long) deployment->action, deployment->version);
        device->action = deployment->action;
        device->check_at_us = 0;
        device->refusals = 0;
        device->refusal = SV_OK;
        device->written = false;
        device->end.due = false;
        device->progress = (sv_updater_progress){ 0 };
        device->fetched = 0;
    }
    device->deployment = *deployment;
}

static void on_polled(void *arg, const sv_ddi_poll *poll, const sv_ddi_deployment *deployment) {
    sv_ddi_device *device = arg;
    bool checks = sv_ddi_updater_is_busy(device->updater) && device->asked == SV_UPDATER_CHECK;
    int64_t before = device->offered ? device->deployment.action : 0;
    device->polls++;
    device->heard = true;
    device->poll_asked_us = poll->asked_us;
    device->offered = deployment != NULL;
    if (deployment != NULL) {
        begin_action(device, deployment);
    } else {
        device->written = false;
        device->end.due = false;
    }
    if (checks && (deployment == NULL || deployment->action != before)) {
        device_log(device, true, "update.stopped", "the server does not want action %lld any more",
                   (long long) before);
        sv_ddi_updater_stop(device->updater);
    }
    device->cancel = poll->cancel;
    device->stop = poll->stop;
    device->stale = true;
    if (poll->wants_config) {
        device->said[0] = '\0';
    }
    device_step(device);
}

static void on_failed(void *arg, const sv_why *why, int64_t wait_us) {
    sv_ddi_device *device = arg;
    device_log(device, false, "update.unpolled", "%s; next poll in %.0f s", why->text,
               (double) wait_us / 1e6);
    if (!device->heard) {
        device->heard = true;
        device_step(device);
    }
}

void sv_ddi_device_look(sv_ddi_device *device) {
    sv_ddi_client_look(device->ddi);
}

// ---- its life -----------------------------------------------------------------------------------

/// Where this machine is, for windows that are in its own time.
static void find_zone(char room[ZONE_ROOM]) {
    char link[256] = "";
    ssize_t got = readlink("/etc/localtime", link, sizeof link - 1);
    const char *name = got > 0 ? strstr(link, "/zoneinfo/") : NULL;
    const sv_text zone = sv_text_of(name != NULL ? name + strlen("/zoneinfo/") : "UTC");
    (void) (sv_text_copy(zone, room, ZONE_ROOM) == SV_OK);
}

static sv_err open_parts(sv_ddi_device *device, sv_why *why) {
    static const sv_ddi_client_events CLIENT = { .polled = on_polled, .failed = on_failed };
    static const sv_ddi_updater_events UPDATER = {
        .progress = on_progress, .waits = on_waits, .open_key = open_key, .ended = on_ended
    };
    const sv_ddi_device_options *options = &device->options;
    const sv_ddi_client_options client = {
        .origin = options->door, .id = options->id, .tls = options->tls, .poll_us = options->poll_us
    };
    const sv_ddi_updater_options updater = { .socket = options->socket,
                                             .id = options->id,
                                             .origin = options->door,
                                             .tls = options->tls,
                                             .rate = options->rate };
    SV_TRY(sv_ddi_updater_open(device->loop, &updater, &UPDATER, device, &device->updater, why));
    return sv_ddi_client_open(device->loop, &client, &CLIENT, device, &device->ddi, why);
}

sv_err sv_ddi_device_open(sv_loop *loop, const sv_ddi_device_options *options,
                          const sv_ddi_device_events *events, void *arg, sv_ddi_device **out,
                          sv_why *why) {
    SV_DEFER(sv_ddi_device_drop) sv_ddi_device *device = sv_mem_new(sizeof *device);
    device->loop = loop;
    device->options = *options;
    device->events = events;
    device->arg = arg;
    device->again = sv_timer_new(loop, on_again, device);
    find_zone(device->zone);
    SV_TRY(open_parts(device, why));
    step_later(device, 0);
    *out = device;
    device = NULL;
    return SV_OK;
}

void sv_ddi_device_judge(sv_ddi_device *device) {
    step_later(device, 0);
}

bool sv_ddi_device_is_quiet(const sv_ddi_device *device) {
    bool knows = device->has_status && !device->stale && device->status.report_count == 0;
    return knows && !sv_ddi_updater_is_busy(device->updater) && device->report == 0
           && device->status.next == SV_TRIAL_WAIT && !is_to_be_checked(device);
}

void sv_ddi_device_drop(sv_ddi_device **device) {
    sv_ddi_device *gone = *device;
    if (gone == NULL) {
        return;
    }
    *device = NULL;
    sv_ddi_client_drop(&gone->ddi);
    sv_ddi_updater_drop(&gone->updater);
    sv_timer_drop(&gone->again);
    free(gone);
}
