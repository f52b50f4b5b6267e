// What waits for the fleet server and must go, in small steps: one page of rows is looked at, then
// what goes of it is recorded, and before the next one that is committed.
#include "gateway.h"
#include <sys/clock.h>

#define CLOCK_SET_S INT64_C(1704067200) ///< 2024-01-01: a clock further back was never set
#define FUTURE_S INT64_C(86400)         ///< one further ahead was wrong

static const char *const ITEMS[GW_ITEM__COUNT] = { "minutes", "averages", "alerts" };
static const char *const LOSSES[GW_LOSS__COUNT] = { "bytes", "age", "free", "rule" };

const char *gw_item_name(gw_item item) {
    return ITEMS[item];
}

const char *gw_loss_name(gw_loss loss) {
    return LOSSES[loss];
}

bool gw_outbox_is_known(int64_t put_s, int64_t now_s) {
    return put_s >= CLOCK_SET_S && put_s <= now_s + FUTURE_S;
}

int64_t gw_outbox_limit(const gw *g, gw_loss *bound) {
    int64_t half = g->config.store.bytes / 2;
    int64_t bytes = g->config.fleet.spool.bytes < half ? g->config.fleet.spool.bytes : half;
    bool low = g->outbox.low_bytes > 0 && g->outbox.low_bytes < bytes;
    *bound = low ? GW_LOST_FREE : GW_LOST_BYTES;
    return low ? g->outbox.low_bytes : bytes;
}

double gw_outbox_fill(const gw *g) {
    gw_loss bound;
    double limit = (double) gw_outbox_limit(g, &bound);
    double bytes = (double) g->outbox.bytes / limit;
    double age =
        (double) gw_outbox_oldest_s(g) * SV_TIME_SECOND_US / (double) g->config.fleet.spool.age_us;
    return age > bytes ? age : bytes;
}

void gw_outbox_beat(gw *g) {
    gw_outbox *o = &g->outbox;
    int64_t room = gw_store_room(g);
    o->age_due = true;
    if (room < 0 || room >= g->config.fleet.spool.free) {
        o->low_bytes = 0;
    } else if (o->low_bytes == 0) {
        o->low_bytes = o->bytes > GW_OUTBOX_LOW_BYTES ? o->bytes : GW_OUTBOX_LOW_BYTES;
    }
}

int64_t gw_outbox_lost(const gw *g, gw_item item) {
    const int64_t *by = g->outbox.dropped[item];
    return by[GW_LOST_BYTES] + by[GW_LOST_AGE] + by[GW_LOST_FREE];
}

void gw_outbox_count(gw *g, gw_item item, gw_loss loss, int64_t rows) {
    if (rows == 0) {
        return;
    }
    sv_writer_add(g->writer, "INSERT INTO outbox_dropped (kind, reason, count) VALUES (?1, ?2, ?3) "
                             "ON CONFLICT DO UPDATE SET count = count + ?3");
    sv_writer_int(g->writer, item);
    sv_writer_int(g->writer, loss);
    sv_writer_int(g->writer, rows);
    g->outbox.rows[item] -= rows;
    g->outbox.dropped[item][loss] += rows;
}

/// What goes of one page.
typedef struct going {
    int64_t after, upto; ///< numbers
    int64_t rows[GW_ITEM_ALERT], bytes;
} going;

static void take_row(going *what, sv_stmt *row) {
    what->rows[sv_stmt_int(row, 1) == GW_ITEM_AVERAGE]++;
    what->bytes += (int64_t) sv_stmt_text(row, 2).len + GW_OUTBOX_ROW_BYTES;
}

static sv_err page_after(gw *g, int64_t seq, sv_stmt **page, sv_why *why) {
    SV_TRY(sv_db_stmt(
        g->db, "SELECT seq, average, body, put FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?",
        page, why));
    sv_stmt_bind_int(*page, 1, seq);
    sv_stmt_bind_int(*page, 2, GW_OUTBOX_STEP);
    return SV_OK;
}

// ---- for want of room ---------------------------------------------------------------------------

/// The oldest of this kind, up to `need` bytes. SV_ERR_NOT_FOUND: the page was the last one.
static sv_err look_for(gw *g, gw_item item, int64_t need, going *out, sv_why *why) {
    sv_stmt *row = NULL;
    int64_t looked = 0;
    *out = (going){ .after = g->outbox.passed[item], .upto = g->outbox.passed[item] };
    SV_TRY(page_after(g, out->after, &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        looked++;
        out->upto = sv_stmt_int(row, 0);
        if (sv_stmt_int(row, 1) == (int64_t) item) {
            take_row(out, row);
        }
        if (out->bytes >= need) {
            sv_stmt_reset(row);
            return SV_OK;
        }
    }
    bool more = err == SV_ERR_NOT_FOUND && looked == GW_OUTBOX_STEP;
    return more ? SV_OK : err;
}

static void drop_items(gw *g, gw_item item, gw_loss loss, const going *what) {
    sv_writer_add(g->writer, "DELETE FROM outbox WHERE seq > ? AND seq <= ? AND average = ?");
    sv_writer_int(g->writer, what->after);
    sv_writer_int(g->writer, what->upto);
    sv_writer_int(g->writer, item);
    g->outbox.bytes -= what->bytes;
    gw_outbox_count(g, item, loss, what->rows[item]);
}

/// The next ones of this kind. `done`: some go, or there may be some further on.
static sv_err drop_oldest(gw *g, gw_item item, gw_loss loss, int64_t need, bool *done,
                          sv_why *why) {
    if (g->outbox.rows[item] == 0) {
        *done = false;
        return SV_OK;
    }
    going what = { 0 };
    sv_err err = SV_OK;
    for (int i = 0; i < GW_OUTBOX_STEPS && err == SV_OK && what.rows[item] == 0; i++) {
        err = look_for(g, item, need, &what, why);
        if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
            return err;
        }
        g->outbox.passed[item] = what.upto;
    }
    bool recorded = sv_writer_last(g->writer) > g->committed;
    *done = err == SV_OK || what.rows[item] > 0 || recorded;
    if (what.rows[item] > 0) {
        drop_items(g, item, loss, &what);
    }
    return SV_OK;
}

/// Nothing else is left. The one that is being sent stays.
static sv_err drop_alerts(gw *g, int64_t need, bool *done, sv_why *why) {
    gw_outbox *o = &g->outbox;
    sv_stmt *row = NULL;
    int64_t bytes = 0;
    int64_t rows = 0;
    int64_t after = g->alert_under_way ? g->alert_last_id : o->alert_settled;
    int64_t upto = after;
    SV_TRY(sv_db_stmt(g->db, "SELECT id, body FROM alert_post WHERE id > ? ORDER BY id LIMIT ?",
                      &row, why));
    sv_stmt_bind_int(row, 1, after);
    sv_stmt_bind_int(row, 2, GW_OUTBOX_STEP);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && bytes < need; err = sv_stmt_next(row, why)) {
        upto = sv_stmt_int(row, 0);
        bytes += (int64_t) sv_stmt_text(row, 1).len + GW_OUTBOX_ROW_BYTES;
        rows++;
    }
    if (err == SV_OK) {
        sv_stmt_reset(row);
    } else if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    *done = rows > 0;
    if (!*done) {
        return SV_OK;
    }
    sv_writer_add(g->writer, "DELETE FROM alert_post WHERE id > ? AND id <= ?");
    sv_writer_int(g->writer, after);
    sv_writer_int(g->writer, upto);
    o->bytes -= bytes;
    o->alert_bytes -= bytes;
    gw_outbox_count(g, GW_ITEM_ALERT, GW_LOST_BYTES, rows);
    return SV_OK;
}

static sv_err make_room(gw *g, bool *done, sv_why *why) {
    static const gw_item ORDER[] = { GW_ITEM_AVERAGE, GW_ITEM_MINUTE };
    gw_loss loss;
    const gw_outbox *o = &g->outbox;
    int64_t limit = gw_outbox_limit(g, &loss);
    int64_t kept = limit - limit / GW_OUTBOX_SLACK;
    int64_t bytes = loss == GW_LOST_FREE ? o->bytes - o->alert_bytes : o->bytes;
    *done = false;
    if (bytes <= limit) {
        return SV_OK;
    }
    for (size_t i = 0; i < SV_COUNT(ORDER) && !*done; i++) {
        SV_TRY(drop_oldest(g, ORDER[i], loss, bytes - kept, done, why));
    }
    return *done || loss == GW_LOST_FREE ? SV_OK : drop_alerts(g, bytes - kept, done, why);
}

// ---- for their age ------------------------------------------------------------------------------

/// What has waited for too long, and what lies before it. A clock that was not set says nothing.
static sv_err look_for_old(gw *g, int64_t now_s, int64_t before_s, going *out, sv_why *why) {
    sv_stmt *row = NULL;
    going seen = { 0 };
    *out = seen;
    SV_TRY(page_after(g, 0, &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        int64_t put_s = sv_stmt_int(row, 3);
        bool known = gw_outbox_is_known(put_s, now_s);
        if (known && put_s >= before_s) {
            sv_stmt_reset(row);
            return SV_OK;
        }
        take_row(&seen, row);
        seen.upto = sv_stmt_int(row, 0);
        if (known) {
            *out = seen;
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err drop_old(gw *g, bool *done, sv_why *why) {
    going what;
    int64_t now_s = gw_now_us() / SV_TIME_SECOND_US;
    int64_t age_s = g->config.fleet.spool.age_us / SV_TIME_SECOND_US;
    SV_TRY(look_for_old(g, now_s, now_s - age_s, &what, why));
    *done = what.upto > 0;
    if (!*done) {
        g->outbox.age_due = false;
        return SV_OK;
    }
    sv_writer_add(g->writer, "DELETE FROM outbox WHERE seq <= ?");
    sv_writer_int(g->writer, what.upto);
    g->outbox.bytes -= what.bytes;
    gw_outbox_count(g, GW_ITEM_AVERAGE, GW_LOST_AGE, what.rows[GW_ITEM_AVERAGE]);
    gw_outbox_count(g, GW_ITEM_MINUTE, GW_LOST_AGE, what.rows[GW_ITEM_MINUTE]);
    return SV_OK;
}

bool gw_outbox_trim(gw *g) {
    gw_loss bound;
    gw_outbox *o = &g->outbox;
    sv_why why = { 0 };
    bool done = false;
    sv_err err = SV_OK;
    if (o->gap > g->committed) {
        return true;
    }
    if (!o->age_due && o->bytes <= gw_outbox_limit(g, &bound)) {
        return false;
    }
    if (g->batch_under_way || o->group > g->committed) {
        return !g->batch_under_way;
    }
    if (o->age_due) {
        err = drop_old(g, &done, &why);
    }
    if (err == SV_OK && !done) {
        err = make_room(g, &done, &why);
    }
    if (err != SV_OK) {
        gw_store_failed(g, &why);
    } else if (done) {
        o->group = sv_writer_last(g->writer);
        o->gap = o->group;
    }
    return done;
}
