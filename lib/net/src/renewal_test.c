#include "est_fixture.h"

#include <crypto/identity.h>
#include <crypto/key_store.h>
#include <crypto/pair.h>
#include <net/renewal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t wrong_by_s; ///< what this process takes for now

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's own name is reserved.
__attribute__((visibility("default"))) int clock_gettime(clockid_t which, struct timespec *out) {
    int result = (int) syscall(SYS_clock_gettime, which, out);
    out->tv_sec += which == CLOCK_REALTIME ? (time_t) wrong_by_s : 0;
    return result;
}

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): as above.
__attribute__((visibility("default"))) time_t time(time_t *out) {
    struct timespec now;
    (void) clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

static int64_t true_now_us(void) {
    return sv_clock_wall_us() - wrong_by_s * SV_TIME_SECOND_US;
}

// ---- a device -----------------------------------------------------------------------------------

typedef struct device {
    est_door *door;
    sv_renewal *renewal;
    char cert[EST_ROOM], key[EST_ROOM];
    sv_public_key used;
    // what it was told
    bool offered, spoken;
    unsigned offers, sentences;
    sv_tls *tls;
    char event[EST_ROOM], sentence[1024];
} device;

static void on_offer(void *arg, sv_tls *tls) {
    device *d = arg;
    sv_tls_drop(&d->tls);
    d->tls = tls;
    d->offered = true;
    d->offers++;
}

static void on_word(void *arg, bool good, const char *event, const char *sentence) {
    device *d = arg;
    (void) good;
    d->spoken = true;
    d->sentences++;
    (void) snprintf(d->event, sizeof d->event, "%s", event);
    (void) snprintf(d->sentence, sizeof d->sentence, "%s", sentence);
}

static sv_public_key key_at(const char *path) {
    EVP_PKEY *key = NULL;
    sv_public_key numbers;
    assert_int_equal(sv_key_open(path, &key, NULL), SV_OK);
    assert_int_equal(sv_public_key_of(key, &numbers, NULL), SV_OK);
    EVP_PKEY_free(key);
    return numbers;
}

static bool same_key(const sv_public_key *left, const sv_public_key *right) {
    return memcmp(left, right, sizeof *left) == 0;
}

/// Key and certificate that began `age_s` ago and live for `life_s`.
static void write_pair(device *d, int64_t age_s, int64_t life_s) {
    EVP_PKEY *key = NULL;
    X509 *made = NULL;
    char path[EST_ROOM];
    assert_int_equal(sv_key_make(d->key, SV_KEY_EC, &key, NULL), SV_OK);
    sv_issue *issue = sv_mem_new(sizeof *issue);
    issue->role = SV_ROLE_DEVICE;
    issue->lifetime_s = life_s;
    (void) snprintf(issue->id, sizeof issue->id, "press-9");
    assert_int_equal(sv_public_key_of(key, &issue->key, NULL), SV_OK);
    made = est_certify(d->door, issue);
    free(issue);
    // As if it had been issued then.
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), -age_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), life_s - age_s));
    assert_true(X509_sign(made, d->door->key, EVP_sha256()) > 0);
    (void) snprintf(path, sizeof path, "%s", d->cert);
    BIO *out = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_X509(out, made), 1);
    assert_int_equal(PEM_write_bio_X509(out, d->door->authorities.at[0]), 1);
    BIO_free(out);
    X509_free(made);
    EVP_PKEY_free(key);
    d->used = key_at(d->key);
}

static void start(device *d) {
    static const sv_renewal_events EVENTS = { .offered = on_offer, .said = on_word };
    const sv_renewal_options options = { .id = "press-9",
                                         .host = "127.0.0.1",
                                         .port = d->door->port,
                                         .ca = est_path(d->door, "pki/ca.crt"),
                                         .cert = d->cert,
                                         .key = d->key };
    assert_int_equal(sv_renewal_open(d->door->loop, &options, &EVENTS, d, &d->renewal, NULL),
                     SV_OK);
}

static device device_new(est_door *door, int64_t age_s, int64_t life_s) {
    device d = { .door = door };
    char folder[EST_ROOM];
    (void) snprintf(folder, sizeof folder, "%.200s/device-XXXXXX", door->folder);
    assert_non_null(mkdtemp(folder));
    (void) snprintf(d.cert, sizeof d.cert, "%.200s/press-9.crt", folder);
    (void) snprintf(d.key, sizeof d.key, "%.200s/press-9.key", folder);
    write_pair(&d, age_s, life_s);
    return d;
}

static void device_drop(device *d) {
    sv_renewal_drop(&d->renewal);
    sv_tls_drop(&d->tls);
}

static void pass(const device *d, int64_t us) {
    int64_t end_us = sv_clock_monotonic_us() + us;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(d->door->loop, EST_TURN_US);
    }
}

static void await_offer(device *d) {
    d->offered = false;
    assert_true(est_until(d->door, &d->offered));
}

static void await_word(device *d) {
    d->spoken = false;
    assert_true(est_until(d->door, &d->spoken));
}

static int make(void **state) {
    *state = est_door_new();
    return 0;
}

static int drop(void **state) {
    est_door_drop(*state);
    return 0;
}

// ---- what it does -------------------------------------------------------------------------------

// [renewal-2] [renewal-3]
static void a_new_key_is_certified_and_takes_the_place_once_it_has_connected(void **state) {
    est_door *door = *state;
    device d = device_new(door, 100, 3600);
    start(&d);
    pass(&d, 600000);
    assert_int_equal(d.offers, 0); // it is young
    device_drop(&d);
    d = device_new(door, 3000, 3600);
    start(&d);
    await_offer(&d);
    assert_string_equal(door->who, "press-9");
    assert_false(same_key(&door->last_key, &d.used));
    sv_public_key now = key_at(d.key);
    assert_true(same_key(&now, &d.used)); // nothing has changed yet
    sv_renewal_taken(d.renewal);
    assert_string_equal(d.event, "certificate.renewed");
    now = key_at(d.key);
    assert_true(same_key(&now, &door->last_key));
    sv_renewal_view view;
    sv_renewal_look(d.renewal, &view);
    assert_true(view.end_us > sv_clock_wall_us() + 3000 * SV_TIME_SECOND_US);
    assert_true(view.next_us > sv_clock_wall_us() + 2000 * SV_TIME_SECOND_US);
    device_drop(&d);
}

// [renewal-3]
static void one_that_is_refused_is_not_kept(void **state) {
    est_door *door = *state;
    device d = device_new(door, 25, 30);
    const sv_why why = { .code = SV_ERR_UNTRUSTED, .text = "TLS: unknown ca" };
    unsigned certified = door->certified;
    start(&d);
    for (unsigned i = 1; i <= SV_RENEWAL_REFUSALS_MAX; i++) {
        await_offer(&d);
        assert_int_equal(door->certified, certified + 1); // the same one is offered again
        assert_true(sv_renewal_refused(d.renewal, &why));
        assert_string_equal(d.event, "certificate.refused");
        assert_non_null(strstr(d.sentence, "unknown ca"));
        sv_public_key now = key_at(d.key);
        assert_true(same_key(&now, &d.used));
    }
    await_offer(&d);
    assert_int_equal(door->certified, certified + 2);
    device_drop(&d);
}

static void what_was_issued_before_an_end_is_taken_up_again(void **state) {
    est_door *door = *state;
    device d = device_new(door, 3000, 3600);
    unsigned certified = door->certified;
    start(&d);
    await_offer(&d);
    device_drop(&d); // killed here
    start(&d);
    await_offer(&d);
    assert_int_equal(door->certified, certified + 1);
    sv_renewal_taken(d.renewal);
    sv_public_key now = key_at(d.key);
    assert_true(same_key(&now, &door->last_key));
    device_drop(&d);
}

// [renewal-6]
static void one_that_has_ended_is_followed_with_the_same_key(void **state) {
    est_door *door = *state;
    device d = device_new(door, 3700, 3600);
    unsigned asked = door->asked_for_authorities;
    start(&d);
    await_offer(&d);
    assert_int_equal(door->asked_for_authorities, asked + 1); // the time first
    assert_string_equal(door->who, "press-9");
    assert_true(same_key(&door->last_key, &d.used));
    sv_validity in_use;
    assert_int_equal(sv_validity_of_file(d.cert, &in_use, NULL), SV_OK);
    assert_true(in_use.end_us > sv_clock_wall_us()); // at once: the other one is of no use
    sv_renewal_taken(d.renewal);
    assert_string_equal(d.event, "certificate.renewed");
    device_drop(&d);
}

// [renewal-6]
static void whoever_was_away_until_both_have_ended_goes_on_from_the_newer_one(void **state) {
    est_door *door = *state;
    device d = device_new(door, 9, 11);
    const sv_why why = { .code = SV_ERR_UNTRUSTED, .text = "TLS: certificate has expired" };
    door->lifetime_s = 3;
    start(&d);
    await_offer(&d);
    sv_public_key next = door->last_key;
    pass(&d, 4300000); // nobody answers so long, neither with yes nor with no
    sv_public_key now = key_at(d.key);
    assert_true(same_key(&now, &next)); // the one before has ended, so it is in use
    door->lifetime_s = 3600;
    assert_false(sv_renewal_refused(d.renewal, &why));
    await_offer(&d);
    assert_true(same_key(&door->last_key, &next)); // followed with its own key
    sv_renewal_taken(d.renewal);
    device_drop(&d);
    // The same, found at a start.
    d = device_new(door, 9, 11);
    door->lifetime_s = 3;
    start(&d);
    await_offer(&d);
    next = door->last_key;
    device_drop(&d);
    wrong_by_s = 6; // all clocks are
    door->lifetime_s = 3600;
    start(&d);
    await_offer(&d);
    assert_true(same_key(&door->last_key, &next));
    device_drop(&d);
    wrong_by_s = 0;
}

// [renewal-6]
static void one_that_cannot_be_gone_back_from_is_offered_until_it_is_taken(void **state) {
    est_door *door = *state;
    device d = device_new(door, 9, 11);
    const sv_why why = { .code = SV_ERR_UNTRUSTED, .text = "the gateway's clock is behind" };
    unsigned certified = door->certified;
    start(&d);
    await_offer(&d);
    pass(&d, 2500000); // the one before ends
    assert_false(sv_renewal_refused(d.renewal, &why));
    await_offer(&d);
    assert_false(sv_renewal_refused(d.renewal, &why));
    await_offer(&d);
    sv_renewal_taken(d.renewal);
    assert_string_equal(d.event, "certificate.renewed");
    assert_int_equal(door->certified, certified + 1);
    pass(&d, SV_TIME_SECOND_US);
    assert_int_equal(d.offers, 3); // and then no more
    device_drop(&d);
}

// [renewal-5]
static void a_door_that_does_not_renew_is_told_of_once(void **state) {
    est_door *door = *state;
    device d = device_new(door, 8, 10);
    door->refuse = 404;
    door->words = "no EST here";
    start(&d);
    await_word(&d);
    assert_string_equal(d.event, "certificate.by_hand");
    assert_non_null(strstr(d.sentence, "renew: off"));
    pass(&d, 2 * SV_TIME_SECOND_US);
    assert_int_equal(d.sentences, 1);
    door->refuse = 0;
    device_drop(&d);
}

// [renewal-5]
static void a_refusal_is_told_with_the_end_and_tried_again(void **state) {
    est_door *door = *state;
    device d = device_new(door, 45, 60);
    door->refuse = 503;
    door->words = "the signer is away";
    start(&d);
    await_word(&d);
    assert_string_equal(d.event, "certificate.waits");
    assert_non_null(strstr(d.sentence, "the signer is away"));
    assert_non_null(strstr(d.sentence, "the certificate ends "));
    sv_public_key asked = door->last_key;
    door->refuse = 0;
    await_offer(&d);
    assert_true(same_key(&asked, &door->last_key)); // the key that was made
    device_drop(&d);
}

/// As HTTP writes it.
static const char *date_of(int64_t at_us) {
    static char room[64];
    time_t seconds = (time_t) (at_us / SV_TIME_SECOND_US);
    struct tm parts;
    (void) gmtime_r(&seconds, &parts);
    assert_true(strftime(room, sizeof room, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
    return room;
}

// [renewal-4]
static void a_clock_in_1970_neither_renews_in_panic_nor_forgets_to(void **state) {
    est_door *door = *state;
    device young = device_new(door, 100, 3600);
    device old = device_new(door, 3000, 3600);
    unsigned asked = door->asked_for_authorities;
    unsigned certified = door->certified;
    wrong_by_s = -sv_clock_wall_us() / SV_TIME_SECOND_US + 60;
    door->at_us = true_now_us();
    door->date = date_of(true_now_us());
    start(&young);
    pass(&young, SV_TIME_SECOND_US);
    assert_int_equal(door->asked_for_authorities, asked + 1);
    assert_int_equal(door->certified, certified);
    assert_int_equal(young.sentences, 0);
    start(&old);
    await_offer(&old);
    assert_int_equal(door->certified, certified + 1);
    wrong_by_s = 0;
    door->at_us = 0;
    door->date = NULL;
    device_drop(&young);
    device_drop(&old);
}

// [renewal-4]
static void a_clock_in_2099_is_told_and_changes_nothing(void **state) {
    est_door *door = *state;
    device d = device_new(door, 100, 3600);
    unsigned certified = door->certified;
    wrong_by_s = INT64_C(70) * 366 * 86400;
    sv_clock_resume(0, 0); // it woke there
    start(&d);
    await_word(&d);
    assert_string_equal(d.event, "certificate.waits");
    assert_non_null(strstr(d.sentence, "this machine's clock says 2"));
    assert_int_equal(door->certified, certified);
    wrong_by_s = 0;
    pass(&d, 2 * SV_TIME_SECOND_US);
    assert_int_equal(door->certified, certified); // and is forgotten when the clock is right
    device_drop(&d);
    d = device_new(door, 100, 3600);
    (void) sv_clock_believed_us();
    door->date = date_of(true_now_us());
    wrong_by_s = INT64_C(70) * 366 * 86400; // it has leapt there: the server tells the time
    start(&d);
    pass(&d, SV_TIME_SECOND_US);
    assert_string_equal(d.sentence, "");
    assert_int_equal(d.sentences, 0);
    assert_int_equal(door->certified, certified);
    wrong_by_s = 0;
    door->date = NULL;
    device_drop(&d);
}

static void who_is_refused_learns_by_the_servers_clock_that_it_has_ended(void **state) {
    est_door *door = *state;
    device d = device_new(door, 100, 3600);
    start(&d);
    pass(&d, 300000);
    door->date = date_of(true_now_us() + 3000 * SV_TIME_SECOND_US);
    sv_renewal_doubt(d.renewal);
    await_offer(&d);
    door->date = NULL;
    device_drop(&d);
}

static void another_certificate_in_its_place_is_seen(void **state) {
    est_door *door = *state;
    device d = device_new(door, 2100, 3600); // due soon, whatever the chance
    start(&d);
    device other = device_new(door, 10, 3600);
    assert_int_equal(rename(other.key, d.key), 0);
    assert_int_equal(rename(other.cert, d.cert), 0);
    unsigned certified = door->certified;
    door->date = date_of(true_now_us() + 500 * SV_TIME_SECOND_US);
    sv_renewal_doubt(d.renewal);
    pass(&d, 2 * SV_TIME_SECOND_US);
    door->date = NULL;
    assert_int_equal(door->certified, certified);
    device_drop(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_certified_and_takes_the_place_once_it_has_connected),
        cmocka_unit_test(one_that_is_refused_is_not_kept),
        cmocka_unit_test(what_was_issued_before_an_end_is_taken_up_again),
        cmocka_unit_test(one_that_has_ended_is_followed_with_the_same_key),
        cmocka_unit_test(whoever_was_away_until_both_have_ended_goes_on_from_the_newer_one),
        cmocka_unit_test(one_that_cannot_be_gone_back_from_is_offered_until_it_is_taken),
        cmocka_unit_test(a_door_that_does_not_renew_is_told_of_once),
        cmocka_unit_test(a_refusal_is_told_with_the_end_and_tried_again),
        cmocka_unit_test(a_clock_in_1970_neither_renews_in_panic_nor_forgets_to),
        cmocka_unit_test(a_clock_in_2099_is_told_and_changes_nothing),
        cmocka_unit_test(who_is_refused_learns_by_the_servers_clock_that_it_has_ended),
        cmocka_unit_test(another_certificate_in_its_place_is_seen),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
