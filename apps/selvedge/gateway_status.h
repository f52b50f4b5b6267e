// `selvedge gateway status`.
#ifndef SELVEDGE_GATEWAY_STATUS_H
#define SELVEDGE_GATEWAY_STATUS_H

#include <codec/json.h>

enum {
    GATEWAY_SENSORS_SHOWN = 40, ///< rows of the table; all of them are in the JSON
    GATEWAY_PORT = 9464,        ///< of the local page, by custom
};

/// What is at `path` of the local page; with `json` it is printed as it came.
sv_err gateway_fetch(uint16_t port, const char *path, bool json, sv_json **out, sv_why *why);
/// POST; what the status says (sv_status_err), with the page's own sentence, when it refuses.
sv_err gateway_change(uint16_t port, const char *path, sv_text body, sv_why *why);

int cmd_gateway_set_aside(int argc, char **argv);
int cmd_gateway_release(int argc, char **argv);

int cmd_gateway_status(int argc, char **argv);

/// `streams` as /v1/streams gives them, `uplink` of /v1/status. `all`: they are those of the site.
void gateway_sensors_show(const sv_json *streams, const sv_json *uplink, bool all);

/// The artifact cache, as the gateway's status has it; NULL: it has none.
void gateway_show_cache(const sv_json *cache);

#endif
