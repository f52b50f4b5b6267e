// For tests: a deployment of which every statement holds, to be broken in one place at a time.
#ifndef SELVEDGE_CHECKLIST_FIXTURE_H
#define SELVEDGE_CHECKLIST_FIXTURE_H

#include "checklist.h"

#include <base/test.h>
#include <stdio.h>

static const int64_t NOW_US = INT64_C(1795924800) * SV_TIME_SECOND_US; // 2026-11-29

static inline void good_program(sv_facts *facts, const char *name, sv_program_kind kind,
                                int64_t uid) {
    sv_fact_program *p = &facts->programs[facts->program_count++];
    *p = (sv_fact_program){ .kind = kind,
                            .pid = 100 + uid,
                            .uid = uid,
                            .no_new_privs = true,
                            .seccomp = 2,
                            .elf = { .pie = true,
                                     .relro = true,
                                     .now = true,
                                     .stack_data_only = true,
                                     .stack_protector = true,
                                     .fortified = true } };
    (void) snprintf(p->name, sizeof p->name, "%s", name);
    (void) snprintf(p->exe, sizeof p->exe, "/usr/bin/selvedge-%s", name);
    (void) snprintf(p->settings.file, sizeof p->settings.file, "/etc/selvedge/%s.yaml", name);
}

static inline void good_file(sv_facts *facts, sv_file_kind kind, const char *path, int64_t uid) {
    sv_fact_file *file = &facts->files[facts->file_count++];
    *file = (sv_fact_file){ .kind = kind, .of = "fleet", .mode = 0600, .uid = uid, .program = uid };
    (void) snprintf(file->path, sizeof file->path, "%s", path);
}

static inline void good_cert(sv_facts *facts, const char *id, bool authority) {
    sv_fact_cert *cert = &facts->certs[facts->cert_count++];
    int64_t days = authority ? 1825 : 90;
    *cert = (sv_fact_cert){
        .authority = authority,
        .in_use = true,
        .facts = { .issuer = "Selvedge issuing CA",
                   .not_before_us = NOW_US - 10 * SV_TIME_DAY_US,
                   .not_after_us = NOW_US + (days - 10) * SV_TIME_DAY_US },
        .strength = { "EC 256", "ecdsa-with-SHA256", 128, 128, authority },
    };
    (void) snprintf(cert->of, sizeof cert->of, "%s", id);
    (void) snprintf(cert->facts.id, sizeof cert->facts.id, "%s", id);
    (void) snprintf(cert->facts.key_hash, sizeof cert->facts.key_hash, "%064zx", facts->cert_count);
    (void) snprintf(cert->path, sizeof cert->path, "/etc/selvedge/%s.crt", id);
}

static inline void good_door(sv_facts *facts, const char *of, sv_door_kind kind, uint16_t port) {
    sv_fact_door *door = &facts->doors[facts->door_count++];
    *door = (sv_fact_door){ .kind = kind,
                            .port = port,
                            .tls = true,
                            .address = "0.0.0.0",
                            .ca = "/etc/selvedge/ca.crt",
                            .today = { .answer = SV_PROBE_TAKEN,
                                       .version = "TLSv1.3",
                                       .suite = "TLS_AES_256_GCM_SHA384",
                                       .aead = true },
                            .plain = SV_PROBE_REFUSED,
                            .old = SV_PROBE_REFUSED,
                            .cbc = SV_PROBE_REFUSED,
                            .null = SV_PROBE_REFUSED,
                            .nobody = SV_PROBE_REFUSED,
                            .stranger = SV_PROBE_REFUSED,
                            .status = 401,
                            .contact = "mailto:security@example.com",
                            .contact_until_us = NOW_US + SV_TIME_DAY_US,
                            .logins_tried = 4,
                            .logins_refused = 4 };
    (void) snprintf(door->of, sizeof door->of, "%s", of);
}

/// What a good fleet server says; anything may be said instead.
static inline void good_told(sv_facts *facts, sv_ask ask, const char *text) {
    sv_fact_told *told = &facts->told[ask];
    for (size_t i = 0; i < told->page_count; i++) {
        sv_json_drop(&told->pages[i]);
    }
    told->page_count = 1;
    assert_int_equal(sv_json_parse(sv_text_of(text), &told->pages[0], NULL, NULL), SV_OK);
}

#define GOOD_SHA256 "ab00000000000000000000000000000000000000000000000000000000000000"

static inline void good_images(sv_facts *facts, int counter, int64_t ends_ms) {
    char room[512];
    (void) snprintf(room, sizeof room,
                    "{\"items\":[{\"path\":\"press/1.4.2.img\",\"sha256\":\"" GOOD_SHA256
                    "\",\"counter\":%d,\"signed_by\":[{\"keyid\":\"k\",\"role\":\"targets\"}]}],"
                    "\"next\":null,\"trust\":{\"ends\":%lld,\"keys\":[\"k\"]}}",
                    counter, (long long) ends_ms);
    good_told(facts, SV_ASK_IMAGES, room);
}

static inline void good_fleet(sv_facts *facts) {
    static const char NOBODY[] = "{\"items\":[],\"next\":null}";
    good_told(facts, SV_ASK_OVERVIEW,
              "{\"sites\":[{\"gateways\":[{\"id\":\"gateway-1\",\"online\":true,\"last_seen\":1,"
              "\"maintenance\":null,\"spool_fill\":0.1,\"full\":false,"
              "\"dropped\":{\"averages\":9,\"alerts\":0}}]}]}");
    good_told(facts, SV_ASK_STANDING,
              "{\"version\":7,\"cannot\":null,"
              "\"gateways\":[{\"id\":\"gateway-1\",\"connected\":true,\"version\":7}]}");
    good_told(facts, SV_ASK_NOTIFY, "{\"channels\":[{}],\"routes\":[{}]}");
    good_told(facts, SV_ASK_CERTIFICATES,
              "{\"items\":[{\"id\":\"press-1\",\"state\":\"valid\",\"renews\":\"itself\"}]}");
    good_told(facts, SV_ASK_ALERTS,
              "{\"items\":[{\"device\":\"press-2\",\"type\":\"OFFLINE\",\"state\":\"open\"}]}");
    good_told(facts, SV_ASK_UNDELIVERED, NOBODY);
    good_told(
        facts, SV_ASK_DEVICES,
        "{\"items\":[{\"id\":\"press-1\",\"firmware_version\":\"1.4.2\",\"clock_ahead\":null}]}");
    good_told(facts, SV_ASK_OFFLINE,
              "{\"items\":[{\"id\":\"press-2\",\"last_seen\":1,\"maintenance\":null}]}");
    good_told(facts, SV_ASK_REVOKED_ONLINE, NOBODY);
    good_told(facts, SV_ASK_RETIRED_ONLINE, NOBODY);
    good_told(facts, SV_ASK_USERS,
              "{\"items\":[{\"name\":\"ann\",\"role\":\"admin\",\"password\":true,\"totp\":true,"
              "\"disabled\":false},{\"name\":\"bob\",\"role\":\"viewer\",\"password\":true}]}");
    good_told(facts, SV_ASK_TOKENS,
              "{\"items\":[{\"name\":\"admin-token-file\",\"expires\":null},"
              "{\"name\":\"ci\",\"created\":1795924800000,\"expires\":1798516800000}]}");
    good_told(facts, SV_ASK_VERSIONS,
              "{\"items\":[{\"product\":\"press\",\"version\":\"1.4.2\",\"sha256\":\"" GOOD_SHA256
              "\",\"devices\":3,\"counter\":4,\"boot\":{\"confirmed\":2,\"trial\":1,\"overdue\":0,"
              "\"other\":0,\"unsaid\":0}},{\"product\":null,\"version\":\"2\",\"sha256\":null,"
              "\"devices\":1,\"counter\":null,\"boot\":{\"unsaid\":1}}]}");
    good_images(facts, 4, NOW_US / 1000 + 1000);
    facts->clock.proven = true;
}

static inline void good_release(sv_facts *facts) {
    static const char SBOM[] =
        "{\"metadata\":{\"component\":{\"properties\":"
        "[{\"name\":\"selvedge:support-end\",\"value\":\"2031-12-31\"}]}},"
        "\"components\":[{\"name\":\"libssl3\",\"version\":\"3.0.19\","
        "\"properties\":[{\"name\":\"selvedge:library\",\"value\":\"libssl.so.3\"}]}]}";
    static const char VEX[] =
        "{\"metadata\":{\"timestamp\":\"2026-11-20T00:00:00Z\"},\"vulnerabilities\":"
        "[{\"id\":\"CVE-2026-1\",\"analysis\":{\"state\":\"not_affected\"}}]}";
    assert_int_equal(sv_json_parse(sv_text_of(SBOM), &facts->sbom, NULL, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_text_of(VEX), &facts->vex, NULL, NULL), SV_OK);
    facts->libraries[facts->library_count++] =
        (sv_fact_library){ .path = "/usr/lib/x86_64-linux-gnu/libssl.so.3",
                           .of = "fleet",
                           .name = "libssl.so.3",
                           .version = "3.0.19" };
}

static inline void good_database(sv_fact_database *db, const char *path) {
    *db = (sv_fact_database){ .of = "fleet",
                              .kind = SV_PROGRAM_FLEET,
                              .check = "ok",
                              .schema = 9,
                              .devices = 1,
                              .changed_us = NOW_US,
                              .mode = 0600,
                              .free_bytes = 50,
                              .disk_bytes = 100 };
    (void) snprintf(db->path, sizeof db->path, "%s", path);
}

static inline void good_facts(sv_facts *facts) {
    sv_facts_drop(facts);
    memset(facts, 0, sizeof *facts);
    facts->at_us = NOW_US;
    good_fleet(facts);
    good_release(facts);
    facts->audit.lines = 12;
    good_database(&facts->databases[facts->database_count++], "/var/lib/selvedge/fleet.db");
    good_database(&facts->backup, "/mnt/backup/fleet.db");
    good_program(facts, "fleet", SV_PROGRAM_FLEET, 901);
    good_program(facts, "gateway", SV_PROGRAM_GATEWAY, 902);
    good_program(facts, "agent", SV_PROGRAM_AGENT, 903);
    good_program(facts, "signer", SV_PROGRAM_SIGNER, 904);
    good_file(facts, SV_FILE_KEY, "/etc/selvedge/fleet.key", 901);
    good_file(facts, SV_FILE_CONFIG, "/etc/selvedge/fleet.yaml", 901);
    good_file(facts, SV_FILE_SECRET, "/etc/selvedge/admin.token", 901);
    facts->files[2].is_token = true;
    good_file(facts, SV_FILE_DATABASE, "/var/lib/selvedge/fleet.db", 901);
    good_cert(facts, "Selvedge issuing CA", true);
    good_cert(facts, "fleet-server", false);
    good_cert(facts, "gateway-1", false);
    good_door(facts, "fleet", SV_DOOR_OPERATOR, 8443);
    good_door(facts, "gateway", SV_DOOR_MQTT, 8883);
    good_door(facts, "gateway", SV_DOOR_DEVICE, 8444);
    (void) snprintf(facts->pki.dir, sizeof facts->pki.dir, "/var/lib/selvedge/pki");
}

#endif
