#include <base/mem.h>
#include <crypto/audit_export.h>
#include <inttypes.h>
#include <stdlib.h>

struct sv_audit_export {
    const sv_audit_trust *trust;
    sv_audit_judge *judge; ///< NULL: the head has not come
    sv_audit_checkpoint *kept;
    size_t kept_count;
    bool has_ended;
    sv_audit_end end;
};

sv_audit_export *sv_audit_export_new(const sv_audit_trust *trust) {
    sv_audit_export *reading = sv_mem_new(sizeof *reading);
    *reading = (sv_audit_export){ .trust = trust };
    return reading;
}

void sv_audit_export_drop(sv_audit_export **reading) {
    if (*reading != NULL) {
        sv_audit_judge_drop(&(*reading)->judge);
        free((*reading)->kept);
        free(*reading);
        *reading = NULL;
    }
}

sv_err sv_audit_export_expect(sv_audit_export *reading, const sv_audit_checkpoint *checkpoint,
                              sv_why *why) {
    SV_TRY(sv_audit_checkpoint_verify(reading->trust, checkpoint, why));
    if (reading->kept_count == SV_AUDIT_EXPECTED_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "there are more than %d checkpoints",
                       SV_AUDIT_EXPECTED_MAX);
    }
    if ((reading->kept_count & (reading->kept_count - 1)) == 0) { // doubles
        size_t room = reading->kept_count > 0 ? 2 * reading->kept_count : 1;
        reading->kept = sv_mem_resize(reading->kept, room * sizeof *reading->kept);
    }
    reading->kept[reading->kept_count++] = *checkpoint;
    return SV_OK;
}

/// The judge begins where the head says.
static sv_err begin(sv_audit_export *reading, const sv_audit_head *head, sv_why *why) {
    if (head->filter.len > 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "this export holds only lines with " SV_TEXT_FMT
                       ", so nobody can say whether one is missing; export without a filter",
                       SV_TEXT_ARG(head->filter));
    }
    if (head->after < 0) {
        return sv_fail(why, SV_ERR_INVALID, "an export cannot begin behind line %" PRId64,
                       head->after);
    }
    reading->judge = sv_audit_judge_new(reading->trust, head->after);
    for (size_t i = 0; i < reading->kept_count; i++) {
        SV_TRY(sv_audit_judge_expect(reading->judge, &reading->kept[i], why));
    }
    return SV_OK;
}

static void judge(sv_audit_export *reading, const sv_audit_record *record) {
    switch (record->kind) {
    case SV_AUDIT_LINE:
        sv_audit_judge_line(reading->judge, &record->line);
        break;
    case SV_AUDIT_CHECKPOINT:
        sv_audit_judge_checkpoint(reading->judge, &record->checkpoint);
        break;
    case SV_AUDIT_GAP:
        sv_audit_judge_gap(reading->judge, &record->gap);
        break;
    case SV_AUDIT_END:
        reading->has_ended = true;
        reading->end = record->end;
        break;
    case SV_AUDIT_HEAD:
        sv_audit_judge_broken(reading->judge, "another export begins");
        break;
    }
}

sv_err sv_audit_export_line(sv_audit_export *reading, sv_text line, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_audit_record record;
    sv_why fault = { 0 };
    sv_err err = sv_audit_record_parse(line, &root, &record, &fault);
    if (reading->judge == NULL) {
        return err == SV_OK && record.kind == SV_AUDIT_HEAD
                   ? begin(reading, &record.head, why)
                   : sv_fail(why, SV_ERR_INVALID, "this is no export of an audit log%s%s",
                             err == SV_OK ? "" : ": ", fault.text);
    }
    if (reading->has_ended) {
        sv_audit_judge_broken(reading->judge, "it stands behind the export's end");
    } else if (err != SV_OK) {
        sv_audit_judge_broken(reading->judge, fault.text);
    } else {
        judge(reading, &record);
    }
    return SV_OK;
}

sv_err sv_audit_export_end(sv_audit_export *reading, sv_audit_verdict *out, sv_why *why) {
    if (reading->judge == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "this is no export of an audit log: it is empty");
    }
    sv_audit_verdict verdict =
        sv_audit_judge_end(reading->judge, reading->end.last, !reading->end.more);
    bool is_cut = verdict.finding == SV_AUDIT_INTACT || verdict.finding == SV_AUDIT_UNSIGNED;
    if (is_cut && !reading->has_ended) {
        verdict.finding = SV_AUDIT_TRUNCATED;
        verdict.seq = verdict.last + 1;
        (void) sv_fail(&verdict.why, SV_ERR_UNTRUSTED,
                       "the export has no end: it was cut off behind line %" PRId64, verdict.last);
    } else if (is_cut && reading->end.last != verdict.last) {
        verdict.finding = SV_AUDIT_CHANGED;
        verdict.seq = verdict.last;
        (void) sv_fail(&verdict.why, SV_ERR_UNTRUSTED,
                       "the export's end names line %" PRId64 ", its last one is %" PRId64,
                       reading->end.last, verdict.last);
    }
    *out = verdict;
    return SV_OK;
}
