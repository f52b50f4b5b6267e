// What somebody asks for who starts a campaign: JSON as it comes to the door and as it is kept, and
// what it means (docs/spec/campaign.md). Reads nothing but the text.
#ifndef SV_FLEET_CAMPAIGN_PLAN_H
#define SV_FLEET_CAMPAIGN_PLAN_H

#include <base/map.h>
#include <base/zone.h>
#include <codec/json.h>
#include <fleet/campaign.h>
#include <fleet/query.h>
#include <fleet/routing.h>
#include <model/id.h>

enum {
    SV_PLAN_NAME_ROOM = 100 + 1,
    SV_PLAN_IMAGE_ROOM = 256 + 1,
    SV_PLAN_DEVICES_MAX = 10000, ///< named one by one
    SV_PLAN_SITE_LOADS_MAX = 100000,
    SV_PLAN_PRIORITY = 5, ///< 0 to 9, the higher one goes first
    SV_PLAN_BYTES_MAX = 1024 * 1024,
};

typedef enum sv_wave_kind { SV_WAVE_COUNT, SV_WAVE_PERCENT, SV_WAVE_QUERY } sv_wave_kind;

typedef struct sv_wave_plan {
    sv_wave_kind kind;
    int64_t number;  ///< devices, or per cent of all that are meant
    sv_query *query; ///< whoever fits it
} sv_wave_plan;

typedef struct sv_campaign_plan {
    char name[SV_PLAN_NAME_ROOM];
    char image[SV_PLAN_IMAGE_ROOM];
    char site[SV_ID_ROOM]; ///< all that are given must fit; "" and NULL: not given
    char group[SV_ID_ROOM];
    sv_query *query;
    sv_map *devices;
    sv_query *requires; ///< what a device must be before it may get the image
    sv_wave_plan waves[SV_CAMPAIGN_WAVES_MAX - 1]; ///< who is in none of them comes last
    size_t wave_count;
    sv_campaign_rules rules;
    int64_t site_loads; ///< devices of a site that download at once; 0: no bound
    bool has_window;
    sv_hours hours;
    unsigned days;
    char zone[SV_ZONE_NAME_MAX + 1]; ///< "": each device's own
    int64_t start_ms;                ///< 0: now
    bool prestage;                   ///< devices have the image before their window opens
    bool forced, newcomers, dry_run;
    int priority;
} sv_campaign_plan;

/// SV_ERR_INVALID names the member, with what it must be.
sv_err sv_campaign_plan_parse(const sv_json *body, sv_campaign_plan **out, sv_why *why);
void sv_campaign_plan_drop(sv_campaign_plan **plan);

#endif
