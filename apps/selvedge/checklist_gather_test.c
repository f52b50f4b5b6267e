// What is written down of real files, and of a /proc that was made up.
#include "checklist_fixture.h"
#include "checklist_gather.h"

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/mem.h>
#include <crypto/pki.h>
#include <stdlib.h>
#include <store/db.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static sv_facts *facts;

static int setup(void **state) {
    (void) state;
    facts = sv_mem_new(sizeof *facts);
    (void) snprintf(dir, sizeof dir, "/tmp/selvedge-checklist-test-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state) {
    (void) state;
    free(facts);
    return sv_disk_remove_tree(dir, NULL) == SV_OK ? 0 : -1;
}

static const char *in(const char *name) {
    static char rooms[32][SV_PATH_MAX];
    static unsigned next;
    char *room = rooms[next++ % 32];
    assert_int_equal(sv_disk_join(room, SV_PATH_MAX, dir, name), SV_OK);
    return room;
}

static void put(const char *name, const char *content, mode_t mode) {
    assert_int_equal(sv_disk_replace(in(name), sv_text_of(content), mode, NULL), SV_OK);
}

/// A process of that /proc, which runs `exe` with `config`.
static void fake_process(const char *exe, const char *config, const char *status) {
    char words[2 * SV_PATH_MAX];
    assert_int_equal(sv_disk_make_folder(in("proc/7"), 0755, NULL), SV_OK);
    put("proc/7/status", status, 0644);
    put("proc/7/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max core file size        0                    unlimited            bytes     \n",
        0644);
    int len = snprintf(words, sizeof words, "%s%c--config%c%s", exe, 0, 0, config);
    sv_text cmdline = { .at = words, .len = (size_t) len + 1 };
    assert_int_equal(sv_disk_replace(in("proc/7/cmdline"), cmdline, 0644, NULL), SV_OK);
    assert_int_equal(symlink(exe, in("proc/7/exe")), 0);
    assert_int_equal(symlink(dir, in("proc/7/cwd")), 0);
}

static const char STATUS[] = "Name:\tselvedge-gatewa\nUid:\t1\t902\t902\t902\n"
                             "CapPrm:\t0000000000001000\nCapEff:\t0000000000000000\n"
                             "NoNewPrivs:\t1\nSeccomp:\t2\n";

// [checklist-6]
static void a_running_program_leads_to_its_rights_its_file_and_its_configuration(void **state) {
    (void) state;
    put("selvedge-gateway", "#!/bin/sh\n", 0775);
    put("gateway.yaml",
        "listen: {classic_certificates: allow}\ntls: {key: gw.key, cert: gw.crt}\n"
        "page: {token_file: token}\nstore: {path: gw.db}\n",
        0640);
    put("gw.key", "", 0604);
    put("token", "", 0640);
    fake_process(in("selvedge-gateway"), "gateway.yaml", STATUS);
    sv_gather_programs(in("proc"), NULL, facts);
    assert_int_equal(facts->program_count, 1);
    const sv_fact_program *program = &facts->programs[0];
    assert_string_equal(program->missing.text, "");
    assert_int_equal(program->kind, SV_PROGRAM_GATEWAY);
    assert_int_equal(program->uid, 902);
    assert_true(program->capabilities == 0x1000);
    assert_true(program->no_new_privs);
    assert_int_equal(program->seccomp, 2);
    assert_int_equal(program->core_bytes, 0);
    assert_true(program->exe_open);
    assert_string_equal(program->elf_missing.text, "it is no ELF file");
    assert_string_equal(program->settings.missing.text, "");
    assert_true(program->settings.classic_allowed);
    assert_int_equal(facts->file_count, 4);
    assert_string_equal(facts->files[0].path, in("gateway.yaml"));
    assert_int_equal(facts->files[0].mode, 0640);
    assert_string_equal(facts->files[1].path, in("gw.key"));
    assert_int_equal(facts->files[1].mode, 0604);
    assert_int_equal(facts->files[1].program, 902);
    assert_int_equal(facts->files[2].kind, SV_FILE_SECRET);
    assert_non_null(strstr(facts->files[3].missing.text, "gw.db"));
    assert_non_null(strstr(facts->certs[0].missing.text, "gw.crt"));
}

// [checklist-6]
static void what_was_replaced_under_a_running_program_is_seen(void **state) {
    (void) state;
    put("gateway.yaml", "id: [", 0600);
    fake_process(in("selvedge-gateway (deleted)"), "gateway.yaml", "Uid:\t0\t0\t0\t0\n");
    sv_gather_programs(in("proc"), NULL, facts);
    assert_int_equal(facts->program_count, 1);
    assert_true(facts->programs[0].exe_replaced);
    assert_non_null(strstr(facts->programs[0].missing.text, "does not say what process 7 may do"));
    assert_non_null(strstr(facts->programs[0].settings.missing.text, "is broken"));
}

// [checklist-6]
static void a_program_whose_file_was_renamed_is_still_what_the_kernel_calls_it(void **state) {
    (void) state;
    fake_process(in("renamed.tmp (deleted)"), "gateway.yaml", STATUS);
    put("proc/7/comm", "selvedge-gatewa\n", 0644);
    sv_gather_programs(in("proc"), NULL, facts);
    assert_int_equal(facts->program_count, 1);
    assert_int_equal(facts->programs[0].kind, SV_PROGRAM_GATEWAY);
    assert_true(facts->programs[0].exe_replaced);
}

// [checklist-6]
static void where_nothing_of_ours_runs_that_is_said(void **state) {
    (void) state;
    put("cat", "", 0755);
    fake_process(in("cat"), "x", STATUS);
    sv_gather_programs(in("proc"), NULL, facts);
    assert_int_equal(facts->program_count, 0);
    assert_non_null(strstr(facts->programs_missing.text, "no program of Selvedge"));
}

// [checklist-6]
static void a_pilot_says_itself_which_programs_are_its_own(void **state) {
    (void) state;
    char text[128];
    SV_DEFER(sv_json_drop) sv_json *description = NULL;
    (void) snprintf(text, sizeof text,
                    "{\"programs\":[{\"name\":\"me\",\"pid\":%d},{\"name\":\"gone\",\"pid\":0}]}",
                    (int) getpid());
    assert_int_equal(sv_json_parse(sv_text_of(text), &description, NULL, NULL), SV_OK);
    sv_gather_programs("/proc", description, facts);
    assert_int_equal(facts->program_count, 2);
    assert_int_equal(facts->programs[0].kind, SV_PROGRAM_OTHER);
    assert_non_null(strstr(facts->programs[1].missing.text, "cannot be seen"));
}

static const sv_fact_cert *cert_of(const char *id) {
    for (size_t i = 0; i < facts->cert_count; i++) {
        if (strcmp(facts->certs[i].facts.id, id) == 0) {
            return &facts->certs[i];
        }
    }
    fail_msg("no certificate of %s", id);
    return NULL;
}

// [checklist-6]
static void a_pki_tells_its_keys_and_what_it_issued(void **state) {
    (void) state;
    const sv_pki_setup mine = { .dir = in("pki"), .org = "Acme" };
    const sv_pki_setup theirs = { .dir = in("other"), .org = "Other" };
    assert_int_equal(sv_pki_init(&mine, NULL), SV_OK);
    assert_int_equal(sv_pki_init(&theirs, NULL), SV_OK);
    const sv_pki_leaf leaf = { .id = "press-1", .role = SV_ROLE_DEVICE, .out = dir };
    assert_int_equal(sv_pki_issue(in("pki"), &leaf, NULL), SV_OK);
    sv_gather_pki(in("pki"), facts);
    assert_string_equal(facts->pki.missing.text, "");
    assert_true(facts->pki.root_key_here && facts->pki.root_key_encrypted);
    assert_true(facts->pki.passphrase_beside_it);
    assert_int_equal(facts->file_count, 3); // ca.key, root.key, its passphrase
    assert_int_equal(facts->cert_count, 3); // issuing, root, press-1
    assert_false(cert_of("press-1")->in_use);
    assert_true(facts->certs[0].authority && facts->certs[0].facts.not_after_us > 0);
    sv_gather_certs(in("press-1.crt"), "agent", in("other/ca.crt"), true, facts);
    assert_non_null(strstr(facts->certs[3].untrusted.text, "press-1"));
    sv_gather_certs(in("press-1.crt"), "agent 2", in("pki/ca.crt"), true, facts);
    assert_string_equal(facts->certs[4].untrusted.text, "");
}

/// A socket of this process, on any port of that address.
static int listen_at(int family, uint16_t *port) {
    struct sockaddr_in six_or_four[3] = { { .sin_family = (sa_family_t) family } };
    struct sockaddr *at = (struct sockaddr *) six_or_four;
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    six_or_four[0].sin_addr.s_addr = family == AF_INET ? htonl(INADDR_LOOPBACK) : 0;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, at, len) != 0 || listen(fd, 1) != 0 || getsockname(fd, at, &len) != 0) {
        return -1;
    }
    *port = ntohs(six_or_four[0].sin_port);
    return fd;
}

static const sv_fact_door *door_at(uint16_t port) {
    for (size_t i = 0; i < facts->door_count; i++) {
        if (facts->doors[i].port == port) {
            return &facts->doors[i];
        }
    }
    fail_msg("port %u is not seen", port);
    return facts->doors;
}

// [checklist-21]
static void whatever_a_program_listens_on_is_seen_and_held_against_its_configuration(void **state) {
    (void) state;
    uint16_t named = 0;
    uint16_t other = 0;
    SV_DEFER(sv_fd_drop) int one = listen_at(AF_INET, &named);
    SV_DEFER(sv_fd_drop) int two = listen_at(AF_INET6, &other);
    sv_fact_program me = { .kind = SV_PROGRAM_GATEWAY, .pid = getpid() };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .text = SV_TEXTBUF_HEAP(4096) };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    char yaml[64];
    (void) snprintf(yaml, sizeof yaml, "listen: {port: %u}\n", named);
    assert_int_equal(sv_config_parse(sv_text_of(yaml), &root, &faults), SV_OK);
    sv_gather_config(root, dir, &me, facts);
    sv_gather_doors("/proc", &me, facts);
    assert_string_equal(facts->doors_missing.text, "");
    assert_int_equal(door_at(named)->kind, SV_DOOR_MQTT);
    assert_string_equal(door_at(named)->address, "127.0.0.1");
    assert_true(door_at(named)->loopback && door_at(named)->tls);
    if (two >= 0) { // where there is IPv6
        assert_int_equal(door_at(other)->kind, SV_DOOR_UNKNOWN);
        assert_string_equal(door_at(other)->address, "::");
        assert_false(door_at(other)->loopback);
    }
    assert_true(one >= 0);
}

// [checklist-21]
static void a_fleet_server_that_chose_its_ports_says_which(void **state) {
    (void) state;
    sv_fact_program fleet = { .kind = SV_PROGRAM_FLEET };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .text = SV_TEXTBUF_HEAP(4096) };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    put("ports", "{\"operator\":4711,\"device\":4712}", 0644);
    assert_int_equal(sv_config_parse(SV_TEXT("operator: {port: 0}\ndevice: {port: 0}\n"
                                             "ports_file: ports\n"),
                                     &root, &faults),
                     SV_OK);
    sv_gather_config(root, dir, &fleet, facts);
    assert_int_equal(fleet.settings.door_count, 2);
    sv_fact_door door = { .port = 4712 };
    sv_gather_door_kind(&fleet, &door);
    assert_int_equal(door.kind, SV_DOOR_DEVICE);
    assert_true(door.tls);
}

// [checklist-23]
static void a_database_is_opened_checked_and_counted(void **state) {
    (void) state;
    static const char SCHEMA[] = "CREATE TABLE device (id TEXT); INSERT INTO device VALUES ('a');";
    const sv_db_migration first = { "first", SCHEMA };
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_fact_database seen = { .path = "" };
    assert_int_equal(sv_db_open(in("fleet.db"), &first, 1, &db, NULL), SV_OK);
    sv_gather_database(in("fleet.db"), "fleet", &seen); // while it is in use
    assert_string_equal(seen.missing.text, "");
    assert_string_equal(seen.check, "ok");
    assert_int_equal(seen.schema, 1);
    assert_int_equal(seen.devices, 1);
    assert_int_equal(seen.mode, 0600);
    assert_true(seen.free_bytes > 0 && seen.disk_bytes >= seen.free_bytes);
    put("broken.db", "SQLite format 3, or so it says, and then nothing of the kind", 0600);
    seen = (sv_fact_database){ .path = "" };
    sv_gather_database(in("broken.db"), "fleet", &seen);
    assert_string_equal(seen.missing.text, "");
    assert_string_not_equal(seen.check, "ok");
    sv_gather_database(in("nowhere.db"), "fleet", &seen);
    assert_non_null(strstr(seen.missing.text, "nowhere.db"));
}

// [checklist-25]
static void a_token_that_somebody_wrote_is_told_from_a_random_one(void **state) {
    (void) state;
    static const struct {
        const char *token;
        bool weak;
    } CASES[] = {
        { "admin\n", true },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
        { "kq3Wv0S8yYbX1cZ5dR7tGm\n", false },
        { "kq3Wv0S8yYbX1cZ5dR7tG\n", true },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char name[16];
        (void) snprintf(name, sizeof name, "token-%zu", i);
        put(name, CASES[i].token, 0600);
        sv_gather_file(SV_FILE_SECRET, in(name), "fleet", -1, facts);
        sv_gather_token(in(name), facts);
        assert_true(facts->files[i].is_token);
        assert_true(facts->files[i].weak == CASES[i].weak);
    }
    sv_gather_first_link(in("fleet.db"), facts);
    assert_string_equal(facts->first_link, "");
    put("first-admin.link", "https://fleet.example/#login=x", 0600);
    sv_gather_first_link(in("fleet.db"), facts);
    assert_string_equal(facts->first_link, in("first-admin.link"));
}

// [checklist-26]
static void what_is_in_memory_is_held_against_the_sbom_and_the_installed_version(void **state) {
    (void) state;
    put("sbom.json",
        "{\"bomFormat\":\"CycloneDX\",\"components\":[{\"name\":\"libone\",\"version\":\"1\","
        "\"properties\":[{\"name\":\"selvedge:library\",\"value\":\"libone.so.1\"}]}]}",
        0644);
    put("status",
        "Package: other\nVersion: 9\n\nPackage: libone\nArchitecture: amd64\n"
        "Version: 1.2-3\n\n",
        0644);
    fake_process(in("selvedge-gateway"), "gateway.yaml", STATUS);
    put("proc/7/maps",
        "7f00-7f01 r--p 0 08:01 1  /usr/lib/libone.so.1\n"
        "7f01-7f02 r-xp 0 08:01 1  /usr/lib/libone.so.1\n"
        "7f02-7f03 rw-p 0 00:00 0  [heap]\n"
        "7f03-7f04 r--p 0 08:01 2  /tmp/preloaded.so\n"
        "7f04-7f05 r--s 0 08:01 3  /var/lib/selvedge/gateway.db-shm\n",
        0644);
    sv_gather_programs(in("proc"), NULL, facts);
    sv_gather_release(in("sbom.json"), NULL, facts);
    sv_gather_libraries(in("proc"), facts);
    sv_gather_versions(in("status"), facts);
    assert_string_equal(facts->sbom_missing.text, "");
    assert_int_equal(facts->library_count, 2);
    assert_string_equal(facts->libraries[0].name, "libone.so.1");
    assert_string_equal(facts->libraries[0].version, "1.2-3");
    assert_string_equal(facts->libraries[1].path, "/tmp/preloaded.so");
    assert_string_equal(facts->libraries[1].version, "");
    sv_facts_drop(facts);
    put("sbom.json", "{\"spdxVersion\":\"SPDX-2.3\"}", 0644);
    sv_gather_release(in("sbom.json"), NULL, facts);
    assert_non_null(strstr(facts->sbom_missing.text, "no CycloneDX document"));
}

// [checklist-32]
static void a_contact_has_an_address_and_an_end(void **state) {
    (void) state;
    sv_fact_door door = { .port = 1 };
    sv_gather_contact("HTTP/1.1 200 OK\r\nA: b\r\n\r\nContact: mailto:s@example.com\n"
                      "Expires: 2026-12-29T00:00:00Z\n",
                      &door);
    assert_string_equal(door.contact, "mailto:s@example.com");
    assert_true(door.contact_until_us == INT64_C(1798502400000000));
    sv_gather_contact("HTTP/1.1 200 OK\r\n\r\nContact: mailto:s@example.com\n", &door);
    assert_string_equal(door.contact, "");
}

// [checklist-22]
static void a_page_without_its_headers_is_seen(void **state) {
    (void) state;
    static const struct {
        const char *heads, *lack;
    } CASES[] = {
        { "", "no Content-Security-Policy" },
        { "Content-Security-Policy: default-src *\r\n", "does not begin with nothing" },
        { "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'\r\n",
          "scripts from elsewhere" },
        { "Content-Security-Policy: default-src 'none'\r\n", "frame" },
        { "content-security-policy: default-src 'self'; frame-ancestors 'none'\r\n", "nosniff" },
        { "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n"
          "X-Content-Type-Options: nosniff\r\n",
          "Referrer-Policy" },
    };
    char answer[512];
    char lack[160];
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        (void) snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%s\r\nbody", CASES[i].heads);
        sv_gather_headers(answer, lack);
        if (strstr(lack, CASES[i].lack) == NULL) {
            fail_msg("case %zu: '%s'", i, lack);
        }
    }
    sv_gather_headers("HTTP/1.1 200 OK\r\n"
                      "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
                      "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\r\n",
                      lack);
    assert_string_equal(lack, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_running_program_leads_to_its_rights_its_file_and_its_configuration, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_replaced_under_a_running_program_is_seen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_program_whose_file_was_renamed_is_still_what_the_kernel_calls_it, setup, teardown),
        cmocka_unit_test_setup_teardown(where_nothing_of_ours_runs_that_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pilot_says_itself_which_programs_are_its_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_pki_tells_its_keys_and_what_it_issued, setup, teardown),
        cmocka_unit_test_setup_teardown(
            whatever_a_program_listens_on_is_seen_and_held_against_its_configuration, setup,
            teardown),
        cmocka_unit_test_setup_teardown(a_fleet_server_that_chose_its_ports_says_which, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_database_is_opened_checked_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_that_somebody_wrote_is_told_from_a_random_one,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_is_in_memory_is_held_against_the_sbom_and_the_installed_version, setup, teardown),
        cmocka_unit_test(a_contact_has_an_address_and_an_end),
        cmocka_unit_test(a_page_without_its_headers_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
