// Statements about what listens, and what strangers are answered there.
#include "checklist.h"

#include <stdio.h>

static const char *kind_name(sv_door_kind kind) {
    static const char *const NAMES[] = {
        [SV_DOOR_UNKNOWN] = "no door that is documented",
        [SV_DOOR_OPERATOR] = "the operator door",
        [SV_DOOR_DEVICE] = "a device door",
        [SV_DOOR_MQTT] = "an MQTT front door",
        [SV_DOOR_LOCAL] = "a gateway's local page",
        [SV_DOOR_PAGE] = "a gateway's page",
    };
    return NAMES[kind];
}

enum { DOOR_ROOM = 200 };

/// "fleet server at 127.0.0.1:8443"
static const char *name_of(const sv_fact_door *door, char room[DOOR_ROOM]) {
    (void) snprintf(room, DOOR_ROOM, "%s at %s:%u", door->of, door->address, door->port);
    return room;
}

typedef void judge_door(const sv_fact_door *door, const char *name, sv_finding *f);

/// Every door that `judge` says anything about; where there is none, `none` is why.
static void each_door(const sv_facts *facts, sv_finding *f, judge_door *judge, const char *none) {
    char name[DOOR_ROOM];
    for (size_t i = 0; i < facts->door_count; i++) {
        judge(&facts->doors[i], name_of(&facts->doors[i], name), f);
    }
    if (!sv_fact_known(&facts->programs_missing)) {
        sv_finding_unknown(f, "%s", facts->programs_missing.text);
    } else if (!sv_fact_known(&facts->doors_missing)) {
        sv_finding_unknown(f, "%s", facts->doors_missing.text);
    } else if (f->count == 0) {
        sv_finding_not_applicable(f, "%s", none);
    }
    for (size_t i = 0; i < facts->program_count; i++) {
        if (!sv_fact_known(&facts->programs[i].missing)) {
            sv_finding_unknown(f, "%s: %s", facts->programs[i].name,
                               facts->programs[i].missing.text);
        }
    }
}

static void judge_documented(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (door->kind == SV_DOOR_UNKNOWN) {
        sv_finding_broken(f, "%s: its configuration names no door there", name);
    } else if (door->kind == SV_DOOR_LOCAL && !door->loopback) {
        sv_finding_broken(f, "%s: %s, which is for this machine alone", name,
                          kind_name(door->kind));
    } else {
        sv_finding_holds(f, "%s: %s", name, kind_name(door->kind));
    }
}

static void check_documented(const sv_facts *facts, sv_finding *f) {
    each_door(facts, f, judge_documented, "no program here listens");
}

static void judge_plain(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (door->kind == SV_DOOR_UNKNOWN) {
        return; // whatever it is: doors-documented says so
    }
    if (!door->tls && door->loopback) {
        sv_finding_holds(f, "%s: without TLS, which never leaves this machine", name);
    } else if (!door->tls) {
        sv_finding_broken(f, "%s: without TLS", name);
    } else if (door->today.answer == SV_PROBE_NOBODY) {
        sv_finding_unknown(f, "%s: %.160s", name, door->today.why.text);
    } else if (door->plain == SV_PROBE_TAKEN) {
        sv_finding_broken(f, "%s: answers to one who speaks no TLS", name);
    } else {
        sv_finding_holds(f, "%s: no answer without TLS", name);
    }
}

static void check_plain(const sv_facts *facts, sv_finding *f) {
    each_door(facts, f, judge_plain, "no program here listens");
}

/// False, and that is said, for a door without TLS or that did not answer.
static bool speaks_tls(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (door->tls && door->today.answer == SV_PROBE_NOBODY) {
        sv_finding_unknown(f, "%s: %.160s", name, door->today.why.text);
    }
    return door->tls && door->today.answer != SV_PROBE_NOBODY;
}

static void judge_modern(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (!speaks_tls(door, name, f)) {
        return;
    }
    if (door->old == SV_PROBE_TAKEN) {
        sv_finding_broken(f, "%s: takes TLS 1.1 or older", name);
    } else if (door->cbc == SV_PROBE_TAKEN || door->null == SV_PROBE_TAKEN) {
        sv_finding_broken(f, "%s: takes suites %s", name,
                          door->null == SV_PROBE_TAKEN ? "that keep nothing secret or prove nobody"
                                                       : "of the CBC kind");
    } else if (!door->today.aead) {
        sv_finding_broken(f, "%s: chooses %s", name, door->today.suite);
    } else if (door->old == SV_PROBE_NOBODY || door->cbc == SV_PROBE_NOBODY
               || door->null == SV_PROBE_NOBODY) {
        sv_finding_unknown(f, "%s: did not answer to other versions and suites", name);
    } else {
        sv_finding_holds(f, "%s: takes %s with %s; refuses TLS 1.1, CBC and null suites", name,
                         door->today.version, door->today.suite);
    }
}

static void check_modern(const sv_facts *facts, sv_finding *f) {
    each_door(facts, f, judge_modern, "no door here speaks TLS");
}

static void judge_vouched(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (!speaks_tls(door, name, f)) {
        return;
    }
    if (door->ca[0] == '\0') {
        sv_finding_unknown(f, "%s: its configuration names nobody who vouches for it", name);
    } else if (door->today.chain[0] != '\0' && door->kind == SV_DOOR_OPERATOR) {
        sv_finding_unknown(f, "%s: not by %s (%s); whether browsers trust it is theirs to say",
                           name, door->ca, door->today.chain);
    } else if (door->today.chain[0] != '\0') {
        sv_finding_broken(f, "%s: %s does not vouch for it: %s", name, door->ca, door->today.chain);
    } else {
        sv_finding_holds(f, "%s: %s vouches for it", name, door->ca);
    }
}

static void check_vouched(const sv_facts *facts, sv_finding *f) {
    each_door(facts, f, judge_vouched, "no door here speaks TLS");
}

static void judge_front(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (door->nobody == SV_PROBE_TAKEN || door->stranger == SV_PROBE_TAKEN) {
        sv_finding_broken(f, "%s: lets in one with %s", name,
                          door->nobody == SV_PROBE_TAKEN ? "no certificate"
                                                         : "a certificate of nobody");
    } else if (door->nobody == SV_PROBE_NOBODY || door->stranger == SV_PROBE_NOBODY) {
        sv_finding_unknown(f, "%s: did not answer", name);
    } else {
        sv_finding_holds(f, "%s: sends away who has no certificate, or one of nobody", name);
    }
}

static void judge_strangers(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (door->kind == SV_DOOR_MQTT) {
        judge_front(door, name, f);
        return;
    }
    if (door->kind != SV_DOOR_DEVICE && door->kind != SV_DOOR_PAGE) {
        return;
    }
    if (door->status == 0) {
        sv_finding_unknown(f, "%s: did not answer", name);
    } else if (door->status != 401 && door->status != 403) {
        sv_finding_broken(f, "%s: answered %d to one with no %s", name, door->status,
                          door->kind == SV_DOOR_PAGE ? "token" : "good certificate");
    } else {
        sv_finding_holds(f, "%s: answered %d to one with no %s", name, door->status,
                         door->kind == SV_DOOR_PAGE ? "token" : "good certificate");
    }
}

static void check_strangers(const sv_facts *facts, sv_finding *f) {
    each_door(facts, f, judge_strangers, "no door for devices is here");
}

static void judge_api(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (door->kind != SV_DOOR_OPERATOR) {
        return;
    }
    if (door->status == 0) {
        sv_finding_unknown(f, "%s: did not answer", name);
    } else if (door->open_path[0] != '\0') {
        sv_finding_broken(f, "%s: answered %d to GET %s without a login", name, door->status,
                          door->open_path);
    } else {
        sv_finding_holds(f, "%s: tells nothing without a login", name);
    }
}

static void check_api(const sv_facts *facts, sv_finding *f) {
    each_door(facts, f, judge_api, "no fleet server runs here");
}

static void judge_headers(const sv_fact_door *door, const char *name, sv_finding *f) {
    if (door->kind != SV_DOOR_OPERATOR) {
        return;
    }
    if (door->status == 0) {
        sv_finding_unknown(f, "%s: did not answer", name);
    } else if (door->headers_lack[0] != '\0') {
        sv_finding_broken(f, "%s: %s", name, door->headers_lack);
    } else {
        sv_finding_holds(f,
                         "%s: a policy that begins with nothing, no frames, no sniffing, no "
                         "referrer",
                         name);
    }
}

static void check_headers(const sv_facts *facts, sv_finding *f) {
    each_door(facts, f, judge_headers, "no fleet server runs here");
}

const sv_statement SV_STATEMENTS_DOORS[] = {
    { .id = "doors-documented",
      .title = "Programs listen on the doors of the documented list, and on nothing else.",
      .looks = "the listening sockets of each program in /proc, beside its configuration",
      .answers = "EN 303 645 5.6-1; IEC 62443-4-2 CR 7.7; NIST IR 8259A Logical Access to "
                 "Interfaces; OWASP I2; CRA Annex I Part I (2)(j)",
      .remedy = "Restart the program with the configuration that is in force; find out who "
                "changed it.",
      .check = check_documented },
    { .id = "doors-encrypted",
      .title = "Nothing is served without TLS, except to this machine itself.",
      .looks = "each listening socket, asked without TLS",
      .answers = "EN 303 645 5.5-1 and 5.5-7; IEC 62443-4-2 CR 4.1; OWASP I7; CRA Annex I Part I "
                 "(2)(e)",
      .remedy = "Give the door a certificate (`tls:`), or bind it to 127.0.0.1.",
      .check = check_plain },
    { .id = "tls-modern",
      .title = "Doors take TLS 1.2 or later with authenticated encryption, and nothing else.",
      .looks = "handshakes that offer TLS 1.1 at most, CBC suites, null suites and anonymous ones, "
               "at each door",
      .answers = "EN 303 645 5.5-1; IEC 62443-4-2 CR 4.3 and CR 3.1; OWASP I7; CRA Annex I Part I "
                 "(2)(e)",
      .remedy = "Our own doors never do: find out what really listens there.",
      .check = check_modern },
    { .id = "doors-vouched",
      .title = "The authority of this deployment vouches for what doors show.",
      .looks = "the chain that each door shows, verified with the `ca` of its configuration",
      .answers = "IEC 62443-4-2 CR 1.2 and CR 3.1 RE(1); EN 303 645 5.5-1",
      .remedy = "Issue the certificate anew, or restart the program that has not read it yet.",
      .check = check_vouched },
    { .id = "strangers-refused",
      .title = "Doors for devices let nobody in without a good certificate or token.",
      .looks = "connections without a certificate, and with one that nobody issued",
      .answers = "EN 303 645 5.5-4; IEC 62443-4-2 CR 1.2 and CR 2.1; OWASP I2; CRA Annex I Part I "
                 "(2)(d)",
      .remedy = "Our own doors never do: find out what really listens there.",
      .check = check_strangers },
    { .id = "api-closed",
      .title = "The API tells nothing to who has not logged in.",
      .looks = "what the operator door answers to every list, the metrics and the event stream "
               "without a token",
      .answers = "EN 303 645 5.5-5 and 5.6-2; IEC 62443-4-2 CR 1.1 and CR 2.1; OWASP I3; CRA "
                 "Annex I Part I (2)(d)",
      .remedy = "Look for a proxy in front that adds a login by itself, and take it away.",
      .check = check_api },
    { .id = "browser-confined",
      .title = "The dashboard lets a browser run nothing but its own code.",
      .looks = "the headers of the dashboard's page",
      .answers = "OWASP I3; CRA Annex I Part I (2)(k)",
      .remedy = "Let the proxy in front pass on the headers as they are.",
      .check = check_headers },
};
const size_t SV_STATEMENTS_DOORS_COUNT = SV_COUNT(SV_STATEMENTS_DOORS);
