// Models of remaining life and of classes (docs/spec/model.md): versions by name, as they were put
// and signed; which of them run at a site, live and in shadow; and what each gateway says of its
// own. The server judges that a model can be run; whether it is to be believed its signature tells
// gateways.
#ifndef SV_FLEET_MODELS_H
#define SV_FLEET_MODELS_H

#include "fleet.h"

#include <codec/json.h>

enum {
    SV_MODELS_MAX = 4,           ///< that run at a site, shadows among them
    SV_MODELS_VERSIONS_MAX = 20, ///< of a name; the oldest that run nowhere go
    SV_MODELS_NAMES_MAX = 100,
    SV_MODELS_SIGNATURE_MAX = 1024,
    SV_MODELS_TOLD_MAX = 4 * 1024,
    SV_MODELS_GIVEN_MAX = 4 * 1024 * 1024,
    SV_MODELS_PLACES_MAX = 2000,           ///< where they run, that are shown at once
    SV_MODELS_CARDS_MAX = 8 * 1024 * 1024, ///< of an answer, beyond which cards are left out
    SV_MODELS_LIST_MAX = 8 * 1024 * 1024,
};

/// A new version.
typedef struct sv_model_draft {
    sv_text name, bytes, signature;
    int64_t row_s, horizon_s;
    double confidence;
    const char *user;
} sv_model_draft;

typedef enum sv_model_act {
    SV_MODEL_SHADOW,   ///< run this version beside what is live
    SV_MODEL_LIVE,     ///< let it raise alerts; what was live is remembered
    SV_MODEL_ROLLBACK, ///< what was live before is again, and what is goes into the shadow
    SV_MODEL_OFF,
    SV_MODEL_WITHDRAWN, ///< what was live before is again, and what is runs there no more
} sv_model_act;

/// What somebody does with a name at a site.
typedef struct sv_model_deed {
    sv_model_act act;
    int64_t version;    ///< 0: the newest (SV_MODEL_LIVE: the one in shadow, if there is one)
    const char *user;   ///< "fleet": the server by itself, which says a reason
    const char *reason; ///< or NULL
} sv_model_deed;

/// What was worn of a device was replaced.
typedef struct sv_life_over {
    bool failed;   ///< it ran until it failed; else it was renewed in time
    int64_t at_ms; ///< when its life was over; not in the future
    const char *user;
} sv_life_over;

/// SV_ERR_INVALID for a model that no gateway could run. The version it got in *out.
sv_err sv_models_put(sv_fleet *fleet, const sv_model_draft *draft, int64_t *out, sv_why *why);
/// Gateways of the site hear of it. SV_ERR_NOT_FOUND: there is no such version; SV_ERR_STATE: too
/// many run there, or there is nothing to go back to.
sv_err sv_models_act(sv_fleet *fleet, const sv_site *site, sv_text name, const sv_model_deed *deed,
                     sv_why *why);
/// All versions, the newest first, as an array.
sv_err sv_models_list(sv_fleet *fleet, sv_json_out *out, sv_why *why);
/// "places" and "gateways" of all sites that `who` sees, inside of an object.
sv_err sv_models_everywhere(sv_fleet *fleet, const sv_person *who, sv_json_out *out, sv_why *why);
/// "items" and "gateways" of a site, inside of an object.
sv_err sv_models_of_site(sv_fleet *fleet, const sv_site *site, sv_json_out *out, sv_why *why);
/// For a gateway of the site: {"models":[…]} with their bytes.
sv_err sv_models_give(sv_fleet *fleet, const sv_site *site, sv_json_out *out, sv_why *why);
/// `models` of a beat; what breaks its format is passed over. True when it is another one.
bool sv_models_told(sv_gateway *gateway, const sv_json *told);
/// Whoever looks at the site hears that something of its models is another one.
void sv_models_changed(sv_fleet *fleet, const sv_site *site);
/// Where a live version is among them that the gateway has withdrawn, and another was live before,
/// that one is again, at the whole site. Not within a transaction.
sv_err sv_models_withdrawn(sv_fleet *fleet, const sv_gateway *gateway, const sv_json *told,
                           sv_why *why);
/// The gateways of its site begin its life anew. SV_ERR_INVALID: an end that is yet to come.
sv_err sv_models_renewed(sv_fleet *fleet, const sv_device *device, const sv_life_over *over,
                         sv_why *why);

#endif
