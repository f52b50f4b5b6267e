#!/usr/bin/env bash
# A site's rules name groups of the fleet server: who is in them follows within seconds, holds while the link is cut and through a kill, and
# what has changed meanwhile comes with the link; a group that is removed matches nobody, and that is said.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: north, other: south'
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
thresholds: {default: {high: 80}}"
issue other --role gateway --ip 127.0.0.1
fleet_open

place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
rules() { "$selvedge" rules "$@" --site north "${place[@]}" 2>"$work/said"; }
group() { "$selvedge" group "$@" "${place[@]}" >/dev/null 2>"$work/said" || fail "group $*: $(cat "$work/said")"; }
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
# shellcheck disable=SC2317 # called through within
gateway_says() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e --argjson want "$1" '[.groups.groups[] | [.name, .known, .devices]] == $want' >/dev/null; }
# shellcheck disable=SC2317
fleet_says() { rules show --output json | jq -e --argjson want "$1" '[.groups[] | [.name, .known, .devices]] == $want' >/dev/null; }
# shellcheck disable=SC2317
goes_by() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e ".rules.version == $1" >/dev/null; }
minute=10
say() { # say DEVICE VALUE: ten times, so that it is the average
  local second
  minute=$((minute + 1))
  for second in 10 11 12 13 14 15 16 17 18 19; do
    as "$1" -t "sensors/$1/temperature" -m "{\"value\":$2,\"timestamp\":\"2026-11-22T06:$minute:$second\",\"device_id\":\"$1\"}"
  done
}
open_alerts() { curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -r "[.items[] | select(.device == \"$1\")] | length"; }
# shellcheck disable=SC2317
raised() { [ "$(open_alerts "$1")" = "$2" ]; }

say press-1 60
say press-2 60

# [edge-20] [members-4] Rules that name a list, a query and a group that there is not.
cat >"$work/rules.yaml" <<'YAML'
groups: {canary: {group: pilots}, tagged: {group: spare}, none: {group: ghosts}}
thresholds:
  default: {high: 80}
  groups: {canary: {high: 50}, tagged: {high: 40}, none: {high: 1}}
YAML
group set pilots --device press-1 --device press-9
group set spare --query 'tag = spare'
rules put "$work/rules.yaml" >/dev/null || fail "rules with groups are refused: $(cat "$work/said")"
within 10 goes_by 1 || fail "version 1 is not in force"
within 20 gateway_says '[["pilots",true,1],["spare",true,0],["ghosts",false,0]]' || fail "the gateway does not know who is in the groups: $(curl -fs "127.0.0.1:$http_port/v1/status" | jq -c .groups)"
within 20 fleet_says '[["pilots",true,1],["spare",true,0],["ghosts",false,0]]' || fail "the fleet server shows others: $(rules show --output json | jq -c .groups)"
# [members-3] [members-10] Said in the logs, and that the query has nobody.
grep -q 'event=members.nobody msg="group ghosts, which the rules name, does not exist at the fleet server: it matches no device"' "$work/gateway.log" || fail "that a group does not exist is not in the gateway's log"
grep -q 'event=members.nobody msg="group spare, which the rules name, has no device of this site' "$work/gateway.log" || fail "that a group is empty is not in the gateway's log"
grep -q 'event=groups.unknown .*name group ghosts' "$work/fleet.log" || fail "the fleet server's log does not tell of an unknown group"
"$selvedge" gateway status --port "$http_port" | grep -qx 'groups    pilots 1, spare 0, ghosts NOT KNOWN, so it matches nobody' || fail "the status does not say it"
say press-1 60
say press-2 60
within 20 raised press-1 1 || fail "the group's threshold does not hold for its device"
raised press-2 0 || fail "it holds for another device"

# [members-6] A list and a tag change: within seconds, and an alert that nobody wants any more is cleared.
group set pilots --device press-2
within 20 gateway_says '[["pilots",true,1],["spare",true,0],["ghosts",false,0]]'
say press-2 60
say press-1 60
within 20 raised press-2 1 || fail "who joined a group is judged as before"
within 20 raised press-1 0 || fail "who left a group is judged as before"
[ "$(api -X PUT -d '{"tags":["spare"]}' -o /dev/null -w '%{http_code}' "http://127.0.0.1:$operator_port/api/v1/devices/press-1/tags")" = 200 ] || fail "no tags"
within 20 gateway_says '[["pilots",true,1],["spare",true,1],["ghosts",false,0]]' || fail "a tag does not arrive"

# [members-8] The fleet server away, the gateway killed: what was told holds.
die "$fleet"
die "$gateway"
start_gateway
goes_by 1 || fail "after a kill the rules are others"
gateway_says '[["pilots",true,1],["spare",true,1],["ghosts",false,0]]' || fail "after a kill the members are others"
say press-1 45
within 20 raised press-1 1 || fail "after a kill, without the link, the group's threshold does not hold"

# [members-7] What changed while nobody could be told comes with the link; a new group is found, one that is removed matches nobody.
start_fleet
die "$gateway"
group delete pilots
group set ghosts --device press-1
within 20 fleet_says '[["pilots",false,0],["spare",true,1],["ghosts",true,1]]' || fail "the fleet server shows others: $(rules show --output json | jq -c .groups)"
start_gateway
within 10 gateway_says '[["pilots",false,0],["spare",true,1],["ghosts",true,1]]' || fail "what changed while the gateway was away does not arrive: $(curl -fs "127.0.0.1:$http_port/v1/status" | jq -c .groups)"
within 20 grep -q 'event=members.nobody msg="group pilots, which the rules name, does not exist' "$work/gateway.log" || fail "that a group was removed is not said"
say press-2 60
within 20 raised press-2 0 || fail "a group that was removed has members still"

# [members-9] A database from before: numbers go back, sums differ, and all is told again.
kill "$fleet"
wait "$fleet" || true
sqlite3 "$work/fleet.db" "UPDATE site_groups SET revision = 5; UPDATE site_member SET revision = 5; UPDATE site_member SET names = 'ghosts'; DELETE FROM device_tag; DELETE FROM device_group WHERE name = 'ghosts'; INSERT INTO device_group (name, query, at_ms, user) VALUES ('ghosts', 'all', 1, 'x')"
start_fleet
within 15 gateway_says '[["pilots",false,0],["spare",true,0],["ghosts",true,2]]' || fail "after a restored database the members are others: $(curl -fs "127.0.0.1:$http_port/v1/status" | jq -c .groups)"

# [members-5] Who is not that gateway is told nothing.
groups_of() { curl -s --cacert "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" "${@:3}" "$fleet_url/v1/gateway/$2"; }
[ "$(groups_of other gw/groups -o /dev/null -w '%{http_code}')" = 403 ] || fail "another gateway reads who is in a site's groups"
[ "$(groups_of press-1 gw/groups -o /dev/null -w '%{http_code}')" = 404 ] || fail "a device reads who is in a site's groups"
[ "$(groups_of gw 'gw/groups?after=x' -o /dev/null -w '%{http_code}')" = 400 ] || fail "a broken number is taken"
groups_of other other/groups | jq -e '.groups == [] and .devices == [] and (.more | not)' >/dev/null || fail "another site has groups"
groups_of gw gw/groups | jq -e '[.devices[].id] == ["press-1","press-2"] and all(.devices[]; .in == ["ghosts"]) and (.sum | length) == 16' >/dev/null || fail "all of it: $(groups_of gw gw/groups)"
