#include "device_list.h"

#include "fleet_verb.h"
#include "show.h"
#include <stdio.h>
#include <sys/clock.h>

enum { LIMIT_MAX = 1000000 };

#define ROW_ID 22
#define ROW_SITE 12
#define ROW_STATE 11
#define ROW_HEALTH 8

typedef struct asked {
    sv_fleet_asked fleet;
    const char *site, *text, *state, *health, *standing, *version, *query, *sort;
    int64_t limit;
} asked;

/// The one word that matters most: what was decided about it, or whether it is there.
static sv_text state_of(const sv_json *device, sv_text standing) {
    if (standing.len > 0 && !sv_text_is(standing, "active")) {
        return standing;
    }
    if (sv_show_is(device, "awaited")) {
        return SV_TEXT("awaited");
    }
    return sv_show_is(device, "online") ? SV_TEXT("online") : SV_TEXT("offline");
}

static void show_line(const sv_json *device, void *arg) {
    const int64_t *now_ms = arg;
    char room[SV_SHOW_AGE_ROOM];
    sv_show_cell(sv_show_words(device, "id"), ROW_ID);
    sv_show_cell(sv_show_words(device, "site"), ROW_SITE);
    sv_show_cell(state_of(device, sv_show_words(device, "standing")), ROW_STATE);
    sv_show_cell(sv_show_words(device, "health"), ROW_HEALTH);
    (void) printf("%6lld  ", (long long) sv_show_number(device, "alerts"));
    sv_show_plain(sv_show_age(device, "last_seen", *now_ms, room));
    (void) puts("");
}

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char head[96];
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    int64_t now_ms = sv_clock_wall_us() / 1000;
    sv_textbuf_add_str(&path, "/api/v1/devices?");
    sv_fleet_path_add(&path, "sort", a->sort);
    sv_fleet_path_add(&path, "site", a->site);
    sv_fleet_path_add(&path, "q", a->text);
    sv_fleet_path_add(&path, "status", a->state);
    sv_fleet_path_add(&path, "health", a->health);
    sv_fleet_path_add(&path, "standing", a->standing);
    sv_fleet_path_add(&path, "version", a->version);
    sv_fleet_path_add(&path, "query", a->query);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the filter is longer than %zu bytes", sizeof room - 1);
    }
    (void) snprintf(head, sizeof head, "%-*s  %-*s  %-*s  %-*s  ALERTS  SEEN", ROW_ID, "DEVICE",
                    ROW_SITE, "SITE", ROW_STATE, "STATE", ROW_HEALTH, "HEALTH");
    const sv_fleet_list devices = { .path = room,
                                    .limit = a->limit,
                                    .head = head,
                                    .line = show_line,
                                    .arg = &now_ms,
                                    .none = "there is no such device" };
    return sv_fleet_list_show(api, &devices, a->fleet.json, why);
}

int cmd_device_list(int argc, char **argv) {
    asked a = { .sort = "id" };
    const sv_option options[] = {
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a.site,
          .help = "of this site alone" },
        { .name = "state",
          .value = "STATE",
          .kind = SV_OPTION_TEXT,
          .target = &a.state,
          .help = "online or offline" },
        { .name = "health",
          .value = "HEALTH",
          .kind = SV_OPTION_TEXT,
          .target = &a.health,
          .help = "healthy, warning, critical or unknown" },
        { .name = "standing",
          .value = "WHAT",
          .kind = SV_OPTION_TEXT,
          .target = &a.standing,
          .help = "active, quarantined, revoked, retired or all [all but retired]" },
        { .name = "version",
          .value = "VERSION",
          .kind = SV_OPTION_TEXT,
          .target = &a.version,
          .help = "that run exactly this" },
        { .name = "query",
          .value = "QUERY",
          .kind = SV_OPTION_TEXT,
          .target = &a.query,
          .help = "that fit it, such as 'version < 1.1' or diverges (they run something else than "
                  "they should)" },
        { .name = "q",
          .value = "TEXT",
          .kind = SV_OPTION_TEXT,
          .target = &a.text,
          .help = "with this in its id, site, type or version" },
        { .name = "sort",
          .value = "BY",
          .kind = SV_OPTION_TEXT,
          .target = &a.sort,
          .help = "id, last_seen, urgency (what needs somebody first) or machine (the worst "
                  "health first) [id]" },
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .min = 1,
          .max = LIMIT_MAX,
          .help = "at most so many [all]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge device list [--site SITE] [--state offline] [--q TEXT]",
        .about = "The devices of the fleet, one a line. STATE: online, offline, awaited (added, "
                 "not heard of yet), or what\nwas decided: quarantined, revoked. ALERTS counts "
                 "open ones; SEEN is how long ago a sign of life came.\n"
                 "--output json has every device as the API gives it, newest values of four "
                 "sensors included.\n\n"
                 "  selvedge device list --state offline\n"
                 "  selvedge device list --query 'product = lathe and version < 1.1'\n"
                 "  selvedge device list --sort urgency --limit 10\n"
                 "  selvedge device list --site pune --output json | jq -r '.[].id'",
        .options = options,
        .option_count = SV_COUNT(options),
        .ask = list,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- one ----------------------------------------------------------------------------------------

/// Of these only: at the left margin what it is, indented what it says.
static void label(const char *name) {
    (void) printf("%-12s ", name);
}

static void show_words(const char *name, sv_text text) {
    if (text.len > 0) {
        label(name);
        sv_show_plain(text);
        (void) puts("");
    }
}

/// ", WORD TIME", when there is such a time.
static void add_time(const sv_json *object, const char *word, const char *key) {
    if (sv_show_number(object, key) > 0) {
        (void) printf("%s", word);
        sv_show_time(object, key);
    }
}

static void show_state(const sv_json *device) {
    label("state");
    sv_show_plain(state_of(device, SV_TEXT("")));
    add_time(device, " since ", "since");
    add_time(device, ", last seen ", "last_seen");
    (void) puts("");
}

static void show_standing(const sv_json *standing) {
    sv_text by = sv_show_words(standing, "by");
    sv_text reason = sv_show_words(standing, "reason");
    label("standing");
    sv_show_plain(sv_show_words(standing, "state"));
    add_time(standing, " since ", "since");
    (void) printf("%s", by.len > 0 ? ", by " : "");
    sv_show_plain(by);
    (void) printf("%s", reason.len > 0 ? ": " : "");
    sv_show_plain(reason);
    (void) puts("");
}

static void show_certificate(const sv_json *certificate) {
    label("certificate");
    if (!sv_json_is_object(certificate)) {
        (void) puts("none is recorded");
        return;
    }
    sv_show_plain(sv_show_words(certificate, "serial"));
    add_time(certificate, ", from ", "not_before");
    add_time(certificate, " to ", "not_after");
    (void) puts(sv_show_is(certificate, "revoked") ? ", REVOKED" : "");
}

static void show_maintenance(const sv_json *work) {
    sv_text reason = sv_show_words(work, "why");
    if (!sv_json_is_object(work)) {
        return;
    }
    label("maintenance");
    (void) printf("until ");
    sv_show_time(work, "until");
    (void) printf(", by ");
    sv_show_plain(sv_show_words(work, "by"));
    (void) printf("%s", reason.len > 0 ? ": " : "");
    sv_show_plain(reason);
    (void) puts("");
}

static void show_clock(const sv_json *device) {
    int64_t ahead_ms = sv_show_number(device, "clock_ahead");
    if (ahead_ms != 0) {
        label("clock");
        (void) printf("%.1f s %s its gateway's\n",
                      (double) (ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000,
                      ahead_ms > 0 ? "ahead of" : "behind");
    }
}

static void show_sensor(const sv_json *sensor) {
    const sv_json *value = sv_json_get(sensor, "value");
    (void) printf("  ");
    sv_show_cell(sv_show_words(sensor, "sensor"), ROW_ID);
    if (value == NULL || sv_json_is_null(value)) {
        (void) puts("nothing yet");
        return;
    }
    sv_show_json(value);
    (void) printf(" ");
    sv_show_cell(sv_show_words(sensor, "unit"), 0);
    add_time(sensor, "at ", "at");
    (void) puts("");
}

static void show_alert(const sv_json *alert) {
    (void) printf("  ");
    sv_show_cell(sv_show_words(alert, "severity"), ROW_HEALTH);
    sv_show_cell(sv_show_words(alert, "sensor"), 0);
    sv_show_cell(sv_show_words(alert, "message"), 0);
    (void) printf("%s\n    ",
                  sv_text_is(sv_show_words(alert, "state"), "open") ? "" : "(acknowledged)");
    sv_show_plain(sv_show_words(alert, "id"));
    add_time(alert, " since ", "raised_at");
    (void) puts("");
}

static void show_all(const char *name, const sv_json *items, void (*one)(const sv_json *item)) {
    if (sv_json_count(items) > 0) {
        (void) printf("%s\n", name);
    }
    for (size_t i = 0; i < sv_json_count(items); i++) {
        one(sv_json_at(items, i));
    }
}

static void show_device(const sv_json *device) {
    show_words("device", sv_show_words(device, "id"));
    show_words("type", sv_show_words(device, "type"));
    show_words("site", sv_show_words(device, "site"));
    show_state(device);
    show_words("health", sv_show_words(device, "health"));
    show_words("firmware", sv_show_words(device, "firmware_version"));
    show_standing(sv_json_get(device, "standing"));
    show_certificate(sv_json_get(device, "certificate"));
    show_maintenance(sv_json_get(device, "maintenance"));
    show_clock(device);
    show_all("last readings", sv_json_get(device, "sensors"), show_sensor);
    show_all("open alerts", sv_json_get(device, "alerts"), show_alert);
}

static sv_err show(void *arg, sv_fleet_api *api, sv_why *why) {
    const sv_fleet_asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *device = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    (void) snprintf(path, sizeof path, "/api/v1/devices/%s", a->plain[0]);
    SV_TRY(sv_fleet_api_get(api, path, &device, why));
    if (a->json) {
        sv_fleet_show_json(device);
    } else {
        show_device(device);
    }
    return SV_OK;
}

int cmd_device_show(int argc, char **argv) {
    sv_fleet_asked a = { .json = false };
    const sv_fleet_verb verb = {
        .usage = "selvedge device show DEVICE",
        .about = "All there is to say about a device: what and where it is, whether it is there, "
                 "what was decided about it,\nits certificate, the newest value of each sensor, "
                 "its open alerts. Exit 2: no such device.\n\n"
                 "  selvedge device show press-17",
        .plain_max = 1,
        .first = "device id",
        .missing = "name the device: selvedge device show press-17",
        .ask = show,
    };
    return sv_fleet_verb_run(&verb, &a, &a, argc, argv);
}
