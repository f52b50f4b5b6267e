#!/usr/bin/env bash
# What a device numbered arrives once: at the gateway and at the fleet server, however often either of them is killed.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
count=1500
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
uplink: {default: all}"
fleet_open

# One reading a millisecond of the device's own time, as fast as they go, each sent twice, as after a lost PUBACK.
seq 1 $count | awk '{ r = sprintf("{\"value\":%d,\"timestamp\":\"2026-11-22T06:15:%02d.%03d\",\"device_id\":\"press-1\",\"epoch\":\"e\",\"seq\":%d}", $1 % 7, int($1 / 1000), $1 % 1000, $1); print r; print r }' >"$work/readings"
(
  while IFS= read -r line; do
    echo "$line"
    sleep 0.001
  done <"$work/readings"
) | persistent press-1 sensors/press-1/temperature &
publisher=$!
started+=("$publisher")

for _ in 1 2 3; do
  sleep 0.7
  die "$gateway"
  start_gateway
  sleep 0.4
  die "$fleet"
  start_fleet
done
wait "$publisher" || fail "the publisher ended with $?"

at_gateway() { [ "$(sqlite3 -readonly "$work/gateway.db" 'SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM reading_row')" = "$count|$count|1|$count" ]; }
at_fleet() { [ "$(sqlite3 -readonly "$work/fleet.db" 'SELECT count(*), sum(n) FROM point WHERE kind = 0')" = "$count|$count" ]; }
within 30 at_gateway || fail "at the gateway: $(sqlite3 -readonly "$work/gateway.db" 'SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM reading_row')"
within 30 at_fleet || fail "at the fleet server: $(sqlite3 -readonly "$work/fleet.db" 'SELECT count(*), sum(n) FROM point WHERE kind = 0')"
