#!/usr/bin/env bash
# An agent whose broker is killed with what it had acknowledged, again and again, and the gateway behind it too: what the agent takes for delivered is in the
# gateway's store, once. With acks=false the same story loses readings.
set -euo pipefail
front=mosquitto
. "$SV_SOURCE/tests/support/site.sh"
# Slow groups: a gateway that told of what is not on disk yet would be found out.
store_path="$work/gateway.db, group: 100000, group_wait: 1500ms"
site_open ""
echo 21500 >"$work/oil_temperature"
cat >"$work/agent.yaml" <<YAML
id: press-1
gateway: {host: 127.0.0.1, port: $mqtt_port, acks: ${acks:-true}}
tls: {ca: $work/pki/ca.crt, cert: $work/keys/press-1.crt, key: $work/keys/press-1.key}
health: {interval: 1s}
machine: false
spool: {path: $work/spool, every: 300ms, free: 0, rate: 400}
sources:
  - {kind: file, path: $work/oil_temperature, sensor: oil_temperature, interval: 100ms}
  - {kind: file, path: $work/oil_temperature, sensor: oil_pressure, interval: 100ms}
YAML
run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/agent.yaml"
agent=$ran
sql() { sqlite3 -readonly "$work/gateway.db" "$1"; }
arrived() { [ "$(sql 'SELECT count(*) FROM reading')" -ge "$1" ]; }
more() { within 60 arrived $(($(sql 'SELECT count(*) FROM reading') + $1)) || fail "no new readings"; }
more 20

for pause in 0.6 0.9 1.2; do
  # Between two commits; with the gateway away, the broker acknowledges and holds; then it forgets.
  sleep $pause
  die "$gateway"
  sleep 0.8
  die "$broker"
  start_broker
  start_gateway
  more 20
done
die "$broker"
start_broker
more 20

# waiting: the numbers that the agent still has on disk
waiting() { cat "$work"/spool/*.seg 2>/dev/null | grep -ao '"seq":[0-9]*' | cut -d: -f2 | sort -nu || true; }
missing() {
  sql 'SELECT seq FROM reading' | sort -n >"$work/stored"
  { uniq "$work/stored"; waiting; } | sort -nu >"$work/known"
  comm -23 <(seq 1 "$(tail -n 1 "$work/known")" | sort) <(sort "$work/known")
}
nothing_missing() { [ -z "$(missing)" ]; }
# Everything that was on its way is told of before long, and the spool is empty but for the last second or two.
settled() { nothing_missing && [ "$(waiting | wc -l)" -lt 60 ]; }
within 45 settled || fail "$(waiting | wc -l) readings still wait, of which the gateway does not tell, and missing are: $(missing | head -n 5 | tr '\n' ' ')"
kill "$agent"
wait "$agent" || fail "the agent ended with $?"
within 20 nothing_missing || fail "delivered and lost: $(missing | wc -l) of $(wc -l <"$work/known"): $(missing | head -n 5 | tr '\n' ' ')"
[ -z "$(uniq -d "$work/stored")" ] || fail "stored twice: $(uniq -d "$work/stored" | head)"
[ "$(sql 'SELECT count(DISTINCT epoch) FROM reading')" = 1 ] || fail "more than one epoch"
if grep -q 'reading.unconfirmed\|ack.refused\|acks.unheard\|spool.full\|spool.un' "$work/agent.log"; then fail "the agent complains"; fi
