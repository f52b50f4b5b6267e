// Statements about the release that runs: what it is made of, what is known against that, until
// when it is looked after, and whom to tell.
#include "checklist.h"
#include "show.h"

#include <stdio.h>
#include <string.h>

enum { LOOKED_AT_DAYS = 30 }; ///< after so long nobody knows what has been found since

static const char SONAME[] = "selvedge:library";

/// The component that has the library; NULL when none has.
static const sv_json *component_of(const sv_json *sbom, const char *library) {
    const sv_json *components = sv_json_get(sbom, "components");
    for (size_t i = 0; i < sv_json_count(components); i++) {
        const sv_json *properties = sv_json_get(sv_json_at(components, i), "properties");
        for (size_t k = 0; k < sv_json_count(properties); k++) {
            const sv_json *one = sv_json_at(properties, k);
            if (sv_text_is(sv_show_words(one, "name"), SONAME)
                && sv_text_is(sv_show_words(one, "value"), library)) {
                return sv_json_at(components, i);
            }
        }
    }
    return NULL;
}

static void judge_library(const sv_facts *facts, const sv_fact_library *library, sv_finding *f) {
    const sv_json *component = component_of(facts->sbom, library->name);
    sv_text name = sv_show_words(component, "name");
    sv_text version = sv_show_words(component, "version");
    if (component == NULL) {
        sv_finding_broken(f, "%s runs %s, which the SBOM does not name", library->of,
                          library->path);
    } else if (library->version[0] != '\0' && !sv_text_is(version, library->version)) {
        sv_finding_broken(f, SV_TEXT_FMT " is %s here, and " SV_TEXT_FMT " in the SBOM",
                          SV_TEXT_ARG(name), library->version, SV_TEXT_ARG(version));
    }
}

static void check_sbom(const sv_facts *facts, sv_finding *f) {
    if (!sv_fact_known(&facts->sbom_missing)) {
        sv_finding_unknown(f, "%s", facts->sbom_missing.text);
        return;
    }
    if (!sv_fact_known(&facts->libraries_missing)) {
        sv_finding_unknown(f, "%s", facts->libraries_missing.text);
    }
    for (size_t i = 0; i < facts->library_count; i++) {
        judge_library(facts, &facts->libraries[i], f);
    }
    if (facts->library_count > 0) {
        sv_finding_holds(f, "%s: %zu components; %zu libraries in the memory of programs compared",
                         facts->sbom_file, sv_json_count(sv_json_get(facts->sbom, "components")),
                         facts->library_count);
    }
}

static bool is_settled(sv_text state) {
    static const char *const SETTLED[] = { "resolved", "resolved_with_pedigree", "false_positive",
                                           "not_affected" };
    for (size_t i = 0; i < SV_COUNT(SETTLED); i++) {
        if (sv_text_is(state, SETTLED[i])) {
            return true;
        }
    }
    return false;
}

static void judge_vulnerabilities(const sv_json *list, sv_finding *f) {
    size_t count = sv_json_count(list);
    for (size_t i = 0; i < count; i++) {
        const sv_json *one = sv_json_at(list, i);
        sv_text id = sv_show_words(one, "id");
        sv_text state = sv_show_words(sv_json_get(one, "analysis"), "state");
        if (!is_settled(state)) {
            sv_finding_broken(f, "%.*s is %.*s", (int) (id.len < 60 ? id.len : 60), id.at,
                              state.len > 0 && state.len < 60 ? (int) state.len : 4,
                              state.len > 0 && state.len < 60 ? state.at : "open");
        }
    }
    sv_finding_holds(f, "%zu entries looked at", count);
}

static void check_vulnerabilities(const sv_facts *facts, sv_finding *f) {
    if (!sv_fact_known(&facts->vex_missing)) {
        sv_finding_unknown(f, "%s", facts->vex_missing.text);
        return;
    }
    sv_text made = sv_show_words(sv_json_get(facts->vex, "metadata"), "timestamp");
    int64_t made_us = 0;
    const sv_json *list = sv_json_get(facts->vex, "vulnerabilities");
    if (!sv_json_is_array(list)) {
        sv_finding_unknown(f, "%s has no list of vulnerabilities: nobody has looked",
                           facts->vex_file);
        return;
    }
    judge_vulnerabilities(list, f);
    if (sv_time_parse(made, &made_us) != SV_OK) {
        sv_finding_unknown(f, "%s does not say when it was made", facts->vex_file);
    } else if (facts->at_us - made_us > LOOKED_AT_DAYS * SV_TIME_DAY_US) {
        sv_finding_unknown(f, "%s is %lld days old: who knows what has been found since",
                           facts->vex_file,
                           (long long) ((facts->at_us - made_us) / SV_TIME_DAY_US));
    }
}

static sv_text support_end(const sv_json *sbom) {
    const sv_json *properties =
        sv_json_get(sv_json_get(sv_json_get(sbom, "metadata"), "component"), "properties");
    for (size_t i = 0; i < sv_json_count(properties); i++) {
        const sv_json *one = sv_json_at(properties, i);
        if (sv_text_is(sv_show_words(one, "name"), "selvedge:support-end")) {
            return sv_show_words(one, "value");
        }
    }
    return SV_TEXT("");
}

static void check_support(const sv_facts *facts, sv_finding *f) {
    if (!sv_fact_known(&facts->sbom_missing)) {
        sv_finding_unknown(f, "%s", facts->sbom_missing.text);
        return;
    }
    sv_text end = support_end(facts->sbom);
    int64_t day = 0;
    if (sv_day_parse(end, &day) != SV_OK) {
        sv_finding_broken(f, "%s does not say until when this release is looked after",
                          facts->sbom_file);
    } else if (day < sv_day_of(facts->at_us)) {
        sv_finding_broken(f, "this release was looked after until " SV_TEXT_FMT, SV_TEXT_ARG(end));
    } else {
        sv_finding_holds(f, "this release is looked after until " SV_TEXT_FMT ", in %lld days",
                         SV_TEXT_ARG(end), (long long) (day - sv_day_of(facts->at_us)));
    }
}

static void check_contact(const sv_facts *facts, sv_finding *f) {
    size_t doors = 0;
    for (size_t i = 0; i < facts->door_count; i++) {
        const sv_fact_door *door = &facts->doors[i];
        if (door->kind != SV_DOOR_OPERATOR) {
            continue;
        }
        doors++;
        if (door->status == 0) {
            sv_finding_unknown(f, "%s at %s:%u did not answer", door->of, door->address,
                               door->port);
        } else if (door->contact[0] == '\0') {
            sv_finding_broken(f, "%s at %s:%u: /.well-known/security.txt names no contact",
                              door->of, door->address, door->port);
        } else if (door->contact_until_us <= facts->at_us) {
            sv_finding_broken(f, "%s at %s:%u: its contact %s has expired", door->of, door->address,
                              door->port, door->contact);
        } else {
            sv_finding_holds(f, "%s at %s:%u: %s", door->of, door->address, door->port,
                             door->contact);
        }
    }
    if (!sv_fact_known(&facts->programs_missing)) {
        sv_finding_unknown(f, "%s", facts->programs_missing.text);
    } else if (doors == 0) {
        sv_finding_not_applicable(f, "no fleet server runs here");
    }
}

const sv_statement SV_STATEMENTS_RELEASE[] = {
    { .id = "sbom-true",
      .title = "The bill of materials names every library that runs, in its version.",
      .looks = "the libraries in the memory of each program in /proc and their Debian versions, "
               "beside the SBOM of the release",
      .answers = "CRA Annex I Part II (1); IEC 62443-4-2 CR 7.8; OWASP I5",
      .remedy = "Restart programs after updates of libraries, and take the SBOM of the release "
                "that is installed, or build it here anew.",
      .check = check_sbom },
    { .id = "no-known-vulnerability",
      .title = "No vulnerability is known of what the release is made of that is not settled.",
      .looks = "the vulnerabilities of the CycloneDX document that --vex names, or of the SBOM "
               "itself, at most 30 days old",
      .answers = "CRA Annex I Part I (2)(a) and Part II (2); EN 303 645 5.2-3; OWASP I5",
      .remedy = "Look the SBOM up in a vulnerability database, give what it says with --vex, and "
                "update what is affected.",
      .check = check_vulnerabilities },
    { .id = "support-known",
      .title = "It is known until when this release is looked after, and that is not over.",
      .looks = "selvedge:support-end in the SBOM of the release",
      .answers = "CRA Article 13(8) and (19); EN 303 645 5.3-13",
      .remedy = "Update to a release that is looked after.",
      .check = check_support },
    { .id = "contact-known",
      .title = "Whoever finds a weakness can read whom to tell.",
      .looks = "/.well-known/security.txt (RFC 9116) at the operator door",
      .answers = "CRA Annex I Part II (5) and (6); EN 303 645 5.2-1",
      .remedy = "Set `security_contact` in the fleet server's configuration to a mailto: or "
                "https: address of yours.",
      .check = check_contact },
};
const size_t SV_STATEMENTS_RELEASE_COUNT = SV_COUNT(SV_STATEMENTS_RELEASE);
