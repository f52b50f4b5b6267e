// Who may have a certificate: devices that an operator has added, each with a token that works once
// or with the name that its manufacturer's certificate carries (docs/spec/enrol.md).
//
// A token is 256 random bits, kept as SHA-256 only, bound to one id and one site, and good for a
// stated time. It is burnt in the transaction that stores the certificate: of any number of uses,
// in one process or in several on one database, exactly one wins. [enrol-2] [enrol-13]
#ifndef SV_FLEET_ENROL_H
#define SV_FLEET_ENROL_H

#include "fleet.h"

#include <codec/json.h>
#include <crypto/cert_facts.h>

enum {
    SV_ENROL_MANY_MAX = 500, ///< in one request
    SV_ENROL_MINUTES_DEFAULT = 24 * 60,
    SV_ENROL_MINUTES_MAX = 90 * 24 * 60,
    SV_ENROL_IDEVID_MAX = 128, ///< bytes of the name in a manufacturer's certificate
    SV_ENROL_LIMIT_DEFAULT = 50,
    SV_ENROL_LIMIT_MAX = 500,
    SV_ENROL_HASH_ROOM = 65,
    SV_ENROL_FROM_MAX = 64,
};

/// A device somebody wants.
typedef struct sv_enrol_wish {
    char id[SV_ID_ROOM];
    char site[SV_ID_ROOM];
    char type[SV_ID_ROOM];                ///< empty: not said
    char idevid[SV_ENROL_IDEVID_MAX + 1]; ///< empty: with a token
} sv_enrol_wish;

typedef struct sv_enrol_order {
    const sv_enrol_wish *wishes;
    size_t count;
    int64_t minutes;
    bool replaces;    ///< the place of a device that there is: `device replace`
    const char *user; ///< who says so
    const char *from; ///< and from which address
} sv_enrol_order;

/// What one of them gets.
typedef struct sv_enrol_grant {
    char token[SV_SECRET_ROOM]; ///< empty with an idevid. Shown once, kept nowhere.
    int64_t expires_us;
} sv_enrol_grant;

/// Could this one be added? SV_ERR_INVALID, SV_ERR_NOT_FOUND (no such site), SV_ERR_STATE (the id
/// is taken), with the sentence.
sv_err sv_enrol_check(sv_fleet *fleet, const sv_enrol_wish *wish, bool replaces, sv_why *why);

/// Add all or none, in a transaction of its own; each is in the device list at once, waiting for
/// its first contact. A token that was given before and not used counts no more. [enrol-1]
sv_err sv_enrol_add(sv_fleet *fleet, const sv_enrol_order *order, sv_enrol_grant *grants,
                    sv_why *why);
/// The same for who has more to store with it: `store` in the caller's transaction, `settle` when
/// it is committed.
sv_err sv_enrol_store(sv_fleet *fleet, const sv_enrol_order *order, sv_enrol_grant *grants,
                      sv_why *why);
void sv_enrol_settle(sv_fleet *fleet, const sv_enrol_order *order);

/// The root that devices are to trust, by the device door's CA file. [enrol-4]
sv_err sv_enrol_pin(const sv_fleet *fleet, char out[SV_PIN_TEXT_ROOM], sv_why *why);
/// Where devices of a site enrol: their gateway's door, else this server's own. [enrol-4]
void sv_enrol_address(const sv_fleet *fleet, sv_text site, char out[SV_FLEET_ADDRESS_ROOM]);
/// The line to type on the device; `token` empty: it shows its manufacturer's certificate.
/// [enrol-4]
void sv_enrol_command(const sv_fleet *fleet, const sv_enrol_wish *wish, const char *token,
                      const char *pin, sv_textbuf *out);
/// One granted wish for the operator: address, pin, and the line to type. [enrol-4]
void sv_enrol_write(const sv_fleet *fleet, const sv_enrol_wish *wish, const sv_enrol_grant *grant,
                    const char *pin, sv_json_out *out);

/// What was added counts no more. SV_ERR_NOT_FOUND when nothing is open for the id.
sv_err sv_enrol_withdraw(sv_fleet *fleet, sv_text id, const char *user, const char *from,
                         sv_why *why);

/// What has become of what was added.
typedef enum sv_enrol_state {
    SV_ENROL_OPEN,
    SV_ENROL_USED,
    SV_ENROL_EXPIRED,
    SV_ENROL_WITHDRAWN,
    SV_ENROL_STATE__COUNT
} sv_enrol_state;

const char *sv_enrol_state_name(sv_enrol_state state);

typedef struct sv_enrol_query {
    const char *id; ///< of this one alone; NULL: of all
    int state;      ///< a sv_enrol_state; -1: any
    size_t limit;
    sv_text cursor;    ///< empty: from the newest
    const char *sites; ///< of these alone (sv_person.sites); NULL: of all
} sv_enrol_query;

/// The newest first. SV_ERR_INVALID for a cursor that is none of ours. [enrol-5]
sv_err sv_enrol_list(sv_fleet *fleet, const sv_enrol_query *query, sv_json_out *out, sv_why *why);

// ---- using one ----------------------------------------------------------------------------------

/// A row of the table, as whoever shows a token or a name needs it.
typedef struct sv_enrol_pass {
    int64_t seq;
    char id[SV_ID_ROOM];
    char site[SV_ID_ROOM];
} sv_enrol_pass;

/// SV_ERR_NOT_FOUND: nobody knows this token. SV_ERR_UNTRUSTED, with the sentence: it is used,
/// expired, withdrawn, or for another id; *out is filled then too. SV_ERR_STATE: our clock says a
/// time before it was made.
sv_err sv_enrol_find_token(sv_db *db, sv_text id, sv_text token, int64_t now_us, sv_enrol_pass *out,
                           sv_why *why);
/// So by the name of a manufacturer's certificate.
sv_err sv_enrol_find_idevid(sv_db *db, sv_text name, int64_t now_us, sv_enrol_pass *out,
                            sv_why *why);
/// Burn it, in the caller's transaction. SV_ERR_UNTRUSTED: somebody else was faster, or it is not
/// open any more.
sv_err sv_enrol_burn(sv_db *db, const sv_enrol_pass *pass, const char *serial, int64_t now_us,
                     sv_why *why);
/// What was tried with it last, for the list.
sv_err sv_enrol_note(sv_db *db, const sv_enrol_pass *pass, const char *from, const char *outcome,
                     int64_t now_us, sv_why *why);

/// Who was added and never came is asked for no longer than the retention.
sv_err sv_enrol_prune(sv_db *db, int64_t before_us, sv_why *why);

#endif
