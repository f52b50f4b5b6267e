// A campaign: an image goes to many devices in waves, and stops itself when too many of them come
// to grief. Here stands what it does next; who is in it, and what becomes of each, is kept by its
// caller and told here as moves from place to place. Pure: no clock, no disk, and no step costs
// more than the waves there are (docs/spec/campaign.md).
//
// What counts is confirmed devices: started, and running the image by their own word. [campaign-10]
#ifndef SV_FLEET_CAMPAIGN_H
#define SV_FLEET_CAMPAIGN_H

#include <base/err.h>
#include <base/text.h>
#include <base/time.h>

enum {
    SV_CAMPAIGN_WAVES_MAX = 32, ///< with the last one, of what no other has taken
    SV_CAMPAIGN_WHY_ROOM = 256,
    SV_CAMPAIGN_RATE_MAX = 1000000, ///< devices a minute
    SV_CAMPAIGN_GROWTH_MAX = 10,
    SV_CAMPAIGN_APPROVALS_MAX = 16,
};

/// Where a device of a campaign is.
typedef enum sv_stage {
    SV_STAGE_PLANNED,     ///< not assigned yet
    SV_STAGE_WAITING,     ///< assigned; this to `trial` are at risk
    SV_STAGE_DOWNLOADING, ///< or its bytes are whole
    SV_STAGE_INSTALLED,
    SV_STAGE_TRIAL,
    SV_STAGE_CONFIRMED,
    SV_STAGE_FAILED, ///< this to `worse` are bad
    SV_STAGE_ROLLED_BACK,
    SV_STAGE_SILENT,
    SV_STAGE_UNPROVED,
    SV_STAGE_WORSE,
    SV_STAGE_CANCELED, ///< taken out: by hand, by another campaign, or when this one was stopped
    SV_STAGE__COUNT
} sv_stage;

enum { SV_STAGE_BAD = SV_STAGE_FAILED, SV_STAGE_BAD_COUNT = SV_STAGE_CANCELED - SV_STAGE_FAILED };

/// "planned", "waiting", …, "rolled_back", …
const char *sv_stage_name(sv_stage place);
sv_err sv_stage_parse(sv_text name, sv_stage *out, sv_why *why);
static inline bool sv_stage_is_at_risk(sv_stage place) {
    return place >= SV_STAGE_WAITING && place <= SV_STAGE_TRIAL;
}
static inline bool sv_stage_is_bad(sv_stage place) {
    return place >= SV_STAGE_FAILED && place <= SV_STAGE_WORSE;
}

typedef enum sv_campaign_state {
    SV_CAMPAIGN_APPROVAL,  ///< waits for somebody to say yes
    SV_CAMPAIGN_SCHEDULED, ///< waits for its beginning, or gathers its devices
    SV_CAMPAIGN_RUNNING,
    SV_CAMPAIGN_PAUSED,  ///< nobody new begins; who has begun goes on
    SV_CAMPAIGN_STOPPED, ///< for good
    SV_CAMPAIGN_DONE,    ///< nobody is planned or at risk
    SV_CAMPAIGN_STATE__COUNT
} sv_campaign_state;

const char *sv_campaign_state_name(sv_campaign_state state);
sv_err sv_campaign_state_parse(sv_text name, sv_campaign_state *out, sv_why *why);

/// What stops it: so many devices of all, or such a share of a wave's. Both 0: nothing.
typedef struct sv_stop_bound {
    int64_t count;
    int percent; ///< of the devices of their wave, rounded up: 1 % of 20 is the first one
} sv_stop_bound;

typedef enum sv_stop_kind {
    SV_STOP_FAILED, ///< these stand in the order of the bad places
    SV_STOP_ROLLED_BACK,
    SV_STOP_SILENT,
    SV_STOP_UNPROVED,
    SV_STOP_WORSE,
    SV_STOP_ANY,
    SV_STOP__COUNT
} sv_stop_kind;

const char *sv_stop_kind_name(sv_stop_kind kind);

/// What was agreed when it was made; never changes.
typedef struct sv_campaign_rules {
    int success_percent; ///< of a wave's devices that must be confirmed before the next begins
    sv_stop_bound stop[SV_STOP__COUNT];
    double per_minute; ///< devices that begin; 0: no bound
    double
        growth; ///< of that rate, each time as many are confirmed as may begin in a minute; 1: none
    int64_t at_once;    ///< devices at risk at any moment; 0: no bound
    bool pause_between; ///< after each wave somebody looks
    int approvals;      ///< yeses that it needs
} sv_campaign_rules;

/// SV_ERR_INVALID names what is out of its bounds.
sv_err sv_campaign_rules_check(const sv_campaign_rules *rules, sv_why *why);

typedef struct sv_campaign_wave {
    int64_t count[SV_STAGE__COUNT];
    int64_t forgiven[SV_STAGE_BAD_COUNT]; ///< bad ones that somebody has seen, and let it go on
    bool accepted;                        ///< somebody lets the next begin
} sv_campaign_wave;

/// How it stands: a value to be kept as it is.
typedef struct sv_campaign {
    sv_campaign_state state;
    char why[SV_CAMPAIGN_WHY_ROOM]; ///< a sentence: why it is paused, stopped or done
    size_t wave_count;
    size_t open; ///< waves that have begun
    int approved;
    double credit;     ///< devices that may begin by the rate
    int64_t credit_us; ///< and of when that is
    sv_campaign_wave waves[SV_CAMPAIGN_WAVES_MAX];
} sv_campaign;

void sv_campaign_open(sv_campaign *c, const sv_campaign_rules *rules, size_t wave_count);

/// Its devices are gathered and its time has come. [campaign-11]
void sv_campaign_begin(sv_campaign *c, const sv_campaign_rules *rules, int64_t now_us);
/// One device more, in this wave. Also later, when it is over: it goes on then. [campaign-18]
void sv_campaign_join(sv_campaign *c, size_t wave, int64_t devices);
/// Devices of a wave are elsewhere now: counted, and what follows of it. [campaign-12]
void sv_campaign_move(sv_campaign *c, const sv_campaign_rules *rules, size_t wave, sv_stage from,
                      sv_stage to);
/// How many devices may be assigned now, of all waves that have begun. [campaign-13]
int64_t sv_campaign_allowance(sv_campaign *c, const sv_campaign_rules *rules, int64_t now_us);
/// Devices a minute, as it is now; 0: no bound.
double sv_campaign_rate(const sv_campaign *c, const sv_campaign_rules *rules);
/// Nothing is left to do of what it waits for: it ends, or pauses and says why. After
/// sv_campaign_join, and after moves of many.
void sv_campaign_judge(sv_campaign *c, const sv_campaign_rules *rules);

/// What people say. SV_ERR_STATE with a sentence at the wrong moment. [campaign-14]
sv_err sv_campaign_approve(sv_campaign *c, const sv_campaign_rules *rules, sv_why *why);
sv_err sv_campaign_pause(sv_campaign *c, const char *who, sv_why *why);
/// The bad ones there are count no more, and a wave that has ended is good enough.
sv_err sv_campaign_resume(sv_campaign *c, const sv_campaign_rules *rules, sv_why *why);
sv_err sv_campaign_stop(sv_campaign *c, const char *who, sv_why *why);
/// May bad ones be planned again now? After they are (sv_campaign_move from their place to
/// planned, while it is paused), sv_campaign_resume.
sv_err sv_campaign_may_retry(const sv_campaign *c, sv_why *why);
/// For a retry: paused, also what was done.
void sv_campaign_reopen(sv_campaign *c);

int64_t sv_campaign_total(const sv_campaign *c, sv_stage place);
int64_t sv_campaign_wave_size(const sv_campaign_wave *wave); ///< devices
int64_t sv_campaign_at_risk(const sv_campaign *c);
bool sv_campaign_has_ended(sv_campaign_state state);

// ---- into which wave ----------------------------------------------------------------------------

/// Spreads devices that come one after the other over waves of known sizes: each device is as
/// likely in a wave as any other, and the sizes are met exactly. [campaign-15]
typedef struct sv_spread {
    int64_t left[SV_CAMPAIGN_WAVES_MAX]; ///< places of each wave that are free
    size_t count;
} sv_spread;

/// The wave of the next device; `chance`: evenly distributed bits of its own. `count - 1` when no
/// place is free.
size_t sv_spread_pick(sv_spread *spread, uint64_t chance);

#endif
