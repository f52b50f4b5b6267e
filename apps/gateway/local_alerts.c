#include "local_alerts.h"
#include "gateway.h"
#include <sys/log.h>

sv_err gw_local_alerts_open(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT coalesce(max(id), 0), coalesce(min(id), 1) FROM alert_local",
                      &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    int64_t before = sv_stmt_int(stmt, 1) - 1;
    g->local_alerts =
        (gw_local_alerts){ .last = sv_stmt_int(stmt, 0), .told = before, .settled = before };
    sv_stmt_reset(stmt);
    return SV_OK;
}

static void settle(gw_local_alerts *l, int64_t number) {
    l->settled = number > l->settled ? number : l->settled;
    l->told = number > l->told ? number : l->told;
}

static void forget_up_to(gw *g, int64_t number) {
    sv_writer_add(g->writer, "DELETE FROM alert_local WHERE id <= ?");
    sv_writer_int(g->writer, number);
    settle(&g->local_alerts, number);
}

static void drop_oldest(gw *g) {
    gw_local_alerts *l = &g->local_alerts;
    int64_t over = l->last - l->settled - GW_LOCAL_ALERTS_MAX;
    if (over <= 0) {
        return;
    }
    l->dropped += (uint64_t) over;
    if (!l->dropping) {
        SV_LOG(warn, "alert.dropped",
               "%d alerts wait for the broker: the oldest are not told to local subscribers",
               GW_LOCAL_ALERTS_MAX);
    }
    l->dropping = true;
    forget_up_to(g, l->settled + over);
}

void gw_local_alert_put(gw *g, const char *device, sv_text body) {
    sv_writer_add(g->writer, "INSERT INTO alert_local VALUES (?, ?, ?)");
    sv_writer_int(g->writer, ++g->local_alerts.last);
    sv_writer_str(g->writer, device);
    sv_writer_text(g->writer, body);
    drop_oldest(g);
}

static bool publish(gw *g, sv_stmt *row) {
    char room[SV_ID_ROOM + 8];
    sv_textbuf topic = SV_TEXTBUF(room);
    sv_textbuf_add_str(&topic, "alerts/");
    sv_textbuf_add(&topic, sv_stmt_text(row, 1));
    return gw_publish(g, sv_textbuf_text(&topic), sv_stmt_text(row, 2), -sv_stmt_int(row, 0));
}

static sv_err publish_all(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id, device, body FROM alert_local WHERE id > ? ORDER BY id",
                      &row, why));
    sv_stmt_bind_int(row, 1, g->local_alerts.told);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && publish(g, row); err = sv_stmt_next(row, why)) {
        g->local_alerts.told = sv_stmt_int(row, 0);
    }
    if (err == SV_OK) {
        sv_stmt_reset(row); // the rest when there is room
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void gw_local_alerts_turn(gw *g) {
    const gw_local_alerts *l = &g->local_alerts;
    sv_why why = { 0 };
    if (l->told == l->last || g->exit_code != 0) {
        return;
    }
    if (publish_all(g, &why) != SV_OK) {
        gw_store_failed(g, &why);
    } else if (g->door != NULL && l->told > l->settled) {
        forget_up_to(g, l->told); // with what the door keeps of it for sessions
    }
}

void gw_local_alert_acknowledged(gw *g, int64_t number) {
    if (g->exit_code != 0) {
        return;
    }
    sv_writer_add(g->writer, "DELETE FROM alert_local WHERE id = ?"); // not always in order
    sv_writer_int(g->writer, number);
    settle(&g->local_alerts, number);
    g->local_alerts.dropping = false;
    gw_local_alerts_turn(g);
}
