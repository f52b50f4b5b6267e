#include "deed.h"

#include "audit_keep.h"
#include "reach.h"

static sv_audit_event event_of(const sv_visit *v, const char *who, const sv_deed *deed) {
    return (sv_audit_event){ .at_us = v->fleet->wall_us(),
                             .who = who,
                             .from = sv_http_peer(v->request),
                             .what = deed->what,
                             .about = deed->about,
                             .detail = deed->detail,
                             .before = deed->before,
                             .after = deed->after };
}

sv_err sv_deed_begin(const sv_visit *v, sv_why *why) {
    return sv_db_begin(v->fleet->db, why);
}

sv_err sv_deed_end(const sv_visit *v, sv_err err, const sv_deed *deed, sv_why *why) {
    if (err == SV_OK) {
        const sv_audit_event event = event_of(v, v->person.user, deed);
        err = sv_audit_add(v->fleet->db, &event, why);
    }
    if (err == SV_OK) {
        err = sv_db_commit(v->fleet->db, why);
        sv_reach_review(v->fleet);
        return err;
    }
    sv_db_rollback(v->fleet->db);
    if (err == SV_ERR_STATE || err == SV_ERR_INVALID) {
        const sv_deed refused = { .what = deed->what, .about = deed->about, .detail = why->text };
        sv_deed_refused(v, v->person.user, &refused);
    }
    return err;
}

void sv_deed_refused(const sv_visit *v, const char *who, const sv_deed *deed) {
    sv_audit_event event = event_of(v, who, deed);
    event.outcome = SV_AUDIT_REFUSED;
    sv_audit_note(v->fleet, &event);
}
