#!/usr/bin/env bash
# A fleet server that was away for long: what is new comes first, what has waited follows at its pace, everything counts once, also
# when it dies in the middle.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
uplink: {default: all}"
fleet_open
readings() { # readings DEVICE FROM TO: numbered, one a millisecond of the device's time
  seq "$2" "$3" | awk -v id="$1" '{ printf("{\"value\":%d,\"timestamp\":\"2026-11-22T06:%02d:%02d.%03d\",\"device_id\":\"%s\",\"epoch\":\"e\",\"seq\":%d}\n", $1 % 7, int($1 / 60000), int($1 / 1000) % 60, $1 % 1000, id, $1) }' |
    persistent "$1" "sensors/$1/temperature"
}
at_fleet() { sqlite3 -readonly "$work/fleet.db" "SELECT coalesce(sum(n), 0) FROM point JOIN stream ON stream.id = stream WHERE kind = 0 AND device = '$1'"; }
is_at_fleet() { [ "$(at_fleet "$1")" = "$2" ]; }

readings press-1 1 10
within 10 is_at_fleet press-1 10 || fail "the first readings do not come through"
die "$fleet"
readings press-1 11 6000
within 20 metric_is readings_stored_total 6000 || fail "the gateway has not taken them"
start_fleet
within 20 grep -q 'event=backfill.start' "$work/gateway.log" || fail "nothing waits"
readings press-2 1 3
within 20 is_at_fleet press-2 3 || fail "what is new waits behind what is old"
die "$fleet"
start_fleet
within 30 is_at_fleet press-1 6000 || fail "of 6000 readings $(at_fleet press-1) are at the fleet server"
within 10 metric_is uplink_spool 0 || fail "something waits for ever: $(metric uplink_spool)"
is_at_fleet press-2 3 || fail "what is new counted twice"
