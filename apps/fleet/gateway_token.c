#include "gateway_token.h"

#include "actions.h"
#include "certificate_shown.h"
#include "ddi_token_door.h"
#include "ddi_write.h"
#include "issued.h"
#include "standing.h"

#include <stdio.h>
#include <string.h>
#include <sys/log.h>

enum {
    LOOKED_AT_MAX = 1000, ///< devices of a request that are to install an image
};

static const sv_ddi_token_kind KIND = {
    .name = "gateway token",
    .owner = "site",
    .store = "INSERT INTO gateway_token (site, hash, user, created_us) VALUES (?1, ?2, ?3, ?4)"
             " ON CONFLICT (site) DO UPDATE SET hash = ?2, user = ?3, created_us = ?4",
    .drop = "DELETE FROM gateway_token WHERE site = ?1",
    .find = "SELECT site, created_us FROM gateway_token WHERE hash = ?1",
    .make_deed = "gateway-token.make",
    .remove_deed = "gateway-token.remove",
};

// ---- whom it speaks for -------------------------------------------------------------------------

static bool has_target_token(const sv_fleet *fleet, const char *device) {
    sv_stmt *stmt;
    bool has = true; // what cannot be asked is not let in
    if (sv_db_stmt(fleet->db, "SELECT count(*) FROM target_token WHERE device = ?1", &stmt, NULL)
        == SV_OK) {
        sv_stmt_bind_str(stmt, 1, device);
        if (sv_stmt_next(stmt, NULL) == SV_OK) {
            has = sv_stmt_int(stmt, 0) > 0;
            sv_stmt_reset(stmt);
        }
    }
    return has;
}

static bool has_certificate(const sv_fleet *fleet, const char *device) {
    sv_issued_newest newest;
    return sv_certificate_was_shown(fleet, device)
           || sv_certificates_of(fleet->certificates, sv_text_of(device), fleet->mono_us()) != NULL
           || sv_issued_find_newest(fleet, device, &newest, NULL) != SV_ERR_NOT_FOUND;
}

/// What was decided about the device since the token was made ends it for that device.
static sv_err check(const sv_fleet *fleet, const char *site, sv_text id, int64_t since_us,
                    sv_why *why) {
    const sv_device *device = sv_registry_device(fleet->registry, id);
    if (device == NULL || strcmp(device->site->name, site) != 0) {
        return sv_fail(why, SV_ERR_STATE,
                       "site %s has no such device; add it there before it asks for updates", site);
    }
    if (has_certificate(fleet, device->id) || has_target_token(fleet, device->id)) {
        return sv_fail(why, SV_ERR_STATE,
                       "%s has a certificate or a target token of its own, and comes with that",
                       device->id);
    }
    if (sv_standing_of(fleet->standing, id).state != SV_STANDING_ACTIVE
        || sv_standing_allows(fleet->standing, device->id, since_us, NULL) != SV_OK) {
        return sv_fail(why, SV_ERR_STATE,
                       "%s is not active, or was not when site %s got its gateway token",
                       device->id, site);
    }
    return SV_OK;
}

// ---- files --------------------------------------------------------------------------------------
// Many thousand devices may be to install an image, few of them at this site: who asks what it is
// to install is remembered, after a restart too, so that its files are looked for with it first.
// What is remembered is no more than a hint: it is judged as if nobody had asked.

/// Is the device good for these bytes?
static bool wants(sv_fleet *fleet, const char *site, const char *device, sv_text sha256,
                  int64_t since_us) {
    sv_action open;
    return device[0] != '\0' && check(fleet, site, sv_text_of(device), since_us, NULL) == SV_OK
           && sv_actions_open_of(fleet, device, &open, NULL) == SV_OK
           && sv_text_is(sha256, open.sha256);
}

static sv_err store_want(const sv_fleet *fleet, const char *site, const char *sha256,
                         const char *device, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO gateway_token_want (site, sha256, device) VALUES (?1, ?2, ?3)"
                      " ON CONFLICT (site, sha256) DO UPDATE SET device = ?3",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, site);
    sv_stmt_bind_str(stmt, 2, sha256);
    sv_stmt_bind_str(stmt, 3, device);
    return sv_stmt_run(stmt, why);
}

/// Rows of what is not remembered any more.
static sv_err prune_wants(const sv_fleet *fleet, const sv_site *site, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "DELETE FROM gateway_token_want WHERE site = ?1 AND sha256 NOT IN"
                      " (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                      &stmt, why));
    _Static_assert(SV_FLEET_WANTS == 8, "each has its place in the statement");
    sv_stmt_bind_str(stmt, 1, site->name);
    for (int i = 0; i < SV_FLEET_WANTS; i++) {
        sv_stmt_bind_str(stmt, i + 2, site->wants[i].sha256);
    }
    return sv_stmt_run(stmt, why);
}

static sv_err keep_want(const sv_fleet *fleet, const sv_site *site, size_t at, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = store_want(fleet, site->name, site->wants[at].sha256, site->wants[at].device, why);
    err = err == SV_OK ? prune_wants(fleet, site, why) : err;
    err = err == SV_OK ? sv_db_commit(fleet->db, why) : err;
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
    }
    return err;
}

/// The place of these bytes, else the next one that is free by now; SV_FLEET_WANTS: neither.
static size_t place_of(sv_fleet *fleet, const sv_site *site, const char *sha256, int64_t since_us) {
    size_t at = 0;
    while (at < SV_FLEET_WANTS && strcmp(site->wants[at].sha256, sha256) != 0) {
        at++;
    }
    for (size_t i = 0; at == SV_FLEET_WANTS && i < SV_FLEET_WANTS; i++) {
        size_t next = (site->wants_next + i) % SV_FLEET_WANTS;
        bool taken = wants(fleet, site->name, site->wants[next].device,
                           sv_text_of(site->wants[next].sha256), since_us);
        at = taken ? at : next;
    }
    return at;
}

/// The device has just asked: of its site it stands for its image, unless another one does. With
/// more images than places they take turns, in memory alone: not a write for each that asks.
static void remember(sv_fleet *fleet, const sv_device *device, int64_t since_us) {
    sv_site *site = device->site;
    sv_action open;
    sv_why why = { 0 };
    if (sv_actions_open_of(fleet, device->id, &open, NULL) != SV_OK || open.sha256[0] == '\0') {
        return;
    }
    size_t at = place_of(fleet, site, open.sha256, since_us);
    bool in_turn = at == SV_FLEET_WANTS;
    at = in_turn ? site->wants_next % SV_FLEET_WANTS : at;
    if (strcmp(site->wants[at].sha256, open.sha256) == 0
        && wants(fleet, site->name, site->wants[at].device, sv_text_of(open.sha256), since_us)) {
        return;
    }
    site->wants_next = at + 1;
    (void) snprintf(site->wants[at].sha256, sizeof site->wants[at].sha256, "%s", open.sha256);
    (void) snprintf(site->wants[at].device, sizeof site->wants[at].device, "%s", device->id);
    if (!in_turn && keep_want(fleet, site, at, &why) != SV_OK) {
        SV_LOG(warn, "gateway-token.unkept", "that %s is to install an image: %s", device->id,
               why.text);
    }
}

sv_err sv_gateway_token_load(sv_fleet *fleet, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT site, sha256, device FROM gateway_token_want", &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_site *site = sv_registry_site(fleet->registry, sv_stmt_text(row, 0));
        if (site != NULL && site->wants_next < SV_FLEET_WANTS) {
            size_t at = site->wants_next++;
            (void) sv_text_copy(sv_stmt_text(row, 1), site->wants[at].sha256,
                                sizeof site->wants[at].sha256);
            (void) sv_text_copy(sv_stmt_text(row, 2), site->wants[at].device,
                                sizeof site->wants[at].device);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static bool is_remembered(sv_fleet *fleet, const char *name, sv_text sha256, int64_t since_us,
                          sv_asker *out) {
    const sv_site *site = sv_registry_site(fleet->registry, sv_text_of(name));
    for (size_t i = 0; site != NULL && i < SV_FLEET_WANTS; i++) {
        if (sv_text_is(sha256, site->wants[i].sha256)
            && wants(fleet, name, site->wants[i].device, sha256, since_us)) {
            return sv_text_copy(sv_text_of(site->wants[i].device), out->who.id, sizeof out->who.id)
                   == SV_OK;
        }
    }
    return false;
}

/// A device that is to install these bytes, and may be spoken for.
static sv_err find_who_wants(sv_fleet *fleet, const char *site, sv_text sha256, int64_t since_us,
                             sv_asker *out, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    if (is_remembered(fleet, site, sha256, since_us, out)) {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device FROM action WHERE sha256 = ?1 AND state < 6 LIMIT ?2", &row,
                      why));
    sv_stmt_bind_text(row, 1, sha256);
    sv_stmt_bind_int(row, 2, LOOKED_AT_MAX);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        if (check(fleet, site, sv_stmt_text(row, 0), since_us, NULL) == SV_OK) {
            err = sv_text_copy(sv_stmt_text(row, 0), out->who.id, sizeof out->who.id);
            sv_stmt_reset(row);
            return err;
        }
    }
    return err == SV_ERR_NOT_FOUND
               ? sv_fail(why, SV_ERR_STATE,
                         "no device of site %s is to install that, or none has asked what it is to "
                         "install",
                         site)
               : err;
}

sv_err sv_gateway_token_judge(sv_fleet *fleet, sv_text token, sv_text path, sv_asker *out,
                              sv_why *why) {
    static const sv_text DDI = { .at = SV_DDI_PREFIX, .len = sizeof SV_DDI_PREFIX - 1 };
    static const sv_text FILES = { .at = "/artifacts/", .len = sizeof "/artifacts/" - 1 };
    char site[SV_ID_ROOM];
    int64_t since_us = 0;
    bool is_file = sv_text_starts(path, FILES);
    size_t before = is_file ? FILES.len : DDI.len;
    *out = (sv_asker){ .who = { .role = SV_ROLE_DEVICE } };
    SV_TRY(sv_ddi_token_find(fleet, &KIND, token, site, &since_us, why));
    if (!is_file && !sv_text_starts(path, DDI)) {
        return sv_fail(why, SV_ERR_STATE, "a gateway token is good for updates alone");
    }
    sv_text rest = { .at = path.at + before, .len = path.len - before };
    sv_text what = sv_text_cut(&rest, '/');
    if (is_file) {
        SV_TRY(find_who_wants(fleet, site, what, since_us, out, why));
    } else {
        SV_TRY(check(fleet, site, what, since_us, why));
        SV_TRY(sv_text_copy(what, out->who.id, sizeof out->who.id));
    }
    out->who.not_before_us = since_us;
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(out->who.id));
    out->site = device->site;
    if (!is_file) {
        remember(fleet, device, since_us);
    }
    return SV_OK;
}

// ---- for operators ------------------------------------------------------------------------------

void sv_gateway_token_door_make(sv_visit *v) {
    const sv_site *site = sv_visit_site(v);
    if (site != NULL) {
        sv_ddi_token_make(v, &KIND, site->name, v->fleet->config.ddi.gateway_tokens);
    }
}

void sv_gateway_token_door_remove(sv_visit *v) {
    const sv_site *site = sv_visit_site(v);
    if (site != NULL) {
        sv_ddi_token_remove(v, &KIND, site->name);
    }
}
