#include "notify_send.h"

#include <base/test.h>
#include <codec/json.h>
#include <stdio.h>
#include <string.h>

static sv_message message_of(const char *title, const char *body) {
    sv_message message = { .id = "0123456789abcdef0123456789abcdef",
                           .made_ms = INT64_C(1796025600000),
                           .body = SV_TEXTBUF_HEAP(SV_MESSAGE_BODY_MAX),
                           .facts = SV_TEXTBUF_HEAP(SV_MESSAGE_FACTS_MAX) };
    (void) snprintf(message.title, sizeof message.title, "%s", title);
    sv_textbuf_add_str(&message.body, body);
    sv_textbuf_add_str(&message.facts, "{\"event\":\"raised\"}");
    return message;
}

static const char *formed(sv_channel_kind kind, const char *title, const char *body) {
    static char room[8192];
    SV_DEFER(sv_message_drop) sv_message message = message_of(title, body);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_textbuf out = SV_TEXTBUF(room);
    sv_message_form(kind, &message, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&out), &root, NULL, NULL), SV_OK);
    return room;
}

/// [notify-6]
static void a_webhook_says_everything(void **state) {
    (void) state;
    assert_string_equal(formed(SV_CHANNEL_WEBHOOK, "a \"b\"", "line\n"),
                        "{\"id\":\"0123456789abcdef0123456789abcdef\",\"at\":1796025600000,"
                        "\"title\":\"a \\\"b\\\"\",\"text\":\"line\\n\","
                        "\"notice\":{\"event\":\"raised\"}}");
}

/// [notify-6]
static void a_device_pings_nobody_in_slack(void **state) {
    (void) state;
    assert_string_equal(formed(SV_CHANNEL_SLACK, "<!channel> & <http://x|y>", "<@U1>"),
                        "{\"text\":\"*&lt;!channel&gt; &amp; &lt;http://x|y&gt;*\\n&lt;@U1&gt;\"}");
}

/// [notify-6]
static void a_device_makes_no_link_in_teams(void **state) {
    (void) state;
    const char *card = formed(SV_CHANNEL_TEAMS, "[click](http://x)", "*a* _b_ `c` \\");
    assert_non_null(strstr(card, "\\\\[click\\\\](http://x)"));
    assert_non_null(strstr(card, "\\\\*a\\\\* \\\\_b\\\\_ \\\\`c\\\\` \\\\\\\\"));
    assert_non_null(strstr(card, "application/vnd.microsoft.card.adaptive"));
}

/// The example of the Standard Webhooks specification, and a secret as it stands. [notify-6]
static void the_signature_is_the_one_others_make(void **state) {
    (void) state;
    static const char BODY[] = "{\"test\": 2432232314}";
    char room[128];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_int_equal(sv_message_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                     "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", sv_text_of(BODY),
                                     &out),
                     SV_OK);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_string_equal(room, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(sv_message_sign("whsec_not base64", "a", "1", SV_TEXT(""), &out),
                     SV_ERR_INVALID);
    char other_room[128];
    sv_textbuf other = SV_TEXTBUF(other_room);
    assert_int_equal(sv_message_sign("plain words", "a", "1", SV_TEXT("b"), &other), SV_OK);
    assert_true(sv_text_starts(sv_textbuf_text(&other), SV_TEXT("v1,")));
}

/// [notify-5]
static void what_may_pass_is_tried_again_and_what_will_not_is_given_up(void **state) {
    (void) state;
    static const struct {
        int status;
        sv_delivery_how how;
    } CASES[] = {
        { 200, SV_DELIVERY_TAKEN }, { 204, SV_DELIVERY_TAKEN }, { 299, SV_DELIVERY_TAKEN },
        { 302, SV_DELIVERY_NEVER }, { 400, SV_DELIVERY_NEVER }, { 401, SV_DELIVERY_NEVER },
        { 404, SV_DELIVERY_NEVER }, { 408, SV_DELIVERY_LATER }, { 410, SV_DELIVERY_NEVER },
        { 425, SV_DELIVERY_LATER }, { 429, SV_DELIVERY_LATER }, { 500, SV_DELIVERY_LATER },
        { 503, SV_DELIVERY_LATER }, { 100, SV_DELIVERY_NEVER },
    };
    sv_delivery_end end;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_delivery_judge(CASES[i].status, NULL, SV_TEXT(""), &end);
        assert_int_equal(end.how, CASES[i].how);
        assert_int_equal(end.error[0] == '\0', end.how == SV_DELIVERY_TAKEN);
    }
    sv_delivery_judge(307, NULL, SV_TEXT("x"), &end);
    assert_non_null(strstr(end.error, "redirects are not followed"));
    sv_delivery_judge(500, NULL, SV_TEXT("  it\r\nbroke\x1b!\n"), &end);
    assert_string_equal(end.error, "the answer is 500: it  broke !");
}

/// [notify-5]
static void who_asks_for_a_pause_gets_it_up_to_an_hour(void **state) {
    (void) state;
    static const struct {
        const char *asked;
        int64_t seconds;
    } CASES[] = { { "120", 120 },
                  { "0", 0 },
                  { "999999", 3600 },
                  { "-1", 0 },
                  { "soon", 0 },
                  { "", 0 },
                  { "99999999999999999999", 0 },
                  { "Wed, 21 Oct 2026 07:28:00 GMT", 0 } };
    sv_delivery_end end;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_delivery_judge(429, CASES[i].asked, SV_TEXT(""), &end);
        assert_int_equal(end.retry_after_us, CASES[i].seconds * SV_TIME_SECOND_US);
    }
    sv_delivery_judge(404, "120", SV_TEXT(""), &end);
    assert_int_equal(end.retry_after_us, 0);
}

static const char *mailed(const char *title, const char *body) {
    static char room[SV_MESSAGE_FORM_MAX];
    static sv_channel channel = { .kind = SV_CHANNEL_SMTP,
                                  .smtp = { .from = "fleet@example.com",
                                            .to = { "ann@example.com", "bob@example.com" },
                                            .to_count = 2 } };
    SV_DEFER(sv_message_drop) sv_message message = message_of(title, body);
    sv_textbuf out = SV_TEXTBUF(room);
    sv_message_mail(&channel, &message, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    return room;
}

/// [notify-6]
static void a_mail_is_ascii_in_short_lines_whatever_a_device_says(void **state) {
    (void) state;
    char body[4096];
    memset(body, 'x', sizeof body);
    body[sizeof body - 1] = '\0';
    memcpy(body, "\r\n.\r\nBcc: all@example.com\xff", 26);
    const char *mail =
        mailed("30 \xc2\xb0"
               "C at Press \xe2\x84\x96 1 \xe2\x84\x96 2 \xe2\x84\x96 3 "
               "\xe2\x84\x96 4 \xe2\x84\x96 5 \xe2\x84\x96 6 \xe2\x84\x96 7 and more",
               body);
    size_t line = 0;
    for (const char *c = mail; *c != '\0'; c++) {
        assert_true((unsigned char) *c < 0x7f);
        line = *c == '\n' ? 0 : line + 1;
        assert_true(line <= 78);
    }
    assert_null(strstr(mail, "Bcc"));
    assert_null(strstr(mail, "\n."));
    assert_non_null(strstr(mail, "From: Selvedge <fleet@example.com>\r\nTo: ann@example.com,\r\n "
                                 "bob@example.com\r\nSubject: =?UTF-8?B?"));
    assert_non_null(strstr(mail, "Date: Mon, 30 Nov 2026 08:00:00 +0000\r\n"));
    assert_non_null(strstr(mail, "Message-ID: <0123456789abcdef0123456789abcdef@example.com>\r\n"));
}

/// Each encoded word holds whole characters: other programs read them one by one.
static void a_subject_is_cut_between_characters(void **state) {
    (void) state;
    static const char SIGN[] = "\xe2\x84\x96";
    char title[64] = "";
    for (size_t i = 0; i < 12; i++) {
        memcpy(title + 3 * i, SIGN, sizeof SIGN);
    }
    (void) snprintf(title + 36, sizeof title - 36, "aa%s", SIGN); // 38 bytes, then one more sign
    assert_non_null(strstr(mailed(title, ""), "4oSWYWE=?=\r\n =?UTF-8?B?4oSW?=\r\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_webhook_says_everything),
        cmocka_unit_test(a_device_pings_nobody_in_slack),
        cmocka_unit_test(a_device_makes_no_link_in_teams),
        cmocka_unit_test(the_signature_is_the_one_others_make),
        cmocka_unit_test(what_may_pass_is_tried_again_and_what_will_not_is_given_up),
        cmocka_unit_test(who_asks_for_a_pause_gets_it_up_to_an_hour),
        cmocka_unit_test(a_mail_is_ascii_in_short_lines_whatever_a_device_says),
        cmocka_unit_test(a_subject_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
