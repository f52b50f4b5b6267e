// The server's own certificates, with a signer that the test plays.
#include "own_certificate.h"

#include "fleet_fixture.h"

#include <crypto/cert_facts.h>
#include <crypto/identity.h>
#include <crypto/key_store.h>
#include <string.h>

enum { DAY_S = 24 * 3600, DER_ROOM = 4096 };

/// What was asked of the signer last.
static struct {
    size_t times;
    sv_issue issue;
    sv_signer_done *done;
    void *arg;
} asked;

static size_t changes;

static sv_err sign(struct sv_signer *signer, const sv_issue *issue, sv_signer_done *done, void *arg,
                   sv_why *why) {
    (void) signer;
    (void) why;
    asked.times++;
    asked.issue = *issue;
    asked.done = done;
    asked.arg = arg;
    return SV_OK;
}

static void count_change(void *arg) {
    (void) arg;
    changes++;
}

static const char *path_in(const fixture *f, const char *name) {
    static char rooms[8][SV_PATH_MAX];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, SV_PATH_MAX, f->dir, name), SV_OK);
    return room;
}

/// A server's certificate for a day, at the device door and the operator door alike.
static sv_own_certificates *open_with_certificate(fixture *f) {
    const sv_pki_setup setup = { .dir = path_in(f, "pki"), .root_passphrase = "only for tests" };
    const sv_pki_leaf leaf = { .id = "fleet",
                               .role = SV_ROLE_SERVER,
                               .dns = { "fleet.example" },
                               .ip = { "127.0.0.1", "::1" },
                               .days = 1,
                               .out = f->dir };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
    assert_int_equal(sv_pki_issue(setup.dir, &leaf, NULL), SV_OK);
    sv_fleet *fleet = &f->fleet;
    assert_int_equal(sv_loop_open(&fleet->loop, NULL), SV_OK);
    sv_fleet_door *door = &fleet->config.devices;
    (void) snprintf(door->tls.ca, sizeof door->tls.ca, "%s", path_in(f, "pki/ca.crt"));
    (void) snprintf(door->tls.cert, sizeof door->tls.cert, "%s", path_in(f, "fleet.crt"));
    (void) snprintf(door->tls.key, sizeof door->tls.key, "%s", path_in(f, "fleet.key"));
    fleet->config.operators = *door;
    // `sign` stands for it.
    fleet->signer = sv_signer_open(fleet->loop, path_in(f, "nobody"), fixture_clock);
    asked.times = changes = 0;
    return sv_own_certificates_open(fleet, sign, count_change, NULL);
}

static void close_all(fixture *f, sv_own_certificates **own) {
    sv_own_certificates_drop(own);
    sv_signer_drop(&f->fleet.signer);
    sv_loop_drop(&f->fleet.loop);
}

static sv_validity validity(const fixture *f) {
    sv_validity read;
    assert_int_equal(sv_validity_of_file(f->fleet.config.devices.tls.cert, &read, NULL), SV_OK);
    return read;
}

/// The clock goes to that share of the certificate's time; a look is taken.
static void live_until(const fixture *f, sv_own_certificates *own, double share) {
    const sv_validity v = validity(f);
    fixture_now_us = v.begin_us + (int64_t) ((double) (v.end_us - v.begin_us) * share);
    sv_own_certificates_look(own);
}

/// Certified by the folder's own key, as the signer would.
static void answer(fixture *f) {
    SV_DEFER(sv_certs_drop) sv_certs issuing = { 0 };
    SV_DEFER(sv_certs_drop) sv_certs made = { .count = 1 };
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = NULL;
    char room[DER_ROOM];
    sv_textbuf der = SV_TEXTBUF(room);
    assert_int_equal(sv_certs_read(path_in(f, "pki/ca.crt"), &issuing, NULL), SV_OK);
    assert_int_equal(sv_key_open(path_in(f, "pki/ca.key"), &key, NULL), SV_OK);
    const sv_issuer by = { .certificate = issuing.at[0], .key = key, .domain = "selvedge.local" };
    assert_int_equal(sv_issue_certify(&by, &asked.issue, fixture_now_us, &made.at[0], NULL), SV_OK);
    assert_int_equal(sv_cert_der(made.at[0], &der, NULL), SV_OK);
    asked.done(asked.arg, SV_OK, sv_textbuf_text(&der), NULL);
}

static void pair_must_work(const fixture *f) {
    const sv_fleet_door *door = &f->fleet.config.devices;
    const sv_tls_files files = { .ca = door->tls.ca, .cert = door->tls.cert, .key = door->tls.key };
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    sv_why why = { 0 };
    if (sv_tls_server(&files, SV_TLS_CLIENTS_TRUSTED, false, &tls, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void it_is_renewed_at_two_thirds_with_its_names(void **state) { // [renewal-21]
    fixture *f = *state;
    sv_own_certificates *own = open_with_certificate(f);
    const sv_validity first = validity(f);
    live_until(f, own, 0.6);
    assert_int_equal(asked.times, 0);
    live_until(f, own, 0.73);
    assert_int_equal(asked.times, 1); // two doors, one certificate
    assert_string_equal(asked.issue.id, "fleet");
    assert_int_equal(asked.issue.role, SV_ROLE_SERVER);
    assert_int_equal(asked.issue.lifetime_s, DAY_S);
    assert_int_equal(asked.issue.dns_names, 1);
    assert_string_equal(asked.issue.dns[0], "fleet.example");
    assert_int_equal(asked.issue.ips, 2);
    assert_int_equal(validity(f).end_us, first.end_us); // until the signer has answered
    answer(f);
    assert_true(validity(f).end_us > first.end_us);
    assert_int_equal(changes, 1);
    pair_must_work(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE about = 'fleet'"), 1);
    live_until(f, own, 0.1);
    assert_int_equal(asked.times, 1);
    live_until(f, own, 0.73);
    assert_int_equal(asked.times, 2);
    answer(f);
    pair_must_work(f);
    assert_int_equal(changes, 2);
    close_all(f, &own);
}

static void what_fails_is_tried_again_and_the_old_one_goes_on(void **state) { // [renewal-21]
    fixture *f = *state;
    sv_own_certificates *own = open_with_certificate(f);
    const sv_validity first = validity(f);
    const sv_why why = { .code = SV_ERR_UNAVAILABLE, .text = "the signer went away" };
    live_until(f, own, 0.73);
    assert_int_equal(asked.times, 1);
    asked.done(asked.arg, SV_ERR_UNAVAILABLE, SV_TEXT(""), &why);
    live_until(f, own, 0.731);
    assert_int_equal(asked.times, 1);
    live_until(f, own, 0.76);
    assert_int_equal(asked.times, 2);
    asked.done(asked.arg, SV_OK, SV_TEXT("no certificate"), NULL);
    assert_int_equal(changes, 0);
    assert_int_equal(validity(f).end_us, first.end_us);
    pair_must_work(f);
    live_until(f, own, 0.80);
    assert_int_equal(asked.times, 3);
    answer(f);
    assert_int_equal(changes, 1);
    pair_must_work(f);
    close_all(f, &own);
}

static void without_a_signer_nothing_is_done(void **state) {
    fixture *f = *state;
    assert_null(sv_own_certificates_open(&f->fleet, sign, count_change, NULL));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_is_renewed_at_two_thirds_with_its_names),
        TEST(what_fails_is_tried_again_and_the_old_one_goes_on),
        TEST(without_a_signer_nothing_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
