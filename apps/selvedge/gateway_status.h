// `selvedge gateway status`.
#ifndef SELVEDGE_GATEWAY_STATUS_H
#define SELVEDGE_GATEWAY_STATUS_H

#include <codec/json.h>

enum { GATEWAY_SENSORS_SHOWN = 40 }; ///< rows of the table; all of them are in the JSON

int cmd_gateway_status(int argc, char **argv);

/// "1.4 GiB"
const char *gateway_bytes(double value, char room[32]);
/// `streams` as /v1/streams gives them, `uplink` of /v1/status. `all`: they are those of the site.
void gateway_sensors_show(const sv_json *streams, const sv_json *uplink, bool all);

#endif
