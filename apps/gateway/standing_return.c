// A fleet server that was restored from an old copy has forgotten decisions that this gateway
// holds. They are kept as they were signed, the last SV_STANDING_LINES_MAX of them, and given back
// when it asks: it can verify them itself. [standing-13]
#include "gateway.h"
#include "standing_own.h"
#include <base/mem.h>
#include <inttypes.h>
#include <string.h>
#include <sys/log.h>

enum { STATUS_OK = 200, STATUS_DOWN = 500 };

void gw_standing_keep_line(gw *g, const sv_standing_change *change) {
    char room[SV_STANDING_LINE_ROOM];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_standing_line_add(&line, change);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO standing_line VALUES (?, ?)");
    sv_writer_int(g->writer, change->version);
    sv_writer_text(g->writer, sv_textbuf_text(&line));
    sv_writer_add(g->writer, "DELETE FROM standing_line WHERE version <= ?");
    sv_writer_int(g->writer, change->version - SV_STANDING_LINES_MAX);
}

void gw_standing_keep_signed(gw *g, const sv_standing_head *head) {
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO standing_signed VALUES (1, ?, ?, ?)");
    sv_writer_int(g->writer, head->version);
    sv_writer_int(g->writer, head->at_us);
    sv_writer_bytes(
        g->writer, (sv_text){ .at = (const char *) head->signature, .len = head->signature_bytes });
}

/// What is signed for where this gateway stands. SV_ERR_NOT_FOUND: nothing is kept yet.
static sv_err read_head(gw *g, sv_standing_head *out, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT at, signature FROM standing_signed WHERE version = ?", &row,
                      why));
    sv_stmt_bind_int(row, 1, g->standing.version);
    SV_TRY(sv_stmt_next(row, why));
    sv_text signature = sv_stmt_bytes(row, 1);
    sv_err err = signature.len <= sizeof out->signature ? SV_OK : SV_ERR_IO;
    *out = (sv_standing_head){ .version = g->standing.version, .at_us = sv_stmt_int(row, 0) };
    if (err == SV_OK) {
        memcpy(out->signature, signature.at, signature.len);
        out->signature_bytes = signature.len;
    }
    memcpy(out->hash, g->standing.hash, sizeof out->hash);
    sv_stmt_reset(row);
    return err;
}

static sv_err read_lines(gw *g, sv_standing_page *page, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT line FROM standing_line WHERE version > ? ORDER BY version",
                      &row, why));
    sv_stmt_bind_int(row, 1, page->from);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && page->count < SV_STANDING_LINES_MAX; err = sv_stmt_next(row, why)) {
        sv_standing_change *change = &page->changes[page->count++];
        err = sv_standing_line_parse(sv_stmt_text(row, 0), change, why);
        if (err != SV_OK) {
            break;
        }
        page->from = page->count == 1 ? change->version - 1 : page->from;
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void given(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    (void) why;
    SV_LOG(info, "standing.given",
           "the fleet server asked for decisions that it has lost: status %d", reply->status);
    g->standing.wanted |= reply->status == STATUS_OK;
    g->standing.to_tell |= reply->status == 0 || reply->status >= STATUS_DOWN; // and be asked again
}

static void give(gw *g, int64_t after) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_STANDING_PAGE_MAX);
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = { .from = after };
    sv_json_out out = SV_JSON_OUT(&body);
    sv_why why = { 0 };
    page.changes = sv_mem_array(SV_STANDING_LINES_MAX, sizeof *page.changes);
    if (read_head(g, &page.head, &why) != SV_OK || read_lines(g, &page, &why) != SV_OK
        || page.from + (int64_t) page.count != g->standing.version) {
        SV_LOG(warn, "standing.lost",
               "the fleet server has lost decisions after change %" PRId64
               ", and they are not kept here: %s",
               after, why.text);
        return;
    }
    sv_standing_page_add(&out, &page);
    if (!body.overflowed) {
        (void) gw_uplink_post(g, "/v1/standing/lines", &body, given);
    }
}

void gw_standing_return(gw *g, sv_text answer) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    int64_t after = 0;
    if (sv_json_parse(answer, &root, NULL, NULL) == SV_OK
        && sv_json_int(sv_json_get(root, "after"), &after) && after >= 0
        && after <= g->standing.version) {
        give(g, after);
    }
}
