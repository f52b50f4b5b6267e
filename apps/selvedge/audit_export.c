#include "audit_export.h"

#include "fleet_verb.h"
#include <crypto/audit_export.h>
#include <inttypes.h>
#include <net/http_client.h>
#include <stdio.h>
#include <string.h>

typedef struct asked {
    sv_fleet_asked fleet;
    sv_audit_options filter;
    int64_t after;
} asked;

/// How far pages have come.
typedef struct pages {
    bool first, ended;
    sv_audit_end end;
} pages;

/// Of the pages one export: the first one's head, the last one's end.
static sv_err take_record(pages *p, sv_text line, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_audit_record record;
    SV_TRY(sv_audit_record_parse(line, &root, &record, why));
    if (record.kind == SV_AUDIT_END) {
        p->ended = true;
        p->end = record.end;
    }
    bool is_shown = (record.kind != SV_AUDIT_HEAD || p->first)
                    && (record.kind != SV_AUDIT_END || !record.end.more);
    return !is_shown || printf(SV_TEXT_FMT "\n", SV_TEXT_ARG(line)) > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NO_SPACE, "the output cannot be written: %m");
}

static sv_err take_page(pages *p, sv_text page, sv_why *why) {
    p->ended = false;
    while (page.len > 0) {
        SV_TRY(take_record(p, sv_text_cut(&page, '\n'), why));
    }
    p->first = false;
    return p->ended ? SV_OK
                    : sv_fail(why, SV_ERR_UNAVAILABLE, "the answer of the fleet server has no end");
}

static sv_err next_page(const asked *a, sv_fleet_api *api, int64_t after, pages *p, sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    SV_DEFER(sv_textbuf_drop) sv_textbuf page = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX + 1);
    sv_textbuf_addf(&path, "/api/v1/audit/export?after=%" PRId64, after);
    sv_audit_options_add(&path, &a->filter);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the filter is longer than %zu bytes", sizeof room - 1);
    }
    SV_TRY(sv_fleet_api_text(api, room, &page, why));
    return take_page(p, sv_textbuf_text(&page), why);
}

static sv_err export_all(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    pages p = { .first = true, .end = { .last = a->after } };
    do {
        int64_t after = p.end.last;
        SV_TRY(next_page(a, api, after, &p, why));
        if (p.end.more && p.end.last <= after) {
            return sv_fail(why, SV_ERR_UNAVAILABLE, "the pages of the fleet server do not go on");
        }
    } while (p.end.more);
    return SV_OK;
}

static sv_err check(void *arg, sv_why *why) {
    return sv_audit_options_check(&((asked *) arg)->filter, why);
}

int cmd_audit_export(int argc, char **argv) {
    asked a = { .after = 0 };
    const sv_option options[] = {
        SV_AUDIT_OPTIONS(a.filter),
        { .name = "after",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.after,
          .min = 0,
          .max = 1e15,
          .help = "what stands behind this line [0: all]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge audit export [--after N] > FILE.ndjson",
        .about =
            "The audit log as it is, with its hashes and signed checkpoints, one JSON object a "
            "line, for\n`selvedge audit verify --file FILE.ndjson` anywhere. With a filter it "
            "cannot be verified.\n\n"
            "  selvedge audit export > audit.ndjson",
        .options = options,
        .option_count = SV_COUNT(options),
        .check = check,
        .ask = export_all,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
