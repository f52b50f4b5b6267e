#include "issued_import.h"

#include "audit_keep.h"
#include "issued.h"

#include <stdio.h>
#include <string.h>
#include <sys/log.h>

typedef struct import {
    sv_fleet *fleet;
    size_t taken;
    bool all; ///< nothing is left for a later turn
    sv_err err;
    sv_why why;
} import;

/// What the certificate's file says of its key; a file that is gone leaves it unknown.
static void read_file(const sv_fleet *fleet, const sv_pki_record *record, sv_cert_facts *facts) {
    char name[SV_PATH_MAX];
    char path[SV_PATH_MAX];
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    sv_cert_facts found;
    (void) snprintf(name, sizeof name, "issued/%s.crt", record->serial);
    if (sv_disk_join(path, sizeof path, fleet->config.pki, name) != SV_OK
        || sv_certs_read(path, &certs, NULL) != SV_OK
        || sv_cert_facts_of(certs.at[0], &found, NULL) != SV_OK) {
        return;
    }
    memcpy(facts->key_hash, found.key_hash, sizeof facts->key_hash);
    memcpy(facts->issuer, found.issuer, sizeof facts->issuer);
}

static sv_err note(import *in, const sv_pki_record *record, const char *what) {
    char detail[SV_AUDIT_DETAIL_MAX];
    (void) snprintf(detail, sizeof detail, "serial %s, from the PKI's folder", record->serial);
    return sv_audit_deed(
        in->fleet,
        &(sv_audit_event){ .who = "fleet", .what = what, .about = record->id, .detail = detail },
        &in->why);
}

static sv_err add(import *in, const sv_pki_record *record) {
    sv_cert_facts facts = { .not_before_us = record->not_before_us,
                            .not_after_us = record->not_after_us };
    const sv_issued one = {
        .facts = &facts, .role = record->role, .how = "imported", .revoked = record->revoked
    };
    memcpy(facts.serial, record->serial, sizeof facts.serial);
    memcpy(facts.id, record->id, sizeof facts.id);
    read_file(in->fleet, record, &facts);
    SV_TRY(sv_issued_add(in->fleet->db, &one, in->fleet->wall_us(), &in->why));
    return note(in, record, "certificate.import");
}

static sv_err revoke(import *in, const char *serial) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(in->fleet->db, "UPDATE certificate SET revoked = 1 WHERE serial = ?1", &stmt,
                      &in->why));
    sv_stmt_bind_str(stmt, 1, serial);
    return sv_stmt_run(stmt, &in->why);
}

/// SV_ERR_NOT_FOUND: it is new.
static sv_err find(import *in, const char *serial, bool *revoked) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(in->fleet->db, "SELECT revoked FROM certificate WHERE serial = ?1", &row,
                      &in->why));
    sv_stmt_bind_str(row, 1, serial);
    sv_err err = sv_stmt_next(row, &in->why);
    *revoked = err == SV_OK && sv_stmt_int(row, 0) != 0;
    sv_stmt_reset(row);
    return err;
}

static void take(void *arg, const sv_pki_record *record) {
    import *in = arg;
    bool revoked = false;
    if (in->err != SV_OK) {
        return;
    }
    sv_err err = find(in, record->serial, &revoked);
    bool fresh = err == SV_ERR_NOT_FOUND;
    bool changed = err == SV_OK && record->revoked && !revoked;
    if ((fresh || changed) && in->taken == SV_IMPORT_A_TURN) {
        in->all = false;
        return;
    }
    in->taken += fresh || changed;
    if (fresh) {
        err = add(in, record);
    } else if (changed) {
        err = revoke(in, record->serial);
        err = err == SV_OK ? note(in, record, "certificate.revoke") : err;
    }
    in->err = err;
}

static sv_err run(import *in) {
    SV_TRY(sv_db_begin(in->fleet->db, &in->why));
    sv_err err = sv_pki_list(in->fleet->config.pki, take, in, &in->why);
    err = err == SV_OK ? in->err : err;
    if (err != SV_OK) {
        sv_db_rollback(in->fleet->db);
        return err;
    }
    return sv_db_commit(in->fleet->db, &in->why);
}

void sv_import_turn(sv_fleet *fleet) {
    sv_import *state = &fleet->import;
    int64_t began_us = fleet->mono_us();
    if (fleet->config.pki[0] == '\0' || began_us < state->next_mono_us) {
        return;
    }
    uint64_t seen = sv_certificates_folder(fleet->config.pki);
    state->next_mono_us = began_us + SV_IMPORT_LOOK_US;
    if (seen == state->seen) {
        return;
    }
import in = {.fleet = fleet, .all = true };
    if (run(&in) != SV_OK) {
        SV_LOG(warn, "certificates.unread", "%s", in.why.text);
        return;
    }
    int64_t took_us = fleet->mono_us() - began_us;
    int64_t rest_us = took_us * SV_IMPORT_REST;
    if (in.all) {
        state->seen = seen;
        state->next_mono_us += rest_us > SV_IMPORT_LOOK_US ? rest_us - SV_IMPORT_LOOK_US : 0;
    } else {
        state->next_mono_us = began_us;
    }
}
