// What the ledger says to people: epoch by epoch, the numbers of all gateways put together.
#include "ledger.h"

#include <base/mem.h>
#include <base/time.h>
#include <model/ledger.h>
#include <stdlib.h>
#include <string.h>

/// One epoch of a device at all gateways.
typedef struct epoch {
    char name[SV_EPOCH_MAX + 1];
    sv_range *at; ///< rising, not touching
    size_t count;
    int64_t floor;     ///< the highest; numbers below it that are not in `at` are unknown
    sv_ledger sums;    ///< without days
    int64_t day_from;  ///< first number of the day asked for; 0: it has none
    int64_t next_from; ///< of the first later day; 0: there is none
} epoch;

/// What there is to say about an epoch's numbers within `from` to `to`.
typedef struct verdict {
    int64_t from, to;
    int64_t received;
    int64_t missing; ///< unknown ones among them
    int64_t unknown;
    int64_t doubled; ///< of the whole epoch
} verdict;

static int64_t lower(int64_t left, int64_t right) {
    return left < right ? left : right;
}

static int64_t higher(int64_t left, int64_t right) {
    return left > right ? left : right;
}

// ---- reading ------------------------------------------------------------------------------------

static int by_start(const void *left, const void *right) {
    const sv_range *a = left;
    const sv_range *b = right;
    return (a->from > b->from) - (a->from < b->from);
}

static void merge(epoch *e, const sv_ranges *numbers) {
    e->floor = higher(e->floor, numbers->floor);
    if (numbers->count == 0) {
        return;
    }
    e->at = sv_mem_resize(e->at, (e->count + numbers->count) * sizeof *e->at);
    memcpy(e->at + e->count, numbers->at, numbers->count * sizeof *e->at);
    size_t all = e->count + numbers->count;
    qsort(e->at, all, sizeof *e->at, by_start);
    e->count = 0;
    for (size_t i = 0; i < all; i++) {
        sv_range *last = e->count > 0 ? &e->at[e->count - 1] : NULL;
        if (last != NULL && e->at[i].from <= last->to + 1) {
            last->to = higher(last->to, e->at[i].to);
        } else {
            e->at[e->count++] = e->at[i];
        }
    }
}

static void note_days(epoch *e, const sv_ledger *ledger, int64_t day) {
    for (uint32_t i = 0; i < ledger->day_count; i++) {
        const sv_ledger_day *one = &ledger->days[i];
        if (one->day == day) {
            e->day_from = e->day_from == 0 ? one->from : lower(e->day_from, one->from);
        } else if (one->day > day) {
            e->next_from = e->next_from == 0 ? one->from : lower(e->next_from, one->from);
            return;
        }
    }
}

static void note_sums(sv_ledger *sums, const sv_ledger *more) {
    sums->stored += more->stored;
    sums->refused += more->refused;
    sums->repeated += more->repeated;
    if (more->stored > 0) {
        sums->first_us =
            sums->first_us == 0 ? more->first_us : lower(sums->first_us, more->first_us);
        sums->last_us = higher(sums->last_us, more->last_us);
    }
}

static sv_err add_row(epoch *e, sv_stmt *stmt, int64_t day, sv_why *why) {
    SV_DEFER(sv_ledger_drop) sv_ledger ledger = { 0 };
    SV_DEFER(sv_ranges_drop) sv_ranges numbers = SV_RANGES_EMPTY;
    if (sv_ranges_parse(sv_stmt_text(stmt, 1), &numbers) != SV_OK
        || sv_ledger_parse(sv_stmt_text(stmt, 2), &ledger) != SV_OK) {
        return sv_fail(why, SV_ERR_IO, "a row of the ledger is damaged (epoch %s)", e->name);
    }
    merge(e, &numbers);
    note_days(e, &ledger, day);
    note_sums(&e->sums, &ledger);
    return SV_OK;
}

static void drop_epoch(epoch *e) {
    free(e->at);
    *e = (epoch){ 0 };
}

typedef void each_epoch(void *arg, const epoch *e);

/// `each` is called for every epoch that has numbers of `day`, the oldest first.
static sv_err walk(sv_db *db, const char *device, int64_t day, each_epoch *each, void *arg,
                   sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT epoch, numbers, book FROM ledger AS l WHERE device = ?1 ORDER BY"
                      " (SELECT min(first_us) FROM ledger AS o WHERE o.device = l.device"
                      " AND o.epoch = l.epoch), epoch, gateway",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    SV_DEFER(drop_epoch) epoch e = { 0 };
    sv_err err = sv_stmt_next(stmt, why);
    while (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 0), e.name, sizeof e.name);
        while (err == SV_OK && sv_text_is(sv_stmt_text(stmt, 0), e.name)) {
            err = add_row(&e, stmt, day, why);
            err = err == SV_OK ? sv_stmt_next(stmt, why) : err;
        }
        if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
            break;
        }
        if (day == SV_LEDGER_ALL_DAYS || e.day_from > 0) {
            each(arg, &e);
        }
        drop_epoch(&e);
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- judging ------------------------------------------------------------------------------------

/// Stored beyond what all numbers can account for. Below the floor each may have come once.
static int64_t doubled(const epoch *e) {
    int64_t numbers = e->floor > 0 ? e->floor - 1 : 0;
    for (size_t i = 0; i < e->count; i++) {
        int64_t from = higher(e->at[i].from, e->floor);
        numbers += higher(e->at[i].to - from + 1, 0);
    }
    return higher(e->sums.stored - numbers, 0);
}

static void put_span(sv_json_out *out, int64_t from, int64_t to) {
    char room[48];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_textbuf_addf(&text, "%lld", (long long) from);
    if (to > from) {
        sv_textbuf_addf(&text, "-%lld", (long long) to);
    }
    sv_json_put_text(out, sv_textbuf_text(&text));
}

/// Nothing is known of `from` to `to`; `out` may be NULL.
static void note_gap(const epoch *e, int64_t from, int64_t to, verdict *v, sv_json_out *out) {
    int64_t known_from = higher(from, e->floor);
    v->unknown += higher(lower(to, e->floor - 1) - from + 1, 0);
    v->missing += higher(to - from + 1, 0);
    if (out != NULL && known_from <= to) {
        put_span(out, known_from, to);
    }
}

/// `missing` (or NULL) gets the gaps as texts.
static verdict judge(const epoch *e, int64_t day, sv_json_out *missing) {
    int64_t highest = e->count > 0 ? e->at[e->count - 1].to : 0;
    highest = higher(highest, e->floor - 1);
    verdict v = { .from = day == SV_LEDGER_ALL_DAYS ? 1 : e->day_from,
                  .to = day == SV_LEDGER_ALL_DAYS || e->next_from == 0 ? highest : e->next_from - 1,
                  .doubled = doubled(e) };
    int64_t next = v.from;
    for (size_t i = 0; i < e->count; i++) {
        int64_t from = higher(e->at[i].from, v.from);
        int64_t to = lower(e->at[i].to, v.to);
        if (from <= to) {
            note_gap(e, next, from - 1, &v, missing);
            v.received += to - from + 1;
            next = to + 1;
        }
    }
    note_gap(e, next, v.to, &v, missing);
    return v;
}

static bool is_complete(const verdict *v) {
    return v->missing == 0 && v->doubled == 0;
}

// ---- one device ---------------------------------------------------------------------------------

typedef struct telling {
    sv_json_out *out;
    int64_t day;
    bool complete;
} telling;

static void put_ms(sv_json_out *out, const char *key, int64_t at_us) {
    if (at_us == 0) {
        sv_json_add_null(out, key);
    } else {
        sv_json_add_int(out, key, at_us / 1000);
    }
}

static void put_epoch(void *arg, const epoch *e) {
    telling *t = arg;
    sv_json_open_object(t->out);
    sv_json_add_str(t->out, "epoch", e->name);
    sv_json_key(t->out, "missing");
    sv_json_open_array(t->out);
    verdict v = judge(e, t->day, t->out);
    sv_json_close_array(t->out);
    sv_json_add_int(t->out, "from", v.from);
    sv_json_add_int(t->out, "to", v.to);
    sv_json_add_int(t->out, "received", v.received);
    if (v.unknown > 0) {
        sv_json_add_int(t->out, "unknown_below", e->floor);
    } else {
        sv_json_add_null(t->out, "unknown_below");
    }
    sv_json_add_int(t->out, "stored", e->sums.stored);
    sv_json_add_int(t->out, "doubled", v.doubled);
    sv_json_add_int(t->out, "repeated", e->sums.repeated);
    sv_json_add_int(t->out, "refused", e->sums.refused);
    put_ms(t->out, "first", e->sums.first_us);
    put_ms(t->out, "last", e->sums.last_us);
    sv_json_close_object(t->out);
    t->complete = t->complete && is_complete(&v);
}

sv_err sv_ledger_write_device(sv_db *db, const sv_device *device, int64_t day, sv_json_out *out,
                              sv_why *why) {
    char room[16];
    sv_textbuf text = SV_TEXTBUF(room);
    telling t = { .out = out, .day = day, .complete = true };
    sv_json_open_object(out);
    sv_json_add_str(out, "device", device->id);
    if (day == SV_LEDGER_ALL_DAYS) {
        sv_json_add_null(out, "day");
    } else {
        sv_day_add(&text, day);
        sv_json_add_text(out, "day", sv_textbuf_text(&text));
    }
    sv_json_key(out, "epochs");
    sv_json_open_array(out);
    SV_TRY(walk(db, device->id, day, put_epoch, &t, why));
    sv_json_close_array(out);
    sv_json_add_bool(out, "complete", t.complete);
    sv_json_close_object(out);
    return SV_OK;
}

// ---- all devices --------------------------------------------------------------------------------

typedef struct day_sum {
    int64_t day;
    verdict sum;
} day_sum;

static void add_epoch(void *arg, const epoch *e) {
    day_sum *s = arg;
    verdict v = judge(e, s->day, NULL);
    s->sum.received += v.received;
    s->sum.missing += v.missing;
    s->sum.doubled += v.doubled;
}

static sv_err put_device(sv_db *db, const char *id, int64_t day, sv_json_out *out, sv_why *why) {
    day_sum s = { .day = day };
    SV_TRY(walk(db, id, day, add_epoch, &s, why));
    sv_json_open_object(out);
    sv_json_add_str(out, "device", id);
    sv_json_add_int(out, "received", s.sum.received);
    sv_json_add_int(out, "missing", s.sum.missing);
    sv_json_add_int(out, "doubled", s.sum.doubled);
    sv_json_add_bool(out, "complete", is_complete(&s.sum));
    sv_json_close_object(out);
    return SV_OK;
}

/// The first device from `at` on that somebody of these sites sees; `known` when there is none.
static size_t next_seen(const sv_fleet *fleet, const char *sites, size_t at, size_t known) {
    while (at < known
           && !sv_sites_have(sites,
                             sv_text_of(sv_registry_device_at(fleet->registry, at)->site->name))) {
        at++;
    }
    return at;
}

sv_err sv_ledger_write_day(const sv_fleet *fleet, int64_t day, const char *sites,
                           const char *cursor, size_t limit, sv_json_out *out, sv_why *why) {
    if (cursor[0] != '\0' && !sv_id_is_valid(sv_text_of(cursor))) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    size_t known = sv_registry_device_count(fleet->registry);
    size_t at = sv_registry_device_after(fleet->registry, cursor);
    const char *last = NULL;
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    at = next_seen(fleet, sites, at, known);
    for (size_t count = 0; at < known && count < limit; count++) {
        last = sv_registry_device_at(fleet->registry, at)->id;
        SV_TRY(put_device(fleet->db, last, day, out, why));
        at = next_seen(fleet, sites, at + 1, known);
    }
    sv_json_close_array(out);
    sv_json_add_str(out, "next", at < known ? last : NULL);
    sv_json_close_object(out);
    return SV_OK;
}
