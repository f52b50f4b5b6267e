// How people get in, and the event log.
#include "checklist_gather.h"

#include <crypto/audit_judge.h>
#include <stdio.h>
#include <store/audit.h>
#include <string.h>
#include <sys/stat.h>

enum { TOKEN_LETTERS_MIN = 22, TOKEN_KINDS_MIN = 10, TOKEN_FILE_MAX = 4096 };

/// 128 random bits are 22 letters of base64, of which ten or more are different.
void sv_gather_token(const char *path, sv_facts *facts) {
    char room[TOKEN_FILE_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    bool seen[256] = { false };
    size_t kinds = 0;
    if (sv_disk_read(path, &text, NULL) != SV_OK) {
        return; // the file itself says so
    }
    sv_text token = sv_text_trim(sv_textbuf_text(&text));
    for (size_t i = 0; i < token.len; i++) {
        kinds += !seen[(unsigned char) token.at[i]];
        seen[(unsigned char) token.at[i]] = true;
    }
    for (size_t i = 0; i < facts->file_count; i++) {
        if (strcmp(facts->files[i].path, path) == 0) {
            facts->files[i].is_token = true;
            facts->files[i].weak = token.len < TOKEN_LETTERS_MIN || kinds < TOKEN_KINDS_MIN;
        }
    }
    explicit_bzero(room, sizeof room);
}

void sv_gather_first_link(const char *database, sv_facts *facts) {
    const char *slash = strrchr(database, '/');
    int folder = slash != NULL ? (int) (slash - database) : 0;
    char path[SV_PATH_MAX];
    (void) snprintf(path, sizeof path, "%.*s/first-admin.link", folder, database);
    if (sv_disk_exists(path)) {
        memcpy(facts->first_link, path, sizeof facts->first_link);
    }
}

// ---- the event log ------------------------------------------------------------------------------

static sv_err show(void *arg, const sv_audit_record *record) {
    sv_audit_judge *judge = arg;
    if (record->kind == SV_AUDIT_LINE) {
        sv_audit_judge_line(judge, &record->line);
    } else if (record->kind == SV_AUDIT_GAP) {
        sv_audit_judge_gap(judge, &record->gap);
    } else {
        sv_audit_judge_checkpoint(judge, &record->checkpoint);
    }
    return SV_OK;
}

static sv_err judge_log(const char *path, const char *ca, sv_audit_verdict *out, sv_why *why) {
    SV_DEFER(sv_audit_trust_drop) sv_audit_trust *trust = NULL;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    SV_TRY(sv_audit_trust_open(ca, &trust, why));
    SV_DEFER(sv_audit_judge_drop) sv_audit_judge *judge = sv_audit_judge_new(trust, 0);
    const sv_audit_span all = { .after = 0 };
    sv_audit_end end;
    SV_TRY(sv_db_open_read(path, &db, why));
    SV_TRY(sv_db_exec(db, "BEGIN", why)); // one moment of it
    sv_err err = sv_audit_walk(db, &all, show, judge, &end, why);
    sv_db_rollback(db);
    *out = err == SV_OK ? sv_audit_judge_end(judge, 0, true) : *out;
    return err;
}

void sv_gather_audit(const char *path, const char *ca, sv_fact_audit *out) {
    sv_audit_verdict verdict = { .finding = SV_AUDIT_INTACT };
    (void) snprintf(out->path, sizeof out->path, "%s", path);
    if (judge_log(path, ca, &verdict, &out->missing) != SV_OK) {
        return;
    }
    out->missing.text[0] = '\0';
    out->lines = verdict.lines;
    out->signed_to = verdict.signed_to;
    if (verdict.finding != SV_AUDIT_INTACT) {
        (void) snprintf(out->fault, sizeof out->fault, "line %lld was %s: %.200s",
                        (long long) verdict.seq, sv_audit_finding_name(verdict.finding),
                        verdict.why.text);
    }
}

/// The fleet server's database, with the authority of its PKI's folder.
void sv_gather_records(sv_facts *facts) {
    char ca[SV_PATH_MAX];
    (void) sv_fail(&facts->audit.missing, SV_ERR_NOT_FOUND,
                   "the fleet server's database and PKI are not on this machine");
    if (!sv_fact_known(&facts->pki.missing)
        || sv_disk_join(ca, sizeof ca, facts->pki.dir, "ca.crt") != SV_OK) {
        return;
    }
    for (size_t i = 0; i < facts->database_count; i++) {
        if (facts->databases[i].kind == SV_PROGRAM_FLEET) {
            sv_gather_audit(facts->databases[i].path, ca, &facts->audit);
            sv_gather_first_link(facts->databases[i].path, facts);
        }
    }
}
