#include "expiry.h"

#include "inbox.h"
#include "issued.h"
#include "maintenance.h"
#include "standing.h"

#include <base/mem.h>
#include <crypto/random.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

/// An alert that is to be stored.
typedef struct news {
    char id[SV_ID_ROOM], site[SV_ID_ROOM];
    char alert[SV_ALERT_ID_MAX + 1];
    sv_alert_event event;
    sv_severity severity;
    char message[SV_ALERT_MESSAGE_MAX];
} news;

typedef struct all_news {
    news list[SV_EXPIRY_A_TURN];
    size_t count;
} all_news;

static news *add(all_news *all) {
    return all->count < SV_EXPIRY_A_TURN ? &all->list[all->count++] : NULL;
}

// ---- what is wrong ------------------------------------------------------------------------------

/// Where the id stands; NULL: nobody here knows it. `quiet`: it is being worked on.
static const sv_site *site_of(const sv_fleet *fleet, const char *id, bool *quiet) {
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(id));
    const sv_gateway *gateway = sv_registry_gateway(fleet->registry, id);
    const sv_site *site = device != NULL ? device->site : gateway != NULL ? gateway->site : NULL;
    *quiet = site != NULL && sv_maintenance_is_on(site, device);
    return site;
}

static void say(const char *id, int64_t end_us, bool ended, bool itself,
                char message[SV_ALERT_MESSAGE_MAX]) {
    char room[64];
    sv_textbuf when = SV_TEXTBUF(room);
    sv_time_add(&when, end_us - end_us % SV_TIME_SECOND_US);
    (void) snprintf(message, SV_ALERT_MESSAGE_MAX, "The certificate of %s %s " SV_TEXT_FMT "; %s",
                    id, ended ? "ended on" : "ends on", SV_TEXT_ARG(sv_textbuf_text(&when)),
                    itself ? "it should have renewed itself: look at its log and at its way to the "
                             "fleet server"
                           : "nothing renews it by itself: issue the next one, or enrol it");
}

/// The alert of that kind that is open for the id, and how bad it is; "": none.
static sv_err find_open(const sv_fleet *fleet, const char *id, char alert[SV_ALERT_ID_MAX + 1],
                        sv_severity *severity, sv_why *why) {
    sv_stmt *row;
    alert[0] = '\0';
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id, severity FROM alert WHERE device = ?1 AND type = 'HEALTH'"
                      " AND rule = ?2 AND state < 2",
                      &row, why));
    sv_stmt_bind_str(row, 1, id);
    sv_stmt_bind_str(row, 2, SV_EXPIRY_RULE);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        *severity = sv_inbox_severity(sv_stmt_text(row, 1));
        err = sv_text_copy(sv_stmt_text(row, 0), alert, SV_ALERT_ID_MAX + 1);
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// One that ends soon, or has.
static sv_err look_at(sv_fleet *fleet, sv_stmt *row, all_news *all, sv_why *why) {
    char id[SV_ID_ROOM];
    char alert[SV_ALERT_ID_MAX + 1];
    sv_severity known = SV_SEVERITY_INFO;
    bool quiet = false;
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), id, sizeof id));
    int64_t end_us = sv_stmt_int(row, 2);
    bool ended = end_us <= fleet->believed_us();
    const sv_site *site = site_of(fleet, id, &quiet);
    if (site == NULL || quiet
        || sv_standing_allows(fleet->standing, id, sv_stmt_int(row, 1), NULL) != SV_OK) {
        return SV_OK;
    }
    SV_TRY(find_open(fleet, id, alert, &known, why));
    sv_severity severity = ended ? SV_SEVERITY_CRITICAL : SV_SEVERITY_WARNING;
    if (alert[0] != '\0' && known >= severity) {
        return SV_OK;
    }
    news *one = add(all);
    if (one == NULL) {
        return SV_OK; // a turn later
    }
    char how[16] = "";
    (void) sv_text_copy(sv_stmt_text(row, 3), how, sizeof how);
    one->event = alert[0] != '\0' ? SV_ALERT_UPDATED : SV_ALERT_RAISED;
    one->severity = severity;
    if (alert[0] == '\0') {
        sv_random_hex(alert);
    }
    memcpy(one->alert, alert, sizeof one->alert);
    memcpy(one->id, id, sizeof one->id);
    memcpy(one->site, site->name, sizeof one->site);
    say(id, end_us, ended, sv_issued_renews_itself(how), one->message);
    return SV_OK;
}

static sv_err look_around(sv_fleet *fleet, all_news *all, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id, not_before_us, not_after_us, how FROM certificate"
                      " WHERE replaced_us IS NULL AND revoked = 0"
                      " AND not_after_us - (not_after_us - not_before_us) / ?2 <= ?1",
                      &row, why));
    sv_stmt_bind_int(row, 1, fleet->believed_us());
    sv_stmt_bind_int(row, 2, SV_ISSUED_LAST_PART);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        err = look_at(fleet, row, all, why);
        if (err != SV_OK) {
            sv_stmt_reset(row);
            return err;
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- what is over -------------------------------------------------------------------------------

/// Open alerts of ids whose newest certificate does not end soon, or that are out.
static sv_err look_back(sv_fleet *fleet, all_news *all, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(
        fleet->db,
        "SELECT a.id, a.device, a.site, a.message, a.severity, EXISTS (SELECT 1 FROM certificate c"
        " WHERE c.id = a.device AND c.replaced_us IS NULL AND c.revoked = 0"
        " AND c.not_after_us - (c.not_after_us - c.not_before_us) / ?2 <= ?1)"
        " FROM alert a WHERE a.type = 'HEALTH' AND a.rule = ?3 AND a.state < 2",
        &row, why));
    sv_stmt_bind_int(row, 1, fleet->believed_us());
    sv_stmt_bind_int(row, 2, SV_ISSUED_LAST_PART);
    sv_stmt_bind_str(row, 3, SV_EXPIRY_RULE);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        char id[SV_ID_ROOM];
        if (sv_text_copy(sv_stmt_text(row, 1), id, sizeof id) != SV_OK) {
            continue; // nobody has such an id
        }
        bool out = sv_standing_is_out(fleet->standing, sv_text_of(id));
        news *one = sv_stmt_int(row, 5) == 0 || out ? add(all) : NULL;
        if (one == NULL) {
            continue;
        }
        one->event = SV_ALERT_CLEARED;
        one->severity = sv_inbox_severity(sv_stmt_text(row, 4));
        memcpy(one->id, id, sizeof one->id);
        (void) sv_text_copy(sv_stmt_text(row, 0), one->alert, sizeof one->alert);
        (void) sv_text_copy(sv_stmt_text(row, 2), one->site, sizeof one->site);
        (void) sv_text_copy(sv_stmt_text(row, 3), one->message, sizeof one->message);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- storing ------------------------------------------------------------------------------------

static sv_err store(sv_fleet *fleet, const news *one, sv_why *why) {
    sv_alert alert = { .type = SV_ALERT_HEALTH,
                       .severity = one->severity,
                       .event = one->event,
                       .value = (double) NAN,
                       .raw = (double) NAN,
                       .at_us = fleet->wall_us() };
    memcpy(alert.id, one->alert, sizeof one->alert);
    memcpy(alert.device_id, one->id, sizeof one->id);
    memcpy(alert.message, one->message, sizeof one->message);
    (void) snprintf(alert.rule, sizeof alert.rule, "%s", SV_EXPIRY_RULE);
    return sv_inbox_take(fleet->db, &alert, one->site, "", why);
}

static sv_err store_all(sv_fleet *fleet, const all_news *all, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    for (size_t i = 0; i < all->count; i++) {
        sv_err err = store(fleet, &all->list[i], why);
        if (err != SV_OK) {
            sv_db_rollback(fleet->db);
            return err;
        }
    }
    return sv_db_commit(fleet->db, why);
}

static sv_err turn(sv_fleet *fleet, all_news *all, sv_why *why) {
    SV_TRY(look_around(fleet, all, why));
    SV_TRY(look_back(fleet, all, why));
    return all->count > 0 ? store_all(fleet, all, why) : SV_OK;
}

void sv_expiry_turn(sv_fleet *fleet) {
    int64_t now_us = fleet->mono_us();
    if (now_us < fleet->expiry_next_us) {
        return;
    }
    fleet->expiry_next_us = now_us + SV_EXPIRY_EVERY_US;
    SV_DEFER(sv_mem_drop) all_news *all = sv_mem_new(sizeof *all);
    sv_why why = { 0 };
    if (turn(fleet, all, &why) != SV_OK) {
        SV_LOG(error, "expiry.failed", "%s; it is tried again", why.text);
        return;
    }
    for (size_t i = 0; i < all->count; i++) {
        sv_fleet_tell_alert(fleet, sv_text_of(all->list[i].alert));
    }
}
