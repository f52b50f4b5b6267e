#include "doctor.h"

#include <base/mem.h>
#include <base/test.h>
#include <base/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const doctor_file *file_of(const doctor_subject *subject, const char *path) {
    for (size_t i = 0; i < subject->file_count; i++) {
        if (strcmp(subject->files[i].path, path) == 0) {
            return &subject->files[i];
        }
    }
    return NULL;
}

static void read_good(const char *yaml, doctor_subject *out) {
    sv_why why = { .text = "" };
    if (doctor_read_text(sv_text_of(yaml), "x.yaml", out, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void an_agent_needs_its_gateway_and_the_door_where_it_renews(void **state) { // [doctor-1]
    (void) state;
    static doctor_subject s;
    read_good("id: press-1\ngateway: {host: gw.example, port: 18883}\n"
              "tls: {ca: a/ca.crt, cert: a/p.crt, key: a/p.key}\nspool: {path: /var/spool/x}\n"
              "enrolment: {at: 'gw.example:9444'}\n",
              &s);
    assert_string_equal(s.program, "selvedge-agent");
    assert_int_equal(s.peer_count, 2);
    assert_string_equal(s.peers[0].host, "gw.example");
    assert_int_equal(s.peers[0].port, 18883);
    assert_string_equal(s.peers[0].path, ""); // no session is begun
    assert_int_equal(s.peers[1].port, 9444);
    assert_string_equal(s.peers[1].path, "/v1/self");
    assert_true(file_of(&s, "a/p.key")->secret);
    assert_true(file_of(&s, "a")->folder);
    assert_true(file_of(&s, "/var/spool/x")->optional);
    read_good("id: press-1\ngateway: {host: 10.0.0.1}\nenrolment: {renew: off}\n"
              "tls: {ca: ca.crt, cert: p.crt, key: 'tpm2:p.tpm'}\n",
              &s);
    assert_int_equal(s.peer_count, 1);
    assert_int_equal(s.peers[0].port, 8883);
    assert_null(file_of(&s, "tpm2:p.tpm")); // no file
}

static void a_gateway_needs_its_ports_the_fleet_server_and_who_takes_alerts(void **state) {
    (void) state; // [doctor-1]
    static doctor_subject s;
    read_good("id: gw\nsite: pune\nlisten: {port: 1883}\ndoor: {bind: '::', port: 8454}\n"
              "http: {port: 9464}\ntls: {ca: ca.crt, cert: g.crt, key: g.key}\n"
              "store: {path: gateway.db}\nfleet: {url: 'https://fleet.example:8444'}\n"
              "alerts: {url: 'https://alarms.example/in', ca: other.crt}\n",
              &s);
    assert_string_equal(s.program, "selvedge-gateway");
    assert_int_equal(s.listener_count, 3);
    assert_string_equal(s.listeners[0].host, "127.0.0.1");
    assert_int_equal(s.listeners[0].port, 1883);
    assert_string_equal(s.listeners[1].host, "::1");
    assert_int_equal(s.peer_count, 2);
    assert_string_equal(s.peers[0].path, "/v1/gateway/gw/maintenance");
    assert_true(s.peers[0].shows_certificate);
    assert_string_equal(s.peers[1].ca, "other.crt");
    assert_false(s.peers[1].shows_certificate); // nobody's business there
    assert_true(file_of(&s, ".")->folder);
    read_good("id: gw\nsite: pune\nbroker: {host: mq}\n", &s);
    assert_int_equal(s.listener_count, 0);
    assert_string_equal(s.peers[0].host, "mq");
    assert_true(s.peers[0].foreign);
}

static void a_server_needs_its_doors_and_the_signer(void **state) { // [doctor-1]
    (void) state;
    static doctor_subject s;
    read_good("id: fleet\nstore: {path: /var/lib/f/fleet.db}\noperator: {port: 8443}\n"
              "device: {bind: 10.1.1.1, tls: {ca: ca.crt, cert: f.crt, key: f.key}}\n"
              "signer: {socket: /run/s.sock}\nadmin_token_file: /var/lib/f/token\n",
              &s);
    assert_string_equal(s.program, "selvedge-fleet");
    assert_int_equal(s.listener_count, 2);
    assert_string_equal(s.listeners[1].host, "10.1.1.1");
    assert_int_equal(s.listeners[1].port, 8444);
    assert_string_equal(s.socket, "/run/s.sock");
    assert_string_equal(s.cert, "f.crt");
    assert_true(file_of(&s, "/var/lib/f/token")->optional);
    read_good("pki: /srv/pki\nsocket: /run/s.sock\n", &s);
    assert_string_equal(s.program, "selvedge-signer");
    assert_true(file_of(&s, "/srv/pki/ca.key")->secret);
}

static void an_updater_needs_what_it_believes_and_where_it_writes(void **state) { // [doctor-4]
    (void) state;
    static doctor_subject s;
    read_good("id: p\nslots: {a: /dev/x2, b: /dev/x3}\nboot: {script: /bin/b, a: A, b: B}\n"
              "keys: [a.pub, b.pub]\nimage_root: i.json\ndirector_root: d.json\n"
              "state: /var/lib/u\nwatchdog: /dev/watchdog\n",
              &s);
    assert_string_equal(s.program, "selvedge-updater");
    assert_string_equal(s.updater_socket, "/run/selvedge/updater.sock");
    assert_string_equal(s.updater.slots, "");
    assert_string_equal(s.updater.b, "/dev/x3");
    assert_string_equal(s.updater.boot, "/bin/b");
    assert_int_equal(s.updater.key_count, 2);
    assert_string_equal(s.updater.keys[1], "b.pub");
    assert_false(s.updater.is_rauc);
    read_good("id: p\nslots: /s\ninstaller: {rauc: [r.0, r.1]}\nboot: file\nkeys: 7\n"
              "image_root: i\ndirector_root: d\nsocket: /s.sock\nstate: /s\n",
              &s);
    assert_true(s.updater.is_rauc);
    assert_false(s.updater.is_files);
    assert_int_equal(s.updater.key_count, 0);
    assert_string_equal(s.updater_socket, "/s.sock");
    read_good("id: p\nslots: {a: /dev/x2, b: /dev/x3}\ninstaller: {swupdate: ['s,a', 's,b']}\n"
              "boot: {u-boot: /e}\nimage_root: i\ndirector_root: d\nstate: /s\n",
              &s);
    assert_true(s.updater.is_swupdate && !s.updater.is_rauc);
    assert_string_equal(s.updater.sockets, "/run/swupdate");
    assert_string_equal(s.updater.release, "/etc/os-release");
    read_good("id: p\nslots: /s\ninstaller: {swupdate: ['s,a', 's,b'], sockets: /r, release: /o}\n"
              "boot: {u-boot: /e}\nimage_root: i\ndirector_root: d\nstate: /s\n",
              &s);
    assert_string_equal(s.updater.sockets, "/r");
    assert_string_equal(s.updater.release, "/o");
    read_good("id: p\nslots: /s\ninstaller: files\nroom: 200MiB\nkeys: [a.pub]\n"
              "image_root: i\ndirector_root: d\nstate: /s\n",
              &s);
    assert_true(s.updater.is_files);
    assert_false(s.updater.is_rauc);
    assert_int_equal(s.updater.room, 200 * 1024 * 1024);
    read_good("id: p\nslots: /s\ninstaller: files\nimage_root: i\ndirector_root: d\n", &s);
    assert_int_equal(s.updater.room, 1024 * 1024 * 1024);
    read_good("id: p\ngateway: {host: g}\nupdate: {socket: /u.sock}\n", &s);
    assert_string_equal(s.program, "selvedge-agent");
    assert_string_equal(s.updater_socket, "/u.sock");
}

static void what_is_no_configuration_of_ours_is_said(void **state) { // [doctor-1]
    (void) state;
    static doctor_subject s;
    sv_why why;
    static const char *const OTHERS[] = { "a: 1\n", "[]\n", "just text\n", "" };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        assert_int_equal(doctor_read_text(sv_text_of(OTHERS[i]), "x.yaml", &s, &why),
                         SV_ERR_INVALID);
    }
    assert_int_equal(doctor_read_text(SV_TEXT("id: [\n"), "x.yaml", &s, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "x.yaml:"));
    // Sections of other shapes are the program's to refuse.
    read_good("id: {a: b}\nsite: [1]\nlisten: 7\ntls: []\nfleet: {url: 'ftp://x'}\nstore: {path: "
              "[]}\n",
              &s);
    assert_int_equal(s.peer_count, 0);
}

static void a_date_of_http_is_read(void **state) {
    (void) state;
    int64_t at_us = 0;
    assert_int_equal(doctor_date_parse(SV_TEXT("Sun, 06 Nov 1994 08:49:37 GMT"), &at_us), SV_OK);
    assert_int_equal(at_us, INT64_C(784111777) * SV_TIME_SECOND_US);
    static const char *const BROKEN[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 36 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
    };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        assert_int_not_equal(doctor_date_parse(sv_text_of(BROKEN[i]), &at_us), SV_OK);
    }
}

static void
a_report_names_each_thing_once_and_counts_its_faults(void **state) { // [doctor-2] [doctor-3]
    (void) state;
    SV_DEFER(sv_mem_drop) doctor_report *report = sv_mem_new(sizeof *report);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
    doctor_good(report, DOCTOR_CLOCK, "a.yaml", "it is %d", 12);
    doctor_bad(report, DOCTOR_DISK, "a.yaml", "make room", "full");
    doctor_skip(report, DOCTOR_TLS, "the gateway", "not tried");
    doctor_add_text(report, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(text.at,
                        "a.yaml\n  ok  clock: it is 12\n  NO  disk: full\n      remedy: "
                        "make room\nthe gateway\n  --  TLS: not tried\n1 fault; begin with "
                        "the first.\n");
    text.len = 0;
    doctor_add_json(report, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_non_null(strstr(text.at,
                           "{\"of\":\"a.yaml\",\"step\":\"disk\",\"verdict\":\"no\",\"saw\":"
                           "\"full\",\"remedy\":\"make room\"}"));
    doctor_good(report, DOCTOR_TOKEN, "c", "%s", "\x1b[2Jred\n");
    assert_string_equal(report->findings[3].saw, "?[2Jred?");
    for (int i = 0; i < DOCTOR_FINDINGS_MAX; i++) {
        doctor_bad(report, DOCTOR_DISK, "b", "", "x");
    }
    assert_int_equal(report->bad, DOCTOR_FINDINGS_MAX + 1);
    assert_int_equal(report->count, DOCTOR_FINDINGS_MAX);
}

static void rauc_has_to_remember_what_it_installed(void **state) { // [doctor-5] [rauc-9]
    (void) state;
    static const struct {
        const char *conf;
        doctor_verdict verdict;
    } CASES[] = {
        { "[system]\ncompatible=x\nstatusfile=/data/rauc.status\n", DOCTOR_GOOD },
        { "[system]\n data-directory = /data/rauc \n[slot.a.0]\n", DOCTOR_GOOD },
        { "[system]\ncompatible=x\n", DOCTOR_BAD },
        { "[system]\nstatusfile=per-slot\n", DOCTOR_BAD },
        { "[system]\nstatusfile=\n", DOCTOR_BAD },
        { "[system]\n#statusfile=/x\n[handlers]\nstatusfile=/x\n", DOCTOR_BAD },
        { "", DOCTOR_BAD },
        { NULL, DOCTOR_SKIPPED },
    };
    char folder[] = "/tmp/selvedge-doctor-XXXXXX";
    char path[SV_PATH_MAX];
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/system.conf", folder);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        static doctor_report report;
        report.count = 0;
        if (CASES[i].conf != NULL) {
            assert_int_equal(sv_disk_replace(path, sv_text_of(CASES[i].conf), 0600, NULL), SV_OK);
        } else {
            assert_int_equal(remove(path), 0);
        }
        doctor_look_at_rauc(path, "updater.yaml", &report);
        assert_int_equal(report.count, 1);
        assert_int_equal(report.findings[0].verdict, CASES[i].verdict);
        assert_int_equal(report.findings[0].step, DOCTOR_BOOT);
    }
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_needs_its_gateway_and_the_door_where_it_renews),
        cmocka_unit_test(a_gateway_needs_its_ports_the_fleet_server_and_who_takes_alerts),
        cmocka_unit_test(a_server_needs_its_doors_and_the_signer),
        cmocka_unit_test(an_updater_needs_what_it_believes_and_where_it_writes),
        cmocka_unit_test(what_is_no_configuration_of_ours_is_said),
        cmocka_unit_test(a_date_of_http_is_read),
        cmocka_unit_test(a_report_names_each_thing_once_and_counts_its_faults),
        cmocka_unit_test(rauc_has_to_remember_what_it_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
