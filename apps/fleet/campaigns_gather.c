// Whom a campaign means: by slices once it has started, and who comes later.
#include "campaigns_own.h"

#include <stdio.h>
#include <string.h>

// ---- who is meant -------------------------------------------------------------------------------

static bool is_of_target(const sv_campaign_aim *aim, const sv_inventory_device *d) {
    const sv_campaign_plan *plan = aim->plan;
    const sv_query_device *asked = &d->asked;
    sv_text id = asked->field[SV_QUERY_ID];
    sv_text site = asked->field[SV_QUERY_SITE];
    return sv_sites_have(aim->sites, site)
           && (plan->devices == NULL || sv_map_get(plan->devices, id) != NULL)
           && (plan->site[0] == '\0' || sv_text_is(site, plan->site))
           && (plan->group[0] == '\0' || asked->has(asked, SV_QUERY_GROUP, sv_text_of(plan->group)))
           && (plan->query == NULL || sv_query_fits(plan->query, asked));
}

static bool runs_it(const sv_image_row *image, const sv_running *running) {
    const sv_action_target target = { .version = image->version, .sha256 = image->sha256 };
    const sv_action_running now = { .version = running->version, .sha256 = running->sha256 };
    return sv_action_is_running(&target, &now);
}

static bool is_for_hardware(const sv_image_row *image, const char *hardware) {
    bool any = image->hardware_count == 0 || hardware[0] == '\0'; // unknown: the device judges
    for (size_t i = 0; !any && i < image->hardware_count; i++) {
        any = strcmp(image->hardware[i], hardware) == 0;
    }
    return any;
}

static sv_meant judge(sv_fleet *fleet, const sv_campaign_aim *aim, const sv_inventory_device *d) {
    const sv_image_row *image = &aim->image;
    const sv_running *running = &d->running;
    if (!is_of_target(aim, d)) {
        return SV_MEANT_NOT;
    }
    if (sv_standing_is_out(fleet->standing, sv_text_of(d->device->id))) {
        return SV_MEANT_OUT;
    }
    if (running->at_us == 0 && aim->plan->devices == NULL) {
        return SV_MEANT_UNHEARD;
    }
    if (runs_it(image, running)) {
        return SV_MEANT_ALREADY;
    }
    if (running->product[0] != '\0' && image->product[0] != '\0'
        && strcmp(running->product, image->product) != 0) {
        return SV_MEANT_PRODUCT;
    }
    if (!is_for_hardware(image, running->hardware)) {
        return SV_MEANT_HARDWARE;
    }
    if (image->counter > 0 && running->counter > image->counter) {
        return SV_MEANT_OLDER;
    }
    return aim->plan->requires != NULL && !sv_query_fits(aim->plan->requires, &d->asked)
               ? SV_MEANT_REQUIRES
               : SV_MEANT;
}

sv_err sv_campaign_means(sv_fleet *fleet, const sv_campaign_aim *aim,
                         const sv_inventory_device *device, sv_meant *out, sv_why *why) {
    bool bad = false;
    *out = judge(fleet, aim, device);
    if (*out == SV_MEANT) {
        SV_TRY(sv_actions_is_known_bad(fleet, device->device->id, sv_text_of(aim->image.path), &bad,
                                       why));
    }
    *out = bad ? SV_MEANT_KNOWN_BAD : *out;
    return SV_OK;
}

size_t sv_campaign_wave_by_query(const sv_campaign_plan *plan, const sv_query_device *asked) {
    size_t wave = 0;
    while (wave < plan->wave_count
           && (plan->waves[wave].query == NULL || !sv_query_fits(plan->waves[wave].query, asked))) {
        wave++;
    }
    return wave;
}

const char *sv_campaign_meant_why(sv_meant meant) {
    static const char *const WHY[] = {
        [SV_MEANT_OUT] = "revoked or retired",
        [SV_MEANT_UNHEARD] = "has never said what it runs",
        [SV_MEANT_PRODUCT] = "runs another product",
        [SV_MEANT_HARDWARE] = "the image is for other hardware",
        [SV_MEANT_OLDER] = "runs a later release",
        [SV_MEANT_REQUIRES] = "does not meet what is required",
        [SV_MEANT_KNOWN_BAD] = "has failed with this image before",
        [SV_MEANT_ALREADY] = "runs it already",
        [SV_MEANT_NOT] = "is not of the target any more",
        [SV_MEANT] = "",
    };
    return WHY[meant];
}

sv_err sv_campaign_find_image(sv_fleet *fleet, const sv_campaign_plan *plan, sv_image_row *out,
                              sv_why *why) {
    sv_err err = sv_images_find(fleet, sv_text_of(plan->image), out, why);
    return err == SV_ERR_NOT_FOUND
               ? sv_fail(why, SV_ERR_INVALID, "there is no image '%s'", plan->image)
               : err;
}

// ---- once it has started ------------------------------------------------------------------------

typedef struct gathering {
    sv_fleet *fleet;
    sv_campaign_aim aim;
    sv_campaign_row *row;
    sv_spread spread;
    bool newcomers;
    int64_t joined;
} gathering;

static sv_err insert(const gathering *g, const sv_inventory_device *d, size_t wave, sv_why *why) {
    const sv_device *device = d->device;
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(g->fleet->db,
                      "INSERT INTO campaign_device (campaign, device, site, wave, updated_ms,"
                      " staged, zone) VALUES (?1, ?2, ?3, ?4, ?5, CASE WHEN ?6 THEN 0 END, ?7)"
                      " ON CONFLICT DO NOTHING",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, g->row->id);
    sv_stmt_bind_str(stmt, 2, device->id);
    sv_stmt_bind_str(stmt, 3, device->site->name);
    sv_stmt_bind_int(stmt, 4, (int64_t) wave);
    sv_stmt_bind_int(stmt, 5, g->fleet->wall_us() / 1000);
    sv_stmt_bind_int(stmt, 6, g->aim.plan->prestage);
    sv_stmt_bind_str(stmt, 7, sv_campaign_zone_key(g->fleet, g->aim.plan, d->running.timezone));
    return sv_stmt_run(stmt, why);
}

/// A device's own bits: the same whenever it is asked, others in each campaign. [campaign-15]
static uint64_t chance_of(const gathering *g, const sv_device *device) {
    uint8_t key[16] = { 's', 'v', ' ', 'c', 'a', 'm', 'p', 'a' };
    memcpy(key + 8, &g->row->id, 8);
    return sv_hash(key, device->id, strlen(device->id));
}

static size_t wave_of(gathering *g, const sv_inventory_device *d) {
    size_t last = g->row->c.wave_count - 1;
    size_t wave = sv_campaign_wave_by_query(g->aim.plan, &d->asked);
    if (wave < g->aim.plan->wave_count) {
        return wave;
    }
    return g->newcomers ? last : sv_spread_pick(&g->spread, chance_of(g, d->device));
}

static sv_err gather_one(void *arg, const sv_inventory_device *d, sv_why *why) {
    gathering *g = arg;
    sv_meant meant = SV_MEANT_NOT;
    SV_TRY(sv_campaign_means(g->fleet, &g->aim, d, &meant, why));
    if (meant != SV_MEANT) {
        return SV_OK;
    }
    sv_spread before = g->spread;
    size_t wave = wave_of(g, d);
    SV_TRY(insert(g, d, wave, why));
    if (sv_db_changes(g->fleet->db) == 0) { // it is in already
        g->spread = before;
        return SV_OK;
    }
    sv_campaign_join(&g->row->c, wave, 1);
    g->joined++;
    return SV_OK;
}

/// Its image was taken out of the repository: there is nothing left to roll out.
static sv_err give_up(sv_fleet *fleet, sv_campaign_row *row, const sv_why *lost, sv_why *why) {
    row->c.state = SV_CAMPAIGN_STOPPED;
    row->closing = SV_CAMPAIGN_TAKES_BACK;
    (void) snprintf(row->c.why, sizeof row->c.why, "stopped itself: %.200s any more", lost->text);
    return sv_campaign_row_save(fleet, row, SV_ALL_WAVES, why);
}

sv_err sv_campaign_aim_of(sv_fleet *fleet, const sv_campaign_entry *entry, sv_campaign_row *row,
                          sv_campaign_aim *out, bool *goes, sv_why *why) {
    sv_why lost = { 0 };
    *out = (sv_campaign_aim){ .sites = row->sites, .plan = entry->plan };
    sv_err err = sv_campaign_find_image(fleet, entry->plan, &out->image, &lost);
    if (err == SV_OK && !out->image.complete) {
        err = sv_fail(&lost, SV_ERR_INVALID, "image '%s' is not whole here", entry->plan->image);
    }
    *goes = err == SV_OK;
    if (err == SV_ERR_INVALID) {
        return give_up(fleet, row, &lost, why);
    }
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", lost.text);
}

/// `goes`: false when it is over.
static sv_err begin(gathering *g, sv_campaign_row *row, const sv_campaign_entry *entry, bool *goes,
                    sv_why *why) {
    SV_TRY(sv_campaign_row_load(g->fleet, entry->id, row, why));
    SV_TRY(sv_campaign_aim_of(g->fleet, entry, row, &g->aim, goes, why));
    g->row = row;
    g->spread.count = row->c.wave_count;
    memcpy(g->spread.left, row->places, sizeof g->spread.left);
    return SV_OK;
}

static sv_err gather(sv_fleet *fleet, const sv_campaign_entry *entry, bool *more, sv_why *why) {
    gathering g = { .fleet = fleet };
    sv_campaign_row row;
    bool goes = false;
    *more = true; // the rest, or its beginning
    SV_TRY(begin(&g, &row, entry, &goes, why));
    if (!goes) {
        return SV_OK;
    }
    int64_t end_us = fleet->mono_us() + SV_CAMPAIGN_GATHER_US;
    do {
        char last[SV_ID_ROOM];
        SV_TRY(sv_inventory_each(fleet, row.after, SV_CAMPAIGN_GATHER_SLICE, gather_one, &g, last,
                                 why));
        memcpy(row.after, last, sizeof row.after);
        row.gathers = last[0] != '\0';
    } while (row.gathers && fleet->mono_us() < end_us);
    memcpy(row.places, g.spread.left, sizeof row.places);
    return sv_campaign_row_save(fleet, &row, SV_ALL_WAVES, why);
}

sv_err sv_campaign_gather(sv_fleet *fleet, sv_campaign_entry *entry, bool *more, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    return sv_push_commit(fleet, gather(fleet, entry, more, why), why);
}

static sv_err gather_newcomers(sv_fleet *fleet, sv_campaign_entry *entry, char last[SV_ID_ROOM],
                               sv_why *why) {
    gathering g = { .fleet = fleet, .newcomers = true };
    sv_campaign_row row;
    bool goes = false;
    SV_TRY(begin(&g, &row, entry, &goes, why));
    if (!goes) {
        return SV_OK;
    }
    SV_TRY(sv_inventory_each(fleet, entry->newcomers_after, SV_CAMPAIGN_NEWCOMERS_SLICE, gather_one,
                             &g, last, why));
    return g.joined > 0 ? sv_campaign_row_save(fleet, &row, SV_ALL_WAVES, why) : SV_OK;
}

sv_err sv_campaign_gather_newcomers(sv_fleet *fleet, sv_campaign_entry *entry, sv_why *why) {
    char last[SV_ID_ROOM] = "";
    SV_TRY(sv_db_begin(fleet->db, why));
    SV_TRY(sv_push_commit(fleet, gather_newcomers(fleet, entry, last, why), why));
    memcpy(entry->newcomers_after, last, sizeof entry->newcomers_after);
    return SV_OK;
}
