#!/usr/bin/env bash
# What an operator reads in a terminal: the devices and the alerts of a fleet, as tables and as JSON, filtered, page by page, one with all there is to it.
# [cli-1] [cli-2] [cli-3]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: north, gw-2: south'
fleet_choose
make_pki
issue gw-2 --role gateway --ip 127.0.0.1
fleet_open
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")

# run_it EXIT NOUN VERB...: what it says is in $work/out and $work/said
run_it() {
  local wanted=$1 code=0
  shift
  "$selvedge" "$@" "${place[@]}" >"$work/out" 2>"$work/said" || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $*: $(cat "$work/out")"
}
shows() { grep -qE -- "$1" "$work/out" || fail "not shown '$1': $(cat "$work/out")"; }
json() { jq -e "$1" "$work/out" >/dev/null || fail "not so: $1: $(head -c 2000 "$work/out")"; }
narrow() { awk '{ gsub(/[\200-\277]/, "") } length > 80 { print; wide = 1 } END { exit wide }' "$work/out" || fail "wider than 80 columns"; }
tell() { # tell GATEWAY PATH BODY
  curl -fs -m 10 --cacert "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" -H 'Content-Type: application/json' "$fleet_url$2" -d "$3" >/dev/null \
    || fail "the fleet server does not take it: $2"
}

# Nothing there yet: an empty list is a list, and the sentence is not data.
run_it 0 device list --output json
[ "$(cat "$work/out")" = '[]' ] || fail "no empty list: $(cat "$work/out")"
run_it 0 alert list --output json
[ "$(cat "$work/out")" = '[]' ] || fail "no empty list: $(cat "$work/out")"
run_it 0 device list
[ ! -s "$work/out" ] || fail "the empty table is data: $(cat "$work/out")"
grep -q 'there is no such device' "$work/said" || fail "nothing said of an empty list"

# 250 devices at one site, of which every tenth is online, and two at the other; that is three pages.
many=$(seq -f '{"device_id":"press-%g","online":false}' 1 250 | sed '/0"/s/false/true/' | paste -sd, -)
tell gw /v1/health "{\"gateway\":{},\"devices\":[$many]}"
tell gw-2 /v1/health '{"gateway":{},"devices":[{"device_id":"lathe-1","online":true,"last_seen":'"$(($(date +%s) - 7200))"'000000},{"device_id":"lathe-2","online":true}]}'
"$SV_SOURCE/tests/support/raise_alerts.py" "$fleet_port" "$work/pki/ca.crt" "$work/keys/gw.crt" "$work/keys/gw.key" raised 1 130
run_it 0 device add mill-1 --site south
alert=$(python3 -c 'import hashlib; print(hashlib.md5(b"press-7").hexdigest())')

run_it 0 device list --output json
json 'length == 253 and ([.[].id] | unique | length) == 253'
json 'all(.[]; has("site") and has("online") and has("health") and has("standing") and has("key"))'
run_it 0 device list --output json --limit 150
json 'length == 150'
run_it 0 device list --site south --output json
json '[.[].id] == ["lathe-1", "lathe-2", "mill-1"]'
run_it 0 device list --state online --output json
json 'length == 27 and all(.[]; .online)'
run_it 0 device list --q 'LATHE-2' --output json
json '[.[].id] == ["lathe-2"]'
run_it 0 device list --q 'nothing & nobody=1' --output json
json '. == []'
run_it 0 device list --sort urgency --limit 1 --output json
json '.[0].alerts == 1'
run_it 0 device list --site south
shows '^DEVICE +SITE +STATE +HEALTH +ALERTS +SEEN$'
shows '^lathe-1 +south +online +unknown +0 +2 h$'
shows '^mill-1 +south +awaited +unknown +0 +never$'
narrow

# What is not possible is said; a broken filter is a typing error.
run_it 2 device list --state on
run_it 2 device list --limit 0
run_it 2 device list --q "$(printf '%0600d' 0)"
run_it 2 device list lathe-1
run_it 2 device show
grep -q 'name the device: selvedge device show press-17' "$work/said" || fail "not told what is missing"
run_it 2 device show ../alerts
run_it 2 device show nobody
grep -q "there is no device 'nobody'" "$work/said" || fail "not told who is not there"
run_it 2 alert show 0123
run_it 2 alert acknowledge 0123

# The alerts: two lines each, in 80 columns, with the id that acknowledges one.
run_it 0 alert list --limit 0 --output json
json 'length == 130 and all(.[]; .state == "open" and .site == "north")'
run_it 0 alert list --output json
json 'length == 100'
run_it 0 alert list --device press-7
shows '^20[0-9:TZ.-]+ +warning +open +press-7 temperature$'
shows "^  $alert  Value 91.2 exceeds high threshold$"
run_it 0 alert list --severity critical --output json
json '. == []'
run_it 0 alert list --site south --output json
json '. == []'
run_it 2 alert list --state shut

run_it 0 alert acknowledge "$alert"
shows "acknowledged +press-7 temperature"
run_it 0 alert list --state acknowledged --output json
json 'length == 1 and .[0].acknowledged_by == "admin"'
run_it 0 alert show "$alert"
shows '^acknowledged +admin$'
shows ' raised .*exceeds high threshold'
shows ' acknowledged +admin'
narrow
run_it 0 alert show "$alert" --output json
json '.id == "'"$alert"'" and .state == "acknowledged"'
run_it 0 alert acknowledge "$alert" --undo --output json
json '.state == "open"'

# One device, with what was decided about it.
run_it 3 device quarantine press-7 --wait 0 --reason "looks odd"
run_it 0 device show press-7
for line in 'device +press-7' 'site +north' 'state +offline' 'standing +quarantined since 20.*, by admin: looks odd' 'certificate +none is recorded' 'open alerts' \
  '  warning +temperature +Value 91.2 exceeds high threshold' "    $alert since 20"; do shows "^$line"; done
run_it 0 device show press-7 --output json
json '.id == "press-7" and .standing.state == "quarantined" and (.alerts | length) == 1'
run_it 0 device list --standing quarantined
shows '^press-7 +north +quarantined '

# What is over stays over, and says so.
"$SV_SOURCE/tests/support/raise_alerts.py" "$fleet_port" "$work/pki/ca.crt" "$work/keys/gw.crt" "$work/keys/gw.key" cleared 7 1
run_it 1 alert acknowledge "$alert"
run_it 0 alert list --state cleared --output json
json 'length == 1'

# A message that would like to move the cursor.
tell gw-2 /v1/alerts '{"id":"00112233445566778899aabbccddeeff","deviceId":"lathe-1","alertType":"HEALTH","severity":"critical","message":"\u001b[2Jall is well",
  "data":{"timestamp":1764370800000,"deviceId":"lathe-1","sensor":"spindle"},"timestamp":"2026-11-28T23:00:00Z","event":"raised"}'
for seen in "alert list --site south" "alert show 00112233445566778899aabbccddeeff" "device show lathe-1"; do
  # shellcheck disable=SC2086
  run_it 0 $seen
  shows '\?\[2Jall is well'
  if grep -q "$(printf '\033')" "$work/out"; then fail "it moves the cursor: $seen"; fi
done
