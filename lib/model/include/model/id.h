// The id grammar that everything with a name shares (DESIGN §3): `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
// It is the certificate's CN, the MQTT user, the topic level and the database key, so
// whatever lies outside it is refused where it enters.
#ifndef SV_MODEL_ID_H
#define SV_MODEL_ID_H

#include <base/err.h>
#include <base/text.h>

enum { SV_ID_MAX = 64, SV_ID_ROOM = SV_ID_MAX + 1 };

bool sv_id_is_valid(sv_text id);
/// `what` names the thing in the sentence: "device id".
sv_err sv_id_check(const char *what, sv_text id, sv_why *why);

/// As sv_id_check, in the shape configuration tables want.
sv_err sv_id_config_check(sv_text id, sv_why *why);

/// An id in which `*` stands for any characters, also none: `press-*`.
sv_err sv_id_pattern_check(const char *what, sv_text pattern, sv_why *why);
bool sv_id_matches(sv_text pattern, sv_text id);

typedef enum sv_role {
    SV_ROLE_DEVICE,
    SV_ROLE_GATEWAY,
    SV_ROLE_SERVER,
    SV_ROLE_APP,
    SV_ROLE__COUNT
} sv_role;

/// "device", "gateway", "server", "app".
const char *sv_role_name(sv_role role);
sv_err sv_role_parse(sv_text text, sv_role *out, sv_why *why);

/// Who a verified certificate says the peer is.
typedef struct sv_identity {
    char id[SV_ID_ROOM];
    sv_role role;
    bool classic;          ///< an X.509 v1 leaf without role, taken as a device
    int64_t not_before_us; ///< beginning of the certificate, by which revocation goes [pki-9]
    int64_t not_after_us;  ///< and its end
} sv_identity;

#endif
