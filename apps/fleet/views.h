// The JSON that people and their programs see (docs/spec/operator-api.md).
#ifndef SV_FLEET_VIEWS_H
#define SV_FLEET_VIEWS_H

#include "fleet.h"

#include <codec/json.h>

enum { SV_VIEW_KEY_SENSORS = 4, SV_VIEW_BYTES_MAX = 16 * 1024 * 1024 };

/// An object; `with_key`: the first sensors with their newest values.
void sv_view_device(sv_fleet *fleet, const sv_device *device, bool with_key, sv_json_out *out);
/// The same and everything else there is to say about it.
sv_err sv_view_device_whole(sv_fleet *fleet, const sv_device *device, sv_json_out *out,
                            sv_why *why);
/// Of these sites alone (sv_person.sites); "": of all.
sv_err sv_view_overview(sv_fleet *fleet, const char *sites, sv_json_out *out, sv_why *why);
/// Prometheus text.
sv_err sv_view_metrics(sv_fleet *fleet, sv_textbuf *out);

#endif
