#!/usr/bin/env bash
# The fleet server's database is lost and restored from a copy of yesterday: who was revoked since is revoked again as soon as a gateway is there, with an alert
# and a line of the event log, and what operators decide afterwards reaches the gateway as ever, [standing-13].
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link, every: 100ms}"
fleet_open
signer_open
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" --wait 0)
at=http://127.0.0.1:$operator_port/api/v1
api() { curl -s -m 10 -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
device() { "$selvedge" device "$@" "${place[@]}" >"$work/out" 2>&1 || true; }
here() { [ "$(api "$at/devices/$1" | jq -r .standing.state)" = "$2" ]; }
there() { [ "$(curl -fs "127.0.0.1:$http_port/v1/status" | jq .standing.version)" = "$1" ]; }
stop() {
  kill "$1"
  wait "$1" || true
}
for name in press-1 press-2; do as "$name" -t "sensors/$name/a" -m "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"$name\"}"; done
within 20 here press-2 active || fail "the devices are not known"
device quarantine press-1
within 20 there 1 || fail "the gateway does not follow"
stop "$fleet"
cp "$work/fleet.db" "$work/yesterday.db"
start_fleet
device revoke press-2
within 20 there 2 || fail "the gateway does not follow: $(cat "$work/out")"

stop "$fleet"
rm -f "$work"/fleet.db*
cp "$work/yesterday.db" "$work/fleet.db"
start_fleet
within 30 here press-2 revoked || fail "who was revoked counts again: $(tail -5 "$work/fleet.log")"
here press-1 quarantined || fail "press-1 is not quarantined any more"
grep -q event=standing.taken-back "$work/fleet.log" || fail "the log does not tell of it"
api "$at/audit?what=standing.taken_back" | jq -e '.items | length == 1 and .[0].about == "gw"' >/dev/null || fail "the event log does not tell of it"
api "$at/alerts?limit=100" | jq -e '[.items[] | select(.type == "SECURITY" and .rule == "standing")] | length >= 1' >/dev/null || fail "no alert: $(api "$at/alerts?limit=100")"
device release press-1
within 20 there 3 || fail "the gateway does not follow any more: $(grep standing "$work/gateway.log" | tail -3)"
as press-1 -t sensors/press-1/a -m '{"value":2,"timestamp":"2026-11-22T06:15:05","device_id":"press-1"}' || fail "press-1 is out"
if as press-2 -t sensors/press-2/a -m '{"value":2,"timestamp":"2026-11-22T06:15:05","device_id":"press-2"}' 2>/dev/null; then fail "press-2 is in"; fi
