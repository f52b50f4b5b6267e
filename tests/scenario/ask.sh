#!/usr/bin/env bash
# Raw readings stay at their gateway and come when somebody looks: asked for over the gateway's stream, answered once, refused for what never
# leaves the site, and nobody waits for a gateway that is away or silent.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: north, other: south'
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
uplink: {default: change, sensors: {badge: never}}"
issue other --role gateway --ip 127.0.0.1
fleet_open

api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
device=http://127.0.0.1:$operator_port/api/v1/devices
start_s=$(($(date +%s) - 120))
range="from=${start_s}000&to=$((start_s + 300))000"
raw() { api -o "$work/raw" -w '%{http_code}' "$device/$1/raw?sensor=$2&$range&points=${3:-500}"; }
is_up() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e '.uplink.stream.up' >/dev/null; }

# Ninety readings of which few averages are significant, and a spike; a badge that never leaves.
readings() {
  seq 1 90 | awk -v start="$start_s" -v base="$1" '{ printf "{\"value\":%s,\"timestamp\":\"%s\",\"device_id\":\"press-1\"}\n", $1 == 77 ? base + 0.875 : base + $1 % 5 / 10, strftime("%Y-%m-%dT%H:%M:%S", start + $1, 1) }'
}
within 20 is_up || fail "the gateway's stream does not open"
readings 20 | persistent press-1 sensors/press-1/temperature
readings 271828 | persistent press-1 sensors/press-1/badge
is_known() { api "$device/press-1/series?sensor=temperature&$range" | jq -e '.points | length > 0' >/dev/null; }
within 20 is_known || fail "the fleet server does not know the device"

# [ask-6] What is shown of the fleet server's own points, each of them.
api "$device/press-1/series?sensor=temperature&$range" | jq -e '(.points | length) == ([.pieces[][1]] | add) and all(.pieces[]; .[0] == "average" or .[0] == "summary") and all(.points[]; .[1] != 20.875)' >/dev/null ||
  fail "the fleet server's own: $(api "$device/press-1/series?sensor=temperature&$range")"

# [ask-3] [ask-5] The readings as they came, and where they are many the spike survives.
[ "$(raw press-1 temperature)" = 200 ] || fail "no raw readings: $(cat "$work/raw")"
jq -e --argjson start "$start_s" '.kind == "raw" and .pieces == [["raw", 90]] and .points[0] == [($start + 1) * 1000, 20.1] and .points[76][1] == 20.875 and .minutes == null' "$work/raw" >/dev/null || fail "not what came: $(cat "$work/raw")"
[ "$(raw press-1 temperature 5)" = 200 ] || fail "no raw readings: $(cat "$work/raw")"
jq -e '(.points | length) <= 10 and any(.points[]; .[1] == 20.875)' "$work/raw" >/dev/null || fail "the spike is lost: $(cat "$work/raw")"

# [ask-4] What never leaves the site does not leave it this way either, in no byte.
[ "$(raw press-1 badge)" = 403 ] || fail "a sensor that never leaves is given: $(cat "$work/raw")"
grep -q 'badge of press-1 never leaves the site' "$work/raw" || fail "it does not say why: $(cat "$work/raw")"
if grep -aqE '271828' "$work"/fleet.db* "$work/fleet.log" "$work/raw" "$work/gateway.log"; then fail "a badge was seen outside"; fi
[ "$(raw press-1 nothing)" = 404 ] || fail "an unknown sensor: $(cat "$work/raw")"
[ "$(raw press-7 temperature)" = 404 ] || fail "an unknown device: $(cat "$work/raw")"
[ "$(api -o /dev/null -w '%{http_code}' "$device/press-1/raw?sensor=temperature&from=2&to=1")" = 400 ] || fail "time that goes back"
[ "$(api -o /dev/null -w '%{http_code}' "$device/press-1/raw?sensor=temperature&points=2001")" = 400 ] || fail "too many points"

# [ask-1] A gateway that is away.
die "$gateway"
away() { [ "$(raw press-1 temperature)" = 503 ]; }
within 20 away || fail "who is away is asked: $(cat "$work/raw")"
grep -q 'gateway gw is not connected now' "$work/raw" || fail "it does not say why: $(cat "$work/raw")"
start_gateway
back() { [ "$(raw press-1 temperature)" = 200 ]; }
within 20 back || fail "it does not answer on its return: $(cat "$work/raw")"

# Another site's gateway, by hand: it hears of the question, and is believed for its own questions only.
of() { curl -s --cacert "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" "${@:2}"; }
of other -d '{"epoch":"0123456789abcdef0123456789abcdef","from":1,"items":[{"seq":1,"kind":"average","device_id":"press-9","sensor":"heat","at":1,"value":1}]}' "$fleet_url/v1/readings" | jq -e '.seq == 1' >/dev/null || fail "press-9 is not taken"
run "$work/stream" curl -sN -D "$work/head" --cacert "$work/pki/ca.crt" --cert "$work/keys/other.crt" --key "$work/keys/other.key" "$fleet_url/v1/gateway/other/events"
asks() { grep -c '^event: ask' "$work/stream" || true; }
wait_for_ask() { [ "$(asks)" = "$1" ]; }
asked_id() { grep '^data: {"id"' "$work/stream" | tail -1 | cut -c7- | jq -r .id; }
# ask N: in the background; it is the N-th question that comes down
ask() {
  raw press-9 heat >"$work/code" &
  waiting=$!
  within 10 wait_for_ask "$1" || fail "it is not asked: $(cat "$work/stream" "$work/raw")"
}
within 10 grep -q '^HTTP/1.1 200' "$work/head" || fail "the other gateway's stream does not open"
ask 1
answer() { of "$1" -o "$work/said" -w '%{http_code}' -d "{\"id\":\"$(asked_id)\",\"answer\":$2}" "$fleet_url/v1/gateway/$1/answers"; }
mine="{\"points\":[[$start_s"'000,7]],"minutes":[],"unit":"Cel"}'
[ "$(answer gw "$mine")" = 404 ] || fail "another gateway's answer is taken"
[ "$(of gw -o /dev/null -w '%{http_code}' -d '{}' "$fleet_url/v1/gateway/other/answers")" = 403 ] || fail "it speaks for another"
[ "$(answer other "$mine")" = 200 ] || fail "an answer is not taken: $(cat "$work/said")"
wait "$waiting"
[ "$(cat "$work/code")" = 200 ] || fail "who waits does not get it: $(cat "$work/raw")"
jq -e '.points[0][1] == 7 and .unit == "Cel"' "$work/raw" >/dev/null || fail "$(cat "$work/raw")"
[ "$(answer other "$mine")" = 404 ] || fail "a second answer is taken" # [ask-2]

# An answer that is none, and one that never comes.
ask 2
[ "$(answer other '{"points":[[1,7]],"minutes":[]}')" = 200 ] || fail "the answer does not arrive: $(cat "$work/said")"
wait "$waiting"
[ "$(cat "$work/code")" = 502 ] || fail "readings of another time are shown: $(cat "$work/raw")"
ask 3
wait "$waiting"
[ "$(cat "$work/code")" = 504 ] || fail "nobody is told: $(cat "$work/raw")"
[ "$(answer other "$mine")" = 404 ] || fail "an answer that is too late is taken"
