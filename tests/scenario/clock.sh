#!/usr/bin/env bash
# A board without a battery wakes in 1970 while its gateway is away, is killed, and learns the time an hour later; another goes on where its power went, two
# hours behind, and is set forth and back; the gateway's clock is set back and forth, and it is killed: every reading ends where it belongs, at the gateway and at
# the fleet server, marked where that is not the time it says, [reading-5], [reading-6], [reading-9], [reading-10]; none is lost, none doubled. The machines live
# in other time zones, [reading-7].
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
hour=3600
# machine NAME SHIFT_S SERVER [UPTIME_S]: its wall clock is so far off; 1: nobody has set it, 2: a time server has; it has been up for longer
machine() { python3 -c 'import os, struct, sys
shift, server, uptime = map(int, sys.argv[2:])
open(sys.argv[1], "r+b" if os.path.exists(sys.argv[1]) else "w+b").write(struct.pack("=qqqqq", 0, shift * 1000000, 0, server, uptime * 1000000))' \
  "$work/$1.machine" "$2" "$3" "${4:-0}"; }
# on NAME ZONE command...: the command on that machine
on() {
  local name=$1 zone=$2
  shift 2
  run "$work/$name.log" env TZ="$zone" SV_MACHINE="$work/$name.machine" LD_PRELOAD="$SV_BIN/../tests/attacks_machine.so" "$@"
}
start_gateway() {
  on gateway America/New_York "$SV_BIN/selvedge-gateway" --config "$work/gateway.yaml"
  gateway=$ran
  within 20 curl -fs "127.0.0.1:$http_port/healthz" || fail "the gateway does not become ready"
}
# start_agent ID: its machine is called like it
start_agent() {
  cat >"$work/$1.yaml" <<YAML
id: $1
gateway: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $work/pki/ca.crt, cert: $work/keys/$1.crt, key: $work/keys/$1.key}
machine: false
spool: {path: $work/$1.spool, every: 200ms, free: 0, rate: 30}
sources:
  - {kind: file, path: $work/oil_temperature, sensor: oil_temperature, interval: 100ms}
YAML
  on "$1" Pacific/Chatham "$SV_BIN/selvedge-agent" --config "$work/$1.yaml"
  agent=$ran
}
stop() {
  kill "$1"
  wait "$1" || true
}
sql() { sqlite3 -readonly "$work/gateway.db" "$1"; }
rows() { sql "SELECT count(*) FROM reading_row JOIN stream ON stream.id = stream WHERE device = '$1' AND $2"; }
more() { [ "$(rows "$1" "$2")" -gt "$3" ]; }

machine gateway 0 2
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
uplink: {default: all}"
issue press-3
fleet_open
stop "$gateway"
echo 21500 >"$work/oil_temperature"
# The truth: when this machine started, in microseconds.
started_us=$(python3 -c 'import time; print(round((time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)) * 1e6))')
began=$(date +%s%3N)

# In 1970, nobody there; killed once.
machine press-1 $((60 - $(date +%s))) 1
woke() { [ "$(cat "$work"/press-1.spool/*.seg 2>/dev/null | grep -ao '"timestamp":"1970' | wc -l)" -gt "$1" ]; }
start_agent press-1
within 20 woke 10 || fail "it did not wake in 1970"
die "$agent"
start_agent press-1
one=$agent
within 20 woke 25 || fail "it did not wake in 1970 again"
# An hour later a time server is heard, then the gateway comes back, and is killed while the old readings arrive.
machine press-1 $hour 2 $hour
machine gateway $hour 2
sleep 0.5
start_gateway
within 30 more press-1 'uptime IS NOT NULL' 5 || fail "what waited does not arrive"
die "$gateway"
start_gateway

# Two hours behind, as if the power had gone that long; a time server sets it forth, somebody back, a time server forth.
machine press-2 -$hour 1 $hour
start_agent press-2
within 20 more press-2 'uptime IS NOT NULL' 10 || fail "no reading of a board that is behind"
machine press-2 $hour 2 $hour
within 20 more press-2 'uptime IS NULL' 5 || fail "no reading of a board that was set forth"
known=$(rows press-2 'uptime IS NOT NULL')
machine press-2 0 1 $hour
within 20 more press-2 'uptime IS NOT NULL' $((known + 10)) || fail "no reading of a board that was set back"
machine press-2 $hour 2 $hour
sleep 0.5
within 30 grep -q 'event=spool.drained' "$work/press-1.log" || fail "the spool is not emptied"
# The clock of the gateway is set back and forth.
for steps in 1 2; do
  machine gateway "$([ $steps = 1 ] && echo -$hour || echo $hour)" 2
  within 20 metric_is clock_steps_total $steps || fail "the gateway's clock was set $(metric clock_steps_total) times, not $steps"
done
# Both are heard again by a clock that is right, before they go.
for device in press-1 press-2; do
  known=$(rows $device true)
  within 20 more $device true $((known + 5)) || fail "$device is not heard any more"
done
stop "$one"
stop "$agent"
ended=$(($(date +%s%3N) + hour * 1000))
[ "$(metric clocks_corrected_total)" -gt 20 ] || fail "$(metric clocks_corrected_total) readings were corrected"
within 20 metric_is uplink_spool 0 || fail "$(metric uplink_spool) readings do not reach the fleet server"

# Each is where its uptime says, and the others where they say, at the gateway as at the fleet server.
ask() { curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$1"; }
range="sensor=oil_temperature&from=$((began - hour * 1000))&to=$ended&points=5000"
for device in press-1 press-2; do
  sql "SELECT CASE WHEN uptime IS NULL THEN at ELSE uptime + $started_us END / 1000, uptime IS NOT NULL AND abs(at - uptime - $started_us) > 1500000
    FROM reading_row JOIN stream ON stream.id = stream WHERE device = '$device'" >"$work/$device.wanted"
  curl -fs "127.0.0.1:$http_port/v1/series?device=$device&$range" >"$work/$device.site"
  sqlite3 -readonly "$work/fleet.db" "SELECT at_ms, corrected, n FROM point JOIN stream ON stream.id = stream WHERE kind = 0 AND device = '$device'" >"$work/$device.fleet"
  ask "devices/$device/series?$range" >"$work/$device.series"
  python3 - "$work/$device" "$started_us" <<'PYTHON' || fail "$device"
import json, sys
name = sys.argv[1]
def lines(what):
    return sorted([int(word) for word in line.split("|")] for line in open(f"{name}.{what}"))
wanted = lines("wanted")
moved = [ms for ms, corrected in wanted if corrected]
assert len(wanted) > 30 and len(moved) > 15, f"{len(wanted)} readings, {len(moved)} of them say another time"
site = json.load(open(f"{name}.site"))
fleet = [(ms, corrected) for ms, corrected, n in lines("fleet") for _ in range(n)]
for where, shown in ("gateway", sorted(ms for ms, _ in site["points"])), ("fleet server", [ms for ms, _ in fleet]):
    assert len(shown) == len(wanted), f"{len(shown)} are shown at the {where}, {len(wanted)} are stored"
    apart = max(abs(a - b) for a, (b, _) in zip(shown, wanted))
    assert apart <= 1000, f"a reading is {apart} ms from where it belongs at the {where}"
marked = sum(1 for _, corrected in fleet if corrected)
assert marked == len(moved), f"{marked} are marked at the fleet server, {len(moved)} say another time"
spans = json.load(open(f"{name}.series"))["corrected"]
for ms in moved:
    assert any(a - 1000 <= ms <= b + 61000 for a, b in spans), f"{ms} is not told to be corrected: {spans}"
assert any(a <= moved[0] + 1000 and b >= moved[0] for a, b in site["corrected"]), f"{site['corrected']} at the gateway"
PYTHON
  # Nothing is lost, nothing doubled.
  complete() { "$selvedge" audit delivery --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" --device "$device" >"$work/said"; }
  within 30 complete || fail "$(cat "$work/said")"
done
# What waited was spread as it was taken: an hour lies between the last in 1970 and the first after it.
python3 - "$work/press-1.fleet" <<'PYTHON' || fail "press-1"
import sys
at = sorted(int(line.split("|")[0]) for line in open(sys.argv[1]))
gaps = sorted(b - a for a, b in zip(at, at[1:]))
assert 3590000 < gaps[-1] < 3610000 and gaps[-2] < 60000 and gaps[len(gaps) // 2] < 1000, f"gaps of {gaps[-5:]} ms"
PYTHON
woken=$(awk -F '|' -v to="$((began + 60000))" '$1 <= to' "$work/press-1.wanted" | wc -l)
tested=$("$selvedge" backtest --config "$work/gateway.yaml" --store "$work/gateway.db" --device press-1 --to "$(date -u -d "@$((began / 1000 + 60))" +%FT%T)" --output json | jq .readings)
[ "$tested" = "$woken" ] || fail "a backtest finds $tested readings of the first minute, not $woken"
[ "$(sql 'SELECT count(*) FROM reading_row WHERE at < 86400000000 * 365')" -gt 20 ] || fail "the times as they came are gone"

# Two clocks apart: said, and not corrected.
for n in 1 2; do
  printf '{"value":%d,"timestamp":"%s","device_id":"press-3"}' "$n" "$(date -u +%FT%T -d "+$((hour + 90)) seconds")" | as press-3 -t sensors/press-3/level -s
done
"$selvedge" gateway status --port "$http_port" >"$work/said"
grep -Eq 'corrected [0-9]+ readings of clocks in doubt' "$work/said" || fail "the status does not say that readings were corrected"
grep -q 'press-3 is 1 min ahead' "$work/said" || fail "the status does not say whose clock is ahead"
[ "$(metric devices_clock_far)" = 1 ] || fail "$(metric devices_clock_far) clocks are far off"
ahead() { ask devices/press-3 | jq -e '.clock_ahead > 80000 and .clock_ahead < 91000'; }
within 10 ahead || fail "$(ask devices/press-3)"
