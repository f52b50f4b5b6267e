#include "boots.h"

#include "gateway.h"

#include <base/mem.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/log.h>

int64_t gw_row_us(sv_stmt *row, int column) {
    const sv_taken taken = {
        .received_us = sv_stmt_int(row, column),
        .at_us = sv_stmt_int(row, column + 1),
        .uptime_us = sv_stmt_int(row, column + 2),
        .known = (sv_known) sv_stmt_int(row, column + 3),
        .start_us = sv_stmt_int(row, column + 4),
    };
    return sv_taken_us(&taken);
}

bool gw_boot_cover(gw_boot *boot, int64_t uptime_us) {
    int64_t first_us = uptime_us / SV_TIME_MINUTE_US * SV_TIME_MINUTE_US;
    int64_t last_us = first_us + SV_TIME_MINUTE_US;
    bool none = boot->last_us == 0;
    bool news = none || first_us < boot->first_us || last_us > boot->last_us;
    boot->first_us = none || first_us < boot->first_us ? first_us : boot->first_us;
    boot->last_us = last_us > boot->last_us ? last_us : boot->last_us;
    return news;
}

static bool settle(gw_boot *boot, sv_known known, int64_t start_us) {
    bool moved = known != boot->known || llabs(start_us - boot->kept_us) >= GW_BOOT_MOVED_US;
    boot->known = known;
    boot->start_us = start_us;
    boot->kept_us = moved ? start_us : boot->kept_us;
    return moved;
}

/// By the device's own clock. The latest word counts, whatever order they come in.
static bool learn_said(gw_boot *boot, const sv_reading *reading) {
    sv_known known = reading->proven ? SV_KNOWN_PROVEN : SV_KNOWN_SAID;
    int64_t start_us = reading->at_us - reading->uptime_us;
    if (known < boot->known || (known == boot->known && reading->uptime_us < boot->latest_us)) {
        return false;
    }
    bool all = reading->proven && boot->known != SV_KNOWN_NOT
               && llabs(start_us - boot->start_us) > SV_CLOCK_APART_US;
    bool news = false;
    if (all) {
        news = gw_boot_cover(boot, 0);
        news |= gw_boot_cover(boot, reading->uptime_us);
    }
    boot->latest_us = reading->uptime_us;
    return settle(boot, known, start_us) || news;
}

/// It was on its way for a while: the least of these is nearest. What was found by a clock that has
/// been set since says nothing.
static bool learn_receipt(gw_boot *boot, sv_known known, const sv_reading *when,
                          const gw_receipt *receipt) {
    int64_t start_us = receipt->at_us - when->uptime_us;
    bool same_clock = boot->known == known && boot->steps == receipt->steps;
    if (same_clock && start_us >= boot->start_us) {
        return false;
    }
    boot->steps = receipt->steps;
    return settle(boot, known, start_us);
}

/// The uptime's clock may run slower than this gateway's, for weeks: followed in small steps, so
/// that what is on its way for long does little.
static bool follow(gw_boot *boot, const sv_reading *when, const gw_receipt *receipt) {
    int64_t ahead_us = receipt->at_us - when->uptime_us - boot->start_us;
    if (boot->steps != receipt->steps || ahead_us <= 0) {
        return learn_receipt(boot, SV_KNOWN_MEASURED, when, receipt);
    }
    if (when->uptime_us - boot->latest_us < SV_TIME_MINUTE_US) {
        return false;
    }
    boot->latest_us = when->uptime_us;
    return settle(boot, SV_KNOWN_MEASURED,
                  boot->start_us + (ahead_us < GW_BOOT_CREEP_US ? ahead_us : GW_BOOT_CREEP_US));
}

static bool measure(gw_boot *boot, const sv_reading *when, const gw_receipt *receipt) {
    boot->steps = receipt->steps;
    boot->latest_us = when->uptime_us;
    return settle(boot, SV_KNOWN_MEASURED, receipt->at_us - when->uptime_us);
}

bool gw_boot_learn(gw_boot *boot, const sv_reading *when, const gw_receipt *receipt) {
    bool plausible = sv_clock_is_plausible(when->at_us, receipt->at_us);
    bool awake = receipt->at_us >= SV_CLOCK_PAST_US;
    if ((plausible && when->proven) || boot->known == SV_KNOWN_PROVEN) {
        return plausible && learn_said(boot, when);
    }
    if (awake && receipt->measures) {
        return measure(boot, when, receipt);
    }
    if (boot->known == SV_KNOWN_MEASURED) {
        return awake && follow(boot, when, receipt);
    }
    if (plausible) {
        return learn_said(boot, when);
    }
    return awake && boot->known <= SV_KNOWN_RECEIPT
           && learn_receipt(boot, SV_KNOWN_RECEIPT, when, receipt);
}

static void keep(gw *g, const gw_device *device, const gw_boot *boot) {
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO boot VALUES (?, ?, ?, ?, ?, ?, ?)");
    sv_writer_int(g->writer, boot->id);
    sv_writer_str(g->writer, device->id);
    sv_writer_str(g->writer, boot->name);
    sv_writer_int(g->writer, boot->known);
    sv_writer_int(g->writer, boot->kept_us);
    sv_writer_int(g->writer, boot->first_us);
    sv_writer_int(g->writer, boot->last_us);
}

static gw_boot *add(gw_device *device, int64_t id, sv_text name) {
    gw_boot *boot = sv_mem_new(sizeof *boot);
    boot->id = id;
    (void) (sv_text_copy(name, boot->name, sizeof boot->name) == SV_OK);
    boot->next = device->boots;
    device->boots = boot;
    return boot;
}

/// Those it had before this program started.
static sv_err read_known(gw *g, gw_device *device, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT id, name, known, start, first, last FROM boot WHERE device = ? "
                      "ORDER BY id",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device->id);
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        gw_boot *boot = add(device, sv_stmt_int(stmt, 0), sv_stmt_text(stmt, 1));
        boot->known = (sv_known) sv_stmt_int(stmt, 2);
        boot->start_us = sv_stmt_int(stmt, 3);
        boot->kept_us = boot->start_us;
        boot->first_us = sv_stmt_int(stmt, 4);
        boot->last_us = sv_stmt_int(stmt, 5);
    }
    device->boots_read = true;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void forget_oldest(gw *g, gw_device *device) {
    size_t count = 0;
    gw_boot **last = NULL;
    for (gw_boot **at = &device->boots; *at != NULL; at = &(*at)->next) {
        last = at;
        count++;
    }
    if (count < GW_BOOTS_MAX || last == NULL) {
        return;
    }
    sv_writer_add(g->writer, "DELETE FROM boot WHERE id = ?");
    sv_writer_int(g->writer, (*last)->id);
    free(*last);
    *last = NULL;
}

gw_boot *gw_boot_of(gw *g, gw_device *device, const sv_reading *reading) {
    sv_why why = { 0 };
    if (reading->boot.len == 0) {
        return NULL;
    }
    if (!device->boots_read && read_known(g, device, &why) != SV_OK) {
        gw_store_failed(g, &why);
    }
    for (gw_boot *boot = device->boots; boot != NULL; boot = boot->next) {
        if (sv_text_is(reading->boot, boot->name)) {
            return boot;
        }
    }
    forget_oldest(g, device);
    gw_boot *boot = add(device, ++g->last_boot, reading->boot);
    keep(g, device, boot);
    return boot;
}

static bool learn(const gw_device *device, gw_boot *boot, const sv_reading *when,
                  const gw_receipt *receipt) {
    sv_known before = boot->known;
    int64_t start_us = boot->start_us;
    bool news = gw_boot_learn(boot, when, receipt);
    if (before != SV_KNOWN_NOT && before != boot->known
        && llabs(boot->start_us - start_us) > SV_CLOCK_APART_US) {
        SV_LOG(info, "clock.learned",
               "%s: the time is known; what it took since its start was %lld s off", device->id,
               (long long) ((boot->start_us - start_us) / SV_TIME_SECOND_US));
    }
    return news;
}

void gw_boot_met(gw *g, gw_device *device, const sv_reading *when) {
    gw_boot *boot = gw_boot_of(g, device, when);
    gw_receipt receipt = { .at_us = gw_wall_us(g), .steps = g->clock.steps };
    // A broker may have kept it for long.
    receipt.measures = g->door != NULL && !g->clock.lost && sv_clock_instant().proven;
    if (boot != NULL && learn(device, boot, when, &receipt)) {
        keep(g, device, boot);
    }
}

int64_t gw_boot_place(gw *g, const gw_device *device, gw_boot *boot, const sv_reading *reading,
                      int64_t received_us) {
    sv_taken taken = { .received_us = received_us, .at_us = reading->at_us };
    const gw_receipt receipt = { .at_us = received_us, .steps = g->clock.steps };
    if (boot == NULL) {
        return sv_taken_us(&taken);
    }
    bool news = learn(device, boot, reading, &receipt);
    if (!reading->proven) {
        taken.uptime_us = reading->uptime_us;
        taken.known = boot->known;
        taken.start_us = boot->start_us;
    }
    int64_t at_us = sv_taken_us(&taken);
    if (at_us != reading->at_us && taken.known != SV_KNOWN_NOT) {
        g->clocks_corrected++;
        news |= gw_boot_cover(boot, reading->uptime_us);
    }
    if (news) {
        keep(g, device, boot);
    }
    return at_us;
}

void gw_boots_drop(gw_device *device) {
    while (device->boots != NULL) {
        gw_boot *boot = device->boots;
        device->boots = boot->next;
        free(boot);
    }
}
