// Statements about how people and their programs get in, and the record of what they did.
#include "checklist.h"
#include "show.h"

#include <stdio.h>

enum { TOKEN_DAYS_MAX = 400 };

static void judge_token_file(const sv_fact_file *file, sv_finding *f) {
    if (!sv_fact_known(&file->missing)) {
        sv_finding_unknown(f, "%s: %s", file->of, file->missing.text);
    } else if (file->weak) {
        sv_finding_broken(f, "%s holds no long random token: somebody wrote it", file->path);
    } else {
        sv_finding_holds(f, "%s holds a long random token", file->path);
    }
}

static void judge_login(const sv_fact_door *door, sv_finding *f) {
    if (door->default_login[0] != '\0') {
        sv_finding_broken(f, "%s at %s:%u lets in %s", door->of, door->address, door->port,
                          door->default_login);
    } else if (door->logins_refused < door->logins_tried || door->logins_tried == 0) {
        sv_finding_unknown(f, "%s at %s:%u answered to %d of %d well-known passwords", door->of,
                           door->address, door->port, door->logins_refused, door->logins_tried);
    } else {
        sv_finding_holds(f, "%s at %s:%u refuses %d well-known passwords", door->of, door->address,
                         door->port, door->logins_tried);
    }
}

static void check_default(const sv_facts *facts, sv_finding *f) {
    for (size_t i = 0; i < facts->door_count; i++) {
        if (facts->doors[i].kind == SV_DOOR_OPERATOR) {
            judge_login(&facts->doors[i], f);
        }
    }
    for (size_t i = 0; i < facts->file_count; i++) {
        if (facts->files[i].kind == SV_FILE_SECRET && facts->files[i].is_token) {
            judge_token_file(&facts->files[i], f);
        }
    }
    if (facts->first_link[0] != '\0') {
        sv_finding_broken(f, "%s: nobody is administrator yet, and whoever reads it becomes one",
                          facts->first_link);
    }
    if (!sv_fact_known(&facts->programs_missing)) {
        sv_finding_unknown(f, "%s", facts->programs_missing.text);
    } else if (f->count == 0) {
        sv_finding_not_applicable(f, "no program here takes passwords or tokens");
    }
}

/// False, and that is said, when the fleet server did not say it.
static bool answered(const sv_facts *facts, sv_ask ask, sv_finding *f) {
    const sv_why *missing = &facts->told[ask].missing;
    if (!sv_fact_known(missing)) {
        sv_finding_unknown(f, "%s", missing->text);
    }
    return sv_fact_known(missing);
}

static const sv_json *items_of(const sv_facts *facts, sv_ask ask, size_t page) {
    return sv_json_get(facts->told[ask].pages[page], "items");
}

static void judge_user(const sv_json *user, sv_finding *f) {
    sv_text name = sv_show_words(user, "name");
    if (!sv_text_is(sv_show_words(user, "role"), "admin") || sv_show_is(user, "disabled")
        || !sv_show_is(user, "password")) {
        return;
    }
    if (sv_show_is(user, "totp")) {
        sv_finding_holds(f, SV_TEXT_FMT ": password and second factor", SV_TEXT_ARG(name));
    } else {
        sv_finding_broken(f, SV_TEXT_FMT " is admin with a password alone", SV_TEXT_ARG(name));
    }
}

static void check_factor(const sv_facts *facts, sv_finding *f) {
    if (!answered(facts, SV_ASK_USERS, f)) {
        return;
    }
    size_t users = 0;
    for (size_t page = 0; page < facts->told[SV_ASK_USERS].page_count; page++) {
        const sv_json *items = items_of(facts, SV_ASK_USERS, page);
        for (size_t i = 0; i < sv_json_count(items); i++) {
            judge_user(sv_json_at(items, i), f);
            users++;
        }
    }
    if (f->count == 0) {
        sv_finding_holds(f, "of %zu users none is admin with a password", users);
    }
}

static void judge_token(const sv_json *token, sv_finding *f) {
    sv_text name = sv_show_words(token, "name");
    int64_t created = sv_show_number(token, "created");
    int64_t expires = sv_show_number(token, "expires");
    int64_t days = (expires - created) / (SV_TIME_DAY_US / 1000);
    if (sv_text_is(name, "admin-token-file")) {
        return; // the server's own, in a file that keys and secrets are about
    }
    if (expires == 0) {
        sv_finding_broken(f, "the token " SV_TEXT_FMT " never ends", SV_TEXT_ARG(name));
    } else if (days > TOKEN_DAYS_MAX) {
        sv_finding_broken(f, "the token " SV_TEXT_FMT " lasts %lld days", SV_TEXT_ARG(name),
                          (long long) days);
    } else {
        sv_finding_holds(f, "the token " SV_TEXT_FMT " lasts %lld days", SV_TEXT_ARG(name),
                         (long long) days);
    }
}

static void check_tokens(const sv_facts *facts, sv_finding *f) {
    if (!answered(facts, SV_ASK_TOKENS, f)) {
        return;
    }
    for (size_t page = 0; page < facts->told[SV_ASK_TOKENS].page_count; page++) {
        const sv_json *items = items_of(facts, SV_ASK_TOKENS, page);
        for (size_t i = 0; i < sv_json_count(items); i++) {
            judge_token(sv_json_at(items, i), f);
        }
    }
    if (f->count == 0) {
        sv_finding_holds(f, "there is no token but the server's own");
    }
}

static void check_audit(const sv_facts *facts, sv_finding *f) {
    const sv_fact_audit *audit = &facts->audit;
    if (!sv_fact_known(&audit->missing)) {
        sv_finding_unknown(f, "%s", audit->missing.text);
    } else if (audit->fault[0] != '\0') {
        sv_finding_broken(f, "%s", audit->fault);
    } else {
        sv_finding_holds(f, "%s: %lld lines follow one another; %lld are covered by a signature",
                         audit->path, (long long) audit->lines, (long long) audit->signed_to);
    }
}

const sv_statement SV_STATEMENTS_PEOPLE[] = {
    { .id = "no-default-credential",
      .title = "Nobody gets in with a credential that is default, guessed or waiting.",
      .looks = "logins with well-known names and passwords, how random the tokens in files are, "
               "and a link for the first administrator that was never used",
      .answers = "EN 303 645 5.1-1 and 5.1-2; IEC 62443-4-2 CR 1.5; OWASP I1 and I9; CRA Annex I "
                 "Part I (2)(b)",
      .remedy = "Disable that user; remove a token file that somebody wrote and restart, which "
                "makes a random one; use or remove the link.",
      .check = check_default },
    { .id = "second-factor",
      .title = "Every administrator with a password has a second factor.",
      .looks = "role, password and totp of each user",
      .answers = "IEC 62443-4-2 CR 1.1 RE(2); CRA Annex I Part I (2)(d)",
      .remedy = "Let them set up a second factor on their own page.",
      .check = check_factor },
    { .id = "tokens-end",
      .title = "Every API token that was made for somebody ends within 400 days.",
      .looks = "created and expires of each API token",
      .answers = "IEC 62443-4-2 CR 1.3 and CR 1.5; OWASP I3",
      .remedy = "Make a new one that ends, and remove the old one.",
      .check = check_tokens },
    { .id = "audit-intact",
      .title = "Nothing in the event log was changed, removed, moved or cut off.",
      .looks = "the chain of hashes and the signatures in the fleet server's database",
      .answers = "IEC 62443-4-2 CR 3.9 and CR 2.8; CRA Annex I Part I (2)(f) and (2)(l)",
      .remedy = "Find out who could write the database; compare it with an export kept elsewhere.",
      .check = check_audit },
};
const size_t SV_STATEMENTS_PEOPLE_COUNT = SV_COUNT(SV_STATEMENTS_PEOPLE);
