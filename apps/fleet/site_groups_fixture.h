// Site north with press-1 and press-2, site south with saw-1, groups and rules that name them, for
// tests.
#ifndef SV_FLEET_SITE_GROUPS_FIXTURE_H
#define SV_FLEET_SITE_GROUPS_FIXTURE_H

#include "door_fixture.h"

#include "site_groups.h"
#include "site_rules.h"

static inline void add_device(fixture *f, const char *gateway, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, gateway),
                                      sv_text_of(id), &device, NULL),
                     SV_OK);
    sv_registry_settle(f->fleet.registry, true);
}

static inline int site_groups_setup(void **state) {
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    add_device(&d->f, "gw-a", "press-1");
    add_device(&d->f, "gw-a", "press-2");
    add_device(&d->f, "gw-b", "saw-1");
    return 0;
}

static inline const sv_site *north(door *d) {
    return fixture_gateway(&d->f, "gw-a")->site;
}

static inline void put_rules(door *d, const char *text, int64_t replaces) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    const sv_site_rules_draft draft = {
        .site = north(d), .replaces = replaces, .user = "ada", .text = sv_text_of(text)
    };
    int64_t version = 0;
    sv_why why = { 0 };
    if (sv_site_rules_put(&d->f.fleet, &draft, &version, &faults, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline void group(door *d, const char *name, const char *body) {
    char path[128];
    (void) snprintf(path, sizeof path, "/api/v1/groups/%s", name);
    assert_int_equal(door_admin(d, body == NULL ? "DELETE" : "PUT", path, body == NULL ? "" : body),
                     body == NULL ? 204 : 200);
}

static inline void turns(door *d) {
    for (int i = 0; i < 3; i++) {
        fixture_now_us += SV_TIME_SECOND_US;
        sv_site_groups_turn(&d->f.fleet);
    }
}

static inline void shows(door *d, const char *groups) {
    char room[1024];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_site_groups_write(&d->f.fleet, north(d), &out);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    assert_string_equal(room, groups);
}

static inline int64_t events(door *d) {
    return fixture_count(&d->f, "SELECT count(*) FROM push WHERE gateway = 'gw-a' AND name ="
                                " 'groups'");
}

static inline void start_again(door *d) {
    sv_fleet_drop(&d->f.fleet);
    fixture_start(&d->f);
    d->f.fleet.loop = d->loop;
    assert_int_equal(sv_passwords_open(d->loop, &d->f.fleet.passwords, NULL), SV_OK);
}

#endif
