#!/usr/bin/env bash
# A board without a battery wakes in 1970 while its gateway is away, is killed, and learns the time; the gateway is killed while it catches up: every
# reading ends where it belongs, [reading-5], [reading-6]. The machines live in other time zones, [reading-7].
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
# machine NAME SHIFT_S SERVER: its wall clock is so far off; 1: nobody has set it, 2: a time server has
machine() { python3 -c 'import struct, sys; open(sys.argv[1], "r+b" if sys.argv[4] else "w+b").write(struct.pack("=qqqq", 0, int(sys.argv[2]) * 1000000, 0, int(sys.argv[3])))' \
  "$work/$1.machine" "$2" "$3" "$([ ! -e "$work/$1.machine" ] || echo y)"; }
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
machine gateway 0 2
site_open ""
front_end
echo 21500 >"$work/oil_temperature"
cat >"$work/agent.yaml" <<YAML
id: press-1
gateway: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $work/pki/ca.crt, cert: $work/keys/press-1.crt, key: $work/keys/press-1.key}
machine: false
spool: {path: $work/spool, every: 200ms, free: 0, rate: 30}
sources:
  - {kind: file, path: $work/oil_temperature, sensor: oil_temperature, interval: 100ms}
YAML
start_agent() {
  on agent Pacific/Chatham "$SV_BIN/selvedge-agent" --config "$work/agent.yaml"
  agent=$ran
}
# The truth: when this machine started, in microseconds.
started_us=$(python3 -c 'import time; print(round((time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)) * 1e6))')
began=$(date +%s%3N)

# In 1970, nobody there; killed once.
machine agent $((60 - $(date +%s))) 1
start_agent
sleep 2
die "$agent"
start_agent
sleep 1.5
[ "$(cat "$work"/spool/*.seg | grep -ao '"timestamp":"1970' | wc -l)" -gt 20 ] || fail "it did not wake in 1970"
# A time server is heard; the gateway comes back and is killed while the old readings arrive.
machine agent 0 2
start_gateway
sql() { sqlite3 -readonly "$work/gateway.db" "$1"; }
old() { [ "$(sql 'SELECT count(*) FROM reading_row WHERE uptime IS NOT NULL')" -ge "$1" ]; }
within 30 old 5 || fail "what waited does not arrive"
die "$gateway"
start_gateway
drained() { grep -q 'event=spool.drained' "$work/agent.log"; }
within 30 drained || fail "the spool is not emptied"
# The clock of the gateway is set back and forth.
machine gateway -7200 2
sleep 0.5
machine gateway 0 2
sleep 0.5
kill "$agent"
wait "$agent" || true
ended=$(date +%s%3N)
[ "$(metric clock_steps_total)" = 2 ] || fail "the gateway's clock was set $(metric clock_steps_total) times"
[ "$(metric clocks_corrected_total)" -gt 0 ] || fail "nothing was corrected"

# Each is where its uptime says, and the others where they say.
sql "SELECT (uptime + $started_us) / 1000 FROM reading_row WHERE uptime IS NOT NULL UNION ALL SELECT at / 1000 FROM reading_row WHERE uptime IS NULL" |
  sort -n >"$work/wanted"
curl -fs "127.0.0.1:$http_port/v1/series?device=press-1&sensor=oil_temperature&from=$began&to=$ended&points=5000" >"$work/series"
python3 - "$work/series" "$work/wanted" "$began" <<'PYTHON' || fail "$(head -c 300 "$work/series")"
import json, sys
series = json.load(open(sys.argv[1]))
shown = sorted(ms for ms, _ in series["points"])
wanted = [int(line) for line in open(sys.argv[2])]
assert len(shown) == len(wanted) and len(wanted) > 40, f"{len(shown)} are shown between start and end, {len(wanted)} are stored"
apart = max(abs(a - b) for a, b in zip(shown, wanted))
assert apart <= 100, f"a reading is {apart} ms from where it belongs"
gaps = sorted(b - a for a, b in zip(shown, shown[1:]))
assert gaps[-1] < 1500 and gaps[len(gaps) // 2] < 200, f"gaps of {gaps[-5:]} ms: what waited is not spread as it was taken"
(first, last), = series["corrected"]
assert first <= int(sys.argv[3]) <= last, f"{first} to {last} is not marked as corrected"
PYTHON
sql "SELECT count(*) FROM (SELECT epoch, seq, count(*) AS n FROM reading_row GROUP BY epoch, seq) WHERE n > 1" | grep -qx 0 || fail "readings twice"
[ "$(sql 'SELECT count(*) FROM reading_row WHERE at < 86400000000 * 365')" -gt 20 ] || fail "the times as they came are gone"

# Two clocks apart: said, and not corrected.
for n in 1 2; do
  printf '{"value":%d,"timestamp":"%s","device_id":"press-2"}' "$n" "$(date -u +%FT%T -d '+90 seconds')" | as press-2 -t sensors/press-2/level -s
done
"$selvedge" gateway status --port "$http_port" >"$work/status"
grep -q 'press-2 is 1 min ahead' "$work/status" || fail "$(cat "$work/status")"
[ "$(metric devices_clock_far)" = 1 ] || fail "$(metric devices_clock_far) clocks are far off"
