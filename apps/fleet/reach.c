#include "reach.h"

#include "access.h"
#include "campaigns.h"
#include "tokens.h"

#include <string.h>

/// The first line that fits; `*` at its end is any rest.
static const struct {
    const char *route;
    sv_about about;
} ROUTES[] = {
    { "/api/v1/session*", SV_ABOUT_NOTHING },
    { "/api/v1/login-links", SV_ABOUT_NOTHING },
    { "/api/v1/users*", SV_ABOUT_NOTHING },
    { "/api/v1/tokens*", SV_ABOUT_NOTHING },
    { "/api/v1/openapi.json", SV_ABOUT_NOTHING },
    { "/api/v1/overview", SV_ABOUT_SEEN },
    { "/api/v1/devices", SV_ABOUT_SEEN },
    { "/api/v1/devices/*", SV_ABOUT_DEVICE },
    { "/api/v1/versions", SV_ABOUT_SEEN }, // and of those alone
    { "/api/v1/sites/*", SV_ABOUT_SITE },
    { "/api/v1/enrolments", SV_ABOUT_SEEN },
    { "/api/v1/enrolments/*", SV_ABOUT_ENROLMENT },
    { "/api/v1/standing", SV_ABOUT_SEEN },
    { "/api/v1/alerts", SV_ABOUT_SEEN },
    { "/api/v1/alerts/*", SV_ABOUT_ALERT },
    { "/api/v1/commands/*", SV_ABOUT_COMMAND },
    { "/api/v1/notifications", SV_ABOUT_SEEN },
    { "/api/v1/notifications/*", SV_ABOUT_NOTICE },
    { "/api/v1/certificates", SV_ABOUT_SEEN },
    { "/api/v1/audit", SV_ABOUT_SEEN },
    { "/api/v1/audit/delivery", SV_ABOUT_SEEN },
    { "/api/v1/images", SV_ABOUT_NOTHING },
    { "/api/v1/director/root", SV_ABOUT_NOTHING },
    { "/api/v1/events", SV_ABOUT_SEEN },
    { "/api/v1/updates", SV_ABOUT_SEEN },
    { "/api/v1/updates/*", SV_ABOUT_CAMPAIGN },
    { "/api/v1/query", SV_ABOUT_SEEN },
};

sv_about sv_reach_about(const char *route) {
    for (size_t i = 0; i < SV_COUNT(ROUTES); i++) {
        size_t len = strlen(ROUTES[i].route);
        bool rest = ROUTES[i].route[len - 1] == '*';
        if (rest ? strncmp(route, ROUTES[i].route, len - 1) == 0
                 : strcmp(route, ROUTES[i].route) == 0) {
            return ROUTES[i].about;
        }
    }
    return SV_ABOUT_ALL;
}

/// What it is called, and where its site stands.
static const struct {
    const char *noun, *sql;
} KINDS[SV_ABOUT__COUNT] = {
    [SV_ABOUT_DEVICE] = { "device", NULL },
    [SV_ABOUT_SITE] = { "site", NULL },
    [SV_ABOUT_ALERT] = { "alert", "SELECT site FROM alert WHERE id = ?1" },
    [SV_ABOUT_COMMAND] = { "command", "SELECT site FROM command WHERE id = ?1" },
    [SV_ABOUT_NOTICE] = { "notification", "SELECT site FROM notice WHERE id = ?1" },
    [SV_ABOUT_ENROLMENT] = { "open enrolment of", "SELECT site FROM enrolment_token WHERE id = ?1"
                                                  " AND used_us IS NULL AND withdrawn_us IS NULL" },
    [SV_ABOUT_CAMPAIGN] = { "campaign", NULL },
};

static sv_err stored_site(const sv_visit *v, const char *sql, char site[SV_ID_ROOM], sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(v->fleet->db, sql, &row, why));
    sv_stmt_bind_text(row, 1, v->id);
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_text_copy(sv_stmt_text(row, 0), site, SV_ID_ROOM);
    sv_stmt_reset(row);
    return err;
}

static sv_err device_site(const sv_visit *v, char site[SV_ID_ROOM]) {
    char id[SV_ID_ROOM];
    const sv_device *device = sv_registry_device(v->fleet->registry, v->id);
    const sv_gateway *gateway = sv_text_copy(v->id, id, sizeof id) == SV_OK
                                    ? sv_registry_gateway(v->fleet->registry, id)
                                    : NULL;
    const sv_site *found = device != NULL ? device->site : gateway != NULL ? gateway->site : NULL;
    return found == NULL ? SV_ERR_NOT_FOUND
                         : sv_text_copy(sv_text_of(found->name), site, SV_ID_ROOM);
}

static sv_err site_of(const sv_visit *v, sv_about about, char site[SV_ID_ROOM], sv_why *why) {
    if (about == SV_ABOUT_DEVICE) {
        return device_site(v, site);
    }
    return about == SV_ABOUT_SITE ? sv_text_copy(v->id, site, SV_ID_ROOM)
                                  : stored_site(v, KINDS[about].sql, site, why);
}

static sv_err is_seen(const sv_visit *v, sv_about about, bool *out, sv_why *why) {
    char sites[SV_SITES_ROOM] = "";
    uint64_t campaign = 0;
    if (about != SV_ABOUT_CAMPAIGN) {
        SV_TRY(site_of(v, about, sites, why));
        *out = sv_person_sees(&v->person, sv_text_of(sites));
        return SV_OK;
    }
    SV_TRY(sv_text_u64(v->id, INT64_MAX, &campaign));
    SV_TRY(sv_campaigns_sites(v->fleet, (int64_t) campaign, sites, why));
    *out = sv_sites_within(sites, v->person.sites);
    return SV_OK;
}

bool sv_reach_allows(const sv_visit *v, sv_about about) {
    bool seen = false;
    sv_why why = { 0 };
    if (sv_person_sees_all(&v->person) || about == SV_ABOUT_NOTHING || about == SV_ABOUT_SEEN) {
        return true;
    }
    if (about == SV_ABOUT_ALL) {
        sv_access_denied(v->fleet, v->request, v->person.user, "this is about all sites");
        sv_http_problem(v->request, 403, "Forbidden", "this is about all sites; %s is of some",
                        v->person.user);
        return false;
    }
    sv_err err = is_seen(v, about, &seen, &why);
    if (err == SV_ERR_IO) {
        sv_visit_failure(v, err, &why);
        return false;
    }
    if (err != SV_OK || !seen) {
        // Of both, lest the time it takes tells one from the other.
        sv_access_denied(v->fleet, v->request, v->person.user,
                         "it is of a site that is not seen, or does not exist");
        sv_http_problem(v->request, 404, "Not found", "there is no %s '" SV_TEXT_FMT "'",
                        KINDS[about].noun, SV_TEXT_ARG(v->id));
        return false;
    }
    return true;
}

// ---- live streams -------------------------------------------------------------------------------

static bool still_may(void *arg, const sv_person *who) {
    const sv_fleet *fleet = arg;
    int64_t now_us = fleet->believed_us();
    sv_person now;
    sv_err err = who->session > 0 ? sv_session_person(fleet->db, who->session, now_us, &now, NULL)
                                  : sv_api_token_person(fleet->db, who->token, now_us, &now, NULL);
    return err == SV_OK && now.role == who->role && now.scopes == who->scopes
           && strcmp(now.user, who->user) == 0 && strcmp(now.sites, who->sites) == 0;
}

void sv_reach_review(sv_fleet *fleet) {
    sv_live_review(fleet->live, still_may, fleet);
}
