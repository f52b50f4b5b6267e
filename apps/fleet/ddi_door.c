#include "ddi_door.h"

#include "actions_own.h"
#include "ddi_read.h"
#include "ddi_write.h"
#include "savings.h"

#include <stdio.h>
#include <string.h>
#include <sys/log.h>

enum { NUMBER_ROOM = 24, DONE = 200 };

/// One request on its way.
typedef struct visit {
    sv_http_request *request;
    sv_fleet *fleet;
    const sv_ddi_asker *asker;
    char base[SV_DDI_BASE_ROOM];
    int64_t action; ///< that the path names; 0: none
} visit;

// ---- answering ----------------------------------------------------------------------------------

static void answer_failure(const visit *v, sv_err err, const sv_why *why) {
    if (err == SV_ERR_NOT_FOUND) {
        sv_http_problem(v->request, 404, "Not found", "%s", why->text);
    } else if (err == SV_ERR_INVALID) {
        SV_LOG(warn, "ddi.refused", "%s: %s", v->asker->id, why->text);
        sv_http_problem(v->request, 400, "Bad request", "%s", why->text);
    } else {
        SV_LOG(error, "ddi.failed", "%s: %s", v->asker->id, why->text);
        sv_http_reply_header(v->request, "Retry-After", "30");
        sv_http_problem(v->request, 503, "Not stored", "%s; try again", why->text);
    }
}

/// Always 200: clients take no other success for one. [ddi-1]
static void answer(const visit *v, sv_err err, const sv_textbuf *json, const sv_why *why) {
    if (err != SV_OK) {
        answer_failure(v, err, why);
        return;
    }
    sv_http_reply(v->request, DONE, json != NULL ? "application/json" : NULL,
                  json != NULL ? sv_textbuf_text(json) : SV_TEXT(""));
}

static bool is_host(const char *host) {
    size_t len = host != NULL ? strlen(host) : 0;
    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                    || (c != '\0' && strchr(".-:[]", c) != NULL);
        if (!fine) {
            return false;
        }
    }
    return len > 0 && len < SV_FLEET_ADDRESS_ROOM;
}

/// The door as the device has reached it: a gateway says what it was called. [ddi-3]
static void find_base(visit *v) {
    bool passed_on = v->asker->gateway != NULL;
    const char *host = sv_http_header(v->request, passed_on ? "X-Forwarded-Host" : "Host");
    (void) snprintf(v->base, sizeof v->base, "https://%s",
                    is_host(host) ? host : v->fleet->config.devices.address);
}

// ---- polling ------------------------------------------------------------------------------------

static bool may_be_missing(sv_err *err) {
    bool found = *err == SV_OK;
    *err = *err == SV_ERR_NOT_FOUND ? SV_OK : *err;
    return found;
}

/// It says yes to everything, so to this.
static sv_err ask_consent(const visit *v, sv_action *open, sv_why *why) {
    bool by_itself = false;
    if (!open->asks) {
        return SV_OK;
    }
    SV_TRY(sv_running_says_yes(v->fleet, v->asker->id, &by_itself, why));
    if (!by_itself) {
        return SV_OK;
    }
    open->asks = false;
    return sv_actions_allow(v->fleet, v->asker->id, open->id, why);
}

/// What is to be done now, or what became of is waited for.
static sv_err find_work(const visit *v, sv_ddi_poll *poll, bool *rests, sv_why *why) {
    sv_action open;
    sv_err err = sv_actions_open_of(v->fleet, v->asker->id, &open, why);
    if (!may_be_missing(&err)) {
        SV_TRY(err);
        err = sv_actions_lost_of(v->fleet, v->asker->id, &open, why);
        poll->deployment = may_be_missing(&err) ? open.id : 0;
        return err;
    }
    // After its success it is not to install it once more.
    sv_action_offer offer = sv_actions_may_begin(v->fleet, &open);
    if (open.stand.success_us > 0 || offer == SV_OFFER_LATER) {
        return SV_OK;
    }
    *rests = offer == SV_OFFER_AHEAD && open.stand.state == SV_ACTION_VERIFIED;
    SV_TRY(ask_consent(v, &open, why));
    *(open.asks ? &poll->confirmation : &poll->deployment) = open.id;
    return SV_OK;
}

static sv_err find_stop(const visit *v, sv_ddi_poll *poll, sv_why *why) {
    static const sv_action_word NOTHING = { 0 };
    sv_action stopping;
    sv_err err = sv_actions_stopping_of(v->fleet, v->asker->id, &stopping, why);
    if (!may_be_missing(&err)) {
        return err;
    }
    poll->cancel = stopping.id;
    return sv_actions_stopped(v->fleet, v->asker->id, stopping.id, SV_STOP_TOLD, SV_DDI_STOPS_MAX,
                              &NOTHING, why);
}

static sv_err look(const visit *v, sv_ddi_poll *poll, sv_why *why) {
    sv_action installed;
    bool rests = false; // it has all of it, and waits for its window
    SV_TRY(find_stop(v, poll, why));
    if (poll->cancel == 0) {
        SV_TRY(find_work(v, poll, &rests, why));
    }
    sv_err err = sv_actions_confirmed_of(v->fleet, v->asker->id, &installed, why);
    poll->installed = may_be_missing(&err) ? installed.id : 0;
    SV_TRY(err);
    bool busy = (poll->deployment > 0 && !rests) || poll->cancel > 0 || poll->confirmation > 0;
    if (busy && poll->sleep_us > SV_DDI_POLL_BUSY_US) {
        poll->sleep_us = SV_DDI_POLL_BUSY_US;
    }
    return sv_running_is_asked(v->fleet, v->asker->id, &poll->config, why);
}

static void give_poll(visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_DDI_DOCUMENT_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    int64_t sleep_us = v->fleet->config.ddi.poll_us;
    sv_ddi_poll poll = { .base = v->base,
                         .device = v->asker->id,
                         .sleep_us = sleep_us > 0 ? sleep_us : SV_DDI_POLL_US };
    sv_err err = look(v, &poll, &why);
    if (err == SV_OK) {
        sv_ddi_write_poll(&poll, &out);
    }
    answer(v, err, &json, &why);
}

// ---- what is to be installed --------------------------------------------------------------------

static size_t history_of(const visit *v) {
    char word[NUMBER_ROOM];
    uint64_t count = 0;
    if (sv_http_query(v->request, "actionHistory", word, sizeof word) != SV_OK) {
        return 0;
    }
    bool all = strcmp(word, "-1") == 0;
    bool fine = all || sv_text_u64(sv_text_of(word), SV_DDI_HISTORY_MAX, &count) == SV_OK;
    return all || !fine ? SV_DDI_HISTORY_MAX : (size_t) count;
}

static sv_err note_seen(const visit *v, const sv_action *action, sv_why *why) {
    const sv_action_word word = { .said = SV_SAID_SEEN, .bytes = -1 };
    return action->stand.state == SV_ACTION_WAITING
               ? sv_actions_feedback(v->fleet, v->asker->id, action->id, &word, why)
               : SV_OK;
}

/// Its image; without it nothing can come of the action.
static sv_err find_image(const visit *v, const sv_action *action, sv_image_row *out, sv_why *why) {
    sv_err err = sv_images_find(v->fleet, sv_text_of(action->path), out, why);
    if (err == SV_ERR_NOT_FOUND && !sv_action_has_ended(action->stand.state)) {
        SV_TRY(sv_actions_fail(v->fleet, action->id, SV_ACTION_BY_DOWNLOAD,
                               "its image is not here any more", why));
        return sv_fail(why, SV_ERR_NOT_FOUND, "the image of action %lld is not here any more",
                       (long long) action->id);
    }
    return err;
}

static bool is_for(const visit *v, const sv_action *action, bool asks) {
    sv_action lost;
    if (sv_action_has_ended(action->stand.state)) {
        return !asks && sv_actions_lost_of(v->fleet, v->asker->id, &lost, NULL) == SV_OK
               && lost.id == action->id;
    }
    return action->asks == asks && sv_actions_may_begin(v->fleet, action) != SV_OFFER_LATER;
}

static sv_err give(const visit *v, bool asks, bool installed, sv_json_out *out, sv_why *why) {
    sv_action action;
    sv_image_row image;
    SV_TRY(sv_actions_find_of(v->fleet, v->asker->id, v->action, &action, why));
    bool fits = installed ? action.stand.state == SV_ACTION_CONFIRMED : is_for(v, &action, asks);
    if (!fits) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "action %lld is not to be carried out",
                       (long long) action.id);
    }
    SV_TRY(find_image(v, &action, &image, why));
    SV_TRY(note_seen(v, &action, why));
    const sv_ddi_deployment deployment = { .base = v->base,
                                           .action = &action,
                                           .image = &image,
                                           .offer = sv_actions_may_begin(v->fleet, &action),
                                           .asks = asks,
                                           .history = history_of(v) };
    return sv_ddi_write_deployment(v->fleet, &deployment, out, why);
}

static void give_document(const visit *v, bool asks, bool installed) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_DDI_DOCUMENT_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = give(v, asks, installed, &out, &why);
    answer(v, err, &json, &why);
}

static void give_deployment(visit *v) {
    give_document(v, false, false);
}

static void give_confirmation(visit *v) {
    give_document(v, true, false);
}

static void give_installed(visit *v) {
    give_document(v, false, true);
}

static void give_cancel(visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_DDI_DOCUMENT_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_action action;
    sv_err err = sv_actions_find_of(v->fleet, v->asker->id, v->action, &action, &why);
    if (err == SV_OK && !action.told) {
        err = sv_fail(&why, SV_ERR_NOT_FOUND, "action %lld is not to be stopped",
                      (long long) action.id);
    }
    sv_ddi_write_cancel(v->action, &out);
    answer(v, err, &json, &why);
}

// ---- what it says -------------------------------------------------------------------------------

/// A success of ours has with it what it runs.
static sv_err keep_running(const visit *v, const sv_ddi_heard *heard, sv_why *why) {
    sv_running running = { 0 };
    sv_err err = sv_running_of(v->fleet, v->asker->id, &running, why);
    if (!may_be_missing(&err)) {
        SV_TRY(err);
    }
    sv_ddi_running_of(heard, &running);
    running.at_us = v->fleet->wall_us();
    return sv_running_store(v->fleet, v->asker->id, &running, why);
}

static sv_err hear(const visit *v, const sv_ddi_heard *heard, sv_why *why) {
    sv_action action;
    SV_TRY(sv_actions_find_of(v->fleet, v->asker->id, v->action, &action, why));
    const sv_action_word word = sv_ddi_word(heard, action.stand.state);
    SV_TRY(sv_actions_feedback(v->fleet, v->asker->id, v->action, &word, why));
    const sv_savings_word fetched = { .ours = heard->ours,
                                      .encoding = heard->encoding,
                                      .fetched = heard->fetched };
    SV_TRY(sv_savings_hear(v->fleet, v->action, &fetched, why));
    if (word.said == SV_SAID_SUCCESS && heard->ours && heard->sha256.len > 0) {
        return keep_running(v, heard, why);
    }
    bool news = word.said == SV_SAID_SUCCESS || word.said == SV_SAID_FAILURE
                || word.said == SV_SAID_ROLLED_BACK;
    return news ? sv_running_ask(v->fleet, v->asker->id, why) : SV_OK;
}

static void take_feedback(visit *v) {
    SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
    sv_why why = { 0 };
    bool own = false;
    sv_err err = sv_ddi_feedback_read(sv_http_body(v->request), &heard, &why);
    if (err == SV_OK) {
        err = sv_actions_begin(v->fleet, &own, &why);
    }
    if (err == SV_OK) {
        err = sv_actions_end(v->fleet, own, hear(v, &heard, &why), &why);
    }
    answer(v, err, NULL, &why);
}

static sv_action_stop stop_of(const sv_ddi_heard *heard) {
    switch (heard->execution) {
    case SV_DDI_REJECTED:
        return SV_STOP_REJECTED;
    case SV_DDI_CLOSED:
    case SV_DDI_CANCELED:
        return heard->finished == SV_DDI_FAILURE ? SV_STOP_REJECTED : SV_STOP_ENDED;
    case SV_DDI_PROCEEDING:
    case SV_DDI_SCHEDULED:
    case SV_DDI_RESUMED:
    case SV_DDI_DOWNLOAD:
    case SV_DDI_DOWNLOADED:
    case SV_DDI_EXECUTION__COUNT:
    default:
        return SV_STOP_TOLD;
    }
}

static void take_stopped(visit *v) {
    SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
    sv_why why = { 0 };
    sv_err err = sv_ddi_feedback_read(sv_http_body(v->request), &heard, &why);
    if (err == SV_OK) {
        const sv_action_word word = sv_ddi_word(&heard, SV_ACTION_CANCELED);
        err = sv_actions_stopped(v->fleet, v->asker->id, v->action, stop_of(&heard),
                                 SV_DDI_STOPS_MAX, &word, &why);
    }
    answer(v, err, NULL, &why);
}

static void take_confirmation(visit *v) {
    SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
    sv_why why = { 0 };
    bool yes = false;
    sv_err err = sv_ddi_confirmation_read(sv_http_body(v->request), &heard, &yes, &why);
    const sv_action_word no = { .said = SV_SAID_REFUSED,
                                .why = SV_TEXT("denied at the device"),
                                .bytes = -1,
                                .lines = heard.lines,
                                .line_count = heard.line_count };
    if (err == SV_OK) {
        err = yes ? sv_actions_allow(v->fleet, v->asker->id, v->action, &why)
                  : sv_actions_feedback(v->fleet, v->asker->id, v->action, &no, &why);
    }
    answer(v, err, NULL, &why);
}

static void take_running(const visit *v,
                         sv_err (*read)(sv_text body, sv_running *running, sv_why *why)) {
    sv_running running = { 0 };
    sv_why why = { 0 };
    bool own = false;
    sv_err err = sv_running_of(v->fleet, v->asker->id, &running, &why);
    err = err == SV_ERR_NOT_FOUND ? SV_OK : err;
    if (err == SV_OK) {
        err = read(sv_http_body(v->request), &running, &why);
    }
    running.at_us = v->fleet->wall_us();
    if (err == SV_OK) {
        err = sv_actions_begin(v->fleet, &own, &why);
    }
    if (err == SV_OK) {
        err = sv_actions_end(v->fleet, own,
                             sv_running_store(v->fleet, v->asker->id, &running, &why), &why);
    }
    answer(v, err, NULL, &why);
}

static void take_config(visit *v) {
    take_running(v, sv_ddi_config_read);
}

static void take_installed(visit *v) {
    take_running(v, sv_ddi_installed_read);
}

// ---- whether it says yes to everything ----------------------------------------------------------

static void give_consent(visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_DDI_DOCUMENT_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    bool by_itself = false;
    sv_err err = sv_running_says_yes(v->fleet, v->asker->id, &by_itself, &why);
    sv_ddi_write_consent(v->base, v->asker->id, by_itself, &out);
    answer(v, err, &json, &why);
}

static void set_consent(const visit *v, bool by_itself) {
    sv_why why = { 0 };
    sv_err err = sv_running_say_yes(v->fleet, v->asker->id, by_itself, &why);
    answer(v, err, NULL, &why);
}

static void begin_consent(visit *v) {
    set_consent(v, true);
}

static void end_consent(visit *v) {
    set_consent(v, false);
}

// ---- routes -------------------------------------------------------------------------------------

/// `*` is the number of an action.
static const struct {
    const char *method, *path;
    void (*serve)(visit *v);
} ROUTES[] = {
    { "GET", "", give_poll },
    { "PUT", "configData", take_config },
    { "GET", "deploymentBase/*", give_deployment },
    { "POST", "deploymentBase/*/feedback", take_feedback },
    { "GET", "cancelAction/*", give_cancel },
    { "POST", "cancelAction/*/feedback", take_stopped },
    { "GET", "installedBase/*", give_installed },
    { "PUT", "installedBase", take_installed },
    { "GET", "confirmationBase", give_consent },
    { "POST", "confirmationBase/activateAutoConfirm", begin_consent },
    { "POST", "confirmationBase/deactivateAutoConfirm", end_consent },
    { "GET", "confirmationBase/*", give_confirmation },
    { "POST", "confirmationBase/*/feedback", take_confirmation },
};

static bool fits(const char *pattern, sv_text path, int64_t *action) {
    sv_text left = sv_text_of(pattern);
    *action = 0;
    while (left.len > 0 && path.len > 0) {
        sv_text want = sv_text_cut(&left, '/');
        sv_text have = sv_text_cut(&path, '/');
        uint64_t number = 0;
        if (sv_text_is(want, "*") && sv_text_u64(have, SV_ACTION_ID_MAX, &number) == SV_OK) {
            *action = (int64_t) number;
        } else if (!sv_text_eq(want, have)) {
            return false;
        }
    }
    return left.len == 0 && path.len == 0;
}

static void route(visit *v, sv_text path) {
    const char *allowed = NULL;
    const char *method = sv_http_method(v->request);
    method = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (size_t i = 0; i < SV_COUNT(ROUTES); i++) {
        if (!fits(ROUTES[i].path, path, &v->action)) {
            continue;
        }
        allowed = ROUTES[i].method;
        if (strcmp(method, allowed) == 0) {
            ROUTES[i].serve(v);
            return;
        }
    }
    if (allowed == NULL) {
        sv_http_problem(v->request, 404, "Not found", "DDI has no '" SV_TEXT_FMT "' here",
                        SV_TEXT_ARG(path));
        return;
    }
    sv_http_reply_header(v->request, "Allow", allowed);
    sv_http_problem(v->request, 405, "Method not allowed", "use %s", allowed);
}

bool sv_ddi_door(sv_http_request *request, sv_fleet *fleet, const sv_ddi_asker *asker) {
    static const sv_text PREFIX = { .at = SV_DDI_PREFIX, .len = sizeof SV_DDI_PREFIX - 1 };
    sv_text path = sv_http_path(request);
    if (!sv_text_starts(path, PREFIX)) {
        return false;
    }
    path = (sv_text){ .at = path.at + PREFIX.len, .len = path.len - PREFIX.len };
    sv_text id = sv_text_cut(&path, '/');
    if (!sv_text_is(id, asker->id)) { // [ddi-2]
        SV_LOG(warn, "device.refused", "%s asks for what another device is to install", asker->id);
        sv_http_problem(request, 403, "Forbidden",
                        "this is another device's: you are %s, and so must the path say",
                        asker->id);
        return true;
    }
    visit v = { .request = request, .fleet = fleet, .asker = asker };
    find_base(&v);
    route(&v, path);
    return true;
}
