#include "est_read.h"

#include <base/test.h>
#include <base/time.h>

static void a_date_is_read_as_http_writes_it(void **state) {
    (void) state;
    static const struct {
        const char *text;
        int64_t seconds;
    } CASES[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sat, 28 Nov 2026 21:33:12 GMT", 1795901592 },
        { "Thu, 29 Feb 2024 23:59:59 GMT", 1709251199 },
        { "Thu, 30 Feb 2024 23:59:59 GMT", 0 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 0 },
        { "Sun, 06 Nov 1994 08:49:37 UTC", 0 },
        { "Sun, 06 Nox 1994 08:49:37 GMT", 0 },
        { "Sun, +6 Nov 1994 08:49:37 GMT", 0 },
        { "Sun, 06 Nov 1994 25:49:37 GMT", 0 },
        { "", 0 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(est_date(sv_text_of(CASES[i].text)), CASES[i].seconds * SV_TIME_SECOND_US);
    }
}

static void what_a_server_refuses_is_told_in_its_own_words(void **state) {
    (void) state;
    static const struct {
        int status;
        const char *head, *body, *said;
        sv_err code;
    } CASES[] = {
        { 403, "content-type: text/plain\n", "used on 2026-11-28\nmore", "used on 2026-11-28 (403)",
          SV_ERR_UNTRUSTED },
        { 401, "Content-Type: text/plain; charset=utf-8\n", " for another id\r\n",
          "for another id (401)", SV_ERR_UNTRUSTED },
        { 503, "Content-Type: text/plain\n", "away\x1b[2J", "away?[2J (503)", SV_ERR_UNAVAILABLE },
        { 404, "Content-Type: text/html\n", "<h1>no</h1>", "the server answered with status 404",
          SV_ERR_NOT_FOUND },
        { 409, "", "", "the server answered with status 409", SV_ERR_STATE },
        { 429, "", "", "the server answered with status 429", SV_ERR_UNAVAILABLE },
        { 202, "Retry-After: 30\n", "", "the server answered with status 202", SV_ERR_UNAVAILABLE },
        { 400, "", "", "the server answered with status 400", SV_ERR_INVALID },
        { 302, "", "", "the server answered with status 302", SV_ERR_INVALID },
        { 200, "", "not base64!", "the body is not base64", SV_ERR_INVALID },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        const sv_http_reply_view view = { .status = CASES[i].status,
                                          .head = sv_text_of(CASES[i].head),
                                          .body = sv_text_of(CASES[i].body) };
        SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
        sv_est_reply reply = { 0 };
        sv_why why = { 0 };
        assert_int_equal(est_read(&view, &certs, &reply, &why), CASES[i].code);
        assert_string_equal(why.text, CASES[i].said);
        assert_int_equal(reply.again_us, CASES[i].status == 202 ? 30 * SV_TIME_SECOND_US : 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_read_as_http_writes_it),
        cmocka_unit_test(what_a_server_refuses_is_told_in_its_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
