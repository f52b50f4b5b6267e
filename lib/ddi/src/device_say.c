#include "device_own.h"

#include <codec/encode.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>

static const char *boot_state_of(const sv_updater_status *status) {
    static const char *const NAMES[] = { "idle", "trial", "confirmed", "bad" };
    unsigned state = status->running < SV_BOOT_SLOTS ? status->boot[status->running] : 0;
    return status->running >= SV_BOOT_SLOTS || state >= SV_COUNT(NAMES) ? "" : NAMES[state];
}

void sv_ddi_device_tell(const sv_ddi_device *device, sv_health_metrics *out) {
    const sv_updater_status *status = &device->status;
    if (!device->has_status) {
        return;
    }
    if (status->runs.known) {
        (void) (sv_text_copy(sv_text_of(status->runs.version), out->firmware_version,
                             sizeof out->firmware_version)
                == SV_OK);
    }
    if (status->running < SV_BOOT_SLOTS) {
        out->slot[0] = status->running == 0 ? 'a' : 'b';
        out->slot[1] = '\0';
    }
    (void) (sv_text_copy(sv_text_of(boot_state_of(status)), out->boot_state, sizeof out->boot_state)
            == SV_OK);
}

// ---- configData ---------------------------------------------------------------------------------

enum { ATTRIBUTES = 9 };

typedef struct attributes {
    char digest[2 * SV_BOOT_DIGEST_BYTES + 1], counter[24], slot[2];
    sv_ddi_attribute all[ATTRIBUTES];
} attributes;

static void gather(const sv_ddi_device *device, attributes *out) {
    const sv_updater_status *status = &device->status;
    const sv_updater_release *runs = &status->runs;
    sv_textbuf digest = SV_TEXTBUF(out->digest);
    *out = (attributes){ 0 };
    if (runs->known) {
        sv_hex_add(&digest, runs->digest, sizeof runs->digest);
        (void) sv_textbuf_end(&digest);
        (void) snprintf(out->counter, sizeof out->counter, "%u", runs->counter);
    }
    if (status->running < SV_BOOT_SLOTS) {
        out->slot[0] = status->running == 0 ? 'a' : 'b';
    }
    const sv_ddi_attribute all[ATTRIBUTES] = {
        { "product", status->product },
        { "version", runs->known ? runs->version : device->options.version },
        { "sha256", out->digest },
        { "hardware", status->hardware },
        { "slot", out->slot },
        { "counter", out->counter },
        { "timezone", device->zone },
        { "boot", boot_state_of(status) },
        { "client", device->options.client },
    };
    memcpy(out->all, all, sizeof all);
}

static void on_said(void *arg, bool taken, bool gone, const sv_why *why);

/// All of it as one text, to see whether it has changed.
static void join(const attributes *all, char *room, size_t bytes) {
    sv_textbuf text = { .at = room, .cap = bytes };
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        sv_textbuf_addf(&text, "%s\n", all->all[i].value);
    }
    (void) sv_textbuf_end(&text);
}

static sv_err say_config(sv_ddi_device *device) {
    attributes all;
    gather(device, &all);
    join(&all, device->tells, sizeof device->tells);
    return sv_ddi_client_config(device->ddi, sv_clock_wall_us(), all.all, ATTRIBUTES, on_said,
                                device);
}

static bool has_news(const sv_ddi_device *device) {
    attributes all;
    char now[SAID_ROOM];
    gather(device, &all);
    join(&all, now, sizeof now);
    return strcmp(now, device->said) != 0;
}

// ---- reports ------------------------------------------------------------------------------------

static const sv_journal_report *next_report(const sv_ddi_device *device) {
    bool any = device->has_status && !device->stale && device->report == 0
               && device->status.report_count > 0;
    return any ? &device->status.reports[0] : NULL;
}

static void describe(const sv_journal_report *report, char *room, size_t bytes) {
    const char *state = sv_trial_state_name((sv_trial_state) report->state);
    (void) snprintf(room, bytes, "%s %s in slot %c%s%s", report->version, state,
                    report->slot == 0 ? 'a' : 'b', report->why[0] != '\0' ? ": " : "", report->why);
}

/// A report goes to the action that it tells of, also when another one is offered by now; of one
/// that the server does not have any more, what runs now says what became of it. [ddid-12]
static sv_err say_report(sv_ddi_device *device, const sv_journal_report *report) {
    device->said_number = report->number;
    device->said_state = report->state;
    device->said_action = report->action;
    device->told_as_config = report->action == 0 || report->action == device->gone;
    if (device->told_as_config) {
        return say_config(device);
    }
    char line[SV_TRIAL_WHY_ROOM + 128];
    describe(report, line, sizeof line);
    bool good = report->state == SV_TRIAL_CONFIRMED;
    bool bad = report->state == SV_TRIAL_FAILED || report->state == SV_TRIAL_ROLLED_BACK;
    const sv_ddi_state own = {
        .state = sv_trial_state_name((sv_trial_state) report->state),
        .version = report->version,
        .why = report->why,
        .digest = report->digest,
        .counter = report->counter,
        .slot = report->slot,
        .number = (int64_t) report->number,
        .bytes = -1,
        .of = -1,
        .fetched = -1,
    };
    const sv_ddi_feedback feedback = { .action = report->action,
                                       .at_us = sv_clock_wall_us(),
                                       .finished = good  ? SV_DDI_SUCCESS
                                                   : bad ? SV_DDI_FAILURE
                                                         : SV_DDI_NONE,
                                       .closed = good || bad,
                                       .details = { sv_text_of(line) },
                                       .detail_count = 1,
                                       .state = &own };
    return sv_ddi_client_feedback(device->ddi, &feedback, on_said, device);
}

/// What the updater runs, as the state of an action that ends without an update.
static sv_err say_end(sv_ddi_device *device) {
    const sv_updater_release *runs = &device->status.runs;
    bool good = device->end.success;
    device->said_action = device->action;
    const sv_ddi_state own = { .state = good ? "confirmed" : "refused",
                               .version = runs->known ? runs->version : NULL,
                               .why = device->end.why,
                               .digest = runs->known ? runs->digest : NULL,
                               .counter = runs->known ? (int64_t) runs->counter : -1,
                               .slot = device->status.running < SV_BOOT_SLOTS
                                           ? (int64_t) device->status.running
                                           : -1,
                               .number = -1,
                               .bytes = -1,
                               .of = -1,
                               .fetched = -1 };
    const sv_ddi_feedback feedback = { .action = device->action,
                                       .at_us = sv_clock_wall_us(),
                                       .finished = good ? SV_DDI_SUCCESS : SV_DDI_FAILURE,
                                       .closed = true,
                                       .details = { sv_text_of(device->end.why) },
                                       .detail_count = 1,
                                       .state = &own };
    return sv_ddi_client_feedback(device->ddi, &feedback, on_said, device);
}

/// It has all of the image and waits for a better moment: who waits for that knows. [ddid-15]
static sv_err say_written(sv_ddi_device *device) {
    const sv_ddi_state own = { .state = "verified",
                               .version = device->deployment.version,
                               .counter = -1,
                               .slot = -1,
                               .number = -1,
                               .bytes = -1,
                               .of = -1,
                               .fetched = -1 };
    const sv_ddi_feedback feedback = { .action = device->action,
                                       .at_us = sv_clock_wall_us(),
                                       .details = { SV_TEXT(
                                           "written; started when nothing holds it any more") },
                                       .detail_count = 1,
                                       .state = &own };
    return sv_ddi_client_feedback(device->ddi, &feedback, on_said, device);
}

/// What runs on trial is not given up by it: whether it proves itself is decided there. So is what
/// is armed where nobody knows for which action. [ddid-14]
static sv_err say_cancel(sv_ddi_device *device) {
    const sv_updater_status *status = &device->status;
    bool is_meant = status->action == 0 || status->action == device->stop;
    bool is_late = device->has_status && is_meant
                   && (status->state == SV_TRIAL_INSTALLED || status->state == SV_TRIAL_TRIAL);
    return sv_ddi_client_cancel(device->ddi, device->cancel, sv_clock_wall_us(), !is_late, on_said,
                                device);
}

static saying choose(const sv_ddi_device *device) {
    bool knows = device->has_status && !device->stale;
    if (device->polls == 0) {
        return SAYING_NOTHING;
    }
    if (device->cancel != 0 && (knows || device->away) && !device_is_to_withdraw(device)) {
        return SAYING_CANCEL;
    }
    if (knows && has_news(device)) {
        return SAYING_CONFIG;
    }
    if (next_report(device) != NULL) {
        return SAYING_REPORT;
    }
    if (device->end.due && knows) {
        return SAYING_END;
    }
    bool waits = device->written && !device->written_told && device_is_held(device);
    return waits && knows ? SAYING_WRITTEN : SAYING_NOTHING;
}

static void was_taken(sv_ddi_device *device, saying what) {
    bool told = what == SAYING_CONFIG || (what == SAYING_REPORT && device->told_as_config);
    if (told) {
        memcpy(device->said, device->tells, sizeof device->said);
    }
    if (what == SAYING_REPORT) {
        bool is_end = device->said_state >= SV_TRIAL_CONFIRMED;
        device->report = device->said_number;
        if (is_end && !device->told_as_config) {
            device->ended_action = device->said_action;
        }
    }
    if (what == SAYING_END) {
        if (device->said_action == device->action) { // and not another one's, offered meanwhile
            device->end.due = false;
        }
        device->ended_action = device->said_action;
    }
    if (what == SAYING_CANCEL) {
        device->cancel = 0;
    }
    if (what == SAYING_WRITTEN) {
        device->written_told = true;
    }
}

static void on_said(void *arg, bool taken, bool gone, const sv_why *why) {
    sv_ddi_device *device = arg;
    saying what = device->saying;
    device->saying = SAYING_NOTHING;
    bool unknown = gone && what != SAYING_CONFIG;
    if (taken || (unknown && what != SAYING_REPORT)) {
        device->say_failures = 0;
        was_taken(device, what);
    } else if (unknown && !device->told_as_config) {
        device->gone = device->said_action;
    } else {
        device->say_failures++;
        int64_t wait_us = sv_ddi_wait_us(SV_DDI_RETRY_MAX_US, device->say_failures, 0.5);
        device->say_at_us = sv_clock_monotonic_us() + wait_us;
        device_log(device, false, "update.unsaid", "%s; again in %.0f s", why->text,
                   (double) wait_us / 1e6);
    }
    device_step(device);
}

void device_say(sv_ddi_device *device) {
    if (device->saying != SAYING_NOTHING || sv_clock_monotonic_us() < device->say_at_us) {
        return;
    }
    saying what = choose(device);
    sv_err err = SV_OK;
    switch (what) {
    case SAYING_NOTHING:
        return;
    case SAYING_CANCEL:
        err = say_cancel(device);
        break;
    case SAYING_CONFIG:
        err = say_config(device);
        break;
    case SAYING_REPORT:
        err = say_report(device, next_report(device));
        break;
    case SAYING_END:
        err = say_end(device);
        break;
    case SAYING_WRITTEN:
        err = say_written(device);
        break;
    }
    if (err == SV_OK) {
        device->saying = what;
    } else {
        device->say_at_us = sv_clock_monotonic_us() + SV_DDI_RETRY_FIRST_US;
    }
}

// ---- on the way ---------------------------------------------------------------------------------

static void on_progress_said(void *arg, bool taken, bool gone, const sv_why *why) {
    sv_ddi_device *device = arg;
    (void) taken;
    (void) gone;
    (void) why;
    device->progress_waits = false; // the next one says more
}

static void say_on_the_way(sv_ddi_device *device, const sv_ddi_state *own, const char *line) {
    const sv_ddi_feedback feedback = { .action = device->checked_action,
                                       .at_us = sv_clock_wall_us(),
                                       .details = { sv_text_of(line) },
                                       .detail_count = line != NULL ? 1 : 0,
                                       .state = own };
    device->progress_waits =
        sv_ddi_client_feedback(device->ddi, &feedback, on_progress_said, device) == SV_OK;
}

void device_note_progress(sv_ddi_device *device, const sv_updater_progress *progress) {
    uint64_t before = device->progress.fetched;
    bool anew = progress->fetched < before;
    device->fetched += anew ? progress->fetched : progress->fetched - before;
    device->progress = *progress;
}

/// How far it is, and by what; nothing of either where nobody has said.
static sv_ddi_state state_of(const sv_ddi_device *device, const char *state) {
    const sv_updater_progress *progress = &device->progress;
    bool known = progress->of > 0;
    return (sv_ddi_state){ .state = state,
                           .version = known ? progress->version : NULL,
                           .encoding = known ? progress->encoding : NULL,
                           .counter = -1,
                           .slot = -1,
                           .number = -1,
                           .bytes = known ? (int64_t) progress->bytes : -1,
                           .of = known ? (int64_t) progress->of : -1,
                           .fetched = known ? (int64_t) device->fetched : -1 };
}

void device_say_progress(sv_ddi_device *device) {
    int64_t now_us = sv_clock_monotonic_us();
    if (device->checked_action == 0 || device->progress_waits || now_us < device->progress_at_us) {
        return;
    }
    device->progress_at_us = now_us + SV_DDI_PROGRESS_US;
    const sv_ddi_state own = state_of(device, "downloading");
    say_on_the_way(device, &own, NULL);
}

void device_say_restart(sv_ddi_device *device) {
    if (device->checked_action == 0 || device->asked != SV_UPDATER_CHECK) {
        return;
    }
    const sv_ddi_state own = state_of(device, "installed");
    say_on_the_way(device, &own, "installed; the machine starts again");
}
