// What a campaign over a large fleet costs: CPU seconds by the process's own clock, counts checked.
//
//   bench-campaign DEVICES DIR     in the database in DIR (a disk, or memory), one line of JSON
//   bench-campaign DEVICES         the engine alone
#include <base/prng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actions.h"
#include "campaigns.h"
#include "census.h"
#include "device_list.h"
#include "fleet.h"
#include "inventory.h"
#include "offline.h"
#include "site_groups.h"
#include "site_rules.h"
#include "versions.h"
#include "views.h"
#include "walk.h"
#include <sys/clock.h>
#include <sys/disk.h>

enum { DEVICES_MAX = 1000000, SAMPLE = 20000, PAGES = 200, TAGGED = 100000 };

static sv_fleet fleet;
static int64_t now_us = INT64_C(1800000000000000);

static int64_t clock_us(void) {
    return now_us;
}

static double cpu_s(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void must(sv_err err, const sv_why *why) {
    if (err != SV_OK) {
        (void) fprintf(stderr, "bench-campaign: %s\n", why->text);
        exit(1);
    }
}

static void must_be(bool fine, const char *what) {
    if (!fine) {
        (void) fprintf(stderr, "bench-campaign: %s\n", what);
        exit(1);
    }
}

// ---- the engine alone ---------------------------------------------------------------------------

static void run_engine(int64_t devices) {
    static sv_campaign c;
    const sv_campaign_rules rules = { .success_percent = 100,
                                      .growth = 1,
                                      .stop = { [SV_STOP_ANY] = { .percent = 5 } } };
    sv_spread spread = { .left = { devices / 100, devices / 10, devices }, .count = 3 };
    spread.left[2] = devices - spread.left[0] - spread.left[1];
    sv_prng prng = { .state = 1 };
    double began = cpu_s();
    sv_campaign_open(&c, &rules, 3);
    for (int64_t i = 0; i < devices; i++) {
        sv_campaign_join(&c, sv_spread_pick(&spread, sv_prng_next(&prng)), 1);
    }
    double gathered = cpu_s();
    sv_campaign_begin(&c, &rules, 0);
    int64_t moves = 0;
    for (size_t wave = 0; wave < 3; wave++) {
        while (c.waves[wave].count[SV_STAGE_PLANNED] > 0) {
            for (int stage = SV_STAGE_PLANNED; stage < SV_STAGE_CONFIRMED; stage++) {
                sv_campaign_move(&c, &rules, wave, (sv_stage) stage, (sv_stage) (stage + 1));
                moves++;
            }
        }
    }
    double moved = cpu_s();
    must_be(c.state == SV_CAMPAIGN_DONE, "the campaign is not done");
    (void) printf(
        "{\"engine\":true,\"devices\":%lld,\"gather_s\":%.3f,\"moves\":%lld,\"moves_per_s\""
        ":%.0f}\n",
        (long long) devices, gathered - began, (long long) moves,
        (double) moves / (moved - gathered));
}

// ---- the server's half --------------------------------------------------------------------------

static void fill(sv_db *db, int64_t devices) {
    sv_why why = { 0 };
    char sql[1024];
    (void) snprintf(sql, sizeof sql,
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld)"
                    " INSERT INTO device (id, site) SELECT printf('device-%%07d', i),"
                    " 'site-' || (i %% 100) FROM n;"
                    "INSERT INTO running (device, product, version, at_us) SELECT id, 'lathe',"
                    " '1.0', 1 FROM device;"
                    "INSERT INTO device_group VALUES ('old', 'version < 1.1', 1, 'bench');"
                    "INSERT INTO image (path, kind, product, version, hardware, length, sha256,"
                    " complete, at_us) VALUES ('lathe/1.1', 'file', 'lathe', '1.1', '', 10, '', 1,"
                    " 1)",
                    (long long) devices);
    must(sv_db_begin(db, &why), &why);
    must(sv_db_exec(db, sql, &why), &why);
    must(sv_db_commit(db, &why), &why);
}

static void open_fleet(const char *dir) {
    sv_why why = { 0 };
    sv_fleet_config config = { 0 };
    must(sv_disk_join(config.store.path, sizeof config.store.path, dir, "bench.db"), &why);
    must(sv_disk_join(config.admin_token_file, sizeof config.admin_token_file, dir, "token"), &why);
    must(sv_fleet_open(NULL, &config, &fleet, &why), &why);
    fleet.wall_us = clock_us;
    fleet.mono_us = clock_us;
    fleet.believed_us = clock_us;
}

/// `longest`: of its slices.
static int64_t start(double *longest) {
    static const char BODY[] = "{\"image\":\"lathe/1.1\",\"target\":{\"query\":\"version < 1.1 and"
                               " site ~ site-*\"},\"waves\":[{\"percent\":1},{\"percent\":10}],"
                               "\"success\":{\"percent\":1}}";
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    SV_DEFER(sv_campaign_plan_drop) sv_campaign_plan *plan = NULL;
    sv_why why = { 0 };
    int64_t id = 0;
    sv_campaign_survey survey;
    must(sv_json_parse(sv_text_of(BODY), &body, NULL, &why), &why);
    must(sv_campaign_plan_parse(body, &plan, &why), &why);
    must(sv_campaigns_survey_begin(&fleet, plan, &survey, &why), &why);
    fleet.mono_us = sv_clock_monotonic_us;
    while (!survey.is_whole) {
        double began = cpu_s();
        must(sv_campaigns_survey_go_on(&fleet, plan, "", &survey, &why), &why);
        *longest = cpu_s() - began > *longest ? cpu_s() - began : *longest;
    }
    fleet.mono_us = clock_us;
    must(sv_db_begin(fleet.db, &why), &why);
    must(sv_campaigns_start(&fleet, plan, &survey, sv_text_of(BODY), "", "bench", &id, &why), &why);
    must(sv_db_commit(fleet.db, &why), &why);
    return id;
}

static int64_t count(const char *sql) {
    sv_stmt *row;
    sv_why why = { 0 };
    must(sv_db_stmt(fleet.db, sql, &row, &why), &why);
    must(sv_stmt_next(row, &why), &why);
    int64_t n = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return n;
}

/// Slices until all are gathered: the longest.
static double gather(int64_t devices) {
    static const char SQL[] = "SELECT count(*) FROM campaign WHERE after IS NOT NULL";
    double longest = 0;
    fleet.mono_us = sv_clock_monotonic_us;
    while (count(SQL) > 0) {
        double began = cpu_s();
        (void) sv_campaigns_turn(&fleet);
        double took = cpu_s() - began;
        longest = took > longest ? took : longest;
    }
    fleet.mono_us = clock_us;
    must_be(count("SELECT count(*) FROM campaign_device") == devices, "not all were gathered");
    return longest;
}

static double page(int64_t id) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(1 << 20);
    sv_why why = { 0 };
    double began = cpu_s();
    for (int i = 0; i < PAGES; i++) {
        sv_json_out out = SV_JSON_OUT(&json);
        const sv_campaign_devices_query query = {
            .campaign = id, .place = -1, .after = "device-0500000", .limit = 50
        };
        sv_textbuf_clear(&json);
        must(sv_campaign_write(&fleet, id, true, &out, &why), &why);
        sv_textbuf_clear(&json);
        must(sv_campaign_devices(&fleet, &query, &out, &why), &why);
    }
    return (cpu_s() - began) / PAGES;
}

/// Devices a second, of CPU.
static double assign(int64_t wanted, double *longest) {
    double began = cpu_s();
    int64_t had = 0;
    while (had < wanted) {
        double turned = cpu_s();
        (void) sv_campaigns_turn(&fleet);
        turned = cpu_s() - turned;
        *longest = turned > *longest ? turned : *longest;
        now_us += SV_TIME_SECOND_US;
        int64_t have = count("SELECT count(*) FROM action");
        must_be(have > had || had == 0, "nobody is handed anything");
        had = have;
    }
    return (double) had / (cpu_s() - began);
}

static void say(const char *device, int64_t action, sv_action_said said) {
    sv_why why = { 0 };
    const sv_action_word word = { .said = said, .bytes = -1 };
    must(sv_actions_feedback(&fleet, device, action, &word, &why), &why);
}

/// Each device downloads, installs, says success and what it runs: four words, each in a
/// transaction of its own. Words a second, of CPU.
static double feed_back(int64_t devices) {
    static char ids[SAMPLE][SV_ID_ROOM];
    static int64_t actions[SAMPLE];
    sv_stmt *row;
    sv_why why = { 0 };
    int64_t n = 0;
    must(sv_db_stmt(fleet.db, "SELECT device, id FROM action WHERE state = 0 LIMIT ?1", &row, &why),
         &why);
    sv_stmt_bind_int(row, 1, devices);
    while (sv_stmt_next(row, &why) == SV_OK) {
        must(sv_text_copy(sv_stmt_text(row, 0), ids[n], SV_ID_ROOM), &why);
        actions[n++] = sv_stmt_int(row, 1);
    }
    double began = cpu_s();
    for (int64_t i = 0; i < n; i++) {
        sv_running running = { .product = "lathe", .version = "1.1", .at_us = now_us };
        say(ids[i], actions[i], SV_SAID_DOWNLOADING);
        say(ids[i], actions[i], SV_SAID_INSTALLED);
        say(ids[i], actions[i], SV_SAID_SUCCESS);
        must(sv_db_begin(fleet.db, &why), &why);
        must(sv_running_store(&fleet, ids[i], &running, &why), &why);
        must(sv_db_commit(fleet.db, &why), &why);
    }
    double took = cpu_s() - began;
    must_be(count("SELECT count(*) FROM campaign_device WHERE place = 5") == n,
            "not all are confirmed");
    return (double) (4 * n) / took;
}

/// As many again are handed it and fail, and are to try again.
static double retry(int64_t id, int64_t sample) {
    static char ids[SAMPLE][SV_ID_ROOM];
    static int64_t actions[SAMPLE];
    sv_stmt *row;
    sv_why why = { 0 };
    double longest = 0;
    int64_t n = 0;
    (void) assign(2 * sample, &longest);
    must(sv_db_stmt(fleet.db, "SELECT device, id FROM action WHERE state = 0 LIMIT ?1", &row, &why),
         &why);
    sv_stmt_bind_int(row, 1, sample);
    while (sv_stmt_next(row, &why) == SV_OK) {
        must(sv_text_copy(sv_stmt_text(row, 0), ids[n], SV_ID_ROOM), &why);
        actions[n++] = sv_stmt_int(row, 1);
    }
    for (int64_t i = 0; i < n; i++) {
        say(ids[i], actions[i], SV_SAID_FAILURE);
    }
    longest = 0;
    double began = cpu_s();
    must(sv_db_begin(fleet.db, &why), &why);
    must(sv_campaigns_do(&fleet, id, SV_CAMPAIGN_DO_RETRY, "bench", NULL, &why), &why);
    must(sv_db_commit(fleet.db, &why), &why);
    do {
        longest = cpu_s() - began > longest ? cpu_s() - began : longest;
        began = cpu_s();
        (void) sv_campaigns_turn(&fleet);
    } while (count("SELECT retries FROM campaign") > 0);
    must_be(count("SELECT count(*) FROM campaign_device WHERE attempt = 1") == n,
            "not all are planned again");
    return longest;
}

/// All devices of a fleet of 100,000 have a tag; one gets another.
static double tag(int64_t devices) {
    char sql[256];
    sv_why why = { 0 };
    SV_DEFER(sv_json_drop) sv_json *tags = NULL;
    const sv_device *device = sv_registry_device_at(fleet.registry, 0);
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO device_tag SELECT id, 'tag-' || substr(id, -2) FROM device LIMIT"
                    " %lld",
                    (long long) (devices < TAGGED ? devices : TAGGED));
    must(sv_json_parse(SV_TEXT("[\"spare\",\"loud\"]"), &tags, NULL, &why), &why);
    must(sv_db_exec(fleet.db, sql, &why), &why);
    sv_inventory_drop(&fleet.inventory);
    must(sv_inventory_open(fleet.db, &fleet.inventory, &why), &why);
    double began = cpu_s();
    for (int i = 0; i < PAGES; i++) {
        must(sv_tags_store(&fleet, device, tags, &why), &why);
        must(sv_inventory_settle_tags(&fleet, device, &why), &why);
    }
    return (cpu_s() - began) / PAGES;
}

// ---- beside it: what looks at all devices -------------------------------------------------------

/// CPU of a question: its longest pause of the loop, and all of it.
typedef struct cost {
    double longest, whole;
    bool is_over;
} cost;

static void note(cost *c, double began) {
    double took = cpu_s() - began;
    c->longest = took > c->longest ? took : c->longest;
    c->whole += took;
}

typedef struct asking {
    cost cost;
    sv_device_listing *listing;
    int64_t count;
} asking;

static void look_at(void *arg, sv_device *device) {
    asking *a = arg;
    a->count++;
    if (a->listing != NULL) {
        sv_device_listing_look(a->listing, device);
    }
}

static void answered(void *arg, sv_err err, const sv_why *why) {
    asking *a = arg;
    must(err, why);
    a->cost.is_over = true;
}

static cost walk(asking *a, const sv_query *query) {
    const sv_walk walk = { .query = query, .each = look_at, .done = answered, .arg = a };
    double began = cpu_s();
    sv_walk_begin(&fleet, &walk);
    note(&a->cost, began);
    while (!a->cost.is_over) {
        began = cpu_s();
        sv_loop_turn(fleet.loop, 10000);
        note(&a->cost, began);
    }
    return a->cost;
}

/// `text`: "" for all.
static cost ask(const char *text, int64_t expected) {
    asking a = { .count = 0 };
    sv_query query;
    sv_why why = { 0 };
    must(sv_query_read(sv_text_of(text), &query, &why), &why);
    cost c = walk(&a, &query);
    must_be(a.count == expected, "a query counts wrong");
    return c;
}

static cost list_devices(const char *version, sv_device_sort sort) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(1 << 20);
    sv_json_out out = SV_JSON_OUT(&json);
    asking a = { .count = 0 };
    sv_why why = { 0 };
    const sv_device_query query = { .text = "",
                                    .site = "",
                                    .version = version,
                                    .cursor = "",
                                    .online = -1,
                                    .health = -1,
                                    .standing = SV_DEVICES_STANDING,
                                    .sort = sort,
                                    .limit = 50 };
    must(sv_device_listing_new(&fleet, &query, &a.listing, &why), &why);
    cost c = walk(&a, NULL);
    double began = cpu_s();
    sv_device_listing_write(a.listing, &out);
    note(&c, began);
    sv_device_listing_drop(&a.listing);
    return c;
}

static cost overview(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(1 << 20);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    cost c = { .longest = 0 };
    sv_census_look(&fleet); // the first is at once, when the server starts
    (void) sleep(1 + SV_CENSUS_US / SV_TIME_SECOND_US);
    double began = cpu_s();
    must(sv_view_overview(&fleet, "", &out, &why), &why);
    note(&c, began);
    for (int i = 0; i < 1000; i++) {
        began = cpu_s();
        sv_loop_turn(fleet.loop, 1000);
        note(&c, began);
    }
    return c;
}

static cost versions(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(1 << 20);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    cost c = { .longest = 0 };
    double began = cpu_s();
    must(sv_versions_write(&fleet, "", NULL, &out, &why), &why);
    note(&c, began);
    return c;
}

static cost offline(void) {
    cost c = { .longest = 0 };
    for (int i = 0; i < 60; i++) {
        double began = cpu_s();
        sv_offline_turn(&fleet);
        note(&c, began);
    }
    return c;
}

/// Rules of a site that name a group: who of its devices is in it.
static cost groups(int64_t devices) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    const sv_site_rules_draft draft = { .site = sv_registry_device_at(fleet.registry, 0)->site,
                                        .user = "bench",
                                        .text = SV_TEXT("groups: {a: {group: old}}\n") };
    int64_t version = 0;
    sv_why why = { 0 };
    cost c = { .longest = 0 };
    double began = cpu_s();
    must(sv_site_rules_put(&fleet, &draft, &version, &faults, &why), &why);
    note(&c, began);
    while (!c.is_over) {
        began = cpu_s();
        c.is_over = !sv_site_groups_go_on(&fleet);
        note(&c, began);
    }
    must_be(count("SELECT count(*) FROM site_member") == devices / 100, "not all are in the group");
    return c;
}

static void say_cost(const char *name, cost c) {
    (void) printf("\"%s_ms\":%.2f,\"%s_s\":%.3f,", name, c.longest * 1e3, name, c.whole);
}

static void ask_all(int64_t devices) {
    sv_why why = { 0 };
    must(sv_loop_open(&fleet.loop, &why), &why);
    say_cost("versions", versions());
    fleet.mono_us = sv_clock_monotonic_us;
    say_cost("query", ask("version < 1.1 and site ~ site-*", devices));
    say_cost("query_few", ask("version > 1.0 and product = lathe", 0));
    say_cost("list", list_devices("", SV_DEVICES_BY_ID));
    say_cost("list_urgent", list_devices("", SV_DEVICES_BY_URGENCY));
    say_cost("list_version", list_devices("0.9", SV_DEVICES_BY_ID));
    say_cost("overview", overview());
    say_cost("groups", groups(devices));
    fleet.mono_us = clock_us;
    say_cost("offline", offline());
    sv_walks_drop(&fleet.walks);
    fleet.walks = sv_walks_new(&fleet);
    sv_loop_drop(&fleet.loop);
}

static void run_server(int64_t devices, const char *dir) {
    open_fleet(dir);
    fill(fleet.db, devices);
    sv_fleet_drop(&fleet);
    double began = cpu_s();
    open_fleet(dir); // with its devices
    double opened = cpu_s() - began;
    (void) printf("{");
    ask_all(devices);
    began = cpu_s();
    double longest = 0;
    int64_t id = start(&longest);
    double surveyed = cpu_s();
    double slice = gather(devices);
    double gathered = cpu_s();
    double shown = page(id);
    double tagged = tag(devices);
    int64_t sample = devices / 100 < SAMPLE ? devices / 100 : SAMPLE;
    double hand = 0;
    double assigned = assign(sample, &hand);
    double told = feed_back(sample);
    double again = retry(id, sample);
    (void) printf(
        "\"devices\":%lld,\"open_s\":%.2f,\"start_s\":%.2f,\"start_ms\":%.1f,\"gather_s\":%.2f,"
        "\"slice_ms\":%.1f,\"page_ms\":%.2f,\"tag_ms\":%.3f,\"assignments_per_s\":%.0f,"
        "\"words_per_s\":%.0f,\"assign_ms\":%.1f,\"retry_ms\":%.1f}\n",
        (long long) devices, opened, surveyed - began, longest * 1e3, gathered - surveyed,
        slice * 1e3, shown * 1e3, tagged * 1e3, assigned, told, hand * 1e3, again * 1e3);
    sv_fleet_drop(&fleet);
}

int main(int argc, char **argv) {
    long long devices = argc > 1 ? strtoll(argv[1], NULL, 10) : 0;
    if (devices < 1000 || devices > DEVICES_MAX || argc > 3) {
        (void) fprintf(stderr, "usage: bench-campaign DEVICES [DIR], 1000 to %d devices\n",
                       DEVICES_MAX);
        return 2;
    }
    if (argc == 2) {
        run_engine(devices);
    } else {
        run_server(devices, argv[2]);
    }
    return 0;
}
