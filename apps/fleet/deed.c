#include "deed.h"

#include <sys/log.h>

static sv_err put_line(const sv_visit *v, const char *who, const char *what, const char *about,
                       sv_audit_outcome outcome, const char *detail, sv_why *why) {
    const sv_audit_event event = { .at_us = v->fleet->wall_us(),
                                   .who = who,
                                   .from = sv_http_peer(v->request),
                                   .what = what,
                                   .about = about,
                                   .outcome = outcome,
                                   .detail = detail };
    return sv_audit_add(v->fleet->db, &event, why);
}

sv_err sv_deed_begin(const sv_visit *v, sv_why *why) {
    return sv_db_begin(v->fleet->db, why);
}

sv_err sv_deed_end(const sv_visit *v, sv_err err, const char *what, const char *about,
                   const char *detail, sv_why *why) {
    if (err == SV_OK) {
        err = put_line(v, v->person.user, what, about, SV_AUDIT_DONE, detail, why);
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
    sv_why why = { 0 };
    if (put_line(v, who, what, about, SV_AUDIT_REFUSED, detail, &why) != SV_OK) {
        SV_LOG(error, "audit.unwritten", "%s of %s was refused, and no line says so: %s", what,
               about, why.text);
    }
}
