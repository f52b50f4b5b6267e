// One request on its way through the operator door: its parameters and its answer.
#ifndef SV_FLEET_VISIT_H
#define SV_FLEET_VISIT_H

#include "fleet.h"

#include <net/http_server.h>

enum { SV_VISIT_WORD_MAX = 128 };

typedef struct sv_visit {
    sv_fleet *fleet;
    sv_http_request *request;
    sv_person person; ///< who asks; empty where the door is open
    sv_text id;       ///< what the first `*` stands for in the route
    sv_text name;     ///< and the second
} sv_visit;

/// The problem document that fits `err`.
void sv_visit_failure(const sv_visit *v, sv_err err, const sv_why *why);
/// The JSON that was written, or why there is none.
void sv_visit_json(const sv_visit *v, sv_err err, sv_textbuf *json, const sv_why *why);

/// The device in the path; NULL when there is none, and the request is answered then.
sv_device *sv_visit_device(const sv_visit *v);
/// So the site.
const sv_site *sv_visit_site(const sv_visit *v);

/// A parameter. False when it is broken; the request is answered then. Absent gives "".
bool sv_visit_word(const sv_visit *v, const char *name, char room[SV_VISIT_WORD_MAX]);
/// A whole number up to `max`; *out is untouched when it is absent. So for the next.
bool sv_visit_number(const sv_visit *v, const char *name, int64_t max, int64_t *out);
/// One of `words` (NULL-terminated): its index.
bool sv_visit_choice(const sv_visit *v, const char *name, const char *const *words, int *out);

#endif
