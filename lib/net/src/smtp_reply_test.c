#include "smtp_reply.h"

#include <base/test.h>
#include <string.h>

/// All of `text`; how many whole replies. The last one is in `reply`.
static size_t read_all(const char *text, smtp_reply *reply, sv_err *err, sv_why *why) {
    size_t whole = 0;
    size_t took = 1;
    sv_text rest = sv_text_of(text);
    *reply = (smtp_reply){ 0 };
    *err = SV_OK;
    while (*err == SV_OK && took > 0 && rest.len > 0) {
        if (reply->whole) {
            *reply = (smtp_reply){ 0 };
        }
        *err = smtp_reply_take(reply, rest, &took, why);
        rest.at += took;
        rest.len -= took;
        whole += *err == SV_OK && took > 0 && reply->whole;
    }
    return whole;
}

/// [notify-9]
static void replies_of_several_lines_end_with_their_last(void **state) {
    (void) state;
    smtp_reply reply;
    sv_err err;
    assert_int_equal(read_all("250-mail.example\r\n250-STARTTLS\r\n250 auth LOGIN plain\r\n",
                              &reply, &err, NULL),
                     1);
    assert_int_equal(reply.code, 250);
    assert_true(reply.starttls && reply.auth_plain);
    assert_int_equal(read_all("220 x\r\n550 no\tsuch\x1b user\n354\r\n", &reply, &err, NULL), 3);
    assert_int_equal(reply.code, 354);
    assert_int_equal(read_all("550 no\tsuch\x1b user\n", &reply, &err, NULL), 1);
    assert_string_equal(reply.text, "no?such? user");
    assert_int_equal(read_all("250-a\r\n250 b", &reply, &err, NULL), 0);
    assert_int_equal(err, SV_OK);
    assert_false(reply.whole);
}

static void what_sounds_like_an_offer_is_none(void **state) {
    (void) state;
    smtp_reply reply;
    sv_err err;
    assert_int_equal(read_all("250-STARTTLSX\r\n250-XSTARTTLS\r\n250-AUTHPLAIN\r\n250 AUTH LOGIN "
                              "XPLAIN\r\n",
                              &reply, &err, NULL),
                     1);
    assert_false(reply.starttls || reply.auth_plain);
}

static void what_is_no_reply_is_refused(void **state) {
    (void) state;
    static const char *const BAD[] = { "hello\r\n",
                                       "\r\n",
                                       "25 x\r\n",
                                       "2500 x\r\n",
                                       "650 x\r\n",
                                       "150 x\r\n",
                                       "250_x\r\n",
                                       "250-a\r\n251 b\r\n",
                                       "HTTP/1.1 400 Bad Request\r\n" };
    smtp_reply reply;
    sv_err err;
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        (void) read_all(BAD[i], &reply, &err, NULL);
        if (err != SV_ERR_INVALID) {
            fail_msg("taken: %s", BAD[i]);
        }
    }
}

static void endless_lines_and_replies_are_refused(void **state) {
    (void) state;
    static char endless[SMTP_LINE_MAX + 2];
    static char lines[(SMTP_LINES_MAX + 2) * 7 + 1];
    smtp_reply reply;
    sv_err err;
    sv_why why;
    memset(endless, 'x', sizeof endless - 1);
    (void) read_all(endless, &reply, &err, &why);
    assert_int_equal(err, SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "longer than 2048 bytes"));
    for (size_t i = 0; i <= SMTP_LINES_MAX; i++) {
        memcpy(lines + i * 7, "250-a\r\n", 8);
    }
    (void) read_all(lines, &reply, &err, &why);
    assert_int_equal(err, SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "more than 128 lines"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_several_lines_end_with_their_last),
        cmocka_unit_test(what_sounds_like_an_offer_is_none),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(endless_lines_and_replies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
