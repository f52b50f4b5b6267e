#include "standing_return.h"

#include "audit_log.h"
#include "own_alert.h"
#include "standing_own.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

/// A decision that was made here after the copy had been restored.
typedef struct own_row {
    sv_standing_change change;
    int64_t at_us;
    char reason[SV_STANDING_REASON_MAX + 1];
    char by[SV_ID_ROOM];
} own_row;

/// What is put together: the lines of the page from `first` on, and the rows that come after them.
typedef struct merging {
    sv_fleet *fleet;
    const sv_gateway *gateway;
    const sv_standing_page *page;
    size_t skip; ///< lines of the page that are here already
    own_row *own;
    size_t own_count;
    sv_standing_change *added; ///< of `own`, as they stand now
    size_t added_count;
    int64_t version;
    uint8_t hash[SV_STANDING_HASH_BYTES];
} merging;

static void merging_drop(merging *m) {
    free(m->own);
    free(m->added);
}

// ---- the alert ----------------------------------------------------------------------------------

static void alarm(sv_fleet *fleet, sv_alert_event event, const char *message) {
    char id[SV_OWN_ALERT_ROOM];
    sv_why why = { 0 };
    sv_err err = sv_own_alert_find(fleet, SV_STANDING_LOST_RULE, id, &why);
    bool open = id[0] != '\0';
    if (err == SV_OK && open != (event == SV_ALERT_RAISED)) {
        if (!open) {
            sv_random_hex(id);
        }
        err = sv_own_alert_tell(fleet, id, SV_STANDING_LOST_RULE, event, message, &why);
    }
    if (err != SV_OK) {
        SV_LOG(error, "standing.unalerted", "%s", why.text);
    }
}

// ---- who holds more -----------------------------------------------------------------------------

/// Of rows that stood here once and stand elsewhere since others were taken back.
static sv_err is_cut(const sv_fleet *fleet, const uint8_t hash[SV_STANDING_HASH_BYTES], bool *out,
                     sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT 1 FROM standing_cut WHERE hash = ?1", &row, why));
    sv_stmt_bind_bytes(row, 1, (sv_text){ (const char *) hash, SV_STANDING_HASH_BYTES });
    sv_err err = sv_stmt_next(row, why);
    sv_stmt_reset(row);
    *out = err == SV_OK;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err is_held(const sv_fleet *fleet, int64_t version, sv_text hash, bool *out,
                      sv_why *why) {
    uint8_t own[SV_STANDING_HASH_BYTES];
    uint8_t said[SV_STANDING_HASH_BYTES];
    *out = version <= fleet->standing->version;
    if (hash.len == 0) {
        return SV_OK;
    }
    if (sv_hex_parse(hash, said, sizeof said) != SV_OK) {
        *out = false;
        return SV_OK;
    }
    if (*out) {
        SV_TRY(sv_standing_hash_at(fleet->db, version, own, why));
        *out = memcmp(own, said, sizeof own) == 0;
    }
    return *out ? SV_OK : is_cut(fleet, said, out, why);
}

sv_err sv_standing_compare(sv_fleet *fleet, const sv_gateway *gateway, int64_t version,
                           sv_text hash, sv_textbuf *answer, sv_why *why) {
    char message[SV_ALERT_MESSAGE_MAX];
    bool held = false;
    SV_TRY(sv_fleet_medium(is_held(fleet, version, hash, &held, why)));
    if (held) {
        sv_textbuf_add_str(answer, "{}");
        return SV_OK;
    }
    (void) snprintf(message, sizeof message,
                    "This server's database was restored from an old copy: gateway %s holds "
                    "decision %" PRId64 " about who counts, which is not here (change %" PRId64
                    "). It is taken back from there where it can be",
                    gateway->id, version, fleet->standing->version);
    SV_LOG(error, "standing.behind", "%s", message);
    alarm(fleet, SV_ALERT_RAISED, message);
    sv_textbuf_addf(answer, "{\"after\":%" PRId64 "}",
                    version > SV_STANDING_LINES_MAX ? version - SV_STANDING_LINES_MAX : 0);
    return SV_OK;
}

// ---- what is not here ---------------------------------------------------------------------------

static sv_err verify(const sv_fleet *fleet, const sv_standing_page *page, sv_why *why) {
    SV_DEFER(sv_standing_trust_drop) sv_standing_trust *trust = NULL;
    const sv_fleet_door *door = &fleet->config.devices;
    uint8_t hash[SV_STANDING_HASH_BYTES];
    if (page->from > fleet->standing->version) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the lines begin after change %" PRId64 ", the log here ends at %" PRId64
                       "; restore a newer copy of the database",
                       page->from, fleet->standing->version);
    }
    SV_TRY(sv_fleet_medium(sv_standing_hash_at(fleet->db, page->from, hash, why)));
    SV_TRY(sv_standing_trust_open(door->tls.ca, door->tls.cert, &trust, why));
    sv_why fault = { 0 };
    return sv_standing_follow(trust, page, page->from, hash, fleet->believed_us(), &fault) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the lines do not continue the log here: %.300s",
                         fault.text);
}

/// How many of its lines are here already.
static sv_err find_first(merging *m, sv_why *why) {
    const sv_standing_page *page = m->page;
    uint8_t own[SV_STANDING_HASH_BYTES];
    uint8_t hash[SV_STANDING_HASH_BYTES];
    SV_TRY(sv_standing_hash_at(m->fleet->db, page->from, hash, why));
    for (m->skip = 0; m->skip < page->count; m->skip++) {
        memcpy(m->hash, hash, sizeof hash);
        const sv_standing_change *change = &page->changes[m->skip];
        if (change->version > m->fleet->standing->version) {
            break;
        }
        SV_TRY(sv_standing_chain(hash, change, why));
        SV_TRY(sv_standing_hash_at(m->fleet->db, change->version, own, why));
        if (memcmp(own, hash, sizeof own) != 0) {
            break;
        }
        memcpy(m->hash, hash, sizeof hash);
    }
    m->version = page->from + (int64_t) m->skip;
    return SV_OK;
}

static sv_err read_own(merging *m, sv_why *why) {
    sv_stmt *row;
    int64_t most = m->fleet->standing->version - m->version;
    if (most > SV_STANDING_LINES_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%" PRId64 " decisions were made here since; at most %d can follow what is "
                       "taken back",
                       most, SV_STANDING_LINES_MAX);
    }
    m->own = sv_mem_array((size_t) most + 1, sizeof *m->own);
    m->added = sv_mem_array((size_t) most + 1, sizeof *m->added);
    SV_TRY(sv_db_stmt(m->fleet->db,
                      "SELECT id, state, before_us, reason, who, at_us FROM standing"
                      " WHERE version > ?1 ORDER BY version",
                      &row, why));
    sv_stmt_bind_int(row, 1, m->version);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && m->own_count < (size_t) most; err = sv_stmt_next(row, why)) {
        own_row *own = &m->own[m->own_count++];
        own->change = (sv_standing_change){ .state = (sv_standing_state) sv_stmt_int(row, 1),
                                            .before_us = sv_stmt_int(row, 2) };
        own->at_us = sv_stmt_int(row, 5);
        (void) sv_text_copy(sv_stmt_text(row, 0), own->change.id, sizeof own->change.id);
        (void) sv_text_copy(sv_stmt_text(row, 3), own->reason, sizeof own->reason);
        (void) sv_text_copy(sv_stmt_text(row, 4), own->by, sizeof own->by);
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// The rows go to the end; what they were is remembered, or whoever followed them would put them
/// back before what was taken back, and so on for ever.
static sv_err cut(const merging *m, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(m->fleet->db,
                      "INSERT OR IGNORE INTO standing_cut SELECT hash FROM standing"
                      " WHERE version > ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, m->version);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(m->fleet->db, "DELETE FROM standing WHERE version > ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, m->version);
    return sv_stmt_run(stmt, why);
}

static sv_err put(merging *m, const sv_standing_change *change, const sv_standing_order *order,
                  int64_t at_us, sv_why *why) {
    SV_TRY(sv_standing_add_row(m->fleet->db, change, order, at_us, m->hash, why));
    m->version = change->version;
    return SV_OK;
}

static sv_err put_lines(merging *m, sv_why *why) {
    char reason[SV_STANDING_REASON_MAX + 1];
    (void) snprintf(reason, sizeof reason, "taken back from gateway %s", m->gateway->id);
    for (size_t i = m->skip; i < m->page->count; i++) {
        const sv_standing_change *change = &m->page->changes[i];
        const sv_standing_order order = { .id = sv_text_of(change->id),
                                          .reason = reason,
                                          .by = m->fleet->config.id };
        SV_TRY(put(m, change, &order, m->fleet->believed_us(), why));
    }
    return SV_OK;
}

/// What holds of the id now; nothing: active.
static sv_err now_of(const merging *m, const char *id, sv_standing *out, sv_why *why) {
    sv_stmt *row;
    *out = (sv_standing){ .state = SV_STANDING_ACTIVE };
    SV_TRY(sv_db_stmt(m->fleet->db,
                      "SELECT state, before_us FROM standing WHERE id = ?1 COLLATE NOCASE"
                      " ORDER BY version DESC LIMIT 1",
                      &row, why));
    sv_stmt_bind_str(row, 1, id);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        out->state = (sv_standing_state) sv_stmt_int(row, 0);
        out->before_us = sv_stmt_int(row, 1);
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// Nothing that was decided here undoes what had been forgotten, but a replacement.
static sv_err put_own(merging *m, sv_why *why) {
    for (size_t i = 0; i < m->own_count; i++) {
        const own_row *own = &m->own[i];
        sv_standing now;
        SV_TRY(now_of(m, own->change.id, &now, why));
        bool stands = now.state >= SV_STANDING_REVOKED && own->change.state < now.state
                      && own->change.before_us <= now.before_us;
        if (stands) {
            continue;
        }
        sv_standing_change change = own->change;
        change.version = m->version + 1;
        change.before_us = change.before_us > now.before_us ? change.before_us : now.before_us;
        const sv_standing_order order = { .id = sv_text_of(own->change.id),
                                          .reason = own->reason,
                                          .by = own->by };
        SV_TRY(put(m, &change, &order, own->at_us, why));
        m->added[m->added_count++] = change;
    }
    return SV_OK;
}

static sv_err write_down(const merging *m, sv_why *why) {
    char detail[160];
    (void) snprintf(detail, sizeof detail,
                    "%zu decisions from change %" PRId64 " on; %zu made here follow them",
                    m->page->count - m->skip, m->page->from + (int64_t) m->skip + 1,
                    m->added_count);
    return sv_audit_add(m->fleet->db,
                        &(sv_audit_event){ .at_us = m->fleet->wall_us(),
                                           .who = m->fleet->config.id,
                                           .from = m->gateway->id,
                                           .what = "standing.taken_back",
                                           .about = m->gateway->id,
                                           .outcome = SV_AUDIT_DONE,
                                           .detail = detail },
                        why);
}

static sv_err merge(merging *m, sv_why *why) {
    SV_TRY(read_own(m, why));
    SV_TRY(cut(m, why));
    SV_TRY(put_lines(m, why));
    SV_TRY(put_own(m, why));
    return write_down(m, why);
}

/// It holds from now on, and gateways are told.
static void settle(const merging *m) {
    sv_fleet *fleet = m->fleet;
    char message[SV_ALERT_MESSAGE_MAX];
    sv_standing_log *log = fleet->standing;
    log->version = m->version;
    memcpy(log->hash, m->hash, sizeof log->hash);
    log->pushing.head.signature_bytes = 0;
    log->pushing.rewrites++;
    for (size_t i = m->skip; i < m->page->count; i++) {
        sv_standing_apply(fleet, &m->page->changes[i]);
    }
    for (size_t i = 0; i < m->added_count; i++) {
        sv_standing_apply(fleet, &m->added[i]);
    }
    (void) snprintf(message, sizeof message,
                    "%zu decisions about who counts, which this server had forgotten, were taken "
                    "back from gateway %s",
                    m->page->count - m->skip, m->gateway->id);
    SV_LOG(warn, "standing.taken-back", "%s", message);
    alarm(fleet, SV_ALERT_CLEARED, message);
    sv_standing_turn(fleet);
}

static sv_err take(merging *m, sv_why *why) {
    bool known = false;
    SV_TRY(sv_fleet_medium(find_first(m, why)));
    SV_TRY(sv_fleet_medium(is_cut(m->fleet, m->page->head.hash, &known, why)));
    if (known || m->skip == m->page->count) {
        return SV_OK; // it is here already, from another gateway or in another place
    }
    SV_TRY(sv_fleet_medium(sv_db_begin(m->fleet->db, why)));
    sv_err err = merge(m, why);
    if (err == SV_OK) {
        err = sv_fleet_medium(sv_db_commit(m->fleet->db, why));
    } else {
        sv_db_rollback(m->fleet->db);
    }
    if (err == SV_OK) {
        settle(m);
    }
    return err;
}

sv_err sv_standing_take_lines(sv_fleet *fleet, sv_gateway *gateway, sv_text body,
                              sv_textbuf *answer, sv_why *why) {
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = { 0 };
    SV_DEFER(merging_drop) merging m = { .fleet = fleet, .gateway = gateway, .page = &page };
    SV_TRY(sv_standing_page_parse(body, &page, why));
    if (fleet->standing->pending_count > 0) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "decisions are being stored");
    }
    sv_err err = verify(fleet, &page, why);
    if (err != SV_OK) {
        SV_LOG(error, "standing.unreturned", "gateway %s: %s", gateway->id, why->text);
        return err;
    }
    SV_TRY(take(&m, why));
    sv_textbuf_add_str(answer, "{}");
    return SV_OK;
}
