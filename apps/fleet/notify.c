#include "notify.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

/// One channel with a message under way.
typedef struct line {
    sv_fleet *fleet;
    sv_delivery *delivery; ///< NULL: it is free
    sv_message message;
    char channel[SV_ID_ROOM];
} line;

struct sv_notify {
    line lines[SV_CHANNELS_MAX];
};

sv_notify *sv_notify_new(void) {
    return sv_mem_new(sizeof(sv_notify));
}

static void free_line(line *l) {
    sv_delivery_drop(&l->delivery);
    sv_message_drop(&l->message);
    *l = (line){ 0 };
}

void sv_notify_drop(sv_notify **notify) {
    if (*notify == NULL) {
        return;
    }
    for (size_t i = 0; i < SV_CHANNELS_MAX; i++) {
        free_line(&(*notify)->lines[i]);
    }
    free(*notify);
    *notify = NULL;
}

void sv_notify_configure(sv_fleet *fleet, sv_notify_config *config) {
    sv_notify_config_drop(&fleet->config.notify);
    fleet->config.notify = config;
}

// ---- sending ------------------------------------------------------------------------------------

/// The line of a channel, or a free one; NULL when it has one already.
static line *find_line(sv_notify *notify, const char *channel) {
    line *free_one = NULL;
    for (size_t i = 0; i < SV_CHANNELS_MAX; i++) {
        line *l = &notify->lines[i];
        if (l->delivery != NULL && strcmp(l->channel, channel) == 0) {
            return NULL;
        }
        free_one = l->delivery == NULL ? l : free_one;
    }
    return free_one;
}

static void log_end(const line *l, const sv_delivery_end *end) {
    if (end->how == SV_DELIVERY_TAKEN) {
        SV_LOG(info, "notify.sent", "%s over %s, try %lld%s%s", l->message.id, l->channel,
               (long long) l->message.tries + 1, end->error[0] != '\0' ? "; " : "", end->error);
    } else {
        SV_LOG(warn, "notify.failed", "%s over %s, try %lld: %s", l->message.id, l->channel,
               (long long) l->message.tries + 1, end->error);
    }
}

static sv_err settle(sv_fleet *fleet, const sv_message *message, const sv_delivery_end *end) {
    sv_why why = { 0 };
    sv_err err = sv_notify_settle(fleet, message, end, fleet->wall_us() / 1000, &why);
    if (err != SV_OK) {
        SV_LOG(error, "notify.stuck", "what became of %s cannot be stored: %s", message->id,
               why.text);
    }
    return err;
}

static void send_next(sv_fleet *fleet, const char *name);

static void on_end(void *arg, const sv_delivery_end *end) {
    line *l = arg;
    sv_fleet *fleet = l->fleet;
    char channel[SV_ID_ROOM];
    memcpy(channel, l->channel, sizeof channel);
    log_end(l, end);
    sv_err err = settle(fleet, &l->message, end);
    free_line(l);
    // A message whose fate could not be stored is not sent again before the next turn.
    if (err == SV_OK) {
        send_next(fleet, channel);
    }
}

/// A message that cannot even be started has failed like another.
static void start(sv_fleet *fleet, line *l, const sv_channel *channel) {
    sv_why why = { 0 };
    sv_err err = sv_delivery_start(fleet->loop, fleet->config.notify, channel, &l->message,
                                   fleet->wall_us(), on_end, l, &l->delivery, &why);
    if (err != SV_OK) {
        sv_delivery_end end = { .how =
                                    err == SV_ERR_INVALID ? SV_DELIVERY_NEVER : SV_DELIVERY_LATER };
        (void) sv_text_copy(sv_text_of(why.text), end.error, sizeof end.error);
        log_end(l, &end);
        (void) settle(fleet, &l->message, &end);
        free_line(l);
    }
}

static void send_next(sv_fleet *fleet, const char *name) {
    const sv_channel *channel = sv_notify_channel(fleet->config.notify, sv_text_of(name));
    line *l = channel != NULL ? find_line(fleet->notify, channel->name) : NULL;
    sv_why why = { 0 };
    if (l == NULL) {
        return;
    }
    sv_err err = sv_notify_next(fleet, channel->name, fleet->wall_us() / 1000, &l->message, &why);
    if (err == SV_OK) {
        l->fleet = fleet;
        memcpy(l->channel, channel->name, sizeof l->channel);
        start(fleet, l, channel);
    } else if (err != SV_ERR_NOT_FOUND) {
        SV_LOG(error, "notify.stuck", "%s: %s", channel->name, why.text);
    }
}

// ---- a turn -------------------------------------------------------------------------------------

static sv_err prepare(sv_fleet *fleet, int64_t now_ms, sv_why *why) {
    SV_TRY(sv_notify_gather(fleet, now_ms, why));
    SV_TRY(sv_notify_watch(fleet, now_ms, why));
    return sv_notify_seal(fleet, now_ms, why);
}

void sv_notify_turn(sv_fleet *fleet) {
    sv_why why = { 0 };
    sv_err err = sv_db_begin(fleet->db, &why);
    if (err == SV_OK) {
        err = prepare(fleet, fleet->wall_us() / 1000, &why);
        if (err == SV_OK) {
            err = sv_db_commit(fleet->db, &why);
        } else {
            sv_db_rollback(fleet->db);
        }
    }
    if (err != SV_OK) {
        SV_LOG(error, "notify.stuck", "%s", why.text);
    }
    for (size_t i = 0; i < fleet->config.notify->channel_count; i++) {
        send_next(fleet, fleet->config.notify->channels[i].name);
    }
}
