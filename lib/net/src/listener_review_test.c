// Who is in already, when certificates and revocation list are read again.
#include "listener_fixture.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static int make_more_certificates(void **state) {
    int failed = make_certificates(state);
    issue("site", "press-2", SV_ROLE_DEVICE);
    issue("site", "press-3", SV_ROLE_DEVICE);
    assert_int_equal(sv_pki_crl(in_folder("site"), in_folder("none.pem"), NULL), SV_OK);
    assert_int_equal(sv_pki_revoke(in_folder("site"), "press-2", NULL), SV_OK);
    assert_int_equal(sv_pki_crl(in_folder("site"), in_folder("crl.pem"), NULL), SV_OK);
    return failed;
}

static sv_tls *with_list(const char *name) {
    return hub_tls_with(in_folder("site/ca.crt"), in_folder(name));
}

/// `from` as it would have been a day after its end.
static void make_old_list(const char *from, const char *to) {
    BIO *in = BIO_new_file(in_folder("site/ca.key"), "r");
    EVP_PKEY *signer = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    BIO_free(in);
    in = BIO_new_file(in_folder(from), "r");
    X509_CRL *list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
    BIO_free(in);
    ASN1_TIME *time = X509_gmtime_adj(NULL, -24L * 60 * 60);
    assert_int_equal(X509_CRL_set1_nextUpdate(list, time), 1);
    assert_true(X509_CRL_sign(list, signer, EVP_sha256()) > 0);
    BIO *out = BIO_new_file(in_folder(to), "w");
    assert_int_equal(PEM_write_bio_X509_CRL(out, list), 1);
    BIO_free(out);
    ASN1_TIME_free(time);
    X509_CRL_free(list);
    EVP_PKEY_free(signer);
}

static bool all_are_judged(const site *s) {
    return !s->listener->review.running && s->listener->review.next == NULL;
}

// [mqtt-20]
static void who_is_revoked_meanwhile_is_told_and_the_others_stay(void **state) {
    (void) state;
    for (int list = 0; list < 2; list++) {
        make_old_list("crl.pem", "old.pem");
        SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
        SV_DEFER(caller_drop) caller first = caller_open_as(s, "press-1");
        SV_DEFER(caller_drop) caller revoked = caller_open_as(s, "press-2");
        SV_DEFER(caller_drop) caller last = caller_open_as(s, "press-3");
        site_tls(s, with_list("none.pem"));
        TURN_UNTIL(s, all_are_judged(s));
        site_tls(s, with_list(list == 0 ? "crl.pem" : "old.pem")); // an old list names it as well
        TURN_UNTIL(s, all_are_judged(s));
        assert_int_equal(s->owners[0].unwelcome, 0);
        assert_int_equal(s->owners[1].unwelcome, 1);
        assert_int_equal(s->owners[2].unwelcome, 0);
        assert_string_equal(s->owners[1].why, "certificate is revoked (press-2)");
        assert_int_equal(s->owners[1].downs, 0);
        char heard = 0;
        assert_int_equal(caller_read(&revoked, &heard, 1), 0);
        caller_write(&first, "a", 1);
        caller_write(&last, "b", 1);
        TURN_UNTIL(s, s->owners[0].heard_len == 1 && s->owners[2].heard_len == 1);
        assert_int_equal(sv_listener_count(s->listener).links, 2);
    }
}

static void many_reloads_come_to_one_judgement(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 32, 32);
    caller callers[12];
    for (size_t i = 0; i < SV_COUNT(callers); i++) {
        callers[i] = caller_open_as(s, i % 3 == 1 ? "press-2" : "press-1");
    }
    for (int i = 0; i < 10; i++) {
        site_tls(s, with_list(i % 2 == 0 ? "crl.pem" : "none.pem"));
    }
    caller_drop(&callers[0]); // goes while others are judged
    TURN_UNTIL(s, s->owners[0].downs == 1 && all_are_judged(s));
    for (size_t i = 1; i < SV_COUNT(callers); i++) {
        assert_int_equal(s->owners[i].unwelcome, 0); // the last list names nobody
    }
    site_tls(s, with_list("crl.pem"));
    TURN_UNTIL(s, all_are_judged(s));
    for (size_t i = 1; i < SV_COUNT(callers); i++) {
        assert_int_equal(s->owners[i].unwelcome, i % 3 == 1 ? 1 : 0);
        caller_drop(&callers[i]);
    }
}

static void drop_then(owner *o) {
    sv_listener_drop(&o->site->listener);
}

static void close_then(owner *o) {
    sv_link_close(o->link, false);
}

static void whoever_hears_of_it_may_close_all(void **state) {
    (void) state;
    void (*const then[])(owner *) = { drop_then, close_then };
    for (size_t i = 0; i < SV_COUNT(then); i++) {
        SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
        SV_DEFER(caller_drop) caller first = caller_open_as(s, "press-2");
        SV_DEFER(caller_drop) caller second = caller_open_as(s, "press-2");
        s->in_unwelcome = then[i];
        site_tls(s, with_list("crl.pem"));
        TURN_UNTIL(s, s->owners[0].unwelcome == 1 && (i == 0 || s->owners[1].unwelcome == 1));
        assert_true((s->listener == NULL) == (i == 0));
    }
}

static void without_a_word_about_it_the_link_goes_down(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller revoked = caller_open_as(s, "press-2");
    s->listener->events.unwelcome = NULL;
    site_tls(s, with_list("crl.pem"));
    TURN_UNTIL(s, s->owners[0].downs == 1);
    assert_string_equal(s->owners[0].why, "certificate is revoked (press-2)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_revoked_meanwhile_is_told_and_the_others_stay),
        cmocka_unit_test(many_reloads_come_to_one_judgement),
        cmocka_unit_test(whoever_hears_of_it_may_close_all),
        cmocka_unit_test(without_a_word_about_it_the_link_goes_down),
    };
    return cmocka_run_group_tests(tests, make_more_certificates, remove_certificates);
}
