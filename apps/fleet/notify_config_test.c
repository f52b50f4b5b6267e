#include "config.h"

#include <base/fd.h>
#include <base/test.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <unistd.h>

static sv_err read_notify(const char *yaml, sv_notify_config **out, sv_textbuf *said) {
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "f" };
    sv_err err = sv_config_parse(sv_text_of(yaml), &root, &faults);
    *out = NULL;
    if (err == SV_OK) {
        *out = sv_notify_config_read(root, &sv_notify_none, &faults);
    }
    sv_textbuf_add(said, sv_textbuf_text(&faults.text));
    assert_int_equal(sv_textbuf_end(said), SV_OK);
    return faults.count == 0 ? SV_OK : SV_ERR_INVALID;
}

static const char WHOLE[] =
    "zone: Europe/Oslo\n"
    "gather: 5s\n"
    "link: https://fleet.example:8443\n"
    "channels:\n"
    "  shift: {webhook: 'https://hooks.example/a?b=c', secret_file: /s}\n"
    "  chat: {slack: /run/slack.url}\n"
    "  office: {teams: /run/teams.url}\n"
    "  mail: {smtp: mail.example, user: u, password_file: /p, from: f@example.com, to: "
    "[a@example.com, b@example.com]}\n"
    "  oncall: {smtp: 'mail.example:2465', security: tls, from: f@example.com, to: c@example.com}\n"
    "routes:\n"
    "- {name: night, site: [pune, 'oslo-*'], severity: critical, days: [sat, sun], hours: "
    "'22:00-06:00', to: oncall, escalate: {after: 15m, to: chat}}\n"
    "- {name: rest, alert: [HIGH, OFFLINE], quiet: '22:00-06:00', zone: Asia/Kolkata, repeat: 1h, "
    "recovery: false, to: [shift, mail]}\n";

/// [notify-3]
static void a_whole_section_is_read(void **state) {
    (void) state;
    char room[4096];
    sv_textbuf said = SV_TEXTBUF(room);
    SV_DEFER(sv_notify_config_drop) sv_notify_config *config = NULL;
    sv_err err = read_notify(WHOLE, &config, &said);
    assert_string_equal(room, "");
    assert_int_equal(err, SV_OK);
    if (config == NULL) {
        fail();
        return;
    }
    assert_int_equal(config->channel_count, 5);
    assert_int_equal(config->route_count, 2);
    assert_int_equal(config->gather_us, 5 * SV_TIME_SECOND_US);
    const sv_channel *mail = sv_notify_channel(config, SV_TEXT("mail"));
    assert_int_equal(mail->smtp.port, 587);
    assert_int_equal(mail->smtp.to_count, 2);
    const sv_channel *oncall = sv_notify_channel(config, SV_TEXT("oncall"));
    assert_true(oncall->smtp.tls_at_once);
    assert_int_equal(oncall->smtp.port, 2465);
    const sv_route *night = sv_notify_route(config, SV_TEXT("night"));
    assert_int_equal(night->sites.count, 2);
    assert_int_equal(night->least, SV_SEVERITY_CRITICAL);
    assert_int_equal(night->days, 0x60);
    assert_int_equal(night->escalate_us, 15 * SV_TIME_MINUTE_US);
    assert_string_equal(night->escalate_to.list[0], "chat");
    const sv_route *rest = sv_notify_route(config, SV_TEXT("rest"));
    assert_int_equal(rest->alerts, 1U << SV_ALERT_HIGH | 1U << SV_ALERT_OFFLINE);
    assert_false(rest->recovery);
    assert_int_equal(rest->to.count, 2);
}

#define CHANNEL "channels: {c: {slack: 'https://hooks.example/x'}}\n"
#define ROUTE CHANNEL "routes: [{name: r, to: c, "

/// [notify-11]
static void what_is_wrong_is_said_with_its_place(void **state) {
    (void) state;
    static const char *const CASES[][2] = {
        { "channels: {c: {}}", "a channel is one of webhook, slack, teams and smtp" },
        { "channels: {c: {slack: 'https://a', teams: 'https://b'}}", "a channel is one of" },
        { "channels: {c: {slack: 'http://hooks.example/x'}}", "must start with https://" },
        { "channels: {c: {slack: 'ftp://hooks.example/x'}}", "slack: " },
        { "channels: {c: {webhook: 'https://a'}}", "a webhook is signed: give secret_file" },
        { "channels: {c: {slack: 'https://a', secret_file: /s}}", "only a webhook is signed" },
        { "channels: {c: {smtp: 'mail:99999', from: f@a, to: a@b}}", "smtp: " },
        { "channels: {c: {smtp: mail, from: f, to: a@b}}", "from: 'f' is no mail address" },
        { "channels: {c: {smtp: mail, from: f@a}}", "to: give at least one" },
        { "channels: {c: {smtp: mail, from: f@a, to: \"a@b\\nBcc: c@d\"}}", "is no mail address" },
        { "channels: {c: {smtp: mail, from: f@a, to: 'a@b>'}}", "is no mail address" },
        { "channels: {c: {smtp: mail, from: f@a, to: a@b, user: u}}", "belong together" },
        { "channels: {'a/b': {slack: 'https://a'}}", "channel" },
        { "channels: {}", "channels: write 1 to 32" },
        { CHANNEL "routes: []", "routes: write a list of 1 to 256" },
        { CHANNEL "routes: [{name: r, to: nobody}]", "there is no channel 'nobody'" },
        { CHANNEL "routes: [{name: r}]", "to: name at least one channel" },
        { CHANNEL "routes: [{name: r, to: c}, {name: r, to: c}]", "two are named 'r'" },
        { ROUTE "site: 'a b'}]", "'a b' is no name or pattern" },
        { ROUTE "alert: WARM}]", "no alerts of type 'WARM'" },
        { ROUTE "days: someday}]", "'someday' is none of mon" },
        { ROUTE "hours: '25:00-26:00'}]", "hours: '25:00-26:00' is no part of a day" },
        { ROUTE "quiet: '00:00-24:00'}]", "a whole day never ends" },
        { ROUTE "zone: ../etc/passwd}]", "zone: " },
        { ROUTE "repeat: 5s}]", "more often than every 60 s is a flood" },
        { ROUTE "escalate: {after: 5m}}]", "to: name at least one channel" },
        { ROUTE "severity: bad}]", "severity" },
        { "link: 'javascript:x'", "link: " },
        { "chanels: {}", "chanels" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[4096] = "";
        sv_textbuf said = SV_TEXTBUF(room);
        SV_DEFER(sv_notify_config_drop) sv_notify_config *config = NULL;
        sv_err err = read_notify(CASES[i][0], &config, &said);
        if (err == SV_OK || strstr(room, CASES[i][1]) == NULL || strncmp(room, "f:", 2) != 0) {
            fail_msg("%s\n%s", CASES[i][0], room);
        }
    }
}

static void write_file(const char *path, const char *text, mode_t mode) {
    assert_int_equal(sv_disk_replace(path, sv_text_of(text), 0600, NULL), SV_OK);
    assert_int_equal(chmod(path, mode), 0);
}

/// [notify-11]
static void a_secret_that_others_can_read_is_none(void **state) {
    (void) state;
    static const struct {
        const char *text;
        mode_t mode;
        const char *fault;
    } CASES[] = { { "s3cret\n", 0600, NULL },
                  { "s3cret\r\n", 0400, NULL },
                  { "s3cret", 0640, "can be read by others (mode 0640)" },
                  { "s3cret", 0604, "can be read by others (mode 0604)" },
                  { "", 0600, "is empty" },
                  { "\n", 0600, "is empty" },
                  { "a\nb", 0600, "must hold one line" } };
    char path[] = "/tmp/selvedge-secret-XXXXXX";
    SV_DEFER(sv_fd_drop) int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[64];
        sv_why why = { 0 };
        write_file(path, CASES[i].text, CASES[i].mode);
        sv_err err = sv_notify_disk.secret(path, room, sizeof room, &why);
        if (CASES[i].fault == NULL) {
            assert_int_equal(err, SV_OK);
            assert_string_equal(room, "s3cret");
        } else {
            assert_int_not_equal(err, SV_OK);
            assert_non_null(strstr(why.text, CASES[i].fault));
            assert_null(strstr(why.text, "s3cret"));
        }
    }
    char small[4];
    write_file(path, "s3cret", 0600);
    assert_int_equal(sv_notify_disk.secret(path, small, sizeof small, NULL), SV_ERR_INVALID);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sv_notify_disk.secret(path, small, sizeof small, NULL), SV_ERR_IO);
}

/// [offline-1]
static void how_long_silence_may_last_is_read(void **state) {
    (void) state;
    static const char YAML[] = "offline: {after: 10m, rules: [{site: lab, after: never},"
                               " {device: 'cell-*', after: 1h}]}";
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "f" };
    sv_offline_config config;
    assert_int_equal(sv_config_parse(sv_text_of(YAML), &root, &faults), SV_OK);
    sv_offline_config_read(sv_config_node_get(root, "offline"), &config, &faults);
    assert_int_equal(faults.count, 0);
    assert_int_equal(sv_offline_after_us(&config, "lab", "cell-1"), 0);
    assert_int_equal(sv_offline_after_us(&config, "pune", "cell-1"), SV_TIME_HOUR_US);
    assert_int_equal(sv_offline_after_us(&config, "pune", "press-1"), 10 * SV_TIME_MINUTE_US);
    sv_offline_config_drop(&config);
    sv_offline_config_read(NULL, &config, &faults);
    assert_int_equal(sv_offline_after_us(&config, "pune", "press-1"), SV_OFFLINE_AFTER_US);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_section_is_read),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(a_secret_that_others_can_read_is_none),
        cmocka_unit_test(how_long_silence_may_last_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
