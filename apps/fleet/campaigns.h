// Campaigns as this server runs them (docs/spec/campaign.md): rows, and the turn that gathers their
// devices, hands out assignments and takes back what was stopped. What a campaign does next is
// decided in fleet/campaign.h. All of it is in the database: whenever the program ends, it goes on
// from there.
//
// Work is done in slices, each a transaction of its own, so that nobody waits for a large fleet.
#ifndef SV_FLEET_CAMPAIGNS_H
#define SV_FLEET_CAMPAIGNS_H

#include "campaign_plan.h"
#include "fleet.h"

enum {
    SV_CAMPAIGNS_OPEN_MAX = 64,         ///< that have not ended
    SV_CAMPAIGN_GATHER_SLICE = 250,     ///< devices looked at before the clock is
    SV_CAMPAIGN_NEWCOMERS_SLICE = 1000, ///< devices looked at in a second for who is new
    SV_CAMPAIGN_ASSIGN_SLICE = 100,     ///< devices whose turn it may be, looked at one by one
    SV_CAMPAIGN_HOLD_SLICE = 1000,      ///< whose time to wait is over
    SV_CAMPAIGN_RETRY_MAX = 1000,       ///< that are named; of all, however many there are,
    SV_CAMPAIGN_RETRY_SLICE = 200,      ///< so many are planned again at once
    SV_CAMPAIGN_SURVEY_SLICE = 250,     ///< devices counted before the clock is looked at
    SV_CAMPAIGN_SURVEYS_MAX = 16,       ///< counted at the same time
    SV_CAMPAIGN_EXCLUDED = 7,           ///< reasons why a device is left out
    SV_CAMPAIGNS_LIMIT_DEFAULT = 50,
    SV_CAMPAIGNS_LIMIT_MAX = 500,
    SV_CAMPAIGN_CURSOR_MAX = 96,
};
#define SV_CAMPAIGN_WATCH_US (10 * SV_TIME_MINUTE_US) ///< after which health is compared
#define SV_CAMPAIGN_BUSY_US                                                                        \
    (1 * SV_TIME_HOUR_US) ///< one that is busy is looked at again then, or when that has ended
#define SV_CAMPAIGN_SURVEY_US 5000 ///< counting, in one go
#define SV_CAMPAIGN_GATHER_US 2500 ///< so gathering, before it is stored
#define SV_CAMPAIGN_TURN_US 8000   ///< after which the others wait for the next turn
#define SV_CAMPAIGN_SOON_US 2000   ///< between slices, for everybody else

typedef struct sv_campaigns sv_campaigns;

sv_campaigns *sv_campaigns_new(sv_fleet *fleet);
void sv_campaigns_drop(sv_campaigns **campaigns);
/// Listens to actions and says which may begin. After both are there.
void sv_campaigns_join_actions(sv_fleet *fleet);
/// One slice of each campaign; true when there is more to do at once. Every second, and again soon
/// while it says so: sv_campaigns_run does both with the loop's timer.
bool sv_campaigns_turn(sv_fleet *fleet);
void sv_campaigns_run(sv_fleet *fleet);
/// Something about a device is another than it was (what it was at has ended, it says that it is
/// elsewhere): campaigns that wait for it, but the one of this id, look at it again. In the
/// caller's transaction, where there is one.
sv_err sv_campaigns_look_again(sv_fleet *fleet, const char *device, int64_t but, sv_why *why);
/// A device is in another time zone than it was.
sv_err sv_campaigns_moved(sv_fleet *fleet, const char *device, const char *zone, sv_why *why);

/// Whom a plan means, before anything starts.
typedef struct sv_campaign_survey {
    int64_t devices; ///< that it is for
    int64_t already; ///< run it
    int64_t excluded[SV_CAMPAIGN_EXCLUDED];
    size_t wave_count;
    int64_t waves[SV_CAMPAIGN_WAVES_MAX];
    char after[SV_ID_ROOM]; ///< up to which device it has counted
    bool is_whole;
} sv_campaign_survey;

/// In slices: begun, and gone on with until it is whole. A slice takes SV_CAMPAIGN_SURVEY_US or a
/// little more. `sites`: of whoever asks; devices of others are not meant. SV_ERR_INVALID names
/// what there is not: image, site, group. [campaign-55]
sv_err sv_campaigns_survey_begin(sv_fleet *fleet, const sv_campaign_plan *plan,
                                 sv_campaign_survey *out, sv_why *why);
sv_err sv_campaigns_survey_go_on(sv_fleet *fleet, const sv_campaign_plan *plan, const char *sites,
                                 sv_campaign_survey *survey, sv_why *why);
/// One that is gone on with by the loop; `done` is told what it found, or why it did not, also
/// when the server ends.
typedef struct sv_campaign_asked {
    const sv_campaign_plan *plan; ///< this and `sites` outlive it
    const char *sites;
    sv_campaign_survey *survey; ///< begun; copied
    void (*done)(void *arg, const sv_campaign_survey *survey, sv_err err, const sv_why *why);
    void *arg;
} sv_campaign_asked;
/// SV_ERR_UNAVAILABLE: too many are counted already.
sv_err sv_campaigns_ask(sv_fleet *fleet, const sv_campaign_asked *asked, sv_why *why);
void sv_campaign_survey_write(const sv_campaign_survey *survey, sv_json_out *out);

/// In the caller's transaction, as all that follow. SV_ERR_STATE: it would be for nobody, the image
/// is not whole, or there are too many. `text`: the plan as it is kept. [campaign-30]
/// `survey`: whole.
sv_err sv_campaigns_start(sv_fleet *fleet, const sv_campaign_plan *plan,
                          const sv_campaign_survey *survey, sv_text text, const char *sites,
                          const char *user, int64_t *id, sv_why *why);

typedef enum sv_campaign_verb {
    SV_CAMPAIGN_DO_PAUSE,
    SV_CAMPAIGN_DO_RESUME,
    SV_CAMPAIGN_DO_STOP,
    SV_CAMPAIGN_DO_APPROVE,
    SV_CAMPAIGN_DO_RETRY,
    SV_CAMPAIGN_VERB__COUNT
} sv_campaign_verb;

/// `devices`: of a retry, an array of ids, or NULL for all that came to grief.
sv_err sv_campaigns_do(sv_fleet *fleet, int64_t id, sv_campaign_verb verb, const char *user,
                       const sv_json *devices, sv_why *why);

/// Of whom it was started; SV_ERR_NOT_FOUND.
sv_err sv_campaigns_sites(sv_fleet *fleet, int64_t id, char sites[SV_SITES_ROOM], sv_why *why);

/// Not `whole`: of devices that are named one by one, up to 10,000, only how many. [campaign-36]
sv_err sv_campaign_write(sv_fleet *fleet, int64_t id, bool whole, sv_json_out *out, sv_why *why);

typedef struct sv_campaigns_query {
    int state;         ///< sv_campaign_state; -1: any
    int64_t before;    ///< ids below; 0: from the newest
    const char *sites; ///< of whoever asks
    int64_t limit;
} sv_campaigns_query;
/// {"items","next","traffic"}, the newest first; the last is of all that there are, not of a page.
sv_err sv_campaigns_list(sv_fleet *fleet, const sv_campaigns_query *query, sv_json_out *out,
                         sv_why *why);

typedef struct sv_campaign_devices_query {
    int64_t campaign;
    int place; ///< sv_stage; -1: any
    int wave;  ///< from 1; 0: any
    const char *after;
    int64_t limit;
} sv_campaign_devices_query;
/// {"items","next"}, by id.
sv_err sv_campaign_devices(sv_fleet *fleet, const sv_campaign_devices_query *query,
                           sv_json_out *out, sv_why *why);

/// Tell the live clients what has changed since; at most once a second and campaign.
void sv_campaigns_tell(sv_fleet *fleet);

#endif
