// What the files of campaigns share among themselves.
#ifndef SV_FLEET_CAMPAIGNS_OWN_H
#define SV_FLEET_CAMPAIGNS_OWN_H

#include "actions.h"
#include "campaigns.h"
#include "images.h"
#include "inventory.h"
#include "standing.h"

/// A campaign that has not ended: what never changes of it, and what need not outlive the program.
typedef struct sv_campaign_entry {
    int64_t id;
    sv_campaign_plan *plan;
    double credit; ///< of its rate
    int64_t credit_us;
    char newcomers_after[SV_ID_ROOM]; ///< up to here it has looked for who is new
} sv_campaign_entry;

struct sv_campaigns {
    sv_fleet *fleet;
    sv_timer *timer;
    sv_campaign_entry entries[SV_CAMPAIGNS_OPEN_MAX];
    size_t entry_count;
    int64_t changed[SV_CAMPAIGNS_OPEN_MAX]; ///< to be told of
    size_t changed_count;
    sv_campaign_asked asked[SV_CAMPAIGN_SURVEYS_MAX]; ///< surveys under way
    size_t asked_count, asked_next;
    sv_timer *asked_timer;
    size_t turn_next;   ///< which of those that are open has its turn first
    size_t second_left; ///< for how many what is done once a second is still to be done
    sv_map *zones;      ///< by name; no value: this machine knows no such zone
    int64_t second_us;  ///< when what is done once a second was done last (monotonic)
};

/// What is left to do when it has ended.
typedef enum sv_campaign_closing {
    SV_CAMPAIGN_RESTS,
    SV_CAMPAIGN_TAKES_BACK, ///< it was stopped: what no device has begun on
    SV_CAMPAIGN_STAYS,      ///< for who comes later
} sv_campaign_closing;

/// A campaign with its waves, as in the database.
typedef struct sv_campaign_row {
    int64_t id;
    char image[SV_PLAN_IMAGE_ROOM];
    char product[SV_TARGET_NAME_ROOM], version[SV_TARGET_NAME_ROOM], sha256[SV_IMAGE_HEX_ROOM];
    char sites[SV_SITES_ROOM];
    char user[SV_ID_ROOM];
    bool gathers; ///< its devices
    char after[SV_ID_ROOM];
    sv_campaign_closing closing;
    int priority;
    int64_t start_ms;
    bool prestage;
    bool retries;  ///< all bad ones are being planned again; then it goes on
    int64_t ready; ///< devices that have the image and wait for their window
    sv_campaign c;
    int64_t places[SV_CAMPAIGN_WAVES_MAX];
} sv_campaign_row;

sv_err sv_campaign_row_load(sv_fleet *fleet, int64_t id, sv_campaign_row *out, sv_why *why);
enum { SV_ALL_WAVES = -1 };
/// `wave`: the one that has changed.
sv_err sv_campaign_row_save(sv_fleet *fleet, const sv_campaign_row *row, int wave, sv_why *why);

/// Its plan, loaded when it is not; SV_ERR_NOT_FOUND when it has ended.
sv_err sv_campaigns_entry(sv_fleet *fleet, int64_t id, sv_campaign_entry **out, sv_why *why);
/// It is to be told of.
void sv_campaigns_note(sv_fleet *fleet, int64_t id);

/// One slice of a retry of all that came to grief. [campaign-14]
sv_err sv_campaign_retry_on(sv_fleet *fleet, const sv_campaign_entry *entry, bool *more,
                            sv_why *why);

// ---- before the window (prestage) ---------------------------------------------------------------

/// Of a device that is planned, in a campaign that asks for it.
typedef enum sv_campaign_staged {
    SV_STAGED_NOT,   ///< yet
    SV_STAGED_LOADS, ///< it has its assignment, and may not start the image
    SV_STAGED_READY, ///< its bytes are whole
    SV_STAGED_NEVER, ///< until something about it changes: it would start it, or is busy
    SV_STAGED_OVER,  ///< it has begun, or is out of it
} sv_campaign_staged;

/// Also counts who is ready. In the caller's transaction.
sv_err sv_campaign_stage_set(sv_fleet *fleet, int64_t campaign, const char *device,
                             sv_campaign_staged to, sv_why *why);
/// One slice: devices of all waves get their assignment, to be fetched and written.
sv_err sv_campaign_stage(sv_fleet *fleet, sv_campaign_entry *entry, bool *more, sv_why *why);
/// What a device that is planned says of what it fetches. [campaign-50]
sv_err sv_campaign_stage_heard(sv_fleet *fleet, const sv_action *action, sv_why *why);
/// Only our own agent keeps an image without starting it. [campaign-51]
bool sv_campaign_may_stage(sv_fleet *fleet, const char *device);

// ---- handing out --------------------------------------------------------------------------------

/// Is it at something that goes before `row`, or at this one's? `reason`: a sentence.
sv_err sv_campaign_is_busy(sv_fleet *fleet, const sv_campaign_row *row, const char *device,
                           char reason[SV_ACTION_WHY_ROOM], bool *out, sv_why *why);
/// Of a site: who has its assignment, and not all of its bytes.
sv_err sv_campaign_count_loading(sv_fleet *fleet, int64_t campaign, const char *site, int64_t *out,
                                 sv_why *why);
/// Where an action has its device.
sv_stage sv_campaign_place_of(const sv_action_stand *stand);

/// What an image asks of a device.
typedef struct sv_campaign_aim {
    sv_image_row image;
    const char *sites;
    const sv_campaign_plan *plan;
} sv_campaign_aim;

typedef enum sv_meant {
    SV_MEANT_OUT,     ///< revoked or retired; the first seven as in sv_campaign_survey.excluded
    SV_MEANT_UNHEARD, ///< it has never said what it runs, and nobody has named it
    SV_MEANT_PRODUCT,
    SV_MEANT_HARDWARE,
    SV_MEANT_OLDER,
    SV_MEANT_REQUIRES,
    SV_MEANT_KNOWN_BAD,
    SV_MEANT_ALREADY,
    SV_MEANT_NOT, ///< it is not of the target
    SV_MEANT,
} sv_meant;

sv_err sv_campaign_means(sv_fleet *fleet, const sv_campaign_aim *aim,
                         const sv_inventory_device *device, sv_meant *out, sv_why *why);
/// The wave whose query it fits first; `wave_count` when it fits none.
size_t sv_campaign_wave_by_query(const sv_campaign_plan *plan, const sv_query_device *asked);
/// SV_ERR_INVALID when it is not here.
sv_err sv_campaign_find_image(sv_fleet *fleet, const sv_campaign_plan *plan, sv_image_row *out,
                              sv_why *why);
void sv_campaigns_end_surveys(sv_campaigns *campaigns);
/// Why a device is not meant, in a few words.
const char *sv_campaign_meant_why(sv_meant meant);
/// Its aim as it is now; `out` borrows from both others. `goes`: false when it is over, as its
/// image is gone, or not whole: then it has stopped itself and said so. [campaign-37]
sv_err sv_campaign_aim_of(sv_fleet *fleet, const sv_campaign_entry *entry, sv_campaign_row *row,
                          sv_campaign_aim *out, bool *goes, sv_why *why);

// ---- windows ------------------------------------------------------------------------------------

/// `name`, or "", which is UTC, where this machine knows no such zone.
const char *sv_campaign_zone_known(sv_fleet *fleet, const char *name);
/// The key by which a device in that time zone is found: "" where it does not matter.
const char *sv_campaign_zone_key(sv_fleet *fleet, const sv_campaign_plan *plan, const char *zone);
/// Is it open now for who has this key? [campaign-21]
bool sv_campaign_is_open(sv_fleet *fleet, const sv_campaign_plan *plan, const char *key);
/// Of a device as it is now: its key.
void sv_campaign_key_of(sv_fleet *fleet, const sv_campaign_plan *plan, const char *device,
                        char key[SV_RUNNING_WORD_ROOM]);
bool sv_campaign_in_window(sv_fleet *fleet, const sv_campaign_plan *plan, const char *device);

/// Those whose time of probation is over: was their health better before?
sv_err sv_campaigns_watch(sv_fleet *fleet, sv_why *why);
sv_err sv_campaign_gather(sv_fleet *fleet, sv_campaign_entry *entry, bool *more, sv_why *why);
sv_err sv_campaign_gather_newcomers(sv_fleet *fleet, sv_campaign_entry *entry, sv_why *why);
sv_err sv_campaign_hand_out(sv_fleet *fleet, sv_campaign_entry *entry, bool *more, sv_why *why);
sv_err sv_campaign_take_back(sv_fleet *fleet, int64_t id, bool *more, sv_why *why);

#endif
