// What the director says to each device (docs/spec/director.md): which image it is to run, in
// metadata of its own that selvedge-signer signs. What a device is to run is decided elsewhere
// (actions.h); here it is put into documents when the device asks for them, so that a campaign over
// many devices costs nothing before they come.
#ifndef SV_FLEET_DIRECTOR_H
#define SV_FLEET_DIRECTOR_H

#include "images.h"

#include <net/http_server.h>

#define SV_DIRECTOR_ROOT_FILE "director-root.json" ///< beside the database, for whoever provisions
#define SV_DIRECTOR_AGE_US SV_TIME_DAY_US ///< after so long documents are made anew, unchanged

typedef struct sv_director sv_director;

/// Reads the root that was given before. SV_ERR_INVALID when the file is no root of a director.
sv_err sv_director_open(sv_fleet *fleet, sv_director **out, sv_why *why);
void sv_director_drop(sv_director **director);
/// Asks the signer for the root, until it was there once. Once a second.
void sv_director_turn(sv_fleet *fleet);

/// What devices trust, borrowed. SV_ERR_UNAVAILABLE with what is missing: a signer, its answer.
/// SV_ERR_STATE: the signer's is another than devices were given.
sv_err sv_director_root(const sv_fleet *fleet, sv_text *out, sv_why *why);

/// What the device is to run is another than before: its documents are made anew when it asks. In
/// the caller's transaction. A device that no documents were made for is fine.
sv_err sv_director_changed(sv_fleet *fleet, const char *device, sv_why *why);

/// The image that the device is to run now. SV_ERR_NOT_FOUND: none.
sv_err sv_director_assigned(sv_fleet *fleet, const char *device, sv_image_row *out, sv_why *why);

/// Answers for `/tuf/director/<device>/metadata/<file>`, at once or when the signer has signed.
void sv_director_give(sv_fleet *fleet, sv_http_request *request, const char *device, sv_text file);

#endif
