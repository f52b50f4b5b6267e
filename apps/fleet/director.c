#include "director_own.h"

#include "actions.h"
#include "signer.h"

#include <base/mem.h>
#include <base/time.h>
#include <codec/encode.h>
#include <string.h>
#include <sys/log.h>

#define CLOCK_US (5 * SV_TIME_MINUTE_US) ///< documents from further ahead are of another clock

// ---- who is to run what -------------------------------------------------------------------------

sv_err sv_director_changed(sv_fleet *fleet, const char *device, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "UPDATE director SET fresh = 0 WHERE device = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    return sv_stmt_run(stmt, why);
}

sv_err sv_director_assigned(sv_fleet *fleet, const char *device, sv_image_row *out, sv_why *why) {
    sv_action action;
    SV_TRY(sv_actions_open_of(fleet, device, &action, why));
    SV_TRY(sv_images_find(fleet, sv_text_of(action.path), out, why));
    return strcmp(action.sha256, out->sha256) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NOT_FOUND, "'%s' has other bytes than were assigned",
                         action.path);
}

/// What its documents are to say: none for somebody else's file, which no director speaks of.
static sv_err wanted(sv_fleet *fleet, const char *device, sv_image_row *out, sv_why *why) {
    sv_err err = sv_director_assigned(fleet, device, out, why);
    if (err == SV_ERR_NOT_FOUND || (err == SV_OK && out->kind != SV_IMAGE_SELVEDGE)) {
        *out = (sv_image_row){ .path = "" };
        return SV_OK;
    }
    return err;
}

// ---- rows ---------------------------------------------------------------------------------------

typedef struct stand {
    int64_t version; ///< 0: none were made yet
    int64_t made_us;
    bool fresh, fits; ///< it says what is wanted
} stand;

static sv_err look(sv_fleet *fleet, const char *device, const sv_image_row *want, stand *out,
                   sv_why *why) {
    sv_stmt *row;
    *out = (stand){ .version = 0 };
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT version, iif(d.epoch = e.epoch, made_us, 0), fresh,"
                      " path = ?2 AND sha256 = ?3 FROM director d, director_epoch e"
                      " WHERE device = ?1",
                      &row, why));
    sv_stmt_bind_str(row, 1, device);
    sv_stmt_bind_str(row, 2, want->path);
    sv_stmt_bind_str(row, 3, want->sha256);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        *out = (stand){ .version = sv_stmt_int(row, 0),
                        .made_us = sv_stmt_int(row, 1),
                        .fresh = sv_stmt_int(row, 2) != 0,
                        .fits = sv_stmt_int(row, 3) != 0 };
        sv_stmt_reset(row);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static bool is_new_enough(const stand *s, int64_t now_us) {
    return s->version > 0 && s->fresh && s->fits && now_us - s->made_us < SV_DIRECTOR_AGE_US
           && s->made_us <= now_us + CLOCK_US;
}

static bool is_true(const stand *s, int64_t now_us) {
    return s->version > 0 && s->fits && now_us - s->made_us < SV_DIRECTOR_VALID_US;
}

static sv_err store(sv_fleet *fleet, const sv_direct *direct, const char *sha256,
                    const sv_director_documents *made, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(
        fleet->db,
        "INSERT INTO director (device, version, made_us, path, sha256, fresh, timestamp, snapshot,"
        " targets, epoch) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8,"
        " (SELECT epoch FROM director_epoch)) ON CONFLICT (device) DO UPDATE SET"
        " before_version = version, before_snapshot = snapshot, before_targets = targets,"
        " version = ?2, made_us = ?3, path = ?4, sha256 = ?5, fresh = 1, timestamp = ?6,"
        " snapshot = ?7, targets = ?8, epoch = excluded.epoch WHERE version < ?2",
        &stmt, why));
    sv_stmt_bind_str(stmt, 1, direct->device);
    sv_stmt_bind_int(stmt, 2, direct->version);
    sv_stmt_bind_int(stmt, 3, direct->now_us);
    sv_stmt_bind_str(stmt, 4, direct->path);
    sv_stmt_bind_str(stmt, 5, sha256);
    sv_stmt_bind_text(stmt, 6, sv_textbuf_text(&made->timestamp));
    sv_stmt_bind_text(stmt, 7, sv_textbuf_text(&made->snapshot));
    sv_stmt_bind_text(stmt, 8, sv_textbuf_text(&made->targets));
    return sv_stmt_run(stmt, why);
}

// ---- answers ------------------------------------------------------------------------------------

static void give_json(sv_http_request *request, sv_text json) {
    sv_http_reply(request, 200, "application/json", json);
}

static void give_nothing(sv_http_request *request, const char *device) {
    sv_http_problem(request, 404, "Not found", "the director says no such thing to %s", device);
}

static void give_failure(sv_http_request *request, sv_err err, const sv_why *why) {
    if (err != SV_ERR_UNAVAILABLE && err != SV_ERR_STATE) {
        SV_LOG(error, "director.failed", "%s", why->text);
    }
    sv_http_reply_header(request, "Retry-After", "5");
    sv_http_problem(request, 503, "Not available", "%s", why->text);
}

/// The document of a row that is asked for; `err`: of asking, so far.
static void give_row(sv_http_request *request, sv_stmt *row, sv_err err, const char *device,
                     sv_why *why) {
    err = err == SV_OK ? sv_stmt_next(row, why) : err;
    if (err == SV_OK) {
        give_json(request, sv_stmt_text(row, 0));
        sv_stmt_reset(row);
    } else if (err == SV_ERR_NOT_FOUND) {
        give_nothing(request, device);
    } else {
        give_failure(request, err, why);
    }
}

/// The document of the row that `sql` gives, by device and version.
static void give_stored(sv_fleet *fleet, sv_http_request *request, const char *sql,
                        const char *device, int64_t version) {
    sv_stmt *row = NULL;
    sv_why why = { 0 };
    sv_err err = sv_db_stmt(fleet->db, sql, &row, &why);
    if (err == SV_OK) {
        sv_stmt_bind_str(row, 1, device);
        sv_stmt_bind_int(row, 2, version);
    }
    give_row(request, row, err, device, &why);
}

static void give_timestamp(sv_fleet *fleet, sv_http_request *request, const char *device) {
    give_stored(fleet, request, "SELECT timestamp FROM director WHERE device = ?1 AND version > ?2",
                device, 0);
}

// ---- making them --------------------------------------------------------------------------------

typedef struct making {
    sv_fleet *fleet;
    sv_http_request *request;
    sv_direct direct;
    char sha256[SV_IMAGE_HEX_ROOM];
    bool has_old; ///< documents that say what is wanted and have not ended
} making;

/// Without the signer what is true is said still.
static void give_old_or_fail(sv_fleet *fleet, sv_http_request *request, const char *device,
                             bool has_old, sv_err err, const sv_why *why) {
    if (has_old) {
        give_timestamp(fleet, request, device);
    } else {
        give_failure(request, err, why);
    }
}

/// One of the signatures that the signer gave.
static sv_err take_signature(void *arg, sv_text message, sv_textbuf *hex, sv_why *why) {
    sv_text *rest = arg;
    sv_text line = sv_text_cut(rest, '\n');
    (void) message;
    if (line.len == 0) {
        return sv_fail(why, SV_ERR_INVALID, "the signer gave too few signatures");
    }
    sv_textbuf_add(hex, line);
    return SV_OK;
}

/// What a device would not believe is not given to it.
static sv_err check_one(const sv_tuf_metadata *root, sv_tuf_type type, const sv_textbuf *document,
                        sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *read = NULL;
    const sv_tuf_voucher by = sv_tuf_root_names(root, type);
    SV_TRY(sv_tuf_read(sv_textbuf_text(document), type, &read, why));
    return sv_tuf_check(read, &by, why);
}

static sv_err compose(const making *m, sv_text signatures, sv_director_documents *out,
                      sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    const sv_director *director = m->fleet->director;
    SV_TRY(
        sv_director_compose(&m->direct, director->key.id, take_signature, &signatures, out, why));
    SV_TRY(sv_tuf_read(sv_textbuf_text(&director->root), SV_TUF_ROOT, &root, why));
    SV_TRY(check_one(root, SV_TUF_TARGETS, &out->targets, why));
    SV_TRY(check_one(root, SV_TUF_SNAPSHOT, &out->snapshot, why));
    return check_one(root, SV_TUF_TIMESTAMP, &out->timestamp, why);
}

static void take_signatures(void *arg, sv_err err, sv_text bytes, const sv_why *why_not) {
    SV_DEFER(sv_mem_drop) making *m = arg;
    SV_DEFER(sv_director_documents_drop) sv_director_documents made = { 0 };
    sv_why why = { 0 };
    if (err == SV_OK) {
        err = compose(m, bytes, &made, &why);
        why_not = &why;
        m->fleet->director->next_us = err == SV_OK ? m->fleet->director->next_us : 0; // a new key?
    }
    if (err == SV_OK) {
        err = store(m->fleet, &m->direct, m->sha256, &made, &why);
    }
    if (err != SV_OK) {
        give_old_or_fail(m->fleet, m->request, m->direct.device, m->has_old, err, why_not);
        return;
    }
    // Where two asked at once, both get what was kept.
    give_timestamp(m->fleet, m->request, m->direct.device);
}

static sv_err fill(making *m, const char *device, const sv_image_row *want, int64_t version,
                   sv_why *why) {
    sv_direct *direct = &m->direct;
    direct->now_us = m->fleet->believed_us();
    direct->version = direct->now_us / SV_TIME_SECOND_US;
    direct->version = direct->version > version ? direct->version : version + 1;
    direct->length = want->length;
    direct->counter = want->counter;
    SV_TRY(sv_text_copy(sv_text_of(device), direct->device, sizeof direct->device));
    SV_TRY(sv_text_copy(sv_text_of(want->path), direct->path, sizeof direct->path));
    SV_TRY(sv_text_copy(sv_text_of(want->sha256), m->sha256, sizeof m->sha256));
    if (want->path[0] != '\0') {
        SV_TRY(sv_hex_parse(sv_text_of(want->sha256), direct->sha256, sizeof direct->sha256));
    }
    return sv_direct_check(direct, why);
}

static sv_err make(sv_fleet *fleet, sv_http_request *request, const char *device,
                   const sv_image_row *want, const stand *now, sv_why *why) {
    SV_DEFER(sv_mem_drop) making *m = sv_mem_new(sizeof *m);
    sv_text root;
    *m = (making){ .fleet = fleet,
                   .request = request,
                   .has_old = is_true(now, fleet->believed_us()) };
    SV_TRY(sv_director_root(fleet, &root, why));
    SV_TRY(fill(m, device, want, now->version, why));
    SV_TRY(sv_signer_direct(fleet->signer, &m->direct, take_signatures, m, why));
    m = NULL;
    return SV_OK;
}

static void give_newest(sv_fleet *fleet, sv_http_request *request, const char *device) {
    sv_image_row want;
    stand now;
    sv_why why = { 0 };
    sv_err err = wanted(fleet, device, &want, &why);
    if (err == SV_OK) {
        err = look(fleet, device, &want, &now, &why);
    }
    if (err != SV_OK) {
        give_failure(request, err, &why);
        return;
    }
    if (is_new_enough(&now, fleet->believed_us())) {
        give_timestamp(fleet, request, device);
        return;
    }
    err = make(fleet, request, device, &want, &now, &why);
    if (err != SV_OK) { // else later
        give_old_or_fail(fleet, request, device, is_true(&now, fleet->believed_us()), err, &why);
    }
}

/// The same for all devices.
static void give_root(const sv_fleet *fleet, sv_http_request *request, const char *device,
                      int64_t version) {
    sv_stmt *row = NULL;
    sv_text newest;
    sv_why why = { 0 };
    sv_err err = sv_director_root(fleet, &newest, &why);
    if (err == SV_OK) {
        err =
            sv_db_stmt(fleet->db, "SELECT root FROM director_root WHERE version = ?1", &row, &why);
    }
    if (err == SV_OK) {
        sv_stmt_bind_int(row, 1, version);
    }
    give_row(request, row, err, device, &why);
}

void sv_director_give(sv_fleet *fleet, sv_http_request *request, const char *device, sv_text file) {
    static const struct {
        const char *name, *sql;
    } KINDS[] = {
        { "snapshot.json", "SELECT CASE ?2 WHEN version THEN snapshot ELSE before_snapshot END FROM"
                           " director WHERE device = ?1 AND ?2 IN (version, before_version)" },
        { "targets.json", "SELECT CASE ?2 WHEN version THEN targets ELSE before_targets END FROM"
                          " director WHERE device = ?1 AND ?2 IN (version, before_version)" },
    };
    uint64_t version = 0;
    if (sv_text_is(file, "timestamp.json")) {
        give_newest(fleet, request, device);
        return;
    }
    sv_text name = file;
    sv_text number = sv_text_cut(&name, '.');
    if (sv_text_is(name, "root.json") && number.len > 0
        && sv_text_u64(number, SV_DIRECTOR_ROOTS_MAX, &version) == SV_OK && version > 0) {
        give_root(fleet, request, device, (int64_t) version);
        return;
    }
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        if (sv_text_is(name, KINDS[i].name) && number.len > 0
            && sv_text_u64(number, INT64_MAX / 2, &version) == SV_OK && version > 0) {
            give_stored(fleet, request, KINDS[i].sql, device, (int64_t) version);
            return;
        }
    }
    give_nothing(request, device);
}
