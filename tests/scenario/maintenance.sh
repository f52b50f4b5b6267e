#!/usr/bin/env bash
# Somebody works on a machine: nothing is raised of it, with the link cut and the gateway killed as well, until the time is over or
# somebody ends it; then what is wrong still is raised. Who said so is kept.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: north, other: south'
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
thresholds: {default: {high: 80}}"
issue other --role gateway --ip 127.0.0.1
fleet_open

place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
maintenance() { "$selvedge" device maintenance "$@" "${place[@]}" 2>"$work/said"; }
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
at=http://127.0.0.1:$operator_port/api/v1
alerts() { api "$at/alerts?state=all&device=$1" | jq '.items | length'; }
has_alerts() { [ "$(alerts "$1")" = "$2" ]; } # has_alerts DEVICE N
# what the gateway goes by: quiet COUNT
quiet() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e ".maintenance.count == $1" >/dev/null; }
second=0
hot() { # hot DEVICE: a reading that is too hot, acknowledged
  second=$((second + 1))
  as "$1" -t "sensors/$1/temperature" -m "$(printf '{"value":95,"timestamp":"2026-11-22T06:%02d:%02d","device_id":"%s"}' $((second / 60)) $((second % 60)) "$1")"
}
stored_is() { [ "$(metric readings_stored_total)" = "$1" ]; }
up() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e '.uplink.stream.up' >/dev/null; }
known() { api "$at/devices/$1" | jq -e '.id' >/dev/null; }

as press-1 -t sensors/press-1/temperature -m '{"value":20,"timestamp":"2026-11-22T06:00:00","device_id":"press-1"}'
as press-2 -t sensors/press-2/temperature -m '{"value":20,"timestamp":"2026-11-22T06:00:00","device_id":"press-2"}'
within 10 known press-1 || fail "press-1 is not known"
within 10 known press-2 || fail "press-2 is not known"
within 10 up || fail "no stream of events"

# [maintenance-8] Said from a terminal, with who and why; nonsense is refused with a sentence.
[ "$(maintenance press-1)" = "nobody works on press-1" ] || fail "somebody works on it already"
if maintenance press-1 --for soon; then fail "'soon' is a time"; fi
grep -q "such as 30m, 2h or 1d" "$work/said" || fail "$(cat "$work/said")"
if maintenance press-1 --for 32d; then fail "32 days are taken"; fi
if maintenance press-1 --end; then fail "what was never said is ended"; fi
grep -q "nobody works on press-1" "$work/said" || fail "$(cat "$work/said")"
maintenance press-1 --for 2h --why bearing | grep -q '^press-1 is being worked on until 2.*, says admin: bearing$' || fail "not said: $(cat "$work/said")"
within 10 quiet 1 || fail "the gateway was not told"
curl -fs "127.0.0.1:$http_port/v1/status" | jq -e '.maintenance.items[0] | .device == "press-1" and .by == "admin" and .why == "bearing" and .until - .since == 7200000' >/dev/null || fail "the gateway was told something else"
"$selvedge" gateway status --port "$http_port" >"$work/status" || true
grep -q '^quiet     press-1 until 2.*, says admin: bearing$' "$work/status" || fail "$(cat "$work/status")"
api "$at/devices/press-1" | jq -e '.maintenance | .of == "device" and .by == "admin"' >/dev/null || fail "the device does not show it"

# [maintenance-1] Hot: stored and nothing raised; the other one is raised.
for _ in 1 2 3 4 5 6; do hot press-1; done
for _ in 1 2 3 4 5 6; do hot press-2; done
within 10 has_alerts press-2 1 || fail "the other machine raises nothing"
stored_is 14 || fail "$(metric readings_stored_total) readings are stored"
has_alerts press-1 0 || fail "a machine that is worked on raised an alert"

# [maintenance-3] The link cut, the gateway killed: still quiet.
die "$fleet"
die "$gateway"
start_gateway
quiet 1 || fail "after a kill without the link it is not known"
for _ in 1 2 3; do hot press-1; done
stored_is 3 || fail "readings are not stored"
curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -e '[.items[].device] == ["press-2"]' >/dev/null || fail "raised after a kill"

# [maintenance-2] Ended while the gateway is away: it hears of it once it is back, and what is wrong is raised.
die "$gateway"
start_fleet
[ "$(maintenance press-1 --end)" = "ended: what is wrong with press-1 is raised again" ] || fail "$(cat "$work/said")"
start_gateway
within 20 quiet 0 || fail "its end was not heard of"
hot press-1
within 10 has_alerts press-1 1 || fail "what is wrong is not raised at its end"

# [maintenance-3] Of the whole site, at last for ten seconds more: it ends by itself, without the link.
within 20 up || fail "no stream of events"
maintenance --site north --for 1h >/dev/null || fail "$(cat "$work/said")"
within 10 quiet 1 || fail "the gateway was not told of its site"
api "$at/devices/press-2" | jq -e '.maintenance.of == "site"' >/dev/null || fail "a device of the site does not show it"
issue press-3
for _ in 1 2 3; do hot press-3; done
curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -e '[.items[].device] | index("press-3") == null' >/dev/null || fail "raised while the site is worked on"
until_is() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e ".maintenance.items[0] | .until - .since == $1" >/dev/null; }
maintenance --site north --for 10s >/dev/null || fail "$(cat "$work/said")"
within 10 until_is 10000 || fail "what is said again does not replace what was said"
die "$fleet"
within 30 quiet 0 || fail "its time is over and it goes on"
hot press-3
raised_here() { curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -e '[.items[].device] | index("press-3") != null' >/dev/null; }
within 10 raised_here || fail "what is wrong is not raised when the time is over"
start_fleet

# [maintenance-7] Who said so, and who ended it.
over() { api "$at/devices/press-1/maintenance" | jq -e '.now == null and [.items[] | [.of, .by, .ended_by]] == [["site", "admin", null], ["site", "admin", "admin"], ["device", "admin", "admin"]]' >/dev/null; }
within 10 over || fail "$(api "$at/devices/press-1/maintenance")"
maintenance press-1 | grep -q '^2.*until 2.*, says admin: bearing; ended 2.* by admin$' || fail "the terminal does not show it: $(maintenance press-1)"

# [maintenance-1] Who may not, may not; what is no request is none.
[ "$(curl -s -X PUT -d '{"for_s":60}' -o /dev/null -w '%{http_code}' "$at/devices/press-1/maintenance")" = 401 ] || fail "anybody may"
for body in '' '[]' '{}' '{"for_s":0}' '{"for_s":2678401}' '{"for_s":"2h"}' '{"for_s":60,"why":"two\nlines"}' '{"for_s":60,"why":7}'; do
  [ "$(api -X PUT -d "$body" -o /dev/null -w '%{http_code}' "$at/devices/press-1/maintenance")" = 400 ] || fail "taken: $body"
done
[ "$(api -X PUT -d '{"for_s":60}' -o /dev/null -w '%{http_code}' "$at/devices/nobody/maintenance")" = 404 ] || fail "a device that is not known"
[ "$(api -X PUT -d '{"for_s":60}' -o /dev/null -w '%{http_code}' "$at/sites/nowhere/maintenance")" = 404 ] || fail "a site that is not known"
[ "$(api -X DELETE -o /dev/null -w '%{http_code}' "$at/sites/north/maintenance")" = 404 ] || fail "what is over is ended"

# [maintenance-5] The list for gateways: each its own site's; a start asks for it, so that what an event lost said is known.
list_of() { curl -s --cacert "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" "${@:3}" "$fleet_url/v1/gateway/$2/maintenance"; }
[ "$(list_of other gw -o /dev/null -w '%{http_code}')" = 403 ] || fail "another gateway reads it"
[ "$(list_of other other | jq -c .items)" = "[]" ] || fail "another site has it"
die "$gateway"
maintenance press-2 --for 1h >/dev/null || fail "$(cat "$work/said")"
die "$fleet"
sqlite3 "$work/fleet.db" "DELETE FROM push"
start_fleet
start_gateway
within 20 quiet 1 || fail "a list is not asked for"
list_of gw gw | jq -e '.items == [{"device": "press-2", "since": .items[0].since, "until": .items[0].until, "by": "admin", "why": ""}]' >/dev/null || fail "$(list_of gw gw)"
