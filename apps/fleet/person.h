// Who asks: a name, a role, the sites it is for, and, with an API token, what that is good for.
#ifndef SV_FLEET_PERSON_H
#define SV_FLEET_PERSON_H

#include <base/err.h>
#include <base/text.h>
#include <codec/json.h>
#include <model/id.h>

typedef enum sv_person_role {
    SV_PERSON_VIEWER,
    SV_PERSON_OPERATOR,
    SV_PERSON_RELEASE,
    SV_PERSON_ADMIN,
    SV_PERSON_ROLE__COUNT
} sv_person_role;

const char *sv_person_role_name(sv_person_role role);
/// SV_ERR_INVALID names the four.
sv_err sv_person_role_parse(sv_text text, sv_person_role *out, sv_why *why);

/// What an API token may be used for; bits.
typedef enum sv_scope {
    SV_SCOPE_READ = 1,
    SV_SCOPE_ALERTS = 2,
    SV_SCOPE_DEVICES = 4,
    SV_SCOPE_RULES = 8,
    SV_SCOPE_UPDATES = 16,
    SV_SCOPE_ADMIN = 32,
} sv_scope;
enum { SV_SCOPE_COUNT = 6, SV_SCOPE_ALL = 63, SV_SCOPES_ROOM = 64 };

const char *sv_scope_name(sv_scope scope);
/// The role that somebody has to have whose token has it.
sv_person_role sv_scope_least(sv_scope scope);

enum {
    SV_PERSON_SITES_MAX = 32,                                  ///< when it is not all of them
    SV_SITES_ROOM = SV_PERSON_SITES_MAX * (SV_ID_MAX + 3) + 3, ///< of them as JSON
};

typedef struct sv_person {
    char user[SV_ID_ROOM];
    sv_person_role role;
    unsigned scopes;           ///< SV_SCOPE_ALL for a session
    int64_t session;           ///< its number; 0: comes with an API token
    char token[SV_ID_ROOM];    ///< whose name this is; "" for a session
    int64_t ends_us;           ///< when that token does; 0: never
    char sites[SV_SITES_ROOM]; ///< JSON: ["north","south"]; "": all, those to come as well
} sv_person;

/// Whether somebody of these sites sees this one. Site names are ids, so that a name between
/// quotation marks stands in the array as itself and as nothing else; SQL asks the same with
/// `(?1 = '' OR instr(?1, '"' || site || '"') > 0)`.
bool sv_sites_have(const char *sites, sv_text site);
static inline bool sv_person_sees(const sv_person *person, sv_text site) {
    return sv_sites_have(person->sites, site);
}
static inline bool sv_person_sees_all(const sv_person *person) {
    return person->sites[0] == '\0';
}
/// Whether each of `part` is in `whole`.
bool sv_sites_within(const char *part, const char *whole);
/// Those that are in both.
void sv_sites_both(const char *a, const char *b, char out[SV_SITES_ROOM]);

/// A member of a body: absent or null is all, else an array of 1 to SV_PERSON_SITES_MAX names,
/// none twice.
sv_err sv_sites_read(const sv_json *value, char out[SV_SITES_ROOM], sv_why *why);
/// An array of 1 to SV_SCOPE_COUNT names.
sv_err sv_scopes_read(const sv_json *value, unsigned *out, sv_why *why);
/// As in answers: null is all.
void sv_sites_put(sv_json_out *out, const char *sites);
void sv_scopes_put(sv_json_out *out, unsigned scopes);

#endif
