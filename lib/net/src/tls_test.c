#include "tls_fixture.h"

#include <openssl/pem.h>

static time_t wrong_by_s; ///< what this process takes for now

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's own name is reserved.
__attribute__((visibility("default"))) int clock_gettime(clockid_t which, struct timespec *out) {
    int result = (int) syscall(SYS_clock_gettime, which, out);
    out->tv_sec += which == CLOCK_REALTIME ? wrong_by_s : 0;
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

/// It has started with a clock that is so far off, and knows nothing.
static void wake(time_t off_by_s) {
    wrong_by_s = off_by_s;
    sv_clock_resume(0, 0);
}

static void a_device_is_known_by_its_certificate(void **state) {
    (void) state;
    meeting m = meet(usual);
    assert_string_equal(m.why, "");
    assert_int_equal(m.status, 200);
    assert_string_equal(m.who, "device dev-1");
    m = usual;
    m.host = "localhost";
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.who, "device dev-1");
}

static void the_older_protocol_serves_as_well(void **state) {
    (void) state;
    meeting m = usual;
    m.oldest = true;
    m = meet(m);
    assert_int_equal(m.status, 200);
    assert_string_equal(m.who, "device dev-1");
}

static void the_open_door_asks_for_no_certificate(void **state) {
    (void) state;
    meeting m = usual;
    m.client = NULL;
    m.open_door = true;
    m = meet(m);
    assert_int_equal(m.status, 200);
    assert_string_equal(m.who, "no body");
}

static void a_server_that_is_not_the_right_one_is_refused(void **state) {
    (void) state;
    static const struct {
        const char *server, *trusted, *host, *fault;
    } cases[] = {
        { "hub", "stranger", "127.0.0.1", "TLS: certificate verify failed: " },
        { "other-hub", "site", "127.0.0.1", "TLS: certificate verify failed: IP address mismatch" },
        { "other-hub", "site", "localhost", "TLS: certificate verify failed: hostname mismatch" },
        { "dev-1", "site", "localhost", "TLS: certificate verify failed: " },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        meeting m = usual;
        m.server = cases[i].server;
        m.trusted = cases[i].trusted;
        m.host = cases[i].host;
        m = meet(m);
        assert_int_equal(m.status, 0);
        assert_memory_equal(m.why, cases[i].fault, strlen(cases[i].fault));
        assert_string_equal(m.who, "");
    }
}

// [reading-11]
static void who_woke_in_1970_comes_in_and_is_let_in(void **state) {
    (void) state;
    const time_t year_s = 366 * (time_t) 86400;
    wake(-50 * year_s);
    meeting m = usual;
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.why, "");
    assert_string_equal(m.who, "device dev-1");
    // All else is judged.
    a_server_that_is_not_the_right_one_is_refused(NULL);
    m = usual;
    m.client = "intruder";
    assert_int_equal(meet(m).status, 0);
    // Who has no certificate cannot know that its clock is wrong.
    m = usual;
    m.client = NULL;
    m.open_door = true;
    assert_string_equal(meet(m).why,
                        "TLS: certificate verify failed: certificate is not yet valid");
    // Unless somebody has just told it whom to trust. [est-4]
    m.ca_tells_time = true;
    assert_int_equal(meet(m).status, 200);
    m.trusted = "stranger";
    assert_int_equal(meet(m).status, 0);
    wake(50 * year_s);
    m = meet(usual);
    assert_string_equal(m.why, "TLS: certificate verify failed: certificate has expired");
    wake(0);
}

// [clock-5]
static void a_clock_that_leaps_to_2099_ends_no_certificate(void **state) {
    (void) state;
    wake(0);
    assert_string_equal(meet(usual).why, "");
    wrong_by_s = (time_t) 73 * 366 * 86400;
    meeting m = usual;
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.why, "");
    assert_string_equal(m.who, "device dev-1");
    a_server_that_is_not_the_right_one_is_refused(NULL);
    wake(0);
}

// [clock-5]
static void a_clock_that_is_doubted_still_lets_in_what_has_begun_since(void **state) {
    (void) state;
    wake(0);
    sv_clock_resume(sv_clock_wall_us() - 90 * SV_TIME_DAY_US, 0); // it was off for so long
    assert_true(sv_clock_doubt_us() > 0);
    meeting m = usual;
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.why, "");
    assert_string_equal(m.who, "device dev-1");
    wake(0);
}

static void a_client_that_may_not_come_in_is_refused(void **state) {
    (void) state;
    // The alert says why; TLS 1.3 sends it when the question is under way already, so that only
    // 1.2 tells it reliably.
    static const struct {
        const char *client;
        const char *fault;
    } cases[] = {
        { NULL, "alert handshake failure" },
        { "intruder", "alert" },
        { "other-hub", "alert" },
        { "dev-2", "alert certificate revoked" },
    };
    for (size_t i = 0; i < 2 * SV_COUNT(cases); i++) {
        meeting m = usual;
        m.client = cases[i / 2].client;
        m.oldest = i % 2 == 0;
        m.with_crl = true;
        m = meet(m);
        assert_int_equal(m.status, 0);
        assert_string_equal(m.who, "");
        assert_true(m.why[0] != '\0');
        if (m.oldest && strstr(m.why, cases[i / 2].fault) == NULL) {
            fail_msg("%s", m.why);
        }
    }
}

/// The site's list, but as a delta to another one.
static void make_delta(const char *path) {
    FILE *file = fopen(in_folder("crl.pem"), "re");
    X509_CRL *list = PEM_read_X509_CRL(file, NULL, NULL, NULL);
    ASN1_INTEGER *base = ASN1_INTEGER_new();
    unsigned char *der = NULL;
    assert_int_equal(fclose(file), 0);
    assert_int_equal(X509_CRL_add1_ext_i2d(list, NID_delta_crl, base, 1, 0), 1);
    assert_true(i2d_re_X509_CRL_tbs(list, &der) > 0); // else it is written as it was read
    file = fopen(path, "we");
    assert_int_equal(PEM_write_X509_CRL(file, list), 1);
    assert_int_equal(fclose(file), 0);
    OPENSSL_free(der);
    ASN1_INTEGER_free(base);
    X509_CRL_free(list);
}

static void unusable_files_are_named(void **state) {
    (void) state;
    names hub = leaf_files("hub");
    names other = leaf_files("other-hub");
    const char *ca = in_folder("site/ca.crt");
    const char *delta = in_folder("delta.pem"); // [profile-6]
    make_delta(delta);
    const struct {
        sv_tls_files files;
        sv_err err;
        const char *named;
    } cases[] = {
        { { .ca = ca, .cert = "/nowhere.crt", .key = hub.key },
          SV_ERR_NOT_FOUND,
          "'/nowhere.crt'" },
        { { .ca = ca, .cert = hub.cert, .key = "/nowhere.key" },
          SV_ERR_NOT_FOUND,
          "'/nowhere.key'" },
        { { .ca = "/nowhere.ca", .cert = hub.cert, .key = hub.key },
          SV_ERR_NOT_FOUND,
          "'/nowhere.ca'" },
        { { .ca = ca, .cert = hub.cert, .key = other.key }, SV_ERR_INVALID, other.key },
        { { .ca = ca, .cert = hub.key, .key = hub.key }, SV_ERR_INVALID, hub.key },
        { { .ca = hub.key, .cert = hub.cert, .key = hub.key }, SV_ERR_INVALID, hub.key },
        { { .ca = ca, .cert = hub.cert, .key = hub.key, .crl = ca }, SV_ERR_INVALID, ca },
        { { .ca = ca, .cert = hub.cert, .key = hub.key, .crl = delta },
          SV_ERR_INVALID,
          "delta.pem' holds a revocation list that is a delta" },
        { { .ca = ca, .cert = hub.cert }, SV_ERR_INVALID, hub.cert },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
        sv_why why;
        assert_int_equal(sv_tls_server(&cases[i].files, SV_TLS_CLIENTS_TRUSTED, false, &tls, &why),
                         cases[i].err);
        assert_non_null(strstr(why.text, cases[i].named));
        assert_null(tls);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_known_by_its_certificate),
        cmocka_unit_test(the_older_protocol_serves_as_well),
        cmocka_unit_test(the_open_door_asks_for_no_certificate),
        cmocka_unit_test(a_server_that_is_not_the_right_one_is_refused),
        cmocka_unit_test(who_woke_in_1970_comes_in_and_is_let_in),
        cmocka_unit_test(a_clock_that_leaps_to_2099_ends_no_certificate),
        cmocka_unit_test(a_clock_that_is_doubted_still_lets_in_what_has_begun_since),
        cmocka_unit_test(a_client_that_may_not_come_in_is_refused),
        cmocka_unit_test(unusable_files_are_named),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
