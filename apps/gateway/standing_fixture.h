// For tests of who counts: an issuing key, and the log that it signs.
#ifndef SELVEDGE_GATEWAY_STANDING_FIXTURE_H
#define SELVEDGE_GATEWAY_STANDING_FIXTURE_H

#include "ingest_fixture.h"
#include <crypto/key_store.h>
#include <crypto/pki.h>
#include <string.h>

enum { CHANGES_MAX = 8192 };

#define DOMAIN "plant.example"

typedef struct issuer {
    char dir[64];
    struct evp_pkey_st *key;
    sv_standing_change changes[CHANGES_MAX];
    int64_t count;
} issuer;

static inline void issuer_path(const issuer *who, const char *name, char *room, size_t room_bytes) {
    assert_int_equal(sv_disk_join(room, room_bytes, who->dir, name), SV_OK);
}

static inline void issuer_open(issuer *who) {
    char path[128];
    sv_why why = { 0 };
    memcpy(who->dir, "/tmp/sv-gw-standing-XXXXXX", sizeof "/tmp/sv-gw-standing-XXXXXX");
    assert_non_null(mkdtemp(who->dir));
    const sv_pki_setup setup = { .dir = who->dir, .domain = DOMAIN };
    const sv_pki_leaf leaf = {
        .id = "gw-1", .role = SV_ROLE_GATEWAY, .out = who->dir, .ip = { "127.0.0.1" }
    };
    issuer_path(who, "ca.key", path, sizeof path);
    if (sv_pki_init(&setup, &why) != SV_OK || sv_pki_issue(who->dir, &leaf, &why) != SV_OK
        || sv_key_open(path, &who->key, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline void issuer_close(issuer *who) {
    sv_key_drop(&who->key);
    assert_int_equal(sv_disk_remove_tree(who->dir, NULL), SV_OK);
}

/// One more decision.
static inline void decide(issuer *who, const char *id, sv_standing_state state, int64_t before_us) {
    sv_standing_change *change = &who->changes[who->count++];
    assert_true(who->count <= CHANGES_MAX);
    *change = (sv_standing_change){ .version = who->count, .state = state, .before_us = before_us };
    assert_int_equal(sv_text_copy(sv_text_of(id), change->id, sizeof change->id), SV_OK);
}

/// The changes from+1 .. to, honestly signed `age_us` ago.
static inline sv_standing_page page_of(issuer *who, int64_t from, int64_t to, int64_t age_us) {
    sv_standing_page page = { .from = from,
                              .changes = who->changes + from,
                              .count = (size_t) (to - from),
                              .head = { .version = to, .at_us = sv_clock_wall_us() - age_us } };
    for (int64_t i = 0; i < to; i++) {
        assert_int_equal(sv_standing_chain(page.head.hash, &who->changes[i], NULL), SV_OK);
    }
    assert_int_equal(sv_standing_sign(who->key, DOMAIN, &page.head, NULL), SV_OK);
    return page;
}

static inline gw_page_end take_page(fixture *f, const sv_standing_page *page) {
    sv_why why = { 0 };
    return gw_standing_take_page(&f->g, page, &why);
}

/// Everything decided so far.
static inline gw_page_end hear(fixture *f, issuer *who) {
    const sv_standing_page page = page_of(who, f->g.standing.version, who->count, 0);
    return take_page(f, &page);
}

static inline void trust(fixture *f, const issuer *who) {
    issuer_path(who, "ca.crt", f->g.config.tls.ca, sizeof f->g.config.tls.ca);
    issuer_path(who, "gw-1.crt", f->g.config.tls.cert, sizeof f->g.config.tls.cert);
    gw_standing_start(&f->g);
    assert_non_null(f->g.standing.trust);
}

static inline sv_err judge(fixture *f, const char *id, int64_t not_before_us, sv_why *why) {
    sv_identity who = { .role = SV_ROLE_DEVICE, .not_before_us = not_before_us };
    assert_int_equal(sv_text_copy(sv_text_of(id), who.id, sizeof who.id), SV_OK);
    return gw_standing_admit(&f->g, &who, why);
}

#endif
