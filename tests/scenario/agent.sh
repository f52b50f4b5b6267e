#!/usr/bin/env bash
# A device with the real agent: sensors from files, health, presence; the gateway sees it come, go and come back, and what
# was measured while the way to it was cut arrives afterwards.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
site_open ""
echo 21500 >"$work/oil_temperature"
agent_config() { # agent_config sources
  cat >"$work/agent.yaml" <<YAML
id: press-1
gateway: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $work/pki/ca.crt, cert: $work/keys/press-1.crt, key: $work/keys/press-1.key}
health: {interval: 1s}
firmware_version: 1.2.3
machine: false
sources:
$1
YAML
}
start_agent() {
  run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/agent.yaml"
  agent=$ran
}
stream() { curl -fs "127.0.0.1:$http_port/v1/streams?device=press-1" | jq -e "any(.[]; $1)"; }

# A wrong file is refused whole, every fault with its place.
agent_config "  - {kind: file, path: $work/oil_temperature, sensor: 'oil temperature', interval: 1fortnight}
  - {kind: camera}"
code=0
"$SV_BIN/selvedge-agent" --config "$work/agent.yaml" --check-config 2>"$work/said" || code=$?
[ $code = 2 ] || fail "a broken file gives $code"
for words in 'agent.yaml:8:.*oil temperature' 'agent.yaml:8:.*1fortnight' 'agent.yaml:9:.*camera'; do
  grep -q "$words" "$work/said" || fail "not said: $words; but: $(cat "$work/said")"
done

agent_config "  - {kind: file, path: $work/oil_temperature, sensor: oil_temperature, unit: °C, scale: 0.001, interval: 100ms}"
"$SV_BIN/selvedge-agent" --config "$work/agent.yaml" --check-config
start_agent
within 10 stream '.sensor == "oil_temperature" and .value == 21.5 and .unit == "°C"' || fail "the sensor does not arrive"
within 20 metric_is devices_online 1 || fail "the device is not online"

# Away without a word: its will is told.
die "$agent"
within 10 metric_is devices_online 0 || fail "a killed agent stays online"
start_agent
within 10 metric_is devices_online 1 || fail "the agent does not come back"

# Gateway or broker are gone for a while: nothing measured meanwhile is lost. (Ended in peace: killed, mosquitto
# forgets who had subscribed.)
echo 30000 >"$work/oil_temperature"
within 20 stream '.value == 30' || fail "a change does not arrive"
front_end
echo 31000 >"$work/oil_temperature"
sleep 0.5
echo 32000 >"$work/oil_temperature"
sleep 0.3
front_start
within 20 stream '.value == 32' || fail "no readings after its return"
kept() { [ "$(sqlite3 -readonly "$work/gateway.db" 'SELECT count(*) > 2 FROM reading_row WHERE value = 31')" = 1 ]; }
within 10 kept || fail "what was measured meanwhile is lost"
[ "$(refused health)" = 0 ] || fail "the gateway refuses the agent's health reports"

# SIGTERM: a good-bye, so the site knows at once.
kill "$agent"
wait "$agent" || fail "SIGTERM ended with $?"
within 20 metric_is devices_online 0 || fail "an agent that said good-bye stays online"
if grep -q key "$work/agent.log"; then fail "the log speaks of keys"; fi
