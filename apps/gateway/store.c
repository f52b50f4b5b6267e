#include "gateway.h"
#include <sys/clock.h>
#include <sys/log.h>

extern const char gw_schema[];

enum { TRIM_ROWS = 2000, HURRY_US = 5000 };

void gw_store_failed(gw *g, const sv_why *why) {
    SV_LOG(error, "store.failed", "%s", why->text);
    g->exit_code = 5;
    sv_loop_stop(g->loop);
}

sv_err gw_store_open(gw *g, sv_why *why) {
    const sv_db_migration migrations[] = { { "first", gw_schema } };
    SV_TRY(sv_db_open(g->config.store.path, migrations, SV_COUNT(migrations), &g->db, why));
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT epoch FROM meta", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    sv_err err = sv_text_copy(sv_stmt_text(stmt, 0), g->epoch, sizeof g->epoch);
    sv_stmt_reset(stmt);
    return err;
}

void gw_group_begin(gw *g) {
    if (g->in_group) {
        return;
    }
    sv_why why = { 0 };
    if (sv_db_begin(g->db, &why) != SV_OK) {
        gw_store_failed(g, &why);
        return;
    }
    g->in_group = true;
    sv_timer_once(g->group_timer, g->config.store.group_us);
}

static void publish_alerts(gw *g) {
    sv_text rest = sv_textbuf_text(&g->alerts);
    while (rest.len > 0) {
        sv_text line = sv_text_cut(&rest, '\n');
        char room[SV_ID_ROOM + 8];
        sv_textbuf topic = SV_TEXTBUF(room);
        sv_textbuf_add_str(&topic, "alerts/");
        sv_textbuf_add(&topic, sv_text_cut(&line, '\t'));
        if (sv_mqtt_client_publish(g->mqtt, sv_textbuf_text(&topic), line, 1, false, 0) != SV_OK) {
            SV_LOG(warn, "alert.unpublished", "the queue to the broker is full");
        }
    }
    sv_textbuf_clear(&g->alerts);
}

void gw_group_commit(gw *g) {
    sv_timer_stop(g->group_timer);
    if (!g->in_group || g->exit_code != 0) {
        return;
    }
    g->in_group = false;
    g->committed_us = sv_clock_monotonic_us();
    sv_why why = { 0 };
    if (sv_db_commit(g->db, &why) != SV_OK) {
        gw_store_failed(g, &why);
        return;
    }
    for (size_t i = 0; i < g->ack_count; i++) {
        sv_mqtt_client_ack(g->mqtt, g->acks[i]);
    }
    g->ack_count = 0;
    publish_alerts(g);
    gw_uplink_turn(g);
}

void gw_group_hurry(gw *g) {
    int64_t since_us = sv_clock_monotonic_us() - g->committed_us;
    if (since_us >= HURRY_US) {
        gw_group_commit(g);
    } else {
        sv_timer_once(g->group_timer, HURRY_US - since_us);
    }
}

static sv_err trim_readings(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "DELETE FROM reading WHERE id IN (SELECT id FROM reading ORDER BY id LIMIT "
                      "?1) AND (received < ?2 OR (SELECT (page_count - freelist_count) * page_size"
                      " FROM pragma_page_count, pragma_freelist_count, pragma_page_size) > ?3)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, TRIM_ROWS);
    sv_stmt_bind_int(stmt, 2, sv_clock_wall_us() - g->config.store.retention_us);
    sv_stmt_bind_int(stmt, 3, g->config.store.bytes);
    return sv_stmt_run(stmt, why);
}

void gw_store_trim(gw *g) {
    sv_why why = { 0 };
    gw_group_begin(g);
    if (g->exit_code == 0
        && (trim_readings(g, &why) != SV_OK || gw_outbox_trim(g, &why) != SV_OK)) {
        gw_store_failed(g, &why);
    }
}
