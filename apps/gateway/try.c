#include "try.h"

#include "asks.h"
#include "gateway.h"

#include <base/mem.h>
#include <edge/rules_file.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <trial/backtest.h>
#include <trial/history.h>

enum { STATUS_OK = 200, LOOK_EVERY = 1024 /* readings */ };

typedef struct gw_trial {
    gw *g;
    char id[GW_ASK_ID_ROOM];
    int64_t days;
    int64_t end_us; ///< monotonic
    bool runs;      ///< the thread has it
    atomic_bool given_up;
    sv_rules *in_force; ///< the backtest's, shared with the gateway until it takes others
    // From here on the thread's, while it runs:
    const char *path; ///< of the configuration, which keeps it
    sv_history_wanted wanted;
    sv_backtest test;
    int64_t left_out; ///< streams that never leave the site
    uint64_t seen;
    int status; ///< 200, or why there is no answer
    char why[GW_ASK_WHY_MAX];
    sv_textbuf said;
} gw_trial;

static void drop(gw_trial *t) {
    sv_backtest_drop(&t->test);
    sv_textbuf_drop(&t->said);
    free(t);
}

/// Over: whoever waits may ask again at once.
static void end(gw_trial *t, int status, const char *why) {
    gw *g = t->g;
    g->tries.trial = NULL;
    if (status == STATUS_OK) {
        gw_ask_answer(g, t->id, sv_textbuf_text(&t->said));
    } else {
        gw_ask_refuse(g, t->id, status, sv_text_of(why));
    }
    drop(t);
}

// ---- on the thread ------------------------------------------------------------------------------

SV_PRINTF(3, 4) static bool stop(gw_trial *t, int status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(t->why, sizeof t->why, fmt, args);
    va_end(args);
    t->status = status;
    return false;
}

static bool may_go_on(gw_trial *t) {
    if (t->seen++ % LOOK_EVERY != 0) {
        return true;
    }
    if (atomic_load(&t->given_up)) {
        return stop(t, 503, "the gateway ends");
    }
    if (sv_clock_monotonic_us() > t->end_us) {
        return stop(t, 504, "too slow: %" PRIu64 " readings were tried in time; ask for fewer days",
                    t->seen - 1);
    }
    return true;
}

/// What is of no use outside is not tried at all: how many alerts there are with this bound or that
/// would give its values away. [ask-9]
static bool stays(const gw_trial *t, const sv_history_stream *of) {
    sv_stream_rules rules;
    sv_rules_for(t->in_force, sv_text_of(of->device_id), sv_text_of(of->sensor), &rules);
    return rules.uplink == SV_UPLINK_NEVER;
}

static bool take(void *arg, sv_history_stream *of, double value, int64_t at_us) {
    static char left_out; // whoever has this as owner
    gw_trial *t = arg;
    sv_decision ignored;
    if (!may_go_on(t)) {
        return false;
    }
    if (of->owner == NULL && stays(t, of)) {
        of->owner = &left_out;
        t->left_out++;
    } else if (of->owner == NULL) {
        bool room = sv_map_count(t->test.streams) < GW_TRY_STREAMS_MAX;
        of->owner = room ? sv_backtest_stream_of(&t->test, sv_text_of(of->device_id),
                                                 sv_text_of(of->sensor))
                         : NULL;
    }
    if (of->owner == NULL) {
        return stop(t, 507, "more than %d streams; `selvedge backtest --store` tries them all",
                    GW_TRY_STREAMS_MAX);
    }
    if (of->owner != &left_out) {
        sv_backtest_take(&t->test, of->owner, value, at_us, &ignored);
    }
    return true;
}

static void write_answer(gw_trial *t) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf found = SV_TEXTBUF_HEAP(GW_ASK_ANSWER_MAX);
    sv_json_out out = SV_JSON_OUT(&t->said);
    sv_backtest_tell_json(&t->test, GW_TRY_ALERTS_MAX, &found);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "days", t->days);
    sv_json_add_int(&out, "left_out", t->left_out);
    sv_json_key(&out, "found");
    sv_json_put_raw(&out, sv_text_trim(sv_textbuf_text(&found)));
    sv_json_close_object(&out);
    if (found.overflowed || t->said.overflowed) {
        (void) stop(t, 507, "the answer is too large");
    }
}

static void run(void *job) {
    gw_trial *t = job;
    sv_why why = { 0 };
    if (sv_history_read(t->path, &t->wanted, take, t, &why) != SV_OK) {
        (void) stop(t, 500, "the stored readings cannot be read: %s", why.text);
    } else if (t->status == STATUS_OK) {
        write_answer(t);
    }
}

// ---- on the loop --------------------------------------------------------------------------------

static void ran(void *job) {
    gw_trial *t = job;
    gw *g = t->g;
    if (atomic_load(&t->given_up)) {
        g->tries.trial = NULL;
        drop(t);
    } else if (t->in_force != g->config.rules) {
        // What never leaves the site was decided by others. [ask-4]
        end(t, 409, "other rules came in force meanwhile; try again");
    } else {
        end(t, t->status, t->why);
    }
}

static sv_err start(gw_trial *t, sv_rules **candidate, sv_why *why) {
    gw *g = t->g;
    if (g->tries.worker == NULL) {
        SV_TRY(sv_worker_open(g->loop, 2, &g->tries.worker, why));
        sv_worker_nice(g->tries.worker, GW_TRY_NICE);
    }
    t->in_force = sv_rules_share(g->config.rules);
    sv_backtest_open(&t->test, gw_members_with(g, *candidate), t->in_force);
    *candidate = NULL;
    t->test.other_name = "the rules in force";
    SV_LOG(info, "rules.tried", "a candidate is tried on the last %lld days", (long long) t->days);
    t->runs = sv_worker_submit(g->tries.worker, run, ran, t) == SV_OK;
    return t->runs ? SV_OK : sv_fail(why, SV_ERR_STATE, "the gateway is busy; try again soon");
}

/// The candidate is here, or is not.
static void fetched(void *arg, const sv_http_reply_view *reply, const sv_why *unused) {
    gw *g = arg;
    gw_trial *t = g->tries.trial;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    SV_DEFER(sv_rules_drop) sv_rules *candidate = NULL;
    char room[GW_ASK_WHY_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_why why = { 0 };
    (void) unused;
    if (t == NULL) {
        return; // the program ends
    }
    if (reply->status != STATUS_OK) {
        (void) snprintf(room, sizeof room, "the candidate could not be fetched: status %d",
                        reply->status);
        end(t, 502, room);
    } else if (sv_rules_file_read(reply->body, &candidate, &faults) != SV_OK) {
        gw_site_rules_faults(&faults, sizeof room, &text);
        end(t, 422, sv_textbuf_end(&text) == SV_OK ? room : "it has faults");
    } else if (gw_members_lack(g, candidate)) {
        end(t, 409,
            "it names a group of the fleet server that no rules of this site have named before, so "
            "who is in it is not known here; list its devices to try it");
    } else if (start(t, &candidate, &why) != SV_OK) {
        end(t, 503, why.text);
    }
}

static int64_t end_of(int64_t until_ms) {
    int64_t left_us = until_ms * 1000 - sv_clock_wall_us();
    left_us = left_us < GW_TRY_WITHIN_US ? left_us : GW_TRY_WITHIN_US;
    return sv_clock_monotonic_us() + left_us - GW_TRY_SPARE_US;
}

static gw_trial *trial_new(gw *g, const gw_asking *asking, int64_t days) {
    gw_trial *t = sv_mem_new(sizeof *t);
    int64_t now_us = gw_wall_us(g);
    *t = (gw_trial){ .g = g,
                     .days = days,
                     .end_us = end_of(asking->until_ms),
                     .wanted = { .from_us = now_us - days * SV_TIME_DAY_US,
                                 .to_us = now_us + GW_TRY_AHEAD_US },
                     .path = g->config.store.path,
                     .status = STATUS_OK,
                     .said = SV_TEXTBUF_HEAP(GW_ASK_ANSWER_MAX) };
    memcpy(t->id, asking->id, sizeof t->id);
    return t;
}

bool gw_try_take(gw *g, const gw_asking *asking) {
    char path[SV_ID_ROOM + 96];
    int64_t days = 0;
    if (!sv_json_int(sv_json_get(asking->question, "days"), &days) || days < 1
        || days > GW_TRY_DAYS_MAX) {
        return false;
    }
    if (g->tries.trial != NULL) {
        gw_ask_refuse(g, asking->id, 429,
                      SV_TEXT("the gateway is trying other rules; try again when it is done"));
        return true;
    }
    g->tries.trial = trial_new(g, asking, days);
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/ask?id=%s", g->config.id, asking->id);
    if (!gw_uplink_get(g, path, fetched)) {
        end(g->tries.trial, 503, "the gateway cannot reach the fleet server now");
    }
    return true;
}

void gw_try_close(gw *g) {
    gw_trial *t = g->tries.trial;
    bool runs = t != NULL && t->runs;
    if (t != NULL) {
        atomic_store(&t->given_up, true);
    }
    sv_worker_drop(&g->tries.worker);
    if (t != NULL && !runs) {
        drop(t); // it waits for its candidate
    }
    g->tries.trial = NULL;
}
