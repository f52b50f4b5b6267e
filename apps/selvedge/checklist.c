#include "checklist.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const sv_statement *at;
    const size_t *count;
} GROUPS[] = {
    { SV_STATEMENTS_DOORS, &SV_STATEMENTS_DOORS_COUNT },
    { SV_STATEMENTS_KEYS, &SV_STATEMENTS_KEYS_COUNT },
    { SV_STATEMENTS_HOST, &SV_STATEMENTS_HOST_COUNT },
    { SV_STATEMENTS_PEOPLE, &SV_STATEMENTS_PEOPLE_COUNT },
    { SV_STATEMENTS_FLEET, &SV_STATEMENTS_FLEET_COUNT },
    { SV_STATEMENTS_FIRMWARE, &SV_STATEMENTS_FIRMWARE_COUNT },
    { SV_STATEMENTS_STORAGE, &SV_STATEMENTS_STORAGE_COUNT },
    { SV_STATEMENTS_RELEASE, &SV_STATEMENTS_RELEASE_COUNT },
};

const char *sv_verdict_name(sv_verdict verdict) {
    static const char *const NAMES[SV_VERDICT__COUNT] = {
        [SV_VERDICT_NOT_APPLICABLE] = "not applicable",
        [SV_VERDICT_HOLDS] = "holds",
        [SV_VERDICT_UNKNOWN] = "unknown",
        [SV_VERDICT_BROKEN] = "does not hold",
    };
    return NAMES[verdict];
}

size_t sv_statement_count(void) {
    size_t count = 0;
    for (size_t i = 0; i < SV_COUNT(GROUPS); i++) {
        count += *GROUPS[i].count;
    }
    return count;
}

const sv_statement *sv_statement_at(size_t index) {
    for (size_t i = 0; i < SV_COUNT(GROUPS); i++) {
        if (index < *GROUPS[i].count) {
            return &GROUPS[i].at[index];
        }
        index -= *GROUPS[i].count;
    }
    return NULL;
}

// ---- findings -----------------------------------------------------------------------------------

/// At `at`, and what stands there moves on; when all is full, the last gives way.
SV_PRINTF(3, 0)
static void insert_line(sv_finding *f, size_t at, const char *fmt, va_list args) {
    bool full = f->count == SV_FINDING_LINES_MAX;
    f->more += full;
    if (at == SV_FINDING_LINES_MAX) {
        return;
    }
    size_t kept = f->count - at - full;
    memmove(f->lines[at + 1], f->lines[at], kept * sizeof f->lines[0]);
    (void) vsnprintf(f->lines[at], sizeof f->lines[at], fmt, args);
    for (char *c = f->lines[at]; *c != '\0'; c++) {
        *c = *c == '\x7f' || (*c >= 0 && *c < ' ') ? '?' : *c; // names of files are anybody's
    }
    f->count += !full;
}

/// The worst that was said is the verdict, and all that says so stands on top.
SV_PRINTF(3, 0)
static void worsen(sv_finding *f, sv_verdict verdict, const char *fmt, va_list args) {
    if (verdict < f->verdict) {
        insert_line(f, f->count, fmt, args);
        return;
    }
    f->decisive = verdict > f->verdict ? 0 : f->decisive;
    f->verdict = verdict;
    insert_line(f, f->decisive, fmt, args);
    f->decisive += f->decisive < SV_FINDING_LINES_MAX;
}

#define FINDING(name, verdict)                                                                     \
    void name(sv_finding *f, const char *fmt, ...) {                                               \
        va_list args;                                                                              \
        va_start(args, fmt);                                                                       \
        worsen(f, verdict, fmt, args);                                                             \
        va_end(args);                                                                              \
    }

FINDING(sv_finding_holds, SV_VERDICT_HOLDS)
FINDING(sv_finding_broken, SV_VERDICT_BROKEN)
FINDING(sv_finding_unknown, SV_VERDICT_UNKNOWN)
FINDING(sv_finding_not_applicable, SV_VERDICT_NOT_APPLICABLE)

void sv_finding_each_gateway(const sv_facts *facts, sv_finding *f,
                             void (*judge)(const sv_fact_program *gateway, sv_finding *f)) {
    bool any = false;
    for (size_t i = 0; i < facts->program_count; i++) {
        const sv_fact_program *program = &facts->programs[i];
        if (program->kind != SV_PROGRAM_GATEWAY) {
            continue;
        }
        any = true;
        if (sv_fact_known(&program->settings.missing)) {
            judge(program, f);
        } else {
            sv_finding_unknown(f, "%s: %s", program->name, program->settings.missing.text);
        }
    }
    if (!any && sv_fact_known(&facts->programs_missing)) {
        sv_finding_not_applicable(f, "no gateway runs on this machine");
    }
}

void sv_statement_judge(const sv_statement *statement, const sv_facts *facts, sv_finding *out) {
    memset(out, 0, sizeof *out);
    statement->check(facts, out);
    if (out->count == 0) {
        sv_finding_unknown(out, "nothing was found to look at");
    }
}

// ---- the report ---------------------------------------------------------------------------------

void sv_report_make(const sv_facts *facts, sv_report *out) {
    size_t count = sv_statement_count();
    assert(count <= SV_STATEMENTS_MAX);
    memset(out, 0, sizeof *out);
    out->at_us = facts->at_us;
    for (size_t i = 0; i < count; i++) {
        sv_statement_judge(sv_statement_at(i), facts, &out->findings[i]);
        out->verdicts[out->findings[i].verdict]++;
    }
}

bool sv_report_holds(const sv_report *report) {
    return report->verdicts[SV_VERDICT_BROKEN] == 0 && report->verdicts[SV_VERDICT_UNKNOWN] == 0;
}
