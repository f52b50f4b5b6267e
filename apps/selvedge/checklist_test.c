// Every statement holds of a good deployment, and breaks alone when the one thing that it is about
// is broken.
#include "checklist_fixture.h"
#include "checklist_gather.h"

#include <base/mem.h>
#include <codec/json.h>
#include <stdlib.h>

typedef void break_it(sv_facts *facts);

static void key_for_all(sv_facts *facts) {
    facts->files[0].mode = 0644;
}
static void key_of_another(sv_facts *facts) {
    facts->files[0].uid = 1000;
}
static void token_for_all(sv_facts *facts) {
    facts->files[2].mode = 0640;
}
static void config_for_writers(sv_facts *facts) {
    facts->files[1].mode = 0664;
}
static void root_with_passphrase(sv_facts *facts) {
    facts->pki.root_key_here = facts->pki.root_key_encrypted = true;
    facts->pki.passphrase_beside_it = true;
}
static void root_in_the_open(sv_facts *facts) {
    facts->pki.root_key_here = true;
}
static void copied_key(sv_facts *facts) {
    memcpy(facts->certs[2].facts.key_hash, facts->certs[1].facts.key_hash, SV_KEY_HASH_ROOM);
}
static void weak_key(sv_facts *facts) {
    facts->certs[1].strength.key_bits = 80;
}
static void weak_signature(sv_facts *facts) {
    facts->certs[0].strength.signature_bits = 63;
}
static void ended(sv_facts *facts) {
    facts->certs[1].facts.not_after_us = NOW_US;
}
static void not_begun(sv_facts *facts) {
    facts->certs[1].facts.not_before_us = NOW_US + 1;
}
static void for_ever(sv_facts *facts) {
    facts->certs[1].facts.not_after_us = NOW_US + 9125 * SV_TIME_DAY_US;
}
static void of_a_stranger(sv_facts *facts) {
    (void) sv_fail(&facts->certs[1].untrusted, SV_ERR_UNTRUSTED, "self-signed certificate");
}
static void classic(sv_facts *facts) {
    facts->programs[1].settings.classic_allowed = true;
}
static void as_root(sv_facts *facts) {
    facts->programs[0].uid = 0;
}
static void with_capability(sv_facts *facts) {
    facts->programs[1].capabilities = 1U << 12;
}
static void new_rights(sv_facts *facts) {
    facts->programs[2].no_new_privs = false;
}
static void any_call(sv_facts *facts) {
    facts->programs[3].seccomp = 0;
}
static void one_user(sv_facts *facts) {
    facts->programs[3].uid = facts->programs[0].uid;
}
static void dumps_core(sv_facts *facts) {
    facts->programs[0].core_bytes = -1;
}
static void no_pie(sv_facts *facts) {
    facts->programs[0].elf.pie = false;
}
static void no_relro(sv_facts *facts) {
    facts->programs[0].elf.relro = false;
}
static void late_tables(sv_facts *facts) {
    facts->programs[0].elf.now = false;
}
static void stack_runs(sv_facts *facts) {
    facts->programs[0].elf.stack_data_only = false;
}
static void code_written(sv_facts *facts) {
    facts->programs[0].elf.writable_code = true;
}
static void searches(sv_facts *facts) {
    facts->programs[0].elf.search_path = true;
}
static void no_protector(sv_facts *facts) {
    facts->programs[0].elf.stack_protector = false;
}
static void not_fortified(sv_facts *facts) {
    facts->programs[0].elf.fortified = false;
}
static void for_tests(sv_facts *facts) {
    facts->programs[1].elf.sanitized = true;
}
static void replaced(sv_facts *facts) {
    facts->programs[1].exe_replaced = true;
}
static void writable(sv_facts *facts) {
    facts->programs[1].exe_open = true;
}
static void its_own(sv_facts *facts) {
    facts->programs[1].exe_uid = facts->programs[1].uid;
}
static void undocumented(sv_facts *facts) {
    facts->doors[1].kind = SV_DOOR_UNKNOWN;
}
static void local_page_for_all(sv_facts *facts) {
    good_door(facts, "gateway", SV_DOOR_LOCAL, 9464); // speaks TLS, so that this alone is wrong
}
static void without_tls(sv_facts *facts) {
    facts->doors[0].tls = false;
}
static void plain_too(sv_facts *facts) {
    facts->doors[2].plain = SV_PROBE_TAKEN;
}
static void old_tls(sv_facts *facts) {
    facts->doors[1].old = SV_PROBE_TAKEN;
}
static void cbc_suites(sv_facts *facts) {
    facts->doors[1].cbc = SV_PROBE_TAKEN;
}
static void null_suites(sv_facts *facts) {
    facts->doors[1].null = SV_PROBE_TAKEN;
}
static void chooses_badly(sv_facts *facts) {
    facts->doors[1].today.aead = false;
}
static void shows_anything(sv_facts *facts) {
    (void) snprintf(facts->doors[1].today.chain, 160, "self-signed certificate");
}
static void takes_nobody(sv_facts *facts) {
    facts->doors[1].nobody = SV_PROBE_TAKEN;
}
static void takes_strangers(sv_facts *facts) {
    facts->doors[1].stranger = SV_PROBE_TAKEN;
}
static void tells_devices(sv_facts *facts) {
    facts->doors[2].status = 200;
}
static void tells_anybody(sv_facts *facts) {
    (void) snprintf(facts->doors[0].open_path, 128, "/metrics");
}
static void any_script(sv_facts *facts) {
    (void) snprintf(facts->doors[0].headers_lack, 160, "it has no Content-Security-Policy");
}
static void lags(sv_facts *facts) {
    good_told(facts, SV_ASK_STANDING,
              "{\"version\":8,\"gateways\":[{\"id\":\"gateway-1\",\"version\":7}]}");
}
static void cannot_sign(sv_facts *facts) {
    good_told(facts, SV_ASK_STANDING, "{\"version\":8,\"cannot\":\"no signer\",\"gateways\":[]}");
}
static void revoked_and_online(sv_facts *facts) {
    good_told(facts, SV_ASK_REVOKED_ONLINE,
              "{\"items\":[{\"id\":\"press-9\",\"standing\":\"revoked\"}]}");
}
static void retired_and_online(sv_facts *facts) {
    good_told(facts, SV_ASK_RETIRED_ONLINE,
              "{\"items\":[{\"id\":\"press-9\",\"standing\":\"retired\"}]}");
}
static void not_renewed(sv_facts *facts) {
    good_told(
        facts, SV_ASK_CERTIFICATES,
        "{\"items\":[{\"id\":\"a\",\"state\":\"valid\"},{\"id\":\"b\",\"state\":\"expiring\"}]}");
}
static void ended_at_the_fleet(sv_facts *facts) {
    good_told(facts, SV_ASK_CERTIFICATES, "{\"items\":[{\"id\":\"b\",\"state\":\"expired\"}]}");
}
static void unanswered(sv_facts *facts) {
    char text[256];
    (void) snprintf(text, sizeof text,
                    "{\"items\":[{\"device\":\"press-2\",\"type\":\"OFFLINE\",\"state\":\"open\"},"
                    "{\"device\":\"press-1\",\"type\":\"SECURITY\",\"state\":\"open\","
                    "\"raised_at\":%lld,\"message\":\"one key at two places\"}]}",
                    (long long) ((NOW_US - 25 * SV_TIME_HOUR_US) / 1000));
    good_told(facts, SV_ASK_ALERTS, text);
}
static void not_missed(sv_facts *facts) {
    good_told(facts, SV_ASK_ALERTS, "{\"items\":[]}");
}
static void gateway_not_missed(sv_facts *facts) {
    good_told(facts, SV_ASK_OVERVIEW,
              "{\"sites\":[{\"gateways\":[{\"id\":\"gateway-1\",\"online\":false,\"last_seen\":1,"
              "\"maintenance\":null}]}]}");
}
static void no_route(sv_facts *facts) {
    good_told(facts, SV_ASK_NOTIFY, "{\"channels\":[{}],\"routes\":[]}");
}
static void not_delivered(sv_facts *facts) {
    good_told(facts, SV_ASK_UNDELIVERED,
              "{\"items\":[{\"channel\":\"mail\",\"error\":\"550 no such user\"}]}");
}
static void spool_full(sv_facts *facts) {
    good_told(facts, SV_ASK_OVERVIEW,
              "{\"sites\":[{\"gateways\":[{\"id\":\"g\",\"online\":true,\"spool_fill\":0.81}]}]}");
}
static void alert_dropped(sv_facts *facts) {
    good_told(
        facts, SV_ASK_OVERVIEW,
        "{\"sites\":[{\"gateways\":[{\"id\":\"g\",\"online\":true,\"dropped\":{\"alerts\":1}}]}]}");
}
static void no_version(sv_facts *facts) {
    good_told(facts, SV_ASK_DEVICES,
              "{\"items\":[{\"id\":\"press-1\",\"firmware_version\":null}]}");
}
static void say_versions(sv_facts *facts, const char *sha256, const char *counter,
                         const char *boot) {
    char room[512];
    (void) snprintf(room, sizeof room,
                    "{\"items\":[{\"product\":\"press\",\"version\":\"1.4.2\",\"sha256\":\"%s\","
                    "\"devices\":3,\"counter\":%s,\"boot\":{\"confirmed\":2,%s}}]}",
                    sha256, counter, boot);
    good_told(facts, SV_ASK_VERSIONS, room);
}
static void foreign_firmware(sv_facts *facts) {
    say_versions(facts, "cd00", "4", "\"other\":0");
}
static void unsigned_firmware(sv_facts *facts) {
    good_told(facts, SV_ASK_IMAGES,
              "{\"items\":[{\"path\":\"a.swu\",\"sha256\":\"" GOOD_SHA256
              "\",\"counter\":4,\"signed_by\":[]}],\"next\":null,\"trust\":null}");
}
static void signatures_ended(sv_facts *facts) {
    good_images(facts, 4, NOW_US / 1000 - 1);
}
static void no_counter(sv_facts *facts) {
    say_versions(facts, GOOD_SHA256, "null", "\"other\":0");
}
static void another_counter(sv_facts *facts) {
    good_images(facts, 5, NOW_US / 1000 + 1000);
}
static void trial_for_ever(sv_facts *facts) {
    say_versions(facts, GOOD_SHA256, "4", "\"overdue\":1");
}
static void slot_is_bad(sv_facts *facts) {
    say_versions(facts, GOOD_SHA256, "4", "\"other\":1");
}
static void boot_unsaid(sv_facts *facts) {
    say_versions(facts, GOOD_SHA256, "4", "\"unsaid\":1");
}
static void clock_ahead(sv_facts *facts) {
    good_told(facts, SV_ASK_DEVICES,
              "{\"items\":[{\"id\":\"press-1\",\"firmware_version\":\"1\",\"clock_ahead\":9000}]}");
}
static void clock_not_set(sv_facts *facts) {
    facts->clock.proven = false;
}
static void server_elsewhen(sv_facts *facts) {
    facts->clock.server_ahead_us = -6 * SV_TIME_SECOND_US;
}
static void disk_full(sv_facts *facts) {
    facts->databases[0].free_bytes = 9;
}
static void database_broken(sv_facts *facts) {
    (void) snprintf(facts->databases[0].check, 128, "row 7 missing from index device_site");
}
static void copy_broken(sv_facts *facts) {
    (void) snprintf(facts->backup.check, 128, "file is not a database");
}
static void copy_of_another(sv_facts *facts) {
    facts->backup.devices = -1;
}
static void copy_of_the_future(sv_facts *facts) {
    facts->backup.schema = 10;
}
static void copy_old(sv_facts *facts) {
    facts->backup.changed_us -= 8 * SV_TIME_DAY_US;
}
static void copy_for_all(sv_facts *facts) {
    facts->backup.mode = 0644;
}
static void all_goes_up(sv_facts *facts) {
    facts->programs[1].settings.all_goes_up = true;
}
static void default_login(sv_facts *facts) {
    (void) snprintf(facts->doors[0].default_login, 64, "admin with 'admin'");
}
static void written_token(sv_facts *facts) {
    facts->files[2].weak = true;
}
static void link_waits(sv_facts *facts) {
    (void) snprintf(facts->first_link, SV_PATH_MAX, "/var/lib/selvedge/first-admin.link");
}
static void password_alone(sv_facts *facts) {
    good_told(
        facts, SV_ASK_USERS,
        "{\"items\":[{\"name\":\"ann\",\"role\":\"admin\",\"password\":true,\"totp\":false}]}");
}
static void endless_token(sv_facts *facts) {
    good_told(facts, SV_ASK_TOKENS,
              "{\"items\":[{\"name\":\"ci\",\"created\":1,\"expires\":null}]}");
}
static void long_token(sv_facts *facts) {
    good_told(facts, SV_ASK_TOKENS,
              "{\"items\":[{\"name\":\"ci\",\"created\":0,\"expires\":34646400000}]}"); // 401 d
}
static void log_changed(sv_facts *facts) {
    (void) snprintf(facts->audit.fault, sizeof facts->audit.fault, "line 7 was changed");
}
static void unknown_library(sv_facts *facts) {
    (void) snprintf(facts->libraries[0].name, 128, "libevil.so.1");
}
static void other_version(sv_facts *facts) {
    (void) snprintf(facts->libraries[0].version, 128, "3.0.20");
}
static void say_of_vulnerabilities(sv_facts *facts, const char *text) {
    sv_json_drop(&facts->vex);
    assert_int_equal(sv_json_parse(sv_text_of(text), &facts->vex, NULL, NULL), SV_OK);
}
static void exploitable(sv_facts *facts) {
    say_of_vulnerabilities(facts, "{\"metadata\":{\"timestamp\":\"2026-11-20T00:00:00Z\"},"
                                  "\"vulnerabilities\":[{\"id\":\"CVE-2026-2\",\"analysis\":"
                                  "{\"state\":\"exploitable\"}}]}");
}
static void not_analysed(sv_facts *facts) {
    say_of_vulnerabilities(facts, "{\"metadata\":{\"timestamp\":\"2026-11-20T00:00:00Z\"},"
                                  "\"vulnerabilities\":[{\"id\":\"CVE-2026-3\"}]}");
}
static void no_longer_supported(sv_facts *facts) {
    facts->at_us = INT64_C(1956528000) * SV_TIME_SECOND_US; // 2032-01-01
}
static void support_unsaid(sv_facts *facts) {
    sv_json_drop(&facts->sbom);
    assert_int_equal(sv_json_parse(SV_TEXT("{\"components\":[{\"name\":\"libssl3\",\"version\":"
                                           "\"3.0.19\",\"properties\":[{\"name\":"
                                           "\"selvedge:library\",\"value\":\"libssl.so.3\"}]}]}"),
                                   &facts->sbom, NULL, NULL),
                     SV_OK);
}
static void no_contact(sv_facts *facts) {
    facts->doors[0].contact[0] = '\0';
}
static void contact_over(sv_facts *facts) {
    facts->doors[0].contact_until_us = NOW_US;
}

static const struct {
    const char *statement;
    break_it *how;
} BREAKS[] = {
    { "doors-documented", undocumented },
    { "doors-documented", local_page_for_all },
    { "doors-encrypted", without_tls },
    { "doors-encrypted", plain_too },
    { "tls-modern", old_tls },
    { "tls-modern", cbc_suites },
    { "tls-modern", null_suites },
    { "tls-modern", chooses_badly },
    { "doors-vouched", shows_anything },
    { "strangers-refused", takes_nobody },
    { "strangers-refused", takes_strangers },
    { "strangers-refused", tells_devices },
    { "api-closed", tells_anybody },
    { "browser-confined", any_script },
    { "keys-kept", key_for_all },
    { "keys-kept", key_of_another },
    { "secrets-kept", token_for_all },
    { "secrets-kept", config_for_writers },
    { "root-key-away", root_with_passphrase },
    { "root-key-away", root_in_the_open },
    { "keys-unique", copied_key },
    { "keys-strong", weak_key },
    { "keys-strong", weak_signature },
    { "certificates-end", ended },
    { "certificates-end", not_begun },
    { "certificates-end", for_ever },
    { "certificates-vouched", of_a_stranger },
    { "classic-refused", classic },
    { "programs-unprivileged", as_root },
    { "programs-unprivileged", with_capability },
    { "programs-sandboxed", new_rights },
    { "programs-sandboxed", any_call },
    { "own-users", one_user },
    { "no-core-dumps", dumps_core },
    { "programs-hardened", no_pie },
    { "programs-hardened", no_relro },
    { "programs-hardened", late_tables },
    { "programs-hardened", stack_runs },
    { "programs-hardened", code_written },
    { "programs-hardened", searches },
    { "programs-hardened", no_protector },
    { "programs-hardened", not_fortified },
    { "programs-hardened", for_tests },
    { "programs-as-installed", replaced },
    { "programs-as-installed", writable },
    { "programs-as-installed", its_own },
    { "no-default-credential", default_login },
    { "no-default-credential", written_token },
    { "no-default-credential", link_waits },
    { "second-factor", password_alone },
    { "tokens-end", endless_token },
    { "tokens-end", long_token },
    { "audit-intact", log_changed },
    { "sbom-true", unknown_library },
    { "sbom-true", other_version },
    { "no-known-vulnerability", exploitable },
    { "no-known-vulnerability", not_analysed },
    { "support-known", support_unsaid },
    { "contact-known", no_contact },
    { "contact-known", contact_over },
    { "revoked-refused", lags },
    { "revoked-refused", cannot_sign },
    { "revoked-refused", revoked_and_online },
    { "revoked-refused", retired_and_online },
    { "certificates-renewed", not_renewed },
    { "certificates-renewed", ended_at_the_fleet },
    { "security-alerts-answered", unanswered },
    { "silence-noticed", not_missed },
    { "silence-noticed", gateway_not_missed },
    { "somebody-told", no_route },
    { "somebody-told", not_delivered },
    { "storage-bounded", spool_full },
    { "storage-bounded", alert_dropped },
    { "versions-reported", no_version },
    { "firmware-signed", foreign_firmware },
    { "firmware-signed", unsigned_firmware },
    { "firmware-signed", signatures_ended },
    { "rollback-counted", no_counter },
    { "rollback-counted", another_counter },
    { "boot-confirmed", trial_for_ever },
    { "boot-confirmed", slot_is_bad },
    { "boot-confirmed", boot_unsaid },
    { "clocks-agree", clock_ahead },
    { "clocks-agree", clock_not_set },
    { "clocks-agree", server_elsewhen },
    { "storage-bounded", disk_full },
    { "databases-whole", database_broken },
    { "backup-restores", copy_broken },
    { "backup-restores", copy_of_another },
    { "backup-restores", copy_of_the_future },
    { "backup-restores", copy_old },
    { "backup-restores", copy_for_all },
    { "little-leaves", all_goes_up },
};

static sv_facts *facts;
static sv_report *report;

static int setup(void **state) {
    (void) state;
    facts = sv_mem_new(sizeof *facts);
    report = sv_mem_new(sizeof *report);
    good_facts(facts);
    return 0;
}

static int teardown(void **state) {
    (void) state;
    sv_facts_drop(facts);
    free(facts);
    free(report);
    return 0;
}

static const sv_finding *finding(const char *id) {
    for (size_t i = 0; i < sv_statement_count(); i++) {
        if (strcmp(sv_statement_at(i)->id, id) == 0) {
            return &report->findings[i];
        }
    }
    fail_msg("there is no statement '%s'", id);
    return report->findings;
}

// [checklist-1]
static void of_a_good_deployment_everything_holds(void **state) {
    (void) state;
    sv_report_make(facts, report);
    for (size_t i = 0; i < sv_statement_count(); i++) {
        if (report->findings[i].verdict != SV_VERDICT_HOLDS) {
            fail_msg("%s: %s", sv_statement_at(i)->id, report->findings[i].lines[0]);
        }
    }
    assert_true(sv_report_holds(report));
}

// [checklist-1]
static void what_is_broken_breaks_its_statement_and_no_other(void **state) {
    (void) state;
    for (size_t b = 0; b < SV_COUNT(BREAKS); b++) {
        good_facts(facts);
        BREAKS[b].how(facts);
        sv_report_make(facts, report);
        assert_false(sv_report_holds(report));
        for (size_t i = 0; i < sv_statement_count(); i++) {
            const char *id = sv_statement_at(i)->id;
            bool wanted = strcmp(id, BREAKS[b].statement) == 0;
            if ((report->findings[i].verdict == SV_VERDICT_BROKEN) != wanted) {
                fail_msg("break %zu (%s): %s: %s", b, BREAKS[b].statement, id,
                         report->findings[i].lines[0]);
            }
        }
    }
}

// [checklist-1]
static void every_statement_has_something_that_breaks_it(void **state) {
    (void) state;
    for (size_t i = 0; i < sv_statement_count(); i++) {
        bool broken = false;
        for (size_t b = 0; b < SV_COUNT(BREAKS); b++) {
            broken = broken || strcmp(BREAKS[b].statement, sv_statement_at(i)->id) == 0;
        }
        if (!broken) {
            fail_msg("nothing breaks %s", sv_statement_at(i)->id);
        }
    }
}

// [checklist-2]
static void of_what_was_not_seen_nothing_is_said(void **state) {
    (void) state;
    sv_facts_drop(facts);
    memset(facts, 0, sizeof *facts);
    const sv_why blind = { .text = "it is dark" };
    facts->programs_missing = facts->pki.missing = facts->audit.missing = blind;
    facts->sbom_missing = facts->vex_missing = blind;
    facts->backup.missing = blind;
    facts->clock.proven = true; // the one thing that is always seen
    sv_gather_nothing_told(&blind, facts);
    sv_report_make(facts, report);
    assert_int_equal(report->verdicts[SV_VERDICT_UNKNOWN], sv_statement_count());
    assert_false(sv_report_holds(report));
    assert_string_equal(finding("own-users")->lines[0], "it is dark");
}

/// Time breaks more than one: certificates end as well.
static void what_is_looked_after_no_longer_is_seen(void **state) {
    (void) state;
    no_longer_supported(facts);
    sv_report_make(facts, report);
    assert_int_equal(finding("support-known")->verdict, SV_VERDICT_BROKEN);
    assert_non_null(strstr(finding("support-known")->lines[0], "until 2031-12-31"));
}

// [checklist-27]
static void what_nobody_has_looked_up_lately_is_not_known(void **state) {
    (void) state;
    static const char *const TEXTS[] = {
        "{\"metadata\":{\"timestamp\":\"2026-10-20T00:00:00Z\"},\"vulnerabilities\":[]}",
        "{\"vulnerabilities\":[]}",
        "{\"metadata\":{\"timestamp\":\"2026-11-20T00:00:00Z\"}}",
    };
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        say_of_vulnerabilities(facts, TEXTS[i]);
        sv_report_make(facts, report);
        assert_int_equal(finding("no-known-vulnerability")->verdict, SV_VERDICT_UNKNOWN);
    }
}

// [checklist-4]
static void there_are_forty_three(void **state) {
    (void) state;
    assert_int_equal(sv_statement_count(), 43);
}

// [checklist-2]
static void one_that_cannot_be_seen_makes_it_unknown_and_one_that_is_bad_decides(void **state) {
    (void) state;
    (void) sv_fail(&facts->programs[0].missing, SV_ERR_IO, "not yours to see");
    sv_report_make(facts, report);
    assert_int_equal(finding("programs-sandboxed")->verdict, SV_VERDICT_UNKNOWN);
    assert_string_equal(finding("programs-sandboxed")->lines[0], "fleet: not yours to see");
    facts->programs[3].no_new_privs = false;
    sv_report_make(facts, report);
    assert_int_equal(finding("programs-sandboxed")->verdict, SV_VERDICT_BROKEN);
    assert_non_null(strstr(finding("programs-sandboxed")->lines[0], "signer"));
}

// [checklist-3]
static void
all_that_speaks_against_it_stands_before_the_rest_and_the_rest_is_counted(void **state) {
    (void) state;
    sv_finding f = { 0 };
    for (int i = 0; i < 30; i++) {
        if (i % 5 == 4) {
            sv_finding_broken(&f, "bad %d", i);
        } else {
            sv_finding_holds(&f, "good %d", i);
        }
    }
    assert_int_equal(f.verdict, SV_VERDICT_BROKEN);
    assert_int_equal(f.count, SV_FINDING_LINES_MAX);
    assert_int_equal(f.count + f.more, 30);
    for (int i = 0; i < 6; i++) {
        char wanted[16];
        (void) snprintf(wanted, sizeof wanted, "bad %d", 5 * i + 4);
        assert_string_equal(f.lines[i], wanted);
    }
    assert_string_equal(f.lines[6], "good 0");
}

// [checklist-3]
static void the_report_is_json_whatever_files_are_called(void **state) {
    (void) state;
    (void) snprintf(facts->files[0].path, SV_PATH_MAX, "/tmp/\x1b[31m\"<script>\n.key");
    facts->files[0].mode = 0644;
    sv_report_make(facts, report);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 20);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_report_add_json(report, &text);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
    assert_int_equal(sv_json_count(sv_json_get(root, "statements")), sv_statement_count());
    sv_text seen = SV_TEXT("");
    for (size_t i = 0; i < sv_statement_count(); i++) {
        const sv_json *one = sv_json_at(sv_json_get(root, "statements"), i);
        if (strcmp(sv_statement_at(i)->id, "keys-kept") == 0) {
            assert_true(sv_json_text(sv_json_at(sv_json_get(one, "seen"), 0), &seen));
        }
    }
    assert_true(sv_text_starts(seen, SV_TEXT("/tmp/?[31m\"<script>?.key has mode 0644")));
    sv_textbuf_clear(&text);
    sv_report_add_html(report, &text);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_null(strstr(text.at, "<script>"));
    assert_non_null(strstr(text.at, "&lt;script&gt;"));
}

// [checklist-4]
static void every_statement_says_what_it_answers_and_what_to_do(void **state) {
    (void) state;
    for (size_t i = 0; i < sv_statement_count(); i++) {
        const sv_statement *s = sv_statement_at(i);
        assert_true(strlen(s->title) > 10 && s->title[strlen(s->title) - 1] == '.');
        assert_true(strlen(s->looks) > 10 && strlen(s->answers) > 5 && strlen(s->remedy) > 10);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(s->id, sv_statement_at(k)->id);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_a_good_deployment_everything_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_broken_breaks_its_statement_and_no_other, setup,
                                        teardown),
        cmocka_unit_test(every_statement_has_something_that_breaks_it),
        cmocka_unit_test_setup_teardown(of_what_was_not_seen_nothing_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_looked_after_no_longer_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_has_looked_up_lately_is_not_known, setup,
                                        teardown),
        cmocka_unit_test(there_are_forty_three),
        cmocka_unit_test_setup_teardown(
            one_that_cannot_be_seen_makes_it_unknown_and_one_that_is_bad_decides, setup, teardown),
        cmocka_unit_test(all_that_speaks_against_it_stands_before_the_rest_and_the_rest_is_counted),
        cmocka_unit_test_setup_teardown(the_report_is_json_whatever_files_are_called, setup,
                                        teardown),
        cmocka_unit_test(every_statement_says_what_it_answers_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
