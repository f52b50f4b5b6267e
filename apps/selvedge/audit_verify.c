#include "audit_verify.h"

#include "command.h"
#include "lines.h"
#include <base/mem.h>
#include <codec/json.h>
#include <crypto/audit_export.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <store/audit.h>
#include <string.h>
#include <sys/disk.h>

#define BESIDE ".checkpoints"

static void close_file(FILE **file) {
    if (*file != NULL && *file != stdin) {
        (void) fclose(*file);
    }
}

static sv_err open_file(const char *path, FILE **out, sv_why *why) {
    *out = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (*out == NULL && errno == ENOENT) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no file '%s'", path);
    }
    return *out != NULL ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", path);
}

// ---- checkpoints from elsewhere -----------------------------------------------------------------

/// Who takes them: sv_audit_judge_expect or sv_audit_export_expect.
typedef sv_err expect_fn(void *taker, const sv_audit_checkpoint *checkpoint, sv_why *why);

typedef struct kept {
    expect_fn *expect;
    void *taker;
    sv_audit_verdict *verdict; ///< says what is wrong with them, if something is
    uint64_t count;            ///< how many there were
} kept;

static sv_err take_checkpoint(kept *k, const char *path, uint64_t number, sv_text line,
                              sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_audit_record record;
    sv_why fault = { .text = "" };
    if (sv_audit_record_parse(line, &root, &record, &fault) != SV_OK
        || record.kind != SV_AUDIT_CHECKPOINT) {
        (void) fprintf(stderr, "selvedge: line %" PRIu64 " of '%s' is no checkpoint\n", number,
                       path);
        return SV_OK;
    }
    k->count++;
    sv_err err = k->expect(k->taker, &record.checkpoint, &fault);
    if (err == SV_ERR_UNTRUSTED && k->verdict->finding == SV_AUDIT_INTACT) {
        k->verdict->finding = SV_AUDIT_UNTRUSTED;
        k->verdict->seq = record.checkpoint.seq;
        return sv_fail(&k->verdict->why, SV_OK, "'%.80s': %s", path, fault.text);
    }
    return err == SV_ERR_UNTRUSTED ? SV_OK : sv_fail(why, err, "%s", fault.text);
}

static sv_err take_file(kept *k, const char *path, sv_why *why) {
    SV_DEFER(close_file) FILE *file = NULL;
    SV_TRY(open_file(path, &file, why));
    SV_DEFER(sv_mem_drop) sv_lines *lines = sv_mem_new(sizeof *lines);
    lines->file = file;
    sv_text line;
    sv_err err = sv_lines_next(lines, &line, why);
    for (; err == SV_OK || err == SV_ERR_NO_SPACE; err = sv_lines_next(lines, &line, why)) {
        SV_TRY(take_checkpoint(k, path, lines->number, err == SV_OK ? line : SV_TEXT(""), why));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err take_beside(kept *k, const char *db, const char *ending, sv_why *why) {
    char path[SV_PATH_MAX];
    if (snprintf(path, sizeof path, "%s" BESIDE "%s", db, ending) >= (int) sizeof path) {
        return sv_fail(why, SV_ERR_INVALID, "'%.64s...' is too long a path", db);
    }
    return sv_disk_exists(path) ? take_file(k, path, why) : SV_OK;
}

/// Before the log is looked at: what comes in between is in both then.
static sv_err take_all(kept *k, const sv_audit_place *place, sv_why *why) {
    for (size_t i = 0; place->checkpoints[i] != NULL; i++) {
        k->count = 0;
        SV_TRY(take_file(k, place->checkpoints[i], why));
        if (k->count == 0) {
            return sv_fail(why, SV_ERR_INVALID,
                           "'%.200s' holds no checkpoint: give it as it was kept, one a line",
                           place->checkpoints[i]);
        }
    }
    if (place->db != NULL) {
        SV_TRY(take_beside(k, place->db, ".1", why));
        SV_TRY(take_beside(k, place->db, "", why));
    }
    return SV_OK;
}

// ---- a database ---------------------------------------------------------------------------------

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

/// How many numbers the database has given to lines.
static sv_err numbers_given(sv_db *db, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT seq FROM sqlite_sequence WHERE name = 'event_log'", &row, why));
    sv_err err = sv_stmt_next(row, why);
    *out = err == SV_OK ? sv_stmt_int(row, 0) : 0;
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err judge_db(sv_audit_judge *judge, sv_db *db, sv_audit_verdict *out, sv_why *why) {
    const sv_audit_span all = { .after = 0 };
    sv_audit_end end;
    int64_t given = 0;
    SV_TRY(sv_db_exec(db, "BEGIN", why)); // one moment of it
    sv_err err = sv_audit_walk(db, &all, show, judge, &end, why);
    if (err == SV_OK) {
        err = numbers_given(db, &given, why);
    }
    sv_db_rollback(db);
    *out = err == SV_OK ? sv_audit_judge_end(judge, given, true) : *out;
    return err;
}

static sv_err expect_of_judge(void *taker, const sv_audit_checkpoint *checkpoint, sv_why *why) {
    return sv_audit_judge_expect(taker, checkpoint, why);
}

static sv_err verify_db(const sv_audit_place *place, const sv_audit_trust *trust,
                        sv_audit_verdict *out, sv_why *why) {
    SV_DEFER(sv_audit_judge_drop) sv_audit_judge *judge = sv_audit_judge_new(trust, 0);
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_audit_verdict before = { .finding = SV_AUDIT_INTACT };
    kept k = { .expect = expect_of_judge, .taker = judge, .verdict = &before };
    SV_TRY(sv_db_open_read(place->db, &db, why));
    SV_TRY(take_all(&k, place, why));
    SV_TRY(judge_db(judge, db, out, why));
    if (out->finding == SV_AUDIT_INTACT && before.finding != SV_AUDIT_INTACT) {
        *out = before;
    }
    return SV_OK;
}

// ---- an export ----------------------------------------------------------------------------------

static sv_err read_export(sv_audit_export *reading, FILE *file, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_lines *lines = sv_mem_new(sizeof *lines);
    sv_text line;
    lines->file = file;
    sv_err err = sv_lines_next(lines, &line, why);
    for (; err == SV_OK || err == SV_ERR_NO_SPACE; err = sv_lines_next(lines, &line, why)) {
        SV_TRY(sv_audit_export_line(reading, err == SV_OK ? line : SV_TEXT(""), why));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err expect_of_export(void *taker, const sv_audit_checkpoint *checkpoint, sv_why *why) {
    return sv_audit_export_expect(taker, checkpoint, why);
}

static sv_err verify_file(const sv_audit_place *place, const sv_audit_trust *trust,
                          sv_audit_verdict *out, sv_why *why) {
    SV_DEFER(sv_audit_export_drop) sv_audit_export *reading = sv_audit_export_new(trust);
    SV_DEFER(close_file) FILE *file = NULL;
    sv_audit_verdict before = { .finding = SV_AUDIT_INTACT };
    kept k = { .expect = expect_of_export, .taker = reading, .verdict = &before };
    SV_TRY(open_file(place->file, &file, why));
    SV_TRY(take_all(&k, place, why));
    SV_TRY(read_export(reading, file, why));
    SV_TRY(sv_audit_export_end(reading, out, why));
    if (out->finding == SV_AUDIT_INTACT && before.finding != SV_AUDIT_INTACT) {
        *out = before;
    }
    return SV_OK;
}

sv_err sv_audit_verify(const sv_audit_place *place, sv_audit_verdict *out, sv_why *why) {
    SV_DEFER(sv_audit_trust_drop) sv_audit_trust *trust = NULL;
    SV_TRY(sv_audit_trust_open(place->ca, &trust, why));
    return place->db != NULL ? verify_db(place, trust, out, why)
                             : verify_file(place, trust, out, why);
}

// ---- the command --------------------------------------------------------------------------------

static void show_json(const sv_audit_verdict *v) {
    char room[2 * SV_WHY_MAX + 512];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "finding", sv_audit_finding_name(v->finding));
    if (v->finding == SV_AUDIT_INTACT) {
        sv_json_add_null(&out, "line");
    } else {
        sv_json_add_int(&out, "line", v->seq);
    }
    sv_json_add_str(&out, "why", v->finding == SV_AUDIT_INTACT ? NULL : v->why.text);
    sv_json_add_int(&out, "first", v->first);
    sv_json_add_int(&out, "last", v->last);
    sv_json_add_int(&out, "lines", v->lines);
    sv_json_add_int(&out, "pruned", v->pruned);
    sv_json_add_int(&out, "checkpoints", v->checkpoints);
    sv_json_add_int(&out, "signed_to", v->signed_to);
    sv_json_add_int(&out, "signed_at", v->signed_us / 1000);
    sv_json_close_object(&out);
    (void) printf(SV_TEXT_FMT "\n", SV_TEXT_ARG(sv_textbuf_text(&text)));
}

static void show_words(const sv_audit_verdict *v) {
    char room[64];
    sv_textbuf when = SV_TEXTBUF(room);
    if (v->finding != SV_AUDIT_INTACT) {
        (void) printf("%s, line %" PRId64 ": %s\n", sv_audit_finding_name(v->finding), v->seq,
                      v->why.text);
        return;
    }
    sv_time_add(&when, v->signed_us - v->signed_us % SV_TIME_SECOND_US);
    (void) printf("intact: lines %" PRId64 " to %" PRId64, v->first, v->last);
    if (v->pruned > 0) {
        (void) printf(", %" PRId64 " of them pruned as is signed", v->pruned);
    }
    (void) printf("; signed up to line %" PRId64 " at " SV_TEXT_FMT, v->signed_to,
                  SV_TEXT_ARG(sv_textbuf_text(&when)));
    if (v->last > v->signed_to) {
        (void) printf(", %" PRId64 " wait for the next checkpoint", v->last - v->signed_to);
    }
    (void) puts("");
}

static sv_err check(const sv_audit_place *place, sv_why *why) {
    if ((place->db == NULL) == (place->file == NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "what is to be verified? Say --db FILE, the fleet server's database, or "
                       "--file EXPORT.ndjson");
    }
    return SV_OK;
}

int cmd_audit_verify(int argc, char **argv) {
    sv_audit_place place = { .db = NULL };
    const char *output = "table";
    bool json = false;
    const sv_option options[] = {
        { .name = "db",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &place.db,
          .help = "the fleet server's database; it may be running" },
        { .name = "file",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &place.file,
          .help = "an export (selvedge audit export); - for stdin" },
        { .name = "ca",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &place.ca,
          .help = "the CA certificates whose signatures count, former ones too",
          .required = true },
        { .name = "checkpoints",
          .value = "FILE",
          .kind = SV_OPTION_LIST,
          .target = place.checkpoints,
          .help = "checkpoints that were kept elsewhere; may be said again" },
        SV_OUTPUT_OPTION(output),
    };
    sv_audit_verdict verdict = { .finding = SV_AUDIT_INTACT };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge audit verify --db FILE|--file EXPORT.ndjson --ca FILE",
                        "Is the audit log whole? Names the first record that was changed, removed, "
                        "reordered, inserted or\ncut off. Exit 0: intact; 1: not.\n\n"
                        "  selvedge audit verify --db /var/lib/selvedge/fleet.db --ca "
                        "/etc/selvedge/ca.crt\n"
                        "  selvedge audit export | selvedge audit verify --file - --ca ca.crt",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(output, &json, &why);
    }
    if (err == SV_OK) {
        err = check(&place, &why);
    }
    if (err == SV_OK) {
        err = sv_audit_verify(&place, &verdict, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    (json ? show_json : show_words)(&verdict);
    return verdict.finding == SV_AUDIT_INTACT ? SV_EXIT_DONE : SV_EXIT_NO;
}
