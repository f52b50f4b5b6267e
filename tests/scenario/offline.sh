#!/usr/bin/env bash
# Who gives no sign of life has an alert until it is back: a device whose power goes, one that hangs with its connection open, a gateway. How devices
# behind a gateway that is away are nobody knows: one alert, not one per device. [offline-1] [offline-2]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}"
fleet_open
kill "$fleet"
wait "$fleet" || true
echo 'offline: {after: 3s, rules: [{device: press-2, after: never}]}' >>"$work/fleet.yaml"
start_fleet
api() { curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$1"; }
alerts() { api "alerts?state=$1" | jq -r '[.items[] | select(.type == "OFFLINE") | .device] | sort | join(" ")'; }
open_are() { [ "$(alerts active)" = "$1" ]; }
online_is() { api "devices/$1" | jq -e ".online == $2"; }
# machine ID: connected with its presence and its will; its id is $machine
machine() {
  run "$work/$1.machine" "$SV_SOURCE/tests/support/present.py" "$mqtt_port" "$work/pki/ca.crt" "$work/keys/$1.crt" "$work/keys/$1.key" "$1" 5
  machine=$ran
}
machine press-1
one=$machine
machine press-2
two=$machine
within 20 online_is press-1 true || fail "press-1 is not there"
within 20 online_is press-2 true || fail "press-2 is not there"
open_are "" || fail "an alert without a reason: $(alerts active)"

# The power goes: its will says so. Another device is left out by a rule.
die "$one"
die "$two"
within 20 open_are press-1 || fail "no alert: $(api alerts)"
api "alerts?state=open" | jq -e '.items[] | select(.device == "press-1") | .severity == "warning" and .message == "No sign of life for 3s" and .site == "north"' >/dev/null ||
  fail "another alert: $(api alerts)"
machine press-1
one=$machine
within 20 open_are "" || fail "its return does not end it: $(api alerts)"

# It hangs, its connection stays open: one and a half keep-alives later it counts as gone.
kill -STOP "$one"
within 30 open_are press-1 || fail "a device that hangs is not missed"
kill -CONT "$one"
machine press-2
within 20 open_are "" || fail "its return does not end it"
two=$machine
[ "$(alerts cleared)" = "press-1 press-1" ] || fail "alerts nobody had: $(alerts cleared)"

# The gateway goes, with everything behind it: one alert, also over a restart of the fleet server; and none of devices when it returns.
kill "$gateway"
wait "$gateway" || true
within 40 open_are gw || fail "the gateway is not missed: $(api alerts)"
api "alerts?state=open" | jq -e '.items[] | select(.device == "gw") | .severity == "critical" and .rule == "gateway"' >/dev/null || fail "another alert: $(api alerts)"
die "$fleet"
start_fleet
sleep 4
open_are gw || fail "after a restart of the fleet server: $(alerts active)"
start_gateway
within 30 open_are "" || fail "the gateway's return does not end it: $(api alerts)"
sleep 4
open_are "" || fail "devices are missed that are there: $(alerts active)"
[ "$(alerts cleared)" = "gw press-1 press-1" ] || fail "alerts nobody had: $(alerts cleared)"
