// Statements about what devices run, by what they say of it and what the fleet server serves. A
// device says its SHA-256, its counter and the state of its boot when it has an updater of ours.
#include "checklist.h"
#include "show.h"

#include <stdio.h>
#include <string.h>

static bool answered(const sv_facts *facts, sv_ask ask, sv_finding *f) {
    const sv_fact_told *told = &facts->told[ask];
    if (!sv_fact_known(&told->missing)) {
        sv_finding_unknown(f, "%s", told->missing.text);
    }
    return sv_fact_known(&told->missing);
}

/// "3 devices run press 1.1"; only of those that say its bytes.
typedef struct runs {
    char words[200];
    sv_text sha256, image;
    int64_t devices, counter;
    const sv_json *boot;
} runs;

static bool read_runs(const sv_json *item, runs *out) {
    sv_text product = sv_show_words(item, "product");
    sv_text version = sv_show_words(item, "version");
    *out = (runs){ .sha256 = sv_show_words(item, "sha256"),
                   .image = sv_show_words(item, "image"),
                   .devices = sv_show_number(item, "devices"),
                   .counter = sv_show_number(item, "counter"),
                   .boot = sv_json_get(item, "boot") };
    (void) snprintf(out->words, sizeof out->words, "%lld device%s %s %.64s %.64s",
                    (long long) out->devices, out->devices == 1 ? "" : "s",
                    out->devices == 1 ? "runs" : "run", product.len > 0 ? product.at : "",
                    version.len > 0 ? version.at : "");
    return out->sha256.len > 0;
}

typedef void judge_runs(const sv_facts *facts, const runs *what, sv_finding *f);

/// Each version that devices with an updater run.
static void each_version(const sv_facts *facts, sv_finding *f, judge_runs *judge) {
    if (!answered(facts, SV_ASK_VERSIONS, f)) {
        return;
    }
    const sv_json *items = sv_json_get(facts->told[SV_ASK_VERSIONS].pages[0], "items");
    size_t judged = 0;
    for (size_t i = 0; i < sv_json_count(items); i++) {
        runs what;
        if (read_runs(sv_json_at(items, i), &what)) {
            judge(facts, &what, f);
            judged++;
        }
    }
    if (judged == 0) {
        sv_finding_not_applicable(f, "no device has an updater: none says which bytes it runs");
    }
}

// ---- signed -------------------------------------------------------------------------------------

static const sv_json *find_image(const sv_facts *facts, const runs *what) {
    const sv_fact_told *told = &facts->told[SV_ASK_IMAGES];
    for (size_t page = 0; page < told->page_count; page++) {
        const sv_json *items = sv_json_get(told->pages[page], "items");
        for (size_t i = 0; i < sv_json_count(items); i++) {
            const sv_json *image = sv_json_at(items, i);
            if (sv_text_eq(sv_show_words(image, "sha256"), what->sha256)) {
                return image;
            }
        }
    }
    return NULL;
}

static void judge_signed(const sv_facts *facts, const runs *what, sv_finding *f) {
    const sv_json *image = find_image(facts, what);
    if (image == NULL && facts->told[SV_ASK_IMAGES].cut) {
        sv_finding_unknown(f, "%s, and not all images were looked at", what->words);
    } else if (image == NULL) {
        sv_finding_broken(f, "%s, %.12s…, which is no image that the fleet server has", what->words,
                          what->sha256.at);
    } else if (sv_json_count(sv_json_get(image, "signed_by")) == 0) {
        sv_finding_broken(f, "%s, which nobody has signed", what->words);
    } else {
        sv_finding_holds(f, "%s, which %zu release key%s signed", what->words,
                         sv_json_count(sv_json_get(image, "signed_by")),
                         sv_json_count(sv_json_get(image, "signed_by")) == 1 ? " has" : "s have");
    }
}

static void check_signed(const sv_facts *facts, sv_finding *f) {
    if (!answered(facts, SV_ASK_IMAGES, f)) {
        return;
    }
    const sv_json *trust = sv_json_get(facts->told[SV_ASK_IMAGES].pages[0], "trust");
    int64_t ends_us = sv_show_number(trust, "ends") * 1000;
    each_version(facts, f, judge_signed);
    if (sv_json_count(sv_json_get(trust, "keys")) > 0 && ends_us <= facts->at_us) {
        sv_finding_broken(f,
                          "what the release keys have signed has ended %lld hours ago: devices "
                          "take nothing new",
                          (long long) ((facts->at_us - ends_us) / SV_TIME_HOUR_US));
    }
}

// ---- no way back --------------------------------------------------------------------------------

static void judge_counter(const sv_facts *facts, const runs *what, sv_finding *f) {
    const sv_json *image = find_image(facts, what);
    int64_t signed_as = sv_show_number(image, "counter");
    if (what->counter == 0) {
        sv_finding_broken(f, "%s, and not each says its release counter", what->words);
    } else if (image != NULL && what->counter != signed_as) {
        sv_finding_broken(f, "%s with release counter %lld, and it was signed with %lld",
                          what->words, (long long) what->counter, (long long) signed_as);
    } else {
        sv_finding_holds(f, "%s with release counter %lld", what->words, (long long) what->counter);
    }
}

static void check_counter(const sv_facts *facts, sv_finding *f) {
    if (answered(facts, SV_ASK_IMAGES, f)) {
        each_version(facts, f, judge_counter);
    }
}

// ---- proved -------------------------------------------------------------------------------------

static void judge_boot(const sv_facts *facts, const runs *what, sv_finding *f) {
    (void) facts;
    int64_t overdue = sv_show_number(what->boot, "overdue");
    int64_t other = sv_show_number(what->boot, "other");
    int64_t unsaid = sv_show_number(what->boot, "unsaid");
    if (overdue > 0) {
        sv_finding_broken(f, "%s: %lld on trial for more than an hour", what->words,
                          (long long) overdue);
    } else if (other > 0) {
        sv_finding_broken(f, "%s: %lld from a slot that is not confirmed", what->words,
                          (long long) other);
    } else if (unsaid > 0) {
        sv_finding_broken(f, "%s: %lld do not say how they were started", what->words,
                          (long long) unsaid);
    } else {
        sv_finding_holds(f, "%s: %lld confirmed, %lld on trial", what->words,
                         (long long) sv_show_number(what->boot, "confirmed"),
                         (long long) sv_show_number(what->boot, "trial"));
    }
}

static void check_boot(const sv_facts *facts, sv_finding *f) {
    each_version(facts, f, judge_boot);
}

const sv_statement SV_STATEMENTS_FIRMWARE[] = {
    { .id = "firmware-signed",
      .title = "What devices run was signed by the release keys.",
      .looks = "the SHA-256 of what each device with an updater says it runs, beside the images of "
               "the fleet server, who signed them and until when that counts",
      .answers = "EN 303 645 5.3-9; IEC 62443-4-2 EDR 3.10 RE(1); NIST IR 8259A Software Update; "
                 "OWASP I4; CRA Annex I Part I (2)(f)",
      .remedy = "Upload the release that they run, or update them to one that is there "
                "(docs/guide/updates.md); `selvedge update publish --renew` where it has ended.",
      .check = check_signed },
    { .id = "rollback-counted",
      .title = "No device can be taken back to an older release.",
      .looks = "the release counter of what each device with an updater says it runs, beside the "
               "one that it was signed with",
      .answers = "EN 303 645 5.3-2; IEC 62443-4-2 EDR 3.10 RE(1) and EDR 3.14; OWASP I4; CRA Annex "
                 "I Part I (2)(f)",
      .remedy = "Look at the device: `selvedge-agent update status`, `selvedge doctor "
                "updater.yaml`. Sign releases with a boot key and a counter (docs/guide/boot.md).",
      .check = check_counter },
    { .id = "boot-confirmed",
      .title = "What devices run has proved itself.",
      .looks = "the state of the slot that each device with an updater runs from",
      .answers = "EN 303 645 5.7-1; IEC 62443-4-2 EDR 3.14 and CR 7.4; NIST IR 8259A Cybersecurity "
                 "State Awareness; CRA Annex I Part I (2)(h)",
      .remedy = "`selvedge device updates ID` says why it does not prove itself; at the device, "
                "`selvedge-agent update history`.",
      .check = check_boot },
};
const size_t SV_STATEMENTS_FIRMWARE_COUNT = SV_COUNT(SV_STATEMENTS_FIRMWARE);
