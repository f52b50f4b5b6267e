#!/usr/bin/env bash
# What becomes of devices at a site, with fleet server, signer and gateway as they are: who is quarantined is set aside, of who is retired
# nothing is kept, a copied key is seen by the gateway and known at the fleet server; all of it holds without the link.
# [standing-21] [standing-22] [standing-23] [standing-26] [standing-27] [standing-28]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link, every: 100ms}"
for name in press-3 press-4 press-5; do issue "$name"; done
fleet_open
signer_open
at=http://127.0.0.1:$operator_port/api/v1
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
api() { curl -s -m 10 -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
say() { as "$1" -t "sensors/$1/oil" -m "{\"value\":$2,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"$1\"}"; }
# decide VERB ID: until every gateway of the site says that it is in force
decide() { "$selvedge" device "$1" "$2" "${place[@]}" --reason "a test" --wait 10 >"$work/said" 2>&1 || fail "device $1 $2: $(cat "$work/said")"; }
# live DEVICE [more options]: a session, that comes back when it is taken over; its id is $ran
live() {
  run "$work/$1.log" mosquitto_sub -V mqttv311 -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" -i "$1" -t "commands/$1/#" "${@:2}"
}
clients_are() { within 20 metric_is door_sessions "$1"; }
alert() { api "$at/alerts?state=open" | jq -e --arg device "$1" --arg rule "$2" '[.items[] | select(.device == $device and .rule == $rule)] | length > 0'; }
state() { api "$at/devices/$1" | jq -r .standing.state; }
within 10 metric_is uplink_stream_up 1 || fail "the gateway has no stream"
for name in press-1 press-2 press-3 press-4 press-5; do say "$name" 20; done
known() { api "$at/devices" | jq -e '.items | length == 5'; }
within 10 known || fail "the fleet server does not know the devices"

# Revoked: its session ends within two seconds of the order, and it stays out; nobody else notices.
live press-1
live press-2
other=$ran
clients_are 2 || fail "nobody is connected"
start=$(date +%s%N)
decide revoke press-1
clients_are 1 || fail "a revoked session goes on"
took=$((($(date +%s%N) - start) / 1000000))
[ $took -lt 2000 ] || fail "it took $took ms"
if say press-1 21; then fail "a revoked device publishes"; fi
if "$selvedge" publish --gateway "127.0.0.1:$mqtt_port" --id press-1 --ca "$work/pki/ca.crt" --cert "$work/keys/press-1.crt" --key "$work/keys/press-1.key" oil 21 2>"$work/said"; then fail "a revoked device publishes"; fi
grep -q 'certificate.*, before CONNECT was answered\|before CONNECT was answered; if this certificate counts no more' "$work/said" || fail "not said what may be wrong: $(cat "$work/said")"
grep -q "event=link.refused .*'press-1' is revoked (change 1)" "$work/gateway.log" || fail "the log does not say why"
kill -0 "$other" || fail "somebody else was sent away"

# Quarantined: it publishes, nobody counts it; released, it does.
stored=$(metric readings_stored_total)
decide quarantine press-2
say press-2 99
metric_is readings_stored_total "$stored" || fail "a reading of a quarantined device is stored"
"$selvedge" gateway set-aside --port "$http_port" --device press-2 | grep -q '"value":99' || fail "it is not shown"
kill -0 "$other" || fail "a quarantined device is sent away"
decide release press-2
say press-2 22
within 20 metric_is readings_stored_total $((stored + 1)) || fail "a released device does not count"

# Retired: nothing is kept of it.
as press-3 -r -t presence/press-3 -m '{"online":true}'
within 20 metric_is door_retained 1 || fail "presence is not retained"
decide retire Press-3 # upper and lower case make no other id
metric_is door_retained 0 || fail "something of a retired device is retained"

# One key at two places: quarantined here at once, then at the fleet server, with an alert; the operator ends it.
live press-4
first=$ran
live press-4
second=$ran
within 20 metric_is clones_total 1 || fail "a cloned key is not seen"
quarantined() { [ "$(state press-4)" = quarantined ]; }
within 10 quarantined || fail "the fleet server says press-4 is $(state press-4)"
within 10 alert press-4 clone || fail "no alert: $(api "$at/alerts?state=open")"
kill "$first" "$second"
decide release press-4
stored=$(metric readings_stored_total)
say press-4 23
within 20 metric_is readings_stored_total $((stored + 1)) || fail "a released device does not count"

# A device that moves between two networks is one: what it leaves behind is connected still, and does not answer.
kill "$other" # with its publishers it has taken over its own id already
clients_are 0 || fail "somebody is connected still"
live press-2
clients_are 1 || fail "press-2 is not connected"
moves() { grep -c "event=client.taken-over.*press-2" "$work/gateway.log" || true; }
before=$(moves)
left=("$ran")
for ((i = 0; i < 8; i++)); do
  kill -STOP "${left[-1]}"
  live press-2 -A "127.0.0.$((2 + i % 2))"
  left+=("$ran")
  moved() { [ "$(moves)" = $((before + i + 1)) ]; }
  within 20 moved || fail "press-2 did not move"
done
for pid in "${left[@]}"; do die "$pid"; done
[ "$(metric clones_total)" = 1 ] || fail "a device that moves is taken for two"
[ "$(state press-2)" = active ] || fail "press-2 is $(state press-2)"

# Without the link and after a kill it holds.
decide revoke press-5
die "$fleet"
die "$gateway"
start_gateway
for name in press-1 press-5; do if say "$name" 24; then fail "$name counts again after a kill"; fi; done
say press-2 25 || fail "a device is locked out while the fleet server is away"
