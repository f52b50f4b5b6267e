#include "fleet_fixture.h"

#include "device_list_fixture.h"
#include "enrol.h"
#include "standing.h"
#include "views.h"

#include <string.h>

enum { JSON_MAX = 1024 * 1024 };

static sv_enrol_wish wish(const char *id, const char *site) {
    sv_enrol_wish made = { 0 };
    assert_int_equal(sv_text_copy(sv_text_of(id), made.id, sizeof made.id), SV_OK);
    assert_int_equal(sv_text_copy(sv_text_of(site), made.site, sizeof made.site), SV_OK);
    return made;
}

static sv_err add(fixture *f, const sv_enrol_wish *wishes, size_t count, sv_enrol_grant *grants,
                  sv_why *why) {
    const sv_enrol_order order = {
        .wishes = wishes, .count = count, .minutes = 60, .user = "ada", .from = "192.0.2.7"
    };
    return sv_enrol_add(&f->fleet, &order, grants, why);
}

static sv_enrol_grant added(fixture *f, const char *id, const char *site) {
    sv_enrol_grant grant;
    sv_why why = { 0 };
    const sv_enrol_wish one = wish(id, site);
    if (add(f, &one, 1, &grant, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return grant;
}

static sv_err find(fixture *f, const char *id, const char *token, sv_enrol_pass *out, sv_why *why) {
    return sv_enrol_find_token(f->fleet.db, sv_text_of(id), sv_text_of(token), fixture_now_us, out,
                               why);
}

static sv_json *listed_so(fixture *f, const sv_enrol_query *query) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json *root = NULL;
    assert_int_equal(sv_enrol_list(&f->fleet, query, &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    return root;
}

static sv_json *listed(fixture *f, const char *cursor, size_t limit) {
    const sv_enrol_query all = { .state = -1, .cursor = sv_text_of(cursor), .limit = limit };
    return listed_so(f, &all);
}

static sv_text word(const sv_json *object, const char *key) {
    sv_text text = SV_TEXT("");
    (void) sv_json_text(sv_json_get(object, key), &text);
    return text;
}

static void expect_state(fixture *f, const char *state) {
    SV_DEFER(sv_json_drop) sv_json *root = listed(f, "", 1);
    assert_true(sv_text_is(word(sv_json_at(sv_json_get(root, "items"), 0), "state"), state));
}

// [enrol-2]
static void a_token_is_for_one_id_and_kept_as_its_hash_alone(void **state) {
    fixture *f = *state;
    sv_enrol_pass pass;
    sv_why why = { 0 };
    sv_enrol_grant grant = added(f, "press-17", "north");
    sv_enrol_grant other = added(f, "press-18", "south");
    assert_int_equal(strlen(grant.token), SV_SECRET_LEN);
    assert_string_not_equal(grant.token, other.token);
    assert_true(grant.expires_us == fixture_now_us + 60 * SV_TIME_MINUTE_US);
    assert_int_equal(find(f, "press-17", grant.token, &pass, &why), SV_OK);
    assert_string_equal(pass.id, "press-17");
    assert_string_equal(pass.site, "north");
    assert_int_equal(find(f, "press-18", grant.token, &pass, &why), SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, "this token is for another id than press-18");
    grant.token[5] ^= 1;
    assert_int_equal(find(f, "press-17", grant.token, &pass, &why), SV_ERR_NOT_FOUND);
    assert_int_equal(find(f, "press-17", "", &pass, &why), SV_ERR_NOT_FOUND);

    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP((size_t) 64 * JSON_MAX);
    assert_int_equal(sv_disk_join(path, sizeof path, f->dir, "fleet.db-wal"), SV_OK);
    assert_int_equal(sv_disk_read(path, &bytes, NULL), SV_OK);
    assert_non_null(memmem(bytes.at, bytes.len, "press-18", 8));
    assert_null(memmem(bytes.at, bytes.len, other.token, strlen(other.token)));
}

// [enrol-2]
static void a_token_ends_with_its_time_and_when_it_is_withdrawn_or_given_anew(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    sv_enrol_pass pass;
    sv_why why = { 0 };
    sv_enrol_grant first = added(f, "press-17", "north");
    sv_enrol_grant second = added(f, "press-17", "north");
    assert_int_equal(find(f, "press-17", first.token, &pass, &why), SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, "the token for press-17 was withdrawn on 2027-01-15T08:00:00Z");
    assert_int_equal(find(f, "press-17", second.token, &pass, &why), SV_OK);
    expect_state(f, "open");

    fixture_now_us = second.expires_us - 1;
    assert_int_equal(find(f, "press-17", second.token, &pass, &why), SV_OK);
    fixture_now_us = second.expires_us;
    assert_int_equal(find(f, "press-17", second.token, &pass, &why), SV_ERR_UNTRUSTED);
    assert_string_equal(
        why.text, "the token for press-17 expired on 2027-01-15T09:00:00Z; ask for a new one");
    assert_int_equal(sv_enrol_burn(f->fleet.db, &pass, "AB", fixture_now_us, &why),
                     SV_ERR_UNTRUSTED);
    expect_state(f, "expired");

    // A server whose clock lost its time.
    fixture_now_us = 0;
    assert_int_equal(find(f, "press-17", second.token, &pass, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "clock has to be set"));
    fixture_now_us = start_us;

    assert_int_equal(sv_enrol_withdraw(&f->fleet, SV_TEXT("press-17"), "bob", "", &why), SV_OK);
    assert_int_equal(find(f, "press-17", second.token, &pass, &why), SV_ERR_UNTRUSTED);
    expect_state(f, "withdrawn");
    assert_int_equal(sv_enrol_withdraw(&f->fleet, SV_TEXT("press-17"), "bob", "", &why),
                     SV_ERR_NOT_FOUND);
    assert_string_equal(why.text, "nothing is open for press-17");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE about = 'press-17'"
                                      " AND what = 'enrolment.withdraw' AND who = 'bob'"),
                     1);
}

static size_t count_of(fixture *f, const char *id, int state) {
    const sv_enrol_query query = { .id = id, .state = state, .limit = 500 };
    SV_DEFER(sv_json_drop) sv_json *root = listed_so(f, &query);
    return sv_json_count(sv_json_get(root, "items"));
}

// [enrol-5]
static void of_many_one_device_and_one_state_are_found(void **state) {
    fixture *f = *state;
    sv_enrol_pass pass;
    sv_why why = { 0 };
    sv_enrol_grant first = added(f, "press-1", "north");
    for (int i = 0; i < 600; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "drill-%d", i);
        (void) added(f, id, "north");
    }
    (void) added(f, "press-2", "north");
    (void) added(f, "press-2", "north"); // anew: the one from before is withdrawn
    assert_int_equal(find(f, "press-1", first.token, &pass, &why), SV_OK);
    assert_int_equal(sv_enrol_burn(f->fleet.db, &pass, "AB", fixture_now_us, &why), SV_OK);
    assert_int_equal(count_of(f, "press-1", -1), 1);
    assert_int_equal(count_of(f, "press-1", SV_ENROL_USED), 1);
    assert_int_equal(count_of(f, "press-1", SV_ENROL_OPEN), 0);
    assert_int_equal(count_of(f, "press-2", -1), 2);
    assert_int_equal(count_of(f, "press-2", SV_ENROL_OPEN), 1);
    assert_int_equal(count_of(f, "press", -1), 0);
    assert_int_equal(count_of(f, NULL, SV_ENROL_USED), 1);
    assert_int_equal(count_of(f, NULL, SV_ENROL_WITHDRAWN), 1);

    // By cursor to the end: each open one once, though what is not open lies between.
    char cursor[32] = "";
    size_t seen = 0;
    for (unsigned pages = 0; pages == 0 || cursor[0] != '\0'; pages++) {
        const sv_enrol_query open = { .state = SV_ENROL_OPEN,
                                      .limit = 100,
                                      .cursor = sv_text_of(cursor) };
        SV_DEFER(sv_json_drop) sv_json *root = listed_so(f, &open);
        seen += sv_json_count(sv_json_get(root, "items"));
        assert_true(pages < 7);
        assert_int_equal(sv_text_copy(word(root, "next"), cursor, sizeof cursor), SV_OK);
    }
    assert_int_equal(seen, 601);

    fixture_now_us += 61 * SV_TIME_MINUTE_US;
    assert_int_equal(count_of(f, NULL, SV_ENROL_OPEN), 0);
    assert_int_equal(count_of(f, NULL, SV_ENROL_EXPIRED), 500);
    fixture_now_us -= 61 * SV_TIME_MINUTE_US;
}

// [enrol-13]
static void of_two_servers_on_one_database_one_burns_a_token(void **state) {
    fixture *f = *state;
    fixture second = { 0 };
    sv_enrol_pass pass;
    sv_enrol_pass same;
    sv_why why = { 0 };
    sv_enrol_grant grant = added(f, "press-17", "north");
    memcpy(second.dir, f->dir, sizeof second.dir);
    fixture_start(&second);
    sv_db *other = second.fleet.db;
    // Both look while it is open.
    assert_int_equal(find(f, "press-17", grant.token, &pass, &why), SV_OK);
    assert_int_equal(sv_enrol_find_token(other, SV_TEXT("press-17"), sv_text_of(grant.token),
                                         fixture_now_us, &same, &why),
                     SV_OK);
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_enrol_burn(f->fleet.db, &pass, "AB", fixture_now_us, &why), SV_OK);
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_db_begin(other, NULL), SV_OK);
    assert_int_equal(sv_enrol_burn(other, &same, "CD", fixture_now_us, &why), SV_ERR_UNTRUSTED);
    sv_db_rollback(other);
    assert_string_equal(why.text,
                        "the token for press-17 was used, withdrawn or out of time meanwhile");
    assert_int_equal(find(f, "press-17", grant.token, &pass, &why), SV_ERR_UNTRUSTED);
    assert_string_equal(
        why.text, "the token for press-17 was used on 2027-01-15T08:00:00Z; ask for a new one");
    sv_fleet_drop(&second.fleet);
    expect_state(f, "used");
}

// [enrol-13]
static void what_was_not_committed_burnt_nothing(void **state) {
    fixture *f = *state;
    sv_enrol_pass pass;
    sv_enrol_grant grant = added(f, "press-17", "north");
    assert_int_equal(find(f, "press-17", grant.token, &pass, NULL), SV_OK);
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_enrol_burn(f->fleet.db, &pass, "AB", fixture_now_us, NULL), SV_OK);
    sv_fleet_drop(&f->fleet); // killed before its commit
    fixture_start(f);
    assert_int_equal(find(f, "press-17", grant.token, &pass, NULL), SV_OK);
}

// [enrol-1]
static void all_are_added_or_none_and_the_sentence_says_why(void **state) {
    fixture *f = *state;
    added(f, "old-1", "south");
    static const struct {
        const char *id, *site, *why;
    } CASES[] = {
        { "press/1", "north", NULL },
        { "", "north", NULL },
        { "press-1", "", NULL },
        { "CA", "north", "'CA' names the authority's own files" },
        { "GW-a", "north", "'GW-a' is a gateway; no device can be called so" },
        { "press-1", "west",
          "there is no site 'west'; the fleet server's gateways stand at: north, south" },
        { "old-1", "north", "device old-1 belongs to site south, not to north" },
        { "Fine-1", "north", "Fine-1 is there twice" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        const sv_enrol_wish two[] = { wish("fine-1", "north"), wish(CASES[i].id, CASES[i].site) };
        sv_enrol_grant grants[2];
        sv_why why = { 0 };
        assert_int_not_equal(add(f, two, 2, grants, &why), SV_OK);
        assert_true(why.text[0] != '\0');
        if (CASES[i].why != NULL) {
            assert_string_equal(why.text, CASES[i].why);
        }
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM enrolment_token"), 1);
    assert_null(sv_registry_device(f->fleet.registry, SV_TEXT("fine-1")));
    const sv_enrol_order forever = { .wishes = &(sv_enrol_wish){ .id = "x", .site = "north" },
                                     .count = 1,
                                     .minutes = SV_ENROL_MINUTES_MAX + 1 };
    sv_enrol_grant grant;
    sv_why why = { 0 };
    assert_int_equal(sv_enrol_add(&f->fleet, &forever, &grant, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "minutes is 129601, not 1 to 129600 (90 days)");
}

// [enrol-1]
static void who_has_a_certificate_or_was_here_is_not_added_again(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    sv_enrol_grant grant;
    sv_device *device = NULL;
    const sv_enrol_wish here = wish("press-1", "north");
    const sv_enrol_wish certified = wish("press-2", "north");
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-1"), &device, NULL),
                     SV_OK);
    device->last_seen_us = fixture_now_us;
    assert_int_equal(add(f, &here, 1, &grant, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "device press-1 has a certificate or has been here; to give its "
                                  "place to a new key: selvedge device replace press-1");
    assert_int_equal(sv_db_exec(f->fleet.db,
                                "INSERT INTO certificate (serial, id, role, key_hash, issuer,"
                                " not_before_us, not_after_us, how, issued_us) VALUES"
                                " ('AB', 'press-2', 'device', '', '', 0, 1900000000000000,"
                                " 'imported', 0), ('CD', 'Server-1', 'server', '', '', 0, 1,"
                                " 'imported', 0)",
                                NULL),
                     SV_OK);
    assert_int_equal(add(f, &certified, 1, &grant, &why), SV_ERR_STATE);
    const sv_enrol_wish taken = wish("server-1", "north");
    assert_int_equal(add(f, &taken, 1, &grant, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "'Server-1' is a server; no device can be called so");
    const sv_enrol_order order = {
        .wishes = &here, .count = 1, .minutes = 60, .replaces = true, .user = "ada"
    };
    assert_int_equal(sv_enrol_add(&f->fleet, &order, &grant, &why), SV_OK);
}

// [enrol-1]
static void who_does_not_count_any_more_is_not_added(void **state) {
    fixture *f = *state;
    sv_enrol_grant grant;
    sv_standing_change change;
    sv_why why = { 0 };
    added(f, "press-1", "north");
    const sv_standing_order order = { .id = SV_TEXT("press-1"),
                                      .state = SV_STANDING_REVOKED,
                                      .by = "ada" };
    const sv_enrol_wish again = wish("press-1", "north");
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(add(f, &again, 1, &grant, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "press-1 does not count any more; to give its place to a new "
                                  "key: selvedge device replace press-1");
}

static sv_err withdraw(fixture *f, const char *id) {
    return sv_enrol_withdraw(&f->fleet, sv_text_of(id), "ada", "192.0.2.7", NULL);
}

// [enrol-5]
static void who_was_added_by_mistake_is_gone_when_that_is_withdrawn(void **state) {
    fixture *f = *state;
    sv_device *device = NULL;
    added(f, "press-2", "north");
    added(f, "press-17", "north");
    added(f, "press-3", "north");
    assert_int_equal(withdraw(f, "press-17"), SV_OK);
    for (int restart = 0; restart < 2; restart++) {
        assert_null(sv_registry_device(f->fleet.registry, SV_TEXT("press-17")));
        assert_non_null(sv_registry_device(f->fleet.registry, SV_TEXT("press-2")));
        assert_int_equal(sv_registry_device_count(f->fleet.registry), 2);
        sv_fleet_drop(&f->fleet);
        fixture_start(f);
    }
    added(f, "press-17", "south"); // where it belongs
    // Of who has been here all is kept.
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-3"), &device, NULL),
                     SV_OK);
    device->last_seen_us = fixture_now_us;
    assert_int_equal(withdraw(f, "press-3"), SV_OK);
    assert_non_null(sv_registry_device(f->fleet.registry, SV_TEXT("press-3")));
}

static bool is_awaited(fixture *f, const char *id) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out out = SV_JSON_OUT(&json);
    bool awaited = false;
    const sv_device_query query = {
        .text = id, .site = "", .version = "", .cursor = "", .online = -1, .health = -1, .limit = 5
    };
    list_devices(&f->fleet, &query, &out);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    const sv_json *items = sv_json_get(root, "items");
    assert_int_equal(sv_json_count(items), 1);
    assert_true(sv_json_bool(sv_json_get(sv_json_at(items, 0), "awaited"), &awaited));
    return awaited;
}

// [enrol-3]
static void who_was_added_is_in_the_list_at_once_and_after_a_restart(void **state) {
    fixture *f = *state;
    sv_device *device = NULL;
    added(f, "press-17", "north");
    assert_true(is_awaited(f, "press-17"));
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_true(is_awaited(f, "press-17"));
    // It comes; another site's gateway cannot have it.
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-b"),
                                      SV_TEXT("press-17"), &device, NULL),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-17"), &device, NULL),
                     SV_OK);
    device->last_seen_us = fixture_now_us;
    assert_int_equal(sv_registry_store(f->fleet.registry, device, NULL), SV_OK);
    assert_false(is_awaited(f, "press-17"));
}

// [enrol-16]
static void a_manufacturers_name_is_waited_for_by_one_device(void **state) {
    fixture *f = *state;
    sv_enrol_grant grant;
    sv_enrol_pass pass;
    sv_why why = { 0 };
    sv_enrol_wish first = wish("press-1", "north");
    sv_enrol_wish second = wish("press-2", "north");
    memcpy(first.idevid, "SN 0815", 8);
    memcpy(second.idevid, "SN 0815", 8);
    assert_int_equal(add(f, &first, 1, &grant, &why), SV_OK);
    assert_string_equal(grant.token, "");
    assert_int_equal(add(f, &second, 1, &grant, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "device press-1 waits for idevid 'SN 0815' already");
    assert_int_equal(
        sv_enrol_find_idevid(f->fleet.db, SV_TEXT("SN 0815"), fixture_now_us, &pass, &why), SV_OK);
    assert_string_equal(pass.id, "press-1");
    assert_int_equal(sv_enrol_find_idevid(f->fleet.db, SV_TEXT("SN"), fixture_now_us, &pass, &why),
                     SV_ERR_NOT_FOUND);
    assert_int_equal(sv_enrol_find_token(f->fleet.db, SV_TEXT("press-1"), SV_TEXT(""),
                                         fixture_now_us, &pass, &why),
                     SV_ERR_NOT_FOUND);
    // Nobody came in time: the name is free again.
    int64_t start_us = fixture_now_us;
    fixture_now_us += 2 * SV_TIME_HOUR_US;
    assert_int_equal(add(f, &second, 1, &grant, &why), SV_OK);
    assert_int_equal(
        sv_enrol_find_idevid(f->fleet.db, SV_TEXT("SN 0815"), fixture_now_us, &pass, &why), SV_OK);
    assert_string_equal(pass.id, "press-2");
    fixture_now_us = start_us;
}

// [enrol-5]
static void the_list_is_paged_and_says_what_was_tried_last(void **state) {
    fixture *f = *state;
    sv_enrol_pass pass;
    for (int i = 0; i < 5; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%d", i);
        sv_enrol_grant grant = added(f, id, "north");
        assert_int_equal(find(f, id, grant.token, &pass, NULL), SV_OK);
    }
    assert_int_equal(
        sv_enrol_note(f->fleet.db, &pass, "192.0.2.9", "weak key", fixture_now_us, NULL), SV_OK);
    char cursor[32] = "";
    int seen = 0;
    for (int page = 0; page < 3; page++) {
        SV_DEFER(sv_json_drop) sv_json *root = listed(f, cursor, 2);
        const sv_json *items = sv_json_get(root, "items");
        assert_int_equal(sv_json_count(items), page < 2 ? 2 : 1);
        for (size_t i = 0; i < sv_json_count(items); i++, seen++) {
            char id[SV_ID_ROOM];
            (void) snprintf(id, sizeof id, "press-%d", 4 - seen);
            assert_true(sv_text_is(word(sv_json_at(items, i), "id"), id));
        }
        if (page == 0) {
            const sv_json *last = sv_json_get(sv_json_at(items, 0), "last");
            assert_true(sv_text_is(word(last, "outcome"), "weak key"));
            assert_true(sv_text_is(word(last, "peer"), "192.0.2.9"));
            assert_true(sv_json_is_null(sv_json_get(sv_json_at(items, 1), "last")));
        }
        (void) sv_text_copy(word(root, "next"), cursor, sizeof cursor);
    }
    assert_string_equal(cursor, "");
}

// [enrol-4]
static void the_address_is_the_gateways_door_or_our_own(void **state) {
    fixture *f = *state;
    char at[SV_FLEET_ADDRESS_ROOM];
    sv_fleet_config *config = &f->fleet.config;
    (void) snprintf(config->devices.bind, sizeof config->devices.bind, "192.0.2.1");
    f->fleet.device_port = 8444;
    (void) snprintf(config->gateways[0].door, sizeof config->gateways[0].door, "gw-a.local:8444");
    sv_enrol_address(&f->fleet, SV_TEXT("north"), at);
    assert_string_equal(at, "gw-a.local:8444");
    sv_enrol_address(&f->fleet, SV_TEXT("south"), at);
    assert_string_equal(at, "192.0.2.1:8444");
    (void) snprintf(config->devices.bind, sizeof config->devices.bind, "2001:db8::1");
    sv_enrol_address(&f->fleet, SV_TEXT("south"), at);
    assert_string_equal(at, "[2001:db8::1]:8444");
    (void) snprintf(config->devices.address, sizeof config->devices.address, "fleet.acme:443");
    sv_enrol_address(&f->fleet, SV_TEXT("south"), at);
    assert_string_equal(at, "fleet.acme:443");
    // One that only says where readings go does not hide another's door.
    memcpy(config->gateways[1].site, "north", sizeof "north");
    config->gateways[0].door[0] = '\0';
    (void) snprintf(config->gateways[0].mqtt, sizeof config->gateways[0].mqtt, "gw-a.local:8883");
    (void) snprintf(config->gateways[1].door, sizeof config->gateways[1].door, "gw-b.local:8444");
    sv_enrol_address(&f->fleet, SV_TEXT("north"), at);
    assert_string_equal(at, "gw-b.local:8444");
}

// [enrol-4]
static void the_line_says_where_the_readings_go_when_it_is_known(void **state) {
    fixture *f = *state;
    sv_fleet_gateway_site *north = &f->fleet.config.gateways[0];
    const sv_enrol_wish wish = { .id = "press-1", .site = "north" };
    char room[512];
    sv_textbuf line = SV_TEXTBUF(room);
    (void) snprintf(north->door, sizeof north->door, "gw-a:8444");
    sv_enrol_command(&f->fleet, &wish, "T", "sha256:00", &line);
    assert_true(sv_text_is(sv_textbuf_text(&line), "echo T | selvedge-agent enrol press-1 --at "
                                                   "gw-a:8444 --pin sha256:00"));
    sv_textbuf_clear(&line);
    (void) snprintf(north->mqtt, sizeof north->mqtt, "gw-a:8893");
    sv_enrol_command(&f->fleet, &wish, "T", "sha256:00", &line);
    assert_true(sv_text_is(sv_textbuf_text(&line),
                           "echo T | selvedge-agent enrol press-1 --at gw-a:8444 --pin sha256:00 "
                           "--gateway gw-a:8893"));
}

// [enrol-4] Our agent enrols with a token alone; other clients show a certificate.
static void with_a_makers_certificate_the_line_is_a_request(void **state) {
    fixture *f = *state;
    sv_fleet_gateway_site *north = &f->fleet.config.gateways[0];
    const sv_enrol_wish wish = { .id = "press-1", .site = "north", .idevid = "SN-1" };
    char room[512];
    sv_textbuf line = SV_TEXTBUF(room);
    (void) snprintf(north->door, sizeof north->door, "gw-a:8444");
    (void) snprintf(north->mqtt, sizeof north->mqtt, "gw-a:8893");
    sv_enrol_command(&f->fleet, &wish, "", "sha256:00", &line);
    assert_true(sv_text_is(sv_textbuf_text(&line),
                           "curl --cacert root.crt --cert MAKER.crt --key MAKER.key --data-binary "
                           "@press-1.csr https://gw-a:8444/.well-known/est/simpleenroll | base64 "
                           "-d | openssl pkcs7 -inform DER -print_certs -out press-1.crt"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_line_says_where_the_readings_go_when_it_is_known),
        TEST(with_a_makers_certificate_the_line_is_a_request),
        TEST(a_token_is_for_one_id_and_kept_as_its_hash_alone),
        TEST(a_token_ends_with_its_time_and_when_it_is_withdrawn_or_given_anew),
        TEST(of_many_one_device_and_one_state_are_found),
        TEST(of_two_servers_on_one_database_one_burns_a_token),
        TEST(what_was_not_committed_burnt_nothing),
        TEST(all_are_added_or_none_and_the_sentence_says_why),
        TEST(who_has_a_certificate_or_was_here_is_not_added_again),
        TEST(who_does_not_count_any_more_is_not_added),
        TEST(who_was_added_is_in_the_list_at_once_and_after_a_restart),
        TEST(who_was_added_by_mistake_is_gone_when_that_is_withdrawn),
        TEST(a_manufacturers_name_is_waited_for_by_one_device),
        TEST(the_list_is_paged_and_says_what_was_tried_last),
        TEST(the_address_is_the_gateways_door_or_our_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
