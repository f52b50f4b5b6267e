#include "ledger_door.h"

#include "ledger.h"
#include "views.h"

#include <base/time.h>

static bool read_day(const sv_visit *v, int64_t *out) {
    char word[SV_VISIT_WORD_MAX];
    if (!sv_visit_word(v, "day", word)) {
        return false;
    }
    if (word[0] != '\0' && sv_day_parse(sv_text_of(word), out) != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request", "day: '%s' is not a day such as 2026-11-28",
                        word);
        return false;
    }
    return true;
}

static sv_err write_delivery(const sv_visit *v, sv_text id, const char *cursor, int64_t day,
                             int64_t limit, sv_json_out *out, sv_why *why) {
    if (id.len > 0) {
        const sv_device *device = sv_registry_device(v->fleet->registry, id);
        bool seen = device != NULL && sv_person_sees(&v->person, sv_text_of(device->site->name));
        return !seen ? sv_fail(why, SV_ERR_NOT_FOUND, "there is no device '" SV_TEXT_FMT "'",
                               SV_TEXT_ARG(id))
                     : sv_ledger_write_device(v->fleet->db, device, day, out, why);
    }
    if (day == SV_LEDGER_ALL_DAYS) {
        return sv_fail(why, SV_ERR_INVALID, "name a device, a day, or both");
    }
    return sv_ledger_write_day(v->fleet, day, v->person.sites, cursor,
                               limit > 0 ? (size_t) limit : 1, out, why);
}

void sv_ledger_door(sv_visit *v) {
    char device[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX];
    int64_t day = SV_LEDGER_ALL_DAYS;
    int64_t limit = SV_LEDGER_LIMIT_DEFAULT;
    if (!sv_visit_word(v, "device", device) || !sv_visit_word(v, "cursor", cursor)
        || !read_day(v, &day) || !sv_visit_number(v, "limit", SV_LEDGER_LIMIT_MAX, &limit)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, write_delivery(v, sv_text_of(device), cursor, day, limit, &out, &why), &json,
                  &why);
}
