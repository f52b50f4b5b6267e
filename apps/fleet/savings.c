#include "savings.h"

#include "campaigns_own.h"

#include <base/mem.h>
#include <stdlib.h>
#include <sys/log.h>

typedef struct sums {
    int64_t image, fetched, sent;
} sums;

typedef struct outgoing {
    int64_t campaign;
    uint64_t bytes;
} outgoing;

struct sv_savings {
    outgoing sent[SV_SAVINGS_OPEN_MAX + 1]; ///< the first is campaign 0's
    size_t count;
};

sv_savings *sv_savings_new(void) {
    sv_savings *savings = sv_mem_new(sizeof *savings);
    savings->count = 1;
    return savings;
}

void sv_savings_drop(sv_savings **savings) {
    free(*savings);
    *savings = NULL;
}

static sv_err add(sv_fleet *fleet, int64_t campaign, const sums *more, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO saving (campaign, image, fetched, sent) VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (campaign) DO UPDATE SET image = saving.image + ?2,"
                      " fetched = saving.fetched + ?3, sent = saving.sent + ?4",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, campaign);
    sv_stmt_bind_int(stmt, 2, more->image);
    sv_stmt_bind_int(stmt, 3, more->fetched);
    sv_stmt_bind_int(stmt, 4, more->sent);
    return sv_stmt_run(stmt, why);
}

// ---- what devices fetched -----------------------------------------------------------------------

static sv_err note(sv_fleet *fleet, const sv_action *action, sv_text encoding, int64_t told,
                   const sums *more, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE action SET encoding = ?2, fetched = fetched + ?3, fetched_told = ?4"
                      " WHERE id = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, action->id);
    sv_stmt_bind_text(stmt, 2, encoding);
    sv_stmt_bind_int(stmt, 3, more->fetched);
    sv_stmt_bind_int(stmt, 4, told);
    SV_TRY(sv_stmt_run(stmt, why));
    return add(fleet, action->campaign, more, why);
}

/// Of what it has fetched, what is new: an agent that was started again counts from its beginning.
static int64_t news_of(const sv_action *action, int64_t told, int64_t most) {
    int64_t news = told < action->fetched_told ? told : told - action->fetched_told;
    int64_t left = most - action->fetched;
    return news < left ? news : left;
}

static sv_err hear_ours(sv_fleet *fleet, const sv_action *action, const sv_savings_word *word,
                        sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    sv_err err = sv_images_target(fleet, sv_text_of(action->path), target, why);
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK;
    }
    SV_TRY(err);
    const sv_encoding *encoding = sv_target_encoding(target, word->encoding);
    int64_t length = encoding != NULL ? (int64_t) encoding->length : 0;
    int64_t news = news_of(action, word->fetched, SV_SAVINGS_TIMES_MAX * length);
    if (length == 0 || news <= 0) {
        return SV_OK;
    }
    double times = (double) target->length / (double) length;
    const sums more = { .image = (int64_t) ((double) news * times), .fetched = news };
    return note(fleet, action, word->encoding, word->fetched, &more, why);
}

/// It has all of it.
static bool is_there(const sv_action *action) {
    return action->stand.success_us > 0
           || (action->stand.state >= SV_ACTION_VERIFIED
               && action->stand.state <= SV_ACTION_CONFIRMED);
}

static sv_err hear_other(sv_fleet *fleet, const sv_action *action, sv_why *why) {
    sv_image_row image;
    sv_err err = sv_images_find(fleet, sv_text_of(action->path), &image, NULL);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    const sums more = { .image = (int64_t) image.length, .fetched = (int64_t) image.length };
    return note(fleet, action, SV_TEXT("raw"), more.fetched, &more, why);
}

sv_err sv_savings_hear(sv_fleet *fleet, int64_t id, const sv_savings_word *word, sv_why *why) {
    sv_action action;
    if (word->ours && (word->fetched <= 0 || word->encoding.len == 0)) {
        return SV_OK;
    }
    SV_TRY(sv_actions_find(fleet, id, &action, why));
    if (word->ours) {
        return word->fetched != action.fetched_told ? hear_ours(fleet, &action, word, why) : SV_OK;
    }
    return action.fetched == 0 && is_there(&action) ? hear_other(fleet, &action, why) : SV_OK;
}

// ---- what went out ------------------------------------------------------------------------------

static int64_t newest_of(sv_fleet *fleet, sv_text sha256) {
    sv_stmt *row;
    int64_t id = 0;
    if (sv_db_stmt(fleet->db,
                   "SELECT id FROM campaign WHERE sha256 = ?1 AND (state < 4 OR closing > 0)"
                   " ORDER BY id DESC LIMIT 1",
                   &row, NULL)
        == SV_OK) {
        sv_stmt_bind_text(row, 1, sha256);
        id = sv_stmt_next(row, NULL) == SV_OK ? sv_stmt_int(row, 0) : 0;
        sv_stmt_reset(row);
    }
    return id;
}

int64_t sv_savings_campaign(sv_fleet *fleet, const sv_asker *asker, sv_text sha256) {
    sv_action action;
    if (asker->who.role == SV_ROLE_GATEWAY) {
        return newest_of(fleet, sha256);
    }
    return sv_actions_open_of(fleet, asker->who.id, &action, NULL) == SV_OK ? action.campaign : 0;
}

void sv_savings_sent(void *arg, int64_t campaign, uint64_t bytes) {
    sv_savings *savings = arg;
    size_t i = 0;
    while (i < savings->count && savings->sent[i].campaign != campaign) {
        i++;
    }
    if (i == SV_COUNT(savings->sent)) {
        i = 0;
    } else if (i == savings->count) {
        savings->sent[savings->count++] = (outgoing){ .campaign = campaign };
    }
    savings->sent[i].bytes += bytes;
}

static sv_err keep(sv_fleet *fleet, const sv_savings *savings, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = SV_OK;
    for (size_t i = 0; err == SV_OK && i < savings->count; i++) {
        const sums more = { .sent = (int64_t) savings->sent[i].bytes };
        err = more.sent > 0 ? add(fleet, savings->sent[i].campaign, &more, why) : SV_OK;
    }
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

void sv_savings_turn(sv_fleet *fleet) {
    sv_savings *savings = fleet->savings;
    sv_why why = { 0 };
    if (savings->count == 1 && savings->sent[0].bytes == 0) {
        return;
    }
    if (keep(fleet, savings, &why) != SV_OK) {
        SV_LOG(error, "savings.failed", "%s; it is tried again", why.text);
        return;
    }
    for (size_t i = 1; fleet->campaigns != NULL && i < savings->count; i++) {
        sv_campaigns_note(fleet, savings->sent[i].campaign);
    }
    *savings = (sv_savings){ .count = 1 };
}

// ---- showing ------------------------------------------------------------------------------------

static void put(const sums *all, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_int(out, "image", all->image);
    sv_json_add_int(out, "fetched", all->fetched);
    sv_json_add_int(out, "sent", all->sent);
    sv_json_close_object(out);
}

static sums read_sums(sv_stmt *row, int from) {
    return (sums){ .image = sv_stmt_int(row, from),
                   .fetched = sv_stmt_int(row, from + 1),
                   .sent = sv_stmt_int(row, from + 2) };
}

sv_err sv_savings_write(sv_fleet *fleet, int64_t campaign, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    sums all = { 0 };
    SV_TRY(sv_db_stmt(fleet->db, "SELECT image, fetched, sent FROM saving WHERE campaign = ?1",
                      &row, why));
    sv_stmt_bind_int(row, 1, campaign);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        all = read_sums(row, 0);
        sv_stmt_reset(row);
    }
    put(&all, out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// `sites` of a row: NULL of campaign 0.
static bool is_seen(sv_stmt *row, const char *sites) {
    char of[SV_SITES_ROOM];
    if (sv_stmt_is_null(row, 3)) {
        return sites[0] == '\0';
    }
    return sv_text_copy(sv_stmt_text(row, 3), of, sizeof of) == SV_OK && sv_sites_within(of, sites);
}

sv_err sv_savings_write_all(sv_fleet *fleet, const char *sites, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    sums all = { 0 };
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT s.image, s.fetched, s.sent, c.sites FROM saving s"
                      " LEFT JOIN campaign c ON c.id = s.campaign",
                      &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sums of = read_sums(row, 0);
        if (is_seen(row, sites)) {
            all = (sums){ all.image + of.image, all.fetched + of.fetched, all.sent + of.sent };
        }
    }
    put(&all, out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
