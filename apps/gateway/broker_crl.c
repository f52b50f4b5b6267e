#include "broker_crl.h"

#include "gateway.h"
#include <crypto/crl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { STATUS_OK = 200, PEM_MAX = 2 * SV_CRL_BYTES_MAX, COMM_ROOM = 64, ENDS_SOON_DAYS = 3 };

static const char BROKER[] = "mosquitto";

sv_err gw_broker_pid(const char *pid_file, pid_t *out, sv_why *why) {
    char number[GW_BROKER_PID_ROOM];
    char path[GW_BROKER_PID_ROOM + sizeof "/proc//comm"];
    char comm[COMM_ROOM];
    sv_textbuf text = SV_TEXTBUF(number);
    sv_textbuf name = SV_TEXTBUF(comm);
    uint64_t pid = 0;
    SV_TRY(sv_disk_read(pid_file, &text, why));
    if (sv_text_u64(sv_text_trim(sv_textbuf_text(&text)), INT32_MAX, &pid) != SV_OK || pid < 2) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds no process id", pid_file);
    }
    (void) snprintf(path, sizeof path, "/proc/%llu/comm", (unsigned long long) pid);
    if (sv_disk_read(path, &name, NULL) != SV_OK
        || !sv_text_is(sv_text_trim(sv_textbuf_text(&name)), BROKER)) {
        return sv_fail(why, SV_ERR_STATE, "process %llu of '%s' is no %s", (unsigned long long) pid,
                       pid_file, BROKER);
    }
    *out = (pid_t) pid;
    return SV_OK;
}

/// What the file says reaches new connections when the broker has read it.
static void tell_broker(const gw *g) {
    const char *pid_file = g->config.broker.pid_file;
    sv_why why = { 0 };
    pid_t pid = 0;
    if (pid_file[0] == '\0') {
        SV_LOG(info, "crl.written",
               "have the broker read '%s' again: systemctl reload mosquitto, or "
               "broker: {pid_file: ...} to have it told",
               g->config.broker.crl);
        return;
    }
    if (gw_broker_pid(pid_file, &pid, &why) == SV_OK && kill(pid, SIGHUP) != 0) {
        (void) sv_fail(&why, SV_ERR_IO, "SIGHUP to process %d: %m", (int) pid);
    }
    if (why.code != SV_OK) {
        SV_LOG(warn, "crl.untold",
               "%s; the broker goes on with the list of before; run: systemctl reload mosquitto",
               why.text);
    }
}

static void failed(gw *g, const sv_why *why) {
    gw_broker_crl *c = &g->broker_crl;
    if (strcmp(c->wrong.text, why->text) != 0) {
        SV_LOG(warn, "crl.refused", "%s; '%s' stays as it is", why->text, g->config.broker.crl);
    }
    c->wrong = *why;
    if (c->number >= 0
        && c->ends_us - sv_clock_wall_us() < ENDS_SOON_DAYS * (int64_t) SV_TIME_DAY_US) {
        SV_LOG(error, "crl.ends",
               "the broker's list '%s' ends within %d days and no newer one can be had; when it "
               "has ended, the broker lets nobody in",
               g->config.broker.crl, ENDS_SOON_DAYS);
    }
    int64_t refresh_us = g->config.broker.refresh_us;
    sv_timer_once(c->timer,
                  refresh_us < GW_BROKER_CRL_RETRY_US ? refresh_us : GW_BROKER_CRL_RETRY_US);
}

static sv_err take(gw *g, sv_text der, sv_why *why) {
    gw_broker_crl *c = &g->broker_crl;
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(PEM_MAX);
    sv_crl_facts facts;
    SV_TRY(sv_crl_read(der, g->config.tls.ca, sv_clock_wall_us(), &facts, &pem, why));
    bool same = facts.issuer == c->issuer;
    if (same && facts.number < c->number) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "revocation list %lld of the fleet server is older than the one there is, "
                       "%lld",
                       (long long) facts.number, (long long) c->number);
    }
    if (same && facts.number == c->number) {
        return SV_OK;
    }
    SV_TRY(sv_disk_replace(g->config.broker.crl, sv_textbuf_text(&pem), 0644, why));
    c->issuer = facts.issuer;
    c->number = facts.number;
    c->ends_us = facts.ends_us;
    SV_LOG(info, "crl.taken", "revocation list %lld with %zu certificates is in '%s'",
           (long long) facts.number, facts.count, g->config.broker.crl);
    tell_broker(g);
    return SV_OK;
}

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    gw_broker_crl *c = &g->broker_crl;
    sv_why fault = { 0 };
    c->under_way = false;
    if (c->timer == NULL) {
        return; // closing
    }
    if (reply->status == 0) {
        fault = *why;
    } else if (reply->status != STATUS_OK) {
        (void) sv_fail(&fault, SV_ERR_UNAVAILABLE,
                       "the fleet server gives no revocation list: status %d", reply->status);
    } else {
        (void) take(g, reply->body, &fault);
    }
    if (fault.code != SV_OK) {
        failed(g, &fault);
        return;
    }
    c->wrong = (sv_why){ .code = SV_OK };
    sv_timer_once(c->timer, c->again ? GW_BROKER_CRL_HURRY_US : g->config.broker.refresh_us);
}

static void look(void *arg) {
    gw *g = arg;
    gw_broker_crl *c = &g->broker_crl;
    c->again = c->under_way;
    if (c->under_way) {
        return;
    }
    c->under_way = gw_uplink_get(g, "/crl", answered);
    if (!c->under_way) {
        const sv_why why = { .code = SV_ERR_UNAVAILABLE,
                             .text = "the fleet server cannot be asked for a revocation list now" };
        failed(g, &why);
    }
}

void gw_broker_crl_open(gw *g) {
    gw_broker_crl *c = &g->broker_crl;
    sv_crl_facts facts = { .number = -1 };
    if (g->config.own_door || g->config.broker.crl[0] == '\0') {
        return;
    }
    sv_why why;
    if (sv_crl_facts_of(g->config.broker.crl, &facts, &why) == SV_ERR_INVALID) {
        SV_LOG(warn, "crl.damaged", "%s; it is written anew", why.text);
    }
    c->issuer = facts.issuer;
    c->number = facts.number;
    c->ends_us = facts.ends_us;
    c->timer = sv_timer_new(g->loop, look, g);
    sv_timer_once(c->timer, 0);
}

void gw_broker_crl_hurry(gw *g) {
    if (g->broker_crl.timer != NULL) {
        sv_timer_once(g->broker_crl.timer, GW_BROKER_CRL_HURRY_US);
    }
}

void gw_broker_crl_close(gw *g) {
    sv_timer_drop(&g->broker_crl.timer);
}
