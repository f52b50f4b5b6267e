// A page of the list of devices, without a request.
#ifndef SV_FLEET_DEVICE_LIST_FIXTURE_H
#define SV_FLEET_DEVICE_LIST_FIXTURE_H

#include "device_list.h"
#include "fleet_fixture.h"
#include "walk.h"

static inline void list_one(void *arg, sv_device *device) {
    sv_device_listing_look(arg, device);
}

static inline void list_devices(sv_fleet *fleet, const sv_device_query *query, sv_json_out *out) {
    SV_DEFER(sv_device_listing_drop) sv_device_listing *listing = NULL;
    assert_int_equal(sv_device_listing_new(fleet, query, &listing, NULL), SV_OK);
    const sv_walk walk = { .query = query->query, .each = list_one, .arg = listing };
    assert_int_equal(sv_walk_now(fleet, &walk, NULL), SV_OK);
    sv_device_listing_write(listing, out);
}

#endif
