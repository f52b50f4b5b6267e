#include "standing_own.h"

#include "aside.h"
#include "gateway.h"
#include <base/mem.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

// ---- who counts ---------------------------------------------------------------------------------

bool gw_standing_is_old(const gw *g) {
    const gw_standing *s = &g->standing;
    return s->at_us > 0 && gw_now_us() - s->at_us > g->config.standing.max_age_us;
}

sv_err gw_standing_judge(const gw *g, const sv_identity *who, sv_why *why) {
    sv_standing has;
    if (!sv_standings_get(g->standing.table, sv_text_of(who->id), &has)
        || sv_standing_judge(&has, who->not_before_us) != SV_STANDING_REFUSED) {
        return SV_OK;
    }
    return has.state == SV_STANDING_REVOKED || has.state == SV_STANDING_RETIRED
               ? sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is %s (change %" PRId64 ")", who->id,
                         sv_standing_state_name(has.state), has.version)
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "this certificate of '%s' counts no longer: there is a newer one (change "
                         "%" PRId64 ")",
                         who->id, has.version);
}

static bool was_met(const gw *g, const char *id) {
    return sv_map_get(g->standing.met, sv_text_of(id)) != NULL;
}

static void meet(gw *g, const char *id) {
    static char met;
    gw_standing *s = &g->standing;
    if (was_met(g, id) || g->full || g->exit_code != 0
        || sv_map_put(s->met, sv_text_of(id), &met) != SV_OK) {
        return;
    }
    sv_writer_add(g->writer, "INSERT OR IGNORE INTO met (id) VALUES (?)");
    sv_writer_str(g->writer, id);
    sv_writer_add(g->writer, "DELETE FROM met WHERE n <= (SELECT max(n) FROM met) - ?");
    sv_writer_int(g->writer, GW_MET_MAX);
}

sv_err gw_standing_admit(gw *g, const sv_identity *who, sv_why *why) {
    sv_err err = gw_standing_judge(g, who, why);
    if (err == SV_OK && gw_standing_is_old(g) && !was_met(g, who->id)) {
        err = sv_fail(why, SV_ERR_UNTRUSTED,
                      "'%s' was never seen here, and who counts was last heard %lld h ago "
                      "(standing: max_age)",
                      who->id, (long long) ((gw_now_us() - g->standing.at_us) / SV_TIME_HOUR_US));
    }
    if (err == SV_OK) {
        meet(g, who->id);
    } else {
        g->standing.turned_away++;
    }
    return err;
}

bool gw_standing_is_quarantined(const gw *g, sv_text id) {
    sv_standing has;
    const gw_standing *s = &g->standing;
    return (sv_map_count(s->held) > 0 && sv_map_get(s->held, id) != NULL)
           || (sv_standings_count(s->table) > 0 && sv_standings_get(s->table, id, &has)
               && has.state == SV_STANDING_QUARANTINED);
}

bool gw_standing_is_out(const gw *g, sv_text id) {
    sv_standing has;
    return sv_standings_count(g->standing.table) > 0
           && sv_standings_get(g->standing.table, id, &has)
           && (has.state == SV_STANDING_REVOKED || has.state == SV_STANDING_RETIRED);
}

const char *gw_standing_name(const gw *g, sv_text id) {
    sv_standing has = { .state = SV_STANDING_ACTIVE };
    (void) sv_standings_get(g->standing.table, id, &has);
    bool held = sv_map_get(g->standing.held, id) != NULL;
    return sv_standing_state_name(held ? SV_STANDING_QUARANTINED : has.state);
}

// ---- from start to end --------------------------------------------------------------------------

void gw_standing_open(gw *g, const uint8_t key[16]) {
    g->standing = (gw_standing){ .doubt_us = sv_clock_monotonic_us(),
                                 .table = sv_standings_new(key),
                                 .met = sv_map_new(GW_MET_MAX, key),
                                 .held = sv_map_new(GW_HELD_MAX, key) };
}

sv_err gw_standing_signed(const gw *g, int64_t *out, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT at FROM standing_head", &row, why));
    sv_err err = sv_stmt_next(row, why);
    *out = err == SV_OK ? sv_stmt_int(row, 0) : 0;
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err restore_head(gw *g, sv_why *why) {
    gw_standing *s = &g->standing;
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT version, hash, at FROM standing_head", &row, why));
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        sv_text hash = sv_stmt_bytes(row, 1);
        if (hash.len != sizeof s->hash) {
            return sv_fail(why, SV_ERR_IO, "the row of the table standing_head is damaged");
        }
        memcpy(s->hash, hash.at, sizeof s->hash);
        s->version = sv_stmt_int(row, 0);
        s->at_us = sv_stmt_int(row, 2);
        sv_stmt_reset(row);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err restore_changes(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id, state, before, version FROM standing", &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        sv_standing_change change = { .before_us = sv_stmt_int(row, 2),
                                      .version = sv_stmt_int(row, 3) };
        int64_t state = sv_stmt_int(row, 1);
        if (state < 0 || state >= SV_STANDING__COUNT
            || sv_text_copy(sv_stmt_text(row, 0), change.id, sizeof change.id) != SV_OK) {
            return sv_fail(why, SV_ERR_IO, "a row of the table standing is damaged");
        }
        change.state = (sv_standing_state) state;
        SV_TRY(sv_standings_set(g->standing.table, &change));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err restore_met(gw *g, sv_why *why) {
    static char met;
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id FROM met ORDER BY n DESC LIMIT ?", &row, why));
    sv_stmt_bind_int(row, 1, GW_MET_MAX);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        SV_TRY(sv_map_put(g->standing.met, sv_stmt_text(row, 0), &met));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err gw_standing_restore(gw *g, sv_why *why) {
    SV_TRY(restore_head(g, why));
    SV_TRY(restore_changes(g, why));
    SV_TRY(restore_met(g, why));
    SV_TRY(gw_holds_restore(g, why));
    return gw_aside_restore(g, why);
}

static void open_trust(gw *g) {
    sv_standing_trust *fresh = NULL;
    sv_why why = { 0 };
    if (sv_standing_trust_open(g->config.tls.ca, g->config.tls.cert, &fresh, &why) != SV_OK) {
        SV_LOG(error, "standing.untrusted", "%s; changes of who counts are not taken", why.text);
        return;
    }
    sv_standing_trust_drop(&g->standing.trust);
    g->standing.trust = fresh;
}

void gw_standing_start(gw *g) {
    if (g->config.fleet.url[0] == '\0') {
        return;
    }
    open_trust(g);
    g->standing.timer = sv_timer_new(g->loop, gw_standing_turn, g);
    sv_timer_every(g->standing.timer, GW_PAUSE_LOOK_US);
    gw_standing_look(g);
}

void gw_standing_reload(gw *g) {
    if (g->standing.timer != NULL) {
        open_trust(g);
        gw_standing_look(g);
    }
}

void gw_standing_close(gw *g) {
    gw_standing *s = &g->standing;
    sv_timer_drop(&s->timer);
    sv_standing_trust_drop(&s->trust);
    sv_standings_drop(&s->table);
    sv_map_drop(&s->met);
    gw_holds_close(g);
}

// ---- showing ------------------------------------------------------------------------------------

static void put_held(const gw *g, sv_json_out *out) {
    sv_json_key(out, "quarantined_here");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_map_count(g->standing.held); i++) {
        const gw_held *held = sv_map_at(g->standing.held, i, NULL);
        sv_json_open_object(out);
        sv_json_add_str(out, "id", held->id);
        sv_json_add_int(out, "at", held->at_us / 1000);
        sv_json_add_str(out, "places", held->places);
        sv_json_add_bool(out, "reported", held->reported);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

void gw_standing_write(const gw *g, sv_json_out *out) {
    const gw_standing *s = &g->standing;
    sv_json_open_object(out);
    sv_json_add_int(out, "version", s->version);
    sv_json_key(out, "at");
    if (s->at_us > 0) {
        sv_json_put_int(out, s->at_us / 1000);
    } else {
        sv_json_put_null(out);
    }
    sv_json_add_bool(out, "old", gw_standing_is_old(g));
    sv_json_add_int(out, "ids", (int64_t) sv_standings_count(s->table));
    sv_json_add_int(out, "turned_away", (int64_t) s->turned_away);
    sv_json_add_int(out, "ended", (int64_t) s->ended);
    sv_json_add_int(out, "dropped", (int64_t) s->dropped);
    put_held(g, out);
    sv_json_key(out, "set_aside");
    sv_json_open_object(out);
    sv_json_add_int(out, "devices", (int64_t) sv_map_count(g->aside.of));
    sv_json_add_int(out, "messages", g->aside.rows);
    sv_json_add_int(out, "bytes", g->aside.bytes);
    sv_json_add_int(out, "dropped", g->aside.dropped);
    sv_json_close_object(out);
    sv_json_close_object(out);
}
