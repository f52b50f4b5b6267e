#include "lives_end.h"
#include "gateway.h"
#include <detect/life_judge.h>
#include <stdio.h>
#include <sys/log.h>

typedef struct tally {
    size_t days, wrong_days;
} tally;

static double rows(const gw_model *model, int64_t us) {
    return us > 0 ? (double) us / (double) model->terms.row_us : 0;
}

static void judge_day(const gw_model *model, const gw_life_end *end, sv_stmt *row, tally *out) {
    int64_t morning_us = sv_stmt_int(row, 0) * SV_TIME_DAY_US;
    const sv_life_word word = { .low = sv_stmt_number(row, 1),
                                .high = sv_stmt_number(row, 2),
                                .least = rows(model, end->at_us - morning_us - SV_TIME_DAY_US),
                                .most = rows(model, end->at_us - morning_us) };
    if (!sv_life_word_says(&word)) {
        return;
    }
    out->days++;
    out->wrong_days += sv_life_word_is_wrong(&word, end->failed) ? 1 : 0;
}

/// The days since its life before ended.
static sv_err judge_life(const gw *g, const gw_model *model, const gw_life_end *end, tally *out,
                         sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT day, low, high FROM life_said WHERE device = ?1 AND sha256 = ?2 AND"
                      " day <= ?3 AND day > (SELECT coalesce(max(day), -1) FROM life_end WHERE"
                      " device = ?1 AND sha256 = ?2)",
                      &row, why));
    sv_stmt_bind_text(row, 1, end->device);
    sv_stmt_bind_str(row, 2, model->sha256);
    sv_stmt_bind_int(row, 3, end->at_us / SV_TIME_DAY_US);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        judge_day(model, end, row, out);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void record(gw *g, const gw_model *model, const gw_life_end *end, const tally *said,
                   bool wrong) {
    int64_t day = gw_wall_us(g) / SV_TIME_DAY_US;
    sv_writer_add(g->writer, "INSERT OR IGNORE INTO life_end VALUES (?, ?, ?, ?, ?, ?, ?)");
    sv_writer_int(g->writer, day);
    sv_writer_text(g->writer, end->device);
    sv_writer_str(g->writer, model->sha256);
    sv_writer_int(g->writer, end->failed);
    sv_writer_int(g->writer, (int64_t) said->days);
    sv_writer_int(g->writer, (int64_t) said->wrong_days);
    sv_writer_int(g->writer, wrong);
    sv_writer_add(g->writer, "DELETE FROM life_end WHERE day < ?");
    sv_writer_int(g->writer, day - GW_LIFE_DAYS);
    sv_writer_hurry(g->writer);
}

/// The last lives of which it had said something.
static sv_err count(const gw *g, gw_model *model, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT count(*), coalesce(sum(wrong), 0) FROM (SELECT wrong FROM life_end"
                      " WHERE sha256 = ?1 AND days > 0 ORDER BY day DESC, device DESC LIMIT ?2)",
                      &row, why));
    sv_stmt_bind_str(row, 1, model->sha256);
    sv_stmt_bind_int(row, 2, SV_LIVES_JUDGED);
    SV_TRY(sv_stmt_next(row, why));
    model->ended = (size_t) sv_stmt_int(row, 0);
    model->wrong = (size_t) sv_stmt_int(row, 1);
    sv_stmt_reset(row);
    return SV_OK;
}

static void judge_model(gw *g, size_t slot) {
    gw_model *model = &g->models.at[slot];
    char why[GW_MODEL_WHY_MAX];
    if (!gw_model_is_live(model) || !sv_lives_are_wrong(model->ended, model->wrong)) {
        return;
    }
    (void) snprintf(why, sizeof why,
                    "%zu of the last %zu lives ended outside of what it had said of them",
                    model->wrong, model->ended);
    gw_model_withdraw(g, slot, why);
}

void gw_life_ended(gw *g, size_t slot, const gw_life_end *end) {
    gw_model *model = &g->models.at[slot];
    tally said = { .days = 0 };
    sv_why why = { 0 };
    sv_writer_wait(g->writer); // the last words about it
    sv_err err = judge_life(g, model, end, &said, &why);
    bool wrong = sv_life_is_wrong(said.days, said.wrong_days);
    if (err == SV_OK) {
        record(g, model, end, &said, wrong);
        sv_writer_wait(g->writer); // more ends may come in the same list
        err = count(g, model, &why);
    }
    if (err == SV_OK && said.days > 0) {
        SV_LOG(info, "life.ended", SV_TEXT_FMT " %s; %s version %lld was wrong on %zu of %zu days",
               SV_TEXT_ARG(end->device), end->failed ? "has failed" : "was renewed", model->name,
               (long long) model->version, said.wrong_days, said.days);
        if (wrong) {
            judge_model(g, slot);
        }
    }
    if (err != SV_OK) {
        SV_LOG(error, "life.unjudged", SV_TEXT_FMT ": %s", SV_TEXT_ARG(end->device), why.text);
    }
}

void gw_lives_ended(gw *g, size_t slot) {
    sv_why why = { 0 };
    if (count(g, &g->models.at[slot], &why) != SV_OK) {
        SV_LOG(error, "life.unjudged", "%s: %s", g->models.at[slot].name, why.text);
    }
}
