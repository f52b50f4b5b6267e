// Every route of the operator door, asked by everybody there is: what may be is written here, and
// nothing may be that is not. [people-13]
#include "door_fixture.h"

#include "audit_log.h"
#include "uplink.h"

extern const char sv_fleet_openapi[], sv_fleet_openapi_end[];

/// Who asks, in the order of the columns below.
enum {
    NOBODY,
    VIEWER,
    OPERATOR,
    RELEASE,
    ADMIN,
    SOUTH_VIEWER,   ///< of the other site
    SOUTH_OPERATOR, ///< so
    TOKEN_READ,     ///< an admin's token that is good for this alone; so for the next
    TOKEN_ALERTS,
    TOKEN_DEVICES,
    TOKEN_RULES,
    TOKEN_UPDATES,
    TOKEN_ADMIN,
    TOKEN_SOUTH, ///< a token of the other site's viewer that may read
    ASKERS
};

static const struct {
    const char *name;
    sv_person_role role;
    const char *sites; ///< NULL: all
    unsigned scopes;   ///< 0: comes with a session
} WHO[ASKERS] = {
    [VIEWER] = { "viewer", SV_PERSON_VIEWER, NULL, 0 },
    [OPERATOR] = { "operator", SV_PERSON_OPERATOR, NULL, 0 },
    [RELEASE] = { "release", SV_PERSON_RELEASE, NULL, 0 },
    [ADMIN] = { "boss", SV_PERSON_ADMIN, NULL, 0 },
    [SOUTH_VIEWER] = { "south-viewer", SV_PERSON_VIEWER, "[\"south\"]", 0 },
    [SOUTH_OPERATOR] = { "south-operator", SV_PERSON_OPERATOR, "[\"south\"]", 0 },
    [TOKEN_READ] = { "boss", SV_PERSON_ADMIN, NULL, SV_SCOPE_READ },
    [TOKEN_ALERTS] = { "boss", SV_PERSON_ADMIN, NULL, SV_SCOPE_ALERTS },
    [TOKEN_DEVICES] = { "boss", SV_PERSON_ADMIN, NULL, SV_SCOPE_DEVICES },
    [TOKEN_RULES] = { "boss", SV_PERSON_ADMIN, NULL, SV_SCOPE_RULES },
    [TOKEN_UPDATES] = { "boss", SV_PERSON_ADMIN, NULL, SV_SCOPE_UPDATES },
    [TOKEN_ADMIN] = { "boss", SV_PERSON_ADMIN, NULL, SV_SCOPE_ADMIN },
    [TOKEN_SOUTH] = { "south-viewer", SV_PERSON_VIEWER, NULL, SV_SCOPE_READ },
};

//                         nobody, roles, south's, tokens (read alerts devices rules updates admin)
#define OPEN /*         */ "+ ++++ ++ ++++++ +"
#define SIGNED_IN /*    */ ". ++++ ++ ...... ."
#define ANYBODY /*      */ ". ++++ ++ ++++++ +"
#define READ /*         */ ". ++++ ++ +..... +" // and sees its own sites in the answer
#define READ_NORTH /*   */ ". ++++ .. +..... ."
#define ALERTS /*       */ ". .+++ .. .+.... ."
#define DEVICES /*      */ ". .+++ .. ..+... ."
#define DEVICES_ADD /*  */ ". .+++ .+ ..+... ." // the body says at which site
#define RULES /*        */ ". .+++ .. ...+.. ."
#define UPDATES /*      */ ". ..++ .. ....+. ."
#define UPDATES_END /*  */ ". .+++ .. ....+. ."
#define UPDATES_HOLD /* */ ". .+++ .. ..+.+. ."
#define TOKENS /*       */ ". ++++ ++ .....+ ." // one's own; an admin everybody's
#define ADMINS /*       */ ". ...+ .. .....+ ."
#define RELEASES /*     */ ". ..++ .. ....+. ."

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *method, *route, *path, *body, *may;
} TABLE[] = {
    { "POST", "/api/v1/session", NULL, "{}", OPEN },
    { "GET", "/api/v1/session", NULL, "", ANYBODY },
    { "DELETE", "/api/v1/session", NULL, "", SIGNED_IN },
    { "POST", "/api/v1/session/password", NULL, "{}", SIGNED_IN },
    { "POST", "/api/v1/session/totp", NULL, "{}", SIGNED_IN },
    { "DELETE", "/api/v1/session/totp", NULL, "", SIGNED_IN },
    { "GET", "/api/v1/tokens", NULL, "", TOKENS },
    { "POST", "/api/v1/tokens", NULL, "{}", TOKENS },
    { "DELETE", "/api/v1/tokens/*", "/api/v1/tokens/none", "", TOKENS },
    { "GET", "/api/v1/session/all", NULL, "", SIGNED_IN },
    { "DELETE", "/api/v1/session/all", NULL, "", SIGNED_IN },
    { "DELETE", "/api/v1/session/all/*", "/api/v1/session/all/1", "", SIGNED_IN },
    { "POST", "/api/v1/login-links", NULL, "{}", ADMINS },
    { "GET", "/api/v1/users", NULL, "", ADMINS },
    { "POST", "/api/v1/users", NULL, "{}", ADMINS },
    { "GET", "/api/v1/users/*", "/api/v1/users/viewer", "", ADMINS },
    { "PATCH", "/api/v1/users/*", "/api/v1/users/viewer", "{}", ADMINS },
    { "DELETE", "/api/v1/users/*", "/api/v1/users/none", "", ADMINS },
    { "POST", "/api/v1/users/*/link", "/api/v1/users/viewer/link", "{\"kind\":\"invite\"}",
      ADMINS },
    { "GET", "/api/v1/users/*/sessions", "/api/v1/users/viewer/sessions", "", ADMINS },
    { "DELETE", "/api/v1/users/*/sessions", "/api/v1/users/viewer/sessions", "", ADMINS },
    { "DELETE", "/api/v1/users/*/sessions/*", "/api/v1/users/viewer/sessions/1", "", ADMINS },
    { "GET", "/api/v1/overview", NULL, "", READ },
    { "GET", "/api/v1/devices", NULL, "", READ },
    { "GET", "/api/v1/devices/*", "/api/v1/devices/press-1", "", READ_NORTH },
    { "GET", "/api/v1/devices/*/series", "/api/v1/devices/press-1/series?sensor=temperature", "",
      READ_NORTH },
    { "GET", "/api/v1/devices/*/machine", "/api/v1/devices/press-1/machine", "", READ_NORTH },
    { "GET", "/api/v1/devices/*/raw", "/api/v1/devices/press-1/raw?sensor=temperature", "",
      READ_NORTH },
    { "POST", "/api/v1/enrolments", NULL, "{\"devices\":[{\"id\":\"press-8\",\"site\":\"north\"}]}",
      DEVICES_ADD },
    { "GET", "/api/v1/enrolments", NULL, "", READ },
    { "DELETE", "/api/v1/enrolments/*", "/api/v1/enrolments/press-9", "", DEVICES },
    { "POST", "/api/v1/devices/*/commands/*", "/api/v1/devices/press-1/commands/stop", "1",
      DEVICES },
    { "GET", "/api/v1/devices/*/commands", "/api/v1/devices/press-1/commands", "", READ_NORTH },
    { "GET", "/api/v1/devices/*/updates", "/api/v1/devices/press-1/updates", "", READ_NORTH },
    { "POST", "/api/v1/devices/*/updates", "/api/v1/devices/press-1/updates", "{}", UPDATES },
    { "DELETE", "/api/v1/devices/*/updates", "/api/v1/devices/press-1/updates", "", UPDATES_END },
    { "POST", "/api/v1/devices/*/target-token", "/api/v1/devices/press-1/target-token", "",
      DEVICES },
    { "DELETE", "/api/v1/devices/*/target-token", "/api/v1/devices/press-1/target-token", "",
      DEVICES },
    { "POST", "/api/v1/sites/*/gateway-token", "/api/v1/sites/north/gateway-token", "", ADMINS },
    { "DELETE", "/api/v1/sites/*/gateway-token", "/api/v1/sites/north/gateway-token", "", ADMINS },
    { "GET", "/api/v1/versions", NULL, "", READ },
    { "GET", "/api/v1/devices/*/maintenance", "/api/v1/devices/press-1/maintenance", "",
      READ_NORTH },
    { "PUT", "/api/v1/devices/*/maintenance", "/api/v1/devices/press-1/maintenance",
      "{\"for_s\":60}", DEVICES },
    { "DELETE", "/api/v1/devices/*/maintenance", "/api/v1/devices/press-1/maintenance", "",
      DEVICES },
    { "GET", "/api/v1/sites/*/maintenance", "/api/v1/sites/north/maintenance", "", READ_NORTH },
    { "PUT", "/api/v1/sites/*/maintenance", "/api/v1/sites/north/maintenance", "{\"for_s\":60}",
      DEVICES },
    { "DELETE", "/api/v1/sites/*/maintenance", "/api/v1/sites/north/maintenance", "", DEVICES },
    { "POST", "/api/v1/devices/*/standing", "/api/v1/devices/press-1/standing",
      "{\"state\":\"quarantined\"}", DEVICES },
    { "POST", "/api/v1/devices/*/replacement", "/api/v1/devices/press-1/replacement", "", DEVICES },
    { "POST", "/api/v1/devices/*/renewed", "/api/v1/devices/press-1/renewed", "", DEVICES },
    { "GET", "/api/v1/models", NULL, "", READ_NORTH },
    { "PUT", "/api/v1/models/*", "/api/v1/models/press", "{}", RELEASES },
    { "GET", "/api/v1/sites/*/models", "/api/v1/sites/north/models", "", READ_NORTH },
    { "POST", "/api/v1/sites/*/models/*", "/api/v1/sites/north/models/press", "{}", RELEASES },
    { "GET", "/api/v1/standing", NULL, "", READ },
    { "GET", "/api/v1/commands/*", "/api/v1/commands/" HEX, "", READ_NORTH },
    { "GET", "/api/v1/alerts", "/api/v1/alerts?state=all", "", READ },
    { "GET", "/api/v1/alerts/*", "/api/v1/alerts/" HEX, "", READ_NORTH },
    { "POST", "/api/v1/alerts/*/acknowledge", "/api/v1/alerts/" HEX "/acknowledge", "", ALERTS },
    { "DELETE", "/api/v1/alerts/*/acknowledge", "/api/v1/alerts/" HEX "/acknowledge", "", ALERTS },
    { "POST", "/api/v1/alerts/*/normal", "/api/v1/alerts/" HEX "/normal", "", ALERTS },
    { "GET", "/api/v1/alerts/*/timeline", "/api/v1/alerts/" HEX "/timeline", "", READ_NORTH },
    { "GET", "/api/v1/notify", NULL, "", READ_NORTH },
    { "POST", "/api/v1/notify/channels/*/test", "/api/v1/notify/channels/c/test", "", ALERTS },
    { "POST", "/api/v1/notify/routes/*/test", "/api/v1/notify/routes/r/test", "", ALERTS },
    { "GET", "/api/v1/notifications", NULL, "", READ },
    { "GET", "/api/v1/notifications/*", "/api/v1/notifications/" HEX, "", READ_NORTH },
    { "POST", "/api/v1/notifications/*/retry", "/api/v1/notifications/" HEX "/retry", "", ALERTS },
    { "GET", "/api/v1/certificates", NULL, "", READ },
    { "GET", "/api/v1/audit", NULL, "", READ },
    { "GET", "/api/v1/audit/export", NULL, "", READ_NORTH },
    { "GET", "/api/v1/audit/delivery", "/api/v1/audit/delivery?day=2027-01-15", "", READ },
    { "GET", "/api/v1/checklist", NULL, "", READ_NORTH },
    { "PUT", "/api/v1/checklist", NULL, "{}", ADMINS },
    { "GET", "/api/v1/sites/*/rules", "/api/v1/sites/north/rules", "", READ_NORTH },
    { "PUT", "/api/v1/sites/*/rules", "/api/v1/sites/north/rules", "{}", RULES },
    { "POST", "/api/v1/sites/*/rules/check", "/api/v1/sites/north/rules/check", "{}", RULES },
    { "POST", "/api/v1/sites/*/rules/try", "/api/v1/sites/north/rules/try", "{}", RULES },
    { "GET", "/api/v1/sites/*/rules/versions", "/api/v1/sites/north/rules/versions", "",
      READ_NORTH },
    { "GET", "/api/v1/sites/*/rules/versions/*", "/api/v1/sites/north/rules/versions/1", "",
      READ_NORTH },
    { "POST", "/api/v1/sites/*/rules/versions/*/again",
      "/api/v1/sites/north/rules/versions/1/again", "", RULES },
    { "GET", "/api/v1/images", NULL, "", READ },
    { "GET", "/api/v1/images/parts/metadata/*", "/api/v1/images/parts/metadata/timestamp.json", "",
      RELEASES },
    { "PUT", "/api/v1/images/parts/metadata/*", "/api/v1/images/parts/metadata/timestamp.json",
      "{}", RELEASES },
    { "GET", "/api/v1/images/parts/artifacts/*/*", "/api/v1/images/parts/artifacts/" HEX HEX "/raw",
      "", RELEASES },
    { "PUT", "/api/v1/images/parts/artifacts/*/*", "/api/v1/images/parts/artifacts/" HEX HEX "/raw",
      "1", RELEASES },
    { "POST", "/api/v1/images/publish", NULL, "", RELEASES },
    { "POST", "/api/v1/images/files", NULL, "", RELEASES },
    { "DELETE", "/api/v1/images/files", "/api/v1/images/files?path=none", "", RELEASES },
    { "PUT", "/api/v1/images/keys/*", "/api/v1/images/keys/" HEX HEX, "00", RELEASES },
    { "GET", "/api/v1/director/root", NULL, "", READ },
    { "GET", "/api/v1/updates", NULL, "", READ },
    { "POST", "/api/v1/updates", NULL, "{}", RELEASES },
    { "GET", "/api/v1/updates/*", "/api/v1/updates/1", "", READ_NORTH },
    { "GET", "/api/v1/updates/*/devices", "/api/v1/updates/1/devices", "", READ_NORTH },
    { "POST", "/api/v1/updates/*/pause", "/api/v1/updates/1/pause", "", UPDATES_HOLD },
    { "POST", "/api/v1/updates/*/resume", "/api/v1/updates/1/resume", "", UPDATES_HOLD },
    { "POST", "/api/v1/updates/*/stop", "/api/v1/updates/1/stop", "", UPDATES_HOLD },
    { "POST", "/api/v1/updates/*/approve", "/api/v1/updates/1/approve", "", RELEASES },
    { "POST", "/api/v1/updates/*/retry", "/api/v1/updates/1/retry", "", RELEASES },
    { "GET", "/api/v1/groups", NULL, "", READ_NORTH },
    { "GET", "/api/v1/groups/*", "/api/v1/groups/canary", "", READ_NORTH },
    { "PUT", "/api/v1/groups/*", "/api/v1/groups/canary", "{\"query\":\"all\"}", DEVICES },
    { "DELETE", "/api/v1/groups/*", "/api/v1/groups/canary", "", DEVICES },
    { "GET", "/api/v1/devices/*/tags", "/api/v1/devices/press-1/tags", "", READ_NORTH },
    { "PUT", "/api/v1/devices/*/tags", "/api/v1/devices/press-1/tags", "{\"tags\":[]}", DEVICES },
    { "GET", "/api/v1/query", "/api/v1/query?q=all", "", READ },
    { "GET", "/api/v1/events", NULL, "", READ },
    { "GET", "/api/v1/openapi.json", NULL, "", ANYBODY },
    { "GET", "/metrics", NULL, "", READ_NORTH },
    { "GET", "/crl", NULL, "", OPEN },
    { "GET", "/.well-known/security.txt", NULL, "", OPEN },
    { "GET", "/healthz", NULL, "", OPEN },
    { "GET", "/readyz", NULL, "", OPEN },
};

// ---- who and what there is ----------------------------------------------------------------------

static void run_sql(door *d, const char *sql) {
    sv_why why = { 0 };
    if (sv_db_exec(d->f.fleet.db, sql, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void take(door *d, sv_uplink_fn *way, const char *body) {
    char room[SV_UPLINK_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    assert_int_equal(
        way(&d->f.fleet, fixture_gateway(&d->f, "gw-a"), sv_text_of(body), &answer, NULL), SV_OK);
}

/// North has a device with a reading, an alert, a command, a message, a certificate and an event;
/// one more is awaited there. South has nothing.
static void make_north(door *d) {
    take(d, sv_uplink_readings,
         "{\"epoch\":\"0123456789abcdef0123456789abcdef\",\"items\":["
         "{\"seq\":1,\"kind\":\"average\",\"device_id\":\"press-1\",\"sensor\":\"temperature\","
         "\"unit\":\"Cel\",\"at\":1799999990000000,\"value\":21.5}]}");
    take(d, sv_uplink_alert,
         "{\"id\":\"" HEX "\",\"deviceId\":\"press-1\",\"alertType\":\"HIGH\","
         "\"severity\":\"warning\",\"message\":\"m\",\"data\":{\"timestamp\":1800000000000,"
         "\"deviceId\":\"press-1\",\"sensor\":\"temperature\",\"value\":1,\"raw\":1},"
         "\"timestamp\":\"2027-01-15T08:00:00Z\",\"event\":\"raised\"}");
    run_sql(d, "INSERT INTO command (id, device, site, name, payload, rule, alert, asker, state,"
               " asked_ms, until_ms) VALUES ('" HEX "', 'press-1', 'north', 'stop', '1', '', '',"
               " 'x', 0, 1, 2)");
    run_sql(d,
            "INSERT INTO notice (id, channel, route, kind, site, type, sensor, severity, state,"
            " made_ms, due_ms) VALUES ('" HEX "', 'c', 'r', 0, 'north', 'HIGH', 's', 1, 2, 1, 1)");
    run_sql(d, "INSERT INTO certificate (serial, id, role, key_hash, issuer, not_before_us,"
               " not_after_us, how, issued_us) VALUES ('01', 'press-1', 'device', '', 'ca', 0,"
               " 1900000000000000, 'enrolled', 0)");
    run_sql(d, "INSERT INTO enrolment_token (id, site, created_us, expires_us, user)"
               " VALUES ('press-9', 'north', 0, 1900000000000000, 'x')");
    run_sql(d, "INSERT INTO campaign (id, name, image, product, version, sha256, plan, sites,"
               " priority, state, user, created_ms) VALUES (1, 'c', 'a', '', '1', '', '{\"image\":"
               "\"a\",\"target\":{\"site\":\"north\"}}', '[\"north\"]', 5, 0, 'x', 1);"
               "INSERT INTO campaign_wave (campaign, number, places, counts, forgiven)"
               " VALUES (1, 0, 0, '', '')");
    run_sql(d, "INSERT INTO device_group (name, query, at_ms, user)"
               " VALUES ('canary', 'all', 1, 'x')");
    const sv_audit_event event = { .what = "device.note", .about = "press-1" };
    assert_int_equal(sv_audit_add(d->f.fleet.db, &event, NULL), SV_OK);
}

static void make_people(door *d) {
    for (int i = VIEWER; i < ASKERS; i++) {
        sv_user user = { .role = WHO[i].role };
        if (WHO[i].scopes != 0) {
            continue;
        }
        (void) snprintf(user.name, sizeof user.name, "%s", WHO[i].name);
        (void) snprintf(user.sites, sizeof user.sites, "%s", WHO[i].sites ? WHO[i].sites : "");
        assert_int_equal(sv_user_add(d->f.fleet.db, &user, "test", 0, NULL), SV_OK);
    }
}

/// Session or token, new for every question: some end what they were asked with.
static void show_secret(door *d, int who, char headers[DOOR_HEAD_MAX]) {
    const sv_visitor visitor = { .from = "test" };
    char secret[SV_SECRET_ROOM] = "token";
    char hash[SV_SECRET_HASH_ROOM];
    char sql[512];
    headers[0] = '\0';
    if (who == NOBODY) {
        return;
    }
    if (WHO[who].scopes == 0) {
        assert_int_equal(sv_session_begin(d->f.fleet.db, WHO[who].name, "link", &visitor,
                                          fixture_now_us, secret, NULL),
                         SV_OK);
        (void) snprintf(headers, DOOR_HEAD_MAX, "Cookie: selvedge=%s\r\nX-Selvedge: 1\r\n", secret);
        return;
    }
    sv_secret_hash(sv_text_of(secret), hash);
    (void) snprintf(sql, sizeof sql,
                    "DELETE FROM api_token WHERE name = 't'; INSERT INTO api_token (name, hash,"
                    " user, role, scopes, created_us) VALUES ('t', '%s', '%s', %d, %u, 0)",
                    hash, WHO[who].name, (int) WHO[who].role, WHO[who].scopes);
    run_sql(d, sql);
    (void) snprintf(headers, DOOR_HEAD_MAX, "Authorization: Bearer %s\r\n", secret);
}

// ---- the walk -----------------------------------------------------------------------------------

/// Columns without the spaces between them.
static bool may(const char *columns, int who) {
    int at = 0;
    for (const char *c = columns; *c != '\0'; c++) {
        if (*c != ' ' && at++ == who) {
            return *c == '+';
        }
    }
    fail_msg("column %d is missing in '%s'", who, columns);
    return false;
}

/// What somebody of the other site must not find in an answer.
static void check_unseen(const door *d, size_t line, int who) {
    static const char *const NORTHERN[] = { "press-1", "press-9", "gw-a", "north", HEX };
    for (size_t i = 0; i < SV_COUNT(NORTHERN); i++) {
        if (strstr(door_body(d), NORTHERN[i]) != NULL) {
            fail_msg("%s %s tells %s of %s: %s", TABLE[line].method, TABLE[line].route,
                     WHO[who].name, NORTHERN[i], door_body(d));
        }
    }
}

static void ask(door *d, size_t line, int who) {
    char headers[DOOR_HEAD_MAX];
    const char *path = TABLE[line].path != NULL ? TABLE[line].path : TABLE[line].route;
    show_secret(d, who, headers);
    int64_t denied = d->f.fleet.counts.requests_denied;
    int status = door_ask(d, TABLE[line].method, path, headers, TABLE[line].body);
    denied = d->f.fleet.counts.requests_denied - denied;
    bool want = may(TABLE[line].may, who);
    bool let_in = status != 401 && status != 403 && denied == 0;
    bool kept_out = (status == 401 || status == 403 || status == 404) && denied == 1;
    if (want ? !let_in : !kept_out) {
        fail_msg("%s %s by %d (%s): %d, denied %d; may: '%s'", TABLE[line].method, path, who,
                 WHO[who].name != NULL ? WHO[who].name : "nobody", status, (int) denied,
                 TABLE[line].may);
    }
    bool south = who == SOUTH_VIEWER || who == SOUTH_OPERATOR || who == TOKEN_SOUTH;
    if (south && status != 404 && strstr(path, "openapi") == NULL) {
        check_unseen(d, line, who);
    }
}

static void everybody_may_what_is_written_here_and_nothing_else(void **state) {
    door *d = *state;
    make_north(d);
    make_people(d);
    for (size_t line = 0; line < SV_COUNT(TABLE); line++) {
        for (int who = NOBODY; who < ASKERS; who++) {
            ask(d, line, who);
        }
    }
}

/// How many lines the table has for it.
static size_t lines_of(const char *method, const char *route) {
    size_t count = 0;
    for (size_t i = 0; i < SV_COUNT(TABLE); i++) {
        count += strcmp(TABLE[i].method, method) == 0 && strcmp(TABLE[i].route, route) == 0;
    }
    return count;
}

static void every_route_is_written_here_once(void **state) {
    (void) state;
    size_t count = 0;
    const sv_operator_route *routes = sv_operator_routes(&count);
    assert_int_equal(count, SV_COUNT(TABLE));
    for (size_t i = 0; i < count; i++) {
        if (lines_of(routes[i].method, routes[i].path) != 1) {
            fail_msg("%s %s is not in the table once", routes[i].method, routes[i].path);
        }
    }
    assert_int_equal(sv_reach_about("/api/v1/unheard-of"), SV_ABOUT_ALL);
}

/// A thing of the other site and one that does not exist are told apart by nothing but their name.
static void what_somebody_does_not_see_does_not_exist(void **state) {
    door *d = *state;
    static const struct {
        const char *there, *nowhere;
    } PATHS[] = {
        { "/api/v1/devices/press-1", "/api/v1/devices/press-0" },
        { "/api/v1/sites/north/rules", "/api/v1/sites/nowhr/rules" },
        { "/api/v1/alerts/" HEX, "/api/v1/alerts/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" },
        { "/api/v1/updates/1", "/api/v1/updates/2" },
        { "/api/v1/commands/" HEX, "/api/v1/commands/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" },
        { "/api/v1/notifications/" HEX, "/api/v1/notifications/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" },
    };
    char headers[DOOR_HEAD_MAX];
    char there[512];
    make_north(d);
    make_people(d);
    show_secret(d, SOUTH_OPERATOR, headers);
    for (size_t i = 0; i < SV_COUNT(PATHS); i++) {
        const char *name = strrchr(PATHS[i].there, '/') + 1;
        assert_int_equal(door_ask(d, "GET", PATHS[i].there, headers, ""), 404);
        (void) snprintf(there, sizeof there, "%s", door_body(d));
        assert_int_equal(door_ask(d, "GET", PATHS[i].nowhere, headers, ""), 404);
        assert_int_equal(strlen(door_body(d)), strlen(there));
        assert_non_null(name);
    }
    assert_int_equal(door_ask(d, "POST", "/api/v1/enrolments", headers,
                              "{\"devices\":[{\"id\":\"press-8\",\"site\":\"north\"}]}"),
                     404);
    assert_true(door_says(d, "there is no site 'north'"));
    assert_int_equal(door_ask(d, "POST", "/api/v1/enrolments", headers,
                              "{\"devices\":[{\"id\":\"press-1\",\"site\":\"south\"}]}"),
                     409);
    assert_true(door_says(d, "the id press-1 is taken") && !door_says(d, "north"));
    assert_int_equal(door_ask(d, "GET", "/api/v1/audit/delivery?device=press-1", headers, ""), 404);
    assert_int_equal(door_ask(d, "GET", "/api/v1/devices?site=north", headers, ""), 200);
    assert_true(door_says(d, "{\"items\":[],\"next\":null,\"total\":0}"));
}

// [people-14]
static void denials_are_written_down_but_not_without_end(void **state) {
    door *d = *state;
    char headers[DOOR_HEAD_MAX];
    make_people(d);
    show_secret(d, VIEWER, headers);
    for (int i = 0; i < 2 * SV_THROTTLE_FAILURES; i++) {
        assert_int_equal(door_ask(d, "GET", "/api/v1/users", headers, ""), 403);
    }
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what ="
                                          " 'access.refuse' AND who = 'viewer' AND about ="
                                          " 'GET /api/v1/users' AND detail = 'this needs the role"
                                          " admin; viewer is viewer' AND outcome = 'refused'"),
                     SV_THROTTLE_FAILURES);
    assert_int_equal(door_ask(d, "GET", "/api/v1/devices", "Authorization: Bearer wrong\r\n", ""),
                     401);
    assert_int_equal(fixture_count(&d->f,
                                   "SELECT count(*) FROM event_log WHERE about ="
                                   " 'GET /api/v1/devices' AND detail = 'a wrong API token'"),
                     1);
}

// [people-14]
static void who_looks_beyond_the_own_sites_is_written_down(void **state) {
    door *d = *state;
    static const struct {
        const char *path, *about;
        int status;
    } ASKED[] = {
        { "/api/v1/devices/press-1", "GET /api/v1/devices/press-1", 404 },
        { "/api/v1/devices/press-0", "GET /api/v1/devices/press-0", 404 }, // there is none
        { "/api/v1/sites/north/rules?x=secret", "GET /api/v1/sites/north/rules", 404 },
        { "/metrics", "GET /metrics", 403 },
    };
    char headers[DOOR_HEAD_MAX];
    char sql[512];
    make_north(d);
    make_people(d);
    show_secret(d, SOUTH_OPERATOR, headers);
    for (size_t i = 0; i < SV_COUNT(ASKED); i++) {
        assert_int_equal(door_ask(d, "GET", ASKED[i].path, headers, ""), ASKED[i].status);
        (void) snprintf(sql, sizeof sql,
                        "SELECT count(*) FROM event_log WHERE what = 'access.refuse' AND who = '%s'"
                        " AND about = '%s' AND outcome = 'refused' AND \"from\" = '127.0.0.1'",
                        WHO[SOUTH_OPERATOR].name, ASKED[i].about);
        assert_int_equal(fixture_count(&d->f, sql), 1);
    }
    assert_int_equal(door_ask(d, "POST", "/api/v1/enrolments", headers,
                              "{\"devices\":[{\"id\":\"press-8\",\"site\":\"north\"}]}"),
                     404);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what ="
                                          " 'access.refuse' AND about = 'POST /api/v1/enrolments'"),
                     1);
}

// ---- the document -------------------------------------------------------------------------------

static sv_err check_operation(void *arg, sv_text method, const sv_json *value) {
    const char *route = arg;
    char name[16] = "";
    (void) value;
    if (sv_text_is(method, "parameters")) {
        return SV_OK;
    }
    for (size_t i = 0; i < method.len && i + 1 < sizeof name; i++) {
        name[i] = (char) (method.at[i] - 'a' + 'A');
    }
    if (lines_of(name, route) != 1) {
        fail_msg("openapi.json has %s %s, and there is none", name, route);
    }
    return SV_OK;
}

static size_t operations;

static sv_err check_path(void *arg, sv_text path, const sv_json *value) {
    char route[128];
    sv_textbuf text = SV_TEXTBUF(route);
    (void) arg;
    while (path.len > 0) {
        sv_textbuf_add(&text, sv_text_cut(&path, '{'));
        if (path.len > 0) {
            (void) sv_text_cut(&path, '}');
            sv_textbuf_add_char(&text, '*');
        }
    }
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    operations += sv_json_size(value) - (sv_json_get(value, "parameters") != NULL);
    return sv_json_each(value, check_operation, route);
}

static void the_document_has_every_route_and_no_other(void **state) {
    (void) state;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text text = { .at = sv_fleet_openapi,
                     .len = (size_t) (sv_fleet_openapi_end - sv_fleet_openapi) };
    assert_int_equal(sv_json_parse(text, &root, NULL, NULL), SV_OK);
    operations = 0;
    assert_int_equal(sv_json_each(sv_json_get(root, "paths"), check_path, NULL), SV_OK);
    assert_int_equal(operations, SV_COUNT(TABLE));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_written_here_once),
        cmocka_unit_test(the_document_has_every_route_and_no_other),
        TEST(everybody_may_what_is_written_here_and_nothing_else),
        TEST(what_somebody_does_not_see_does_not_exist),
        TEST(denials_are_written_down_but_not_without_end),
        TEST(who_looks_beyond_the_own_sites_is_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
