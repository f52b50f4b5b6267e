#include "own.h"
#include <base/test.h>
#include <crypto/est.h>
#include <openssl/pem.h>
#include <stdio.h>

static void base64_is_taken_in_every_form_and_nothing_else_is(void **state) { // [est-1]
    (void) state;
    static const struct {
        const char *body, *bytes; ///< NULL: refused
    } CASES[] = {
        { "c2VsdmVkZ2U=", "selvedge" },
        { "c2Vs\ndmVk\nZ2U=\n", "selvedge" },
        { "c2Vs\r\ndmVk\r\nZ2U=\r\n\r\n", "selvedge" },
        { " c2 Vsd\tmVkZ2U =", "selvedge" },
        { "c2VsdmVkZ2U", NULL },
        { "c2VsdmVkZ2V=", NULL },
        { "c2VsdmVkZ2U==", NULL },
        { "c2VsdmVkZ2U=c2Vs", NULL },
        { "c2Vs-mVkZ2U=", NULL },
        { ":c2Vs:", NULL },
        { "", NULL },
        { "\r\n", NULL },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(100);
        sv_why why = { 0 };
        sv_err err = sv_est_base64_parse(sv_text_of(CASES[i].body), &out, &why);
        if (CASES[i].bytes == NULL) {
            assert_int_equal(err, SV_ERR_INVALID);
            assert_true(why.text[0] != '\0');
        } else {
            assert_int_equal(err, SV_OK);
            assert_true(sv_text_is(sv_textbuf_text(&out), CASES[i].bytes));
        }
    }
}

static void what_is_written_has_lines_of_64(void **state) { // [est-1]
    (void) state;
    char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char) i;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(1000);
    SV_DEFER(sv_textbuf_drop) sv_textbuf back = SV_TEXTBUF_HEAP(1000);
    sv_est_base64_add(&out, (sv_text){ bytes, sizeof bytes });
    sv_text rest = sv_textbuf_text(&out);
    assert_int_equal(sv_text_cut(&rest, '\n').len, 64);
    assert_int_equal(sv_text_cut(&rest, '\n').len, 64);
    assert_int_equal(sv_est_base64_parse(sv_textbuf_text(&out), &back, NULL), SV_OK);
    assert_int_equal(back.len, sizeof bytes);
    assert_memory_equal(back.at, bytes, sizeof bytes);
}

/// The certificate `n` of a test, made by its own key.
static X509 *certificate(long n) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &key, NULL), SV_OK);
    X509 *made = X509_new();
    assert_non_null(made);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made), n), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), 60));
    assert_int_equal(X509_set_pubkey(made, key), 1);
    assert_true(X509_sign(made, key, EVP_sha256()) > 0);
    return made;
}

static void certificates_travel_in_their_order(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop)
    sv_certs sent = { .at = { certificate(7), certificate(5) }, .count = 2 };
    SV_DEFER(sv_certs_drop) sv_certs got = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    assert_int_equal(sv_est_certs_add(&body, sent.at, sent.count, NULL), SV_OK);
    assert_int_equal(sv_est_certs_parse(sv_textbuf_text(&body), &got, NULL), SV_OK);
    assert_int_equal(got.count, 2);
    assert_int_equal(X509_cmp(got.at[0], sent.at[0]), 0);
    assert_int_equal(X509_cmp(got.at[1], sent.at[1]), 0);
}

static void an_answer_without_certificates_or_with_too_many_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs one = { .at = { certificate(1) }, .count = 1 };
    X509 *many[SV_EST_CERTS_MAX + 1];
    for (size_t i = 0; i < SV_COUNT(many); i++) {
        many[i] = one.at[0];
    }
    for (size_t count = 0; count <= SV_COUNT(many); count += SV_COUNT(many)) {
        SV_DEFER(sv_certs_drop) sv_certs got = { 0 };
        SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
        sv_why why = { 0 };
        assert_int_equal(sv_est_certs_add(&body, many, count, NULL), SV_OK);
        assert_int_equal(sv_est_certs_parse(sv_textbuf_text(&body), &got, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, count == 0 ? "holds 0 certificates" : "holds 17 cert"));
    }
}

static void an_answer_that_is_cut_or_longer_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs one = { .at = { certificate(1) }, .count = 1 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    assert_int_equal(sv_est_certs_add(&body, one.at, 1, NULL), SV_OK);
    assert_int_equal(sv_est_base64_parse(sv_textbuf_text(&body), &der, NULL), SV_OK);
    sv_textbuf_add_char(&der, '\0');
    for (size_t len = 0; len <= der.len; len++) {
        SV_DEFER(sv_certs_drop) sv_certs got = { 0 };
        SV_DEFER(sv_textbuf_drop) sv_textbuf cut = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
        sv_est_base64_add(&cut, (sv_text){ der.at, len });
        sv_err expected = len == der.len - 1 ? SV_OK : SV_ERR_INVALID;
        assert_int_equal(sv_est_certs_parse(sv_textbuf_text(&cut), &got, NULL), expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_taken_in_every_form_and_nothing_else_is),
        cmocka_unit_test(what_is_written_has_lines_of_64),
        cmocka_unit_test(certificates_travel_in_their_order),
        cmocka_unit_test(an_answer_without_certificates_or_with_too_many_is_refused),
        cmocka_unit_test(an_answer_that_is_cut_or_longer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
