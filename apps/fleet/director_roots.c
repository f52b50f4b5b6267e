// The roots that devices follow: kept as rows, the newest also as a file, and asked of the signer.
#include "director_own.h"

#include "audit_keep.h"
#include "signer.h"

#include <base/mem.h>
#include <base/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { AGAIN_S = 10 }; ///< the signer is asked so often whether a root has followed

static sv_err take_newest(sv_director *director, sv_text root, sv_why *why) {
    SV_TRY(sv_director_root_key(root, &director->key, why));
    SV_TRY(sv_director_root_version(root, &director->version, why));
    sv_textbuf_clear(&director->root);
    sv_textbuf_add(&director->root, root);
    return SV_OK;
}

static sv_err insert_root(sv_db *db, int64_t version, sv_text root, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "INSERT INTO director_root (version, root) VALUES (?1, ?2)", &stmt, why));
    sv_stmt_bind_int(stmt, 1, version);
    sv_stmt_bind_text(stmt, 2, root);
    return sv_stmt_run(stmt, why);
}

/// The newest of the database; none: `director` has version 0.
static sv_err read_rows(sv_director *director, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(director->fleet->db,
                      "SELECT root FROM director_root ORDER BY version DESC LIMIT 1", &row, why));
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        err = take_newest(director, sv_stmt_text(row, 0), why);
        sv_stmt_reset(row);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// Of before there were rows: the first, and the only one.
static sv_err take_file(sv_director *director, sv_text root, sv_why *why) {
    sv_why inner = { 0 };
    sv_err err = take_newest(director, root, &inner);
    if (err != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is no root of a director (%.200s): move it away, and the "
                       "signer's is taken",
                       director->path, inner.text);
    }
    return insert_root(director->fleet->db, director->version, root, why);
}

/// Whoever provisions finds the newest, whatever happened when it came.
static sv_err read_root(sv_director *director, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf file = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    sv_err err = sv_disk_read(director->path, &file, why);
    if (err == SV_ERR_NOT_FOUND) { // it was moved away: the signer's counts [director-8]
        return sv_db_exec(director->fleet->db, "DELETE FROM director_root", why);
    }
    SV_TRY(err);
    SV_TRY(read_rows(director, why));
    if (director->version == 0) {
        return take_file(director, sv_textbuf_text(&file), why);
    }
    return sv_text_eq(sv_textbuf_text(&file), sv_textbuf_text(&director->root))
               ? SV_OK
               : sv_disk_replace(director->path, sv_textbuf_text(&director->root), 0644, why);
}

sv_err sv_director_open(sv_fleet *fleet, sv_director **out, sv_why *why) {
    SV_DEFER(sv_director_drop) sv_director *director = sv_mem_new(sizeof *director);
    director->fleet = fleet;
    director->root = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    SV_TRY(sv_people_beside(fleet->config.store.path, SV_DIRECTOR_ROOT_FILE, director->path, why));
    SV_TRY(read_root(director, why));
    *out = director;
    director = NULL;
    return SV_OK;
}

void sv_director_drop(sv_director **director) {
    if (*director != NULL) {
        sv_textbuf_drop(&(*director)->root);
        free(*director);
        *director = NULL;
    }
}

/// What another key has signed is true for nobody who trusts this root. [director-8] [director-9]
static sv_err forget_documents(sv_fleet *fleet, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "UPDATE director_epoch SET epoch = epoch + 1", &stmt, why));
    return sv_stmt_run(stmt, why);
}

static sv_err store_root(sv_director *director, int64_t version, sv_text root, sv_why *why) {
    sv_db *db = director->fleet->db;
    SV_TRY(sv_fleet_medium(sv_db_begin(db, why)));
    sv_err err = insert_root(db, version, root, why);
    err = err == SV_OK ? forget_documents(director->fleet, why) : err;
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

/// The first one of all, or the one after the newest.
static sv_err keep_root(sv_director *director, sv_text root, sv_why *why) {
    char detail[SV_AUDIT_DETAIL_MAX];
    int64_t version = 0;
    sv_tuf_public key;
    SV_TRY(sv_director_root_version(root, &version, why));
    SV_TRY(sv_director_root_key(root, &key, why));
    if (director->version > 0) {
        SV_TRY(sv_director_root_follows(sv_textbuf_text(&director->root), root, why));
    } else if (version != 1) {
        return sv_fail(why, SV_ERR_INVALID, "the signer's first root has version %lld",
                       (long long) version);
    }
    SV_TRY(store_root(director, version, root, why));
    SV_TRY(take_newest(director, root, why));
    (void) snprintf(detail, sizeof detail, "root %lld, key %s", (long long) version, key.id);
    SV_LOG(info, "director.root", "%s: devices follow it, and new ones are given it", detail);
    sv_audit_note(director->fleet, &(sv_audit_event){ .at_us = director->fleet->wall_us(),
                                                      .who = "fleet",
                                                      .what = "director.root",
                                                      .about = director->fleet->config.id,
                                                      .detail = detail });
    return sv_disk_replace(director->path, root, 0644, why);
}

/// The signer has the newest, or another one in its place.
static sv_err confirm(sv_director *director, sv_text root, sv_why *why) {
    director->confirmed = true;
    if (sv_text_eq(sv_textbuf_text(&director->root), root)) {
        return SV_OK;
    }
    (void) !sv_fail(&director->why, SV_ERR_STATE,
                    "the signer's root %lld of the director is another than '%.200s', which "
                    "devices were given: restore the signer's folder, or provision devices anew "
                    "and move that file away",
                    (long long) director->version, director->path);
    *why = director->why;
    return SV_ERR_STATE;
}

static sv_err take_root(sv_director *director, int64_t asked, sv_text root, sv_why *why) {
    int64_t version = 0;
    if (asked == director->version) {
        return confirm(director, root, why);
    }
    SV_TRY(sv_director_root_version(root, &version, why));
    if (version != asked) {
        return SV_OK; // a signer of before there was more than one
    }
    SV_TRY(keep_root(director, root, why));
    director->confirmed = true;
    director->next_us = 0; // there may be more
    return SV_OK;
}

/// No root has followed: fine. That of devices is not there: it was lost with the signer's folder.
static void hear_none(sv_director *director, int64_t asked) {
    if (asked == director->version) {
        director->confirmed = true;
        (void) !sv_fail(&director->why, SV_ERR_STATE,
                        "the signer has no root %lld of the director, which devices were given: "
                        "restore the signer's folder, or provision devices anew and move '%.200s' "
                        "away",
                        (long long) asked, director->path);
        SV_LOG(error, "director.root", "%s", director->why.text);
    }
}

static void on_root(void *arg, sv_err err, sv_text bytes, const sv_why *why_not) {
    sv_director *director = arg;
    int64_t asked = director->asked;
    sv_why why = { 0 };
    director->asked = 0;
    if (err == SV_ERR_NOT_FOUND || (err == SV_OK && bytes.len == 0)) {
        hear_none(director, asked);
        return;
    }
    if (err == SV_OK) {
        err = take_root(director, asked, bytes, &why);
        why_not = &why;
    }
    if (err != SV_OK) {
        SV_LOG(warn, "director.root", "%s", why_not->text);
    }
}

void sv_director_turn(sv_fleet *fleet) {
    sv_director *director = fleet->director;
    int64_t now_us = fleet->mono_us();
    int64_t version = director->confirmed ? director->version + 1 : director->version;
    if (director->asked != 0 || director->why.text[0] != '\0' || !sv_signer_is_up(fleet->signer)
        || (director->confirmed && now_us < director->next_us)) {
        return;
    }
    version = version == 0 ? 1 : version;
    director->next_us = now_us + AGAIN_S * SV_TIME_SECOND_US;
    if (sv_signer_director_root(fleet->signer, version, on_root, director, NULL) == SV_OK) {
        director->asked = version;
    }
}

sv_err sv_director_root(const sv_fleet *fleet, sv_text *out, sv_why *why) {
    const sv_director *director = fleet->director;
    if (director->why.text[0] != '\0') {
        return sv_fail(why, SV_ERR_STATE, "%s", director->why.text);
    }
    if (director->root.len == 0) {
        return fleet->signer == NULL
                   ? sv_fail(why, SV_ERR_UNAVAILABLE,
                             "this server has no signer, so no device is told what to install: "
                             "run selvedge-signer and name its socket with signer: {socket: PATH}")
                   : sv_fail(why, SV_ERR_UNAVAILABLE,
                             "the signer has not given the director's root yet; is "
                             "selvedge-signer running, and of this release?");
    }
    *out = sv_textbuf_text(&director->root);
    return SV_OK;
}
