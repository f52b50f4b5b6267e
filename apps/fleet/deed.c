#include "deed.h"

#include "audit_keep.h"

static sv_audit_event line_of(const sv_visit *v, const char *who, const char *what,
                              const char *about, const char *detail) {
    return (sv_audit_event){ .at_us = v->fleet->wall_us(),
                             .who = who,
                             .from = sv_http_peer(v->request),
                             .what = what,
                             .about = about,
                             .detail = detail };
}

sv_err sv_deed_begin(const sv_visit *v, sv_why *why) {
    return sv_db_begin(v->fleet->db, why);
}

sv_err sv_deed_end(const sv_visit *v, sv_err err, const char *what, const char *about,
                   const char *detail, sv_why *why) {
    if (err == SV_OK) {
        const sv_audit_event line = line_of(v, v->person.user, what, about, detail);
        err = sv_audit_add(v->fleet->db, &line, why);
    }
    if (err == SV_OK) {
        return sv_db_commit(v->fleet->db, why);
    }
    sv_db_rollback(v->fleet->db);
    if (err == SV_ERR_STATE || err == SV_ERR_INVALID) {
        sv_deed_refused(v, v->person.user, what, about, why->text);
    }
    return err;
}

void sv_deed_refused(const sv_visit *v, const char *who, const char *what, const char *about,
                     const char *detail) {
    sv_audit_event line = line_of(v, who, what, about, detail);
    line.outcome = SV_AUDIT_REFUSED;
    sv_audit_note(v->fleet, &line);
}
