// `selvedge checklist`: what should be true of a deployment, as statements that are each judged by
// what was seen of it (checklist_facts.h). Judging reads nothing and changes nothing: what could
// not be seen is `unknown`, with the reason, and never guessed. (docs/spec/checklist.md)
#ifndef SELVEDGE_CHECKLIST_H
#define SELVEDGE_CHECKLIST_H

#include "checklist_facts.h"
#include <base/text.h>

enum {
    SV_STATEMENTS_MAX = 64,
    SV_FINDING_LINES_MAX = 12, ///< of evidence; how many more there would be is counted
    SV_FINDING_LINE_ROOM = 320,
};

/// In the order in which they win: one that is broken is broken whatever else was seen.
typedef enum sv_verdict {
    SV_VERDICT_NOT_APPLICABLE,
    SV_VERDICT_HOLDS,
    SV_VERDICT_UNKNOWN,
    SV_VERDICT_BROKEN,
    SV_VERDICT__COUNT
} sv_verdict;

/// "holds", "does not hold", "unknown", "not applicable": in every form of the report.
const char *sv_verdict_name(sv_verdict verdict);

/// What was seen, and what follows from it.
typedef struct sv_finding {
    sv_verdict verdict;
    char lines[SV_FINDING_LINES_MAX][SV_FINDING_LINE_ROOM];
    size_t count;
    size_t decisive; ///< of them, those that made the verdict: they come first
    size_t more;     ///< lines that had no room
} sv_finding;

/// A line of evidence, and what it makes of the verdict: it only ever gets worse. [checklist-2]
SV_PRINTF(2, 3) void sv_finding_holds(sv_finding *f, const char *fmt, ...);
SV_PRINTF(2, 3) void sv_finding_broken(sv_finding *f, const char *fmt, ...);
SV_PRINTF(2, 3) void sv_finding_unknown(sv_finding *f, const char *fmt, ...);
/// There is nothing here that it could be said of.
SV_PRINTF(2, 3) void sv_finding_not_applicable(sv_finding *f, const char *fmt, ...);

/// Asks about the configuration of each gateway on this machine; one that could not be read is
/// unknown, and where no gateway runs there is nothing that it could be said of.
void sv_finding_each_gateway(const sv_facts *facts, sv_finding *f,
                             void (*judge)(const sv_fact_program *gateway, sv_finding *f));

typedef struct sv_statement {
    const char *id;      ///< stays the same for ever
    const char *title;   ///< a sentence that is true or not
    const char *looks;   ///< what is looked at
    const char *answers; ///< the requirements, with their clauses
    const char *remedy;  ///< what to do when it does not hold
    void (*check)(const sv_facts *facts, sv_finding *finding);
} sv_statement;

/// The groups, in the order of the report.
extern const sv_statement SV_STATEMENTS_DOORS[], SV_STATEMENTS_KEYS[], SV_STATEMENTS_HOST[],
    SV_STATEMENTS_PEOPLE[], SV_STATEMENTS_FLEET[], SV_STATEMENTS_FIRMWARE[],
    SV_STATEMENTS_STORAGE[], SV_STATEMENTS_RELEASE[];
extern const size_t SV_STATEMENTS_DOORS_COUNT, SV_STATEMENTS_KEYS_COUNT, SV_STATEMENTS_HOST_COUNT,
    SV_STATEMENTS_PEOPLE_COUNT, SV_STATEMENTS_FLEET_COUNT, SV_STATEMENTS_STORAGE_COUNT,
    SV_STATEMENTS_RELEASE_COUNT, SV_STATEMENTS_FIRMWARE_COUNT;

/// How many there are, and one of them.
size_t sv_statement_count(void);
const sv_statement *sv_statement_at(size_t index);

/// One statement about these facts. Without a line of evidence it is unknown. [checklist-2]
void sv_statement_judge(const sv_statement *statement, const sv_facts *facts, sv_finding *out);

/// All of them.
typedef struct sv_report {
    int64_t at_us;
    sv_finding findings[SV_STATEMENTS_MAX];
    size_t verdicts[SV_VERDICT__COUNT]; ///< how often each
} sv_report;

void sv_report_make(const sv_facts *facts, sv_report *out);
/// Nothing is broken, and nothing unknown.
bool sv_report_holds(const sv_report *report);

void sv_report_add_text(const sv_report *report, sv_textbuf *out);
void sv_report_add_json(const sv_report *report, sv_textbuf *out);
/// One page without scripts, images or anything from elsewhere.
void sv_report_add_html(const sv_report *report, sv_textbuf *out);

#endif
