#!/usr/bin/env bash
# Whatever a device sends, the gateway counts it by reason, takes the next reading and lives on.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
site_open ""

now=2026-11-22T06:15:04
good() { as press-1 -t sensors/press-1/temperature -m "{\"value\":$1,\"timestamp\":\"$now\",\"device_id\":\"press-1\"}"; }
stored=0
# expect REASON: what was just sent is counted under it, and a good reading after it is stored
expect() {
  stored=$((stored + 1))
  good $stored
  within 20 metric_is readings_stored_total $stored || fail "after $1: $(metric readings_stored_total) readings stored, not $stored"
  local counted
  counted=$(refused "$1")
  [ "$counted" -ge 1 ] || fail "$1 is not counted"
}
send() { as press-1 -t "$1" -m "$2"; }
temperature=sensors/press-1/temperature

send $temperature '{"value":'
expect json
send $temperature 'not json at all'
send $temperature '{"value":NaN,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
expect json
[ "$(refused json)" = 3 ] || fail "three texts are no JSON, counted $(refused json)"
send $temperature '{"value":1e999,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
expect value
send $temperature '{"value":"12","timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
send $temperature '{"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
expect value
[ "$(refused value)" = 3 ] || fail "three values are none, counted $(refused value)"
send $temperature '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-2"}'
expect wrong_device
send $temperature '{"value":1,"timestamp":"2026-11-22T06:15:04"}'
expect no_device
send $temperature '{"value":1,"timestamp":"yesterday","device_id":"press-1"}'
expect timestamp
send $temperature '{"value":1,"value":2,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
expect duplicate_key
printf '{"value":1,"unit":"\xff\xfe","timestamp":"2026-11-22T06:15:04","device_id":"press-1"}' >"$work/utf8"
as press-1 -t $temperature -f "$work/utf8"
expect utf8
send $temperature '"a text"'
expect shape
send $temperature '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1","epoch":"e","seq":-1}'
expect seq
send sensors/press-1/a/b '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
send 'sensors/press-1/x.y' '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
expect topic
head -c 200000 /dev/zero | tr '\0' '[' >"$work/deep"
as press-1 -t $temperature -f "$work/deep"
expect too_large
# Far larger: the own door ends the connection before it has read it; mosquitto passes it on.
head -c 1000000 /dev/zero | tr '\0' '[' >"$work/huge"
if [ "$front" = door ]; then
  if as press-1 -t $temperature -f "$work/huge" 2>/dev/null; then fail "a packet of 1 MB is acknowledged"; fi
  within 20 grep -q 'client.broken.*press-1' "$work/gateway.log" || fail "a packet of 1 MB is not logged"
else
  as press-1 -t $temperature -f "$work/huge"
fi
expect too_large
head -c 60000 /dev/zero | tr '\0' '[' >"$work/deep"
as press-1 -t $temperature -f "$work/deep"
expect json
send health/press-1 '{"status":"healthy"}'
expect health
send presence/press-1 'maybe'
expect presence

# Refused for good means on record, with a reason somebody can read.
sqlite3 -readonly "$work/gateway.db" "SELECT count(*) FROM quarantine WHERE why <> ''" | grep -qv '^0$' || fail "nothing is quarantined"

# Nobody speaks for another.
as press-2 -t sensors/press-1/impostor -m "{\"value\":1,\"timestamp\":\"$now\",\"device_id\":\"press-1\"}" || true
good 1000
within 20 metric_is readings_stored_total $((stored + 1)) || fail "the last good reading is missing"
curl -fs "127.0.0.1:$http_port/v1/streams?device=press-1" | jq -e 'map(.sensor) == ["temperature"]' >/dev/null || fail "press-2 spoke for press-1"

# A clock that lies: kept, marked, and it decides about nothing.
as press-1 -t $temperature -m '{"value":5,"timestamp":"1970-01-01T00:00:07","device_id":"press-1"}'
as press-1 -t $temperature -m '{"value":5,"timestamp":"2099-01-01T00:00:00","device_id":"press-1"}'
within 20 metric_is clocks_wrong_total 2 || fail "wrong clocks are not marked"
kill -0 "$gateway" || fail "the gateway is gone"
