// A fleet server's parts over a database in a folder of their own, without doors, for tests.
#ifndef SV_FLEET_FIXTURE_H
#define SV_FLEET_FIXTURE_H

#include "fleet.h"

#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

static int64_t fixture_now_us = INT64_C(1800000000000000);

static inline int64_t fixture_clock(void) {
    return fixture_now_us;
}

typedef struct fixture {
    char dir[64];
    sv_fleet fleet;
} fixture;

/// Gateways gw-a (site north) and gw-b (site south). Again on the same folder: a restart.
static inline void fixture_start(fixture *f) {
    sv_fleet_config config = { .gateway_count = 2 };
    config.notify = sv_notify_config_read(NULL, &sv_notify_none, NULL);
    sv_offline_config_read(NULL, &config.offline, NULL);
    config.enrolment.lifetime_us = 90 * SV_TIME_DAY_US;
    config.enrolment.grace_us = 30 * SV_TIME_DAY_US;
    config.images.room = SV_FLEET_IMAGES_ROOM;
    config.gateways = sv_mem_array(2, sizeof *config.gateways);
    config.gateways[0] = (sv_fleet_gateway_site){ .gateway = "gw-a", .site = "north" };
    config.gateways[1] = (sv_fleet_gateway_site){ .gateway = "gw-b", .site = "south" };
    assert_int_equal(sv_disk_join(config.store.path, sizeof config.store.path, f->dir, "fleet.db"),
                     SV_OK);
    assert_int_equal(sv_disk_join(config.admin_token_file, sizeof config.admin_token_file, f->dir,
                                  "admin.token"),
                     SV_OK);
    sv_why why = { 0 };
    if (sv_fleet_open(NULL, &config, &f->fleet, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    f->fleet.wall_us = fixture_clock;
    f->fleet.believed_us = fixture_clock;
    f->fleet.mono_us = fixture_clock;
}

static inline int fixture_setup(void **state) {
    fixture *f = sv_mem_new(sizeof *f);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-fleet-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    fixture_start(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state) {
    fixture *f = *state;
    sv_fleet_drop(&f->fleet);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static inline sv_gateway *fixture_gateway(fixture *f, const char *id) {
    sv_gateway *gateway = sv_registry_gateway(f->fleet.registry, id);
    assert_non_null(gateway);
    return gateway;
}

/// How many rows `sql` counts.
static inline int64_t fixture_count(fixture *f, const char *sql) {
    sv_stmt *stmt;
    assert_int_equal(sv_db_stmt(f->fleet.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t count = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return count;
}

#endif
