#include "census.h"

#include "person.h"
#include "standing.h"
#include "walk.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

struct sv_census {
    sv_tally *told, *fresh; ///< by site, in the registry's order; `fresh` is being counted
    bool is_told, counts;
    int64_t at_us; ///< when `told` was begun (monotonic)
    int64_t begun_us;
};

sv_census *sv_census_new(void) {
    return sv_mem_new(sizeof(sv_census));
}

void sv_census_drop(sv_census **census) {
    if (*census != NULL) {
        free((*census)->told);
        free((*census)->fresh);
        free(*census);
        *census = NULL;
    }
}

static size_t place_of(const sv_fleet *fleet, const sv_site *site) {
    return (size_t) (site - sv_registry_site_at(fleet->registry, 0));
}

static void count_one(void *arg, sv_device *device) {
    const sv_fleet *fleet = arg;
    sv_tally *sum = &fleet->census->fresh[place_of(fleet, device->site)];
    if (sv_standing_is_retired(fleet, device)) {
        return;
    }
    sv_fleet_health health = sv_device_health(device);
    bool needs_you = sv_device_needs_you(device);
    sum->devices++;
    sum->online += device->online;
    sum->health[health]++;
    sum->needing += needs_you;
    sum->needing_critical += needs_you && health == SV_FLEET_CRITICAL;
}

static void counted(void *arg, sv_err err, const sv_why *why) {
    const sv_fleet *fleet = arg;
    sv_census *census = fleet->census;
    (void) why; // it is tried again when it is asked for
    census->counts = false;
    if (err == SV_OK) {
        sv_tally *old = census->told;
        census->told = census->fresh;
        census->fresh = old;
        census->at_us = census->begun_us;
        census->is_told = true;
    }
}

void sv_census_look(sv_fleet *fleet) {
    sv_census *census = fleet->census;
    size_t sites = sv_registry_site_count(fleet->registry);
    bool is_small = sv_registry_device_count(fleet->registry) <= SV_CENSUS_AT_ONCE;
    const sv_walk walk = { .each = count_one, .done = counted, .arg = fleet };
    int64_t now_us = fleet->mono_us();
    if (census->counts || (!is_small && census->is_told && now_us - census->at_us < SV_CENSUS_US)) {
        return;
    }
    if (census->told == NULL) {
        census->told = sv_mem_array(sites + 1, sizeof(sv_tally));
        census->fresh = sv_mem_array(sites + 1, sizeof(sv_tally));
    }
    memset(census->fresh, 0, sites * sizeof(sv_tally));
    census->counts = true;
    census->begun_us = now_us;
    if (is_small || !census->is_told) {
        counted(fleet, sv_walk_now(fleet, &walk, NULL), NULL);
    } else {
        sv_walk_begin(fleet, &walk);
    }
}

sv_tally sv_census_of_site(const sv_fleet *fleet, const sv_site *site) {
    return fleet->census->told[place_of(fleet, site)];
}

sv_tally sv_census_of_sites(const sv_fleet *fleet, const char *sites) {
    sv_tally sum = { 0 };
    for (size_t i = 0; i < sv_registry_site_count(fleet->registry); i++) {
        const sv_site *site = sv_registry_site_at(fleet->registry, i);
        if (!sv_sites_have(sites, sv_text_of(site->name))) {
            continue;
        }
        const sv_tally *one = &fleet->census->told[i];
        sum.devices += one->devices;
        sum.online += one->online;
        sum.needing += one->needing;
        sum.needing_critical += one->needing_critical;
        for (int health = 0; health < SV_FLEET_HEALTH__COUNT; health++) {
            sum.health[health] += one->health[health];
        }
    }
    return sum;
}
