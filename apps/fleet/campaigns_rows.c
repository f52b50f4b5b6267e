#include "campaigns_own.h"

#include <string.h>

static void read_numbers(sv_text text, int64_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t number = 0;
        (void) sv_text_u64(sv_text_cut(&text, ' '), INT64_MAX, &number);
        out[i] = (int64_t) number;
    }
}

static void add_numbers(const int64_t *numbers, size_t count, sv_textbuf *out) {
    for (size_t i = 0; i < count; i++) {
        sv_textbuf_addf(out, "%s%lld", i > 0 ? " " : "", (long long) numbers[i]);
    }
}

static sv_err load_waves(sv_fleet *fleet, sv_campaign_row *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT number, places, accepted, counts, forgiven FROM campaign_wave"
                      " WHERE campaign = ?1 ORDER BY number",
                      &row, why));
    sv_stmt_bind_int(row, 1, out->id);
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK && out->c.wave_count < SV_CAMPAIGN_WAVES_MAX) {
        size_t i = out->c.wave_count++;
        sv_campaign_wave *wave = &out->c.waves[i];
        out->places[i] = sv_stmt_int(row, 1);
        wave->accepted = sv_stmt_int(row, 2) != 0;
        read_numbers(sv_stmt_text(row, 3), wave->count, SV_STAGE__COUNT);
        read_numbers(sv_stmt_text(row, 4), wave->forgiven, SV_STAGE_BAD_COUNT);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err read_texts(sv_stmt *row, sv_campaign_row *out) {
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), out->image, sizeof out->image));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 1), out->product, sizeof out->product));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 2), out->version, sizeof out->version));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 3), out->sha256, sizeof out->sha256));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 4), out->sites, sizeof out->sites));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 5), out->user, sizeof out->user));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 6), out->after, sizeof out->after));
    return sv_text_copy(sv_stmt_text(row, 7), out->c.why, sizeof out->c.why);
}

sv_err sv_campaign_row_load(sv_fleet *fleet, int64_t id, sv_campaign_row *out, sv_why *why) {
    sv_stmt *row;
    memset(out, 0, sizeof *out);
    out->id = id;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT image, product, version, sha256, sites, user, coalesce(after, ''),"
                      " why, after IS NOT NULL, closing, priority, start_ms, state, open, approved,"
                      " ready, prestage, retries"
                      " FROM campaign WHERE id = ?1",
                      &row, why));
    sv_stmt_bind_int(row, 1, id);
    sv_err err = sv_stmt_next(row, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND
                   ? sv_fail(why, err, "there is no campaign %lld", (long long) id)
                   : err;
    }
    err = read_texts(row, out);
    out->gathers = sv_stmt_int(row, 8) != 0;
    out->closing = (sv_campaign_closing) sv_stmt_int(row, 9);
    out->priority = (int) sv_stmt_int(row, 10);
    out->start_ms = sv_stmt_int(row, 11);
    out->c.state = (sv_campaign_state) sv_stmt_int(row, 12);
    out->c.open = (size_t) sv_stmt_int(row, 13);
    out->c.approved = (int) sv_stmt_int(row, 14);
    out->ready = sv_stmt_int(row, 15);
    out->prestage = sv_stmt_int(row, 16) != 0;
    out->retries = sv_stmt_int(row, 17) != 0;
    sv_stmt_reset(row);
    return err == SV_OK ? load_waves(fleet, out, why)
                        : sv_fail(why, SV_ERR_IO, "campaign %lld is damaged", (long long) id);
}

static sv_err save_wave(sv_fleet *fleet, const sv_campaign_row *row, size_t i, sv_why *why) {
    sv_stmt *stmt;
    char counts[SV_STAGE__COUNT * 21];
    char forgiven[SV_STAGE_BAD_COUNT * 21];
    sv_textbuf counts_text = SV_TEXTBUF(counts);
    sv_textbuf forgiven_text = SV_TEXTBUF(forgiven);
    add_numbers(row->c.waves[i].count, SV_STAGE__COUNT, &counts_text);
    add_numbers(row->c.waves[i].forgiven, SV_STAGE_BAD_COUNT, &forgiven_text);
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO campaign_wave (campaign, number, places, accepted, counts,"
                      " forgiven) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                      " ON CONFLICT (campaign, number) DO UPDATE SET places = ?3, accepted = ?4,"
                      " counts = ?5, forgiven = ?6",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, row->id);
    sv_stmt_bind_int(stmt, 2, (int64_t) i);
    sv_stmt_bind_int(stmt, 3, row->places[i]);
    sv_stmt_bind_int(stmt, 4, row->c.waves[i].accepted);
    sv_stmt_bind_text(stmt, 5, sv_textbuf_text(&counts_text));
    sv_stmt_bind_text(stmt, 6, sv_textbuf_text(&forgiven_text));
    return sv_stmt_run(stmt, why);
}

sv_err sv_campaign_row_save(sv_fleet *fleet, const sv_campaign_row *row, int wave, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign SET state = ?2, why = ?3, open = ?4, approved = ?5,"
                      " closing = ?6, after = CASE WHEN ?7 THEN ?8 END, retries = ?10,"
                      " started_ms = CASE WHEN ?4 > 0 THEN coalesce(started_ms, ?9) END,"
                      " ended_ms = CASE WHEN ?2 >= 4 THEN coalesce(ended_ms, ?9) END WHERE id = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, row->id);
    sv_stmt_bind_int(stmt, 2, (int64_t) row->c.state);
    sv_stmt_bind_str(stmt, 3, row->c.why);
    sv_stmt_bind_int(stmt, 4, (int64_t) row->c.open);
    sv_stmt_bind_int(stmt, 5, row->c.approved);
    sv_stmt_bind_int(stmt, 6, (int64_t) row->closing);
    sv_stmt_bind_int(stmt, 7, row->gathers);
    sv_stmt_bind_str(stmt, 8, row->after);
    sv_stmt_bind_int(stmt, 9, fleet->wall_us() / 1000);
    sv_stmt_bind_int(stmt, 10, row->retries);
    SV_TRY(sv_stmt_run(stmt, why));
    for (size_t i = 0; i < row->c.wave_count; i++) {
        if (wave == SV_ALL_WAVES || wave == (int) i) {
            SV_TRY(save_wave(fleet, row, i, why));
        }
    }
    sv_campaigns_note(fleet, row->id);
    return SV_OK;
}

sv_err sv_campaigns_sites(sv_fleet *fleet, int64_t id, char sites[SV_SITES_ROOM], sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT sites FROM campaign WHERE id = ?1", &row, why));
    sv_stmt_bind_int(row, 1, id);
    sv_err err = sv_stmt_next(row, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND
                   ? sv_fail(why, err, "there is no campaign %lld", (long long) id)
                   : err;
    }
    err = sv_text_copy(sv_stmt_text(row, 0), sites, SV_SITES_ROOM);
    sv_stmt_reset(row);
    return err;
}
