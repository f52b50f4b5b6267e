#include "sender.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { BACKFILL_US = 50000, TELL_US = 60 * 1000000, AGAIN_US = 1000000 };

struct sv_agent_sender {
    const sv_agent_config *config;
    sv_spool *spool;
    sv_mqtt_client *client;    ///< borrowed
    sv_agent_confirm *confirm; ///< NULL: a PUBACK is enough
    sv_timer *commit, *backfill, *again;
    double allowance;     ///< messages the backfill may send now
    uint64_t backfilled;  ///< since something had to wait
    sv_spool_counts told; ///< as of the last line in the log
    int64_t told_us;      ///< monotonic
    bool behind;          ///< something had to wait
    bool unwritten;       ///< the last commit failed, and that was said
};

static sv_spool_now now(void) {
    return (sv_spool_now){ .wall_us = sv_clock_wall_us(), .monotonic_us = sv_clock_monotonic_us() };
}

static void on_damaged(void *arg, const char *sentence) {
    (void) arg;
    SV_LOG(warn, "spool.damaged", "%s", sentence);
}

/// What is lost is said with its reason: at once, then once a minute.
static void tell_losses(sv_agent_sender *s) {
    int64_t now_us = sv_clock_monotonic_us();
    sv_spool_counts counts;
    sv_spool_count(s->spool, &counts);
    if (memcmp(counts.lost, s->told.lost, sizeof counts.lost) == 0
        || (s->told_us != 0 && now_us - s->told_us < TELL_US)) {
        return;
    }
    for (int i = 0; i < SV_SPOOL_LOSS__COUNT; i++) {
        if (counts.lost[i] > s->told.lost[i]) {
            SV_LOG(warn, "spool.full", "%llu of the oldest messages dropped (%s), %llu since start",
                   (unsigned long long) (counts.lost[i] - s->told.lost[i]),
                   sv_spool_loss_name((sv_spool_loss) i), (unsigned long long) counts.lost[i]);
        }
    }
    s->told = counts;
    s->told_us = now_us;
}

static void plan_commit(sv_agent_sender *s) {
    int64_t due_us = sv_spool_due_us(s->spool);
    if (due_us != INT64_MAX) {
        int64_t wait_us = due_us - sv_clock_monotonic_us();
        sv_timer_once(s->commit, wait_us > 0 ? wait_us : 0);
    }
}

static void commit(sv_agent_sender *s) {
    sv_why why;
    if (sv_spool_commit(s->spool, now(), &why) == SV_OK) {
        s->unwritten = false;
    } else if (!s->unwritten) {
        s->unwritten = true;
        SV_LOG(error, "spool.unwritten", "%s; until that is better what waits is in memory alone",
               why.text);
    }
    tell_losses(s);
}

// Whatever was delivered meanwhile has moved the time.
static void on_commit(void *arg) {
    sv_agent_sender *s = arg;
    if (sv_spool_due_us(s->spool) <= sv_clock_monotonic_us()) {
        commit(s);
    }
    plan_commit(s);
}

static void publish(sv_agent_sender *s, sv_text topic, sv_text payload, uint64_t token) {
    if (sv_mqtt_client_publish(s->client, topic, payload, 1, false, token) != SV_OK) {
        SV_LOG(error, "message.refused", "the client does not take " SV_TEXT_FMT,
               SV_TEXT_ARG(topic));
        sv_spool_settle(s->spool, token);
    } else if (s->confirm != NULL) {
        // What has no number, a health report, is delivered at its PUBACK.
        (void) sv_agent_confirm_add(s->confirm, topic, payload, token, sv_clock_monotonic_us());
    }
}

/// What the broker had and the gateway does not tell of.
static void send_again(sv_agent_sender *s) {
    sv_agent_due due;
    sv_agent_confirm_step step;
    while (sv_mqtt_client_is_up(s->client)
           && (step = sv_agent_confirm_due(s->confirm, sv_clock_monotonic_us(), &due))
                  != SV_AGENT_CONFIRM_NOTHING) {
        if (step == SV_AGENT_CONFIRM_GIVE_UP) {
            SV_LOG(error, "reading.unconfirmed",
                   "the gateway tells of others and not of one that was sent %d times",
                   SV_AGENT_CONFIRM_SENDS);
            sv_spool_settle(s->spool, due.token);
        } else if (sv_mqtt_client_publish(s->client, due.topic, due.payload, 1, false, due.token)
                   != SV_OK) {
            SV_LOG(error, "message.refused", "the client does not take " SV_TEXT_FMT,
                   SV_TEXT_ARG(due.topic));
        }
    }
}

static void on_again(void *arg) {
    send_again(arg);
}

static size_t in_flight(const sv_agent_sender *s) {
    sv_spool_counts counts;
    sv_spool_count(s->spool, &counts);
    return counts.in_flight;
}

static bool anything_waits(const sv_agent_sender *s) {
    return sv_spool_waits(s->spool, SV_AGENT_HEALTH_CLASS)
           || sv_spool_waits(s->spool, SV_AGENT_READING_CLASS);
}

static void fall_behind(sv_agent_sender *s) {
    s->behind = true;
    if (sv_mqtt_client_is_up(s->client) && !sv_timer_is_set(s->backfill)) {
        sv_timer_every(s->backfill, BACKFILL_US);
    }
}

/// Nothing waits any more, and nothing of it is under way.
static void catch_up(sv_agent_sender *s) {
    sv_timer_stop(s->backfill);
    s->behind = false;
    s->allowance = 0;
    if (s->backfilled > 0) {
        sv_spool_counts counts;
        sv_spool_count(s->spool, &counts);
        uint64_t lost = 0;
        for (size_t i = 0; i < SV_SPOOL_LOSS__COUNT; i++) {
            lost += counts.lost[i];
        }
        SV_LOG(info, "spool.drained",
               "%llu messages that had waited are sent; %llu lost since start",
               (unsigned long long) s->backfilled, (unsigned long long) lost);
    }
    s->backfilled = 0;
}

static void on_backfill(void *arg) {
    sv_agent_sender *s = arg;
    if (!sv_mqtt_client_is_up(s->client)) {
        sv_timer_stop(s->backfill);
        return;
    }
    double step = (double) s->config->spool.rate * BACKFILL_US / 1e6;
    s->allowance = s->allowance + step > step + 1 ? step + 1 : s->allowance + step;
    sv_spool_record record;
    while (s->allowance >= 1 && in_flight(s) < SV_AGENT_BACKFILL_MAX
           && sv_spool_take(s->spool, &record, now())) {
        s->allowance -= 1;
        s->backfilled++;
        publish(s, record.topic, record.payload, record.token);
    }
    tell_losses(s);
    if (!anything_waits(s)) {
        catch_up(s);
    }
}

void sv_agent_send(sv_agent_sender *s, sv_agent_class class, sv_text topic, sv_text payload) {
    bool in_order = class == SV_AGENT_READING_CLASS || !sv_spool_waits(s->spool, class);
    bool at_once =
        sv_mqtt_client_is_up(s->client) && in_order && in_flight(s) < SV_AGENT_FLIGHT_MAX;
    sv_spool_record record = {
        .class = class, .at_us = sv_clock_wall_us(), .topic = topic, .payload = payload
    };
    uint64_t token = sv_spool_add(s->spool, &record, at_once, now());
    if (token != 0) {
        publish(s, topic, payload, token);
    } else {
        fall_behind(s);
    }
    tell_losses(s);
    if (!sv_timer_is_set(s->commit) || sv_spool_due_us(s->spool) <= sv_clock_monotonic_us()) {
        plan_commit(s);
    }
}

void sv_agent_sender_up(sv_agent_sender *s) {
    if (s->confirm != NULL) {
        sv_agent_confirm_again(s->confirm);
        send_again(s);
    }
    if (s->behind || anything_waits(s)) {
        fall_behind(s);
    }
}

void sv_agent_sender_acknowledged(sv_agent_sender *s, uint64_t token) {
    if (s->confirm == NULL || !sv_agent_confirm_at_broker(s->confirm, token)) {
        sv_spool_settle(s->spool, token);
    }
}

void sv_agent_sender_heard(sv_agent_sender *s, sv_text payload) {
    SV_DEFER(sv_ack_drop) sv_ack ack = { .seq = 0 };
    sv_why why = { 0 };
    if (s->confirm == NULL || sv_ack_parse(payload, &ack, &why) != SV_OK) {
        SV_LOG(warn, "ack.refused", "%s",
               s->confirm == NULL ? "gateway: acks is not set" : why.text);
        return;
    }
    uint64_t token = 0;
    while ((token = sv_agent_confirm_take(s->confirm, &ack, sv_clock_monotonic_us())) != 0) {
        sv_spool_settle(s->spool, token);
    }
}

void sv_agent_sender_save(sv_agent_sender *s) {
    sv_timer_stop(s->backfill);
    sv_timer_stop(s->commit);
    commit(s);
}

void sv_agent_sender_use(sv_agent_sender *s, sv_mqtt_client *client) {
    s->client = client;
}

static sv_err open_spool(sv_agent_sender *s, sv_why *why) {
    sv_spool_options options = {
        .folder = s->config->spool.path,
        .bytes = s->config->spool.bytes,
        .age_us = s->config->spool.age_us,
        .free = s->config->spool.free,
        .every_us = s->config->spool.every_us,
        .damaged = on_damaged,
    };
    sv_why cannot;
    sv_err err = sv_spool_open(&options, &s->spool, &cannot);
    if (err == SV_ERR_STATE) {
        return sv_fail(why, err, "%s", cannot.text);
    }
    if (err != SV_OK) {
        SV_LOG(error, "spool.unusable", "%s; what waits for the gateway is kept in memory alone",
               cannot.text);
        options.folder = NULL;
        SV_TRY(sv_spool_open(&options, &s->spool, why));
    }
    return SV_OK;
}

sv_err sv_agent_sender_open(sv_loop *loop, const sv_agent_config *config, sv_agent_sender **out,
                            sv_why *why) {
    SV_DEFER(sv_agent_sender_drop) sv_agent_sender *s = sv_mem_new(sizeof *s);
    s->config = config;
    SV_TRY(open_spool(s, why));
    s->commit = sv_timer_new(loop, on_commit, s);
    s->backfill = sv_timer_new(loop, on_backfill, s);
    if (config->gateway.acks) {
        s->confirm = sv_agent_confirm_new();
        s->again = sv_timer_new(loop, on_again, s);
        sv_timer_every(s->again, AGAIN_US);
    }
    sv_spool_counts counts;
    sv_spool_count(s->spool, &counts);
    if (counts.bytes > 0) {
        SV_LOG(info, "spool.found", "%lld KiB wait in '%s'",
               (long long) ((counts.bytes + 1023) / 1024), config->spool.path);
    }
    *out = s;
    s = NULL;
    return SV_OK;
}

void sv_agent_sender_drop(sv_agent_sender **sender) {
    sv_agent_sender *s = *sender;
    if (s == NULL) {
        return;
    }
    sv_timer_drop(&s->commit);
    sv_timer_drop(&s->backfill);
    sv_timer_drop(&s->again);
    sv_agent_confirm_drop(&s->confirm);
    sv_spool_drop(&s->spool);
    free(s);
    *sender = NULL;
}
