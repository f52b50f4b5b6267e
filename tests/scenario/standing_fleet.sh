#!/usr/bin/env bash
# What operators decide about ids holds at the fleet server's doors with the next request, survives kill -9, and is what the folder says as well.
# [standing-8] [standing-9] [standing-10]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: north, gw-2: south'
fleet_choose
make_pki
issue gw-2 --role gateway --ip 127.0.0.1
for name in press-1 press-2 press-3 hmi; do issue "$name"; done
fleet_open
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" --wait 0)
at=http://127.0.0.1:$operator_port/api/v1

# device VERB ID...: its exit code must be the first argument; what it says is in $work/out and $work/said
device() {
  local wanted=$1 code=0
  shift
  "$selvedge" device "$@" "${place[@]}" >"$work/out" 2>"$work/said" || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: device $*: $(cat "$work/out" "$work/said")"
}
told() { grep -q -e "$1" "$work/out" "$work/said" || fail "not told '$1': $(cat "$work/out" "$work/said")"; }
api() { curl -s -m 10 -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
# ask WHO PATH curl's options...: the status at the device door
ask() {
  local id=$1 path=$2
  shift 2
  curl -s -m 10 --cacert "$work/pki/ca.crt" --cert "$work/keys/$id.crt" --key "$work/keys/$id.key" -o "$work/said" -w '%{http_code}' "$@" "$fleet_url$path" || true
}
expect() {
  local status=$1 got
  shift
  got=$(ask "$@")
  [ "$got" = "$status" ] || fail "$got instead of $status for $*: $(cat "$work/said")"
}
state() { api "$at/devices/$1" | jq -r .standing.state; }
name_devices() {
  expect 200 gw /v1/health -d '{"gateway":{},"devices":[{"device_id":"press-1","online":true},{"device_id":"press-2","online":true},{"device_id":"press-3","online":true}]}'
}
name_devices

# Without a signer it holds here, and why it goes no further is said.
expect 200 press-1 /v1/self
device 3 revoke press-1 --reason "it was <b>stolen</b>'; DROP TABLE standing; --"
told '^press-1 is revoked; certificates that began before 20.* do not count$'
told 'gateways cannot be told: no signer is configured'
expect 403 press-1 /v1/self
grep -q "'press-1' is revoked: certificates that began before" "$work/said" || fail "$(cat "$work/said")"
expect 200 press-2 /v1/self
api "$at/devices/press-1" | jq -e '.standing | .state == "revoked" and .reason == "it was <b>stolen</b>'"'"'; DROP TABLE standing; --" and .by == "admin" and .since > 0' >/dev/null \
  || fail "shown: $(api "$at/devices/press-1")"

# What is not possible is refused with its sentence; so is a typing error.
device 1 release press-1
told 'stays so; a new key takes its place with: selvedge device replace press-1'
device 2 revoke pres-1
told "nobody here has heard of 'pres-1'.*--unknown"
device 3 revoke pres-1 --unknown
device 1 quarantine gw
told "'gw' is a gateway; a quarantine is for devices"
device 2 revoke 'a/b'
device 3 quarantine press-2 --output json
jq -e '.id == "press-2" and .state == "quarantined" and .before == 0 and (.gateways | length) == 2' "$work/out" >/dev/null || fail "$(cat "$work/out")"
expect 200 press-2 /v1/self
device 3 release press-2
for bad in '{"state":"gone"}' '{"state":7}' '[]' '{' '{"state":"revoked","reason":"two\nlines"}'; do
  [ "$(api -o /dev/null -w '%{http_code}' -d "$bad" "$at/devices/press-2/standing")" = 400 ] || fail "taken: $bad"
done
[ "$(state press-2)" = active ] || fail "press-2 is $(state press-2)"

# Two operators at once: both are answered, and it is one log without a gap.
operators=()
for i in 1 2 3 4 5 6 7 8; do
  api -o "$work/answer.$i" -d '{"state":"revoked","reason":"at once"}' "$at/devices/press-2/standing" &
  operators+=($!)
done
wait "${operators[@]}" || fail "an operator is not answered"
[ "$(jq -s '[.[].state] | unique == ["revoked"]' "$work"/answer.*)" = true ] || fail "$(cat "$work"/answer.*)"
[ "$(jq -s '[.[].version] | unique | length' "$work"/answer.*)" = 8 ] || fail "$(cat "$work"/answer.*)"

# A gateway: its stream ends at once, and it gets nothing more.
curl -s -N --cacert "$work/pki/ca.crt" --cert "$work/keys/gw-2.crt" --key "$work/keys/gw-2.key" "$fleet_url/v1/gateway/gw-2/events" >"$work/stream" 2>&1 &
stream=$!
connected() { api "$at/standing" | jq -e '.gateways[] | select(.id == "gw-2") | .connected'; }
within 10 connected || fail "gw-2 has no stream"
device 3 revoke gw-2
within 20 bash -c "! kill -0 $stream" || fail "the stream of a revoked gateway lives on"
expect 403 gw-2 /v1/gateway/gw-2/events

# kill -9: what was answered holds.
die "$fleet"
start_fleet
expect 403 press-1 /v1/self
expect 403 gw-2 /v1/gateway/gw-2/events
[ "$(state press-2)" = revoked ] || fail "press-2 is $(state press-2) after a kill"

# The folder's revocations are taken over; an old one does not undo a replacement.
"$selvedge" pki revoke --dir "$work/pki" press-3
refused() { [ "$(ask press-3 /v1/self)" = 403 ]; }
within 10 refused || fail "what the folder revokes is not taken over"
api "$at/devices/press-3" | jq -e '.standing | .by == "folder" and .state == "revoked"' >/dev/null || fail "$(api "$at/devices/press-3")"
name_devices
line=$(api -d '{"minutes":10}' "$at/devices/press-3/replacement")
jq -e '.id == "press-3" and .site == "north" and (.token | length) == 43 and (.command | test("selvedge-agent enrol press-3 "))' <<<"$line" >/dev/null || fail "replaced: $line"
expect 403 press-3 /v1/self
[ "$(state press-3)" = active ] || fail "press-3 is $(state press-3)"
sleep 1.1 # certificates count in whole seconds
rm -f "$work/keys/press-3".*
issue press-3
expect 200 press-3 /v1/self

# Retired: out of the list, its token withdrawn, its history there.
device 3 retire press-3
api "$at/devices" | jq -e '[.items[].id] == ["press-1", "press-2"]' >/dev/null || fail "the list: $(api "$at/devices")"
api "$at/devices?standing=retired" | jq -e '[.items[].id] == ["press-3"]' >/dev/null || fail "the retired: $(api "$at/devices?standing=retired")"
api "$at/enrolments" | jq -e '.items[0] | .id == "press-3" and .state == "withdrawn"' >/dev/null || fail "the token: $(api "$at/enrolments")"
[ "$(state press-3)" = retired ] || fail "press-3 is $(state press-3)"
line=$("$selvedge" device replace press-3 --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" 2>/dev/null)
[[ $line == "echo "*" | selvedge-agent enrol press-3 --at "* ]] || fail "the line is '$line'"
