// The dashboard's files, embedded in the program.
#ifndef SV_FLEET_ASSETS_H
#define SV_FLEET_ASSETS_H

#include <net/http_server.h>

/// Answer GET or HEAD of a dashboard path; other paths without a dot get index.html, so that a deep
/// link works. False, and nothing answered, when the path is none of the dashboard's.
bool sv_assets_answer(sv_http_request *request);

#endif
