#include <fleet/campaign.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- counting -----------------------------------------------------------------------------------

int64_t sv_campaign_total(const sv_campaign *c, sv_stage place) {
    int64_t sum = 0;
    for (size_t i = 0; i < c->wave_count; i++) {
        sum += c->waves[i].count[place];
    }
    return sum;
}

int64_t sv_campaign_wave_size(const sv_campaign_wave *wave) {
    int64_t sum = 0;
    for (int i = 0; i < SV_STAGE__COUNT; i++) {
        sum += wave->count[i];
    }
    return sum;
}

static int64_t wave_at_risk(const sv_campaign_wave *wave) {
    int64_t sum = 0;
    for (int i = SV_STAGE_WAITING; i <= SV_STAGE_TRIAL; i++) {
        sum += wave->count[i];
    }
    return sum;
}

int64_t sv_campaign_at_risk(const sv_campaign *c) {
    int64_t sum = 0;
    for (size_t i = 0; i < c->wave_count; i++) {
        sum += wave_at_risk(&c->waves[i]);
    }
    return sum;
}

/// Bad ones that nobody has forgiven; all of a kind together for SV_STOP_ANY.
static int64_t bad_of(const sv_campaign_wave *wave, sv_stop_kind kind) {
    int64_t sum = 0;
    for (int i = 0; i < SV_STAGE_BAD_COUNT; i++) {
        bool counts = kind == SV_STOP_ANY || (int) kind == i;
        sum += counts ? wave->count[SV_STAGE_BAD + i] - wave->forgiven[i] : 0;
    }
    return sum;
}

static int64_t bad_of_all(const sv_campaign *c, sv_stop_kind kind) {
    int64_t sum = 0;
    for (size_t i = 0; i < c->wave_count; i++) {
        sum += bad_of(&c->waves[i], kind);
    }
    return sum;
}

/// So many per cent of them, rounded up.
static int64_t share(int64_t devices, int percent) {
    return (devices * percent + 99) / 100;
}

bool sv_campaign_has_ended(sv_campaign_state state) {
    return state == SV_CAMPAIGN_STOPPED || state == SV_CAMPAIGN_DONE;
}

// ---- rules --------------------------------------------------------------------------------------

sv_err sv_campaign_rules_check(const sv_campaign_rules *r, sv_why *why) {
    if (r->success_percent < 1 || r->success_percent > 100) {
        return sv_fail(why, SV_ERR_INVALID, "success is %d %%, not 1 to 100", r->success_percent);
    }
    for (int i = 0; i < SV_STOP__COUNT; i++) {
        const sv_stop_bound *bound = &r->stop[i];
        if (bound->count < 0 || bound->percent < 0 || bound->percent > 100) {
            return sv_fail(why, SV_ERR_INVALID,
                           "stop, %s: a count is 1 or more, a percentage 1 to 100",
                           sv_stop_kind_name((sv_stop_kind) i));
        }
    }
    if (!(r->per_minute >= 0 && r->per_minute <= SV_CAMPAIGN_RATE_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "rate: per_minute is not 0 to %d",
                       SV_CAMPAIGN_RATE_MAX);
    }
    if (!(r->growth >= 1 && r->growth <= SV_CAMPAIGN_GROWTH_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "rate: growth is not 1 to %d", SV_CAMPAIGN_GROWTH_MAX);
    }
    if (r->at_once < 0) {
        return sv_fail(why, SV_ERR_INVALID, "rate: at_once is below 1");
    }
    if (r->approvals < 0 || r->approvals > SV_CAMPAIGN_APPROVALS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "approvals is %d, not 0 to %d", r->approvals,
                       SV_CAMPAIGN_APPROVALS_MAX);
    }
    return SV_OK;
}

// ---- sentences ----------------------------------------------------------------------------------

static const char *const FATES[SV_STOP__COUNT] = {
    [SV_STOP_FAILED] = "failed",
    [SV_STOP_ROLLED_BACK] = "rolled back",
    [SV_STOP_SILENT] = "silent after the reboot",
    [SV_STOP_UNPROVED] = "said success and did not prove it",
    [SV_STOP_WORSE] = "in worse health than before",
    [SV_STOP_ANY] = "came to grief",
};

static void say(sv_campaign *c, const sv_textbuf *text) {
    (void) snprintf(c->why, sizeof c->why, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(text)));
}

/// "1 failed, 2 rolled back" of a wave, or with NULL of all.
static void add_fates(const sv_campaign *c, const sv_campaign_wave *wave, sv_textbuf *out) {
    bool first = true;
    for (int i = 0; i < SV_STAGE_BAD_COUNT; i++) {
        sv_stage place = (sv_stage) (SV_STAGE_BAD + i);
        int64_t count = wave != NULL ? wave->count[place] : sv_campaign_total(c, place);
        if (count > 0) {
            sv_textbuf_addf(out, "%s%lld %s", first ? "" : ", ", (long long) count, FATES[i]);
            first = false;
        }
    }
}

static void stop_by_count(sv_campaign *c, sv_stop_kind kind, int64_t bad, int64_t bound) {
    char room[SV_CAMPAIGN_WHY_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_textbuf_addf(&text, "paused itself: %lld device%s %s", (long long) bad, bad == 1 ? "" : "s",
                    FATES[kind]);
    if (kind == SV_STOP_ANY) {
        sv_textbuf_add_str(&text, " (");
        add_fates(c, NULL, &text);
        sv_textbuf_add_char(&text, ')');
    }
    sv_textbuf_addf(&text, ", the rule stops at %lld", (long long) bound);
    say(c, &text);
    c->state = SV_CAMPAIGN_PAUSED;
}

static void stop_by_share(sv_campaign *c, size_t wave, sv_stop_kind kind, int64_t bad,
                          const sv_stop_bound *bound) {
    char room[SV_CAMPAIGN_WHY_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    int64_t size = sv_campaign_wave_size(&c->waves[wave]);
    sv_textbuf_addf(&text, "paused itself: %lld of %lld devices of wave %zu %s", (long long) bad,
                    (long long) size, wave + 1, FATES[kind]);
    if (kind == SV_STOP_ANY) {
        sv_textbuf_add_str(&text, " (");
        add_fates(c, &c->waves[wave], &text);
        sv_textbuf_add_char(&text, ')');
    }
    sv_textbuf_addf(&text, ", the rule stops at %d %%", bound->percent);
    say(c, &text);
    c->state = SV_CAMPAIGN_PAUSED;
}

// ---- what follows -------------------------------------------------------------------------------

static void judge_stops(sv_campaign *c, const sv_campaign_rules *r) {
    for (int i = 0; i < SV_STOP__COUNT && c->state == SV_CAMPAIGN_RUNNING; i++) {
        const sv_stop_bound *bound = &r->stop[i];
        sv_stop_kind kind = (sv_stop_kind) i;
        int64_t all = bad_of_all(c, kind);
        if (bound->count > 0 && all >= bound->count) {
            stop_by_count(c, kind, all, bound->count);
            return;
        }
        for (size_t w = 0; bound->percent > 0 && all > 0 && w < c->open; w++) {
            int64_t bad = bad_of(&c->waves[w], kind);
            int64_t size = sv_campaign_wave_size(&c->waves[w]);
            if (bad > 0 && bad >= share(size, bound->percent)) {
                stop_by_share(c, w, kind, bad, bound);
                return;
            }
        }
    }
}

/// Of the devices that are still in it, enough are confirmed.
static bool is_passed(const sv_campaign_wave *wave, const sv_campaign_rules *r) {
    int64_t in = sv_campaign_wave_size(wave) - wave->count[SV_STAGE_CANCELED];
    return wave->count[SV_STAGE_CONFIRMED] >= share(in, r->success_percent);
}

static bool is_over(const sv_campaign_wave *wave) {
    return wave->count[SV_STAGE_PLANNED] == 0 && wave_at_risk(wave) == 0;
}

static void pause_after(sv_campaign *c, const sv_campaign_wave *wave, const sv_campaign_rules *r,
                        bool passed) {
    char room[SV_CAMPAIGN_WHY_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    int64_t in = sv_campaign_wave_size(wave) - wave->count[SV_STAGE_CANCELED];
    int64_t confirmed = wave->count[SV_STAGE_CONFIRMED];
    sv_textbuf_addf(&text, "%swave %zu: %lld of %lld devices confirmed",
                    passed ? "" : "paused itself after ", c->open, (long long) confirmed,
                    (long long) in);
    if (passed) {
        sv_textbuf_add_str(&text, "; it goes on when somebody says so");
    } else {
        sv_textbuf_addf(&text,
                        ", %lld are wanted (%d %%): ", (long long) share(in, r->success_percent),
                        r->success_percent);
        add_fates(c, wave, &text);
    }
    say(c, &text);
    c->state = SV_CAMPAIGN_PAUSED;
}

static void finish(sv_campaign *c) {
    char room[SV_CAMPAIGN_WHY_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    int64_t all = 0;
    for (size_t i = 0; i < c->wave_count; i++) {
        all += sv_campaign_wave_size(&c->waves[i]) - c->waves[i].count[SV_STAGE_CANCELED];
    }
    int64_t confirmed = sv_campaign_total(c, SV_STAGE_CONFIRMED);
    sv_textbuf_addf(&text, "%lld of %lld devices confirmed", (long long) confirmed,
                    (long long) all);
    if (confirmed < all) {
        sv_textbuf_add_str(&text, ": ");
        add_fates(c, NULL, &text);
    }
    say(c, &text);
    c->state = SV_CAMPAIGN_DONE;
}

static bool all_over(const sv_campaign *c) {
    for (size_t i = 0; i < c->wave_count; i++) {
        if (!is_over(&c->waves[i])) {
            return false;
        }
    }
    return true;
}

/// The next wave begins when the last one that has begun is good enough.
static void judge_waves(sv_campaign *c, const sv_campaign_rules *r) {
    while (c->state == SV_CAMPAIGN_RUNNING && c->open < c->wave_count) {
        const sv_campaign_wave *last = &c->waves[c->open - 1];
        bool is_empty = sv_campaign_wave_size(last) == 0;
        bool passed = is_passed(last, r);
        if (is_empty || last->accepted || (passed && !r->pause_between)) {
            c->open++;
        } else if (passed || is_over(last)) {
            pause_after(c, last, r, passed);
        } else {
            return;
        }
    }
    if (c->state == SV_CAMPAIGN_RUNNING && all_over(c)) {
        finish(c);
    }
}

void sv_campaign_judge(sv_campaign *c, const sv_campaign_rules *rules) {
    judge_stops(c, rules);
    judge_waves(c, rules);
}

void sv_campaign_open(sv_campaign *c, const sv_campaign_rules *rules, size_t wave_count) {
    *c =
        (sv_campaign){ .state = rules->approvals > 0 ? SV_CAMPAIGN_APPROVAL : SV_CAMPAIGN_SCHEDULED,
                       .wave_count = wave_count };
}

void sv_campaign_begin(sv_campaign *c, const sv_campaign_rules *rules, int64_t now_us) {
    if (c->state == SV_CAMPAIGN_SCHEDULED) {
        c->state = SV_CAMPAIGN_RUNNING;
        c->open = 1;
        c->credit = 1;
        c->credit_us = now_us;
        sv_campaign_judge(c, rules);
    }
}

void sv_campaign_join(sv_campaign *c, size_t wave, int64_t devices) {
    c->waves[wave].count[SV_STAGE_PLANNED] += devices;
    if (c->state == SV_CAMPAIGN_DONE) {
        c->state = SV_CAMPAIGN_RUNNING;
        c->why[0] = '\0';
    }
}

void sv_campaign_move(sv_campaign *c, const sv_campaign_rules *rules, size_t wave, sv_stage from,
                      sv_stage to) {
    sv_campaign_wave *w = &c->waves[wave];
    w->count[from]--;
    w->count[to]++;
    // Whether it was a forgiven one is not known: the rule errs to the careful side.
    if (sv_stage_is_bad(from) && w->forgiven[from - SV_STAGE_BAD] > 0) {
        w->forgiven[from - SV_STAGE_BAD]--;
    }
    if (from == SV_STAGE_PLANNED && sv_stage_is_at_risk(to)) {
        c->credit -= 1;
    }
    sv_campaign_judge(c, rules);
}

// ---- how fast -----------------------------------------------------------------------------------

double sv_campaign_rate(const sv_campaign *c, const sv_campaign_rules *rules) {
    double rate = rules->per_minute;
    double left = (double) sv_campaign_total(c, SV_STAGE_CONFIRMED);
    while (rules->growth > 1 && rate > 0 && left >= rate && rate < SV_CAMPAIGN_RATE_MAX) {
        left -= rate;
        rate *= rules->growth;
    }
    return rate < SV_CAMPAIGN_RATE_MAX ? rate : SV_CAMPAIGN_RATE_MAX;
}

/// What has been saved up is at most what two seconds bring: no burst after a quiet hour.
static int64_t by_rate(sv_campaign *c, double rate, int64_t now_us) {
    double most = rate / 30 > 1 ? rate / 30 : 1;
    int64_t passed_us = now_us > c->credit_us ? now_us - c->credit_us : 0;
    double credit = c->credit + (double) passed_us * rate / (double) SV_TIME_MINUTE_US;
    c->credit = credit < most ? credit : most;
    c->credit_us = now_us;
    return c->credit > 0 ? (int64_t) floor(c->credit) : 0;
}

int64_t sv_campaign_allowance(sv_campaign *c, const sv_campaign_rules *rules, int64_t now_us) {
    int64_t may = 0;
    double rate = sv_campaign_rate(c, rules);
    if (c->state != SV_CAMPAIGN_RUNNING) {
        return 0;
    }
    for (size_t i = 0; i < c->open; i++) {
        may += c->waves[i].count[SV_STAGE_PLANNED];
    }
    if (rules->at_once > 0) {
        int64_t room = rules->at_once - sv_campaign_at_risk(c);
        may = may < room ? may : room > 0 ? room : 0;
    }
    if (rate > 0) {
        int64_t room = by_rate(c, rate, now_us);
        may = may < room ? may : room;
    }
    return may;
}

// ---- what people say ----------------------------------------------------------------------------

static sv_err wrong_moment(const sv_campaign *c, const char *verb, sv_why *why) {
    return sv_fail(why, SV_ERR_STATE, "it cannot be %s: it is %s%s", verb,
                   c->state == SV_CAMPAIGN_APPROVAL ? "waiting for approval"
                                                    : sv_campaign_state_name(c->state),
                   c->state == SV_CAMPAIGN_STOPPED ? ", for good" : "");
}

sv_err sv_campaign_approve(sv_campaign *c, const sv_campaign_rules *rules, sv_why *why) {
    if (c->state != SV_CAMPAIGN_APPROVAL) {
        return wrong_moment(c, "approved", why);
    }
    c->approved++;
    if (c->approved >= rules->approvals) {
        c->state = SV_CAMPAIGN_SCHEDULED;
    }
    return SV_OK;
}

sv_err sv_campaign_pause(sv_campaign *c, const char *who, sv_why *why) {
    if (c->state != SV_CAMPAIGN_RUNNING) {
        return wrong_moment(c, "paused", why);
    }
    c->state = SV_CAMPAIGN_PAUSED;
    (void) snprintf(c->why, sizeof c->why, "paused by %s", who);
    return SV_OK;
}

sv_err sv_campaign_resume(sv_campaign *c, const sv_campaign_rules *rules, sv_why *why) {
    if (c->state != SV_CAMPAIGN_PAUSED) {
        return wrong_moment(c, "resumed", why);
    }
    for (size_t i = 0; i < c->wave_count; i++) {
        memcpy(c->waves[i].forgiven, &c->waves[i].count[SV_STAGE_BAD], sizeof c->waves[i].forgiven);
    }
    sv_campaign_wave *last = &c->waves[c->open - 1];
    last->accepted = is_over(last) || is_passed(last, rules);
    c->state = SV_CAMPAIGN_RUNNING;
    c->why[0] = '\0';
    sv_campaign_judge(c, rules);
    return SV_OK;
}

sv_err sv_campaign_stop(sv_campaign *c, const char *who, sv_why *why) {
    if (sv_campaign_has_ended(c->state)) {
        return wrong_moment(c, "stopped", why);
    }
    c->state = SV_CAMPAIGN_STOPPED;
    (void) snprintf(c->why, sizeof c->why, "stopped by %s", who);
    return SV_OK;
}

sv_err sv_campaign_may_retry(const sv_campaign *c, sv_why *why) {
    bool fits = c->state == SV_CAMPAIGN_RUNNING || c->state == SV_CAMPAIGN_PAUSED
                || c->state == SV_CAMPAIGN_DONE;
    return fits ? SV_OK : wrong_moment(c, "retried", why);
}

void sv_campaign_reopen(sv_campaign *c) {
    c->state = SV_CAMPAIGN_PAUSED;
}
