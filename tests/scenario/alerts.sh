#!/usr/bin/env bash
# An alert's life at the gateway, and its way to an HTTPS address of one's own: sent again while that is in trouble, let
# go when it is refused for good, never the fleet's or another alert's obstacle. Rules are read again on SIGHUP or not at all.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
taker_port=$(free_port)
rules='thresholds: {default: {high: 80, low: 10}, devices: {press-2: {high: 50}}}'
site_open "alerts: {url: https://localhost:$taker_port/hook?site=north, ca: $work/pki/ca.crt}
apps: {hmi: [alerts/#]}
$rules"
issue hmi --role app
issue taker --role server --dns localhost --ip 127.0.0.1
start_taker() {
  run "$work/taker.log" python3 "$SV_SOURCE/tests/support/alert_taker.py" "$work/keys/taker.crt" "$work/keys/taker.key" "$taker_port" "$work/taken" "$@"
  taker=$ran
  within 20 bash -c ": < /dev/tcp/127.0.0.1/$taker_port" || fail "the other end of the alerts does not start"
}
second=10
say() { # say DEVICE VALUE
  second=$((second + 1))
  as "$1" -t "sensors/$1/temperature" -m "{\"value\":$2,\"timestamp\":\"2026-11-22T06:15:$second\",\"device_id\":\"$1\"}"
}
taken() { # taken JQ-FILTER: some alert that was answered 2xx fits
  sed -n 's/^2[0-9][0-9] [^ ]* //p' "$work/taken" | jq -es "any(.[]; $1)"
}
# A local program that comes back when the connection is lost, to the session it had.
hears "$work/local" -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/hmi.crt" --key "$work/keys/hmi.key" -i hmi -t 'alerts/#'

# Nobody takes alerts yet: the alert waits on disk, also through a kill -9 of the gateway.
say press-1 91.2
within 20 metric_is 'alerts_total{event="raised"}' 1 || fail "no alert is raised"
kill -9 "$gateway"
wait "$gateway" 2>/dev/null || true
start_taker 503 201
start_gateway
metric_is alerts_open 1 || fail "the open alert is forgotten after a kill"
within 20 taken '.alertType == "HIGH" and .message == "Value 91.2 exceeds high threshold" and .deviceId == "press-1"
  and .severity == "warning" and .data.sensor == "temperature" and .data.value == 91.2 and .data.raw == 91.2
  and .timestamp == "2026-11-22T06:15:11" and .data.timestamp == 1795328111000' || fail "the alert did not arrive: $(cat "$work/taken")"
grep -q '^503 /hook?site=north ' "$work/taken" || fail "path and query of the address are not kept"

# The average comes back: cleared, the same id, and once.
for _ in 1 2 3 4 5 6 7 8 9 10; do say press-1 40; done
within 10 taken '.event == "cleared" and .message == "Value 91.2 exceeds high threshold" and .data.value == 65.6' || fail "no clearing: $(cat "$work/taken")"
[ "$(sed 's/^[0-9]* [^ ]* //' "$work/taken" | jq -r .id | sort -u | wc -l)" = 1 ] || fail "one condition became several alerts"
metric_is alerts_open 0 || fail "an alert is still open"

# A device's own bounds win; LOW has its own words.
say press-2 60
within 10 taken '.message == "Value 60 exceeds high threshold" and .deviceId == "press-2"' || fail "a device's own bound does not count"
say press-1 -900
within 10 taken '.alertType == "LOW" and (.message | startswith("Value -") and endswith("below low threshold"))' || fail "no LOW alert"

# One that is refused for good does not hold up the next.
kill "$taker"
wait "$taker" 2>/dev/null || true
start_taker 422 200
say press-2 -100000
within 20 grep -q '^422 ' "$work/taken" || fail "nothing was refused"
say press-2 100000
say press-2 1000000
within 20 taken '.deviceId == "press-2" and .event == "raised" and .data.raw == 1000000' || fail "a refused alert stands in the way"
[ "$(metric uplink_refused_total)" = 1 ] || fail "the refusal is not counted"
if grep -q hook "$work/gateway.log"; then fail "the address's path, which may be a secret, is logged"; fi

# Health has an alert of its own: as bad as the worst complaint, gone with it.
report() {
  as press-1 -t health/press-1 -m "{\"status\":\"$1\",\"alerts\":$2,\"metrics\":{\"device_id\":\"press-1\",\"timestamp\":\"2026-11-22T06:16:00Z\",\"cpu_usage\":95,\"memory_usage\":1,\"disk_usage\":95,\"network\":{\"bytes_sent\":1,\"bytes_recv\":1},\"temperature\":null}}"
}
report critical '[{"level":"warning","message":"High CPU usage"},{"level":"critical","message":"Disk space low"}]'
within 10 taken '.alertType == "HEALTH" and .severity == "critical" and .message == "High CPU usage, Disk space low" and .event == "raised"' || fail "no HEALTH alert"
report healthy '[]'
within 10 taken '.alertType == "HEALTH" and .event == "cleared"' || fail "the HEALTH alert does not end"

# Rules: a broken file changes nothing, a good one applies at once.
site_config "thresholds: {default: {hihg: 80}}"
kill -HUP "$gateway"
within 20 grep -q 'event=config.refused' "$work/gateway.log" || fail "the broken file is not refused"
grep -q 'gateway.yaml:7:30: .*hihg' "$work/gateway.log" || fail "the fault has no line and column: $(grep hihg "$work/gateway.log")"
site_config "thresholds: {devices: {press-1: {sensors: {pressure: {high: 3}}}}}"
kill -HUP "$gateway"
within 20 grep -q 'event=config.reloaded' "$work/gateway.log" || fail "the good file is not read"
as press-1 -t sensors/press-1/pressure -m '{"value":3.5,"timestamp":"2026-11-22T06:17:00","device_id":"press-1"}'
within 10 taken '.data.sensor == "pressure" and .message == "Value 3.5 exceeds high threshold"' || fail "the new rule does not count"

# The site's own programs heard of all of it, and only of alerts.
jq -es 'length >= 8 and all(.[]; .deviceId and .alertType)' "$work/local" >/dev/null || fail "the local subscriber missed alerts"
